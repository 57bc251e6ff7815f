"""One check again: `verify --only ID`, with the id as the ladder gives it."""

from collections.abc import Sequence

from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.store import Store
from nn_conformance.known import Known
from nn_conformance.ladder import RUNGS, check_ids, judge
from nn_conformance.oracles import affordable_updates
from nn_conformance.targets import Target
from nn_conformance.verdicts import Verdict
from nn_reference.errors import InputError
from nn_reference.validation import suggestion


def judge_one(store: Store, target: Target, check: str, known: Sequence[Known] = ()) -> Verdict:
    """The verdict of one check.

    Only its own rung is climbed, and the contract, without which no answer can be compared: a check that was blocked by
    another rung shows what it says itself.

    Args:
        store: the fixtures.
        target: what is judged.
        check: its id, ``case::rung::quantity::dtype``.
        known: failures that are expected of the target.

    Raises:
        InputError: there is no such check, with the nearest id.
        DataError: a damaged case.
    """
    case_id, *rest = check.split("::")
    if case_id not in store.ids:
        raise InputError(
            f"check: no case has the id {case_id!r}{suggestion(case_id, store.ids) or '; see fixtures list'}"
        )
    dtype: fmt.Dtype = "float32" if rest[-1:] == ["float32"] else "float64"
    loaded = store.case(case_id)
    ids = check_ids(loaded, dtype)
    if check not in ids:
        raise InputError(
            f"check: there is none with the id {check!r}{suggestion(check, ids) or f'; expected one as {ids[0]}'}"
        )
    (rung,) = [rung.name for rung in RUNGS if rung.name == rest[0]]
    verdicts = judge(
        loaded,
        target,
        dtype,
        rungs=("contract", rung),
        updates=affordable_updates(target, loaded.case),
        known=known,
        trusted=True,
    )
    return next(verdict for verdict in verdicts if verdict.id == check)
