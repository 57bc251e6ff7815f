"""The only run: a target and networks in, a report out. The command, the library call and pytest all come through here.

They differ in how a target is reached, in this process or in one of its own, and in how a report is shown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import chain
from math import nan
from typing import Any, TypeAlias

from nn_conformance.adapt.claims import Claim, Networks, claim_of, is_own, names_of
from nn_conformance.adapt.conventions import OURS
from nn_conformance.adapt.doors import converted, layered
from nn_conformance.adapt.reading import read_off
from nn_conformance.cases.store import Store
from nn_conformance.judge.evaluation import NO_GRADIENTS, NO_LOSS
from nn_conformance.judge.known import Known, check_breadth, expect, shipped, unused
from nn_conformance.judge.printed import PRINTED
from nn_conformance.judge.target import Target
from nn_conformance.judge.verdict import CheckId, Verdict, one_line
from nn_conformance.judge_run import SMALL, UPDATES, JudgeRun
from nn_conformance.outcome import Outcome, Report
from nn_conformance.protocol.program import ProtocolTarget
from nn_conformance.protocol.session import HARNESS, Session
from nn_conformance.subjects import PRINTED_FIGURES, Judged, Subject, named_systems, session_subject, subject_of
from nn_reference.errors import InputError
from nn_reference.systems import SYSTEMS, System, get

LAST_LINES = 5  # of stderr
Counter: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[str], None]]]


def judge(
    target: Any,
    networks: Networks = None,
    *,
    layer: str = "",
    loss: Any = None,
    large: bool = False,
    store: Store | None = None,
    oracles: Sequence[Target] = (),
    known: Sequence[Known] = (),
    counter: Counter = lambda _, __: nullcontext(lambda _: None),
) -> Report:
    """Judge a target on what it claims.

    Args:
        target: what `adapt.doors.opened` takes, judged in this process; a `ProtocolTarget`, in its own; or None, for the oracles
            alone.
        networks: names or ids, as ``homework`` or ``mnist-relu-torch/corrected``, lines or what `network` returns; what
            the target claims if None.
        layer: of an object that is a layer what it is, such as ``dense relu``; see `docs/layers.md`.
        loss: of a PyTorch module or a Keras model that no networks are named for: the network is then read off it.
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
    target = layered(target, layer) if layer else target
    names = names_of(networks)
    if networks is None and not (claim_of(target) or Claim()).systems:
        names = read_off(target, loss)
    if networks is not None and not names:
        raise InputError(f"networks: expected at least one, got {networks!r}; see nn-conformance list")
    store = store or Store()
    if target is None:
        return _judge_oracles(names, store, oracles, large=large, counter=counter)
    judge_subject = partial(_judge_subject, names, store, oracles, known, large=large, counter=counter)
    if not isinstance(target, ProtocolTarget):
        return judge_subject(subject_of(target, names))
    named_systems(names)  # before a program is started that may have wanted it: cmd: and its words are one argument
    session = Session(target)
    try:
        if not session.begin():
            subject = Subject(converted(target, OURS, (), ()), Claim(), ())
            return Report(subject, others=[expect(v, known) for v in session.verdicts], last_words=last_lines(target))
        return judge_subject(session_subject(session, names), session)
    finally:
        target.kill()


verify = judge  # its public name


def _judge_subject(
    networks: Sequence[str],
    store: Store,
    oracles: Sequence[Target],
    known: Sequence[Known],
    subject: Subject,
    session: Session | None = None,
    *,
    large: bool,
    counter: Counter,
) -> Report:
    systems = subject.claimed(networks)
    run = JudgeRun(
        subject.target, systems, store, large=large, dtypes=subject.claim.dtypes, known=known, offers=subject.offers
    )
    cases = {loaded.case.id for system in systems for loaded, _ in run.pairs(system)}
    check_breadth(known, cases & set(store.ids) or cases)  # further sizes have ids that no pattern of the others covers
    columns = {subject.name: run, **_oracle_runs(oracles, systems, store, large=run.large)}
    outcomes = list(_outcomes(systems, columns, counter))
    by_system = {of.system: of.verdicts for of in outcomes if of.target == subject.name}
    judged = list(chain(*by_system.values()))
    silent = silent_systems(by_system, subject, networks)
    others = [*([nothing_done(silent, outcomes)] if silent else []), *sometimes_left_out(judged)]
    evidence, suggestion, explanations = run.evidence, run.suggestion, run.explanations
    last_words: list[str] = []
    if session is not None:
        last_words = last_lines(session.target)
        session.end()
        others = [*session.verdicts, *others]
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
        evidence,
        subject.untested(systems, networks),
    )


def _judge_oracles(
    names: Sequence[str], store: Store, oracles: Sequence[Target], *, large: bool, counter: Counter
) -> Report:
    """The oracles alone, on all versions of the networks that are named, or of all; and what the documents print."""
    own = [name for name in names if is_own(name)]
    wanted = {get(name).name for name in names if name not in own}
    systems: list[Judged] = [system for system in SYSTEMS if not names or system.name in wanted]
    systems += named_systems(own) if own else []
    columns = _oracle_runs(oracles, systems, store, large=large)
    outcomes = list(_outcomes(systems, columns, counter, printed=True))
    left_out = 0 if large else sum(system.network.size > SMALL for system in systems)
    return Report(None, outcomes, left_out=left_out)


def _outcomes(
    systems: Sequence[Judged], columns: Mapping[str, JudgeRun], counter: Counter, *, printed: bool = False
) -> Iterator[Outcome]:
    """For each system what each target's verdicts are, and what its document prints."""
    with counter("verifying", len(systems) * len(columns)) as advance:
        for system in systems:
            if printed and isinstance(system, System) and system.id in PRINTED:
                yield Outcome(system.id, PRINTED_FIGURES, list(PRINTED[system.id](system)))
            for name, run in columns.items():
                yield Outcome(system.id, name, run.of_system(system))
                advance(f"{system.id} with {name}")


def _oracle_runs(
    oracles: Sequence[Target], systems: Sequence[Judged], store: Store, *, large: bool
) -> dict[str, JudgeRun]:
    return {
        oracle.name: JudgeRun(oracle, systems, store, large=large, known=shipped(oracle.name), slow=True)
        for oracle in oracles
    }


def silent_systems(
    verdicts: Mapping[str, Sequence[Verdict]], subject: Subject, networks: Sequence[str] = ()
) -> list[str]:
    """Systems of which nothing could be judged: to claim one and do nothing is not to pass.

    Who claims no system by name, and is asked for none, must do something of one.
    """
    found = [name for name, of in verdicts.items() if not any(v.status in ("passed", "failed") for v in of)]
    if subject.claim.pieces is not None and not subject.claim.systems and not networks and len(found) < len(verdicts):
        # Each network that is no documented one was asked for pieces that are named, and maybe for an optimiser.
        steps = {
            name: [v.status for v in of if v.rung == "step" and not v.check.case.endswith(UPDATES)]
            for name, of in verdicts.items()
            if ";" in name
        }
        refused = [name for name, statuses in steps.items() if statuses and set(statuses) == {"unsupported"}]
        return [name for name in (*found, *refused) if is_own(name)]
    return found if subject.claim.systems or networks or len(found) == len(verdicts) else []


def nothing_done(silent: Sequence[str], outcomes: Sequence[Outcome]) -> Verdict:
    """The failure of a target that claims what it then does not do."""
    reasons = [v.reason for of in outcomes if of.system == silent[0] for v in of.verdicts]
    named = ", ".join(silent[:3]) + (", ..." if len(silent) > 3 else "")
    reason = f"claimed, and nothing of it passed: {named}: {(reasons or ['no case has a precision that it claims'])[0]}"
    return Verdict(CheckId(HARNESS, "contract", "claim"), "failed", nan, nan, reason, failure="claimed")


def sometimes_left_out(verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """The failure of a target that gives gradients or a loss in some cases alone: who gives none has a forward pass alone."""
    for rung, reason in (("gradient", NO_GRADIENTS), ("loss", NO_LOSS)):
        of_rung = [verdict for verdict in verdicts if verdict.rung == rung]
        without = [verdict.id for verdict in of_rung if verdict.reason == reason]
        if without and any(verdict.status in ("passed", "failed") for verdict in of_rung):
            words = f"{rung}: expected in every case, or in none, got none for {without[0]}"
            yield Verdict(CheckId(HARNESS, rung, "every-case"), "failed", nan, nan, words, failure="answer")


def last_lines(target: ProtocolTarget) -> list[str]:
    """The end of its stderr. Of a stack trace what went wrong, and not the way there."""
    lines = [one_line(line) for line in target.last_words.splitlines()]
    return [line for line in lines if line and not line.startswith("at ")][-LAST_LINES:]
