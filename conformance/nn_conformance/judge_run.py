"""One target on the cases of networks: what is judged, what would make it right, and which mistake was made."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TypeAlias, TypeVar

from nn_conformance.adapt.converted import Converted
from nn_conformance.adapt.recovered import Recovered
from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network
from nn_conformance.cases.store import LoadedCase, Store
from nn_conformance.explain import Budget, Case, Explanation, explain
from nn_conformance.explain.hint import Suggestion, suggest
from nn_conformance.judge.climb import Climb
from nn_conformance.judge.known import Known
from nn_conformance.judge.ladder import check_ids, judge_climb
from nn_conformance.judge.target import FAILURES, Answer, Target, TargetError, Unsupported
from nn_conformance.judge.verdict import CheckId, Verdict, one_line
from nn_conformance.oracles import affordable_updates
from nn_conformance.outcome import Evidence
from nn_conformance.subjects import Judged, pairs_of

SMALL = 1000  # parameters; above it a documented case takes an oracle seconds, where a probe takes milliseconds
DOCUMENTED = {"documented", "corrected"}  # flags of the cases of a document's size
QUICK = 10  # updates of a free run by a slow oracle: single steps are judged beside it
EXPLAINED = 3  # systems that are explained, of those that fail: one mistake mostly shows in all of them
# The calls bound an explanation, and give the same one on every machine; the time only what would take for ever.
BUDGET = Budget(exchanges=150, seconds=60.0)
TELLING = "probe-rectangular"  # the probe whose sizes all differ: it tells conventions apart
SHOWN_ELSEWHERE = ("loss", "step")  # rungs of which a convention may show in other cases than that one
UPDATES = "probe-updates"  # the probe of an optimiser that is offered
BROKEN = "an error in nn-conformance itself, worth a report"
# After these a target is not asked again: what has crashed or hangs would do so once more.
GONE = set(FAILURES[FAILURES.index("crashed") : FAILURES.index("wrong-protocol")])
Pair: TypeAlias = tuple[LoadedCase, fmt.Dtype]
Said = TypeVar("Said")


def _kept(climb: Climb) -> tuple[Case, Answer] | None:
    """The first call of a case with its answer, where it has one that can be compared."""
    try:
        return Case(climb.network, climb.params, climb.x, climb.t, label=climb.case.id), climb.answer
    except (TargetError, Unsupported):
        return None


class JudgeRun:
    """One target on the cases of systems. Each case is judged when it is first asked for, and once.

    Args:
        target: what is judged.
        systems: on whose cases.
        store: the fixtures.
        large: whether documented cases of MNIST's size are judged too, and not only their probes.
        dtypes: the precisions that the target has.
        known: failures that are expected of it.
        slow: whether free runs are cut to what the target affords: an oracle of ours.
        offers: optimisers that are asked for on every system, and whether each is claimed, as `Subject.offers` has them.
    """

    def __init__(
        self,
        target: Target,
        systems: Sequence[Judged],
        store: Store,
        *,
        large: bool = False,
        dtypes: Collection[str] = fmt.DTYPES,
        known: Sequence[Known] = (),
        slow: bool = False,
        offers: Sequence[tuple[fmt.Optimizer, bool]] = (),
    ) -> None:
        self.target, self.systems, self.store, self.known, self.slow = target, systems, store, known, slow
        self.fixed = bool(getattr(target, "fixed", False))
        self.large, self.dtypes, self.offers = large or self.fixed, dtypes, () if self.fixed else offers
        self.broken: list[str] = []  # what could not be said, by errors of ours
        self._climbs: dict[tuple[str, str], Climb] = {}
        self._verdicts: dict[tuple[str, str], dict[CheckId, Verdict]] = {}

    def pairs(self, system: Judged) -> list[Pair]:
        """The cases of a system, each with a precision in which it is judged."""
        return [
            (loaded, dtype)
            for loaded, dtype in pairs_of(self.store, system, self.offers, sizes=not self.fixed)
            if dtype in self.dtypes
            and (self.large or system.network.size <= SMALL or not DOCUMENTED & set(loaded.case.flags))
        ]

    def checks(self) -> dict[CheckId, Pair]:
        """Every check, in the order of the ladder, with its case and precision."""
        pairs = {
            (loaded.case.id, dtype): (loaded, dtype) for system in self.systems for loaded, dtype in self.pairs(system)
        }
        return {check: pair for pair in pairs.values() for check in check_ids(*pair)}

    def verdicts(self, loaded: LoadedCase, dtype: fmt.Dtype) -> dict[CheckId, Verdict]:
        """All checks of a case in one precision."""
        key = loaded.case.id, dtype
        if key not in self._verdicts:
            verdicts = judge_climb(self._climb(loaded, dtype), None, self.known)
            self._verdicts[key] = {verdict.check: verdict for verdict in self._refused(loaded.case, verdicts)}
        return self._verdicts[key]

    def _refused(self, case: fmt.Case, verdicts: Sequence[Verdict]) -> Sequence[Verdict]:
        """The verdicts; an optimiser that is claimed and refused is a failure."""
        claimed = case.id.endswith(UPDATES) and (case.optimizer, True) in self.offers
        steps = [verdict for verdict in verdicts if verdict.rung == "step"]
        if not claimed or not steps or any(verdict.status != "unsupported" for verdict in steps):
            return verdicts
        refusal = f"{case.optimizer.kind} is claimed, and refused: {steps[0].reason}"
        failed = replace(steps[0], status="failed", reason=refusal, failure="claimed")
        return [failed if verdict is steps[0] else verdict for verdict in verdicts]

    def judged(self, loaded: LoadedCase, dtype: fmt.Dtype) -> bool:
        """Whether a case has been judged already."""
        return (loaded.case.id, dtype) in self._verdicts

    def only(self, rungs: Collection[str], loaded: LoadedCase, dtype: fmt.Dtype) -> dict[CheckId, Verdict]:
        """Some rungs of a case, with nothing but each other to need."""
        verdicts = judge_climb(self._climb(loaded, dtype), rungs, self.known)
        return {verdict.check: verdict for verdict in self._refused(loaded.case, verdicts)}

    def of_system(self, system: Judged) -> list[Verdict]:
        """All checks of a system; the answers are kept while it is judged, and after that if something failed."""
        pairs = self.pairs(system)
        verdicts = [verdict for pair in pairs for verdict in self.verdicts(*pair).values()]
        if not any(verdict.failed for verdict in verdicts):
            for loaded, dtype in pairs:
                self._climbs.pop((loaded.case.id, dtype), None)
        return verdicts

    @cached_property
    def may_ask_again(self) -> bool:
        """Whether something failed, and the target is still there to be asked; known when everything has been judged."""
        failures = {v.failure for system in self.systems for v in self.of_system(system) if v.failed}
        return bool(failures) and not failures & GONE

    @cached_property
    def suggestion(self) -> Suggestion | None:
        """The declaration with which the first system would be right, if one would."""
        return self._unless_broken("suggestion", self._suggested, None)

    def _suggested(self) -> Suggestion | None:
        if not self.may_ask_again or not isinstance(self.target, Converted):
            return None
        pairs = self.pairs(self.systems[0])
        telling = [pair for pair in pairs if pair[0].case.id.endswith(TELLING)]
        if not telling:
            return None
        loaded, dtype = telling[-1]
        wrong = {v.check.case for v in self.of_system(self.systems[0]) if v.failed and v.rung in SHOWN_ELSEWHERE}
        others = [other for other, precision in pairs if precision == dtype and other.case.id in wrong]
        return suggest(loaded, self.target, dtype, others)

    @cached_property
    def explanations(self) -> dict[str, Explanation]:
        """What is known of the failures on the first systems that have any; nothing where a convention explains them."""
        if not self.may_ask_again or not (self.suggestion is None or self.suggestion.may_be_a_mistake):
            return {}
        found: dict[str, Explanation] = {}
        for system in self.systems:
            if len(found) < EXPLAINED and any(verdict.failed for verdict in self.of_system(system)):
                found[system.id] = self._unless_broken("explanation", partial(self._explained, system), Explanation())
        if found and self.broken:
            first = next(iter(found))
            found[first] = replace(found[first], notes=[*self.broken, *found[first].notes])
        return found

    @cached_property
    def evidence(self) -> dict[CheckId, Evidence]:
        """Of each quantity whose numbers are wrong, the first check's: what was answered, and what is right."""
        return self._unless_broken("picture", self._compared, {})

    def _compared(self) -> dict[CheckId, Evidence]:
        arrays: dict[CheckId, Evidence] = {}
        seen: set[tuple[str, str]] = set()
        for system in self.systems:
            failed = {v.check for v in self.of_system(system) if v.failed and v.failure == "mismatch"}
            for loaded, dtype in self.pairs(system) if failed else ():
                climb = self._climb(loaded, dtype)
                for check in (v.check for v in self.verdicts(loaded, dtype).values() if v.check in failed):
                    if (check.rung, check.quantity) not in seen and (compared := climb.compared(check)) is not None:
                        seen.add((check.rung, check.quantity))
                        arrays[check] = Evidence(*compared)
        return arrays

    def _unless_broken(self, what: str, of: Callable[[], Said], instead: Said) -> Said:
        """What is said beside the verdicts; where that fails by an error of ours these stand, and the error is said."""
        try:
            return of()
        except Exception as error:  # noqa: BLE001 - whatever it is, a run of minutes is not lost
            self.broken.append(f"{BROKEN}: no {what}: {one_line(f'{type(error).__name__}: {error}')}")
            return instead

    def _explained(self, system: Judged) -> Explanation:
        pairs = self.pairs(system)
        verdicts = self.of_system(system)
        wide = any(v.check.dtype == "float64" for v in verdicts if v.failed)
        dtype: fmt.Dtype = "float64" if wide else "float32"
        climbs = [self._climb(*pair) for pair in pairs if pair[1] == dtype]
        # Of what remembers, or only updates, answers depend on the calls before, or on the learning rate.
        alone = not any(v.failed for v in verdicts if v.check.quantity == "repeat")
        alone = alone and not isinstance(getattr(self.target, "inner", None), Recovered)
        updates = any(v.rung == "step" and v.status in ("passed", "failed", "blocked") for v in verdicts)
        # The optimiser whose steps are wrong, where some are.
        wrong = {v.check.case for v in verdicts if v.rung == "step" and v.failed}
        stepping = [climb.case for climb in climbs if climb.case.steps]
        case = min(stepping, key=lambda case: (case.id not in wrong, len(case.steps)), default=None)
        return explain(
            self.target,
            describe_network(system.network),
            case.optimizer if case is not None and updates else None,
            dtype,
            cases=[kept for climb in climbs if (kept := _kept(climb))] if alone else (),
            budget=BUDGET,
        )

    def _climb(self, loaded: LoadedCase, dtype: fmt.Dtype) -> Climb:
        key = loaded.case.id, dtype
        if key not in self._climbs:
            self._climbs[key] = Climb(loaded, self.target, dtype, self._updates(loaded.case), trusted=True)
        return self._climbs[key]

    def _updates(self, case: fmt.Case) -> int | None:
        """How much of a free run: all of it, or what a slow oracle affords, and only a few of those at a quick look."""
        affordable = affordable_updates(self.target, case) if self.slow else None
        return affordable if affordable is None or self.large else min(affordable, QUICK)
