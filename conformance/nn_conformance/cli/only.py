"""Checks again: `verify --only ID`, with an id as the ladder gives it, or the beginning of some."""

from collections.abc import Sequence

from nn_conformance.cases import format as fmt
from nn_conformance.judge.ladder import check_ids
from nn_conformance.judge.verdict import CheckId, Verdict
from nn_conformance.run import Run
from nn_reference.errors import InputError
from nn_reference.validation import suggestion


def judge_only(run: Run, check: str) -> list[Verdict]:
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
    own = {loaded.case.id: loaded for system in run.systems for loaded, _ in run.pairs(system)}
    ids = [*own, *run.store.ids]
    if case not in ids:
        how = (
            "; see fixtures list, and name a network of your own beside it"
            if "network-" in case
            else "; see fixtures list"
        )
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
