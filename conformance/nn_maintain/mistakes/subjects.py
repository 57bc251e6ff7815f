"""Which networks can have a mistake."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network, build_optimizer
from nn_reference.activations import Activation
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Network
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


Applies: TypeAlias = Callable[[Subject], bool]


def subject(case: fmt.Case) -> Subject:
    """What a case is about."""
    masked = None if case.pruned is None else case.pruned.keep_mask
    return Subject(build_network(case.network), build_optimizer(case.optimizer), masked)


def always(_: Subject) -> bool:
    """Every network."""
    return True


def hidden(*kinds: Activation) -> Applies:
    """Networks with such an activation on a hidden layer."""
    names = {kind.name for kind in kinds}
    return lambda on: any(layer.activation.name in names for layer in on.network.layers[:-1])


def averages(on: Subject) -> bool:
    """Losses that are a mean over samples."""
    return not (isinstance(on.network.loss, SquaredError) and on.network.loss.reduction == "sum")


def has_bias(on: Subject) -> bool:
    """Networks with biases."""
    return on.network.layers[0].bias


def matrix_above(on: Subject) -> bool:
    """Networks with a weight matrix above their first layer; one of a single column fits only as its transpose."""
    return any(not layer.vector and layer.units > 1 for layer in on.network.layers[1:])


def squared(on: Subject) -> bool:
    """Squared error."""
    return isinstance(on.network.loss, SquaredError)


def squashed_output(on: Subject) -> bool:
    """Squared error through an activation on the outputs, as the document differentiates it."""
    return squared(on) and on.network.layers[-1].activation.name != "identity"


def classes(on: Subject) -> bool:
    """One-hot targets."""
    return on.network.layers[-1].units > 1


def softmax_output(on: Subject) -> bool:
    """Softmax over the outputs of each sample, with its right Jacobian or fused with its loss."""
    last = on.network.layers[-1].activation
    return last.name == "softmax" and last.axis == -1 and last.derivative == "exact"


def adam(on: Subject) -> bool:
    """Networks trained with Adam."""
    return isinstance(on.optimizer, Adam)


def sgd(on: Subject) -> bool:
    """Networks trained by SGD."""
    return isinstance(on.optimizer, SGD)


def prunes(on: Subject) -> bool:
    """Networks that are pruned."""
    return on.masked is not None


def logits_into_cross_entropy(on: Subject) -> bool:
    """No softmax before a cross-entropy that has its own."""
    return isinstance(on.network.loss, CrossEntropy) and on.network.layers[-1].activation.axis is None


def binary_cross_entropy(on: Subject) -> bool:
    """Binary cross-entropy, from logits or not."""
    return isinstance(on.network.loss, BinaryCrossEntropy)


def several_outputs_averaged(on: Subject) -> bool:
    """Losses that are a mean over outputs too, of which there are several."""
    loss = on.network.loss
    over_all = isinstance(loss, BinaryCrossEntropy) or (isinstance(loss, SquaredError) and loss.reduction == "elements")
    return over_all and classes(on)


def one_output(on: Subject) -> bool:
    """Squared error of a single output."""
    return squared(on) and on.network.layers[-1].units == 1


def cross_entropy(on: Subject) -> bool:
    """Cross-entropy of classes that exclude each other, from logits or not."""
    return isinstance(on.network.loss, CrossEntropy)


def logarithmic(on: Subject) -> bool:
    """A loss with a logarithm."""
    return cross_entropy(on) or binary_cross_entropy(on)


def fused_softmax(on: Subject) -> bool:
    """Softmax and cross-entropy that are computed together."""
    return on.network.loss_takes_logits_of_softmax


def any_softmax(on: Subject) -> bool:
    """A softmax over anything."""
    return on.network.layers[-1].activation.name == "softmax"


def delta_without_derivative(on: Subject) -> bool:
    """p - t is the whole dz of the outputs: softmax or logits with the loss made for them."""
    loss, last = on.network.loss, on.network.layers[-1].activation
    logits = isinstance(loss, CrossEntropy | BinaryCrossEntropy) and loss.from_logits and last.name == "identity"
    return logits or fused_softmax(on)


def linear_output(on: Subject) -> bool:
    """No activation on the outputs."""
    return on.network.layers[-1].activation.name == "identity"


def matrix_biases(on: Subject) -> bool:
    """Biases, and samples and units as two axes."""
    return has_bias(on) and not on.network.layers[-1].vector


def masks_weights_only(on: Subject) -> bool:
    """Networks that are pruned, and have biases."""
    return prunes(on) and has_bias(on)
