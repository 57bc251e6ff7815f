"""A case and a target in, verdicts out. Python, the command line and pytest all come through here.

Each rung of the ladder, from the first, checks some quantities of a case, and answers them in their order. It stops at
nothing: which checks are blocked is the judge's business.

A rung whose need has failed is *blocked*: a wrong forward pass is reported once, not once for every gradient. What a
target cannot do is *unsupported*. The ids of a case are known before anything runs, and are the same whatever happens.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.store import LoadedCase
from nn_conformance.judge import evaluation, own_loss, update_rungs
from nn_conformance.judge.climb import Climb, Finding
from nn_conformance.judge.known import Known, expect
from nn_conformance.judge.metamorphic import relations
from nn_conformance.judge.target import Target, TargetError, Unsupported
from nn_conformance.judge.verdict import CheckId, Verdict, at_least, at_most

TWIN = "-float32"  # ends the id of a case whose inputs and weights were rounded to float32 first
Quantities = Callable[[fmt.Case, fmt.Dtype], Sequence[str]]


@dataclass(frozen=True)
class Rung:
    """One rung.

    Attributes:
        name: stands in the ids.
        needs: rungs that must not have failed.
        answered_by: rungs whose failure answers what this one asks, where the loss is right.
        quantities: what it checks on a case.
        run: a finding for each of these, in their order.
    """

    name: str
    needs: tuple[str, ...]
    quantities: Quantities
    run: Callable[[Climb], Iterator[Finding]]
    answered_by: tuple[str, ...] = ()

    def checks(self, case: fmt.Case, dtype: fmt.Dtype) -> list[CheckId]:
        """The ids of what it checks."""
        return [CheckId(case.id, self.name, quantity, dtype) for quantity in self.quantities(case, dtype)]


def _layer_names(case: fmt.Case, _: fmt.Dtype) -> Sequence[str]:
    return [f"{name}{k}" for k in range(1, len(case.network.layers) + 1) for name in ("z", "a")]


def _inputs(case: fmt.Case, dtype: fmt.Dtype) -> Sequence[str]:
    """∂L/∂x where the case has it, or where it has one value, and x is no image, of which it would take long to certify."""
    several = case.evaluation.kinks or dtype in case.by_dtype
    return ("x",) if case.evaluation.gradient_x or not (several or case.x.dataset) else ()


def _between_calls(case: fmt.Case, _: fmt.Dtype) -> Sequence[str]:
    if not evaluation.rectangular(case):
        return ()
    names = [*(relation.name for relation in relations(case.network)), "new-weights"]
    return [*names, "extreme-logits"] if evaluation.has_extreme_logits(case.network) else names


def _horizon(case: fmt.Case, dtype: fmt.Dtype) -> int:
    horizon = case.trajectory.horizons.get(dtype) if case.trajectory else None
    return horizon.steps if horizon else 0


RUNGS: tuple[Rung, ...] = (
    Rung("contract", (), lambda case, dtype: ("answer", "repeat"), evaluation.contract),
    Rung("layer", ("contract",), _layer_names, evaluation.layer),
    Rung("loss", ("layer",), lambda case, dtype: ("loss",), evaluation.loss),
    Rung(
        "accuracy",
        ("layer",),
        lambda case, dtype: ("accuracy",) if case.evaluation.accuracy is not None else (),
        evaluation.accuracy,
    ),
    Rung("gradient", ("loss",), lambda case, dtype: list(case.params), evaluation.gradient),
    Rung("input-gradient", ("gradient",), _inputs, evaluation.input_gradient),
    Rung(
        "own-loss",
        ("contract",),
        lambda case, dtype: list(own_loss.measured_together(case)) if own_loss.decidable(case, dtype) else (),
        own_loss.own_loss,
        # A gradient that is not that of the right loss is not that of its own, which is the right one.
        answered_by=("gradient",),
    ),
    Rung("metamorphic", ("contract",), _between_calls, evaluation.metamorphic),
    Rung(
        "second-call",
        ("gradient",),
        lambda case, dtype: ("loss", *case.params) if case.second_call else (),
        evaluation.second_call,
    ),
    Rung(
        "step",
        ("gradient",),
        lambda case, dtype: [f"{k}-{name}" for k in range(1, len(case.steps) + 1) for name in case.params],
        update_rungs.step,
    ),
    Rung("pruning", ("step",), lambda case, dtype: ("left", "after") if case.pruned else (), update_rungs.pruning),
    Rung(
        "trajectory",
        ("step",),
        lambda case, dtype: ("losses",) if _horizon(case, dtype) else (),
        update_rungs.trajectory,
    ),
)


def in_precisions(cases: Sequence[LoadedCase]) -> Iterator[tuple[LoadedCase, fmt.Dtype]]:
    """All cases of a network on disk or on demand, each with the precisions in which it is judged.

    Where a documented case's numbers are no float32 numbers it is judged in float64, and its twin in float32.
    """
    ids = {loaded.case.id for loaded in cases}
    for loaded in cases:
        if loaded.case.id + TWIN not in ids:
            yield loaded, "float32"
        if not loaded.case.id.endswith(TWIN):
            yield loaded, "float64"


def check_ids(loaded: LoadedCase, dtype: fmt.Dtype) -> list[CheckId]:
    """All checks of a case in one precision, in the order in which `judge` answers them."""
    return [check for rung in RUNGS for check in rung.checks(loaded.case, dtype)]


def judge(
    loaded: LoadedCase,
    target: Target,
    dtype: fmt.Dtype,
    *,
    updates: int | None = None,
    rungs: Collection[str] | None = None,
    known: Sequence[Known] = (),
    trusted: bool = False,
) -> list[Verdict]:
    """Every check of a case, one verdict for each.

    Args:
        loaded: the case.
        target: what is judged. Whatever it raises is a verdict, not an exception.
        dtype: the precision that it is asked for.
        updates: how much of a free run to judge, for targets that are slow; all of it if None.
        rungs: names of those to climb, with nothing but each other to need; all if None.
        known: failures that are expected of the target; they block nothing where they are of numbers.
        trusted: whether what the target says of its own uncertainty widens the limits: for our oracles, and nobody else.

    Raises:
        DataError: a damaged case.
    """
    return judge_climb(Climb(loaded, target, dtype, updates, trusted=trusted), rungs, known)


# OpenBLAS raises the flag now and then for a product of finite numbers, by what lies beside them in memory; where a number
# is invalid, it is NaN and fails by itself.
@np.errstate(invalid="ignore")
def judge_climb(climb: Climb, rungs: Collection[str] | None = None, known: Sequence[Known] = ()) -> list[Verdict]:
    """As `judge`; the climb keeps the target's answers."""
    verdicts: list[Verdict] = []
    failed: dict[str, CheckId] = {}  # by rung, the check that failed it, or that its need failed by
    for rung in RUNGS:
        needs = rung.needs if "loss" in failed else (*rung.needs, *rung.answered_by)
        blocker = next((failed[need] for need in needs if need in failed), None)
        if rungs is not None and rung.name not in rungs:
            failed |= {rung.name: blocker} if blocker else {}  # the rungs that need this one are blocked by it too
            continue
        ids = rung.checks(climb.case, climb.dtype)
        if blocker is None:
            of_rung = [expect(verdict, known) for verdict in _run(climb, rung, ids)]
        else:
            of_rung = [Verdict(check, "blocked", nan, nan, f"blocked by {blocker}") for check in ids]
        wrong = [verdict.check for verdict in of_rung if _blocks(verdict)]
        if wrong or blocker:
            failed[rung.name] = blocker or wrong[0]
        verdicts += of_rung
    return verdicts


def _run(climb: Climb, rung: Rung, ids: Sequence[CheckId]) -> Iterator[Verdict]:
    """One verdict for each id; what the target does not answer fails by the reason, and never passes."""
    findings: list[Finding] = []
    left = Finding(nan, nan, "no answer", failure="answer")
    try:
        for finding in rung.run(climb) if ids else ():
            findings.append(finding)  # noqa: PERF402 - what was found before a target gave up stands
    except Unsupported as error:
        left = Finding(nan, nan, str(error), unsupported=True)
    except TargetError as error:
        left = Finding(nan, nan, str(error), failure=error.failure, subject=error.subject)
    for check, of in zip(ids, [*findings, *[left] * len(ids)], strict=False):
        if of.unsupported:
            yield Verdict(check, "unsupported", nan, nan, of.reason, summary=of.summary)
        elif of.failure:
            yield Verdict(check, "failed", of.error, of.limit, of.reason, failure=of.failure, subject=of.subject)
        else:
            yield (at_least if of.at_least else at_most)(check, of.error, of.limit, of.reason)


def _blocks(verdict: Verdict) -> bool:
    """An expected failure without an answer would only fail again, as a crash does."""
    return verdict.failed or (verdict.status == "expected failure" and verdict.failure != "mismatch")
