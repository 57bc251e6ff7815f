"""Implementations that are trusted for different reasons, each a target.

`plain` is the documents' code in one file of NumPy each. The others are built from a network's description alone: PyTorch
and Keras differentiate by themselves; complex step, central differences and Arb share one forward pass (`formulas`), and
no derivative. None of them shares anything with the reference.
"""

import importlib
from dataclasses import dataclass
from typing import cast

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_conformance.extras import check_installed
from nn_conformance.judge.target import Target
from nn_reference.errors import InputError
from nn_reference.validation import suggestion

AFFORDABLE = 10_000_000  # updates times samples times parameters, which take such a target up to ten seconds


@dataclass(frozen=True)
class Oracle:
    """Where an oracle is, and what it needs.

    Attributes:
        module: below this package.
        needs: modules that must be installed, which the extra of the oracle's name brings.
    """

    module: str
    needs: tuple[str, ...] = ()


ORACLES: dict[str, Oracle] = {
    "reference": Oracle("reference"),
    "plain": Oracle("plain"),
    "complex-step": Oracle("complex_step"),
    "central": Oracle("central"),
    "arb": Oracle("arb"),
    "torch": Oracle("pytorch", ("torch",)),
    "keras": Oracle("keras", ("keras", "tensorflow")),
}


def load(name: str) -> Target:
    """The oracle as a target.

    Raises:
        InputError: an unknown name, with the nearest one; or one whose packages are not installed.
    """
    if name not in ORACLES:
        hint = suggestion(name, ORACLES) or f"; expected one of {', '.join(ORACLES)}"
        raise InputError(f"oracle: none is named {name!r}{hint}")
    oracle = ORACLES[name]
    check_installed(f"oracle {name}", oracle.needs, name)
    return cast("Target", importlib.import_module(f"{__name__}.{oracle.module}"))


def affordable_updates(target: Target, case: fmt.Case) -> int | None:
    """How many updates of a case's free run a target with `slow_updates` can do in some seconds, at least one; None if all."""
    if not getattr(target, "slow_updates", False) or case.trajectory is None:
        return None
    return max(1, AFFORDABLE // (build_network(case.network).size * len(case.trajectory.batches[0])))
