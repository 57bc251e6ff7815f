"""Circumstances in which a target that is right elsewhere may be wrong: sizes that are equal, many samples, integers for labels."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from nn_conformance.explain.causes import sample_weights
from nn_conformance.explain.experiments import Experiments
from nn_conformance.explain.points import Point
from nn_conformance.explain.record import Finding, every_array, of_slug
from nn_conformance.explain.trace import Case

SEVERAL = 3  # cases of a circumstance that is explained
MANY = 150  # samples: more than the batches that are a default somewhere
EQUAL_SAMPLES = 5


def every(own: Experiments) -> Iterator[tuple[str, Callable[[], Case]]]:
    """What some cases have in common, in words, and such a case: sizes that are equal, labels that are integers."""
    for k, width in enumerate(own.own if own.samples > 1 else ()):
        if width > 1 and width not in own.own[:k]:
            what = f"layer {k} has units" if k else "inputs"
            yield f"with as many samples as {what}", partial(own.draw, own.own, width)
    if own.own != own.square:
        yield (
            "with layers that are equally wide",
            partial(own.draw, own.square, EQUAL_SAMPLES if own.samples > 1 else 1),
        )
    case = own.draw(own.own, own.samples)
    if not own.rate and np.array_equal(case.t, np.round(case.t)):
        yield "with targets of an integer type", lambda: _counted(own.draw(own.own, own.samples))


def _counted(case: Case) -> Case:
    return replace(case, t=case.t.astype(np.int64))


def wrong(p: Point) -> bool:
    """Whether a gradient, its shape or the loss is wrong."""
    loss = p.asked.loss is not None and not abs(p.asked.loss - p.limits.loss) <= p.limits.of_loss(float(p.limits.loss))
    return bool(loss or p.asked.shapes or p.asked.misshapen) or not p.all_right


def cut_to_zero(p: Point) -> bool:
    """Whether errors that are cut to integers are all 0, as those of probabilities and one-hot targets are."""
    return p.trace.case.network.loss.kind != "linear" and not np.any(np.trunc(p.trace.y - p.trace.t))


def of_many(own: Experiments) -> tuple[str, list[Finding], list[Point]] | None:
    """From how many samples on a target is wrong, what is known of that, and a case to look at; None if it is right.

    Samples that count are found from the gradients of each: a target that takes some of a larger batch may take others in
    each call.
    """

    def asked(n: int) -> list[Point]:
        case = own.draw(own.own, n)
        return [p for p in (own.point(case) for _ in range(2)) if p]

    low, high, seen = own.samples, MANY, asked(MANY)
    if own.samples == 1 or not any(map(wrong, seen)):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        points = asked(middle)
        low, high, seen = (low, middle, points) if any(map(wrong, points)) else (middle, high, seen)
    when = f"with more than {low} samples"
    weights = [sample_weights(p) for p in seen]
    if not seen or any(of is None or np.ptp(of[of > 0.5]) > 1e-6 for of in weights) or not any(map(wrong, seen)):
        return when, [], seen
    numbers = [np.flatnonzero(np.round(of, 6)) + 1 for of in weights if of is not None]
    if len({tuple(of) for of in numbers}) > 1:
        uses = f"{len(numbers[0])} of {high} samples, others in each call"
    else:
        uses = f"samples {', '.join(map(str, numbers[0]))} of {high}"
    arrays = every_array(list(seen[0].asked.gradients))
    return when, [of_slug("samples-drawn", uses, arrays, when=when)], seen
