"""A case before its values are known."""

from dataclasses import dataclass, field, replace

import numpy as np

from nn_reference.arithmetic import Array, Params
from nn_reference.network import Network
from nn_reference.optimizers import Optimizer


@dataclass(frozen=True)
class Description:
    """A network of which cases are made: documented, or its author's own.

    Attributes:
        name: the folder of its cases.
        id: the `system` of its cases.
        network, optimizer: as the reference has them.
        document: the number of its document, or who else described it.
        prefix: of the names of its probes.
        own: whether it is its author's: then targets are real numbers where the loss takes any, and ∂L/∂x is certified.
        shift: of the seeds that numbers are drawn from.
    """

    name: str
    id: str
    network: Network
    optimizer: Optimizer
    document: str = "none: described by its author"
    prefix: str = ""
    own: bool = True
    shift: int = 0


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
        second: inputs and targets of a second call.
        zeros: gradients with entries that are zero by structure, with the reason.
        inputs: where its numbers come from.
        proven: whether the gradients are proven apart from backpropagation.
        large: each single update starts from the case's parameters, and fewer runs show how far rounding reaches.
        horizons: whether the free run's horizons are computed.
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
    zeros: dict[str, str] = field(default_factory=dict)
    inputs: str = "multiples of 1/16 or small integers, exact in float32"
    proven: bool = True
    large: bool = False
    horizons: bool = True

    @property
    def id(self) -> str:
        """``network/case``; a probe's has the network's prefix."""
        return f"{self.of.name}/{self.of.prefix if self.case.startswith('probe') else ''}{self.case}"


def float32_twin(draft: Draft) -> Draft | None:
    """The draft rounded to float32, in which it can be judged too; None if it has float32 numbers already."""
    params = {name: p.astype(np.float32) for name, p in draft.params.items()}
    x, t = draft.x.astype(np.float32), draft.t.astype(np.float32)
    before = (*draft.params.values(), draft.x, draft.t)
    if all(np.array_equal(a, b) for a, b in zip(before, (*params.values(), x, t), strict=True)):
        return None
    return replace(
        draft,
        case=f"{draft.case}-float32",
        purpose=f"{draft.purpose}; weights and inputs first rounded to float32, for those who compute in it",
        flags=(*draft.flags, "float32-twin"),
        params=params,
        x=x,
        t=t,
    )


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
