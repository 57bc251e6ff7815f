"""A case before its values are known."""

from dataclasses import dataclass, field

from nn_conformance.cases.format import Dataset, Scaling
from nn_reference.arithmetic import Array, Params
from nn_reference.network import Network
from nn_reference.optimizers import Optimizer
from nn_reference.systems import System


@dataclass(frozen=True)
class Source:
    """Rows of an image dataset, in the format's terms; t is their labels, one-hot."""

    dataset: Dataset
    scaling: Scaling
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Draft:
    """A case before its values are known; every number in it is exact.

    Attributes:
        case: the case's part of its id.
        purpose: what would go unnoticed without it.
        system: the system that it belongs to.
        network, optimizer, params, x, t: as in the case.
        flags: properties that a report may name.
        evaluated: the rows of x of the one evaluation; all of them by default.
        steps: the rows of each single update.
        batches: the rows of each update of the free run.
        source: dataset, part, scaling and rows that x was taken from, where it is too large to be written out.
        second: inputs and targets of a second call.
        zeros: gradients with entries that are zero by structure, with the reason.
        threshold: of pruning, if it is pruned.
        quick: leave the horizons of the free run out.
    """

    case: str
    purpose: str
    system: System
    network: Network
    optimizer: Optimizer
    params: Params
    x: Array
    t: Array
    flags: tuple[str, ...] = ()
    evaluated: tuple[int, ...] | None = None
    steps: tuple[tuple[int, ...], ...] = ()
    batches: tuple[tuple[int, ...], ...] = ()
    second: tuple[Array, Array] | None = None
    source: Source | None = None
    zeros: dict[str, str] = field(default_factory=dict)
    threshold: float | None = None
    quick: bool = False

    @property
    def id(self) -> str:
        """``network/case``; those of a corrected version say so."""
        prefix = "corrected-" if self.system.version == "corrected" and self.case.startswith("probe") else ""
        return f"{self.system.name}/{prefix}{self.case}"


def structural_zeros(network: Network) -> dict[str, str]:
    """Gradients with entries that are zero whatever the numbers, with the reason."""
    if network.layers[-1].activation.axis != -2:
        return {}
    why = "a softmax over the batch does not change when something moves all its samples alike, as a bias does that is seen by all"
    return {bias: why for _, bias in network.names if bias is not None}
