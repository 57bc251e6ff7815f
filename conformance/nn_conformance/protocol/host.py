"""A Python file, module or object that speaks the protocol: `python -m nn_conformance.protocol.host file.py:function`.

Requests come and replies go through descriptors of their own; stdin is empty and stdout is stderr, so that whatever the
user's code reads or prints, it cannot corrupt the stream.
"""

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import msgspec
import numpy as np

from nn_conformance.claims import Claim, claim_of
from nn_conformance.doors import as_target, conventions_of
from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.encoding import number
from nn_conformance.protocol import messages
from nn_conformance.protocol.messages import Reply, Request, all_decoded, decoded, encoded
from nn_conformance.targets import (
    Answer,
    Prunes,
    Pruning,
    Run,
    Target,
    TargetError,
    Unsupported,
    changed_argument,
    same,
)
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError, NNReferenceError
from nn_reference.optimizers import State
from nn_reference.validation import suggestion


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


def serve(target: Target, obj: Any, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer each request until `stop`, or until there are no more; `obj` is what the target was made of."""
    for line in requests:
        request = msgspec.json.decode(line, type=Request)
        replies.write(messages.line(_answered(target, obj, request)))
        replies.flush()
        if request.verb == "stop":
            return


def _answered(target: Target, obj: Any, request: Request) -> Reply:
    what = f"{request.verb} {request.do}".rstrip()
    try:
        if what == "start":
            return _started(target, obj, request)
        if what not in ANSWERS:
            raise InputError(f"unknown: {what}")  # noqa: TRY301 - as any other that it cannot answer
        with np.errstate(all="ignore"):
            return ANSWERS[what](target, request)
    except Unsupported as error:
        return messages.Unsupported(request.seq, "unsupported", str(error))
    except (NNReferenceError, TargetError) as error:
        return messages.Error(request.seq, "error", str(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the user's code raises is an answer
        _print(error)
        return messages.Error(request.seq, "error", _raised(error))


def _started(target: Target, obj: Any, request: Request) -> messages.Started:
    claim = claim_of(obj)
    return messages.Started(
        request.seq,
        "ok",
        messages.PROTOCOL,
        target.name,
        [dtype for dtype in fmt.DTYPES if claim is None or dtype in claim.dtypes],
        list(claim.systems) if claim and claim.systems else "any",
        _does(target),
        conventions=msgspec.Raw(msgspec.json.encode(conventions_of(obj))),
    )


def _does(target: Target) -> list[messages.Does]:
    """What an update tells of gradients is recovered by the runner, which alone may say how far to trust it."""
    whole = ["evaluate", "train", "prune"] if isinstance(target, Prunes) else ["evaluate", "train"]
    return list(getattr(target, "does", whole))


def _echo(_: Target, request: Request) -> Reply:
    return messages.Echoed(request.seq, "ok", [number(float(value)) for value in request.values or ()])


def _evaluate(target: Target, request: Request) -> Reply:
    given = _Given(request)
    answer = target.evaluate(
        given.network, given.params, given.x, given.t, gradients="gradients" in (request.want or ())
    )
    if not isinstance(answer, Answer):
        raise TargetError(f"expected an Answer, got {type(answer).__name__}")
    layers = answer.layers
    return messages.Evaluated(
        request.seq,
        "ok",
        None if answer.loss is None else number(float(answer.loss)),
        given.written("gradient", answer.gradients),
        None if layers is None else [
            messages.Layer(given.one(f"z{k}", z), given.one(f"a{k}", a)) for k, (z, a) in enumerate(layers, 1)
        ],
    )  # fmt: skip


def _train(target: Target, request: Request) -> Reply:
    given = _Given(request)
    run = target.train(
        given.network, given.optimizer, given.params, given.x, given.t, request.batches or [], given.state
    )
    if not isinstance(run, Run):
        raise TargetError(f"expected a Run, got {type(run).__name__}")
    losses = None if run.losses is None else [number(float(loss)) for loss in run.losses]
    return messages.Trained(request.seq, "ok", given.written("parameter", run.params), losses)


def _prune(target: Target, request: Request) -> Reply:
    given = _Given(request)
    if not isinstance(target, Prunes) or given.state is None:
        raise Unsupported("the target does not prune")
    how = Pruning(request.threshold or 0.0, request.names or (), bool(request.keep_mask))
    left, after = target.prune(given.network, given.optimizer, given.params, given.x, given.t, how, given.state)
    return messages.Pruned(
        request.seq, "ok", given.written("pruned parameter", left), given.written("parameter", after)
    )


ANSWERS: dict[str, Callable[[Target, Request], Reply]] = {
    "run echo": _echo,
    "run evaluate": _evaluate,
    "run train": _train,
    "run prune": _prune,
    "stop": lambda _, request: Reply(request.seq, "ok"),
}


class _Given:
    """A request's network and arrays; and arrays back, if what was given is still the same, and they are of its dtype.

    Raises:
        InputError: the request lacks something.
    """

    def __init__(self, request: Request) -> None:
        if request.network is None or request.dtype is None or not request.x or not request.t:
            raise InputError(f"{request.do}: expected network, dtype, x and t")
        self.network, self.dtype = request.network, request.dtype
        self._optimizer = request.optimizer
        self.params = all_decoded("parameter", request.params or {}, self.dtype)
        self.x, self.t = decoded("x", request.x, self.dtype), decoded("t", request.t, self.dtype)
        self.state = None
        if request.state is not None:
            moments = {m: all_decoded(m, raws, self.dtype) for m, raws in request.state.moments.items()}
            self.state = State(request.state.step, moments)
        self._before = [(name, a, a.copy()) for name, a in self._arrays()]

    @property
    def optimizer(self) -> fmt.Optimizer:
        if self._optimizer is None:
            raise InputError("expected an optimizer")
        return self._optimizer

    def written(self, what: str, arrays: Params) -> dict[str, msgspec.Raw]:
        for name, now, before in self._before:  # which only this side can see
            if not same(now, before):
                raise changed_argument(name)
        return {name: self.one(f"{what} {name}", a) for name, a in arrays.items()}

    def _arrays(self) -> Iterator[tuple[str, Array]]:
        yield from [*self.params.items(), ("x", self.x), ("t", self.t)]
        for moment, arrays in (self.state.moments if self.state else {}).items():
            yield from ((f"{moment} of {name}", a) for name, a in arrays.items())

    def one(self, name: str, a: Array) -> msgspec.Raw:
        """On the wire a number has no dtype, so it is judged here."""
        if not isinstance(a, np.ndarray | np.generic):
            raise TargetError(f"{name}: expected an array, got {type(a).__name__}")
        if a.dtype != self.dtype:
            raise TargetError(f"{name}: expected {self.dtype}, got {a.dtype}")
        return encoded(a)


def _imported(name: str, load: Callable[[], ModuleType]) -> ModuleType:
    try:
        return load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the user's code raises
        _print(error)
        raise InputError(f"{name}: importing it raised {_raised(error)}") from None


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


def _raised(error: BaseException) -> str:
    """What it is, and where in the user's code it was raised."""
    own = _own(traceback.extract_tb(error.__traceback__))
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {error}{place}"


def _print(error: BaseException) -> None:
    """A traceback of the last line of the user's code: of stderr the end is kept and shown, and of ours they need none."""
    said = traceback.TracebackException.from_exception(error)
    said.stack = traceback.StackSummary.from_list((_own(said.stack) or list(said.stack))[-1:])
    print("".join(said.format(chain=False)), end="", file=sys.stderr)  # noqa: T201


def _own(frames: traceback.StackSummary) -> list[traceback.FrameSummary]:
    """Those of the user's code."""
    ours = ("nn_conformance", "site-packages")
    return [f for f in frames if not any(part in f.filename for part in ours) and not f.filename.startswith("<")]


def main() -> None:
    """Serve what the first argument names."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    try:
        obj = found(sys.argv[1])
        (claim_of(obj) or Claim()).check()
        target = as_target(obj)
    except NNReferenceError as error:
        refusal = str(error)
    except Exception as error:  # noqa: BLE001 - likewise
        _print(error)
        refusal = f"{sys.argv[1]}: {_raised(error)}"
    else:
        serve(target, obj, requests, replies)
        return
    if line := requests.readline():  # whoever asks it to start
        request = msgspec.json.decode(line, type=Request)
        replies.write(messages.line(messages.Error(request.seq, "error", refusal)))
        replies.flush()


if __name__ == "__main__":
    main()
