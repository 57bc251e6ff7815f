"""What only updates: a function of parameters, inputs, targets and learning rate, or a class that holds its weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nn_conformance.adapt.conventions import OURS, Conventions
from nn_conformance.adapt.functions import as_array, as_number
from nn_conformance.judge.call import changed_arguments, unchanged
from nn_conformance.judge.target import Run, TargetError, Training, Unsupported
from nn_reference.arithmetic import Array, Params

# What an object needs, to be asked for updates: `step` may return the loss before it.
METHODS = ("set_weights", "step", "get_weights")
STEP = "expected the new parameters by name, a loss, both as a pair, or None for parameters that changed in place"


@dataclass
class Updating:
    """``update(params, x, t, learning_rate)`` as an object that holds its weights.

    Attributes:
        update: returns the new parameters by name, or None after it changed them in place; beside them, or alone, the
            loss before that. It is given copies.
        params: those that it holds.
    """

    update: Callable[[Params, Array, Array, float], Any]
    params: Params = field(default_factory=dict)

    def set_weights(self, params: Params) -> None:
        """Hold these."""
        self.params = params

    def step(self, x: Array, t: Array, rate: float) -> float | None:
        """The loss before an update, if it is shown. Raises TargetError for what is no loss and no parameters."""
        given = {name: p.copy() for name, p in self.params.items()}
        loss, self.params = _read(self.update(given, x, t, rate), given, self.params)
        return loss

    def get_weights(self) -> Params:
        """Those after the last step."""
        return self.params


@dataclass
class Holding:
    """An object that holds its weights, with `set_weights(params)`, `step(x, t, learning_rate)` and `get_weights()`.

    It trains with plain SGD. It is one object in all calls, as it would be in use: what it forgets to set back shows.

    Attributes:
        make: makes the object when it is first asked; of an instance, what returns it.
        conventions: which axis of x is that of the samples.
    """

    make: Callable[[], Any]
    name: str
    conventions: Conventions = OURS
    held: Any = None
    does = ("train",)

    def train(self, asked: Training) -> Run:
        """Set the weights once, take a step for each batch, read the weights.

        Raises:
            Unsupported: momentum or Adam.
            TargetError: it returned something else.
        """
        optimizer = asked.optimizer
        if optimizer.kind != "sgd" or optimizer.momentum:
            raise Unsupported(f"it updates by plain SGD, not by {'Adam' if optimizer.kind == 'adam' else 'momentum'}")
        self.held = self.make() if self.held is None else self.held
        self.held.set_weights({name: p.copy() for name, p in asked.params.items()})
        losses: list[float | None] = []
        for rows in asked.batches:
            result = self._on_batch(*_rows_of(self.conventions, asked.x, asked.t, rows), optimizer.learning_rate)
            losses.append(None if result is None else as_number("loss", result))
        shown = [loss for loss in losses if loss is not None]
        _, after = _read(self.held.get_weights(), {}, asked.params)
        return Run(shown if len(shown) == len(losses) else None, after)

    def _on_batch(self, x: Array, t: Array, rate: float) -> Any:
        """What a step returns; x and t may not change."""
        before = x.copy("K"), t.copy("K")
        result = self.held.step(x, t, rate)
        if changed := [name for name, now, a in zip("xt", (x, t), before, strict=True) if not unchanged(now, a)]:
            raise changed_arguments(changed)
        return result


def _rows_of(conventions: Conventions, x: Array, t: Array, rows: Sequence[int]) -> tuple[Array, Array]:
    """A batch of x and t, on the axis that the samples have."""
    if conventions.batch == "vector":
        return x, t
    if conventions.samples == "columns":
        return x[:, list(rows)], t[..., list(rows)]
    return x[list(rows)], t[list(rows)]


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
