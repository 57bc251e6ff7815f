"""Which networks can have a mistake."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network, build_optimizer
from nn_reference.activations import Activation
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, Loss, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD, Adam, Optimizer


@dataclass(frozen=True)
class Subject:
    """What a mistake can be made in.

    Attributes:
        network: architecture and loss.
        optimizer: the update.
        masked: whether pruned weights are held at 0; None where nothing is pruned.
    """

    network: Network
    optimizer: Optimizer
    masked: bool | None

    @property
    def loss(self) -> Loss:
        """The network's loss."""
        return self.network.loss

    @property
    def output(self) -> Dense:
        """The network's last layer."""
        return self.network.layers[-1]


Applies: TypeAlias = Callable[[Subject], bool]


def subject(case: fmt.Case) -> Subject:
    """What a case is about."""
    masked = None if case.pruned is None else case.pruned.keep_mask
    return Subject(build_network(case.network), build_optimizer(case.optimizer), masked)


def always(_: Subject) -> bool:
    """Every network."""
    return True


def both(*conditions: Applies) -> Applies:
    """Networks that meet all the conditions."""
    return lambda on: all(condition(on) for condition in conditions)


def loss(*kinds: type) -> Applies:
    """Networks with a loss of such a kind."""
    return lambda on: isinstance(on.loss, kinds)


def trained_by(kind: type) -> Applies:
    """Networks with such an optimiser."""
    return lambda on: isinstance(on.optimizer, kind)


def hidden(*kinds: Activation) -> Applies:
    """Networks with such an activation on a hidden layer."""
    names = {kind.name for kind in kinds}
    return lambda on: any(layer.activation.name in names for layer in on.network.layers[:-1])


def outputs(*names: str) -> Applies:
    """Networks with such an activation on the outputs."""
    return lambda on: on.output.activation.name in names


squared = loss(SquaredError)
cross_entropy = loss(CrossEntropy)
binary_cross_entropy = loss(BinaryCrossEntropy)
logarithmic = loss(CrossEntropy, BinaryCrossEntropy)
adam, sgd = trained_by(Adam), trained_by(SGD)


def averages(on: Subject) -> bool:
    """Losses that are a mean over samples."""
    return not (isinstance(on.loss, SquaredError) and on.loss.reduction == "sum")


def has_bias(on: Subject) -> bool:
    """Networks with biases."""
    return on.network.layers[0].bias


def matrix_above(on: Subject) -> bool:
    """Networks with a weight matrix above their first layer; one of a single column fits only as its transpose."""
    return any(not layer.vector and layer.units > 1 for layer in on.network.layers[1:])


def squashed_output(on: Subject) -> bool:
    """Squared error through an activation on the outputs, as the document differentiates it."""
    return squared(on) and on.output.activation.name != "identity"


def classes(on: Subject) -> bool:
    """One-hot targets."""
    return on.output.units > 1


def prunes(on: Subject) -> bool:
    """Networks that are pruned."""
    return on.masked is not None


def several_outputs_averaged(on: Subject) -> bool:
    """Losses that are a mean over outputs too, of which there are several."""
    over_all = isinstance(on.loss, BinaryCrossEntropy) or getattr(on.loss, "reduction", "") == "elements"
    return over_all and classes(on)


def fused_softmax(on: Subject) -> bool:
    """Softmax and cross-entropy that are computed together."""
    return on.network.loss_takes_logits_of_softmax


def unfused_softmax(on: Subject) -> bool:
    """Softmax over the outputs of each sample, with its right Jacobian, which the loss is not computed with."""
    last = on.output.activation
    return last.name == "softmax" and last.axis == -1 and last.derivative == "exact" and not fused_softmax(on)


def delta_without_derivative(on: Subject) -> bool:
    """p - t is the whole dz of the outputs: softmax or logits with the loss made for them."""
    logits = getattr(on.loss, "from_logits", False) and on.output.activation.name == "identity"
    return logits or fused_softmax(on)
