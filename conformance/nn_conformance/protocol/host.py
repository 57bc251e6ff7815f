"""A Python file, module or object that speaks the protocol: `python -m nn_conformance.protocol.host file.py:function`.

Requests come and replies go through descriptors of their own; stdin is empty and stdout is stderr, so that whatever the
user's code reads or prints, it cannot corrupt the stream.
"""

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, TypeVar

import msgspec
import numpy as np

from nn_conformance.adapt.claims import Claim, claim_of
from nn_conformance.adapt.conventions import Conventions
from nn_conformance.adapt.doors import as_target, conventions_of
from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import number
from nn_conformance.judge.call import Guarded, described, own_frames
from nn_conformance.judge.target import Pruning, Target, TargetError, Unsupported
from nn_conformance.judge.verdict import one_line
from nn_conformance.protocol import messages
from nn_conformance.protocol.messages import Reply, Request, all_decoded, all_encoded, decoded, encoded
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError, NNReferenceError
from nn_reference.optimizers import State
from nn_reference.validation import suggestion

T = TypeVar("T")


def found(spec: str) -> Any:
    """What `file.py:name` or `python:module:attribute` names; without a name what `@conforms` marks, or a module of functions.

    Raises:
        InputError: it is not there, or the file cannot be imported.
    """
    if spec.startswith("python:"):
        name, _, attribute = spec.removeprefix("python:").partition(":")
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as `python -m` does
        module = _imported(name, lambda: importlib.import_module(name))
    else:
        name, attribute = (spec, "") if spec.endswith(".py") else spec.rpartition(":")[::2]
        sys.path.insert(0, str(Path(name).resolve().parent))  # as `python file.py` does
        module = _imported(name, lambda: _executed(name))
    if attribute:
        return _attribute(module, name, attribute)
    marked = {key: value for key, value in vars(module).items() if claim_of(value) is not None}
    if not marked and isinstance(module, Target):
        return module
    if len(marked) != 1:
        got = ", ".join(marked) or "none"
        raise InputError(f"{name}: expected one thing marked with @conforms, got {got}; name one: {name}:function")
    return marked.popitem()[1]


def serve(target: Guarded, obj: Any, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer each request until `stop`, or until there are no more; `obj` is what the target was made of."""
    for line in requests:
        request = msgspec.json.decode(line, type=Request)
        replies.write(messages.line(_answered(target, obj, request)))
        replies.flush()
        if request.verb == "stop":
            return


def _answered(target: Guarded, obj: Any, request: Request) -> Reply:
    what = f"{request.verb} {request.do}".rstrip()
    try:
        if what == "start":
            return _started(target, obj, request)
        if what not in ANSWERS:
            return messages.Error(request.seq, f"unknown: {one_line(what)[:60]}")
        return ANSWERS[what](target, _Given(request, conventions_of(obj)))
    except Unsupported as error:
        return messages.Unsupported(request.seq, one_line(str(error)))
    except TargetError as error:
        return messages.Error(request.seq, one_line(str(error)), error.failure, list(error.subject))
    except NNReferenceError as error:
        return messages.Error(request.seq, one_line(str(error)))


def _started(target: Guarded, obj: Any, request: Request) -> messages.Started:
    claim = claim_of(obj)
    return messages.Started(
        request.seq,
        messages.PROTOCOL,
        target.name,
        [dtype for dtype in fmt.DTYPES if claim is None or dtype in claim.dtypes],
        list(claim.systems) if claim and claim.systems else "any",
        list(target.does),
        conventions=msgspec.Raw(msgspec.json.encode(conventions_of(obj))),
    )


def _echo(_: Guarded, given: "_Given") -> Reply:
    return messages.Echoed(given.seq, [number(float(value)) for value in given.request.values or ()])


def _evaluate(target: Guarded, given: "_Given") -> Reply:
    wanted = "gradients" in (given.request.want or ())
    answer = target.evaluate(given.network, given.params, given.x, given.t, gradients=wanted)
    layers = None
    if answer.layers is not None:
        layers = [messages.Layer(encoded(layer.z), encoded(layer.a)) for layer in answer.layers]
    loss = None if answer.loss is None else number(answer.loss)
    return messages.Evaluated(given.seq, loss, all_encoded(answer.gradients), layers)


def _train(target: Guarded, given: "_Given") -> Reply:
    batches = given.request.batches or []
    run = target.train(given.network, given.optimizer, given.params, given.x, given.t, batches, given.state)
    losses = None if run.losses is None else [number(loss) for loss in run.losses]
    return messages.Trained(given.seq, all_encoded(run.params), losses)


def _prune(target: Guarded, given: "_Given") -> Reply:
    request, state = given.request, given.state
    if state is None:
        raise InputError("prune: expected state, got none")
    how = Pruning(request.threshold or 0.0, request.names or (), bool(request.keep_mask))
    left, after = target.prune(given.network, given.optimizer, given.params, given.x, given.t, how, state)
    return messages.Pruned(given.seq, all_encoded(left), all_encoded(after))


class _Given:
    """A request's network and arrays, read when they are asked for.

    Raises:
        InputError: the request lacks something.
    """

    def __init__(self, request: Request, conventions: Conventions) -> None:
        self.request, self.seq, self.conventions = request, request.seq, conventions

    @property
    def network(self) -> fmt.Network:
        return self._there(self.request.network, "network")

    @property
    def optimizer(self) -> fmt.Optimizer:
        return self._there(self.request.optimizer, "optimizer")

    @property
    def params(self) -> Params:
        return all_decoded("parameter", self.request.params or {}, self._dtype)

    @property
    def x(self) -> Array:
        return decoded("x", self._there(self.request.x, "x"), self._dtype)

    @property
    def t(self) -> Array:
        t = decoded("t", self._there(self.request.t, "t"), self._dtype)
        return t.astype(np.int64) if self.conventions.labels == "integer" else t

    @property
    def state(self) -> State | None:
        state = self.request.state
        if state is None:
            return None
        return State(state.step, {m: all_decoded(m, raws, self._dtype) for m, raws in state.moments.items()})

    @property
    def _dtype(self) -> fmt.Dtype:
        return self._there(self.request.dtype, "dtype")

    def _there(self, value: T | None, name: str) -> T:
        if not value:
            raise InputError(f"{self.request.do}: expected {name}, got none")
        return value


ANSWERS: dict[str, Callable[[Guarded, _Given], Reply]] = {
    "run echo": _echo,
    "run evaluate": _evaluate,
    "run train": _train,
    "run prune": _prune,
    "stop": lambda _, given: Reply(given.seq),
}


def _imported(name: str, load: Callable[[], ModuleType]) -> ModuleType:
    try:
        return load()
    except BaseException as error:  # noqa: BLE001 - whatever the user's code raises
        _print(error)
        raise InputError(f"{name}: {described(error)} while it was imported") from None


def _executed(file: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    if spec is None or spec.loader is None:
        raise InputError(f"{file}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles of its own look there
    spec.loader.exec_module(module)
    return module


def _attribute(module: Any, name: str, attribute: str) -> Any:
    value = module
    for part in attribute.split("."):
        if not hasattr(value, part):
            names = [n for n in vars(module) if not n.startswith("_")]
            raise InputError(f"{name}: it has no {attribute!r}{suggestion(attribute, names)}")
        value = getattr(value, part)
    return value


def _print(error: BaseException) -> None:
    """A traceback of the last line of the user's code: of stderr the end is kept and shown, and of ours they need none."""
    frames = own_frames(error) or list(traceback.extract_tb(error.__traceback__))
    lines = traceback.format_list(frames[-1:])
    print("".join(["Traceback (most recent call last):\n", *lines, described(error)]), file=sys.stderr)  # noqa: T201


def main() -> None:
    """Serve what the first argument names."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    try:
        obj = found(sys.argv[1])
        (claim_of(obj) or Claim()).check()
        target = Guarded(as_target(obj))
    except NNReferenceError as error:
        refusal = one_line(str(error))
    except BaseException as error:  # noqa: BLE001 - likewise
        _print(error)
        refusal = f"{sys.argv[1]}: {described(error)}"
    else:
        serve(target, obj, requests, replies)
        return
    if line := requests.readline():  # whoever asks it to start
        request = msgspec.json.decode(line, type=Request)
        replies.write(messages.line(messages.Error(request.seq, refusal)))
        replies.flush()


if __name__ == "__main__":
    main()
