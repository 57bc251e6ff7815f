"""The only run: a target and networks in, a report out. The command, the library call and pytest all come through here.

They differ in how a target is reached, in this process or in one of its own, and in how a report is shown.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any, TypeAlias

from nn_conformance.adapt.claims import Claim, Networks, is_own, names_of
from nn_conformance.adapt.conventions import OURS
from nn_conformance.adapt.converted import Converted
from nn_conformance.adapt.doors import converted
from nn_conformance.adapt.recovered import Recovered
from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network
from nn_conformance.cases.store import LoadedCase, Store
from nn_conformance.explain import Budget, Case, Explanation, explain
from nn_conformance.explain.hint import Suggestion, suggest
from nn_conformance.judge.climb import Climb
from nn_conformance.judge.known import Known, check_breadth, expect, shipped, unused
from nn_conformance.judge.ladder import check_ids, judge_climb
from nn_conformance.judge.printed import PRINTED
from nn_conformance.judge.target import Answer, Target, TargetError, Unsupported
from nn_conformance.judge.verdict import CheckId, Verdict, one_line
from nn_conformance.oracles import affordable_updates
from nn_conformance.outcome import Outcome, Report
from nn_conformance.protocol.program import ProtocolTarget
from nn_conformance.protocol.session import HARNESS, Session
from nn_conformance.subjects import (
    PRINTED_FIGURES,
    Judged,
    Subject,
    named_systems,
    pairs_of,
    session_subject,
    subject_of,
)
from nn_reference.errors import InputError
from nn_reference.systems import SYSTEMS, System, get

SMALL = 1000  # parameters; above it a documented case takes an oracle seconds, where a probe takes milliseconds
QUICK = 10  # updates of a free run by a slow oracle: single steps are judged beside it
EXPLAINED = 3  # systems that are explained, of those that fail: one mistake mostly shows in all of them
# The calls bound an explanation, and give the same one on every machine; the time only what would take for ever.
BUDGET = Budget(exchanges=150, seconds=60.0)
TELLING = "probe-rectangular"  # the probe whose sizes all differ: it tells conventions apart
LAST_LINES = 5  # of stderr
# After these a target is not asked again: what has crashed or hangs would do so once more.
GONE = {"crashed", "exited", "out-of-memory", "hung-at-start", "timeout", "given-up", "ignored-stop"} | {
    *("closed-stdin", "closed-stdout", "half-a-line", "line-too-long", "not-json", "not-a-reply", "wrong-seq")
}
Pair: TypeAlias = tuple[LoadedCase, fmt.Dtype]
Counter: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[str], None]]]


def _kept(climb: Climb) -> tuple[Case, Answer] | None:
    """The first call of a case with its answer, where it has one that can be compared."""
    expected = climb.expected
    try:
        answer = climb.answer
    except (TargetError, Unsupported):
        return None
    return Case(
        climb.network, climb.params, climb.cast(expected.x), climb.cast(expected.t), label=climb.case.id
    ), answer


class Run:
    """One target on the cases of systems. Each case is judged when it is first asked for, and once.

    Args:
        target: what is judged.
        systems: on whose cases.
        store: the fixtures.
        large: whether documented cases of MNIST's size are judged too, and not only their probes.
        dtypes: the precisions that the target has.
        known: failures that are expected of it.
        slow: whether free runs are cut to what the target affords: an oracle of ours.
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
    ) -> None:
        self.target, self.systems, self.store, self.known, self.slow = target, systems, store, known, slow
        self.large, self.dtypes = large or bool(getattr(target, "fixed", False)), dtypes
        self._climbs: dict[tuple[str, str], Climb] = {}
        self._verdicts: dict[tuple[str, str], dict[CheckId, Verdict]] = {}

    def pairs(self, system: Judged) -> list[Pair]:
        """The cases of a system, each with a precision in which it is judged."""
        return [
            (loaded, dtype)
            for loaded, dtype in pairs_of(self.store, system)
            if dtype in self.dtypes and (self.large or system.network.size <= SMALL or not _documented(loaded.case))
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
            self._verdicts[key] = {
                verdict.check: verdict for verdict in judge_climb(self._climb(loaded, dtype), None, self.known)
            }
        return self._verdicts[key]

    def judged(self, loaded: LoadedCase, dtype: fmt.Dtype) -> bool:
        """Whether a case has been judged already."""
        return (loaded.case.id, dtype) in self._verdicts

    def only(self, rungs: Collection[str], loaded: LoadedCase, dtype: fmt.Dtype) -> dict[CheckId, Verdict]:
        """Some rungs of a case, with nothing but each other to need."""
        return {verdict.check: verdict for verdict in judge_climb(self._climb(loaded, dtype), rungs, self.known)}

    def of_system(self, system: Judged) -> list[Verdict]:
        """All checks of a system; the answers are kept while it is judged, and after that if something failed."""
        pairs = self.pairs(system)
        verdicts = [verdict for pair in pairs for verdict in self.verdicts(*pair).values()]
        if not any(verdict.failed for verdict in verdicts):
            for loaded, dtype in pairs:
                self._climbs.pop((loaded.case.id, dtype), None)
        return verdicts

    @property
    def does(self) -> Sequence[str]:
        """What the target itself is asked for; its gradients are recovered from updates if that is not evaluations."""
        inner = getattr(self.target, "inner", None)
        return ("train",) if isinstance(inner, Recovered) else ("evaluate", "train")

    @cached_property
    def may_ask_again(self) -> bool:
        """Whether something failed, and the target is still there to be asked; known when everything has been judged."""
        failures = {v.failure for system in self.systems for v in self.of_system(system) if v.failed}
        return bool(failures) and not failures & GONE

    @cached_property
    def suggestion(self) -> Suggestion | None:
        """The declaration with which the first system would be right, if one would."""
        if not self.may_ask_again or not isinstance(self.target, Converted):
            return None
        telling = [pair for pair in self.pairs(self.systems[0]) if pair[0].case.id.endswith(TELLING)]
        return suggest(telling[-1][0], self.target, telling[-1][1]) if telling else None

    @cached_property
    def explanations(self) -> dict[str, Explanation]:
        """What is known of the failures on the first systems that have any; nothing where a convention explains them."""
        if not self.may_ask_again or not (self.suggestion is None or self.suggestion.may_be_a_mistake):
            return {}
        found: dict[str, Explanation] = {}
        for system in self.systems:
            if len(found) < EXPLAINED and any(verdict.failed for verdict in self.of_system(system)):
                found[system.id] = self._explained(system)
        return found

    def _explained(self, system: Judged) -> Explanation:
        pairs = self.pairs(system)
        verdicts = self.of_system(system)
        wide = any(v.check.dtype == "float64" for v in verdicts if v.failed)
        dtype: fmt.Dtype = "float64" if wide else "float32"
        climbs = [self._climb(*pair) for pair in pairs if pair[1] == dtype]
        # Of what remembers, or only updates, answers depend on the calls before, or on the learning rate.
        alone = not any(v.failed for v in verdicts if v.check.quantity == "repeat") and "evaluate" in self.does
        updates = any(v.rung == "step" and v.status in ("passed", "failed", "blocked") for v in verdicts)
        case = min((climb.case for climb in climbs if climb.case.steps), key=lambda case: len(case.steps), default=None)
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


def judge(
    target: Any,
    networks: Networks = None,
    *,
    large: bool = False,
    store: Store | None = None,
    oracles: Sequence[Target] = (),
    known: Sequence[Known] = (),
    counter: Counter = lambda _, __: nullcontext(lambda _: None),
) -> Report:
    """Judge a target on what it claims.

    Args:
        target: what `as_target` takes, judged in this process; a `ProtocolTarget`, in its own; or None, for the oracles
            alone.
        networks: names or ids, as ``homework`` or ``mnist-relu-torch/corrected``, lines or what `network` returns; what
            the target claims if None.
        large: whether documented cases of MNIST's size are judged too, and not only their probes; they are where the
            object has one size.
        store: the fixtures; those that ship if None.
        oracles: judged beside it.
        known: failures that are expected of the target.
        counter: shows progress; given what is counted and how many there are, it is a context with what to call for each.

    Raises:
        InputError: an unknown network, none that is claimed, an object that is no target, or a program that says why it
            cannot start.
        DataError: damaged fixtures, or a known failure that is too broad.

    >>> from nn_conformance.oracles import reference
    >>> report = judge(reference, "homework")
    >>> report.ok, report.conventions
    (True, "the fixtures' own")
    """
    names = names_of(networks)
    if networks is not None and not names:
        raise InputError(f"networks: expected at least one, got {networks!r}; see nn-conformance list")
    store = store or Store()
    if target is None:
        return _judge_oracles(_versions(names), store, oracles, large=large, counter=counter)
    if not isinstance(target, ProtocolTarget):
        return _judge_subject(subject_of(target, names), names, store, oracles, known, large=large, counter=counter)
    named_systems(names)  # before a program is started that may have wanted it: cmd: and its words are one argument
    session = Session(target)
    try:
        if not session.begin():
            subject = Subject(converted(target, OURS, (), ()), Claim(), ())
            return Report(subject, others=[expect(v, known) for v in session.verdicts], last_words=last_lines(target))
        return _judge_subject(
            session_subject(session, names), names, store, oracles, known, large=large, counter=counter, session=session
        )
    finally:
        target.kill()


verify = judge  # its public name


def _judge_subject(
    subject: Subject,
    networks: Sequence[str],
    store: Store,
    oracles: Sequence[Target],
    known: Sequence[Known],
    *,
    large: bool,
    counter: Counter,
    session: Session | None = None,
) -> Report:
    systems = subject.claimed(networks)
    run = Run(subject.target, systems, store, large=large, dtypes=subject.claim.dtypes, known=known)
    check_breadth(known, {loaded.case.id for system in systems for loaded, _ in run.pairs(system)})
    columns = {subject.name: run, **_oracle_runs(oracles, systems, store, large=run.large)}
    outcomes = list(_outcomes(systems, columns, counter))
    others = [] if session is None else session.verdicts
    silent = silent_systems({of.system: of.verdicts for of in outcomes if of.target == subject.name}, subject, networks)
    if silent:
        others = [*others, nothing_done(silent, outcomes)]
    suggestion, explanations = run.suggestion, run.explanations
    last_words = [] if session is None else last_lines(session.target)
    if session is not None:
        session.end()
        others = [*session.verdicts, *(verdict for verdict in others if verdict not in session.verdicts)]
    judged = [verdict for of in outcomes if of.target == subject.name for verdict in of.verdicts]
    elsewhere = set(store.ids) - {verdict.check.case for verdict in judged}
    others = [expect(verdict, known) for verdict in (*others, *unused(known, [*judged, *others], elsewhere))]
    harmless = all(verdict.failure in ("", "mismatch") for verdict in (*judged, *others))
    return Report(
        subject,
        outcomes,
        others,
        suggestion,
        explanations,
        silent,
        0 if run.large else sum(system.network.size > SMALL for system in systems),
        [] if harmless else last_words,
    )


def _judge_oracles(
    systems: Sequence[Judged], store: Store, oracles: Sequence[Target], *, large: bool, counter: Counter
) -> Report:
    """The oracles alone; and what the documents print against what the reference computes."""
    columns = _oracle_runs(oracles, systems, store, large=large)
    outcomes = list(_outcomes(systems, columns, counter, printed=large or None))
    left_out = 0 if large else sum(system.network.size > SMALL for system in systems)
    return Report(None, outcomes, left_out=left_out)


def _outcomes(
    systems: Sequence[Judged], columns: Mapping[str, Run], counter: Counter, *, printed: bool | None = False
) -> Iterator[Outcome]:
    """For each system what each target's verdicts are; printed figures of all systems, of none, or (None) of small ones."""
    with counter("verifying", len(systems) * len(columns)) as advance:
        for system in systems:
            if (
                isinstance(system, System)
                and system.id in PRINTED
                and (printed or (printed is None and system.network.size <= SMALL))
            ):
                yield Outcome(system.id, PRINTED_FIGURES, list(PRINTED[system.id](system)))
            for name, run in columns.items():
                yield Outcome(system.id, name, run.of_system(system))
                advance(f"{system.id} with {name}")


def _oracle_runs(oracles: Sequence[Target], systems: Sequence[Judged], store: Store, *, large: bool) -> dict[str, Run]:
    return {
        oracle.name: Run(oracle, systems, store, large=large, known=shipped(oracle.name), slow=True)
        for oracle in oracles
    }


def _versions(names: Sequence[str]) -> list[Judged]:
    """All versions of the networks that are named, or of all."""
    wanted = {get(name).name for name in names if not is_own(name)}
    own = [name for name in names if is_own(name)]
    return [*(system for system in SYSTEMS if not names or system.name in wanted), *(named_systems(own) if own else ())]


def silent_systems(
    verdicts: Mapping[str, Sequence[Verdict]], subject: Subject, networks: Sequence[str] = ()
) -> list[str]:
    """Systems of which nothing could be judged: to claim one and do nothing is not to pass.

    Who claims no system by name, and is asked for none, must do something of one.
    """
    found = [name for name, of in verdicts.items() if not any(v.status in ("passed", "failed") for v in of)]
    return found if subject.claim.systems or networks or len(found) == len(verdicts) else []


def nothing_done(silent: Sequence[str], outcomes: Sequence[Outcome]) -> Verdict:
    """The failure of a target that claims what it then does not do."""
    reasons = [v.reason for of in outcomes if of.system == silent[0] for v in of.verdicts]
    named = ", ".join(silent[:3]) + (", ..." if len(silent) > 3 else "")
    reason = f"claimed, and nothing of it passed: {named}: {(reasons or ['no case has a precision that it claims'])[0]}"
    nothing = float("nan")
    return Verdict(CheckId(HARNESS, "contract", "claim"), "failed", nothing, nothing, reason, failure="claimed")


def _documented(case: fmt.Case) -> bool:
    return bool({"documented", "corrected"} & set(case.flags))


def last_lines(target: ProtocolTarget) -> list[str]:
    """The end of its stderr. Of a stack trace what went wrong, and not the way there."""
    lines = [one_line(line) for line in target.last_words.splitlines()]
    return [line for line in lines if line and not line.startswith("at ")][-LAST_LINES:]
