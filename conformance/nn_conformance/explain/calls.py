"""What a target remembers between calls, changes of its arguments, leaves to chance, or cannot do with large logits."""

from collections.abc import Callable, Sequence

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain.asking import Asked, Asker, Limits, unwilling
from nn_conformance.explain.fitting import Point
from nn_conformance.explain.paths import Step, predict
from nn_conformance.explain.record import Finding
from nn_conformance.explain.sums import NEAREST
from nn_conformance.explain.trace import Case, trace
from nn_conformance.judge.limits import norm
from nn_conformance.judge.target import Target, TargetError
from nn_reference.arithmetic import Array

OVERWRITTEN = {"x": "inputs-overwritten", "t": "targets-overwritten"}
RAISED = {"domain error": "log-of-zero", "division by zero": "log-of-zero", "OverflowError": "exp-overflows"}
LOGITS = 1000.0  # where e^z overflows in either precision


class Calls:
    """The same call twice, then another of the same sizes.

    Attributes:
        stop: whether nothing more can be learnt, as every answer depends on the calls before.
    """

    def __init__(self, asker: Asker, fresh: Callable[[], Target] | None, case: Case, other: Case) -> None:
        self.asker, self.fresh, self.case, self.other, self.stop = asker, fresh, case, other, False

    def findings(self) -> list[Finding]:
        """What is remembered, if anything is; the target is made anew after that, if it can be."""
        if self.fresh:
            self.asker.target = self.fresh()
        first, second = self.asker.ask(self.case), self.asker.ask(self.case)
        if first.error or second.error:
            return self._failing(first, second)
        limits = Limits(self.case, self.asker.dtype)
        if _same(first, second, limits):
            found = self._stale(first, self.asker.ask(self.other), limits)
        else:
            found = self._changing(first, second, self.asker.ask(self.case), limits)
        if found and self.fresh:
            self.asker.target, self.asker.renew = self.fresh(), self.fresh
        elif found and found[0].slug == "gradients-accumulate":
            self.asker.accumulate(self.asker.kept[-1])
        elif found:
            self.stop = True
        return found

    def _failing(self, first: Asked, second: Asked) -> list[Finding]:
        if first.error is None and second.error is not None:
            return [
                Finding(
                    "memory",
                    0,
                    "the second call",
                    "second-call-fails",
                    f"{type(second.error).__name__}: {str(second.error)[:100]}",
                    "an answer",
                )
            ]
        return []

    def _stale(self, first: Asked, other: Asked, limits: Limits) -> list[Finding]:
        """Whether a call with other numbers has the first one's answer, bit by bit, though its own is another."""
        numbers = any(np.any(g) for g in first.gradients.values())
        copied = other.error is None and all(
            n in other.gradients and np.array_equal(g, other.gradients[n]) for n, g in first.gradients.items()
        )
        if not copied or not numbers or first.loss != other.loss or not _differs(self.other, limits):
            return []
        return [
            Finding(
                "memory",
                0,
                "the second call",
                "stale-cache",
                "the first call's answer",
                "an answer to its own arguments",
            )
        ]

    def _changing(self, first: Asked, second: Asked, third: Asked, limits: Limits) -> list[Finding]:
        """Why the second of two equal calls has another answer: each adds the same to the gradients before it, or none does."""
        a, b, c = first.gradients, second.gradients, third.gradients
        wrong = tuple(f"d{n}" for n in sorted(a) if n not in b or not _near(a[n], b[n], limits, n))
        if (
            third.error is None
            and wrong
            and all(n in b and n in c and _near(c[n] - b[n], b[n] - a[n], limits, n, norm(c[n])) for n in a)
        ):
            return [Finding("memory", 0, "the second call", "gradients-accumulate", "g₂ = g₁ + r", "g₂ = r", wrong)]
        if wrong and all(_of_one_sample(asked, limits) for asked in (first, second)):
            uses = "each entry of dW is that of one sample alone, another one in each call"
            place = "engine, the backward rule of a product"
            return [Finding("engine", 0, place, "grad-overwritten", uses, "the sum over samples", wrong)]
        return [
            Finding(
                "memory",
                0,
                "two calls with the same numbers",
                "random-answers",
                "another answer each time",
                "the same answer",
                wrong,
            )
        ]


def _of_one_sample(asked: Asked, limits: Limits) -> bool:
    """Whether each array is right, or has in each entry what one sample alone makes."""
    tr = trace(asked.case, (), asked.gradients)
    for name, g in asked.gradients.items():
        nearest = {Step("sum", int(name[1:]), "W"): NEAREST} if name[0] == "W" else {}
        if not any(_near(g, predict(tr, name, edits), limits, name) for edits in ({}, nearest)):
            return False
    return True


def _near(a: Array, b: Array, limits: Limits, name: str, size: float = 0.0) -> bool:
    own = limits.of(name, b) * max(1.0, size / max(norm(b), 1e-300))
    return a.shape == b.shape and norm(a - b) <= 4 * own


def _same(one: Asked, other: Asked, limits: Limits) -> bool:
    loss = (
        one.loss is None
        or other.loss is None
        or abs(one.loss - other.loss) <= 2 * limits.of_loss(one.loss)
        or not np.isfinite(one.loss)
    )
    return loss and all(
        n in other.gradients and (_near(g, other.gradients[n], limits, n) or not np.isfinite(g).all())
        for n, g in one.gradients.items()
    )


def _differs(other: Case, a: Limits) -> bool:
    b = Limits(other, a.dtype)
    return any(float(np.linalg.norm(a.gradients[n] - b.gradients[n])) > a.of(n, a.gradients[n]) for n in a.gradients)


def guessed(points: Sequence[Point]) -> list[Finding]:
    """Whether x is taken for its transpose in cases that have as many samples as inputs, and are wrong."""
    for p in points:
        case = p.asked.case
        if len(case.x) != case.x.shape[1]:
            return []
        turned = Limits(Case(case.network, case.params, np.ascontiguousarray(case.x.T), case.t), p.limits.dtype)
        if any(norm(g - turned.gradients[n]) > 4 * turned.of(n, g) for n, g in p.asked.gradients.items()):
            return []
    uses, when = "xᵀ for x", "with as many samples as inputs"
    return [Finding("arguments", 0, "the argument x", "samples-guessed", uses, "x", (), {}, (), when)] if points else []


def refused(error: Exception) -> list[Finding]:
    """What an answer was refused for, where that is a mistake of its own."""
    if not isinstance(error, TargetError):
        return []
    if error.failure == "arguments":
        changed = dict.fromkeys(OVERWRITTEN.get(name, "parameters-overwritten") for name in error.subject)
        return [
            Finding("arguments", 0, "the arguments", slug, f"{', '.join(error.subject)} changed in place", "a copy")
            for slug in changed
        ]
    if error.failure == "wrong-dtype":
        return [Finding("precision", 0, "the dtype of the answer", "single-precision", str(error))]
    return []


def overwritten(asker: Asker, case: Case) -> list[Finding]:
    """Which arguments a call changes."""
    given = Case(case.network, {n: p.copy() for n, p in case.params.items()}, case.x.copy(), case.t.copy(), case.rate)
    if asker.ask(given, copied=False).error is not None:
        return []
    found = []
    for slug, names, pairs in (
        ("inputs-overwritten", "x", [(given.x, case.x)]),
        ("targets-overwritten", "t", [(given.t, case.t)]),
        ("parameters-overwritten", "the parameters", [(given.params[n], case.params[n]) for n in case.params]),
    ):
        if any(a.shape != b.shape or a.tobytes() != b.tobytes() for a, b in pairs):
            found.append(
                Finding(
                    "arguments",
                    0,
                    f"the argument {names}",
                    slug,
                    f"{names} is another after the call",
                    f"{names} as it was",
                )
            )
    return found


def extreme(asker: Asker, one: Case, other: Case, dtype: fmt.Dtype, *, others: bool) -> Finding | None:
    """What becomes of logits of some hundreds, where the right loss and gradients are finite; `others`: beside mistakes."""
    network = one.network
    last = network.layers[-1].activation.kind
    logarithm = network.loss.kind != "squared_error" or last == "softmax"
    asked = [_of_tall(asker, tall, dtype) for tall in (_tall(one), _tall(other), _tall(one, -LOGITS))]
    for answer, size in (pair for pair in asked if pair):
        if not answer.finite:
            finite = answer.error is None and all(np.isfinite(g).all() for g in answer.gradients.values())
            what = "loss" if finite else "gradients"
            if answer.error is None and not logarithm:
                return None
            slug = "log-of-zero" if what == "loss" else "softmax-unshifted" if last == "softmax" else "exp-overflows"
            if answer.error:
                slug = next((name for part, name in RAISED.items() if part in str(answer.error)), "")
            if not slug:
                return None
            stable = of_logits(network) if slug == "log-of-zero" else ""
            verb = f"the {what} {'is' if what == 'loss' else 'are'} NaN or infinite"
            verb = str(answer.error)[:80] if answer.error else verb
            when = f"with logits as large as {size:.3g}"
            return Finding("stability", 0, verb, slug, verb, stable, (), {"logits": size}, (), when)
    first, second, _ = asked
    clipped = network.loss.clip is None and logarithm and not others
    return _bounded(first, second, network) if first and second and clipped else None


def of_logits(network: fmt.Network) -> str:
    """How a loss is computed without the logarithm of a probability."""
    binary = network.loss.kind == "binary_cross_entropy"
    return (
        f"compute the loss from logits: {'max(z, 0) - zt + log(1+e^-|z|)' if binary else 'max - z_t + log Σ e^(z-max)'}"
    )


def _of_tall(asker: Asker, tall: Case, dtype: fmt.Dtype) -> tuple[Asked, float] | None:
    """An answer to large logits that is not right, with their size; None if it is, or if the right one is not finite."""
    limits = Limits(tall, dtype)
    if not np.isfinite(limits.loss) or not all(np.isfinite(g).all() for g in limits.gradients.values()):
        return None
    asked = asker.ask(tall)
    off = asked.loss is not None and not abs(asked.loss - float(limits.loss)) <= limits.of_loss(float(limits.loss))
    wrong = not asked.finite if asked.error is None else not unwilling(asked)
    wrong |= off
    return (asked, float(np.abs(trace(tall).z[-1]).max())) if wrong else None


def _bounded(one: tuple[Asked, float], other: tuple[Asked, float], network: fmt.Network) -> Finding | None:
    """A loss that is the same for two cases whose right ones differ: p is kept away from 0."""
    (first, size), loss = one, one[0].loss or 0.0
    if abs(loss - (other[0].loss or 0.0)) > 1e-6 * loss:
        return None
    outputs = network.layers[-1].units if network.loss.kind == "binary_cross_entropy" else 1
    zero = first.gradients and not any(np.any(g) for g in first.gradients.values())
    bound, slug = float(np.exp(-loss * outputs)), "probabilities-clipped" if zero else "loss-clipped"
    place, uses, when = (
        "the loss of probabilities near 0",
        f"p is kept from {bound:.3g}",
        f"with logits as large as {size:.3g}",
    )
    return Finding("loss", 0, place, slug, uses, "the loss from logits", ("loss",), {"bound": bound}, (), when)


def _tall(case: Case, logits: float = LOGITS) -> Case:
    """The case with its last layer's weights so large that the right class has a probability of nearly nothing."""
    last = len(case.network.layers)
    size = float(np.abs(trace(case).z[-1]).max())
    grown = {
        n: p * np.asarray(logits / size, p.dtype) if n in (f"W{last}", f"b{last}") else p
        for n, p in case.params.items()
    }
    tall = Case(case.network, grown, case.x, case.t, case.rate, case.label)
    z = trace(tall).z[-1]
    t = np.zeros_like(z)
    if z.shape[1] > 1:
        t[np.arange(len(z)), z.argmin(axis=1)] = 1
    else:
        t[:] = z < 0
    return Case(case.network, grown, case.x, np.asarray(t.reshape(case.t.shape), case.t.dtype), case.rate, case.label)
