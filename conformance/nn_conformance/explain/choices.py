"""The rules that are worth trying in each step on the way to an array: those that differ from the right one and from each other."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nn_conformance.explain.search import Step, applied, error_to, of_engine, product, rule_of, rules
from nn_conformance.explain.trace import Trace
from nn_conformance.judge.limits import norm
from nn_reference.arithmetic import Array


@dataclass
class Choices:
    """The rules that are tried in each step, found once for all arrays that are explained together.

    Attributes:
        learned: variants with a fitted constant that an array has shown, by slot and layer.
    """

    learned: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    _found: dict[Any, list[str | None]] = field(default_factory=dict)

    def of(
        self, array: str, step: Step, traces: Sequence[Trace], others: Sequence[Trace], only: str = ""
    ) -> list[str | None]:
        """The options of a step: those that can be had on the traces, less those that are alike on all that were compared.

        Rules that differ on the first trace are not compared on the others.

        Args:
            array: the array that it leads to.
            step: the step.
            traces: of equal sizes.
            others: traces of other sizes, on which variants may differ that are the same on the first.
            only: `common` for those that are frequent alone, `engine` for those of an engine's operations instead.
        """
        learned = () if only == "engine" else tuple(self.learned.get((step.slot, step.layer), ()))
        # What comes before a step is the same on the way to every array, but for the letter of what is summed.
        key = step.slot, step.layer, array[0] * (step.slot == "sum"), learned, only, *traces, *others
        if key not in self._found:
            own = of_engine(traces[0], step) if only == "engine" else rules(traces[0], step)
            names = [n for n, rule in own.items() if (rule.common or only != "common") and not rule.answered]
            self._found[key] = _different(array, step, (*learned, *names), traces, others)
        return self._found[key]


def _different(
    array: str, step: Step, names: Sequence[str], traces: Sequence[Trace], others: Sequence[Trace]
) -> list[str | None]:
    """The right rule of a step, and those of some that differ from it and from each other."""
    every: dict[str | None, list[Array]] = {}

    def made(name: str | None) -> list[Array]:
        """On every trace; empty where it cannot be had, which must not be on one of those of equal sizes."""
        if name not in every:
            each = [_alone(tr, array, step, name) for tr in (*traces, *others)]
            had = all(value is not None for value in each[: len(traces)])
            every[name] = [np.zeros(0) if value is None else value for value in each] if had else []
        return every[name]

    seen: list[tuple[str | None, Array, float]] = []  # what is kept, with what it makes on the first trace, and its sum
    for name in (None, *names):
        if (first := _alone(traces[0], array, step, name)) is None:
            continue
        size, total = norm(first), float(first.sum())
        near = 1e-6 * size * len(first)
        # Most differ on the first trace, and are not looked at on the others.
        alike = [other for other, own, of in seen if own.shape != first.shape or abs(of - total) <= near]
        if name is not None and (alike or not np.isfinite(size) or not size):
            size = norm(np.concatenate(made(name))) if made(name) else 0.0
            shows = np.isfinite(size) and size > 0
            if not shows or any(_same(made(other), made(name), 1e-9 * size) for other in alike):
                continue
        seen.append((name, first, total))
    return [name for name, _, _ in seen]


def _alone(tr: Trace, array: str, step: Step, name: str | None) -> Array | None:
    """What a rule makes of what is right before it; None if it cannot be had at these sizes."""
    a = tr.a[int(array[1:]) - 1]
    try:
        if step.slot == "input":
            return np.ravel(a if name is None else rule_of(tr, step, name).of(tr))
        before = error_to(tr, array, {}, upto=step)
        if step.slot == "sum":
            return np.ravel(product(tr, array, name, a, before.g, whole=False))
        states = applied(tr, step, name, before)
        # An error that is dL/dz already differs from one with the same numbers that is not.
        return np.append(np.ravel(states.g), states.final) if step.slot == "error" else np.ravel(states.g)
    except ValueError:
        return None


def _same(some: Sequence[Array], others: Sequence[Array], near: float) -> bool:
    return len(some) == len(others) and all(
        a.shape == b.shape and (norm(a - b) <= near or bool(np.array_equal(a, b, equal_nan=True)))
        for a, b in zip(some, others, strict=True)
    )
