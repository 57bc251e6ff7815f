"""What `verify` does: a whole run; checks again, by an id as the ladder gives it or the beginning of some; drawn networks."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network
from nn_conformance.cases.on_demand import ON_DEMAND
from nn_conformance.cases.store import Store
from nn_conformance.cli.options import NAME, print_json
from nn_conformance.extras import check_installed
from nn_conformance.judge.known import of_file, shipped
from nn_conformance.judge.ladder import RUNGS, check_ids
from nn_conformance.judge.printed import PRINTED
from nn_conformance.judge.target import Target
from nn_conformance.judge.verdict import CheckId, Verdict
from nn_conformance.judge_run import JudgeRun
from nn_conformance.outcome import numbers
from nn_conformance.protocol.program import ProtocolTarget
from nn_conformance.protocol.session import HARNESS, Session
from nn_conformance.replay.listed_files import write
from nn_conformance.report import console as render
from nn_conformance.report import files, terminal
from nn_conformance.run import judge
from nn_conformance.subjects import PRINTED_FIGURES, named_systems, requests_of, session_subject
from nn_reference.errors import InputError
from nn_reference.systems import get
from nn_reference.validation import suggestion


def whole(
    target: ProtocolTarget | None,
    oracles: Sequence[Target],
    networks: Sequence[str],
    spec: str,
    known: Path | None,
    paths: Mapping[str, Path],
    *,
    large: bool,
    verbose: bool,
    as_json: bool,
) -> bool:
    """Judge a target, or our oracles alone, print the report, and write it to files; whether nothing failed."""
    files.check(paths)
    failures = () if known is None else of_file(known)
    report = judge(target, networks or None, large=large, oracles=oracles, known=failures, counter=render.counter)
    for form, path in paths.items():
        write(path, files.written(report, form, spec))
    if as_json:
        print_json(report.as_json())
    else:
        terminal.show(report, everything=verbose, again=shlex.join([NAME, *sys.argv[1:]]))
        for path in paths.values():
            render.line(f"written: {path}")
    return not report.failed


def only(
    target: ProtocolTarget | None, oracles: Sequence[Target], networks: Sequence[str], check: str, *, as_json: bool
) -> bool:
    """Judge checks again, of a target in a process of its own or of our oracles; whether some passed, and none failed.

    Raises:
        InputError: there is no such check.
    """
    systems, store = named_systems(networks), Store()
    session = None
    if target is None:
        runs = [JudgeRun(oracle, systems, store, known=shipped(oracle.name), slow=True) for oracle in oracles]
    elif (session := _begun(target)) is None:
        return False
    else:
        subject = session_subject(session, networks)
        runs = [JudgeRun(subject.target, subject.claimed(networks), store, offers=subject.offers)]
    verdicts = _of_no_case(check, session) or [(run.target.name, v) for run in runs for v in judge_only(run, check)]
    if as_json:
        print_json([{"target": name, **verdict.as_json()} for name, verdict in verdicts])
    for name, verdict in () if as_json else verdicts:
        failure = f" ({verdict.failure})" if verdict.failure else ""
        render.line(f"{verdict.status}{failure}: {verdict.id} ({name})")
        render.line(f"     {': '.join(filter(None, (numbers(verdict), verdict.reason)))}")
    statuses = {verdict.status for _, verdict in verdicts}
    return "failed" not in statuses and bool(statuses & {"passed", "expected failure"})


def fuzz(
    target: ProtocolTarget | None,
    oracles: Sequence[Target],
    networks: Sequence[str],
    count: int,
    spec: str,
    *,
    as_json: bool,
) -> bool:
    """Draw networks like the named ones, or like those that are claimed, or any; whether all that were compared agree.

    Raises:
        InputError: fewer than one network, or no network of a name.
    """
    like = named_systems(networks) if networks else []
    check_installed("verify --fuzz", ["hypothesis"], "test")
    from nn_conformance.fuzz.drawn import fuzz as draw  # an extra has what it needs

    dtype: fmt.Dtype = "float64"
    if target is not None:
        if (session := _begun(target)) is None:
            return False
        subject = session_subject(session)
        oracles, dtype = [subject.target], session.dtypes[-1]
        if not networks and subject.claim.systems:
            like = subject.claimed(())
    described = [describe_network(system.network) for system in like]
    found = {judged.name: draw(judged, count, like=described, dtype=dtype) for judged in oracles}
    if as_json:
        records = [
            {
                "target": name,
                "drawn": one.drawn,
                "unsupported": one.unsupported,
                "compared": one.compared,
                "pieces": {piece: {"drawn": d, "compared": c} for piece, (d, c) in one.pieces.items()},
                "wrong": one.wrong,
                "snippet": one.snippet(spec),
            }
            for name, one in found.items()
        ]
        print_json(records)
    for name, one in () if as_json else found.items():
        render.line(f"{name}: {one}")
        if one.failing is not None:
            render.line(f"the smallest that fails:\n{one.snippet(spec)}")
    return all(one.right for one in found.values())


def judge_only(run: JudgeRun, check: str) -> list[Verdict]:
    """The verdicts of the checks of one case whose ids begin with what is given, in the order of the ladder.

    Only their own rungs are climbed, and the contract, without which no answer can be compared: a check that was blocked
    by another rung shows what it says itself.

    Args:
        run: of the target, on whatever systems.
        check: an id, ``case::rung::quantity::dtype``, or its first parts.

    Raises:
        InputError: there is no such check, with the nearest part.
        DataError: a damaged case.
    """
    case, *rest = check.split("::")
    on_demand = case.startswith(ON_DEMAND)
    requests = (request for system in run.systems if on_demand for request in requests_of(system, run.offers))
    # Only what is meant is certified: of all networks that takes minutes.
    meant = [request for request in requests if request.name == case.split("/")[0]]
    own = {loaded.case.id: loaded for request in meant for loaded in request.cases}
    ids = [*own, *run.store.ids]
    if case not in ids:
        how = "; see fixtures list" + ", and name a network of your own beside it" * on_demand
        how = ", for it is of a whole run: leave --only out" if case in (HARNESS, "known") else how
        raise InputError(f"check: no case has the id {case!r}{suggestion(case, ids) or how}")
    loaded = own[case] if case in own else run.store.case(case)
    every = {dtype: check_ids(loaded, dtype) for dtype in fmt.DTYPES}
    asked = {dtype: [id_ for id_ in of if _begins(id_, rest)] for dtype, of in every.items()}
    if not any(asked.values()):
        raise InputError(_nearest(case, rest, [id_ for of in every.values() for id_ in of]))
    verdicts: list[Verdict] = []
    for dtype, ids_asked in asked.items():
        if ids_asked:
            judged = run.only({"contract", *(id_.rung for id_ in ids_asked)}, loaded, dtype)
            verdicts += [judged[id_] for id_ in ids_asked]
    return verdicts


def _begun(target: ProtocolTarget) -> Session | None:
    """A target that has started; where it does not, why is printed."""
    session = Session(target)
    if session.begin():
        return session
    for verdict in session.verdicts:
        render.line(f"{verdict.status}: {verdict.id}: {verdict.reason}")
    return None


def _of_no_case(check: str, session: Session | None) -> list[tuple[str, Verdict]]:
    """Who was judged and the verdict, of checks with that id of how a program speaks or, without one, of printed figures."""
    case, *rest = check.split("::")
    if session is not None and case == HARNESS:
        session.end()
        return [(session.target.name, verdict) for verdict in session.verdicts if _begins(verdict.check, rest)]
    if session is None and case in PRINTED and rest and rest[0] not in {rung.name for rung in RUNGS}:
        return [(PRINTED_FIGURES, verdict) for verdict in PRINTED[case](get(case)) if _begins(verdict.check, rest)]
    return []


def _begins(check: CheckId, parts: Sequence[str]) -> bool:
    return list(check[1 : 1 + len(parts)]) == list(parts)


def _nearest(case: str, rest: Sequence[str], ids: Sequence[CheckId]) -> str:
    """Which part of an id is wrong, and what stands there in others."""
    for k, part in enumerate(rest):
        there = "::".join((case, *rest[:k]))
        known = dict.fromkeys(id_[k + 1] for id_ in ids if _begins(id_, rest[:k])) if k < 3 else {}
        if part not in known:
            instead = f"; expected one of {', '.join(known)}" if known else ", which is a whole id"
            return f"check: there is no {part!r} in {there}{suggestion(part, known)}{instead}"
    return f"check: there is none with the id {'::'.join((case, *rest))!r}"
