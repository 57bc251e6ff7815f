"""Targets that misbehave: each ends in a verdict with a name of its own, and nothing else comes to harm."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from hostile import GALLERY, MARK
from leftovers import left_over
from spread import everyday

from nn_conformance.cases.store import Store
from nn_conformance.judge.target import FAILURES
from nn_conformance.judge.verdict import counts
from nn_conformance.judge_run import JudgeRun
from nn_conformance.protocol.program import Limits, ProtocolTarget
from nn_conformance.protocol.session import Session
from nn_conformance.run import nothing_done, silent_systems
from nn_conformance.subjects import session_subject
from nn_reference.systems import get

STORE = Store()
SCRIPT = Path(__file__).with_name("hostile.py")
# Seconds. What must hang is not waited for long; what must answer is never waited for so long, on however busy a machine.
SHORT, LONG = 1.0, 60.0
HANGS = {"hangs", "stops-itself", "half-a-line-and-hangs", "closes-stdin", "ignores-stop", "does-not-answer-stop"}
# Each of these takes a second of waiting: they are run side by side, and so stand side by side.
WAITED_FOR = [
    name for name, (_, _, failure) in GALLERY.items() if name in {*HANGS, "closes-stdout"} or failure == "hung-at-start"
]
MEMORY = 256 << 20
# A segmentation fault is told from running out of memory.
SIGNALS = {"crashes": "crashed by signal 11 (SIGSEGV)", "is-killed": "crashed by signal 9 (SIGKILL)"}


def zombies():
    """Children of this process that nobody has waited for."""
    found = []
    for file in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended since has none
            found += file.read_text().split()
    return sorted(found)


@pytest.fixture(scope="module")
def cases():
    """The batch of one sample, and another."""
    return [STORE.case(f"xor-sigmoid/probe-{name}") for name in ("one", "square")]


@pytest.fixture(scope="module")
def run(cases):
    """What comes of a harness of the gallery: verdicts of its start and end, and of both cases."""

    def judged(name):
        start = SHORT if GALLERY[name][2] == "hung-at-start" else LONG
        limits = Limits(SHORT if name in HANGS else LONG, MEMORY, start=start)
        with ProtocolTarget([sys.executable, "-S", "-E", str(SCRIPT), name], limits) as target:
            session, both = Session(target), [[], []]
            if session.begin():
                subject = session_subject(session)
                run = JudgeRun(subject.target, [get("xor-sigmoid")], STORE)
                both = [list(run.verdicts(case, "float64").values()) for case in cases]
                silent = silent_systems({"xor-sigmoid/documented": [*both[0], *both[1]]}, subject)
                session.end()
                session.verdicts += [nothing_done(silent, [])] if silent else []
        failed = [v for v in (*session.verdicts, *both[0]) if v.status == "failed"]
        return SimpleNamespace(session=session, one=both[0], other=both[1], failed=failed)

    return judged


@pytest.fixture(scope="module")
def marked(run):
    """What comes of some harnesses, a few at a time, by name; the mark of what they leave behind, and the zombies before them."""

    def together(names):
        mark, before = f"{MARK}={names[0]}-{time.monotonic_ns()}", zombies()
        with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(4) as pool:
            patch.setenv(*mark.split("="))
            return dict(zip(names, pool.map(run, names), strict=True)), mark, before

    return together


@pytest.fixture(scope="module")
def waited_for(marked):
    """What comes of those that are waited for."""
    return marked(WAITED_FOR)


# Every day the first of each class of failure, the waiting ones, and what leaves processes behind.
FIRST = {failure: name for name, (_, _, failure) in reversed(GALLERY.items())}.values()
DAILY = [*FIRST, *WAITED_FOR, *(name for name in GALLERY if name.startswith("leaves"))]


@pytest.mark.parametrize("name", everyday(sorted(GALLERY, key=lambda name: name not in WAITED_FOR), DAILY))
def test_hostile_harness_has_its_verdict(name, marked, request):
    """It fails by its class, on one plain line; other cases pass; nothing is left running, and no zombie."""
    when, _, failure = GALLERY[name]
    runs, mark, before = request.getfixturevalue("waited_for") if name in WAITED_FOR else marked([name])
    done = runs[name]

    assert left_over(mark) == []
    assert set(zombies()) <= set(before)
    found = {verdict.failure for verdict in done.failed}
    assert found == ({failure} if failure else set())
    assert found <= set(FAILURES)
    assert all(v.reason.isprintable() and len(v.reason) < 600 for v in done.failed)
    assert SIGNALS.get(name, "") in "".join(v.reason for v in done.failed)
    if failure and when == "run" and name != "answers-twice":
        assert done.failed[0].id == "xor-sigmoid/probe-one::contract::answer::float64"
    elif failure and when != "run":
        assert done.failed[0].rung == "contract"
    assert all(verdict.status in ("passed", "unsupported") for verdict in done.other)
    assert counts(done.other)["passed"] > 5 or when in ("start", "echo", "always")


def test_gallery_is_large_and_has_each_failure_of_a_process():
    """There are at least twenty, and every class of failure that a child can have is among them but two."""
    classes = {failure for _, _, failure in GALLERY.values()}
    start = FAILURES.index("error")
    protocol = {*FAILURES[start : FAILURES.index("wrong-claim") + 1], "wrong-names", "wrong-shape", "not-finite"}

    assert len(GALLERY) >= 20
    assert protocol - classes == {"given-up"}
