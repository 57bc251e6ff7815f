"""One target, every door: a library call, a command and pytest give the same verdicts, classes, hints and names."""

import importlib
import json
import sys
from pathlib import Path

import pytest
from every_door import TARGETS
from spread import everyday

from nn_conformance import pytest_plugin as plugin
from nn_conformance.judge.verdict import one_line
from nn_conformance.run import judge

pytest_plugins = ["pytester"]

FILE = Path(__file__).with_name("every_door.py")
# By command each takes a process of its own: some of each kind are for every day.
NAMES = everyday(TARGETS, ("halved", "exits", "retypes", "numbers_of_classes"))


def told(verdict):
    """What must be the same through every door."""
    return verdict["status"], verdict["failure"], tuple(verdict["subject"]), verdict["reason"], verdict["error"]


def explained(target):
    """What is said, without how many calls it took: an array of another shape is read again over the wire."""
    return {
        system: {part: said for part, said in explanation.items() if part != "exchanges"}
        for system, explanation in target["explanations"].items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_command_and_library_call_say_the_same(name, command):
    """Each verdict has the same status, class, subject, reason and error; hint and diagnosis are the same, none is a pass."""
    done = command("verify", f"{FILE}:{name}", "--json")
    report = judge(fresh(name))

    by_command = {verdict["id"]: told(verdict) for verdict in done.json["verdicts"] if verdict["case"] != "harness"}
    here = {v.id: told(v.as_json()) for v in report.verdicts if v.check.case != "harness"}
    assert by_command == here
    assert done.code == 1
    assert not report
    here = json.loads(json.dumps(report.as_json()["target"]))
    assert done.json["target"]["suggestion"] == here["suggestion"]
    assert ("labels='integer'" in (here["suggestion"] or "")) == (name == "numbers_of_classes")
    assert explained(done.json["target"]) == explained(here)


@pytest.mark.slow
def test_pytest_says_the_same(pytester):
    """Each check of each function has the outcome, the class and the reason of the library call."""
    pytester.path.joinpath("test_doors.py").write_text(
        "from every_door import TARGETS\nglobals().update(TARGETS)\n", "utf-8"
    )
    result = pytester.inline_run("test_doors.py", "-p", "no:cacheprovider")
    outcomes = {}
    for report in (report for report in result.getreports("pytest_runtest_logreport") if report.when == "call"):
        properties = dict(report.user_properties)
        _, name, *check = report.nodeid.split("::")
        outcomes.setdefault(name, {})["::".join(check)] = (
            properties[plugin.STATUS],
            properties.get(plugin.FAILURE, ""),
            report.longreprtext,
        )
    assert outcomes.keys() == TARGETS.keys()
    for name, checks in outcomes.items():
        verdicts = {v.id: v for v in judge(fresh(name)).verdicts if v.check.case != "harness"}
        assert {id_: (v.status, v.failure) for id_, v in verdicts.items()} == {
            id_: outcome[:2] for id_, outcome in checks.items()
        }, name
        assert all(one_line(v.reason) in one_line(checks[id_][2]) for id_, v in verdicts.items() if v.failed), name


def fresh(name):
    """The function as a new process would have it: what mistakes of memory remember, they remember for each run."""
    sys.modules.pop("every_door")
    return importlib.import_module("every_door").TARGETS[name]
