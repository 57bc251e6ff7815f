"""`nn-conformance compare`, and the files that `verify` writes."""

import json
import re
import shlex
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from nn_conformance.report import pictures

HOMEWORK = Path(__file__).with_name("homework.py")


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
    """Pages without pictures: to draw them takes most of the time."""
    monkeypatch.setattr(pictures, "installed", lambda: False)


@pytest.fixture(scope="module")
def written():
    """The reports that the first test has made, by name."""
    return {}


@pytest.fixture
def two(command, tmp_path, written):
    """Two reports: of a wrong implementation, and of the right one under another name."""
    wrong, right = tmp_path / "wrong.json", tmp_path / "right.json"
    if not written:
        assert command("verify", f"{HOMEWORK}:wrong", "homework", "--json", str(wrong)).code == 1
        assert command("verify", f"{HOMEWORK}:right", "homework", "--json", str(right)).code == 0
        written.update(wrong=wrong.read_bytes(), right=right.read_bytes())
    for path, content in zip((wrong, right), written.values(), strict=True):
        path.write_bytes(content)
    return wrong, right


def test_what_is_mended_is_better_and_what_is_broken_is_worse(command, two):
    """Code 0 where nothing is worse and 1 where something is, with every check that changed, whatever the target is called."""
    wrong, right = two
    mended = command("compare", str(wrong), str(right))
    broken = command("compare", str(right), str(wrong), "--json")
    same = command("compare", str(right), str(right))

    assert (mended.code, broken.code, same.code) == (0, 1, 0)
    assert "better: homework/documented::gradient::b1::float64 (target): failed, now passed" in mended.out
    assert broken.json["better"] == []
    assert {"passed"} == {change["before"] for change in broken.json["worse"]}
    assert "homework/documented::gradient::b1::float64" in {change["id"] for change in broken.json["worse"]}
    assert same.out.startswith("0 better, 0 worse, ")


def test_a_check_that_is_gone_is_worse(command, two, tmp_path):
    """To leave out what passed is a regression, and to fail something new is one; to fail where it was blocked is none."""
    _, right = two
    report = json.loads(right.read_text("utf-8"))
    passed = next(v for v in report["verdicts"] if v["status"] == "passed")
    fewer, blocked, failed = (tmp_path / f"{name}.json" for name in ("fewer", "blocked", "failed"))
    rest = [v for v in report["verdicts"] if v is not passed]
    fewer.write_text(json.dumps(report | {"verdicts": rest}), "utf-8")
    blocked.write_text(json.dumps(report | {"verdicts": [*rest, passed | {"status": "blocked"}]}), "utf-8")
    failed.write_text(json.dumps(report | {"verdicts": [*rest, passed | {"status": "failed"}]}), "utf-8")

    assert "now absent" in command("compare", str(right), str(fewer)).out
    assert command("compare", str(right), str(fewer)).code == 1
    assert command("compare", str(fewer), str(failed)).code == 1
    assert command("compare", str(blocked), str(failed)).code == 0


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"report": 2, "verdicts": []}', '{"report": 1}', '{"report": 1, "verdicts": [{"id": 3}]}', "\xff"],
)
def test_what_is_no_report_is_one_line(command, two, tmp_path, content):
    """A file that is missing, damaged, or of another form is refused with its name and what was expected."""
    path = tmp_path / "other.json"
    path.write_bytes(content.encode("latin-1"))

    assert "other.json: expected a report" in command("compare", str(two[0]), str(path)).complaint
    assert (
        "none.json: expected a file, got none" in command("compare", str(tmp_path / "none.json"), str(two[0])).complaint
    )


def test_all_files_of_a_run(command, tmp_path):
    """`verify` writes a page, JSON, XML and Markdown beside what it prints, and overwrites its own files."""
    names = {"--html": "a.html", "--json": "a.json", "--junit": "a.xml", "--markdown": "a.md"}
    arguments = [word for option, name in names.items() for word in (option, str(tmp_path / "new" / name))]
    for name, code in (("right", 0), ("wrong", 1)):
        done = command("verify", f"{HOMEWORK}:{name}", "homework", *arguments)
        assert done.code == code
        assert "checks ran" in done.out
    folder = tmp_path / "new"

    assert {path.name for path in folder.iterdir()} == set(names.values())
    assert folder.joinpath("a.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(folder.joinpath("a.json").read_text("utf-8"))["ok"] is False
    assert ET.parse(folder / "a.xml").getroot().tag == "testsuites"  # noqa: S314 - ours
    assert folder.joinpath("a.md").read_text("utf-8").startswith("# wrong: does not conform")


@pytest.mark.parametrize(
    ("option", "name", "words"),
    [
        ("--json", "network.json", "is no report, and would be lost"),
        ("--html", "my_homework.py", "is there, does not end in .html, and would be lost"),
        ("--junit", "my_homework.py", "is there, does not end in .xml, and would be lost"),
        ("--markdown", "my_homework.py", "is there, does not end in .md, and would be lost"),
    ],
)
def test_a_file_that_is_no_report_is_not_overwritten(command, tmp_path, option, name, words):
    """A network's description, or a program, after an option stays as it is, and the line says how to mend the command."""
    path = tmp_path / name
    path.write_text('{"inputs": 3}', "utf-8")

    assert f"{name}: {words}" in command("verify", f"{HOMEWORK}:wrong", "homework", option, str(path)).complaint
    assert path.read_text("utf-8") == '{"inputs": 3}'


@pytest.mark.parametrize("option", ["--html", "--junit", "--markdown", "--json-file"])
def test_where_nothing_can_be_written_is_told_before_the_run(command, tmp_path, option):
    """A folder in the file's place, a file in the folder's place, and a report of checks by id are refused in a line."""
    tmp_path.joinpath("file").write_text("", "utf-8")

    def complaint(*more):
        return command("verify", f"{HOMEWORK}:wrong", "homework", option, *more).complaint

    assert "expected a file, got a folder" in complaint(str(tmp_path))
    assert "cannot be written" in complaint(str(tmp_path / "file" / "x"))
    only = complaint(str(tmp_path / "x"), "--only", "homework/documented::loss")
    assert "--only, --fuzz: expected no file" in only


def test_the_workflows_of_the_page_call_commands_that_there_are(command, monkeypatch, tmp_path):
    """Each command of `verify` in the page's workflows writes what it names, with the runner's variables."""
    page = Path(__file__).parents[1].joinpath("docs", "reports.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n# my_homework.py\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    tmp_path.joinpath("my_homework.py").write_text(code, "utf-8")
    monkeypatch.chdir(tmp_path)
    values = {"$TARGET": "my_homework.py", "$GITHUB_STEP_SUMMARY": "step.md"}
    lines = re.findall(r"(?:run|command): nn-conformance (.*)$", page, re.MULTILINE)

    assert len(lines) == 2
    for line in lines:
        assert command(*(values.get(word, word) for word in shlex.split(line))).code == 1
    assert {"report.html", "report.json", "report.xml", "step.md", "summary.md"} <= {p.name for p in tmp_path.iterdir()}
