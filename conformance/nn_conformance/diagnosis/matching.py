"""Which mistakes of the catalogue, alone or two together, make what a target computes: on every case, or none."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import TypeAlias

import numpy as np

from nn_conformance.adapt.recovered import Recovered
from nn_conformance.diagnosis.observation import EVALUATION, MEMORY, Bench, Fault, Quantity, Values
from nn_conformance.judge.target import Target
from nn_conformance.mistakes import CATALOGUE, Mistake
from nn_conformance.mistakes.mistaken import Mistaken
from nn_conformance.mistakes.subjects import Subject, subject
from nn_reference.arithmetic import Array
from nn_reference.errors import NNReferenceError

Mistakes: TypeAlias = tuple[Mistake, ...]
IN_EVALUATION = ("evaluation", "loss", "forward")


@dataclass(frozen=True)
class Match:
    """Mistakes that make the target's numbers.

    Attributes:
        mistakes: one, or two together.
        cases: on how many cases they do.
        shown: on how many of these they make something else than is right.
        ratio: the largest difference from the target, in units of the limit.
    """

    mistakes: Mistakes
    cases: int
    shown: int
    ratio: float


@dataclass(frozen=True)
class Seen:
    """One case, what the target computes on it, and what its mistakes can be."""

    bench: Bench
    values: Values
    about: Subject

    @cached_property
    def wrong(self) -> bool:
        """Whether some quantity is beyond its limit."""
        changed = any(is_change(value) for value in self.values.values())
        return changed or any(self.bench.ratio(q, v, self.bench.right[q]) > 1 for q, v in self.arrays)

    @property
    def arrays(self) -> Iterator[tuple[Quantity, Array]]:
        """The quantities that have one right value, and have any."""
        for quantity, value in self.values.items():
            if quantity in self.bench.right and self.bench.compared(quantity) and not isinstance(value, Fault):
                yield quantity, value


class Matcher:
    """Compares what a target has computed on the cases of a system with what mistakes would.

    Args:
        seen: each case once, without those at a kink.
        recovers: whether the target's gradients were recovered from its updates: then a mistake in an update is in them.
    """

    def __init__(self, seen: Sequence[Seen], *, recovers: bool = False) -> None:
        # Those that show something first: most mistakes are out of question after one case.
        self.seen = sorted(seen, key=lambda one: not one.wrong)
        self._found: dict[int, list[Mistakes]] = {}
        self._recovers = recovers

    def find(self) -> list[Match]:
        """Every mistake that makes all numbers of all cases; if there is none, every two that do together."""
        found = self._explaining(self._of_evaluation(1))
        if not found:  # what is left of an earlier case may be in the first answer already
            found = [match for one in self._possible(("memory",)) if (match := self.match((one,)))]
        return found or self._explaining(self._of_evaluation(2))

    def evaluation_only(self) -> list[Match]:
        """Mistakes that make losses and gradients, where updates or second calls have something else."""
        sets = self._of_evaluation(1) or self._of_evaluation(2)
        return [m for m in (self.match(one, _evaluated) for one in sets if one) if m]

    def match(self, mistakes: Mistakes, part: Callable[[Quantity], bool] | None = None) -> Match | None:
        """The match of mistakes made together, in all quantities or some; None if one case has other numbers."""
        worst, shown, cases = 0.0, 0, 0
        for one in self.seen:
            mine = tuple(mistake for mistake in mistakes if mistake.applies(one.about))
            ratio, differs, compared = self._on(one, mine, part)
            if not ratio <= 1:
                return None
            worst, shown, cases = max(worst, ratio), shown + differs, cases + compared
        return Match(mistakes, cases, shown, worst) if shown else None

    def _on(self, one: Seen, mistakes: Mistakes, part: Callable[[Quantity], bool] | None) -> tuple[float, bool, bool]:
        """The largest ratio on a case, whether the mistakes show there, and whether anything was compared."""
        bench, found, worst, differs, compared = one.bench, one.values, 0.0, False, False
        remembers = any(mistake.anew for mistake in mistakes)
        before: dict[Quantity, Array | Fault] = {}
        made: Target = Recovered(Mistaken(*mistakes)) if self._recovers else Mistaken(*mistakes)
        for quantity, expected in bench.of(made) if mistakes else bench.right.items():
            before[quantity] = expected
            if part and not part(quantity):
                continue
            if isinstance(expected, Fault):
                if found.get(quantity) != expected:  # it answers where the mistake cannot
                    return np.inf, False, False
                differs = compared = True
                continue
            if quantity not in found or not bench.compared(quantity):
                continue
            if remembers and quantity[0] in ("loss", "gradient", *MEMORY):
                ratio = _difference(bench, quantity, found, before)
            else:
                ratio = bench.ratio(quantity, found[quantity], expected)
            if not ratio <= 1:
                return np.inf, False, False
            worst, compared = max(worst, ratio), True
            if mistakes and not differs:
                differs = bench.ratio(quantity, expected, bench.right.get(quantity, Fault("answer", ""))) > 1
        changed = not part and any(q not in before and is_change(v) for q, v in found.items())
        return (np.inf if changed else worst), differs, compared

    def _of_evaluation(self, most: int) -> list[Mistakes]:
        """Mistakes of evaluation, so many together, that make the first call's numbers; () if they are right."""
        if most not in self._found:
            self._found[most] = self._making(most)
        return self._found[most]

    def _making(self, most: int) -> list[Mistakes]:
        shows = any(quantity[0] in EVALUATION for one in self.seen for quantity in one.values)
        kinds = (*IN_EVALUATION, "update") if self._recovers else IN_EVALUATION
        possible = [(mistake,) for mistake in self._possible(kinds)]
        if not shows:
            return [(), *possible] if most == 1 else []
        right = [()] if not any(self._differs(one) for one in self.seen) else []
        if most == 1 or right:
            return [*right, *(one for one in possible if self._makes(one))] if not right else [()]
        return [two for two in _ordered(self._worth_pairing([mistake for (mistake,) in possible])) if self._makes(two)]

    def _worth_pairing(self, possible: Sequence[Mistake]) -> list[Mistake]:
        """Where every loss is right, those that leave it so: that two wrong losses cancel is not looked for."""
        losses = [one for one in self.seen if ("loss", "loss") in one.values]
        if not losses or not all(_loss_ratio(one, one.values["loss", "loss"]) <= 1 for one in losses):
            return list(possible)
        return [mistake for mistake in possible if all(_loss_ratio(one, _loss_of(one, mistake)) <= 1 for one in losses)]

    def _differs(self, one: Seen) -> bool:
        return not self._on(one, (), _evaluated)[0] <= 1

    def _makes(self, mistakes: Mistakes) -> bool:
        return self.match(mistakes, _evaluated) is not None

    def _explaining(self, sets: Iterable[Mistakes]) -> list[Match]:
        """Of mistakes of evaluation those that explain all the rest too, by themselves or with one of another kind."""
        sets = list(sets)
        later = ("memory", "arguments", "pruning") if self._recovers else ("memory", "arguments", "update", "pruning")
        others = self._possible(later)
        alone = [match for one in sets if (match := self.match(one))]
        if alone:
            return alone
        if () in sets:  # nothing else is the simplest
            sets = [(), *(one for one in sets if one)]
        for one in [one for one in sets if len(one) < 2]:
            found = [match for other in others if (match := self.match((*one, other)))]
            if found and not one:
                return found
            alone += found
        if not alone and () in sets:
            alone = [match for two in combinations(others, 2) if (match := self.match(two))]
        return alone

    def _possible(self, kinds: Sequence[str]) -> list[Mistake]:
        abouts = [one.about for one in self.seen]
        dtype = self.seen[0].bench.dtype if self.seen else "float64"
        return [
            mistake
            for mistake in CATALOGUE
            if mistake.kind in kinds and dtype in mistake.dtypes and any(mistake.applies(about) for about in abouts)
        ]


def narrow(seen: Sequence[Seen]) -> Match | None:
    """Whether every number is one of float32, and as near to the right one as those of float32 are."""
    worst, shown, cases = 0.0, 0, 0
    for one in seen:
        arrays = [(q, v) for q, v in one.arrays if q[0] in EVALUATION]
        for quantity, value in arrays:
            if quantity[0] != "loss" and not np.array_equal(value, value.astype(np.float32), equal_nan=True):
                return None
            ratio = one.bench.ratio(quantity, value, one.bench.right[quantity], "float32")
            if not ratio <= 1:
                return None
            worst = max(worst, ratio)
        wrong = any(one.bench.ratio(q, v, one.bench.right[q]) > 1 for q, v in arrays)
        shown, cases = shown + wrong, cases + bool(arrays)
    mistake = next(mistake for mistake in CATALOGUE if mistake.slug == "single-precision")
    return Match((mistake,), cases, shown, worst) if shown else None


def look(benches: Iterable[tuple[Bench, Values]]) -> list[Seen]:
    """Cases with what a target computes on them; at a kink there is no one answer to compare with."""
    return [Seen(bench, values, subject(bench.case)) for bench, values in benches if not bench.at_a_kink]


def is_change(value: Array | Fault) -> bool:
    """Whether it says that arguments were changed, which is a mistake of its own, and no crash."""
    return isinstance(value, Fault) and value.failure == "arguments"


def merged(matches: Sequence[Match]) -> Match:
    """One for all of a class: their numbers are the same, so the worst counts."""
    return replace(matches[0], ratio=max(match.ratio for match in matches), shown=min(match.shown for match in matches))


def _evaluated(quantity: Quantity) -> bool:
    return quantity[0] in (*EVALUATION, "evaluation")


def _loss_ratio(one: Seen, loss: Array | Fault) -> float:
    return one.bench.ratio(("loss", "loss"), loss, one.bench.right["loss", "loss"])


def _loss_of(one: Seen, mistake: Mistake) -> Array:
    """What a mistake makes of a case's loss; NaN where it cannot make any."""
    climb, given = one.bench.climb, one.bench.climb.expected
    try:
        answer = Mistaken(mistake).evaluate(climb.network, climb.params, climb.cast(given.x), climb.cast(given.t))
    except (ValueError, NNReferenceError):  # arrays that do not fit
        return np.asarray(np.nan)
    return np.asarray(answer.loss)


def _difference(bench: Bench, quantity: Quantity, found: Values, expected: Values) -> float:
    """By how much a call's answer changed from the call before it: what is left of earlier calls cancels."""
    part, name = quantity
    if part in ("loss", "gradient"):
        return 0.0
    before: Quantity = ("loss" if name == "loss" else "gradient", name) if part == "again" else ("again", name)
    values = [found[quantity], found.get(before), expected[quantity], expected.get(before)]
    if any(not isinstance(value, np.ndarray | np.generic) for value in values):
        return np.inf
    a, b, c, d = (np.asarray(value, np.float64) for value in values)
    if len({one.shape for one in (a, b, c, d)}) > 1:
        return np.inf
    limits = bench.limit(quantity, c, bench.dtype) + bench.limit(before, d, bench.dtype)
    error = float(np.linalg.norm((a - b) - (c - d)))
    return error / limits if limits else (0.0 if error == 0 else np.inf)


def _ordered(mistakes: Iterable[Mistake]) -> Iterator[Mistakes]:
    """Every two, in both orders: what is done first may matter."""
    for one, other in combinations(list(mistakes), 2):
        yield one, other
        yield other, one
