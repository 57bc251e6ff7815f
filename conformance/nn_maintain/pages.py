"""The pages of the mistakes, generated from the catalogue: a list, and a page for each."""

from pathlib import Path

from nn_conformance.explain.texts import Text, grouped, texts
from nn_maintain import kills

DOCS = Path(__file__).resolve().parents[1] / "docs"
LEGEND = """\
r is the right gradient and g the one returned, L* the right loss, N the number of samples, C that of outputs, and δ the
gradient with respect to the pre-activation z. [All mistakes](../mistakes.md), and the [glossary](../glossary.md).
"""
LIST = """\
# Mistakes

Each of these is named where it is found: by [the command](students.md), under pytest, and in every
[report](reports.md). `nn-conformance explain NAME` prints the same text as the page. `python -m nn_maintain pages` writes
these pages from the [catalogue](../nn_conformance/explain/texts.toml).
"""
TABLE = """
## {group}

| name | what is computed |
|---|---|
"""


def pages() -> dict[str, str]:
    """Path below `docs` to Markdown."""
    planted: dict[str, int] = {}
    for row in kills.committed().values():
        for slug, cell in row.items():
            planted[slug] = planted.get(slug, 0) + (slug in cell.named)
    lists = [
        TABLE.format(group=group[0].upper() + group[1:])
        + "".join(f"| [`{slug}`](mistakes/{slug}.md) | {in_cell(text.what)} |\n" for slug, text in of_group.items())
        for group, of_group in grouped().items()
    ]
    single = {f"mistakes/{slug}.md": page(slug, text, planted.get(slug, 0)) for slug, text in texts().items()}
    return {"mistakes.md": LIST + "".join(lists), **single}


def page(slug: str, text: Text, networks: int) -> str:
    """What one mistake is, and in how many networks it was planted and named."""
    measured = f"Planted in {networks} of the documented networks, it is named in each.\n\n" if networks else ""
    rows = f"| shows as | {in_cell(text.formula)} |\n| happens when | {in_cell(text.cause)} |\n| mend | {in_cell(text.mend)} |\n"
    return f"# {slug}\n\n{text.what[0].upper()}{text.what[1:]}.\n\n| | |\n|---|---|\n{rows}\n{measured}{LEGEND}"


def in_cell(text: str) -> str:
    """Text in a table, where a bar would end the cell."""
    return text.replace("|", "\\|").replace("*", "\\*")


def write() -> None:
    """Write the pages, and remove those of mistakes that are gone."""
    (DOCS / "mistakes").mkdir(exist_ok=True)
    wanted = pages()
    for path in (DOCS / "mistakes").glob("*.md"):
        if f"mistakes/{path.name}" not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (DOCS / name).write_text(text, "utf-8")
