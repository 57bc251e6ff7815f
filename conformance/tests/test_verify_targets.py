"""`nn-conformance verify TARGET`: what it judges, what it says, what it counts; and files of known failures."""

import contextlib
import os
import re
import sys
from pathlib import Path

import pytest

from nn_conformance import judge_run
from nn_conformance.cases.store import Store
from nn_conformance.explain import Explanation
from nn_conformance.judge.known import Known, check_breadth, expect, of_file, parse, unused
from nn_conformance.judge.ladder import RUNGS
from nn_conformance.judge.verdict import CheckId, Verdict, at_most
from nn_reference.errors import DataError
from nn_reference.systems import SYSTEMS

HOSTILE = Path(__file__).with_name("hostile.py")
HOMEWORK = Path(__file__).with_name("homework.py")
BAD = {
    "mistyped": "mistyped = conforms('homewrk')(right)",
    "misdeclared": "misdeclared = conforms('homework', samples='cols')(right)",
}


@pytest.fixture
def unexplained(monkeypatch):
    """Failures are not explained, which would take most of the time of a test of anything else."""
    monkeypatch.setattr(judge_run, "explain", lambda *_, **__: Explanation())


def known(tmp_path, *entries):
    """A file of known failures."""
    path = tmp_path / "known.toml"
    path.write_text("".join(f"[[known]]\n{entry}\n" for entry in entries), "utf-8")
    return str(path)


def test_a_file_is_judged_alone_on_what_it_claims(command):
    """The marked function of a file: its network and precision, conventions shown, the rest counted as not claimed."""
    done = command("verify", str(HOMEWORK))
    lines = done.out.splitlines()

    assert (done.code, done.err) == (0, "")
    assert lines[0] == "declared: homework; float64; evaluate; conventions: gradient_reduction='sum'"
    assert lines[1] == "right: every check that applies passed"
    assert [line.split() for line in lines[2:4]] == [["network", "declared"], ["f32", "f64"]]
    assert lines[4].split()[:2] == ["homework/documented", "-"]
    assert re.fullmatch(
        rf"\d+ checks ran: \d+ passed, 0 failed, \d+ unsupported; not claimed: {len(SYSTEMS) - 1} of 24 systems, float32",
        lines[-1],
    )


def test_numbers_that_differ_are_one_line_below_a_named_mistake(command):
    """Their number and the first, from the input on, of which -v prints every one, once and in the ladder's order; code 1."""
    short, full = (command("verify", "homework", f"{HOMEWORK}:without_mean", *more) for more in ([], ["-v"]))
    shown = re.findall(r"^(?:FAIL| +likewise in) (\S+::\S+)", full.out, re.MULTILINE)

    assert (short.code, short.err) == (1, "")
    lines = short.out.splitlines()
    [line] = [line for line in lines if line.startswith("FAIL ")]
    assert line.startswith(f"FAIL {len(set(shown))} checks of gradient, ")
    first, more = lines[lines.index(line) + 1 :][:2]
    assert first.startswith("     the first homework/documented::gradient::W1::float64: error ")
    assert more == f"     nn-conformance verify homework {HOMEWORK}:without_mean -v prints them"
    fails = [line.split("::") for line in full.out.splitlines() if line.startswith("FAIL ")]
    rungs, order = [rung for _, rung, *_ in fails], [rung.name for rung in RUNGS]
    assert len({(rung, quantity) for _, rung, quantity, *_ in fails}) == len(fails)
    assert rungs == sorted(rungs, key=order.index)
    assert lines[-1].endswith("; not claimed: none")


def test_a_file_that_is_changed_at_once_is_judged_as_it_is(command, tmp_path):
    """An edit of as many characters in the same second, which Python's bytecode would not see, changes the verdicts."""
    file = tmp_path / "mine.py"
    codes = []
    for factor in (2, 1):
        mine = f"def mine(p, x, t):\n    loss, gradients = right(p, x, t)\n    return {factor} * loss, gradients\n"
        file.write_text(HOMEWORK.read_text("utf-8") + mine, "utf-8")
        os.utime(file, (1, 1))
        codes.append(command("verify", f"{file}:mine", "--only", "homework/probe-one::loss").code)
    assert codes == [1, 0]


def test_json_has_the_target_and_parts_of_ids(command):
    """Who was judged and what it claims; a verdict's case, rung, quantity and precision apart; null for no number."""
    done = command("verify", f"{HOMEWORK}:raising", "homework", "--json")
    report = done.json
    verdict = next(v for v in report["verdicts"] if v["id"] == "homework/probe-one::contract::answer::float32")

    assert done.code == 1
    assert list(report) == ["report", "version", "ok", "target", "judged", "caveats", "counts", "verdicts"]
    assert report["target"]["name"] == "raising"
    assert report["target"]["not_claimed"] == {"systems": [], "dtypes": []}
    assert verdict == {
        "target": "raising", "id": "homework/probe-one::contract::answer::float32", "case": "homework/probe-one",
        "rung": "contract", "quantity": "answer", "dtype": "float32", "status": "failed", "error": None, "limit": None,
        "reason": "it raised RuntimeError: [31mno luck (homework.py, line 45)", "at_least": False,
        "failure": "raised", "subject": [], "summary": None,
    }  # fmt: skip
    assert {v["dtype"] for v in report["verdicts"] if v["case"] == "harness"} == {None}


@pytest.mark.parametrize(
    ("harness", "failure"), [("crashes-at-start", "crashed"), ("claims-what-there-is-not", "wrong-claim")]
)
def test_a_failure_at_the_start_is_a_verdict_and_nothing_more(command, harness, failure):
    """A harness whose start fails is judged on that alone; no networks are shown, and its name cannot be an oracle's."""
    program = f"cmd:{sys.executable} -S -E {HOSTILE} {harness}"
    done = command("verify", program, "--json")

    assert done.code == 1
    assert [(v["id"], v["failure"]) for v in done.json["verdicts"]] == [("harness::contract::start", failure)]
    assert "any network" not in command("verify", program).out


def test_of_a_file_without_a_mark_the_likeliest_function_is_named(command, tmp_path):
    """Where nothing says what is to be judged, the example names the function with a target's arguments, and a line."""
    file = tmp_path / "mine.py"
    file.write_text("def sigmoid(z): ...\n\n\ndef backward(params, x, y): ...\n", "utf-8")
    done = command("verify", str(file))

    assert done.code == 2
    assert f"as in {file}:backward '3-4 tanh-2, squared-error'" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["homework.py:wright"], "homework.py: it has no 'wright', did you mean 'right'?"),
        (["homewrk.py:right", "homework"], "there is none, did you mean 'homework.py'?"),
        (["homework.py:right", "homewrk"], "did you mean 'homework'?"),
        (["homework.py", "xor-tanh"], "networks: expected some that declared claims, which are homework"),
        (["homework.py:right", "python:a:b"], "expected one target, got 2"),
        (["homework.py:right", "homework", "--known", "nowhere.toml"], "expected a TOML file"),
        (["homework", "--known", "known.toml"], "--known: expected a target beside it, got none"),
        (["homework.py:sigmoid", "homework"], "target: it raised TypeError: bad operand type"),
        (
            ["python:no_such_module:f"],
            "it raised ModuleNotFoundError: No module named 'no_such_module' while it was imported",
        ),
        (["homework.py:right", "--timeout", "0"], "--timeout: expected seconds above 0"),
        (["homework.py:mistyped"], "no network is named 'homewrk', did you mean 'homework'?"),
        (["homework.py:misdeclared"], "samples: expected 'rows' or 'columns', got 'cols', did you mean 'columns'?"),
        (
            ["./no_target"],
            "expected a network, file.py:function or 'cmd:program ...', got a file that does not end in .py",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_judged_is_one_line(command, tmp_path, arguments, message):
    """A mistake in the arguments, or a target that says why it cannot start, has code 2 and no verdict."""
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "no_target").touch()
    (folder / "homework.py").write_text(
        HOMEWORK.read_text("utf-8") + BAD.get(arguments[0].partition(":")[2], ""), "utf-8"
    )
    arguments = [re.sub(r"^(homew[a-z]*\.py|\./no_target)", rf"{folder}/\1", argument) for argument in arguments]

    assert message in command("verify", *arguments).complaint


def test_oracles_stand_beside_a_target_if_asked(command):
    """`--with` adds columns; shipped deviations are those of oracles alone, whatever a target calls itself."""
    done = command("verify", f"{HOMEWORK}:declared", "--with", "reference")

    assert done.code == 0
    assert done.out.splitlines()[2].split() == ["network", "declared", "reference"]
    assert "printed" not in done.out


def entry(checks, failure="wrong-shape"):
    """An entry of a file of known failures."""
    return f'checks = "{checks}"\nreason = "b2 is a matrix here"\nfailure = "{failure}"\n'


# Where that harness is asked for a single sample.
LISTED = [
    entry(f"xor-sigmoid/{check}::*")
    for check in (
        "probe-one::contract",
        "documented::contract",
        *(
            f"probe-rectangular::metamorphic::{relation}"
            for relation in ("sum-over-samples", "permuted-units", "padded-inputs", "scaled-loss", "new-weights")
        ),
    )
]


@pytest.mark.parametrize(
    ("entries", "code", "shown"),
    [
        (
            [*LISTED, entry("homework/probe-one::contract::*")],
            0,
            ["expected failure: 9 checks: hostile: b2 is a matrix here"],
        ),
        (
            [
                *LISTED[2:],
                entry("xor-sigmoid/documented::contract::*", "crashed"),
                entry("xor-sigmoid/probe-square::contract::answer::*"),
                entry("xor-sigmoid/probe-one::pruning::*"),
            ],
            1,
            [
                "FAIL xor-sigmoid/probe-one::contract::answer::float64",
                "expected to fail by crashed, and failed by wrong-shape",
                "known-passed: expected to fail, and passed: b2 is a matrix",
                "'xor-sigmoid/probe-one::pruning::*' matches nothing",
            ],
        ),
    ],
    ids=["expected", "otherwise"],
)
def test_known_failures_are_strict(command, tmp_path, unexplained, entries, code, shown):
    """What is listed is expected; what fails otherwise, passes or is not there fails; other networks' say nothing."""
    path = known(tmp_path, *entries)

    done = command("verify", f"cmd:{sys.executable} -S -E {HOSTILE} wrong-shape", "xor-sigmoid", "--known", path, "-v")

    assert (done.code, done.err) == (code, "")
    assert [text for text in shown if text not in done.out] == []


VERDICT = CheckId("homework/probe-one", "gradient", "W1", "float64")


OF_SIZE = Known("homework/*::gradient::W1::*", "r", 3.0)
CRASHES = Known("homework/*::gradient::W1::*", "r", failure="crashed")
OTHERS = Known("xor-*::gradient::*", "another", 3.0)


def ended(failure):
    """A verdict without numbers."""
    return Verdict(VERDICT, "failed", float("nan"), 1.0, "", failure=failure)


@pytest.mark.parametrize(
    ("verdict", "entries", "status", "failure"),
    [
        (at_most(VERDICT, 2.0, 1.0, ""), [OF_SIZE], "expected failure", "mismatch"),
        (at_most(VERDICT, 2.0, 1.0, ""), [OF_SIZE, OF_SIZE], "failed", "known-otherwise"),
        (at_most(VERDICT, 2.0, 1.0, ""), [OTHERS], "failed", "mismatch"),
        (at_most(VERDICT, 3.1, 1.0, ""), [OF_SIZE], "failed", "known-otherwise"),
        (at_most(VERDICT, float("nan"), 1.0, ""), [OF_SIZE], "failed", "mismatch"),
        (at_most(VERDICT, 0.5, 1.0, ""), [OF_SIZE], "failed", "known-passed"),
        (at_most(VERDICT, 0.5, 1.0, ""), [OTHERS], "passed", ""),
        (ended("crashed"), [CRASHES], "expected failure", "crashed"),
        (ended("timeout"), [CRASHES], "failed", "known-otherwise"),
        (ended("crashed"), [OF_SIZE], "failed", "known-otherwise"),
    ],
)
def test_a_known_failure_is_expected_in_its_own_way_only(verdict, entries, status, failure):
    """Its class, and for a mismatch its size: what passes, fails otherwise or is in two entries at once is a failure."""
    found = expect(verdict, entries)

    assert (found.status, found.failure) == (status, failure)


def test_an_entry_that_matches_nothing_is_a_failure():
    """Of the cases that were judged, or of none at all; an entry about others is left alone."""
    verdicts = [at_most(VERDICT, 2.0, 1.0, ""), Verdict(VERDICT._replace(quantity="b1"), "unsupported", 0.0, 0.0, "")]
    entries = [
        Known("homework/*::gradient::W1::*", "r", 3.0),
        Known("homework/*::gradient::W9::*", "r", 3.0),
        Known("homework/*::gradient::b1::*", "r", 3.0),
        Known("homewrk/*::gradient::W1::*", "r", 3.0),
        Known("xor-tanh/*::gradient::W1::*", "r", 3.0),
    ]

    found = list(unused(entries, verdicts, ["xor-tanh/probe-one"]))

    assert [verdict.id for verdict in found] == ["known::entry::2", "known::entry::3", "known::entry::4"]
    assert {(verdict.status, verdict.failure) for verdict in found} == {("failed", "known-unused")}


@pytest.mark.parametrize(
    ("checks", "fails", "broad"),
    [
        ("*::gradient::*", "at_most = 3.0", True),
        ("*/*::gradient::*::*", "at_most = 3.0", True),
        ("?*::step::**::float64", "at_most = 3.0", True),
        ("*::step::*64", "at_most = 3.0", True),
        ("*::contract::answer::*", 'failure = "error"', True),
        ("*::gradient::W1::*", "at_most = 3.0", False),
        ("homework/*::gradient::*", "at_most = 3.0", False),
        ("*-*::gradient::*", "at_most = 3.0", False),
    ],
)
def test_an_entry_that_covers_a_rung_is_too_broad(tmp_path, checks, fails, broad):
    """All quantities in all cases would hide every other failure, and so would one that blocks what comes after."""
    refused = pytest.raises(DataError, match="too broad") if broad else contextlib.nullcontext()

    (found,) = of_file(Path(known(tmp_path, f'checks = "{checks}"\nreason = "r"\n{fails}')))
    assert (found.checks, found.reason) == (checks, "r")
    with refused:
        check_breadth([found], Store().ids)


def test_breadth_is_that_of_what_the_target_claims(command, tmp_path):
    """An entry that covers a rung of the one network that is judged is refused, though other networks have more cases."""
    path = known(tmp_path, 'checks = "homework/*::gradient::*"\nreason = "r"\nat_most = 3.0')
    assert "too broad" in command("verify", str(HOMEWORK), "--known", path).complaint


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('checks = "*::*::W1::*"\nreason = "r"\nat_most = 3.0', "with a whole rung"),
        ('checks = "*"\nreason = "r"\nat_most = 3.0', "with a whole rung"),
        *(
            (f'checks = "a::step::b"\nreason = "r"\n{size}', "at_most must be a finite number above 1")
            for size in ("", "at_most = inf", "at_most = nan", "at_most = 1.0", "at_most = -3.0")
        ),
        ('checks = "a::step::b"\nreason = "r"\nfailure = "crashd"', "there is no 'crashd', did you mean 'crashed'"),
        ('checks = "a::step::b"\nreason = "r"\nfailure = "crashed"\nat_most = 3.0', "at_most is for mismatches"),
        ('checks = "a::step::b"\nreason = " "\nat_most = 3.0', "expected a cause"),
        ('checks = "a::step::b"\nreason = "r"\nat_most = 3.0\ncolour = "red"', "colour"),
    ],
)
def test_an_entry_of_another_form_is_refused(entry, message):
    """One class of failure, one rung, a cause, and a size where there is one."""
    with pytest.raises(DataError, match=re.escape(message)):
        parse(f"[[known]]\n{entry}", "known.toml")
