"""A program that speaks the protocol, as a target: the runner's side."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import msgspec
import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import values
from nn_conformance.judge import target as targets
from nn_conformance.judge.call import MOST_NAMES, Safe, check_names
from nn_conformance.judge.target import SAYABLE, Answer, Does, Pruning, Run, Shown, TargetError, Training
from nn_conformance.judge.verdict import SAID, brief, one_line
from nn_conformance.protocol import messages
from nn_conformance.protocol.child import Child
from nn_conformance.protocol.messages import Moments, Reply, Request, all_decoded, all_encoded, decoded, encoded
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
from nn_reference.optimizers import State
from nn_reference.validation import suggestion

HOST = "nn_conformance.protocol.host"  # serves a Python file, module or object
RESTARTS = 5  # then what is left fails: each may cost the time of a hang
# Seconds for each weight, sample and update: five times what plain Python needs for three products.
PER_PRODUCT = 2.5e-7
UPDATED = 60  # as many products, for each weight and update: Adam takes plain Python 3e-6 s; five times that
SHORT = 1 << 20  # bytes of a line besides its numbers
PER_NUMBER = 64  # bytes: a float64 in at most 25, and some spaces

R = TypeVar("R", bound=Reply)


@dataclass(frozen=True)
class Limits:
    """What a target may use: seconds for a small request and to start, bytes of memory."""

    seconds: float = 20.0  # TensorFlow's first step took over 10 on a machine with nine other jobs
    memory: int = 4 << 30
    start: float = 60.0


def command_of(spec: str, layer: str = "", loss: str | None = None) -> list[str]:
    """Program and arguments for `cmd:...`, `file.py:function`, `file.py` or `python:module:attribute`.

    Args:
        spec: one of these.
        layer: what it is, if it is a layer.
        loss: of a model whose network is read off it, `""` for what the model has itself; no network is read if None.

    Raises:
        InputError: none of these; a file or a program that is not there.
    """
    kind, _, rest = spec.partition(":")
    if kind == "cmd":
        if layer:
            raise InputError("--layer: expected file.py:function beside it, got a program, which answers for networks")
        return _program(rest)
    file = spec if spec.endswith(".py") else spec.rpartition(":")[0]
    if kind != "python" and not file.endswith(".py"):
        raise InputError(
            one_line(f"target: expected file.py:function, python:module:attribute or 'cmd:program ...', got {spec!r}")
        )
    if kind != "python" and not Path(file).is_file():
        beside = suggestion(Path(file).name, (path.name for path in Path(file).parent.glob("*.py")))
        raise InputError(one_line(f"target: expected a file, got {file!r}: there is none{beside}"))
    options = [*([layer] if layer else []), *([] if loss is None else [f"loss={loss}"])]
    return [sys.executable, "-P", "-m", HOST, spec, *options]


def _program(words: str) -> list[str]:
    try:
        command = shlex.split(words)
    except ValueError as error:
        raise InputError(one_line(f"cmd: expected words as in a shell, got {words!r}: {error}")) from None
    if not command:
        raise InputError("cmd: expected a program after it, got nothing")
    found = shutil.which(command[0])
    if found is None:
        hint = f"; did you mean ./{command[0]}" if Path(command[0]).is_file() else ""
        raise InputError(one_line(f"cmd: no program {command[0]!r} is there or can be run{hint}"))
    return [found, *command[1:]]


class ProtocolTarget(Safe):
    """A target in a child process, started when it is first asked, and again for what comes after a crash.

    Use it as a context manager: on entering it is launched, on leaving nothing of it is left running.

    Args:
        command: program and arguments.
        limits: of each request.
    """

    name = "target"

    def __init__(self, command: Sequence[str], limits: Limits | None = None) -> None:
        self.command, self.limits = list(command), limits or Limits()
        self.started: messages.Started | None = None
        self._stderr = ""
        self.exchanged: tuple[bytes, bytes] = b"", b""  # the last request and its answer
        self._child: Child | None = None
        self._seq, self._failures, self._last = 0, 0, ""

    def __enter__(self) -> Self:
        self._launch()  # so that it imports while we do
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def last_words(self) -> str:
        """The end of what it wrote to stderr."""
        return (self._child.stderr if self._child is not None else "") or self._stderr

    def start(self) -> messages.Started:
        """Who it is, and what it claims.

        Raises:
            InputError: it says why it cannot start.
            TargetError: it does not answer, or not so.
        """
        if self._seq:
            self.kill()
        self._launch()
        started = self._exchange(
            Request(0, "start", protocol=messages.PROTOCOL), messages.Started, self.limits.start, SHORT
        )
        if started.protocol != messages.PROTOCOL:
            self.kill()
            raise TargetError(f"it speaks protocol {started.protocol}, expected {messages.PROTOCOL}", "wrong-protocol")
        self.name, self.started = one_line(started.name)[:60] or "target", started
        return started

    def echo(self, values: Sequence[fmt.Number], dtype: fmt.Dtype) -> list[fmt.Number]:
        """What it makes of numbers that it only reads and prints. Raises as `evaluate` does."""
        request = Request(0, "run", do="echo", dtype=dtype, values=list(values))
        return self._ask(request, messages.Echoed, len(values)).values

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """One request.

        Raises:
            Unsupported: it says so, or has not said that it can.
            TargetError: no answer, or none that can be read; the error's `failure` is its name.
        """
        dtype = _dtype(x)
        want = ["layers", "loss", *(["gradients"] if gradients else [])]
        request = _request("evaluate", network, params, x, t, want=want)
        numbers = _size(params) + x.size + 2 * len(x) * sum(layer.units for layer in network.layers)
        reply = self._ask(request, messages.Evaluated, numbers, _size(params) * len(x))
        layers = None
        if reply.layers is not None:
            layers = [
                Shown(*(decoded(f"{q}{k}", raw, dtype) if raw else None for q, raw in (("z", layer.z), ("a", layer.a))))
                for k, layer in enumerate(reply.layers, 1)
            ]
        if gradients and reply.gradients == {}:
            raise TargetError("gradients: expected arrays by name, got none", "wrong-names")
        loss = None if reply.loss is None else float(values([reply.loss], "float64")[0])
        return Answer(loss, _arrays("gradient", reply.gradients or {}, dtype), layers)

    def train(self, asked: Training) -> Run:
        """One request. Raises as `evaluate` does."""
        batches, size = [list(batch) for batch in asked.batches], _size(asked.params)
        request = _request_to_train("train", asked, batches=batches)
        work = size * (sum(map(len, batches)) + UPDATED * len(batches))
        reply = self._ask(request, messages.Trained, size + len(batches), work)
        losses = None if reply.losses is None else values(reply.losses, "float64").tolist()
        return Run(losses, _arrays("parameter", reply.params, _dtype(asked.x)))

    def prune(self, asked: Training, how: Pruning) -> tuple[Params, Params]:
        """One request. Raises as `evaluate` does."""
        dtype, size = _dtype(asked.x), _size(asked.params)
        pruned = {"threshold": how.threshold, "names": list(how.names), "keep_mask": how.keep_mask}
        request = _request_to_train("prune", asked, **pruned)
        reply = self._ask(request, messages.Pruned, 2 * size, size * len(asked.x))
        return _arrays("pruned parameter", reply.left, dtype), _arrays("parameter", reply.after, dtype)

    def send(self, request: Request) -> Reply:
        """Any request, answered with nothing but a status."""
        return self._exchange(request, Reply, self.limits.seconds, SHORT)

    @property
    def program(self) -> bool:
        """Whether it is somebody's program, which reads from a request which network is meant, and not our host."""
        return HOST not in self.command

    @property
    def does(self) -> Sequence[Does]:
        """What it says that it can do."""
        return self.started.does if self.started else ("evaluate",)

    @property
    def running(self) -> bool:
        """Whether there is somebody to ask."""
        return self._child is not None

    def stop(self) -> None:
        """Ask it to end, and see that it does.

        Raises:
            TargetError: it does not, or not with exit code 0.
        """
        try:
            self._exchange(Request(0, "stop"), Reply, self.limits.seconds, SHORT)
            code = self._child.finish(self.limits.seconds) if self._child else 0
        finally:
            self.kill()
        if code is None:
            raise TargetError(f"ignored stop: it runs on after {self.limits.seconds:g} s", "ignored-stop")
        if code:
            raise TargetError(f"stopped with exit code {code}, expected 0", "exited")

    def kill(self) -> None:
        """End it at once, with all that it started."""
        if self._child is not None:
            child, self._child = self._child, None
            child.kill()
            self._stderr = child.stderr or self._stderr

    def _launch(self) -> None:
        if self._child is None:
            self._child = Child(self.command, self.limits.memory)

    def _ask(self, request: Request, kind: type[R], numbers: int, products: int = 0) -> R:
        """A reply to a request for which the target must be alive, and is started if need be."""
        if request.do != "echo" and request.do not in self.does:
            raise targets.not_done(request.do)
        if self._child is None:
            if self._failures >= RESTARTS:
                raise TargetError(f"given up after {self._failures} failures, the last: {self._last}", "given-up")
            self.start()
        seconds = self.limits.seconds + PER_PRODUCT * products
        return self._exchange(request, kind, seconds, SHORT + PER_NUMBER * numbers)

    def _exchange(self, request: Request, kind: type[R], seconds: float, longest: int) -> R:
        if self._child is None:
            raise TargetError("it is not running", "exited")
        self._seq += 1
        request.seq = self._seq
        line = messages.line(request)
        self.exchanged = line, b""
        try:
            answer = self._child.exchange(line, seconds=seconds, longest=longest)
            self.exchanged = line, answer
            reply = _decoded_reply(answer, self._seq, kind)
        except TargetError as error:  # what comes next on this stream cannot be relied on
            self._failures, self._last = self._failures + 1, str(error)
            self.kill()
            if request.verb != "start":
                raise
            hung = error.failure == "timeout"
            raise TargetError(
                f"{'hung ' * hung}at start: {error}", "hung-at-start" if hung else error.failure
            ) from None
        except BaseException:  # Ctrl-C
            self.kill()
            raise
        if isinstance(reply, messages.Unsupported):
            raise targets.Unsupported(brief(reply.reason))
        if isinstance(reply, messages.Error):
            if request.verb == "start":
                self.kill()
                raise InputError(f"target: {brief(reply.message)}")
            raise _error(reply)
        if isinstance(reply, TargetError):
            raise reply
        return reply


def _decoded_reply(answer: bytes, seq: int, kind: type[R]) -> R | messages.Unsupported | messages.Error | TargetError:
    """A reply; or an error, of a reply to this request that lacks something.

    Raises:
        TargetError: no JSON, no reply, or the reply to something else.
    """
    try:
        reply = _decoder(kind).decode(answer)
        answered = reply.seq
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        reply = TargetError(f"not a reply: {brief(str(error))}: {brief(_text(answer))}", "not-a-reply")
        try:
            answered = msgspec.json.decode(answer, type=messages.Head).seq
        except msgspec.ValidationError:
            raise reply from None
        except (ValueError, RecursionError):
            raise TargetError(f"not JSON: {brief(_text(answer)) or 'an empty line'}", "not-json") from None
    if answered != seq:
        raise TargetError(f"wrong seq: expected {seq}, got {answered}", "wrong-seq")
    return cast("R | messages.Unsupported | messages.Error | TargetError", reply)


@cache
def _decoder(kind: type[Reply]) -> Any:
    return msgspec.json.Decoder(kind | messages.Unsupported | messages.Error)


def _error(reply: messages.Error) -> TargetError:
    """What a target says of a failure; who names no class has one by that."""
    if reply.failure in SAYABLE:
        return TargetError(brief(reply.message), reply.failure, [brief(name) for name in reply.subject[:MOST_NAMES]])
    return TargetError(f"it answers with an error: {brief(reply.message)}", "error")


def _arrays(what: str, raws: dict[str, msgspec.Raw], dtype: fmt.Dtype) -> Params:
    check_names(what, raws)
    return all_decoded(what, raws, dtype)


def _text(answer: bytes) -> str:
    return answer[: 2 * SAID].decode("utf-8", "replace")


def _request(do: str, network: fmt.Network, params: Params, x: Array, t: Array, **more: Any) -> Request:
    given = all_encoded(params)
    return Request(0, "run", do=do, dtype=_dtype(x), network=network, params=given, x=encoded(x), t=encoded(t), **more)


def _request_to_train(do: str, asked: Training, **more: Any) -> Request:
    state, arrays = _moments(asked.state), (asked.params, asked.x, asked.t)
    return _request(do, asked.network, *arrays, optimizer=asked.optimizer, state=state, **more)


def _dtype(a: Array) -> fmt.Dtype:
    return "float32" if a.dtype == np.float32 else "float64"


def _size(params: Params) -> int:
    return sum(a.size for a in params.values())


def _moments(state: State | None) -> Moments | None:
    if state is None:
        return None
    return Moments(state.step, {m: all_encoded(arrays) for m, arrays in state.moments.items()})
