"""The rules that are worth trying in each step on the way to an array: those that differ from the right one and from each other."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from nn_conformance.explain.search import Step, applied, error_to, of_engine, product, rule_of, rules
from nn_conformance.explain.trace import Trace
from nn_conformance.judge.limits import norm
from nn_reference.arithmetic import Array


def worth_trying(
    array: str, step: Step, traces: Sequence[Trace], others: Sequence[Trace], only: str = ""
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

    def made() -> list[str | None]:
        own = of_engine(traces[0], step) if only == "engine" else rules(traces[0], step)
        names = [n for n, rule in own.items() if (rule.common or only != "common") and not rule.answered]
        return _different(array, step, names, traces, others)

    # What comes before a step is the same on the way to every array, but for the letter of what is summed.
    key = "choices", step.slot, step.layer, array[0] * (step.slot == "sum"), only, *traces, *others
    return traces[0].once(key, made)


def _different(
    array: str, step: Step, names: Sequence[str], traces: Sequence[Trace], others: Sequence[Trace]
) -> list[str | None]:
    """The right rule of a step, and those of some that differ from it and from each other."""

    @cache
    def made(name: str | None) -> list[Array]:
        """On every trace; empty where it cannot be had, which must not be on one of those of equal sizes."""
        each = [_alone(tr, array, step, name) for tr in (*traces, *others)]
        had = all(value is not None for value in each[: len(traces)])
        return [np.zeros(0) if value is None else value for value in each] if had else []

    def same(name: str | None, other: str | None, near: float) -> bool:
        pairs = zip(made(name), made(other), strict=False)
        return bool(made(other)) and all(a.shape == b.shape and norm(a - b) <= near for a, b in pairs)

    kept: list[str | None] = []
    of_first: dict[bytes, list[str | None]] = {}
    for name in (None, *names):
        if (first := _alone(traces[0], array, step, name)) is None:
            continue
        # Most differ on the first trace, and are not looked at on the others.
        alike = of_first.setdefault((np.round(first, 6) + 0.0).tobytes(), [])
        if name is not None and (alike or not np.isfinite(first).all() or not np.any(first)):
            size = norm(np.concatenate(made(name))) if made(name) else 0.0
            if not np.isfinite(size) or size == 0 or any(same(name, other, 1e-9 * size) for other in alike):
                continue
        alike.append(name)
        kept.append(name)
    return kept


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
