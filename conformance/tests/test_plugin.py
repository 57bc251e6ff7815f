"""pytest's door: what is marked is collected and judged, alone, on workers, and not at all where the plugin is off."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from nn_conformance import conforms, parametrize_with_checks, pytest_plugin
from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import check_ids
from nn_conformance.subjects import pairs_of
from nn_reference.errors import InputError
from nn_reference.systems import get

pytest_plugins = ["pytester"]

# Each run of the inner pytest judges one network whose cases take milliseconds.
HOMEWORK = """
import homework as written
from door_problems import homework as answer
from nn_conformance import conforms, parametrize_with_checks

def homework(p, x, t):
    return answer(p, x, t)
"""
RIGHT = HOMEWORK + '\nright = conforms("homework")(homework)\n'
WRONG = (
    HOMEWORK
    + """
@conforms("homework", names={"x": "y"})
def wrong(p, x, t):
    gradients, loss = homework(p, x, t)
    return {k: g * len(x) for k, g in gradients.items()}, loss * len(x)
"""
)


ENTRY_POINTS = "[pytest11]\nnn_conformance = nn_conformance.pytest_plugin\n"


@pytest.fixture
def installed(pytester, monkeypatch):
    """A folder in which pytest finds the plugin by its entry point, as in an installation."""
    folder = pytester.mkdir("site") / "nn_conformance-0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: nn-conformance-stand-in\nVersion: 0\n")
    (folder / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.syspath_prepend(folder.parent)
    return folder.parent


@pytest.fixture
def run(pytester, installed):
    """A run of pytest in this process."""

    def call(source, *arguments, name="my_homework.py"):
        pytester.path.joinpath(name).write_text(source)
        chosen = [] if any(argument.startswith(name) for argument in arguments) else [name]
        return pytester.runpytest_inprocess(*chosen, "-p", "no:cacheprovider", *arguments)

    return call


def ids():
    """Of all checks of the homework network."""
    return [str(check) for pair in pairs_of(Store(), get("homework")) for check in check_ids(*pair)]


def test_each_check_is_a_test_by_the_ladders_id(run):
    """A marked function becomes one test for each check, by its id; what it does not do is skipped with the reason, and counted."""
    result = run(RIGHT, "-rA")
    lines = [line.partition("::")[2] for line in result.outlines if line.startswith("PASSED ")]
    assert set(lines) < {f"homework::{id_}" for id_ in ids()}
    outcomes = result.parseoutcomes()
    assert outcomes == {"passed": len(lines), "skipped": len(ids()) - len(lines)}
    result.stdout.fnmatch_lines(["*unsupported: it does not say that it can train*"])
    summary = f"{outcomes['passed']} passed, {outcomes['skipped']} unsupported; conventions: the fixtures' own"
    assert f"my_homework.py::homework: {summary}" in result.outlines


def test_a_wrong_function_fails_with_its_numbers_and_the_declaration_that_mends_it(run):
    """A failure has the id, what was expected, and the conventions, without a traceback; later checks are blocked."""
    result = run(WRONG, "-k", "rectangular and float64")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    lines = [
        "homework/probe-rectangular::loss::loss::float64: expected * got *; 30*",
        "error *, limit *",
        "conventions: names={'x': 'y'}",
        "declared loss_reduction='described': with loss_reduction='sum' loss and gradients are right*",
        "*= conformance =*",
        "my_homework.py::wrong: * failed*",
        "my_homework.py::wrong: declared loss_reduction=*",
    ]
    result.stdout.fnmatch_lines(lines)
    result.stdout.fnmatch_lines(["FAILED my_homework.py::wrong::homework/probe-rectangular::loss::loss::float64*"])
    assert "Traceback" not in result.stdout.str()
    assert result.parseoutcomes()["skipped"] > 4


def test_the_mistake_is_named_once(run):
    """The first failure of an object names the mistake that makes all its numbers; the others do not repeat it."""
    source = HOMEWORK + "wrong = conforms('homework')(written.without_slope)\n"
    result = run(source, "-k", "rectangular and float64")
    assert result.parseoutcomes()["failed"] > 2
    # pytest's summary says it again where CI is set, and cuts it elsewhere.
    failures, _, _ = result.stdout.str().partition("short test summary")
    assert failures.count("y-t is used for squared error through an activation") == 1


def test_a_check_is_run_by_its_id(run):
    """Any beginning of an id, as the summary prints it, runs what is below it and no more."""
    run(RIGHT, "my_homework.py::homework::homework/probe-one::gradient::W1::float32").assert_outcomes(passed=1)
    one = [id_ for id_ in ids() if id_.startswith("homework/probe-one::gradient")]
    assert len(one) == 8


@pytest.mark.slow
def test_workers_share_the_checks_and_the_summary_is_whole(pytester, installed, monkeypatch):
    """Under xdist two workers judge, and the controller, which judges nothing, shows the counts of both."""
    pytest.importorskip("xdist")
    pytester.path.joinpath("my_homework.py").write_text(RIGHT)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(installed), *filter(None, sys.path)]))  # the workers' too
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # or each worker imports all that this machine has
    plugins = "-p", "xdist", "-p", "nn_conformance"
    result = pytester.runpytest_subprocess("my_homework.py", *plugins, "-n", "2", "-k", "rectangular", timeout=300)
    outcomes = result.parseoutcomes()
    assert outcomes.keys() == {"passed", "skipped"}
    result.stdout.fnmatch_lines([f"my_homework.py::homework: *{outcomes['passed']} passed*"])


@pytest.mark.parametrize(("name", "network", "outcomes"), [
    ("refuses", "homework/documented", {"skipped", "deselected"}),
    ("both", "iris-sigmoid/documented", {"passed", "skipped", "deselected"}),
])  # fmt: skip
def test_a_claimed_network_that_is_not_answered_is_no_success(run, name, network, outcomes):
    """What answers nothing of a network that it claims ends the run with an error, whatever passes on another network."""
    result = run(HOMEWORK + BOTH, "-k", f"{name} and probe-square and float64 and contract")
    assert result.parseoutcomes().keys() == outcomes
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"my_homework.py::{name}: {network}: claimed, and nothing of it answered: an error"])


def test_checks_parametrize_a_test(run):
    """A test has each check of each object, by its name where there are several, and is counted like a marked object."""
    source = HOMEWORK + BOTH.partition("@")[0] + PARAMETRIZED
    result = run(source, "-k", "probe-square and float64 and contract", "-v", name="test_it.py")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    error = "test_it.py::test_conforms[[]both]: mnist-relu/documented: claimed, and nothing of it answered: an error"
    result.stdout.fnmatch_lines(
        [
            "test_it.py::test_conforms[[]homework::homework/probe-square::contract::answer::float64] PASSED*",
            "test_it.py::test_conforms[[]homework::mnist-relu/probe-square::contract::answer::float64] FAILED*",
            "test_it.py::test_conforms[[]both]: 2 passed, 2 unsupported; *",
            error,
        ]
    )


PARAMETRIZED = """
def both(p, x, t):
    if t.ndim > 1:
        raise Unsupported("not today")
    return homework(p, x, t)

@parametrize_with_checks([homework, both], ["homework", "mnist-relu"])
def test_conforms(target, check):
    check(target)
"""
BOTH = """
from nn_conformance.judge.target import Unsupported

@conforms("homework")
def refuses(p, x, t):
    raise Unsupported("not today")

@conforms("homework", "iris-sigmoid")
def both(p, x, t):
    if "b1" not in p:
        raise Unsupported("not today")
    return homework(p, x, t)


"""


def test_a_disabled_plugin_collects_nothing(run):
    """With `-p no:nn_conformance` a marked function is a function, and the tests beside it run."""
    result = run(RIGHT + "\ndef test_beside():\n    assert homework\n", "-p", "no:nn_conformance")
    result.assert_outcomes(passed=1)
    assert "conformance =" not in result.stdout.str()


def test_a_mistyped_network_is_one_line_at_collection(run):
    """What is marked wrongly is an error of its collection, with the nearest name and no traceback."""
    result = run(HOMEWORK + '\nwrong = conforms("homewrk")(homework)\n')
    result.stdout.fnmatch_lines(["*no network is named 'homewrk', did you mean 'homework'?*"])
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "Traceback" not in result.stdout.str()


def test_ids_of_one_object_are_the_ladders_and_checks_know_their_object():
    """With one object the parameters' ids are the ladder's own; a check refuses another object than its own."""

    def mine(p, x, t):
        return {}

    mark = parametrize_with_checks([mine], "homework").mark
    assert list(mark.kwargs["ids"]) == ids()
    target, check = mark.args[1][0]
    assert target is mine
    with pytest.raises(InputError, match="expected the object"):
        check(print)


def test_the_plugin_is_light():
    """Importing it, as every run of pytest does, and the names that users import, loads no NumPy."""
    code = """
import sys
import nn_conformance.pytest_plugin
from nn_conformance import conforms
heavy = {"numpy", "torch", "keras", "typer", "rich"} & sys.modules.keys()
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)  # noqa: S603 - this Python


def test_nothing_is_asked_where_nothing_is_marked(monkeypatch):
    """Without `conforms` in the process the plugin leaves every object alone."""
    monkeypatch.delitem(sys.modules, "nn_conformance.adapt.claims")
    assert pytest_plugin.pytest_pycollect_makeitem(None, "anything", conforms("homework")(lambda p, x, t: None)) is None


def test_the_entry_point_is_declared():
    """An installation's pytest finds the plugin under the name that switches it off."""
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"nn_conformance": "nn_conformance.pytest_plugin"}
