"""A case before its values are known."""

from collections.abc import Callable
from dataclasses import dataclass, field

from nn_conformance.cases.format import Dataset, Scaling
from nn_reference.arithmetic import Array, Params
from nn_reference.network import Network
from nn_reference.optimizers import Optimizer
from nn_reference.systems import System
from nn_reference.systems.base import Pruning


@dataclass(frozen=True)
class Description:
    """A network of which cases are made: documented, or its author's own.

    Attributes:
        name: the folder of its cases.
        id: the `system` of its cases.
        network, optimizer: as the reference has them.
        pruning: how it is pruned, if it is.
        document: the number of its document, or who else described it.
        corrected: whether a document's mistakes are mended.
        own: whether it is its author's: then targets are real numbers where the loss takes any, and ∂L/∂x is certified.
        shift: of the seeds that numbers are drawn from.
    """

    name: str
    id: str
    network: Network
    optimizer: Optimizer
    pruning: Pruning | None = None
    document: str = "none: described by its author"
    corrected: bool = False
    own: bool = True
    shift: int = 0


def of_system(system: System) -> Description:
    """A documented network as a description."""
    return Description(
        name=system.name,
        id=system.id,
        network=system.network,
        optimizer=system.recipe.optimizer,
        pruning=system.recipe.pruning,
        document=system.document,
        corrected=system.version == "corrected",
        own=False,
    )


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
        of: the network that it is made of.
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
        inputs: where its numbers come from, if that is not what it is for all such cases.
        test: loads the test set, x and t, of a run that is complete.
    """

    case: str
    purpose: str
    of: Description
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
    inputs: str = ""
    test: Callable[[], tuple[Array, Array]] | None = None

    @property
    def id(self) -> str:
        """``network/case``; those of a corrected version say so."""
        prefix = "corrected-" if self.of.corrected and self.case.startswith("probe") else ""
        return f"{self.of.name}/{prefix}{self.case}"


def structural_zeros(network: Network, samples: int = 2) -> dict[str, str]:
    """Gradients with entries that are zero whatever the numbers, with the reason.

    Args:
        network: the declaration.
        samples: of the smallest call.
    """
    found: dict[str, str] = {}
    for k, layer in enumerate(network.layers, 1):
        if layer.activation.axis != -2:
            continue
        if samples == 1 and not any(below.skip for below in network.layers[:k]):
            why = "a softmax over a batch of one is 1 whatever its input"
            found |= dict.fromkeys([*(name for name in network.shapes if int(name[1:]) <= k), "x"], why)
        else:
            why = "a softmax over the batch does not change when something moves all its samples alike, as a bias does that is seen by all"
            seen = network.names if k == len(network.layers) else network.names[k - 1 : k]
            found |= {bias: why for _, bias in seen if bias is not None and bias not in found}
    penalty = network.penalty
    return {name: why for name, why in found.items() if penalty is None or not penalty.takes(name)}
