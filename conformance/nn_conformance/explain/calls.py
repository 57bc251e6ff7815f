"""What a target remembers between calls, changes of its arguments, or leaves to chance."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from nn_conformance.explain import causes, chance
from nn_conformance.explain.asking import Asked, Asker, Limits
from nn_conformance.explain.factors import short
from nn_conformance.explain.loss_search import value_of
from nn_conformance.explain.points import Point, point_of
from nn_conformance.explain.record import Finding, every_array, of_slug
from nn_conformance.explain.search import NEAR, Step, predict
from nn_conformance.explain.sum_rules import NEAREST
from nn_conformance.explain.trace import Case, Change, trace
from nn_conformance.judge.limits import norm
from nn_conformance.judge.target import Target, TargetError
from nn_reference.arithmetic import Array, Params

OVERWRITTEN = {"x": "inputs-overwritten", "t": "targets-overwritten"}
PAIR = 2  # samples of which there are two orders
FEWEST = 4  # numbers that are multiples of others by no chance


class Calls:
    """The same call three times, as a random order may come twice, then another of the same sizes.

    Attributes:
        stop: whether nothing more can be learnt, as every answer depends on the calls before.
        alone: whether only calls with one sample have the same answer each time.
    """

    def __init__(self, asker: Asker, fresh: Callable[[], Target] | None, draw: Callable[[int], Case]) -> None:
        self.asker, self.fresh, self.draw, self.stop, self.alone = asker, fresh, draw, False, False

    def findings(self, samples: int) -> list[Finding]:
        """What is remembered, if anything is; the target is made anew after that, if it can be."""
        if self.fresh:
            self.asker.target = self.fresh()
        case, other = self.draw(samples), self.draw(samples)
        first, second, third = (self.asker.ask(case) for _ in range(3))
        if first.error or second.error:
            why = f"{type(second.error).__name__}: {str(second.error)[:100]}"
            return [of_slug("second-call-fails", why)] if first.error is None else []
        limits = Limits(case, self.asker.dtype)
        if _same(first, second, limits) and (third.error or _same(first, third, limits)):
            last = self.asker.ask(other)
            found = self._stale(first, last, limits) or self._stale_layer(last)
        else:
            found = self._changing(first, second, third, limits)
        if found and self.fresh:
            self.asker.target, self.asker.renew = self.fresh(), self.fresh
        elif found and found[0].slug == "gradients-accumulate":
            self.asker.accumulates = True
        elif found:
            self.stop = not self.alone
        return found

    def _stale(self, first: Asked, other: Asked, limits: Limits) -> list[Finding]:
        """Whether a call with other numbers has the first one's answer, bit by bit, though its own is another."""
        numbers = any(np.any(g) for g in first.gradients.values())
        copied = other.error is None and all(
            n in other.gradients and np.array_equal(g, other.gradients[n]) for n, g in first.gradients.items()
        )
        own = Limits(other.case, limits.dtype)
        differs = any(norm(g - own.gradients[n]) > limits.of(n, g) for n, g in limits.gradients.items())
        return [of_slug("stale-cache")] if copied and numbers and first.loss == other.loss and differs else []

    def _stale_layer(self, asked: Asked) -> list[Finding]:
        """Whether a call computes with a layer of an earlier call of the same sizes."""
        case, p = asked.case, point_of(asked, self.asker.dtype)
        if p.makes(p.limits.gradients, NEAR):
            return []
        kept = (one.case for one in self.asker.kept[:-1] if one.case.network == case.network)
        earlier = [one for one in kept if one.x.shape == case.x.shape]
        for before, k in product(earlier, range(1, len(case.network.layers) + 1)):
            tr = trace(replace(case, before=before), (Change("stale", k, "z"),), asked.gradients)
            off = asked.loss is not None and abs(asked.loss - value_of(tr)) > 2 * p.limits.of_loss(value_of(tr))
            if not off and p.makes({n: predict(tr, n, {}) for n in asked.gradients}, NEAR):
                uses = f"z{k} and a{k} of {'the first call' if before is earlier[0] else 'the call before'}"
                return [of_slug("stale-activations", uses, (*every_array(list(asked.gradients)), "loss"), layer=k)]
        return []

    def _changing(self, first: Asked, second: Asked, third: Asked, limits: Limits) -> list[Finding]:
        """Why the second of two equal calls has another answer: each adds the same to the gradients before it, or none does."""
        a, b, c = first.gradients, second.gradients, third.gradients
        others = [g for g in (b, c) if g]
        wrong = tuple(f"d{n}" for n in sorted(a) if any(n not in g or not _near(a[n], g[n], limits, n) for g in others))
        if wrong and third.error is None and (share := _share(a, b, c, limits)):
            if share == 1:
                return [of_slug("gradients-accumulate", arrays=wrong)]
            uses = f"each call adds {share:g} times what the call before has added"
            return [of_slug("moments-survive", uses, arrays=wrong, constants={"share": share})]
        if wrong and all(_of_one_sample(asked, limits) for asked in (first, second)):
            return [of_slug("grad-overwritten", arrays=wrong)]
        singles = [self.asker.ask(self.draw(1)) for _ in range(2)]
        points = [point_of(one, limits.dtype) for one in singles if one.finite]
        if points and (lost := causes.lost(points, {})):
            return [lost[0]]
        self.alone = self._steady(self.draw(1))
        several = [self.asker.ask(self.draw(n)) for n in (PAIR, PAIR, PAIR + 1, PAIR + 1)] if self.alone else []
        points = [point_of(one, limits.dtype) for one in several if one.finite]
        if points and (shuffled := chance.paired(points)):
            return [replace(f, arrays=wrong) for f in shuffled]
        found = [] if self.alone else chance.dropped(self.asker, self.draw(1))
        return found or [of_slug("random-answers", arrays=wrong)]

    def _steady(self, case: Case) -> bool:
        """Whether calls with one sample have the same answer each time."""
        asked, limits = [self.asker.ask(case) for _ in range(3)], Limits(case, self.asker.dtype)
        return all(one.error is None and _same(asked[0], one, limits) for one in asked)


def _of_one_sample(asked: Asked, limits: Limits) -> bool:
    """Whether each array is right, or has in each entry what one sample alone makes."""
    p = point_of(asked, limits.dtype)
    nearest = {n: {Step("sum", int(n[1:]), "W"): NEAREST} if n[0] == "W" else {} for n in asked.gradients}
    made = ([limits.gradients[n], predict(p.trace, n, edits)] for n, edits in nearest.items())
    return all(min(p.ratio(n, g) for g in of) <= NEAR for n, of in zip(nearest, made, strict=True))


def _share(a: Params, b: Params, c: Params, limits: Limits) -> float | None:
    """By what the change from the second call to the third is that from the first to the second, in every array."""
    if any(n not in b or n not in c or b[n].shape != g.shape or c[n].shape != g.shape for n, g in a.items()):
        return None
    before, after = (np.concatenate([(new[n] - old[n]).ravel() for n in a]) for old, new in ((a, b), (b, c)))
    if not np.isfinite([before, after]).all() or not np.any(before):
        return None
    fitted = short(float(before @ after / (before @ before)), 1e-6)
    for share in (1.0, fitted) if len(before) >= FEWEST else (1.0,):
        if all(_near(c[n] - b[n], share * (b[n] - a[n]), limits, n, norm(c[n]) + norm(b[n])) for n in a):
            return share if 0.01 <= share <= 1 else None  # 0 or less is other answers by chance or by turns
    return None


def _near(a: Array, b: Array, limits: Limits, name: str, size: float = 0.0) -> bool:
    own = limits.of(name, b) * max(1.0, size / max(norm(limits.gradients[name]), 1e-300))
    return a.shape == b.shape and norm(a - b) <= NEAR * own


def _same(one: Asked, other: Asked, limits: Limits) -> bool:
    unknown = one.loss is None or other.loss is None or not np.isfinite(one.loss)
    loss = unknown or abs(one.loss - other.loss) <= 2 * limits.of_loss(one.loss)  # type: ignore[operator, arg-type]
    return loss and all(
        n in other.gradients and (_near(g, other.gradients[n], limits, n) or not np.isfinite(g).all())
        for n, g in one.gradients.items()
    )


def guessed(points: Sequence[Point]) -> list[Finding]:
    """Whether x is taken for its transpose in cases that have as many samples as inputs, and are wrong."""
    for p in points:
        case = p.asked.case
        if len(case.x) != case.x.shape[1]:
            return []
        turned = Limits(replace(case, x=np.ascontiguousarray(case.x.T)), p.limits.dtype)
        if not replace(p, limits=turned).makes(turned.gradients, NEAR):
            return []
    return [of_slug("samples-guessed", when="with as many samples as inputs")] if points else []


def refused(error: Exception) -> list[Finding]:
    """What an answer was refused for, where that is a mistake of its own."""
    if not isinstance(error, TargetError):
        return []
    if error.failure == "arguments":
        slugs = dict.fromkeys(OVERWRITTEN.get(name, "parameters-overwritten") for name in error.subject)
        return [of_slug(slug, f"{', '.join(error.subject)} changed in place", right="a copy") for slug in slugs]
    return [of_slug("single-precision", str(error))] if error.failure == "wrong-dtype" else []


def overwritten(asker: Asker, case: Case) -> list[Finding]:
    """Which arguments a call changes."""
    given = replace(case, params={n: p.copy() for n, p in case.params.items()}, x=case.x.copy(), t=case.t.copy())
    if asker.ask(given, copied=False).error is not None:
        return []
    arguments = {"x": [(given.x, case.x)], "t": [(given.t, case.t)]}
    arguments["parameters"] = [(given.params[n], case.params[n]) for n in case.params]
    return [
        of_slug(OVERWRITTEN.get(name, "parameters-overwritten"))
        for name, pairs in arguments.items()
        if any(a.shape != b.shape or a.tobytes() != b.tobytes() for a, b in pairs)
    ]
