"""Checks again: `verify --only ID`, with an id as the ladder gives it, or the beginning of some."""

from collections.abc import Sequence

from nn_conformance.cases import format as fmt
from nn_conformance.cases.on_demand import ON_DEMAND
from nn_conformance.judge.ladder import RUNGS, check_ids
from nn_conformance.judge.printed import PRINTED
from nn_conformance.judge.verdict import CheckId, Verdict
from nn_conformance.judge_run import JudgeRun
from nn_conformance.protocol.session import HARNESS, Session
from nn_conformance.subjects import PRINTED_FIGURES, requests_of
from nn_reference.errors import InputError
from nn_reference.systems import get
from nn_reference.validation import suggestion


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


def of_no_case(check: str, session: Session | None) -> list[tuple[str, Verdict]]:
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
