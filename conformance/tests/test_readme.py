"""The README keeps its word: its examples run and print what it shows, and its tables and links are right."""

import doctest
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from nn_conformance.judge.known import parse

CHECKOUT = Path(__file__).resolve().parents[2]
README = (CHECKOUT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```([\w-]*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
CONSOLE = [text for language, text in BLOCKS if language == "console"]
PYTHON = [text for language, text in BLOCKS if language == "pycon"]
# What `.ci/run` looks for, and runs as it stands.
SET_UP = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)


def comparable(text: str) -> str:
    """Lines without trailing blanks; long decimals to twelve digits, as another processor may round the last ones."""
    lines = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    return re.sub(r"\d+\.\d{10,}", lambda number: f"{float(number[0]):.12g}", lines)


def pattern(shown: str) -> str:
    """A regular expression for output as the README shows it: `…` alone on a line is any lines, elsewhere any text."""
    lines = comparable(shown).splitlines(keepends=True)
    return "".join(
        "(?:.*\n)*" if line == "…\n" else ".*".join(re.escape(part) for part in line.split("…")) for line in lines
    )


def examples(block: str) -> list[tuple[str, str]]:
    """Each command of a console block, with the output shown below it."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip("|").split(" | ")]


@pytest.mark.parametrize("block", CONSOLE, ids=[block.splitlines()[0] for block in CONSOLE])
def test_console_example_prints_what_is_shown(command, monkeypatch, block) -> None:
    """Each command of the README prints what the README shows, and `echo $?` its exit code."""
    monkeypatch.chdir(CHECKOUT)
    code = 0
    for line, shown in examples(block):
        if line == "echo $?":
            assert shown == f"{code}\n"
            continue
        name, *arguments = shlex.split(line)
        if name == "python":
            run = [sys.executable, *arguments]
            done = subprocess.run(run, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - ours
            code, printed = done.returncode, done.stdout + done.stderr
        else:
            assert name == "nn-conformance"
            code, *outputs = command(*arguments)
            printed = "".join(outputs)
        assert re.fullmatch(pattern(shown), comparable(printed)), f"$ {line}\n{printed}"


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


@pytest.mark.parametrize("block", PYTHON, ids=range(len(PYTHON)))
def test_python_example_prints_what_is_shown(block: str) -> None:
    """Each Python session of the README prints what the README shows."""
    session = doctest.DocTestParser().get_doctest(block, {}, "README", "README.md", None)
    transcript: list[str] = []
    doctest.DocTestRunner(verbose=False).run(session, out=transcript.append)
    assert session.examples
    assert not transcript, "".join(transcript)


def section(heading: str) -> list[tuple[str, str]]:
    """Language and text of each block below a heading, to the next of its size."""
    text = README.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^```(\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_walk_from_a_wrong_function_to_a_green_run(command, monkeypatch, tmp_path) -> None:
    """The wrong function is diagnosed as shown, the line below mends it, pytest agrees, and what comes after runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "my_homework.py"
    scope: dict[str, object] = {}
    for language, text in section("Your own function"):
        if text.startswith(f"# {file.name}\n"):
            file.write_text(text)
        elif text.startswith("    delta = "):
            file.write_text(
                re.sub(r"^    delta = .*\n", lambda _, line=text: line, file.read_text(), flags=re.MULTILINE)
            )
        elif language == "python":
            exec(compile(text, "README.md", "exec"), scope)  # noqa: S102 - our own page
        for line, shown in examples(text) if language == "shell-session" else ():
            name, *arguments = shlex.split(line)
            if name == "pytest":
                plugin = ["-p", "no:cacheprovider"]
                run = [sys.executable, "-m", "pytest", *plugin, *arguments]
                done = subprocess.run(run, capture_output=True, encoding="utf-8", check=False)  # noqa: S603 - ours
                printed = done.stdout
            else:
                printed = "".join(command(*arguments)[1:])
            assert re.fullmatch(pattern(shown), comparable(printed)), f"$ {line}\n{printed}"


def test_known_failures_are_of_the_form() -> None:
    """The example of a file of known failures is one."""
    (text,) = [text for language, text in BLOCKS if language == "toml"]
    assert [entry.failure for entry in parse(text, "README.md")] == ["mismatch", "wrong-shape"]


def test_every_block_is_run() -> None:
    """The README has no fenced block but the two set-up commands, one line each, and examples that are tested."""
    commands = [text for language, text in BLOCKS if language == "sh"]
    assert commands == [f"{command}\n" for command in SET_UP]
    assert len(SET_UP) == 2
    assert {language for language, _ in BLOCKS} == {"sh", "console", "pycon", "python", "shell-session", "toml"}
    # These are steps of walks: here, and in test_new_adapter.py.
    walked = section("Your own function") + section("Add your language")
    for language in ("python", "shell-session"):
        assert [text for kind, text in BLOCKS if kind == language] == [t for kind, t in walked if kind == language]
    assert len(BLOCKS) == README.count("```") / 2
    assert all(examples(block) for block in CONSOLE)


def test_table_of_networks_is_what_list_prints(command) -> None:
    """The table of networks has the columns and rows of `nn-conformance list`, in its order."""
    described = command("list", "--json").json
    (networks,) = re.findall(r"^(\| network \| .*\n(?:\|.*\n)*)", README, re.MULTILINE)
    header, _, *rows = [cells(line) for line in networks.splitlines()]
    printed = command("list").out.splitlines()
    assert printed[0].split() == header
    assert [re.split(r"\s{2,}", line.strip()) for line in printed[1:]] == rows
    assert [row[0] for row in rows] == [description["name"] for description in described]
    assert len(rows) == 16


def test_links_lead_somewhere() -> None:
    """Every relative link of the README and the changelog is a file or folder, and every fragment a heading."""
    headings = {re.sub(r"\W+", "-", h.lower()) for h in re.findall(r"^#+ (.*)$", README, re.MULTILINE)}
    for page in (README, (CHECKOUT / "CHANGELOG.md").read_text("utf-8")):
        for link in re.findall(r"\]\((?!https:)([^)]+)\)", page):
            assert link[1:] in headings if link.startswith("#") else (CHECKOUT / link).exists(), link


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
