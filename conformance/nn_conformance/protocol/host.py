"""A Python file, module or object that speaks the protocol: `python -m nn_conformance.protocol.host file.py:function`.

Requests come and replies go through descriptors of their own; stdin is empty and stdout is stderr, so that whatever the
user's code reads or prints, it cannot corrupt the stream.
"""

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from inspect import isfunction
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import msgspec
import numpy as np

from nn_conformance.adapt.claims import Claim, claim_of
from nn_conformance.adapt.conventions import Conventions
from nn_conformance.adapt.doors import layered, opened
from nn_conformance.adapt.reading import read_off
from nn_conformance.adapt.signatures import NETWORK, arguments_of, roles_of
from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import number
from nn_conformance.judge.call import Guarded, described, own_frames
from nn_conformance.judge.target import Pruning, Target, TargetError, Training, Unsupported
from nn_conformance.judge.verdict import one_line
from nn_conformance.protocol import messages
from nn_conformance.protocol.messages import Reply, Request, all_decoded, all_encoded, decoded, encoded
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
        own = [key for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        first = max(marked or [key for key in own if key[0] != "_"] or ["function"], key=partial(_likely, module))
        more, line = ("", "") if marked else (" and its network", " '3-4 tanh-2, squared-error'")
        got = ", ".join(marked) or "none"
        raise InputError(
            f"{name}: expected one thing marked with @conforms, got {got}; name one{more}, as in {name}:{first}{line}"
        )
    return marked.popitem()[1]


def _likely(module: ModuleType, key: str) -> int:
    """How many arguments of a function are such as a target has; 0 for anything else."""
    thing = getattr(module, key, None)
    return len([role for role in roles_of(arguments_of(thing), NETWORK) if role]) if isfunction(thing) else 0


def serve(target: Guarded, claim: Claim, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer each request until `stop`, or until there are no more; the claim is what the target says of itself."""
    for line in requests:
        request = msgspec.json.decode(line, type=Request)
        replies.write(messages.line(_answered(target, claim, request)))
        replies.flush()
        if request.verb == "stop":
            return


def _answered(target: Guarded, claim: Claim, request: Request) -> Reply:
    what = f"{request.verb} {request.do}".rstrip()
    try:
        if what == "start":
            return _started(target, claim, request)
        if what not in ANSWERS:
            return messages.Error(request.seq, f"unknown: {one_line(what)[:60]}")
        return ANSWERS[what](target, request, claim.conventions)
    except Unsupported as error:
        return messages.Unsupported(request.seq, one_line(str(error)))
    except TargetError as error:
        return messages.Error(request.seq, one_line(str(error)), error.failure, list(error.subject))
    except NNReferenceError as error:
        return messages.Error(request.seq, one_line(str(error)))


def _started(target: Guarded, claim: Claim, request: Request) -> messages.Started:
    return messages.Started(
        request.seq,
        messages.PROTOCOL,
        target.name,
        tuple(dtype for dtype in fmt.DTYPES if dtype in claim.dtypes),
        list(claim.systems) or "any",
        tuple(target.does),
        conventions=msgspec.Raw(msgspec.json.encode(claim.conventions)),
        pieces=sorted(claim.pieces) if claim.pieces else None,
    )


def _evaluate(target: Guarded, request: Request, conventions: Conventions) -> Reply:
    wanted = "gradients" in (request.want or ())
    answer = target.evaluate(_there(request, "network"), *_arrays(request, conventions), gradients=wanted)
    layers = None
    if answer.layers is not None:
        shown = (
            {name: encoded(a) for name, a in zip("za", pair, strict=True) if a is not None} for pair in answer.layers
        )
        layers = [messages.Layer(**arrays) for arrays in shown]
    loss = None if answer.loss is None else number(answer.loss)
    return messages.Evaluated(request.seq, loss, all_encoded(answer.gradients) or None, layers)


def _train(target: Guarded, request: Request, conventions: Conventions) -> Reply:
    run = target.train(_training(request, conventions, request.batches or []))
    losses = None if run.losses is None else [number(loss) for loss in run.losses]
    return messages.Trained(request.seq, all_encoded(run.params), losses)


def _prune(target: Guarded, request: Request, conventions: Conventions) -> Reply:
    how = Pruning(request.threshold or 0.0, request.names or (), bool(request.keep_mask))
    _there(request, "state")
    asked = _training(request, conventions, ())
    left, after = target.prune(replace(asked, batches=[range(len(asked.x))]), how)
    return messages.Pruned(request.seq, all_encoded(left), all_encoded(after))


def _training(request: Request, conventions: Conventions, batches: Sequence[Sequence[int]]) -> Training:
    network, optimizer = _there(request, "network"), _there(request, "optimizer")
    return Training(network, optimizer, *_arrays(request, conventions), batches, _state(request))


def _arrays(request: Request, conventions: Conventions) -> tuple[Params, Array, Array]:
    """A request's parameters, x and t. Raises as `_there` does."""
    dtype = _there(request, "dtype")
    params = all_decoded("parameter", request.params or {}, dtype)
    x, t = (decoded(name, _there(request, name), dtype) for name in "xt")
    # A hint asks for labels that are not declared: one number for each sample of several outputs.
    labels = x.ndim == 2 and t.ndim == 1 and _there(request, "network").layers[-1].units > 1
    return params, x, t.astype(np.int64) if labels or conventions.labels == "integer" else t


def _state(request: Request) -> State | None:
    if (state := request.state) is None:
        return None
    dtype = _there(request, "dtype")
    return State(state.step, {m: all_decoded(m, raws, dtype) for m, raws in state.moments.items()})


def _there(request: Request, name: str) -> Any:
    """A field of a request.

    Raises:
        InputError: the request lacks it.
    """
    if not (value := getattr(request, name)):
        raise InputError(f"{request.do}: expected {name}, got none")
    return value


ANSWERS: dict[str, Callable[[Guarded, Request, Conventions], Reply]] = {
    "run echo": lambda _, request, __: messages.Echoed(request.seq, [number(float(v)) for v in request.values or ()]),
    "run evaluate": _evaluate,
    "run train": _train,
    "run prune": _prune,
    "stop": lambda _, request, __: Reply(request.seq),
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
    # Without bytecode, which Python finds by a file's size and second: one that was changed since would be judged as it was.
    exec(compile(Path(file).read_bytes(), file, "exec"), vars(module))  # noqa: S102 - what the loader does
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
    """Serve what the first argument names; as a layer, if another says of which kind.

    With ``loss=`` it is judged by the network that is read off it, if it is a model.
    """
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    try:
        spec, *words = sys.argv[1:]
        losses, layer = ([w for w in words if w.startswith("loss=") == reads] for reads in (True, False))
        obj = layered(found(spec), *layer) if layer else found(spec)
        claim = claim_of(obj) or Claim()
        if losses and not claim.systems:
            claim = replace(claim, systems=tuple(read_off(obj, losses[0].removeprefix("loss=") or None)))
        claim.check()
        opened_target, conventions = opened(obj)
        target, claim = Guarded(opened_target), replace(claim, conventions=conventions)
    except NNReferenceError as error:
        refusal = one_line(str(error))
    except BaseException as error:  # noqa: BLE001 - likewise
        _print(error)
        refusal = f"{sys.argv[1]}: {described(error)}"
    else:
        serve(target, claim, requests, replies)
        return
    if line := requests.readline():  # whoever asks it to start
        request = msgspec.json.decode(line, type=Request)
        replies.write(messages.line(messages.Error(request.seq, refusal)))
        replies.flush()


if __name__ == "__main__":
    main()
