"""Calls of a target that nothing escapes: whatever it does becomes an answer, `Unsupported` or a `TargetError`.

A target gets copies, so that whatever it does to its arguments, ours stay as they are. What it answers is checked as far
as that needs no knowledge of the network: types, names that are text, the dtype. The process that judges in place and
the one that serves a child both call targets through here, so that both say the same.
"""

import signal
import sysconfig
import threading
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import (
    DOES,
    SAYABLE,
    Answer,
    Does,
    Pruning,
    Run,
    Shown,
    Target,
    TargetError,
    Training,
    Unsupported,
    not_done,
)
from nn_conformance.judge.verdict import brief
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
from nn_reference.optimizers import State
from nn_reference.validation import is_masked

T = TypeVar("T")
MOST_AXES = 2  # of an array of a network of dense layers
MOST_NAMES = 20  # of arrays: ten layers with a bias each
UNREADABLE = "it raised something that cannot be read"
LONGEST_NAME = 60  # characters of an array's name, or of a message's type, in a report


class Safe:
    """The base of our own targets that raise nothing but `Unsupported` and `TargetError`: they need no guard."""


def guarded(target: Target) -> Target:
    """The target, guarded unless it is `Safe`; its class is asked, and never its attributes, which may say anything."""
    return target if issubclass(type(target), Safe) else Guarded(target)


@contextmanager
def ctrl_c() -> Iterator[list[int]]:
    """A list that is empty until somebody presses Ctrl-C: a target's own `KeyboardInterrupt` comes from nobody."""
    pressed: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield pressed  # Python interrupts no other thread, and none where the signal has another meaning
        return

    def note(number: int, frame: Any) -> None:
        pressed.append(number)
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def made(make: Callable[[], T]) -> T:
    """What somebody's code makes before it is called as a target: an object, a model, an attribute.

    Raises:
        InputError: whatever that code raised, in a line.
    """
    with ctrl_c() as interrupted:
        try:
            return make()
        except InputError as error:  # ours, of what was made
            problem = message_of(error)
        except BaseException as error:  # noqa: BLE001 - whatever the user's code raises
            problem = f"{described(error)} while the target was made"
        if interrupted:
            raise KeyboardInterrupt
        raise InputError(problem)


class Guarded(Safe):
    """A target whose calls raise nothing but `Unsupported` and `TargetError`; Ctrl-C passes through.

    Args:
        inner: any target. It may raise anything, change its arguments, and answer with anything.

    Attributes:
        name: the target's own, at most 60 characters.
        does: `evaluate`, `train`, `prune`: what the target says, or the methods that it has.
        fixed: whether it says that it has one size.

    Raises:
        InputError: one of these cannot be read, or is something else.
    """

    def __init__(self, inner: Target) -> None:
        self.inner = inner
        self.name, self.does, self.fixed = made(lambda: _own_attributes(inner))
        self._arrays: dict[tuple[str, ...], Array] = {}  # lent again and again, so that a cache by identity shows

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """As `Target.evaluate`.

        Raises:
            Unsupported: the target says so.
            TargetError: it raised, changed its arguments, or answered with something else.
        """
        self._check("evaluate")
        lent = Lent(params, x, t, arrays=self._arrays)
        return lent.to(
            lambda: self.inner.evaluate(network, lent.params, lent.x, lent.t, gradients=gradients), own_answer
        )

    def train(self, asked: Training) -> Run:
        """As `Target.train`. Raises as `evaluate` does."""
        self._check("train")
        lent = Lent(asked.params, asked.x, asked.t, asked.state, asked.batches, self._arrays)
        return lent.to(lambda: self.inner.train(lent.training(asked)), own_run)

    def prune(self, asked: Training, how: Pruning) -> tuple[Params, Params]:
        """As `Pruning` says. Raises as `evaluate` does."""
        self._check("prune")
        inner, lent = cast("Any", self.inner), Lent(asked.params, asked.x, asked.t, asked.state, asked.batches)
        return lent.to(lambda: inner.prune(lent.training(asked), how), own_pruned)

    def _check(self, what: str) -> None:
        if what not in self.does:
            raise not_done(what)


class Lent:
    """Copies of what a target is given; `arrays` that were lent before get new contents where their shapes are the same."""

    def __init__(
        self,
        params: Params,
        x: Array,
        t: Array,
        state: State | None = None,
        batches: Sequence[Sequence[int]] = (),
        arrays: dict[tuple[str, ...], Array] | None = None,
    ) -> None:
        self._arrays = {} if arrays is None else arrays
        self._own = {"batch": {"x": x, "t": t}, "params": params, **({} if state is None else state.moments)}
        self._lent = {part: {name: self._filled((part, name), a) for name, a in own.items()}
                      for part, own in self._own.items()}  # fmt: skip
        self._step, self._batches = state and state.step, [list(batch) for batch in batches]
        self.dtype = next(iter(params.values())).dtype
        self.x, self.t = self._lent["batch"].values()
        self.params = dict(self._lent["params"])
        self.state = None if state is None else State(state.step, {m: dict(self._lent[m]) for m in state.moments})
        self.batches = [list(batch) for batch in batches]

    def training(self, asked: Training) -> Training:
        """What is asked, with what is lent."""
        return replace(asked, params=self.params, x=self.x, t=self.t, batches=self.batches, state=self.state)

    def to(self, call: Callable[[], Any], read: Callable[[Any, "np.dtype[Any]"], T]) -> T:
        """What a call returns, read; after it, nothing that was lent may have changed.

        Raises:
            Unsupported: the target says so.
            TargetError: as `Guarded.evaluate` says.
        """
        with ctrl_c() as interrupted:
            try:
                with np.errstate(all="ignore"):
                    answer = read(call(), self.dtype)
            except BaseException as error:  # noqa: BLE001 - whatever the target raises
                self._arrays.clear()
                problem = _readable(error)
                if interrupted:
                    raise KeyboardInterrupt from None
                raise problem from None
        if changed := self._changed():
            self._arrays.clear()
            raise changed_arguments(changed)
        return answer

    def _filled(self, key: tuple[str, ...], a: Array) -> Array:
        """An array with these contents, contiguous: the one that was lent before, if it is of this form."""
        kept = self._arrays.get(key)
        if kept is None or (kept.shape, kept.dtype, kept.flags.writeable) != (a.shape, a.dtype, True):
            # Row after row, as people's own arrays are: `reshape(-1)` of another order is a copy, which code may write to.
            kept = self._arrays[key] = a.copy()
        else:
            np.copyto(kept, a)
        return kept

    def _changed(self) -> list[str]:
        """The names of what is not as it was, by contents or by being another object: `x`, `W1`, or `m of W1`."""
        found = [
            name if part in ("batch", "params") else f"{part} of {name}"
            for part, own in self._own.items()
            for name, a in own.items()
            if not unchanged(self._lent[part][name], a)
        ]
        if not _identical(self.params, self._lent["params"]):
            found.append("parameters")
        if self.state is not None:
            moments = self._own.keys() - {"batch", "params"}
            same = self.state.step == self._step and self.state.moments.keys() == moments
            if not same or any(not _identical(self.state.moments[m], self._lent[m]) for m in moments):
                found.append("state")
        if self.batches != self._batches:
            found.append("batches")
        return found


def _own_attributes(target: Any) -> tuple[str, tuple[Does, ...], bool]:
    """A target's name, what it does, and whether it has one size.

    Raises:
        InputError: one of these is something else.
    """
    name, fixed = getattr(target, "name", None), getattr(target, "fixed", False)
    does = getattr(target, "does", None)
    if not isinstance(name, str) or not name.isprintable():
        raise InputError(f"name: expected printable text, got {name!a:.60}")
    if does is None:
        does = tuple(what for what in DOES if callable(getattr(target, what, None)))
    if not isinstance(does, tuple | list) or not does or not set(does) <= set(DOES):
        raise InputError(f"does: expected some of {', '.join(DOES)}, as a tuple, got {does!a:.60}")
    if not isinstance(fixed, bool):
        raise InputError(f"fixed: expected True or False, got {fixed!a:.60}")
    return str.__str__(name)[:LONGEST_NAME], tuple(what for what in DOES if what in does), fixed


def changed_arguments(names: Sequence[str]) -> TargetError:
    """What to raise of a target that changed these arguments."""
    words = f"it changed its argument {', '.join(names)}: expected arguments to be left alone"
    return TargetError(words, "arguments", names)


def own_answer(answer: Any, dtype: "np.dtype[Any]") -> Answer:
    """A copy of an answer, which no later call of the target can change.

    Raises:
        TargetError: it is no `Answer`, or has something else than arrays of `dtype` by names that are text.
    """
    if not isinstance(answer, Answer):
        raise TargetError(f"expected an Answer, got {_kind(answer)}")
    if not isinstance(answer.loss, float | np.floating | None):
        raise TargetError(f"loss: expected a finite float, got {_kind(answer.loss)}", subject=["loss"])
    loss = None if answer.loss is None else float(answer.loss)
    layers = None if answer.layers is None else [_own_layer(k, pair, dtype) for k, pair in enumerate(answer.layers, 1)]
    return Answer(loss, _own_arrays("gradient", answer.gradients, dtype), layers, dict(answer.uncertainty))


def own_run(run: Any, dtype: "np.dtype[Any]") -> Run:
    """A copy of what `train` returned. Raises as `own_answer` does."""
    if not isinstance(run, Run):
        raise TargetError(f"expected a Run, got {_kind(run)}")
    try:
        losses = None if run.losses is None else [float(loss) for loss in run.losses]
    except (TypeError, ValueError):
        raise TargetError("losses: expected a float for each update", subject=["losses"]) from None
    return Run(losses, _own_arrays("parameter", run.params, dtype), dict(run.uncertainty))


def own_pruned(pruned: Any, dtype: "np.dtype[Any]") -> tuple[Params, Params]:
    """Copies of what `prune` returned. Raises as `own_answer` does."""
    if not isinstance(pruned, tuple) or len(pruned) != 2:
        raise TargetError("expected the parameters after pruning and after one update, as two dicts")
    return _own_arrays("pruned parameter", pruned[0], dtype), _own_arrays("parameter", pruned[1], dtype)


def _own_arrays(what: str, arrays: Any, dtype: "np.dtype[Any]") -> Params:
    if not isinstance(arrays, Mapping):
        raise TargetError(f"{what}s: expected arrays by name, got {_kind(arrays)}")
    check_names(what, arrays)
    return {str.__str__(name): _own_array(f"{what} {name}", a, dtype) for name, a in arrays.items()}


def check_names(what: str, names: Collection[Any]) -> None:
    """Refuse names of arrays that could not stand in a report.

    Raises:
        TargetError: one is no printable text or long, or there are many.
    """
    if len(names) > MOST_NAMES:
        raise TargetError(f"{what}s: expected a few, got {len(names)}", "wrong-names")
    for name in names:
        if not isinstance(name, str) or not name.isprintable() or len(name) > LONGEST_NAME:
            words = f"expected names that are printable text of at most {LONGEST_NAME} characters, got {name!a:.60}"
            raise TargetError(f"{what}s: {words}", "wrong-names")


def _own_array(name: str, a: Any, dtype: "np.dtype[Any]") -> Array:
    if not isinstance(a, np.ndarray | np.generic) or is_masked(a):
        raise TargetError(f"{name}: expected an array, got {_kind(a)}", subject=[name])
    if a.ndim > MOST_AXES:
        raise TargetError(f"{name}: expected at most {MOST_AXES} axes, got shape {a.shape}", "wrong-shape", [name])
    if a.dtype != dtype:
        raise TargetError(f"{name}: expected {dtype}, got {a.dtype}", "wrong-dtype", [name])
    return np.array(a)


def _own_layer(k: int, pair: Any, dtype: "np.dtype[Any]") -> Shown:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TargetError("layers: expected a pair of arrays, z and a, for each layer", subject=["layers"])
    each = zip("za", pair, strict=True)
    return Shown(*(None if a is None else _own_array(f"{letter}{k}", a, dtype) for letter, a in each))


def _readable(error: BaseException) -> Unsupported | TargetError:
    """What a target raised, as an error of ours; its attributes are the target's code too, which may raise again."""
    try:
        if isinstance(error, Unsupported):
            return Unsupported(message_of(error))
        if not isinstance(error, TargetError):
            return TargetError(described(error), "out-of-memory" if isinstance(error, MemoryError) else "raised")
        failure, names = getattr(error, "failure", ""), getattr(error, "subject", ())
        subject = [brief(name) for name in names if isinstance(name, str)] if isinstance(names, tuple | list) else []
        known = next((word for word in SAYABLE if word == failure), "raised")
        return TargetError(message_of(error) or f"it raised {_kind(error)}", known, subject[:MOST_NAMES])
    except BaseException:  # noqa: BLE001 - likewise
        return TargetError(UNREADABLE, "raised")


def described(error: BaseException) -> str:
    """What was raised, with its message where it can be read, and the line of the target's code that raised it."""
    try:
        frames = own_frames(error)
        place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
        message = message_of(error)
        return brief(f"it raised {_kind(error)}{': ' * bool(message)}{message}{place}")
    except BaseException:  # noqa: BLE001 - likewise
        return UNREADABLE


def message_of(error: BaseException) -> str:
    """The message of an exception, brief; that is the target's code too, which may raise again."""
    try:
        return brief(str(error))
    except BaseException:  # noqa: BLE001 - likewise
        return "its message cannot be read"


def own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Where it came through the target's code, and not through ours, that of a package or of the importer.

    No file is read for it: a frame's file name may be anything.
    """
    ours = str(Path(__file__).resolve().parents[1]), sysconfig.get_path("stdlib"), "<"
    frames = [
        traceback.FrameSummary(frame.f_code.co_filename, line, frame.f_code.co_name, lookup_line=False)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return [f for f in frames if not f.filename.startswith(ours) and "site-packages" not in f.filename]


def unchanged(now: Array, before: Array) -> bool:
    """Whether an array is as it was: shape, dtype and every bit."""
    return now.shape == before.shape and now.dtype == before.dtype and now.tobytes() == before.tobytes()


def _identical(given: Any, lent: Params) -> bool:
    """Whether a dict has the same objects by the same names."""
    return given.keys() == lent.keys() and all(given[name] is a for name, a in lent.items())


def _kind(value: Any) -> str:
    """The name of a value's class, as the class has it: a metaclass may say anything."""
    name: str = type.__dict__["__name__"].__get__(type(value))
    return brief(name[:LONGEST_NAME])
