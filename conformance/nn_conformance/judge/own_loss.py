"""The rung `own-loss`: gradients against differences of the target's own loss, right or wrong as that loss may be."""

from collections.abc import Iterator, Sequence
from math import nan

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.gradcheck import check_gradients
from nn_conformance.gradcheck.line import Line
from nn_conformance.gradcheck.subject import Subject
from nn_conformance.judge.climb import Climb, Finding, over
from nn_conformance.judge.evaluation import (
    NO_GRADIENTS,
    NO_LOSS,
    expected_loss,
    flat,
    limit_of_loss,
    losses_apart,
    rectangular,
)
from nn_conformance.judge.limits import ROUNDOFF, norm
from nn_conformance.judge.metamorphic import of_parameters
from nn_conformance.judge.target import TargetError, Unsupported
from nn_reference.arithmetic import Array, Params

# Of ±1 for each tensor, and one along the gradient itself: a factor always shows, an error in some entries in three of
# four times at least. What is missed here the certified gradients show.
DIRECTIONS = 2
IMAGES = 100  # inputs
# The limit of a slope is estimated from a few differences, which may by chance be half of what they usually are.
ESTIMATED = 2.0
USEFUL = 0.01  # of the slope: a wider limit would let a gradient of another sign pass


def decidable(case: fmt.Case, dtype: fmt.Dtype) -> bool:
    """Whether differences of the loss can tell something.

    In float32 they have too few digits, at a kink there are two, and where the loss is saturated none. Of images they
    would take as long as all else together.
    """
    return dtype == "float64" and not {"extreme", "kink"} & set(case.flags) and case.network.inputs < IMAGES


def measured_together(case: fmt.Case) -> dict[str, list[str]]:
    """Which parameters are moved together: each by itself on one case of each network, and all on the others."""
    return {name: [name] for name in case.params} if rectangular(case) else {"all": list(case.params)}


def own_loss(climb: Climb) -> Iterator[Finding]:
    """The gradients against differences of the target's own loss: a wrong loss may well have them right.

    The diagonal of a softmax's Jacobian is the gradient of no loss, so in that layer and below it they must differ.
    """
    layers = enumerate(climb.network.layers, 1)
    no_loss = max((k for k, layer in layers if layer.activation.backward == "diagonal"), default=0)
    if climb.answer.loss is None or not climb.answer.gradients:
        raise Unsupported(NO_LOSS if climb.answer.gradients else NO_GRADIENTS)
    alone = climb.evaluate(climb.expected, gradients=False).loss
    if over(losses_apart(alone, climb.answer.loss), 2 * limit_of_loss(climb).value) > 1:
        raise TargetError("the loss that is asked for without gradients is another")
    groups, apart = measured_together(climb.case), rectangular(climb.case)
    claimed = of_parameters(climb.answer).gradients
    if not no_loss and (findings := _as_certified(climb, claimed)):
        yield from findings
        return
    together = [a if apart else {"all": flat(a, list(climb.params))} for a in (climb.params, claimed)]
    report = check_gradients(
        lambda moved: _loss_at(climb, moved if apart else _split(moved["all"], climb.params)),
        *together,
        directions=DIRECTIONS if apart else 1,
    )
    for found in report.findings if len(report.findings) == len(groups) else report.findings * len(groups):
        text = "; ".join(part for part in (found.cause, found.reason) if part)
        if found.status == "undecided":
            yield Finding(0.0, 0.0, text, unsupported=True)
        elif no_loss and (found.name not in climb.params or int(found.name[1:]) <= no_loss):
            yield Finding(
                found.error, found.limit, f"the document's rule is the gradient of no loss; {text}", at_least=True
            )
        else:
            beyond = sum(climb.answer.uncertainty.get(name, 0.0) for name in groups.get(found.name, ()))
            yield Finding(found.error, ESTIMATED * found.limit + beyond, text)


def _as_certified(climb: Climb, claimed: Params) -> list[Finding]:
    """Passes by few losses, where the loss and the gradients are the certified ones; nothing where the full check must say.

    What then is left to see is a loss that has the right value here, and no such slope, as one that is kept from another
    call. It shows along any direction; the gradient's signs are taken, along which the slope is largest, and random ones
    where each array is measured by itself.
    """
    right = climb.expected.gradients
    limits = {name: climb.gradient_limit(climb.expected, name).value for name in climb.params}
    limits = {name: limit + climb.answer.uncertainty.get(name, 0.0) for name, limit in limits.items()}
    if losses_apart(climb.answer.loss, expected_loss(climb)) > limit_of_loss(climb).value or any(
        claimed[name].shape != right[name].shape or not norm(claimed[name] - right[name]) <= limit
        for name, limit in limits.items()
    ):
        return []
    rng = np.random.default_rng(0)
    findings = []
    for names in measured_together(climb.case).values():
        g = flat(claimed, names)
        of_gradient = sum(limits[name] * np.sqrt(claimed[name].size) for name in names)
        directions = [np.where(g < 0, -1.0, 1.0), *([rng.choice([-1.0, 1.0], g.size)] if len(names) == 1 else [])]
        slopes = [_slope(climb, names, g, direction, of_gradient) for direction in directions]
        if not all(error <= limit <= USEFUL * np.sum(np.abs(g)) for error, limit, _ in slopes):
            return []
        findings.append(Finding(*max(slopes, key=lambda slope: over(*slope[:2]))))
    return findings


def _slope(
    climb: Climb, names: Sequence[str], g: Array, direction: Array, of_gradient: float
) -> tuple[float, float, str]:
    """By how much the loss's slope along a direction of ±1 is not the gradient's; the limit, and the reason for it.

    The rounding of a right loss need not be measured: each value is off by its limit ℓ at most. Nor is a step searched
    for: at a, ∛u of the parameters' size, n(a) = (L(a) - L(-a))/2a is off by ℓ/a at most. (4 n(a) - n(2a))/3, whose error
    is of the fourth order in a, is then off by 1.5 ℓ/a, and at a kink by no more than the roughness of `gradcheck.line`;
    the gradient by its limit times √entries.
    """
    p, own = flat(climb.params, names), {name: climb.params[name] for name in names}
    a = 2.0 ** round(np.log2(np.cbrt(ROUNDOFF["float64"]) * (np.max(np.abs(flat(climb.params))) or 1)))
    subject = Subject(lambda moved: _loss_at(climb, climb.params | _split(moved, own)), {"params": p}, p)
    subject.value = expected_loss(climb) if climb.answer.loss is None else climb.answer.loss
    line = Line(subject, "params", direction)
    # The parameters that were taken are rounded; what they moved by is exact.
    claimed = float(g @ ((p + a * direction) - (p - a * direction))) / (2 * a)
    error = abs(claimed - (4 * line.slope(a) - line.slope(2 * a)) / 3)
    limit = line.roughness(a) + 1.5 * limit_of_loss(climb).value / a + of_gradient
    return error, float(limit), f"steps of {a:.1g}: roughness + 1.5 ℓ/a + √n·limit, ℓ the limit of the loss"


def _loss_at(climb: Climb, params: Params) -> float:
    """The target's loss with other parameters; NaN where it shows none there."""
    loss = climb.evaluate(climb.expected, params, gradients=False).loss
    return nan if loss is None else loss


def _split(together: Array, params: Params) -> Params:
    """A vector of all parameters as these."""
    parts: dict[str, Array] = {}
    at = 0
    for name, p in params.items():
        parts[name] = together[at : at + p.size].reshape(p.shape)
        at += p.size
    return parts
