"""The rungs of an evaluation: contract, layers, loss, accuracy, gradients, a second call, relations between calls."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf

import numpy as np

from nn_conformance.cases.encoding import values
from nn_conformance.cases.families import build_network
from nn_conformance.gradcheck import check_gradients
from nn_conformance.judge.climb import Climb, Expected, Finding, over, there
from nn_conformance.judge.limits import Limit, blind, loss_limit, magnitudes, norm, value_limit
from nn_conformance.judge.metamorphic import Call, ratio_of, relations
from nn_conformance.judge.target import Answer, TargetError, Unsupported
from nn_reference.arithmetic import Array, Params
from nn_reference.network import backpropagate

# Of ±1 for each tensor, and one along the gradient itself: a factor always shows, an error in some entries in three of
# four times at least. What is missed here the certified gradients show.
DIRECTIONS = 2
NO_LOSS = "the target shows no loss"
# The limit of a slope is estimated from a few differences, which may by chance be half of what they usually are.
ESTIMATED = 2.0


def contract(climb: Climb) -> Iterator[Finding]:
    """Names, shapes, dtypes and finite numbers; arguments left alone; the same call twice."""
    answer = climb.answer  # raises if arguments were changed
    problem = _misshapen(climb, answer)
    if problem:
        yield Finding.of(problem)
        yield Finding.of(TargetError("the first answer cannot be compared", problem.failure, problem.subject))
        return
    yield Finding(0.0, 0.0, "names, shapes, dtypes, finite numbers; arguments left alone")
    again = climb.repeated
    if climb.case.second_call:
        _asked_next(climb)
    problem = _misshapen(climb, again)
    if problem:
        yield Finding.of(TargetError(f"the second call: {problem}", problem.failure, problem.subject), 2.0)
        return
    ratios = {"loss": (_apart(again.loss, answer.loss), _loss_limit(climb).value)}
    for name in climb.params:
        ratios[name] = _difference(again.gradients[name], answer.gradients[name]), _gradient_limit(climb, answer, name)
    worst = max(ratios, key=lambda name: over(*ratios[name]))
    # Either answer may be off by its limit.
    yield Finding(over(*ratios[worst]), 2.0, f"{worst} of the same call twice; the limit is that of both answers")


def _asked_next(climb: Climb) -> None:
    """Asks the calls of the rung `second-call` right after the first: what a cache keeps is told apart only where calls are neighbours."""
    for call in ("second", "reordered"):
        with suppress(TargetError, Unsupported):  # what came of it is kept, for the rung whose business it is
            getattr(climb, call)


def _misshapen(climb: Climb, answer: Answer) -> TargetError | None:
    """What keeps an answer from being compared, or nothing."""
    if answer.loss is not None and not np.isfinite(answer.loss):
        return TargetError(f"loss: expected a finite float, got {answer.loss!r:.60}", "not-finite", ["loss"])
    if set(answer.gradients) != set(climb.params):
        got = ", ".join(answer.gradients) or "none"
        return TargetError(f"gradients: expected {', '.join(climb.params)}, got {got}", "wrong-names")
    for name, p in climb.params.items():
        finite = name not in climb.nan_gradients
        problem = climb.problem(f"gradient {name}", answer.gradients[name], p.shape, finite=finite)
        if problem:
            return problem
    if answer.layers is not None and len(answer.layers) != len(climb.network.layers):
        words = f"layers: expected {len(climb.network.layers)}, got {len(answer.layers)}"
        return TargetError(words, "wrong-shape", ["layers"])
    return None


def layer(climb: Climb) -> Iterator[Finding]:
    """z and a of every layer."""
    shown = climb.answer.layers
    for k, right in enumerate(climb.expected.layers):
        for name in ("z", "a"):
            if shown is None:
                yield Finding(0.0, 0.0, "the target shows no layers", unsupported=True)
                continue
            expected = getattr(right, name)
            limit = value_limit(expected, climb.dtype, climb.longest)
            yield climb.compare(f"{name}{k + 1}", getattr(shown[k], name), expected, limit)


def loss(climb: Climb) -> Iterator[Finding]:
    """The loss, in a precision whose clip is another the one that it has there."""
    yield _compare_loss(climb.answer.loss, _expected_loss(climb), _loss_limit(climb))


def _compare_loss(found: float | None, expected: float, limit: Limit) -> Finding:
    if found is None:
        return Finding(0.0, 0.0, NO_LOSS, unsupported=True)
    return Finding(abs(found - expected), limit.value, f"expected {expected!r}, got {found!r}; {limit.reason}")


def _apart(one: float | None, other: float | None) -> float:
    """The difference of two losses; none if neither is shown, and infinite if one is."""
    if one is None or other is None:
        return 0.0 if one is other else inf
    return abs(one - other)


def gradient(climb: Climb) -> Iterator[Finding]:
    """Every parameter's gradient against the certified one."""
    yield from _gradients(climb, climb.expected, climb.answer)


def _gradients(climb: Climb, expected: Expected, answer: Answer) -> Iterator[Finding]:
    right = _at_their_slopes(expected, answer)
    for name, g in right.items():
        found, certified = answer.gradients[name], climb.gradient_limit(expected, name)
        limit = certified.plus(answer.uncertainty.get(name, 0.0), "the uncertainty of a difference quotient")
        problem = climb.problem(f"gradient {name}", found, g.shape, finite=name not in climb.nan_gradients)
        if problem:
            yield Finding.of(problem, limit.value)
            continue
        # Where the document's own formula gives NaN in this precision, NaN is right; the other entries are as ever.
        finding = climb.compare(f"gradient {name}", np.where(np.isnan(found), g, found).astype(found.dtype), g, limit)
        if finding.error <= finding.limit and blind(limit.value, g):
            share = limit.value / norm(g)
            reason = (
                f"saturated, so that honest rounding hides the gradient: it may be {share:.2g} of it; {limit.reason}"
            )
            finding = Finding(finding.error, finding.limit, reason, unsupported=True)
        yield finding


def _at_their_slopes(expected: Expected, answer: Answer) -> Params:
    """The certified gradients with the slopes in [0, 1] that the target has at the kinks, unit by unit."""
    if not expected.kinks or any(g.shape != answer.gradients[name].shape for name, g in expected.gradients.items()):
        return expected.gradients
    names = list(expected.gradients)
    changes = np.stack([_flat(change, names) for change in expected.kinks], axis=1)
    beyond = _flat(answer.gradients, names) - _flat(expected.gradients, names)
    slopes = np.clip(np.linalg.lstsq(changes, beyond, rcond=None)[0], 0, 1)
    total = {name: sum(s * change[name] for s, change in zip(slopes, expected.kinks, strict=True)) for name in names}
    return {name: g + total[name] for name, g in expected.gradients.items()}


def _ask(climb: Climb, call: Call) -> Answer:
    answer = climb.ask(call.network, call.params, call.x, call.t)
    for name, p in call.params.items():
        problem = climb.problem(f"gradient {name}", answer.gradients.get(name), p.shape)
        if problem:
            raise TargetError(f"with other numbers: {problem}", problem.failure, problem.subject)
    return answer


def own_loss(climb: Climb) -> Iterator[Finding]:
    """The gradients against differences of the target's own loss: a wrong loss may well have them right.

    The diagonal of a softmax's Jacobian is the gradient of no loss, so there they must differ.
    """
    no_loss = any(layer.activation.backward == "diagonal" for layer in climb.network.layers)
    if climb.answer.loss is None:
        raise Unsupported(NO_LOSS)
    alone = climb.evaluate(climb.expected, gradients=False).loss
    if over(_apart(alone, climb.answer.loss), 2 * _loss_limit(climb).value) > 1:
        raise TargetError("the loss that is asked for without gradients is another")
    report = check_gradients(
        lambda params: climb.evaluate(climb.expected, params, gradients=False).loss,
        climb.params,
        climb.answer.gradients,
        directions=DIRECTIONS,
    )
    for finding in (
        report.findings if len(report.findings) == len(climb.params) else report.findings * len(climb.params)
    ):
        text = "; ".join(part for part in (finding.cause, finding.reason) if part)
        if finding.status == "undecided":
            yield Finding(0.0, 0.0, text, unsupported=True)
        elif no_loss:
            yield Finding(
                finding.error, finding.limit, f"the document's rule is the gradient of no loss; {text}", at_least=True
            )
        else:
            beyond = climb.answer.uncertainty.get(finding.name, 0.0)
            yield Finding(finding.error, ESTIMATED * finding.limit + beyond, text)


def second_call(climb: Climb) -> Iterator[Finding]:
    """Other numbers after the first call: a cache that is stale, or gradients that add up, show here."""
    expected = climb.second_expected
    _ = climb.answer  # the first call comes first
    answer, reordered = climb.second, climb.reordered
    if problem := _misshapen(climb, answer) or _misshapen(climb, reordered):
        raise TargetError(f"second call: {problem}", problem.failure, problem.subject)
    limit = loss_limit(climb.network, expected.layers[-1].a, expected.t, expected.loss, climb.dtype, climb.longest)
    loss = _compare_loss(answer.loss, expected.loss, limit)
    stale = _stale(climb, reordered)
    for name, finding in zip(("loss", *climb.params), (loss, *_gradients(climb, expected, answer)), strict=True):
        yield stale.get(name, finding)


def _stale(climb: Climb, reordered: Answer) -> dict[str, Finding]:
    """By name what stays as it was when the targets change their order, though it must change: a cache without them.

    Each answer may be off by its limit, L and L'. Where the reference's differ by more than 2·(L + L'), right answers do
    by more than L + L'.
    """
    first, answer = climb.second_expected, climb.second
    # Right answers may differ in their slopes at a kink, and in their clips in a precision that has its own.
    if first.kinks or climb.dtype in climb.case.by_dtype:
        return {}
    x, t = first.x.astype(np.float64), first.t[::-1].astype(np.float64)
    params = {name: p.astype(np.float64) for name, p in climb.loaded.params.items()}
    loss, gradients = backpropagate(build_network(climb.network), params, x, t)
    bounds = magnitudes(climb.network, params, first.layers, x, t)
    after = replace(first, t=t, loss=float(loss), gradients=gradients, magnitudes=bounds)
    limits = [value_limit(np.array(call.loss), climb.dtype, climb.longest).value for call in (first, after)]
    moves = {"loss": (abs(first.loss - after.loss), _apart(answer.loss, reordered.loss), sum(limits))}
    for name, g in gradients.items():
        limit = sum(climb.gradient_limit(call, name).value for call in (first, after))
        limit += answer.uncertainty.get(name, 0.0) + reordered.uncertainty.get(name, 0.0)
        moved = _difference(answer.gradients[name], reordered.gradients[name])
        moves[name] = norm(g - first.gradients[name]), moved, limit
    if answer.loss is None:
        del moves["loss"]
    reason = "it stays as it was with the targets in another order, as if it was kept from the call before"
    return {
        name: Finding(moved, limit, reason, at_least=True)
        for name, (right, moved, limit) in moves.items()
        if right > 2 * limit and moved <= limit
    }


def metamorphic(climb: Climb) -> Iterator[Finding]:
    """What must hold between calls of the target, whatever the right values are."""
    given = Call(climb.network, climb.params, climb.cast(climb.expected.x), climb.cast(climb.expected.t))
    for relation in relations(climb.network):
        ratio, what = ratio_of(relation, partial(_ask, climb), given, climb.answer, climb.dtype)
        yield Finding(ratio, 1.0, f"{what}, over the limits of both sides; 2·u·√K·34·‖M‖ for a gradient")


def accuracy(climb: Climb) -> Iterator[Finding]:
    """The fraction of right samples; one whose two largest outputs are too close to tell apart may count or not."""
    layers, right = climb.answer.layers, climb.expected.layers[-1].a
    if layers is None:
        yield Finding(0.0, 0.0, "the target shows no outputs", unsupported=True)
        return
    expected = there(climb.case.evaluation.accuracy)
    found = float(np.mean(np.argmax(layers[-1].a, axis=1) == np.argmax(climb.expected.t, axis=1)))
    largest = np.sort(right, axis=1)[:, -2:]
    # Each of the two outputs may be off by the limit of its row.
    reach = 2 * value_limit(np.ones(1), climb.dtype, climb.longest).value * np.linalg.norm(right, axis=1)
    ties = int(np.sum(largest[:, 1] - largest[:, 0] <= reach))
    yield Finding(
        abs(found - expected),
        ties / len(right),
        f"expected {expected}, got {found}; {ties} of {len(right)} samples undecided",
    )


def _difference(one: Array, other: Array) -> float:
    """The norm of a difference, in which NaN equals NaN."""
    if one.shape != other.shape:
        return inf
    same = np.isnan(one) & np.isnan(other)
    return norm(np.where(same, 0, one - other))


def _gradient_limit(climb: Climb, answer: Answer, name: str) -> float:
    """Of the gradient as certified, or as answered where that is larger: a wrong one may still be the same twice."""
    limit, found = climb.gradient_limit(climb.expected, name), norm(answer.gradients[name])
    expected = norm(climb.expected.gradients[name])
    wider = limit.value * max(1.0, found / expected if expected else 1.0) if np.isfinite(found) else limit.value
    return wider + answer.uncertainty.get(name, 0.0)


def _expected_loss(climb: Climb) -> float:
    """The certified loss; in a precision whose clip is another, the loss there."""
    by_dtype = climb.case.by_dtype.get(climb.dtype)
    special = by_dtype.loss if by_dtype else None
    return climb.expected.loss if special is None else float(values([special], "float64")[0])


def _loss_limit(climb: Climb) -> Limit:
    y, t = climb.expected.layers[-1].a, climb.expected.t
    return loss_limit(climb.network, y, t, _expected_loss(climb), climb.dtype, climb.longest)


def _flat(arrays: Params, names: Sequence[str]) -> Array:
    return np.concatenate([np.ravel(arrays[name]).astype(np.float64) for name in names])
