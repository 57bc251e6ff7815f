"""The rungs of the ladder, from the first: what each checks on a case, and what it needs.

A rung answers its quantities in their order, and stops at nothing: which checks are blocked is the judge's business.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nn_conformance.cases import format as fmt
from nn_conformance.judge import evaluation, own_loss, update_rungs
from nn_conformance.judge.climb import Climb, Finding
from nn_conformance.judge.metamorphic import relations
from nn_conformance.judge.verdict import CheckId

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
