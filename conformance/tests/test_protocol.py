"""The protocol: arrays as lines, a child that is kept within limits, and what may not corrupt the stream."""

import json
import os
import sys
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.target import TargetError
from nn_conformance.judge.verdict import counts
from nn_conformance.oracles import reference
from nn_conformance.protocol.child import Child
from nn_conformance.protocol.guard import children
from nn_conformance.protocol.messages import Request, decoded, encoded, line
from nn_conformance.protocol.program import RESTARTS, Limits, ProtocolTarget, command_of
from nn_conformance.protocol.session import Session
from nn_conformance.run import last_lines
from nn_conformance.subjects import session_subject
from nn_reference.errors import InputError

LONG = Limits(60.0)
MEMORY = 1 << 30

ENGINE = """
import os, sys
import numpy as np
from nn_conformance.oracles.reference import evaluate, train

name = "engine"
print("printed at import")

def evaluate(network, params, x, t, *, gradients=True, _evaluate=evaluate):
    print("printed", flush=True)
    os.write(1, b"written to the descriptor\\n")
    assert sys.stdin.read() == ""
    return _evaluate(network, params, x, t, gradients=gradients)
"""


@pytest.fixture
def engine(tmp_path):
    """A module of functions that prints and reads as it likes."""
    file = tmp_path / "engine.py"
    file.write_text(ENGINE, "utf-8")
    return str(file)


def python(code):
    """A child that runs a line of Python."""
    return Child([sys.executable, "-S", "-E", "-c", code], MEMORY)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_cross_the_wire_bit_by_bit(dtype):
    """Every kind of number comes back with its bits, and what JSON has no number for is written by name."""
    tiny, huge = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    a = np.array([[0.1, 1 / 3, -0.0], [tiny, huge, -huge], [np.inf, -np.inf, np.nan]], dtype)

    for given in (a, a[0], a[0, 0], a[:, :1], a[:2]):
        raw = encoded(np.asarray(given))
        back = decoded("a", raw, dtype)
        assert back.dtype == dtype
        assert back.tobytes() == np.asarray(given).tobytes()
        json.loads(bytes(raw), parse_constant=pytest.fail)
    assert [row[-1] for row in json.loads(bytes(encoded(a)))[::2]] == ["-0", "nan"]


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("null", "not-a-number"),
        ("{}", "not-a-number"),
        ('["1.5"]', "not-a-number"),
        ("[[1.0], 2.0]", "wrong-shape"),
        ("[1.0, [2.0]]", "wrong-shape"),
        ("[[1.0], [2.0, 3.0]]", "wrong-shape"),
        ("[[[1.0]]]", "wrong-shape"),
    ],
)
def test_what_is_no_array_is_named(text, failure):
    """A value that is no number, rows of several lengths, and too many axes are told apart."""
    with pytest.raises(TargetError, match=r"^W1: ") as refused:
        decoded("W1", msgspec.Raw(text.encode()), "float64")

    assert refused.value.failure == failure


def test_requests_have_no_expected_value():
    """Of a case only what is given is sent: the network, parameters, inputs and targets."""
    sent = []

    class Recorder(ProtocolTarget):
        def _ask(self, request, kind, *_):
            sent.append(json.loads(line(request)))
            raise TargetError("recorded")

    for rung in ("contract", "step"):
        judge(Store().case("homework/probe-rectangular"), Recorder(["none"]), "float64", rungs=(rung,))

    assert [ask["do"] for ask in sent] == ["evaluate", "train"]
    common = {"seq", "verb", "do", "dtype", "network", "params", "x", "t"}
    assert [sorted(set(ask) - common) for ask in sent] == [["want"], ["batches", "optimizer"]]


def test_a_file_is_judged_as_the_same_code_in_process_is(engine):
    """Every check of a case has the same verdict with the same error, although the code prints, writes and reads."""
    loaded = Store().case("homework/probe-rectangular")
    with ProtocolTarget(command_of(engine), LONG) as target:
        session = Session(target)
        assert session.begin()
        found = judge(loaded, session_subject(session).target, "float32", trusted=True)
        session.end()
        said = target.last_words

    assert found == judge(loaded, reference, "float32", trusted=True)
    assert counts(found)["passed"] == len(found) > 20
    assert {"printed at import", "printed", "written to the descriptor"} <= set(said.splitlines())
    assert [verdict.status for verdict in session.verdicts] == ["passed"] * 4


def test_a_crash_is_over_at_the_next_request(engine):
    """A target that has been killed is started again, up to a bound; then what is left fails without being tried."""
    with ProtocolTarget(command_of(engine), LONG) as target:
        target.start()
        first = target._child
        os.kill(children(first._guard.pid)[0], 9)
        with pytest.raises(TargetError, match="signal 9"):
            target.echo([1.0], "float64")
        assert target.echo([1.0], "float64") == [1.0]
        assert target._child is not first
        target._failures = RESTARTS
        target.kill()
        with pytest.raises(TargetError, match=f"given up after {RESTARTS} failures, the last: crashed by signal 9"):
            target.echo([1.0], "float64")


def test_a_child_is_stopped_by_ctrl_c(monkeypatch):
    """When the user interrupts, the child does not outlive the exception."""
    with ProtocolTarget([sys.executable, "-c", "input()"], LONG) as target:
        pid = target._child._guard.pid
        monkeypatch.setattr(target._child, "exchange", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            target.start()

    assert not os.path.exists(f"/proc/{pid}")  # noqa: PTH110 - not even as a zombie


def test_a_large_request_meets_a_child_that_talks_first():
    """Neither waits for the other: requests beyond a pipe's buffer are written while stderr and stdout are read."""
    code = "import sys; sys.stderr.write('e' * 10**6); sys.stderr.flush(); n = len(sys.stdin.readline()); print('x' * 10**6); sys.stderr.write('end')"
    child = python(code)
    try:
        answer = child.exchange(b"r" * 10**6 + b"\n", seconds=60, longest=10**6)
        child.finish(60)
    finally:
        child.kill()

    assert len(answer) == 10**6
    assert child.stderr.endswith("eeeend")
    assert len(child.stderr) <= 4096


def test_time_runs_out_while_it_is_busy_with_stderr():
    """Endless noise on stderr is no answer, and does not keep the limit from being seen."""
    child = python("import os\nwhile True: os.write(2, b'noise' * 10000)")
    try:
        with pytest.raises(TargetError, match=r"no answer in 0\.3 s"):
            child.exchange(b"{}\n", seconds=0.3, longest=100)
    finally:
        child.kill()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cmd:", "cmd: expected a program after it"),
        ("cmd:'", "expected words as in a shell"),
        ("cmd:no-such-program-\x1b[31m", r"no program 'no-such-program-\\x1b\[31m' is there"),
        ("cmd:.", "no program '.'"),
        ("nowhere.py:f", "expected a file, got 'nowhere.py'"),
        ("homework", "expected file.py:function"),
        ("https://example.org/x", "expected file.py:function"),
    ],
)
def test_what_cannot_be_started_is_refused(spec, message):
    """A target that is none, or is not there, is one line before anything runs."""
    with pytest.raises(InputError, match=message):
        command_of(spec)


def test_commands_are_words_without_a_shell():
    """Quotes hold words together, and nothing else of a shell's has a meaning."""
    program, *arguments = command_of(f"cmd:{sys.executable} -c 'a b' $HOME ; | * `x`")

    assert program == sys.executable
    assert arguments == ["-c", "a b", "$HOME", ";", "|", "*", "`x`"]


def test_unknown_fields_of_a_request_are_ignored():
    """A target of today can be asked by a runner of tomorrow."""
    assert msgspec.json.decode(b'{"seq":1,"verb":"start","protocol":2,"colour":"red"}', type=Request).protocol == 2


def test_of_a_trace_what_went_wrong_is_kept():
    """Frames of Node's trace are left out of the last words, so that the error stands among them."""
    trace = "file:1\n  x = ;\n      ^\nSyntaxError: no\n" + "    at f (y:1)\n" * 9 + "\nNode.js v20\n"
    assert "SyntaxError: no" in last_lines(SimpleNamespace(last_words=trace))
