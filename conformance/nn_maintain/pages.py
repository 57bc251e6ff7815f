"""What is generated for readers: the pages of the mistakes, a list and one for each, and the README's picture.

The picture has a wrong function and the report that names its mistake, as a terminal shows them.
"""

import io
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.syntax import Syntax
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from nn_conformance.explain.texts import grouped, texts
from nn_maintain import kills
from nn_maintain.markdown import render

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "conformance" / "docs"
PICTURE = DOCS / "mistake.svg"
WIDTH = 118
# Viewers fetch nothing: without the web fonts that rich names, they use a monospaced font of their own.
TEMPLATE = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


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


def wrong_function() -> str:
    """The README's `my_homework.py`."""
    page = (CHECKOUT / "README.md").read_text("utf-8")
    (source,) = re.findall(r"^```python\n(# my_homework\.py\n.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return source


def svg(source: str, report: str) -> str:
    """The function and the part of the report that explains it, from `…/documented:` to what is right."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    shown = source[source.index("@conforms") :]
    console.print(Syntax(shown, "python", theme="monokai", background_color="default"))
    console.print(Text("$ nn-conformance verify my_homework.py", "bold"))
    (explanation,) = re.findall(r"^homework/documented:\n(?:  .*\n)*", report, re.MULTILINE)
    for line in explanation.splitlines():
        style = "bold red" if line.startswith("  wrong") else "green" if line.startswith("  right") else ""
        console.print(Text(line, style), soft_wrap=False)
    return console.export_svg(title="nn-conformance", theme=DIMMED_MONOKAI, code_format=TEMPLATE, unique_id="mistake")


def draw() -> None:
    """Draw the README's picture anew, from its function and today's report on it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "my_homework.py")
        file.write_text(wrong_function(), "utf-8")
        command = [sys.executable, "-m", "nn_conformance", "verify", str(file)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - ours
    PICTURE.write_text(svg(wrong_function(), done.stdout), "utf-8")
