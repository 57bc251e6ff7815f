"""The rungs of an evaluation: contract, layers, loss, accuracy, gradients, a second call, relations between calls."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf
from typing import Any

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import values
from nn_conformance.cases.families import build_network
from nn_conformance.judge.climb import Climb, Expected, Finding, over, there
from nn_conformance.judge.limits import Limit, blind, loss_limit, magnitudes, norm, value_limit
from nn_conformance.judge.metamorphic import (
    Call,
    ratio_of,
    ratio_with_moved_logits,
    relations,
    softmax_at_the_end,
)
from nn_conformance.judge.target import Answer, TargetError, Unsupported
from nn_reference.arithmetic import Array, Params
from nn_reference.network import backpropagate

NO_LOSS = "the target shows no loss"
NO_GRADIENTS = "the target gives no gradients: its outputs and its loss alone were judged"
LEFT_OUT = (NO_LOSS, NO_GRADIENTS)
NO_GRADIENT_OF_X = "the target gives no ∂L/∂x"


def contract(climb: Climb) -> Iterator[Finding]:
    """Names, shapes, dtypes and finite numbers; arguments left alone; the same call twice."""
    answer, x = climb.answer, climb.expected.x  # raises if arguments were changed
    problem = _misshapen(climb, answer, x)
    if problem:
        yield Finding.of(problem)
        yield Finding.of(TargetError("the first answer cannot be compared", problem.failure, problem.subject))
        return
    yield Finding(0.0, 0.0, "names, shapes, dtypes, finite numbers; arguments left alone")
    again = climb.repeated
    # Asked right after the first: what a cache keeps is told only where calls are neighbours.
    if climb.case.second_call:
        for call in ("second", "reordered"):
            with suppress(TargetError, Unsupported):  # another rung judges what came of it
                getattr(climb, call)
    problem = _misshapen(climb, again, x)
    if problem is None and set(again.gradients) != set(answer.gradients):
        problem = TargetError("it gives gradients of other names than the first", "wrong-names")
    if problem:
        yield Finding.of(TargetError(f"the second call: {problem}", problem.failure, problem.subject), 2.0)
        return
    ratios = {"loss": (losses_apart(again.loss, answer.loss), limit_of_loss(climb).value)}
    for name in answer.gradients if again.gradients else ():
        if name not in climb.expected.gradients:
            continue
        ratios[name] = _difference(again.gradients[name], answer.gradients[name]), _gradient_limit(climb, answer, name)
    worst = max(ratios, key=lambda name: over(*ratios[name]))
    # Either answer may be off by its limit.
    yield Finding(over(*ratios[worst]), 2.0, f"{worst} of the same call twice; the limit is that of both answers")


def _misshapen(climb: Climb, answer: Answer, x: Array) -> TargetError | None:
    """What keeps an answer to a call with inputs x from being compared, or nothing."""
    if answer.loss is not None and not np.isfinite(answer.loss):
        return TargetError(f"loss: expected a finite float, got {answer.loss!r:.60}", "not-finite", ["loss"])
    if answer.loss is None and not answer.layers and not answer.gradients:
        return TargetError("expected a loss, outputs or gradients, got none of them")
    if answer.gradients and set(answer.gradients) - {"x"} != set(climb.params):
        got = ", ".join(name for name in answer.gradients if name != "x")
        return TargetError(f"gradients: expected {', '.join(climb.params)}, got {got}", "wrong-names")
    shapes = {name: p.shape for name, p in climb.params.items()} | {"x": x.shape}
    for name, g in answer.gradients.items():
        # ∂L/∂x and that of W1 are products of the same error.
        finite = ("W1" if name == "x" else name) not in climb.nan_gradients
        problem = climb.problem(f"gradient {name}", g, shapes[name], finite=finite)
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
            value = None if shown is None else shown[k]["za".index(name)]
            if value is None:
                what = "layers" if shown is None else "all of its layers"
                yield Finding(0.0, 0.0, f"the target shows no{'t' * (shown is not None)} {what}", unsupported=True)
                continue
            expected = getattr(right, name)
            limit = value_limit(expected, climb.dtype, climb.longest)
            yield climb.compare(f"{name}{k + 1}", value, expected, limit)


def loss(climb: Climb) -> Iterator[Finding]:
    """The loss, in a precision whose clip is another the one that it has there."""
    yield _compare_loss(climb.answer.loss, expected_loss(climb), limit_of_loss(climb))


def _compare_loss(found: float | None, expected: float, limit: Limit) -> Finding:
    if found is None:
        return Finding(0.0, 0.0, NO_LOSS, unsupported=True)
    return Finding(abs(found - expected), limit.value, f"expected {expected!r}, got {found!r}; {limit.reason}")


def losses_apart(one: float | None, other: float | None) -> float:
    """The difference of two losses; none if neither is shown, and infinite if one is."""
    if one is None or other is None:
        return 0.0 if one is other else inf
    return abs(one - other)


def gradient(climb: Climb) -> Iterator[Finding]:
    """Every parameter's gradient against the certified one."""
    yield from _gradients(climb, climb.expected, climb.answer, climb.params)


def input_gradient(climb: Climb) -> Iterator[Finding]:
    """∂L/∂x against the certified one, where the target has it; it is certified now where the case has none."""
    if "x" not in climb.answer.gradients:
        raise Unsupported(NO_GRADIENT_OF_X if climb.answer.gradients else NO_GRADIENTS)
    certified, expected = climb.expected.gradients, climb.expected
    if "x" not in certified:
        expected = replace(expected, gradients=certified | {"x": climb.loaded.gradient_of_x})
    yield from _gradients(climb, expected, climb.answer, ["x"])


def _gradients(climb: Climb, expected: Expected, answer: Answer, names: Iterable[str]) -> Iterator[Finding]:
    right = _at_their_slopes(climb, expected, answer)
    for name in names:
        if not answer.gradients:
            yield Finding(0.0, 0.0, NO_GRADIENTS, unsupported=True)
            continue
        g = right[name]
        found: Any = answer.gradients.get(name)  # a rung that is climbed alone meets what the contract refuses
        certified = climb.gradient_limit(expected, name)
        limit = certified.plus(answer.uncertainty.get(name, 0.0), "the uncertainty of a difference quotient")
        problem = climb.problem(f"gradient {name}", found, g.shape, finite=name not in climb.nan_gradients)
        if problem:
            yield Finding.of(problem, limit.value)
            continue
        # Where the document's own formula gives NaN in this precision, NaN is right; the other entries are as ever.
        finding = climb.compare(f"gradient {name}", np.where(np.isnan(found), g, found).astype(found.dtype), g, limit)
        if finding.error <= finding.limit and blind(limit.value, g):
            share = limit.value / norm(g)
            summary = "saturated, so that honest rounding hides the gradient"
            reason = f"{summary}: it may be {share:.2g} of it; {limit.reason}"
            finding = Finding(finding.error, finding.limit, reason, unsupported=True, summary=summary)
        yield finding


def _at_their_slopes(climb: Climb, expected: Expected, answer: Answer) -> Params:
    """The certified gradients with the slopes in [0, 1] that the target has at the kinks, unit by unit.

    Where slopes do not make all of them right something else is wrong, and they are as certified.
    """
    right = expected.gradients
    names = [name for name in right if name in answer.gradients and name != "x"]
    if not expected.kinks or not names or any(right[name].shape != answer.gradients[name].shape for name in names):
        return right
    changes = np.stack([flat(change, names) for change in expected.kinks], axis=1)
    beyond = flat(answer.gradients, names) - flat(expected.gradients, names)
    if not np.isfinite(beyond).all():
        return right
    slopes = np.clip(np.linalg.lstsq(changes, beyond, rcond=None)[0], 0, 1)
    total = {name: sum(s * change[name] for s, change in zip(slopes, expected.kinks, strict=True)) for name in right}
    fitted = {name: g + total[name] for name, g in right.items()}
    left = {n: norm(answer.gradients[n] - fitted[n]) - answer.uncertainty.get(n, 0.0) for n in names}
    fits = all(left[name] <= climb.gradient_limit(expected, name).value for name in names)
    return fitted if fits else right


def _ask(climb: Climb, call: Call) -> Answer:
    answer = climb.ask(call.network, call.params, call.x, call.t)
    for name, p in call.params.items():
        problem = climb.problem(f"gradient {name}", answer.gradients.get(name), p.shape)
        if problem:
            raise TargetError(f"with other numbers: {problem}", problem.failure, problem.subject)
    return answer


def rectangular(case: fmt.Case) -> bool:
    """One case of each network is enough for what needs no expected values: the probe whose sizes all differ."""
    return case.id.endswith("probe-rectangular")


def second_call(climb: Climb) -> Iterator[Finding]:
    """Other numbers after the first call: a cache that is stale, or gradients that add up, show here."""
    expected = climb.second_expected
    _ = climb.answer  # the first call comes first
    answer, reordered = climb.second, climb.reordered
    if problem := _misshapen(climb, answer, expected.x) or _misshapen(climb, reordered, expected.x):
        raise TargetError(f"second call: {problem}", problem.failure, problem.subject)
    limit = loss_limit(climb.network, expected.layers[-1].a, expected.t, expected.loss, climb.dtype, climb.longest)
    loss = _compare_loss(answer.loss, expected.loss, limit)
    stale = _stale(climb, reordered)
    gradients = _gradients(climb, expected, answer, climb.params)
    for name, finding in zip(("loss", *climb.params), (loss, *gradients), strict=True):
        yield stale.get(name, finding)


def _stale(climb: Climb, reordered: Answer) -> dict[str, Finding]:
    """By name what stays as it was when the targets change their order, though it must change: a cache without them.

    Each answer may be off by its limit, L and L'. Where the reference's differ by more than 2·(L + L'), right answers do
    by more than L + L'.
    """
    first, answer = climb.second_expected, climb.second
    y, clip = first.layers[-1].a, climb.network.loss.clip
    # Right answers may differ in their slopes at a kink, and near a clip, of which each precision has its own.
    if first.kinks or climb.nan_gradients or (clip and np.min(np.minimum(y, 1 - y)) <= 2 * clip):
        return {}
    x, t = first.x.astype(np.float64), first.t[::-1].astype(np.float64)
    params = {name: p.astype(np.float64) for name, p in climb.loaded.params.items()}
    loss, gradients = backpropagate(build_network(climb.network), params, x, t)
    bounds = magnitudes(climb.network, params, first.layers, x, t)
    after = replace(first, t=t, loss=float(loss), gradients=gradients, magnitudes=bounds)
    limits = [value_limit(np.array(call.loss), climb.dtype, climb.longest).value for call in (first, after)]
    moves = {"loss": (abs(first.loss - after.loss), losses_apart(answer.loss, reordered.loss), sum(limits))}
    for name, g in gradients.items() if answer.gradients and reordered.gradients else ():
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


def _with_new_weights(climb: Climb) -> Finding:
    """The same inputs with half of each parameter: what is kept by its inputs alone does not change, and must."""
    params = {name: p / 2 for name, p in climb.params.items()}
    call = Call(climb.network, climb.params, climb.x, climb.t)
    first, answer = _ask(climb, call), _ask(climb, replace(call, params=params))
    wide = {name: p.astype(np.float64) for name, p in params.items()}
    gradients = backpropagate(build_network(climb.network), wide, climb.expected.x, climb.expected.t)[1]
    limits = {name: 2 * climb.gradient_limit(climb.expected, name).value for name in params}
    must = [name for name, g in gradients.items() if norm(g - climb.expected.gradients[name]) > 4 * limits[name]]
    moved = [over(_difference(answer.gradients[name], first.gradients[name]), limits[name]) for name in must]
    reason = "gradients with other weights and the same inputs, which must differ, over twice their limit"
    return Finding(min(moved, default=1.0), 1.0, reason, at_least=True)


def has_extreme_logits(network: fmt.Network) -> bool:
    """Whether it has a softmax, or a sigmoid with log(1 - a): clips differ there, so that no value is certified."""
    last, rule = network.layers[-1], network.loss
    textbook = last.activation.kind == "sigmoid" and rule.kind == "binary_cross_entropy" and not rule.from_logits
    return textbook or softmax_at_the_end(network)


def _at_extreme_logits(climb: Climb, given: Call) -> Finding:
    """Finite numbers with outputs of some thousands before the sigmoid, whatever clip or form the target has.

    Before a softmax all logits of a sample are moved alike, each sample's by another number: no result changes.
    """
    if softmax_at_the_end(climb.network):
        moved = "where each sample's logits are moved alike by thousands, which changes nothing"
        stable = "stable in a softmax is e^(z - max z of the same sample)"
        try:
            ratio, what = ratio_with_moved_logits(partial(_ask, climb), given, climb.answer, climb.dtype)
        except TargetError as error:
            return Finding.of(TargetError(f"{error}, {moved}; {stable}", error.failure, error.subject))
        return Finding(ratio, 1.0, f"{what}, {moved}; {stable}")
    last = f"W{len(climb.network.layers)}"
    params = climb.params | {last: climb.params[last] * np.asarray(2.0**16, climb.dtype)}
    answer = climb.evaluate(climb.expected, params)
    numbers = [np.asarray(0.0 if answer.loss is None else answer.loss), *answer.gradients.values()]
    if all(np.isfinite(a).all() for a in numbers):
        return Finding(0.0, 0.0, "finite with large logits")
    words = (
        "NaN or infinite with large logits: log(1 - a) of an a that is rounded to 1, or log(a) of 0; "
        "stable is max(z, 0) - z·t + log(1 + e^-|z|)"
    )
    return Finding.of(TargetError(words, "not-finite", ["loss"]))


def metamorphic(climb: Climb) -> Iterator[Finding]:
    """What must hold between calls of the target, whatever the right values are."""
    if not climb.answer.gradients:
        raise Unsupported(NO_GRADIENTS)
    given = Call(climb.network, climb.params, climb.x, climb.t)
    for relation in relations(climb.network):
        ratio, what = ratio_of(relation, partial(_ask, climb), given, climb.answer, climb.dtype)
        yield Finding(ratio, 1.0, f"{what}, over the limits of both sides; 2·u·√K·34·‖M‖ for a gradient")
    yield _with_new_weights(climb)
    if has_extreme_logits(climb.network):
        yield _at_extreme_logits(climb, given)


def accuracy(climb: Climb) -> Iterator[Finding]:
    """The fraction of right samples; one whose two largest outputs are too close to tell apart may count or not."""
    layers, right = climb.answer.layers, climb.expected.layers[-1].a
    if layers is None or (outputs := layers[-1][1]) is None:
        yield Finding(0.0, 0.0, "the target shows no outputs", unsupported=True)
        return
    expected = there(climb.case.evaluation.accuracy)
    found = float(np.mean(np.argmax(outputs, axis=1) == np.argmax(climb.expected.t, axis=1)))
    largest = np.sort(right, axis=1)[:, -2:]
    # Each of the two outputs may be off by the limit of its row.
    reach = 2 * value_limit(np.ones(1), climb.dtype, climb.longest).value * np.linalg.norm(right, axis=1)
    ties = int(np.sum(largest[:, 1] - largest[:, 0] <= reach))
    reason = f"expected {expected}, got {found}; {ties} of {len(right)} samples undecided"
    yield Finding(abs(found - expected), ties / len(right), reason)


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


def expected_loss(climb: Climb) -> float:
    """The certified loss; in a precision whose clip is another, the loss there."""
    by_dtype = climb.case.by_dtype.get(climb.dtype)
    special = by_dtype.loss if by_dtype else None
    return climb.expected.loss if special is None else float(values([special], "float64")[0])


def limit_of_loss(climb: Climb) -> Limit:
    """Of the loss of the first call."""
    y, t = climb.expected.layers[-1].a, climb.expected.t
    return loss_limit(climb.network, y, t, expected_loss(climb), climb.dtype, climb.longest)


def flat(arrays: Params, names: Iterable[str] | None = None) -> Array:
    """The numbers of some arrays, or of all by name, in a row, in float64."""
    return np.concatenate(
        [np.ravel(arrays[name]).astype(np.float64) for name in (sorted(arrays) if names is None else names)]
    )
