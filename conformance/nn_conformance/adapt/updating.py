"""What only updates: a function of parameters, inputs, targets and learning rate, or a class that holds its weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nn_conformance.adapt.conventions import OURS, Conventions
from nn_conformance.adapt.functions import as_array, as_number
from nn_conformance.cases import format as fmt
from nn_conformance.judge.call import changed_arguments, unchanged
from nn_conformance.judge.target import Answer, Run, TargetError, Unsupported
from nn_reference.arithmetic import Array, Params
from nn_reference.optimizers import State

# What an object needs, to be asked for updates: `step` may return the loss before it.
METHODS = ("set_weights", "step", "get_weights")
STEP = "expected the new parameters by name, a loss, both as a pair, or None for parameters that changed in place"


@dataclass(frozen=True)
class Updating:
    """``update(params, x, t, learning_rate)`` as a target that trains with plain SGD.

    Attributes:
        update: returns the new parameters by name, or None after it changed them in place; beside them, or alone, the
            loss before that. It is given copies.
        name: what it is called in reports.
        conventions: which axis of x is that of the samples.
    """

    update: Callable[[Params, Array, Array, float], Any]
    name: str
    conventions: Conventions = OURS
    does = ("train",)

    def evaluate(self, *args: Any, **more: Any) -> Answer:  # noqa: ARG002 - whatever is asked
        """Nothing: `Recovered` asks `train`."""
        raise Unsupported("it only updates")

    def train(
        self,
        network: fmt.Network,
        optimizer: fmt.Optimizer,
        params: Params,
        x: Array,
        t: Array,
        batches: Sequence[Sequence[int]],
        state: State | None = None,
    ) -> Run:
        """One update for each batch, each from what the last one left.

        Raises:
            Unsupported: momentum or Adam.
            TargetError: it returned something else.
        """
        del network, state
        check_plain(optimizer)
        losses: list[float | None] = []
        for rows in batches:
            given = {name: p.copy() for name, p in params.items()}
            update = partial(self.update, given)
            result = _on_batch(update, rows_of(self.conventions, x, t, rows), optimizer.learning_rate)
            loss, params = _read(result, given, params)
            losses.append(loss)
        return Run(_all_or_none(losses), params)


@dataclass
class Holding:
    """An object that holds its weights, with `set_weights(params)`, `step(x, t, learning_rate)` and `get_weights()`.

    It is one object in all calls, as it would be in use: what it forgets to set back shows.

    Attributes:
        make: makes the object when it is first asked; of an instance, what returns it.
        name: what it is called in reports.
        conventions: which axis of x is that of the samples.
    """

    make: Callable[[], Any]
    name: str
    conventions: Conventions = OURS
    held: Any = None
    does = ("train",)

    evaluate = Updating.evaluate

    def train(
        self,
        network: fmt.Network,
        optimizer: fmt.Optimizer,
        params: Params,
        x: Array,
        t: Array,
        batches: Sequence[Sequence[int]],
        state: State | None = None,
    ) -> Run:
        """Set the weights once, take a step for each batch, read the weights. Raises as `Updating.train` does."""
        del network, state
        check_plain(optimizer)
        self.held = self.make() if self.held is None else self.held
        self.held.set_weights({name: p.copy() for name, p in params.items()})
        losses: list[float | None] = []
        for rows in batches:
            result = _on_batch(self.held.step, rows_of(self.conventions, x, t, rows), optimizer.learning_rate)
            losses.append(None if result is None else as_number("loss", result))
        _, after = _read(self.held.get_weights(), {}, params)
        return Run(_all_or_none(losses), after)


def check_plain(optimizer: fmt.Optimizer) -> None:
    """Raises Unsupported for what is not plain SGD."""
    if optimizer.kind != "sgd" or optimizer.momentum:
        raise Unsupported(f"it updates by plain SGD, not by {'Adam' if optimizer.kind == 'adam' else 'momentum'}")


def rows_of(conventions: Conventions, x: Array, t: Array, rows: Sequence[int]) -> tuple[Array, Array]:
    """A batch of x and t, on the axis that the samples have."""
    if conventions.batch == "vector":
        return x, t
    if conventions.samples == "columns":
        return x[:, list(rows)], t[..., list(rows)]
    return x[list(rows)], t[list(rows)]


def _on_batch(update: Callable[..., Any], batch: tuple[Array, Array], rate: float) -> Any:
    """What an update of a batch returns; parameters may change in place, and x and t may not."""
    before = [a.copy("K") for a in batch]
    result = update(*batch, rate)
    changed = [name for name, now, a in zip("xt", batch, before, strict=True) if not unchanged(now, a)]
    if changed:
        raise changed_arguments(changed)
    return result


def _all_or_none(losses: Sequence[float | None]) -> list[float] | None:
    shown = [loss for loss in losses if loss is not None]
    return shown if len(shown) == len(losses) else None


def _read(result: Any, given: Params, before: Params) -> tuple[float | None, Params]:
    """The loss, if there is one, and the parameters after an update: those of before, whatever else is in their dict."""
    loss = None
    if isinstance(result, tuple | list) and len(result) == 2:
        loss, result = result if isinstance(result[1], Mapping) else result[::-1]
    elif result is not None and not isinstance(result, Mapping):
        loss, result = result, None
    if result is not None and not isinstance(result, Mapping):
        raise TargetError(f"{STEP}, got {type(result).__name__}")
    after = given if result is None else result
    dtype = next(iter(before.values())).dtype
    if missing := [name for name in before if name not in after]:
        raise TargetError(f"{STEP}; {', '.join(missing)} missing", "wrong-names", missing)
    # Copies: an object may go on to change the arrays that it holds.
    found = {name: np.array(as_array(f"parameter {name}", after[name], dtype)) for name in before}
    return None if loss is None else as_number("loss", loss), found
