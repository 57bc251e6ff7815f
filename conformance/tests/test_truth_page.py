"""The page of all figures, the block in the docs, and the command that writes both, from ledgers that may be damaged."""

import json
import re
from functools import cache
from itertools import pairwise

import jsonschema
import pytest
from ledger_problems import VAGUE, check_each, evidence, run_like
from typer.testing import CliRunner

from nn_conformance.replay import ledger, records
from nn_conformance.replay.figures import is_number
from nn_conformance.replay.task import own_seed
from nn_maintain.__main__ import app
from nn_maintain.studies import reconstruction
from nn_maintain.truth import markdown_page
from nn_maintain.truth.evidence import KINDS, encoded, load, schemas
from nn_maintain.truth.markdown_page import costs
from nn_maintain.truth.placement import OUTSIDE, SEEDS
from nn_maintain.truth.rows import as_json, tables, verdicts
from nn_maintain.truth.rulings import DOCUMENTED, Judge
from nn_reference.errors import DataError
from nn_reference.fixture_files import fixtures_root
from nn_reference.systems import NAMES, get

FOLDER = fixtures_root() / "replays"
DOCS = fixtures_root().parent / "conformance" / "docs" / "replays.md"
PAGE = (FOLDER / "README.md").read_text("utf-8")
BLOCK = DOCS.read_text("utf-8").partition(markdown_page.BEGIN)[2].partition(markdown_page.END)[0].strip()


@cache
def committed():
    """The judge of the committed ledgers and every row, made by the first test that reads them."""
    judge = Judge(load())
    return judge, tables(judge)


# The pages.


def test_committed_pages_are_what_the_ledgers_give():
    """Page, block in the docs, and the verdicts that `replay` prints are what the generators make of the ledgers."""
    judge, rows = committed()
    assert markdown_page.page(judge, rows) == PAGE
    assert markdown_page.block(rows) == BLOCK
    assert encoded(verdicts(rows)) == (FOLDER / "verdicts.json").read_bytes()
    assert schemas() == {path.name: path.read_bytes() for path in FOLDER.glob("*.schema.json")}


def test_no_committed_verdict_contradicts_its_definition():
    """Exact rows have the printed digits from NumPy; inside and outside rest on seeds enough; the reason says what decided."""
    _, rows = committed()
    for name, row in ((name, row) for name, of in rows.items() for row in of):
        verdict, reason, check = row.ruling
        if verdict.startswith("exact") and row.figure.quantity.split(" ")[0] != "stated_mean_accuracy_percent":
            ours, printed = row.ours["numpy"], row.figure.printed
            assert ours == printed or float(ours) == float(printed.replace(",", ""))
        if verdict == "inside" and is_number(row.figure.printed) and "level" in reason:
            assert int(re.search(r"of (\d+) seeds", reason)[1]) >= SEEDS
            assert float(re.search(r"level (\d\.\d+)", reason)[1]) > OUTSIDE or "does not uphold" in reason
            assert "decided by" in reason or "stated runs" in reason
        if verdict == "outside":
            assert "curves upholds" in reason
        if verdict == "reconstructed":
            assert re.search(r"\d of 4 wrong networks.*level", reason)
        assert "replay" not in check or f" {name}" in check


def test_every_verdict_is_there_for_machines():
    """What `--json` prints has a row for each figure, in order, with verdict, reason and what each framework has in its place."""
    _, rows = committed()
    found = as_json(rows)
    figures = [(system.id, figure) for system in DOCUMENTED for figure in system.figures]
    assert [(row["system"], row["quantity"], row["printed"], row["epoch"]) for row in found] == [
        (name, figure.quantity, figure.printed, figure.epoch) for name, figure in figures
    ]
    assert all("numpy" in row["ours"] for row in found)
    check_each(row for of in rows.values() for row in of)


@pytest.mark.parametrize("name", [records.CHAOS, reconstruction.NAME, records.VERDICTS])
def test_a_record_is_as_the_code_writes_it_and_its_schema_allows(name):
    """Its bytes are those that its contents encode to, and the committed schema accepts them."""
    data, schema = ((FOLDER / file).read_bytes() for file in (f"{name}.json", f"{name}.schema.json"))
    assert encoded(records.read(name, KINDS[name])) == data
    jsonschema.validate(json.loads(data), json.loads(schema))


def test_page_has_every_figure_and_nothing_vague():
    """Each system has a section with a row for each figure; no line of page or block is vague; tables are well formed."""
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    assert [section.split("\n")[0] for section in sections] == list(NAMES)
    for section, system in zip(sections, DOCUMENTED, strict=True):
        first_table = section.split("\n\n")[2].splitlines()
        assert len(first_table) - 2 == len(system.figures)
        assert [line.split(" | ")[1] for line in first_table[2:]] == [figure.printed for figure in system.figures]
    assert len(BLOCK.splitlines()) == len(NAMES) + 2
    assert not VAGUE.search(PAGE)
    assert not VAGUE.search(BLOCK)
    drawn = re.findall(r"(?:^\|.*\n)+", f"{PAGE}\n{BLOCK}\n", re.MULTILINE)
    for lines in map(str.splitlines, drawn):
        assert all(one.count("|") == other.count("|") for one, other in pairwise(lines))


@pytest.mark.parametrize("name", ["mnist-sigmoid-numpy", "fashion-pruning"])
def test_defects_have_a_price(name):
    """Documented stands beside corrected, every defect by name; where nothing was run, it says so."""
    system, mended = get(name), get(name, "corrected")
    both = evidence(
        (system, "numpy", [run_like(system, own_seed(system), lambda v, _: 0.098)]),
        (mended, "numpy", [run_like(mended, own_seed(system), lambda v, _: 0.93)]),
    )
    text = "\n".join(costs(system, both))
    assert all(defect.what in text for defect in system.defects)
    assert re.search(r"test accuracy.*0\.098.*0\.93", text)
    assert "not run" in "\n".join(costs(system, evidence()))


# The command, and what can go wrong.


def test_command_prints_the_block(tmp_path):
    """Without --write the command prints a row for each system, though there is no ledger, and writes nothing."""
    done = CliRunner().invoke(app, ["table", "--from", str(tmp_path)])
    assert (done.exit_code, done.output) == (0, f"{markdown_page.block(tables(Judge(evidence())))}\n")
    assert not list(tmp_path.iterdir())


def test_command_writes_between_the_marks(tmp_path, monkeypatch):
    """With --write the page of the docs changes between its marks alone, and the page is made; twice gives the same bytes."""
    fixtures = tmp_path / "fixtures"
    (fixtures / "replays").mkdir(parents=True)
    readme = tmp_path / "conformance" / "docs" / "replays.md"
    readme.parent.mkdir(parents=True)
    readme.write_text(f"before\n{markdown_page.BEGIN}\nold\n{markdown_page.END}\nafter\n", "utf-8")
    monkeypatch.setattr("nn_maintain.__main__.fixtures_root", lambda: fixtures)
    monkeypatch.setattr("nn_maintain.truth.evidence.fixtures_root", lambda: fixtures)
    judge = Judge(evidence())
    made = markdown_page.block(tables(judge))
    for _ in range(2):
        assert CliRunner().invoke(app, ["table", "--write"]).exit_code == 0
        assert readme.read_text("utf-8") == f"before\n{markdown_page.BEGIN}\n\n{made}\n\n{markdown_page.END}\nafter\n"
        assert (fixtures / "replays" / "README.md").read_text("utf-8") == markdown_page.page(judge, tables(judge))


def test_command_judges_by_ones_own_ledgers(tmp_path):
    """With --from the ledgers of a folder judge: with none there, what is trained is open."""
    found = json.loads(CliRunner().invoke(app, ["table", "--json", "--from", str(tmp_path)]).output)
    assert {row["verdict"] for row in found if row["epoch"] is not None and "seconds" not in row["quantity"]} <= {
        "open", "exact", "not judged",
    }  # fmt: skip
    done = CliRunner().invoke(app, ["table", "--write", "--from", str(tmp_path)])
    assert "leave --from out" in str(done.exception)


def test_every_command_on_the_page_exists():
    """What stands beside a reason is a command that there is, with options that it has and a network that there is."""
    checks = re.findall(r"^\d+\. .* `([^`]*)`$", PAGE, re.MULTILINE)
    assert len(checks) > len(NAMES)
    for words in map(str.split, checks):
        if words[0] == "python":
            assert words[1:4] in (["-m", "nn_maintain", "chaos"], ["-m", "nn_maintain", "reconstruct"])
            assert not words[4:] or words[4] in NAMES
            continue
        assert words[0] == "nn-conformance"
        assert words[1] in {"replay", "verify", "describe"}
        assert not words[2:] or words[2] in NAMES
        if "--version" in words:
            assert get(words[2], words[words.index("--version") + 1])
        assert {word for word in words if word.startswith("--")} <= {"--version", "--seeds", "--epochs"}


def test_marks_must_be_there_once():
    """A page without its two marks, or with one too many, is left alone and named."""
    begin, end = markdown_page.BEGIN, markdown_page.END
    for text in ("no marks", begin, f"{end}{begin}", f"{begin}{end}{end}", f"{begin}{begin}{end}"):
        with pytest.raises(DataError, match=r"^README\.md: expected <!-- table of truth -->"):
            markdown_page.replaced(text, "new", "README.md")


@pytest.mark.parametrize("name", ["homework.documented.numpy", "chaos", "reconstruction"])
@pytest.mark.parametrize("content", ["{", '{"format": 1}', ""])
def test_a_damaged_file_is_one_line(tmp_path, name, content):
    """What is no ledger, no record of the exact run or none of reconstructed starts is named, with its file, in one line."""
    (tmp_path / f"{name}.json").write_text(content)
    with pytest.raises(DataError, match=rf"^[^\n]*{name}\.json: expected a (ledger|record), got [^\n]*$"):
        load(tmp_path)


@pytest.mark.parametrize(("name", "expected"), [
    ("xor-tanh.documented.numpy.json", "system: expected xor-tanh/documented, got homework/documented"),
    ("homework.documented.torch.json", "framework: expected torch, got numpy"),
])  # fmt: skip
def test_a_ledger_under_another_name_is_refused(tmp_path, name, expected):
    """A file must hold the system and framework that its name says: no run is taken for another network's."""
    system = get("homework")
    ledger.add(tmp_path, system, "numpy", "float64", [run_like(system, 0)])
    (tmp_path / "homework.documented.numpy.json").rename(tmp_path / name)
    with pytest.raises(DataError, match=re.escape(expected)):
        load(tmp_path)


@pytest.mark.parametrize("runs", [[], [run_like(get("mnist-tanh"), 0)]])
def test_first_epochs_must_end_where_the_name_says(tmp_path, runs):
    """A ledger of first epochs without runs, or with longer ones, is named in one line."""
    ledger.add(tmp_path, get("mnist-tanh"), "numpy", "float64", runs, 2)
    with pytest.raises(DataError, match=r"first-2\.json: epochs: expected runs that end where [^\n]*$"):
        load(tmp_path)
