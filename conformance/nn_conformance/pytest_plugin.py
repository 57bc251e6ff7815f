"""pytest's door: what is marked with `@conforms` becomes tests, one for each check, whose ids are the ladder's.

A case in one precision is judged when the first of its checks runs, in a few milliseconds, and its verdicts are kept:
so a check can be named, deselected, and run by any worker. Every run of pytest imports this module, which imports
nothing of weight: where nothing is marked, there is no NumPy.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from nn_conformance.pytest_checks import Check

# What a report says of its check: it crosses from a worker, and stands in JUnit's file too.
TARGET, STATUS, FAILURE, CONVENTIONS, SUGGESTION, ASKED = (
    f"conformance-{what}" for what in ("target", "status", "failure", "conventions", "hint", "asked")
)


class Part(pytest.Collector):
    """The checks whose ids begin alike: ``homework/documented``, then ``gradient``, ``W1`` and ``float64``."""

    checks: dict[tuple[str, ...], "Check"]

    def collect(self) -> Iterator["Part | Item"]:
        """What comes next in the ids."""
        groups: dict[str, dict[tuple[str, ...], Check]] = defaultdict(dict)
        for (first, *rest), check in self.checks.items():
            groups[first][tuple(rest)] = check
        for name, group in groups.items():
            if () in group:
                yield Item.from_parent(self, name=name, check=group[()])
            else:
                part: Part = Part.from_parent(self, name=name)
                part.checks = group
                yield part


class Marked(Part):
    """Something that is marked."""

    obj: Any

    def collect(self) -> Iterator["Part | Item"]:
        """Every check of what it claims.

        Raises:
            CollectError: it claims a network that does not exist, or is no target.
        """
        from nn_conformance.pytest_checks import checks_of  # noqa: PLC0415
        from nn_reference.errors import NNReferenceError  # noqa: PLC0415

        try:
            self.checks = {tuple(part for part in check.id if part): check for check in checks_of(self.obj)}
        except NNReferenceError as error:
            raise self.CollectError(str(error)) from None
        yield from super().collect()


class Item(pytest.Item):
    """One check as a test."""

    def __init__(self, *, check: "Check", **more: Any) -> None:
        super().__init__(**more)
        self.check = check

    def runtest(self) -> None:
        """Judge it."""
        self.check.settle()

    def reportinfo(self) -> tuple[Any, None, str]:
        """The file, and the check's id."""
        return self.path, None, str(self.check.id)


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> pytest.Collector | None:
    """A collector for what is marked. Where nothing is, `conforms` has not been imported, and nothing is asked."""
    claims = sys.modules.get("nn_conformance.adapt.claims")
    if claims is None or claims.claim_of(obj) is None:
        return None
    own = getattr(obj, "__name__", name)
    if own != name and getattr(getattr(collector, "obj", None), own, None) is obj:
        return None  # another name for what is collected by its own
    marked: Marked = Marked.from_parent(collector, name=name)
    marked.obj = obj
    return marked


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Tells the report what came of the check: of an item of ours, or of a test that `parametrize_with_checks` has made."""
    checks = sys.modules.get("nn_conformance.pytest_checks")
    check = getattr(item, "check", None) or getattr(getattr(item, "callspec", None), "params", {}).get("check")
    if call.when != "call" or checks is None or not isinstance(check, checks.Check):
        return
    judged = check.judged
    if not judged.run.judged(check.loaded, check.dtype):
        return
    verdict = check.verdict
    marked = [node.nodeid for node in item.listchain() if isinstance(node, Marked)]
    target = marked[0] if marked else f"{item.nodeid.partition('[')[0]}[{judged.subject.name}]"
    told = {TARGET: target, STATUS: verdict.status, CONVENTIONS: judged.subject.conventions}
    if (verdict.rung, verdict.check.quantity) == ("contract", "answer"):
        by_name = judged.networks or judged.subject.claim.systems
        told[ASKED] = "\n".join(f"{target}: {system}" if by_name else target for system in check.systems)
    if verdict.failed:
        told[FAILURE] = verdict.failure
        told |= {SUGGESTION: str(judged.run.suggestion)} if judged.run.suggestion else {}
    item.user_properties += told.items()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run is no success where something marked has answered nothing at all: skipped tests alone would look like one."""
    reporter = session.config.pluginmanager.getplugin("terminalreporter")
    if _silent(reporter) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """For each object what came of its checks, its conventions, and which declaration would mend it."""
    from nn_conformance.judge.verdict import STATUSES  # noqa: PLC0415

    statuses: dict[str, Counter[str]] = defaultdict(Counter)
    of_target: dict[str, dict[str, str]] = defaultdict(dict)
    for told in _told(terminalreporter):
        statuses[told[TARGET]][told[STATUS]] += 1
        of_target[told[TARGET]] |= told
    if statuses:
        terminalreporter.section("conformance")
    for target, counted in sorted(statuses.items()):
        numbers = ", ".join(f"{counted[status]} {status}" for status in STATUSES if counted[status])
        terminalreporter.write_line(f"{target}: {numbers}; conventions: {of_target[target][CONVENTIONS]}")
        if SUGGESTION in of_target[target]:
            terminalreporter.write_line(f"{target}: {of_target[target][SUGGESTION]}")
    for target in _silent(terminalreporter):
        terminalreporter.write_line(f"{target}: claimed, and nothing of it answered: an error", red=True)


def _told(reporter: Any) -> Iterator[dict[str, str]]:
    """What each check's report says."""
    for report in (report for reports in getattr(reporter, "stats", {}).values() for report in reports):
        told = dict(getattr(report, "user_properties", ()))
        if TARGET in told and report.when == "call":
            yield told


def _silent(reporter: Any) -> list[str]:
    """Objects, with a system each, that no case could ask: the contract is unsupported throughout.

    Who claims no system by name must do something of one.
    """
    contracts: dict[str, set[str]] = defaultdict(set)
    for told in _told(reporter):
        for name in told.get(ASKED, "").splitlines():
            contracts[name].add(told[STATUS])
    return [name for name, found in contracts.items() if found == {"unsupported"}]
