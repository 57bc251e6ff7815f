"""The pages of the mistakes, generated from the catalogue: a list, and a page for each."""

from collections import Counter
from pathlib import Path

from nn_conformance.explain.texts import grouped, texts
from nn_maintain import kills
from nn_maintain.markdown import render

DOCS = Path(__file__).resolve().parents[1] / "docs"


def pages() -> dict[str, str]:
    """Path below `docs` to Markdown; each mistake's page has in how many networks it was planted and named."""
    rows = kills.committed().values()
    named = Counter(slug for row in rows for slug, cell in row.items() if slug in cell.named)
    made = {"mistakes.md": render("mistakes.md", groups=grouped())}
    for slug, text in texts().items():
        made[f"mistakes/{slug}.md"] = render("mistake.md", slug=slug, text=text, networks=named[slug])
    return made


def write() -> None:
    """Write the pages of the mistakes from the catalogue, and remove those of mistakes that are gone."""
    (DOCS / "mistakes").mkdir(exist_ok=True)
    wanted = pages()
    for path in (DOCS / "mistakes").glob("*.md"):
        if f"mistakes/{path.name}" not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (DOCS / name).write_text(text, "utf-8")
