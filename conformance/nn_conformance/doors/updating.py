"""What only updates: a function of parameters, inputs, targets and learning rate, or a class that holds its weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nn_conformance.conventions import OURS, Conventions
from nn_conformance.doors.functions import as_array, as_number
from nn_conformance.fixtures import format as fmt
from nn_conformance.targets import Answer, Run, Unsupported
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
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
            InputError: it returned something else.
        """
        del network, state
        if optimizer.kind != "sgd" or optimizer.momentum:
            raise Unsupported(f"it updates by plain SGD, not by {'Adam' if optimizer.kind == 'adam' else 'momentum'}")
        losses: list[float | None] = []
        for rows in batches:
            given = {name: p.copy() for name, p in params.items()}
            result = self.update(given, *self._batch(x, t, rows), optimizer.learning_rate)
            loss, params = _read(result, given, params)
            losses.append(loss)
        return Run(None if None in losses else [loss for loss in losses if loss is not None], params)

    def _batch(self, x: Array, t: Array, rows: Sequence[int]) -> tuple[Array, Array]:
        if self.conventions.batch == "vector":
            return x, t
        if self.conventions.samples == "columns":
            return x[:, list(rows)], t[..., list(rows)]
        return x[list(rows)], t[list(rows)]


def by_methods(make: Callable[[], Any]) -> Callable[[Params, Array, Array, float], Any]:
    """An update from an object with `set_weights(params)`, `step(x, t, learning_rate)` and `get_weights()`."""

    def update(params: Params, x: Array, t: Array, learning_rate: float) -> Any:
        held = make()
        held.set_weights(params)
        loss = held.step(x, t, learning_rate)
        after = held.get_weights()
        return after if loss is None else (loss, after)

    return update


def _read(result: Any, given: Params, before: Params) -> tuple[float | None, Params]:
    """The loss, if there is one, and the parameters after an update: those of before, whatever else is in their dict."""
    loss = None
    if isinstance(result, tuple | list) and len(result) == 2:
        loss, result = result if isinstance(result[1], Mapping) else result[::-1]
    elif result is not None and not isinstance(result, Mapping):
        loss, result = result, None
    if result is not None and not isinstance(result, Mapping):
        raise InputError(f"{STEP}, got {type(result).__name__}")
    after = given if result is None else result
    dtype = next(iter(before.values())).dtype
    if missing := [name for name in before if name not in after]:
        raise InputError(f"{STEP}; {', '.join(missing)} missing")
    # Copies: an object may go on to change the arrays that it holds.
    found = {name: np.array(as_array(f"parameter {name}", after[name], dtype)) for name in before}
    return None if loss is None else as_number("loss", loss), found
