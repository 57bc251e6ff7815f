"""The page of all figures, the README's block, and the command that writes both, from ledgers that may be damaged."""

import json
import re
from itertools import pairwise

import pytest
import typer
from ledger_problems import VAGUE, evidence, run_like
from typer.testing import CliRunner

from nn_conformance.replay import ledger, truth_page
from nn_conformance.replay.costs import costs
from nn_conformance.replay.evidence import load
from nn_conformance.replay.rulings import DOCUMENTED, VERDICTS
from nn_conformance.replay.run import own_seed
from nn_conformance.replay.table import table as table_command
from nn_conformance.replay.truth import tables, telling
from nn_reference.errors import DataError
from nn_reference.paths import fixtures_root
from nn_reference.systems import NAMES, get

COMMITTED = load()


# The pages.


def test_committed_page_is_what_the_ledgers_give():
    """The page under `fixtures/replays` is, byte for byte, what the generator makes of the ledgers beside it."""
    assert (fixtures_root() / "replays" / "README.md").read_bytes() == truth_page.page(COMMITTED).encode()


def test_readme_has_the_block_that_the_ledgers_give():
    """The table in the README is what the generator makes of the ledgers."""
    readme = (fixtures_root().parent / "README.md").read_text("utf-8")
    assert truth_page.replaced(readme, truth_page.block(COMMITTED), "README.md") == readme


def test_page_has_every_figure_and_nothing_vague():
    """Each system has a section with a row for each figure; no line of page or block is vague; tables are well formed."""
    page, block = truth_page.page(COMMITTED), truth_page.block(COMMITTED)
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    assert [section.split("\n")[0] for section in sections] == list(NAMES)
    for section, system in zip(sections, DOCUMENTED, strict=True):
        first_table = section.split("\n\n")[2].splitlines()
        assert len(first_table) - 2 == len(system.figures)
        assert [line.split(" | ")[1] for line in first_table[2:]] == [figure.printed for figure in system.figures]
    assert len(block.splitlines()) == len(NAMES) + 2
    assert not VAGUE.search(page)
    assert not VAGUE.search(block)
    tables = re.findall(r"(?:^\|.*\n)+", f"{page}\n{block}\n", re.MULTILINE)
    for lines in map(str.splitlines, tables):
        assert all(one.count("|") == other.count("|") for one, other in pairwise(lines))


@pytest.mark.parametrize("name", NAMES)
def test_telling_figure_is_of_the_last_epoch(name):
    """The README shows the last epoch of a quantity, in the fewest digits that the document prints of it."""
    rows = tables(COMMITTED)[name]
    chosen = telling(rows).figure
    of_quantity = [row.figure for row in rows if row.figure.quantity == chosen.quantity]
    assert chosen.epoch == of_quantity[-1].epoch
    assert len(chosen.printed) == min(len(f.printed) for f in of_quantity if f.epoch == chosen.epoch)


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


def test_systems_without_defects_have_no_price():
    """Nothing is said of a system that has one version."""
    assert list(costs(get("xor-tanh"), COMMITTED)) == []


# The command, and what can go wrong.


def app():
    made = typer.Typer()
    made.command()(table_command)
    return made


def test_command_prints_the_block():
    """Without --write the command prints a row for each system and writes nothing."""
    done = CliRunner().invoke(app(), [])
    assert (done.exit_code, done.output) == (0, truth_page.block(COMMITTED) + "\n")


def test_command_writes_between_the_marks(tmp_path, monkeypatch):
    """With --write the README changes between its marks alone, and the page is made; twice gives the same bytes."""
    fixtures = tmp_path / "fixtures"
    (fixtures / "replays").mkdir(parents=True)
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{truth_page.BEGIN}\nold\n{truth_page.END}\nafter\n", "utf-8")
    monkeypatch.setattr("nn_reference.paths.fixtures_root", lambda: fixtures)
    monkeypatch.setattr("nn_conformance.replay.evidence.fixtures_root", lambda: fixtures)
    for _ in range(2):
        done = CliRunner().invoke(app(), ["--write"])
        assert done.exit_code == 0
        text = readme.read_text("utf-8")
        assert text == f"before\n{truth_page.BEGIN}\n\n{truth_page.block(evidence())}\n\n{truth_page.END}\nafter\n"
        assert (fixtures / "replays" / "README.md").read_text("utf-8") == truth_page.page(evidence())


def test_command_judges_by_ones_own_ledgers(tmp_path):
    """With --from the ledgers of a folder judge: with none there, what is trained is open."""
    found = json.loads(CliRunner().invoke(app(), ["--json", "--from", str(tmp_path)]).output)
    assert {row["verdict"] for row in found if row["epoch"] is not None and "seconds" not in row["quantity"]} <= {
        "open", "exact", "not judged",
    }  # fmt: skip
    done = CliRunner().invoke(app(), ["--write", "--from", str(tmp_path)])
    assert "leave --from out" in str(done.exception)


def test_every_command_on_the_page_exists():
    """What stands beside a reason is a command that there is, with options that it has and a network that there is."""
    for check in {row.ruling.check for rows in tables(COMMITTED).values() for row in rows} - {""}:
        words = check.split()
        assert words[0] == "nn-conformance"
        assert words[1] in {"replay", "verify", "describe", "reconstruct", "chaos"}
        assert not words[2:] or words[2] in NAMES
        if "--version" in words:
            assert get(words[2], words[words.index("--version") + 1])
        assert {word for word in words if word.startswith("--")} <= {"--version", "--seeds", "--epochs"}


@pytest.mark.parametrize("text", [
    "no marks",
    truth_page.BEGIN,
    f"{truth_page.END}{truth_page.BEGIN}",
    f"{truth_page.BEGIN}{truth_page.END}{truth_page.END}",
    f"{truth_page.BEGIN}{truth_page.BEGIN}{truth_page.END}",
])  # fmt: skip
def test_marks_must_be_there_once(text):
    """A page without its two marks, or with one too many, is left alone and named."""
    with pytest.raises(DataError, match=r"^README\.md: expected <!-- table of truth -->"):
        truth_page.replaced(text, "new", "README.md")


@pytest.mark.parametrize(("content", "expected"), [
    ("{", "expected a ledger"),
    ('{"format": 2}', "expected a ledger"),
    ("", "expected a ledger"),
])  # fmt: skip
def test_a_damaged_ledger_is_one_line(tmp_path, content, expected):
    """What is no ledger is named, with its file, in one line."""
    (tmp_path / "homework.documented.numpy.json").write_text(content)
    with pytest.raises(DataError, match=expected) as raised:
        load(tmp_path)
    assert "homework.documented.numpy.json" in str(raised.value)
    assert "\n" not in str(raised.value)


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


@pytest.mark.parametrize("name", ["chaos", "reconstruction"])
def test_a_damaged_record_is_one_line(tmp_path, name):
    """So is a record of another form, of the exact run or of reconstructed starts."""
    (tmp_path / f"{name}.json").write_text('{"format": 1}')
    with pytest.raises(DataError, match=rf"{name}\.json: expected a record, got [^\n]*$"):
        load(tmp_path)


def test_missing_ledgers_are_no_error(tmp_path):
    """An empty folder is evidence of nothing."""
    assert load(tmp_path).ledgers == {}


def test_every_verdict_is_there_for_machines():
    """`--json` has a row for each figure, in order, with verdict, reason and what each framework has in its place."""
    found = json.loads(CliRunner().invoke(app(), ["--json"]).output)
    figures = [(system.id, figure) for system in DOCUMENTED for figure in system.figures]
    assert [(row["system"], row["quantity"], row["printed"], row["epoch"]) for row in found] == [
        (name, figure.quantity, figure.printed, figure.epoch) for name, figure in figures
    ]
    assert all(row["verdict"] in VERDICTS and row["reason"] and "numpy" in row["ours"] for row in found)
