"""The rung `own-loss`: gradients against differences of the target's own loss, right or wrong as that loss may be."""

from collections.abc import Iterator
from math import nan

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_conformance.gradcheck import check_gradients
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
from nn_conformance.judge.limits import loss_limit, norm
from nn_conformance.judge.metamorphic import of_parameters
from nn_conformance.judge.target import TargetError, Unsupported
from nn_reference.arithmetic import Array, Params
from nn_reference.network import loss_and_outputs

# Of ±1 for each tensor, and one along the gradient itself: a factor always shows, an error in some entries in three of
# four times at least. What is missed here the certified gradients show.
DIRECTIONS = 2
IMAGES = 100  # inputs
# The limit of a slope is estimated from a few differences, which may by chance be half of what they usually are.
ESTIMATED = 2.0
MOVED = 2.0**-10  # of the parameters' size: the loss then moves by far more than its rounding


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

    What then is left to see is a loss that has the right value here, and none beside it, as one that is kept from another
    call. So the parameters are moved along the gradient's signs, and the loss must be the reference's there: either may
    be off by its limit.
    """
    right, network = climb.expected, build_network(climb.network)
    if over(losses_apart(climb.answer.loss, expected_loss(climb)), limit_of_loss(climb).value) > 1 or any(
        g.shape != right.gradients[name].shape
        or not norm(g - right.gradients[name])
        <= climb.gradient_limit(right, name).value + climb.answer.uncertainty.get(name, 0.0)
        for name, g in claimed.items()
    ):
        return []
    findings = []
    step = MOVED * (np.max(np.abs(flat(climb.params))) or 1)
    for names in measured_together(climb.case).values():
        moves = {name: np.where(claimed[name] < 0, -step, step) for name in names}
        moved = climb.params | {name: np.asarray(climb.params[name] + move) for name, move in moves.items()}
        loss, y = loss_and_outputs(network, moved, right.x, right.t)
        limit = 2 * loss_limit(climb.network, y, right.t, float(loss), climb.dtype, climb.longest).value
        error = abs(_loss_at(climb, moved) - float(loss))
        if not error <= limit < abs(float(loss) - right.loss) / 2:
            return []
        reason = f"the loss with {', '.join(names)} moved by {step:.1g}; 2 ℓ, ℓ its limit"
        findings.append(Finding(error, limit, reason))
    return findings


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
