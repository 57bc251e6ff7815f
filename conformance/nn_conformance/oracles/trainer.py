"""What a replay asks of a framework. Parameters and moments come and go in the document's layout, as NumPy arrays."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nn_conformance.cases import format as fmt
from nn_conformance.oracles.formulas import of_softmax
from nn_reference.arithmetic import Array, Params
from nn_reference.optimizers import State
from nn_reference.pruning import Masks
from nn_reference.systems import Data, System
from nn_reference.training import Batch


class Epoch(NamedTuple):
    """The loss of each batch before its update, and how many of its samples were classified rightly then, if counted."""

    losses: NDArray[np.float64]
    correct: NDArray[np.int64] | None


class Trainer(Protocol):
    """A system in a framework: where it stands, and how it goes on.

    Attributes:
        masks: gradients are zeroed where a mask is False; None without.
    """

    masks: Masks | None

    def train(self, batches: list[Batch]) -> Epoch:
        """One update for each batch. May end early, once every parameter is NaN."""

    def evaluate(self, x: Array, t: Array) -> tuple[float, Array]:
        """Loss and scores of all rows at once."""

    def params(self) -> Params:
        """A copy of the parameters."""

    def state(self) -> State:
        """A copy of the optimiser's state."""

    def restore(self, params: Params, state: State) -> None:
        """Goes on from other parameters and another state."""


def targets(system: System, data: Data, params: Params) -> Array:
    """The training targets, in the wider dtype that the document's have, where they have one."""
    narrow = next(iter(params.values())).dtype
    if system.target_precision is None:
        return data.train_t.astype(narrow, copy=False)
    return data.train_t.astype(np.result_type(narrow, system.target_precision))


def labels(t: Array) -> NDArray[Any]:
    """Classes of one-hot targets; zeros where there are none to tell."""
    return np.argmax(t, axis=1) if t.ndim == 2 else np.zeros(len(t), np.intp)


def scores(network: fmt.Network, z: Any, a: Any) -> Any:
    """The last layer's activation; its logits where the loss takes them."""
    return z if of_softmax(network) else a
