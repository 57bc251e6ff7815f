"""The pages keep their word: each example runs and prints what it shows, and tables and links are right."""

import ast
import doctest
import html
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from nn_conformance.cases.store import Store
from nn_conformance.judge.known import parse
from nn_maintain import kills, measured, pages, testers

CHECKOUT = Path(__file__).resolve().parents[2]
README = (CHECKOUT / "README.md").read_text("utf-8")
DOCS = CHECKOUT / "conformance" / "docs"
PAGES = [CHECKOUT / "README.md", *sorted(DOCS.glob("*.md"))]
# What `.ci/run` looks for, and runs as it stands.
SET_UP = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
# A walk is the Python and the shell sessions of a page, in their order, in a folder of its own.
WALKED = ("python", "shell-session", "json")


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each fenced block."""
    return re.findall(r"^```([\w-]*)\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def of_kind(*kinds: str):
    """Each block of a kind, with an id of its page and its place there; slow are two commands that have tests of their own."""
    return [
        pytest.param(
            text,
            id=f"{page.stem}-{number}",
            marks=pytest.mark.slow if re.search(r"^\$.* (audit|check)\b", text, re.MULTILINE) else (),
        )
        for page in PAGES
        for number, (kind, text) in enumerate(blocks(page))
        if kind in kinds
    ]


def comparable(text: str) -> str:
    """Lines without trailing blanks; long decimals to twelve digits, as another processor may round the last ones."""
    lines = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    return re.sub(r"\d+\.\d{10,}", lambda number: f"{float(number[0]):.12g}", lines)


def pattern(shown: str) -> str:
    """A regular expression for output as a page shows it: `…` alone on a line is any lines, elsewhere any text."""
    lines = comparable(shown).splitlines(keepends=True)
    return "".join(
        "(?:.*\n)*" if line == "…\n" else ".*".join(re.escape(part) for part in line.split("…")) for line in lines
    )


def examples(block: str) -> list[tuple[str, str]]:
    """Each command of a console block, with the output shown below it."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


def check_session(block: str, command) -> None:
    """Run the commands of a block, and compare what they print with what it shows."""
    code = 0
    for line, shown in examples(block):
        if line == "echo $?":
            assert shown == f"{code}\n"
            continue
        name, *arguments = shlex.split(line)
        if name == "nn-conformance":
            code, *outputs = command(*arguments)
            printed = "".join(outputs)
        else:
            programs = {"python": [], "pytest": ["-m", "pytest", "-p", "no:cacheprovider"]}
            run = [sys.executable, *programs[name], *arguments]
            done = subprocess.run(run, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - ours
            code, printed = done.returncode, done.stdout + done.stderr
        assert re.fullmatch(pattern(shown), comparable(printed)), f"$ {line}\n{printed}"


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]


def edited(source: str, block: str) -> str:
    """A file after a block that begins `# in FILE`: what it defines replaces what had that name, or comes before `evaluate`.

    A block of indented lines replaces the lines that begin with the same words up to `=`.
    """
    if block.startswith(" "):
        for line in block.splitlines():
            start = re.escape(re.split(r"[+]?=", line)[0].rstrip())
            source, count = re.subn(rf"^{start} [+]?= .*$", lambda _, line=line: line, source, flags=re.MULTILINE)
            assert count == 1, line
        return source
    for new in ast.parse(block).body:
        name = getattr(new, "name", None) or ast.unparse(new.targets[0])
        lines = source.splitlines(keepends=True)
        old = [n for n in ast.parse(source).body if getattr(n, "name", None) == name or _assigned(n) == name]
        text = "".join(block.splitlines(keepends=True)[new.lineno - 1 : new.end_lineno])
        if old:
            lines[old[0].lineno - 1 : old[0].end_lineno] = [text]
        else:
            (place,) = [n.lineno - 1 for n in ast.parse(source).body if getattr(n, "name", None) == "evaluate"]
            lines[place:place] = [text, "\n\n"]
        source = "".join(lines)
    return source


def _assigned(node: ast.stmt) -> str | None:
    return ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else None


@pytest.mark.parametrize("block", of_kind("console"))
def test_console_example_prints_what_is_shown(command, monkeypatch, block) -> None:
    """Each command prints what its page shows, and `echo $?` its exit code."""
    monkeypatch.chdir(CHECKOUT)
    check_session(block, command)


@pytest.mark.parametrize("block", of_kind("pycon"))
def test_python_session_prints_what_is_shown(block: str) -> None:
    """Each Python session prints what its page shows."""
    session = doctest.DocTestParser().get_doctest(block, {}, "page", "page.md", None)
    transcript: list[str] = []
    doctest.DocTestRunner(verbose=False).run(session, out=transcript.append)
    assert session.examples
    assert not transcript, "".join(transcript)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(k in WALKED for k, _ in blocks(page))], ids=lambda p: p.stem
)
def test_walk(command, monkeypatch, tmp_path, page: Path) -> None:
    """The files and commands of a page, made and run in their order, print what it shows; its Python runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")  # `python` is this one
    scope: dict[str, object] = {}
    for language, text in blocks(page):
        named = re.match(r"(?:# |// )(in )?(\S+\.\w+)\n", text)
        if language == "shell-session":
            check_session(text, command)
        elif language in (*WALKED, "toml") and named:
            file = tmp_path / named[2]
            file.parent.mkdir(exist_ok=True)
            file.write_text(edited(file.read_text("utf-8"), text[named.end() :]) if named[1] else text, "utf-8")
        elif language == "python":
            exec(compile(text, page.name, "exec"), scope)  # noqa: S102 - our own page


@pytest.mark.parametrize(("shown", "printed", "matches"), [
    ("a\n…\nz\n", "a\nb\nc\nz\n", True),
    ("a\n…\nz\n", "a\nb\n", False),
    ("a … z\n", "a b z \n", True),
    ("a … z\n", "a b\nz\n", False),
    ("a.b\n", "a-b\n", False),
    ("x 0.1332476222330792\n", "x 0.1332476222330791\n", True),
    ("x 0.1332476222\n", "x 0.1332476223\n", False),
])  # fmt: skip
def test_examples_are_compared_strictly(shown: str, printed: str, *, matches: bool) -> None:
    """Only `…` and the last digits of long decimals may differ from what is printed."""
    assert bool(re.fullmatch(pattern(shown), comparable(printed))) is matches


def test_known_failures_are_of_the_form() -> None:
    """The example of a file of known failures is one."""
    (text,) = [text for language, text in blocks(DOCS / "ladder.md") if language == "toml"]
    assert [entry.failure for entry in parse(text, "ladder.md")] == ["mismatch", "wrong-shape"]


def test_every_block_is_run() -> None:
    """A page has no fenced block that no test runs: `sh` are the README's two set-up commands, and Gradescope's script."""
    kinds = {"console", "pycon", *WALKED}
    for page in PAGES:
        others = [(kind, text) for kind, text in blocks(page) if kind not in kinds]
        if page.name == "README.md":
            assert others == [("sh", f"{command}\n") for command in SET_UP]
        else:
            tested = {"toml", "yaml", *(["sh"] if page.name == "teachers.md" else [])}  # each by a test of its own
            assert {kind for kind, _ in others} <= tested, page.name
        assert len(blocks(page)) == page.read_text("utf-8").count("\n```") / 2, page.name
    assert len(SET_UP) == 2
    assert len(README.splitlines()) <= 250


def test_readme_counts_the_mistakes_that_are_recorded():
    """The first row of what it finds has as many planted mistakes as kills.json, and of these the caught and the named."""
    planted = [cell for mistakes in kills.committed().values() for cell in mistakes.values()]
    (row,) = re.findall(r"^\| ([\d,]+) mistakes of the catalogue[^|]*((?:\| [\d,]+ ){4})\|$", README, re.MULTILINE)
    numbers = [int(number.replace(",", "")) for number in (row[0], *row[1].strip("| ").split(" | "))]
    caught, named = (sum(bool(getattr(cell, what)) for cell in planted) for what in ("caught", "named"))
    assert numbers == [len(planted), len(planted), caught, named, 0]


def test_table_of_networks_is_what_list_prints(command) -> None:
    """The table of networks has the columns and rows of `nn-conformance list`, in its order."""
    described = command("list", "--json").json
    (networks,) = re.findall(r"^(\| network \| .*\n(?:\|.*\n)*)", README, re.MULTILINE)
    header, _, *rows = [cells(line) for line in networks.splitlines()]
    printed = [re.split(r"\s{2,}", line.strip()) for line in command("list").out.splitlines()]
    assert printed[:-1] == [header, *rows]
    assert [row[0] for row in rows] == [description["name"] for description in described]
    assert len(rows) == 16


@pytest.mark.parametrize(
    "page",
    [
        *PAGES,
        *(CHECKOUT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "fixtures/README.md")),
        CHECKOUT / "conformance" / "nn_conformance" / "protocol" / "PROTOCOL.md",
    ],
    ids=lambda page: page.relative_to(CHECKOUT).as_posix(),
)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link is a file or folder, and every fragment a heading of it."""
    for link in re.findall(r"\]\((?!https:)([^)]+)\)", page.read_text("utf-8")):
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if fragment:
            headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            assert fragment in {re.sub(r"\W+", "-", heading.lower()).strip("-") for heading in headings}, link


def words(svg: str) -> str:
    """A picture's text without blanks, and without the numbers that depend on rounding and on how many cases there are."""
    texts = html.unescape("".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg)))
    return re.sub(r"\d+of\d+casescomesout,to[\d.e-]+", "…", "".join(texts.split()))


def test_picture_shows_what_is_said_today(command, monkeypatch, tmp_path) -> None:
    """The README's picture has the function and the explanation as they are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_homework.py").write_text(pages.wrong_function(), "utf-8")
    today = pages.svg(pages.wrong_function(), command("verify", "my_homework.py").out)
    assert words(pages.PICTURE.read_text("utf-8")) == words(today)


def test_each_mistake_has_its_page() -> None:
    """The pages of the mistakes are those that the catalogue gives, and no others."""
    written = {path.relative_to(DOCS).as_posix() for path in (DOCS / "mistakes").glob("*.md")} | {"mistakes.md"}
    assert written == set(pages.pages())
    for name, text in pages.pages().items():
        assert (DOCS / name).read_text("utf-8") == text, f"{name}: python -m nn_maintain pages writes it anew"


def test_comparison_has_the_table_that_was_measured() -> None:
    """The page of the comparison shows the committed table of what each gradient checker catches."""
    table = testers.markdown(measured.committed("testers", testers.Table), testers.differentiable(Store()))
    page = (DOCS / "comparison.md").read_text("utf-8")
    shown = page.split("<!-- testers -->\n")[1].split("<!-- end of testers -->")[0]
    assert shown.strip() == "\n".join(table)


def test_oldest_environment_has_the_lower_bounds() -> None:
    """Tox's `oldest` pins each dependency of the core and of the tests to the lowest version that is admitted."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    admitted = [*project["dependencies"], *(r for r in extras["test-light"] if ">=" in r)]
    oldest = (CHECKOUT / "tox.ini").read_text("utf-8").split("[testenv:oldest]")[1].split("[")[0]
    pinned = dict(re.findall(r"^ +([\w-]+)==([\d.]+)$", oldest, re.MULTILINE))
    bounds = dict(requirement.split(">=") for requirement in admitted)
    assert pinned.keys() == bounds.keys()
    for name, bound in bounds.items():
        assert f"{pinned[name]}.".startswith(f"{bound}."), name
