"""`nn-conformance verify`: what it counts, how it fails, and what a terminal shows of it."""

import re
from itertools import pairwise

import numpy as np
import pytest

from nn_conformance import judge_run
from nn_conformance.judge.verdict import STATUSES, CheckId, at_least, at_most
from nn_conformance.outcome import ORDER
from nn_reference.activations import SIGMOID
from nn_reference.systems import SYSTEMS, loading

ESCAPE = "\x1b"
KEYS = ["target", "id", "status", "error", "limit", "reason", "at_least", "failure", "subject", "summary"]


@pytest.fixture
def broken(monkeypatch):
    """Puts another rule in place of the sigmoid's gradient."""
    return lambda rule: monkeypatch.setitem(vars(SIGMOID), "backward", rule)


def table(text):
    """The rows of verdicts, one for each version of each network."""
    return [line for line in text.splitlines() if re.match(r"[a-z0-9-]+/[a-z]+ ", line)]


@pytest.fixture
def judged(monkeypatch):
    """Puts verdicts in place of the ladder's: a function of the case and the precision, once for each oracle."""

    def replace(verdicts):
        monkeypatch.setattr(judge_run, "judge_climb", lambda climb, *_: list(verdicts(climb.case.id, climb.dtype)))

    return replace


def passed(case_id, dtype):
    """One verdict, at a quarter of its limit."""
    return [at_most(CheckId(case_id, "gradient", "W1", dtype), 0.25, 1.0, "")]


def test_verify_judges_every_system_and_says_what_it_left_out(command, judged):
    """Without names, the answer first and a row for each of the 24; last what ran, each check once for each oracle, what was too large, what is next."""
    judged(passed)
    done = command("verify")
    assert (done.code, done.err) == (0, "")
    answer, *_, counted, left_out, next_step = done.out.splitlines()
    assert [row.split()[0] for row in table(done.out)] == [system.id for system in SYSTEMS]
    assert all(row.split()[-6:] == ["0.25"] * 6 for row in table(done.out))
    report = command("verify", "--json").json
    ran = report["counts"]["ran"]
    assert len({(v["target"], v["id"]) for v in report["verdicts"]}) == len(report["verdicts"]) == ran
    assert counted == f"{ran} checks ran: {ran} passed, 0 failed"
    large = sum(system.network.size > judge_run.SMALL for system in SYSTEMS)
    assert left_out.startswith(f"not judged, for their size: the documented cases of {large} systems; ")
    assert answer.startswith(f"nn-conformance works here: the references of {len(SYSTEMS)} networks agree")
    assert next_step == "Next, judge code of your own: nn-conformance verify FILE.py"


def test_verify_json_has_the_documented_keys(command, judged):
    """`verify --json` has counts, and verdicts with stable ids, whichever way the names are ordered or repeated."""
    names = ("xor-tanh", "homework", "xor-tanh")
    done = command("verify", *names, "--json")
    report = done.json
    assert (done.code, done.err) == (0, "")
    assert list(report) == ["report", "version", "ok", "judged", "caveats", "counts", "verdicts"]
    assert list(report["counts"]) == ["ran", *STATUSES]
    assert report["counts"]["ran"] == report["counts"]["passed"] > 1000
    assert report["counts"]["ran"] + report["counts"]["unsupported"] == len(report["verdicts"])
    parts = ["case", "rung", "quantity", "dtype"]
    for verdict in report["verdicts"]:
        assert [key for key in verdict if key not in parts] == KEYS
        assert verdict["id"] == "::".join(verdict[part] for part in parts if verdict[part] is not None)
        assert verdict["failure"] is None
    ids = [(verdict["target"], verdict["id"]) for verdict in report["verdicts"]]
    assert ids[0] == ("printed", "homework/documented::printed::loss")
    assert ("complex-step", "xor-tanh/probe-square::gradient::W1::float32") in ids
    assert {target for target, _ in ids} == {"printed", "reference", "plain", "complex-step"}
    judged(passed)
    assert command("verify", "homework", "xor-tanh", "--json").out == command("verify", *names, "--json").out


def test_wrong_gradient_fails_by_name(command, broken):
    """With the sigmoid's gradient wrong, `verify` exits with 1 and names case, tensor, error, limit and its reason."""
    broken(lambda z, a, da: da * a)  # the factor 1-a forgotten
    done = command("verify", "xor-sigmoid", "xor-tanh")
    assert (done.code, done.err) == (1, "")
    failed, passed = table(done.out)
    name, number, *other = failed.split()
    assert (name, other[0]) == ("xor-sigmoid/documented", "failed")
    assert all(0 <= float(ratio) <= 1 for ratio in (*other[1:], *passed.split()[1:]))
    lines = done.out.splitlines()
    fails = [(line, reason) for line, reason in pairwise(lines) if line.startswith("FAIL ")]
    assert "FAIL xor-sigmoid/documented::gradient::W2::float64 (reference)" in [line for line, _ in fails]
    assert all(line.startswith("FAIL xor-sigmoid/") for line, _ in fails)
    rungs = [line.split("::")[1] for line, _ in fails]
    assert rungs == sorted(rungs, key=list(ORDER).index)
    assert lines.index(fails[0][0]) < lines.index(failed)
    for reason in (reason for line, reason in fails if "::gradient::" in line):
        matched = re.fullmatch(r" +error (\S+), limit (\S+): u·√K·.+", reason)
        assert matched is not None
        assert float(matched[1]) > 1e4 * float(matched[2])
    likewise = [
        int(found[1]) for line in lines if (found := re.match(r" +likewise in (\d+) other checks, the last ", line))
    ]
    assert len(fails) + sum(likewise) + sum("likewise in another check, " in line for line in lines) == int(number)
    assert re.fullmatch(rf"\d+ checks ran: \d+ passed, {number} failed, \d+ blocked, \d+ unsupported", lines[-1])


def test_gradient_that_is_nan_fails(command, broken):
    """A gradient that is NaN fails, nothing that needs it is judged, and JSON has null where it has no such number."""
    broken(lambda z, a, da: da * np.nan)
    done = command("verify", "xor-sigmoid", "--json")
    mine = [v for v in done.json["verdicts"] if v["target"] == "reference"]
    assert done.code == 1
    assert {v["status"] for v in mine} == {"failed", "blocked"}
    assert {v["id"].split("::")[1] for v in mine if v["status"] == "failed"} == {"contract"}
    assert {v["error"] for v in mine if v["status"] == "blocked"} == {None}
    assert {v["failure"] for v in mine if v["status"] == "failed"} == {"not-finite"}
    assert all("expected finite numbers" in v["reason"] for v in mine if v["id"].split("::")[2] == "answer")


@pytest.mark.parametrize("errors", [(0.5, np.nan), (np.nan, 0.5), (0.5, np.nan, np.inf)], ids=str)
def test_nan_hides_behind_no_number(command, judged, errors):
    """Wherever NaN stands among the errors of a system, it is counted as failed."""
    judged(
        lambda case_id, dtype: (
            at_most(CheckId(case_id, "gradient", f"W{i}", dtype), e, 1.0, "") for i, e in enumerate(errors)
        )
    )
    done = command("verify", "iris-sigmoid", "--json")
    (row, _) = table(command("verify", "iris-sigmoid").out)
    number = done.json["counts"]["failed"]
    assert done.code == 1
    assert row.split()[2:] == ["failed", row.split()[1], "failed", row.split()[1], "failed"]
    assert number == (len(errors) - 1) * done.json["counts"]["ran"] / len(errors)


def test_nan_is_on_the_right_side_of_no_limit():
    """An error that is NaN fails where it must stay below a limit, and where it must exceed one."""
    assert at_most("a::b::c", np.nan, 1.0, "").status == at_least("a::b::c", np.nan, 1.0, "").status == "failed"


def test_verdicts_show_markup_as_it_is(command, judged):
    """Brackets in an id or a reason are text, not styles."""
    judged(
        lambda case_id, dtype: [
            at_most(CheckId(case_id, "gradient", "[red]W1[/]", dtype), 2.0, 1.0, "[bold]x[/] and [/]")
        ]
    )
    lines = command("verify", "xor-tanh").out.splitlines()
    first = next(k for k, line in enumerate(lines) if line.startswith("FAIL "))
    assert lines[first : first + 2] == [
        "FAIL xor-tanh/documented::gradient::[red]W1[/]::float64 (reference)",
        "     error 2, limit 1: [bold]x[/] and [/]",
    ]


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["mnist-relu", "--all"], "empty"),
        (["mnist-relu", "--all"], "nowhere"),
        (["mnist-relu", "--all"], "\x1b[31mred"),
        (["mnist-relu", "xor-tanh", "--all", "--json"], "empty"),
    ],
    ids=["empty", "nowhere", "escapes", "all"],
)
def test_missing_data_is_one_line(command, tmp_path, monkeypatch, arguments, folder):
    """A data folder that is empty or not there is named, with the way out; code 2 is not 1, and there is no verdict."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("NN_CONFORMANCE_DATA", str(tmp_path / folder))
    loading.images.cache_clear()  # or what other tests have loaded would do
    loading.images_split.cache_clear()
    line = command("verify", *arguments).complaint
    assert f"{tmp_path}/{folder}/".replace(ESCAPE, r"\x1b") in line
    assert line.endswith(
        "got neither: put it there, or name no folder (unset NN_CONFORMANCE_DATA) to have it downloaded"
    )


@pytest.mark.parametrize("arguments", [["list"], ["describe", "homework"], ["verify", "xor-tanh"]], ids=" ".join)
@pytest.mark.parametrize(
    ("variables", "styled"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"NO_COLOR": "1"}, False),
    ],
    ids=["piped", "terminal", "terminal-no-color", "piped-no-color"],
)
def test_styles_are_for_terminals(command, monkeypatch, judged, arguments, variables, *, styled):
    """There are escape sequences on a terminal only, and with NO_COLOR none at all."""
    judged(passed)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = command(*arguments)
    assert done.code == 0
    assert (ESCAPE in done.out) == styled


def test_terminal_shows_verdicts_in_colour(command, monkeypatch, judged):
    """On a terminal what passes is green and a failure red; and progress counts networks and oracles, on stderr."""
    judged(
        lambda case_id, dtype: [at_most(CheckId(case_id, "gradient", "W1", dtype), 2.0 * ("tanh" in case_id), 1.0, "")]
    )
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    done = command("verify", "xor-sigmoid", "xor-tanh")
    assert re.search(r"\x1b\[32m0\.\d\d\x1b\[0m", done.out)
    assert re.search(r"\x1b\[31m\d+ failed\x1b\[0m", done.out)
    assert "6/6" in done.err
    assert "6.0" not in done.err
    assert "verifying" not in done.out
