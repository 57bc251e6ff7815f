"""Starting weights of `xor-sigmoid` and `xor-tanh` from which all 32 printed errors come out, to the last digit.

The document draws 13 weights from U[-.5, .5) without a seed, and prints the mean error of each of 32 epochs to six
digits. Weights that give these digits were found by least squares through the whole run. They are *reconstructed*, not
the original ones: others print the same.

Weights are in the order W1 by rows, b1, W2, b2, and in one of their equivalent forms: a permutation of the hidden units
changes no error, nor do, where the activation is odd, opposite signs of all weights of a unit; so the weights out of
the hidden units rise, and are not negative where signs are free.

Legend: S starts, P = 13 weights; leading axes are copies of the network.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, field
from numpy.random import RandomState

from nn_conformance.cases.format import Record
from nn_conformance.replay.records import Count
from nn_maintain.measured import watched
from nn_maintain.studies.copies import LATE, NO_SLOPE, canonical, equivalent, matches, run, trained
from nn_maintain.studies.levenberg import fit, linearized
from nn_reference.arithmetic import Array
from nn_reference.network import predict
from nn_reference.optimizers import SGD
from nn_reference.systems import System

NAME = "reconstruction"
UNIT = 1e-6  # the last printed digit
SLACK = 0.45  # of it, to aim for: half would be just enough
LIMIT = 0.4999  # of a weight, likewise: it is drawn from [-0.5, 0.5)
WALL = 1000.0  # residual for each unit beyond the limit
PULL = 1.0  # residual for each unit that a pushed weight is from the limit
# Iterations: towards the printed figures, then into their rounding intervals; and for a weight that is pushed.
LEAST_SQUARES, REPAIR, PUSH = 250, 100, 60
BATCH = 16  # starts at once
CONTROL_STARTS = 32  # of each wrong network, at most
KEPT = 10  # solutions in the record, each of which is pushed

# Wrong networks: the learning rate, and the mistake.
CONTROLS = ((0.1, NO_SLOPE), (0.1, LATE), (0.11, ""), (0.101, ""))

Weights = Annotated[list[Annotated[float, Meta(ge=-0.5, lt=0.5)]], Meta(min_length=13, max_length=13)]


class Solution(Record, frozen=True):
    """Weights that print the same figures.

    `residual` is the largest distance of an error from its printed figure, in units of the last digit, `last_error` the
    error of the last epoch and `outputs` what the network says to the four inputs after it.
    """

    weights: Weights
    residual: Annotated[float, Meta(ge=0, le=0.5)]
    last_error: float
    outputs: list[float]


class Control(Record, frozen=True):
    """A wrong network, and how many printed figures come out at most, of so many random starts that were solved from."""

    mistake: str
    starts: Count
    figures: Count


class Reconstruction(Record, frozen=True):
    """What is known of the start of one system.

    `weights` names the file of the first solution in `weights/`, from which all `figures` come out. Of `starts` random
    starts, drawn with `seed`, so many `converged`; `solutions` has the first few, the best fit first. For each there
    are as many others as are `equivalent`, itself counted.

    `singular_values` are those of the errors' derivatives by the weights, at the first solution, in units of the last
    printed digit. Above 1 a weight's whole interval changes more than a digit along that direction: so many are
    `determined`. `ranges` has the least and the largest of each weight, in these solutions and in others that were
    found by pushing each weight up and down, `explored` in all: the true ranges are no narrower.

    `controls` are wrong networks for which starts were looked for in the same way. Where they print the figures too,
    that the figures come out says little for the network.
    """

    weights: str
    figures: Count
    seed: Count
    starts: Count
    converged: Count
    equivalent: Count
    singular_values: list[float]
    determined: Count
    explored: Count
    ranges: dict[str, Annotated[list[float], Meta(min_length=2, max_length=2)]]
    solutions: list[Solution]
    controls: list[Control] = field(default_factory=list)


class Reconstructions(Record, frozen=True):
    """Each system's by its id."""

    format: Literal[1]
    versions: dict[str, str]
    systems: dict[str, Reconstruction]


def reconstruct_start(system: System, starts: int, seed: int) -> Reconstruction | None:
    """Solutions from so many random starts, how far they are determined, and controls; None if no start led to weights."""
    drawn = RandomState(seed).uniform(-0.5, 0.5, (starts, system.network.size))
    batches = np.split(drawn, range(BATCH, starts, BATCH))
    found = [proven(system, fitted(system, batch)) for batch in watched("solving", batches)]
    solutions = _best_first(system, np.concatenate(found))
    if not len(solutions):
        return None
    kept = solutions[:KEPT]
    explored = np.concatenate([solutions, *(push(system, weights) for weights in watched("ranges", kept))])
    strengths = singular_values(system, solutions[0])
    return Reconstruction(
        weights=f"{system.name}-reconstructed",  # a file in `weights/`
        figures=len(system.figures),
        seed=seed,
        starts=starts,
        converged=len(solutions),
        equivalent=equivalent(system),
        singular_values=[float(f"{value:.3g}") for value in strengths],
        determined=int((strengths > 1).sum()),
        explored=len(explored),
        ranges=_ranges(system, explored),
        solutions=[solution(system, weights) for weights in kept],
        controls=list(controls(system, drawn[:CONTROL_STARTS])),
    )


def controls(system: System, starts: Array) -> Iterator[Control]:
    """Wrong networks, solved for from the same random starts (S, P)."""
    for rate, mistake in watched("controls", CONTROLS):
        wrong = replace(system, recipe=replace(system.recipe, optimizer=SGD(rate)))
        best = 0
        for batch in np.split(starts, range(BATCH, len(starts), BATCH)):
            settled = fitted(wrong, batch, mistake)
            inside = settled[((settled >= -0.5) & (settled < 0.5)).all(axis=1)]
            agrees = np.abs(residuals(wrong, inside, mistake)) < 0.5
            best = max([best, *agrees.sum(axis=1).tolist()])
        name = mistake or f"learning rate {rate} for {system.recipe.optimizer.learning_rate}"
        yield Control(mistake=name, starts=len(starts), figures=best)


def fitted(system: System, starts: Array, mistake: str = "") -> Array:
    """Weights (S, P) near the printed figures, and then in their rounding intervals where they come there."""
    near = settle(system, starts, 0, LEAST_SQUARES, mistake=mistake)
    return settle(system, near, SLACK, REPAIR, mistake=mistake)


def push(system: System, weights: Array) -> Array:
    """More weights (n, P) that print the same: from weights (P,), each in turn pulled up and down to its limit."""
    size = len(weights)
    picks, ends = np.repeat(np.eye(size), 2, axis=0), np.tile([LIMIT, -LIMIT], size)

    def pulled(w: Array) -> Array:
        return PULL * ((w * picks).sum(axis=-1) - ends)[..., None]

    moved = settle(system, np.repeat(weights[None], 2 * size, axis=0), 0, PUSH, pulled)
    return proven(system, settle(system, moved, SLACK, REPAIR))


def settle(
    system: System,
    weights: Array,
    slack: float,
    iterations: int,
    also: Callable[[Array], Array] | None = None,
    mistake: str = "",
) -> Array:
    """Weights (S, P) whose errors are as near to the printed ones as `slack`, inside the limit; and other residuals."""

    def f(w: Array) -> Array:
        parts = [residuals(system, w, mistake), WALL * w, *([] if also is None else [also(w)])]
        return np.concatenate(parts, axis=-1)

    slacks = np.repeat([slack, WALL * LIMIT, 0], [len(system.figures), weights.shape[1], also is not None])
    return fit(f, weights, slacks, iterations)


def singular_values(system: System, weights: Array) -> Array:
    """Of the derivatives of the residuals by the weights (P,)."""
    _, jacobian = linearized(lambda w: residuals(system, w), weights[None])
    return np.linalg.svd(jacobian[0], compute_uv=False)


def residuals(system: System, weights: Array, mistake: str = "") -> Array:
    """Error minus printed figure, in units of its last digit, (..., 32), from weights (..., P); within ½ it prints the same."""
    printed = np.array([float(figure.printed) for figure in system.figures])
    return (trained(system, weights, len(printed), mistake)[0] - printed) / UNIT


def proven(system: System, weights: Array) -> Array:
    """Those of (S, P) that print the same and might have been drawn, in one of their equivalent forms, the best fit first."""
    drawn = [canonical(system, w) for w in weights if (w >= -0.5).all() and (w < 0.5).all()]
    good = [w for w in drawn if matches(system, w) == len(system.figures)]
    return _best_first(system, np.array(good).reshape(-1, weights.shape[1]))


def _ranges(system: System, weights: Array) -> dict[str, list[float]]:
    """Least and largest of each weight over (S, P), by its place."""
    shapes = system.network.shapes
    places = [f"{name}[{','.join(map(str, i))}]" for name, shape in shapes.items() for i in np.ndindex(shape)]
    ends = np.stack([weights.min(axis=0), weights.max(axis=0)], axis=1)
    return dict(zip(places, ends.tolist(), strict=True))


def _best_first(system: System, weights: Array) -> Array:
    return weights[np.argsort((residuals(system, weights) ** 2).sum(axis=1))]


def solution(system: System, weights: Array) -> Solution:
    """The record of a start: how near its errors are, and where its training leads."""
    means, params = run(system, weights, system.recipe.epochs)
    return Solution(
        weights=[float(w) for w in weights],
        residual=float(f"{np.abs(residuals(system, weights)).max():.4f}"),
        last_error=float(means[-1]),
        outputs=[float(y) for y in predict(system.network, params, system.load().train_x)[:, 0]],
    )
