"""Checks again: `verify --only ID`, with an id as the ladder gives it, or the beginning of some."""

from collections.abc import Sequence

from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.store import Store
from nn_conformance.known import Known
from nn_conformance.ladder import check_ids, judge
from nn_conformance.oracles import affordable_updates
from nn_conformance.targets import Target
from nn_conformance.verdicts import Verdict
from nn_reference.errors import InputError
from nn_reference.validation import suggestion


def judge_only(store: Store, target: Target, check: str, known: Sequence[Known] = ()) -> list[Verdict]:
    """The verdicts of the checks of one case whose ids begin with what is given, in the order of the ladder.

    Only their own rungs are climbed, and the contract, without which no answer can be compared: a check that was blocked
    by another rung shows what it says itself.

    Args:
        store: the fixtures.
        target: what is judged.
        check: an id, ``case::rung::quantity::dtype``, or its first parts.
        known: failures that are expected of the target.

    Raises:
        InputError: there is no such check, with the nearest part.
        DataError: a damaged case.
    """
    case_id, *rest = check.split("::")
    if case_id not in store.ids:
        raise InputError(
            f"check: no case has the id {case_id!r}{suggestion(case_id, store.ids) or '; see fixtures list'}"
        )
    loaded = store.case(case_id)
    asked: dict[fmt.Dtype, list[str]] = {}
    ids = {dtype: check_ids(loaded, dtype) for dtype in fmt.DTYPES}
    for dtype, every in ids.items():
        if mine := [id_ for id_ in every if id_ == check or id_.startswith(f"{check}::")]:
            asked[dtype] = mine
    if not asked:
        raise InputError(_nearest(case_id, rest, [id_ for every in ids.values() for id_ in every]))
    found = {}
    for dtype, mine in asked.items():
        rungs = ("contract", *dict.fromkeys(id_.split("::")[1] for id_ in mine))
        updates = affordable_updates(target, loaded.case)
        verdicts = judge(loaded, target, dtype, rungs=rungs, updates=updates, known=known, trusted=True)
        found.update({verdict.id: verdict for verdict in verdicts if verdict.id in mine})
    return [found[id_] for mine in asked.values() for id_ in mine]


def _nearest(case_id: str, rest: Sequence[str], ids: Sequence[str]) -> str:
    """Which part of an id is wrong, and what stands there in others."""
    there = case_id
    for part in rest:
        known = dict.fromkeys(
            id_.removeprefix(f"{there}::").split("::")[0] for id_ in ids if id_.startswith(f"{there}::")
        )
        if part not in known:
            instead = f"; expected one of {', '.join(known)}" if known else ", which is a whole id"
            return f"check: there is no {part!r} in {there}{suggestion(part, known)}{instead}"
        there = f"{there}::{part}"
    return f"check: there is none with the id {there!r}"
