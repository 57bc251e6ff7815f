"""The cases that a wrong target is asked, and what is known of its answers so far."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain import calls
from nn_conformance.explain.asking import (
    DISTINCT,
    OTHER,
    SQUARE,
    Asked,
    Asker,
    Budget,
    draw,
    one_output,
    sized,
    some_widths,
    widths,
)
from nn_conformance.explain.points import Point, point_of
from nn_conformance.explain.record import Explanation, of_slug
from nn_conformance.explain.steps import Walk
from nn_conformance.explain.trace import Case
from nn_conformance.judge.target import Answer, Target, Unsupported
from nn_reference.arithmetic import Array

TRIES = 20  # draws of a case
CLEAR = 100.0  # times the clip of probabilities, from which on it has no part
Kept = tuple[Case, Answer]
Groups = list[list[Point]]


class Experiments:
    """The cases of one run, and what was answered to them. Args as those of `explain`.

    Attributes:
        draft: what is known so far.
        own: the widths of the experiments.
        samples: in most of them.
        rate: of the updates that gradients are recovered from; 0 if they are not.
        when: the only condition under which gradients are wrong.
        contradicted: cases of the caller on which the rules that were found make other numbers.
        misshapen: gradients of other shapes, with their calls.
        walks: runs of several steps that the target has taken.
    """

    def __init__(
        self,
        target: Target,
        network: fmt.Network,
        optimizer: fmt.Optimizer | None,
        dtype: fmt.Dtype,
        kept: Sequence[Kept],
        budget: Budget,
        fresh: Callable[[], Target] | None,
    ) -> None:
        self.network, self.optimizer, self.dtype, self.kept, self.fresh = network, optimizer, dtype, kept, fresh
        self.asker, self.draft = Asker(target, network, dtype, budget), Explanation()
        self.seed, self.rate, self.samples = 0, 0.0, 6
        self.own: list[int] = []
        self.endless: list[Asked] = []
        self.when, self.contradicted = "", list[Point]()
        self.misshapen: dict[str, tuple[Asked, Array]] = {}
        self.walks: dict[tuple[object, ...], list[Walk]] = {}

    def draw(self, sizes: Sequence[int], samples: int, *, rate: float | None = None, scale: float = 1.0) -> Case:
        """Another case of these widths, with so many samples, whose probabilities are inside of the clip."""
        own, described = self.rate if rate is None else rate, sized(self.network, sizes)
        for _ in range(TRIES):
            self.seed += 1
            case = draw(described, samples, self.seed, self.dtype, rate=own, scale=scale)
            y = case.right.y
            if (clip := self.network.loss.clip) and scale > 1 and min(y.min(), 1 - y.max()) < CLEAR * clip:
                scale, self.seed = scale / 2, self.seed - 1  # where p is clipped, code without the clip is not wrong
            else:
                break
        return case

    @property
    def square(self) -> list[int]:
        """Widths that are all equal, but for a single output."""
        square = [SQUARE] * (len(self.network.layers) + 1)
        return [*square[:-1], 1] if one_output(self.network) else square

    def find_widths(self) -> bool:
        """The first widths that the target takes: distinct ones, its own, or all equal; whether it answers at all."""
        square, refused = self.square, list[Asked]()
        distinct = some_widths(self.network, DISTINCT)
        for sizes, samples in [(distinct, 6), (distinct, 1), (widths(self.network), 6), (square, SQUARE)]:
            if samples == 1 and not isinstance(refused[0].error, Unsupported):  # it may take one sample at a time
                continue
            self.samples = samples
            asked = self.asker.ask(self.draw(sizes, samples))
            if asked.uncertainty:
                self.rate = 1.0
                asked = self.asker.ask(self.draw(sizes, samples))
            forward_only = not (asked.gradients or asked.misshapen) and (asked.layers or asked.loss is not None)
            shown = asked.error is None and (asked.gradients or forward_only)
            if shown and (not asked.misshapen or sizes is square):
                if refused and samples > 1:
                    self.draft.notes.append(f"with other sizes it does not answer: {_refusal(refused[0])}")
                self.own = sizes
                return True
            refused.append(asked)
        error = next((one.error for one in refused if one.error), None)
        if error and (found := calls.refused(error)):
            self.draft.findings += found
            self.draft.blind.append("whether its numbers are right: no answer could be compared")
        else:
            self.draft.unexplained.append(f"it answers no small case: {_refusal(refused[0])}")
        return False

    def groups(self) -> Groups:
        """The cases of an evaluation that have an answer, those of equal sizes together."""
        own, n = self.own, self.samples
        varied = own == some_widths(self.network, DISTINCT)
        other = some_widths(self.network, OTHER) if varied else own
        several = n > 1
        plan: list[tuple[Sequence[int], int, int, dict[str, float]]] = [
            (own, n, 3, {}),
            (own, 1, 2, {}),
            (other, 4 if several else 1, 2, {}),
            (own, 5 if several else 1, 1, {"scale": 6.0}),
            *([(other, 1, 1, {})] if several and varied else []),
            *([(own, n, 2, {"rate": 4.0})] if self.rate else []),
        ]
        drawn = ([self.draw(sizes, samples, **how) for _ in range(count)] for sizes, samples, count, how in plan)
        groups = ([p for case in cases if (p := self.point(case))] for cases in drawn)
        return [group for group in groups if group]

    def point(self, case: Case) -> Point | None:
        """A case with its answer; None, with a note, if it has none that can be compared."""
        asked = self.asker.ask(case)
        if asked.error is not None:
            sizes = f"{len(case.x)} samples and widths {'-'.join(map(str, widths(case.network)))}"
            failure = f"{type(asked.error).__name__}: {str(asked.error)[:120]}"
            self.draft.notes.append(f"with {sizes} it fails: {failure}")
            return None
        if len(case.x) > 1:  # of one sample a sum over units and one over everything are the same number
            self.misshapen.update({name: (asked, g) for name, g in asked.misshapen.items()})
        if not asked.finite:
            self.draft.aside.append(f"NaN or infinite with {len(case.x)} sample{'s' * (len(case.x) > 1)}")
            if (without := replace(asked, loss=None)).finite and asked.gradients:
                self.endless.append(without)
            return None
        return point_of(asked, self.dtype)

    def nothing_compared(self) -> None:
        """Says that no answer can be compared: which arrays are finite in none of them, and which in each."""
        each = [asked.arrays for asked in self.asker.kept]
        names = dict.fromkeys(name for arrays in each for name in arrays)
        finite = {name: [bool(np.isfinite(of[name]).all()) for of in each if name in of] for name in names}
        said = "no call of a small case has an answer that can be compared"
        if never := [name for name, of in finite.items() if not any(of)]:
            self.draft.aside.clear()
            always = [name for name, of in finite.items() if all(of)]
            said = f"{', '.join(never)}: NaN or infinite in every answer"
            said += f"; finite: {', '.join(always)}" if always else ""
        self.draft.unexplained.append(said)

    def without_losses(self) -> Groups:
        """The cases whose gradients alone are finite, those of equal sizes together, where no case has a loss that is."""
        groups: dict[tuple[int, ...], list[Point]] = {}
        for asked in self.endless:
            groups.setdefault((len(asked.case.x), *widths(asked.case.network)), []).append(point_of(asked, self.dtype))
        if groups:
            self.draft.aside.clear()
            self.draft.findings.append(of_slug("loss-never-finite", "NaN or infinite in every call", ("loss",)))
        return list(groups.values())


def _refusal(asked: Asked) -> str:
    return str(asked.error)[:200] if asked.error else "no gradients of the right shapes"
