"""How a mistake changes the reference: gradients, rules, layers, rows, memory, updates.

Legend: r is the right gradient, N the batch, C the outputs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from nn_conformance.targets import Pruning
from nn_reference.activations import SOFTMAX, Activation
from nn_reference.arithmetic import Array, Params
from nn_reference.losses import SquaredError
from nn_reference.network import Dense, Network, backpropagate
from nn_reference.optimizers import SGD, Adam, Optimizer, State
from nn_reference.pruning import apply_masks

Evaluate: TypeAlias = Callable[[Network, Params, Array, Array], tuple[Any, Params]]
Prune: TypeAlias = Callable[[Network, Optimizer, Params, Array, Array, Pruning, State], tuple[Params, Params]]


def scaled(factor: Callable[[Network, Array], float], only: str = "Wb") -> Evaluate:
    """The right gradients times factor(network, t), for weights (W), biases (b) or both."""

    def evaluate(network: Network, params: Params, x: Array, t: Array) -> tuple[Any, Params]:
        loss, r = backpropagate(network, params, x, t)
        return loss, {name: g * factor(network, t) if name[0] in only else g for name, g in r.items()}

    return evaluate


def rewritten(change: Callable[[Network], Network]) -> Evaluate:
    """The gradients of a changed network."""
    return lambda network, params, x, t: backpropagate(change(network), params, x, t)


def on_rows(rows: Callable[[int], slice]) -> Evaluate:
    """Only some of the batch."""
    return lambda network, params, x, t: backpropagate(network, params, x[rows(len(x))], t[rows(len(x))])


def with_hidden_rule(rule: Callable[[Array, Array, Array], Array], kind: Activation | None = None) -> Evaluate:
    """Another backward rule for hidden layers, of one activation or of all."""

    def change(network: Network) -> Network:
        hidden = tuple(
            replace(layer, activation=replace(layer.activation, backward=rule))
            if kind is None or layer.activation.name == kind.name
            else layer
            for layer in network.layers[:-1]
        )
        return replace(network, layers=(*hidden, network.layers[-1]))

    return rewritten(change)


def with_output(network: Network, activation: Activation) -> Network:
    """The network with another activation on its last layer."""
    return replace(network, layers=(*network.layers[:-1], replace(network.layers[-1], activation=activation)))


def with_layers(kind: Callable[[Dense], Dense]) -> Evaluate:
    """Every layer changed."""
    return rewritten(lambda network: replace(network, layers=tuple(kind(layer) for layer in network.layers)))


class UntransposedDense(Dense):
    """On the way back, W where Wᵀ belongs."""

    def input_gradient(self, dz: Array, weights: Array) -> Array:
        """Silent only where W is square."""
        return super().input_gradient(dz, weights if self.vector else weights.T)


class TransposedGradientDense(Dense):
    """dWᵀ returned for dW."""

    def weight_gradient(self, a: Array, dz: Array) -> Array:
        """Silent only where W is square."""
        return super().weight_gradient(a, dz).T


def as_class(kind: type[Dense]) -> Callable[[Dense], Dense]:
    """The same layer of another class."""
    return lambda layer: kind(layer.units, layer.activation, layer.bias, layer.layout, layer.vector)


def bias_from_first_sample(network: Network, params: Params, x: Array, t: Array) -> tuple[Any, Params]:
    """Weights' gradients right, biases' of one sample only, at the batch's scale."""
    loss, r = backpropagate(network, params, x, t)
    _, first = backpropagate(network, params, x[:1], t[:1])
    scale = 1 if isinstance(network.loss, SquaredError) and network.loss.reduction == "sum" else len(x)
    return loss, {name: first[name] / scale if name[0] == "b" else g for name, g in r.items()}


def without_biases(network: Network, params: Params, x: Array, t: Array) -> tuple[Any, Params]:
    """Biases left out of the forward pass."""
    return backpropagate(network, no_biases(params), x, t)


def no_biases(params: Params) -> Params:
    """The parameters with biases of zero."""
    return {name: p * 0 if name[0] == "b" else p for name, p in params.items()}


def detached(network: Network, params: Params, x: Array, t: Array) -> tuple[Any, Params]:
    """The first layer gets no gradient."""
    loss, r = backpropagate(network, params, x, t)
    return loss, {name: g * 0 if name in ("W1", "b1") else g for name, g in r.items()}


def shifted_labels(network: Network, params: Params, x: Array, t: Array) -> tuple[Any, Params]:
    """Classes counted from 1."""
    return backpropagate(network, params, x, np.roll(t, 1, axis=-1))


def unshifted_softmax(network: Network, params: Params, x: Array, t: Array) -> tuple[Any, Params]:
    """e^z/Σe^z without subtracting the maximum: NaN for large logits."""

    def forward(z: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.exp(z) / np.sum(np.exp(z), axis=-1, keepdims=True)

    with np.errstate(invalid="ignore", divide="ignore"):
        return backpropagate(with_output(network, replace(SOFTMAX, forward=forward)), params, x, t)


def stale_cache() -> Evaluate:
    """The second call answers the first."""
    answers: list[tuple[Any, Params]] = []

    def evaluate(network: Network, params: Params, x: Array, t: Array) -> tuple[Any, Params]:
        answers.append(backpropagate(network, params, x, t))
        return answers[0]

    return evaluate


def accumulated() -> Evaluate:
    """The second call answers the sum of both."""
    total: Params = {}

    def evaluate(network: Network, params: Params, x: Array, t: Array) -> tuple[Any, Params]:
        loss, r = backpropagate(network, params, x, t)
        for name, g in r.items():
            total[name] = total.get(name, 0) + g
        return loss, dict(total)

    return evaluate


@dataclass(frozen=True)
class Altered:
    """An optimiser that sees other gradients, or does not count its steps."""

    right: Optimizer
    gradient: Callable[[Array], Array] = lambda g: g
    counts: bool = True

    def init(self, params: Params) -> State:
        """As the right one."""
        return self.right.init(params)

    def step(self, params: Params, gradients: Params, state: State) -> None:
        """As the right one, after the alteration."""
        if not self.counts:
            state.step = 0
        self.right.step(params, {name: np.asarray(self.gradient(g)) for name, g in gradients.items()}, state)


def swapped_betas(optimizer: Optimizer) -> Optimizer:
    """β₁ where β₂ belongs, and the other way round."""
    return (
        replace(optimizer, beta1=optimizer.beta2, beta2=optimizer.beta1) if isinstance(optimizer, Adam) else optimizer
    )


def tenfold_rate(optimizer: Optimizer) -> Optimizer:
    """Ten times the learning rate."""
    return replace(optimizer, learning_rate=10 * optimizer.learning_rate) if isinstance(optimizer, SGD) else optimizer


def other_placement(optimizer: Optimizer) -> Optimizer:
    """ε in the other library's place, declared as this one's."""
    if not isinstance(optimizer, Adam):
        return optimizer
    return replace(optimizer, placement="keras" if optimizer.placement == "torch" else "torch")


def pruned(
    kept: Callable[[Array, float], Array] = lambda p, threshold: np.abs(p) >= threshold,
    *,
    other_mask: bool = False,
    masked_moments: bool = True,
) -> Prune:
    """Pruning with another rule for what is kept, without its mask (or with one), or with moments as they were."""

    def prune(
        network: Network, optimizer: Optimizer, params: Params, x: Array, t: Array, how: Pruning, state: State
    ) -> tuple[Params, Params]:
        masks = {name: kept(params[name], how.threshold) for name in how.names}
        left = apply_masks(params, masks)
        _, gradients = backpropagate(network, left, x, t)
        moments = {m: {name: a.copy() for name, a in of.items()} for m, of in state.moments.items()}
        if how.keep_mask != other_mask:
            gradients = apply_masks(gradients, masks)
            moments = {m: apply_masks(of, masks) for m, of in moments.items()} if masked_moments else moments
        after = {name: p.copy() for name, p in left.items()}
        optimizer.step(after, {name: np.array(g) for name, g in gradients.items()}, State(state.step, moments))
        return left, after

    return prune


def samples(_: Network, t: Array) -> float:
    """N."""
    return float(len(t))
