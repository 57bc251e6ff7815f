"""A training step in few calls of NumPy, mostly in place: in small networks a call costs more than its arithmetic.

It computes what the reference's passes and optimisers do. The learning rate, or 1 - β₁, goes into the gradient while
that is still as small as a layer; a sample that comes alone is a vector; and inputs that are zero in all of a batch are
left out where most inputs are zero, as their weights' gradient is zero. Rounding may differ; the tests hold it to the
reference.

Legend: x (N, D) or (D,) inputs, z pre-activation, a activation, y the last one, t targets, each row of which sums to 1
where the loss is a cross-entropy; d is the gradient of the loss with respect to a, and after `backward` to z.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from nn_conformance.replay.quick_rules import Backward, Forward, LossRule, loss_rule, rules
from nn_reference.arithmetic import Array, Params
from nn_reference.network import Network
from nn_reference.optimizers import SGD, Adam, Optimizer, State
from nn_reference.pruning import Masks, apply_masks

Step = Callable[[Array, Array, Masks | None], tuple[Any, Array]]
Update = Callable[[Params, Params], None]


class _Layer(NamedTuple):
    """Names of weights and bias, whether the weights are (units, inputs), and the rules."""

    weights: str
    bias: str | None
    turned: bool
    forward: Forward
    backward: Backward


def quick_step(network: Network, params: Params, optimizer: Optimizer, state: State, *, sparse: bool) -> Step | None:
    """A function of x, t and masks that updates `params` and `state` in place, and returns the loss before that, and y.

    None for a network or an optimiser that has rules which are not known here, or are not the derivative. With `sparse`
    the first layer's weights are (inputs, units), and there are no masks.
    """
    loss = loss_rule(network)
    if loss is None or any(rules(network, layer) is None for layer in network.layers):
        return None
    layers = [
        _Layer(weights, bias, layer.layout == "out,in", *(rules(network, layer) or ()))
        for layer, (weights, bias) in zip(network.layers, network.names, strict=True)
    ]
    scale, update = _update(optimizer, state)
    if update is None:
        return None

    def step(x: Array, t: Array, masks: Masks | None = None) -> tuple[Any, Array]:
        value, y, gradients = _passes(layers, loss, scale, params, x, t)
        update(params, gradients if masks is None else apply_masks(gradients, masks))
        return value, y

    def sparse_step(x: Array, t: Array, _: Masks | None = None) -> tuple[Any, Array]:
        used = np.flatnonzero(x if x.ndim == 1 else x.any(axis=0))
        weights = params["W1"].take(used, axis=0)
        few = params | {"W1": weights}
        value, y, gradients = _passes(layers, loss, scale, few, x.take(used, axis=-1), t)
        update(few, gradients)
        params["W1"][used] = weights
        return value, y

    return sparse_step if sparse else step


def _passes(
    layers: list[_Layer], loss: LossRule, scale: float, params: Params, x: Array, t: Array
) -> tuple[Any, Array, Params]:
    """Loss, outputs, and `scale` times the gradients."""
    activations = [x]
    for layer in layers:
        a, w = activations[-1], params[layer.weights]
        z = a.dot(w.T if layer.turned else w)
        if layer.bias is not None:
            z += params[layer.bias]
        activations.append(layer.forward(z))
    y = a = activations.pop()
    value, d = loss(y, t)
    gradients: Params = {}
    for layer in reversed(layers):
        d, w = layer.backward(a, d), params[layer.weights]
        a = activations.pop()
        below = d.dot(w if layer.turned else w.T) if activations else d
        d = d * scale
        if layer.bias is not None:
            gradients[layer.bias] = d if d.ndim == 1 else np.add.reduce(d, axis=0)
        left, right = (d, a) if layer.turned else (a, d)
        gradients[layer.weights] = np.dot(left[:, None], right[None]) if d.ndim == 1 else left.T.dot(right)
        d = below
    return value, y, gradients


def _update(optimizer: Optimizer, state: State) -> tuple[float, Update | None]:
    """What gradients are to be multiplied by, and what then takes them."""
    if isinstance(optimizer, SGD) and not optimizer.momentum:
        return optimizer.learning_rate, partial(_descend, state)
    if isinstance(optimizer, Adam):
        scratch = {name: np.empty_like(m) for name, m in state.moments["m"].items()}
        return 1 - optimizer.beta1, partial(_adapt, optimizer, state, scratch)
    return 1.0, None


def _descend(state: State, params: Params, gradients: Params) -> None:
    """θ ← θ - lr·g, of lr·g."""
    state.step += 1
    for name, g in gradients.items():
        np.subtract(params[name], g, out=params[name])


def _adapt(rule: Adam, state: State, scratch: Params, params: Params, gradients: Params) -> None:
    """Adam's update, of (1-β₁)g; either placement of ε is √v + ε̂ with a rate of its own."""
    state.step += 1
    correction1, correction2 = 1 - rule.beta1**state.step, (1 - rule.beta2**state.step) ** 0.5
    rate = rule.learning_rate * correction2 / correction1
    epsilon = rule.epsilon * (correction2 if rule.placement == "torch" else 1)
    square = (1 - rule.beta2) / (1 - rule.beta1) ** 2
    for name, g in gradients.items():
        m, v, s = state.moments["m"][name], state.moments["v"][name], scratch[name]
        np.multiply(m, rule.beta1, out=m)
        np.add(m, g, out=m)
        np.multiply(g, g, out=g)
        np.multiply(g, square, out=g)
        np.multiply(v, rule.beta2, out=v)
        np.add(v, g, out=v)
        np.sqrt(v, out=s)
        np.add(s, epsilon, out=s)
        np.divide(m, s, out=s)
        np.multiply(s, rate, out=s)
        np.subtract(params[name], s, out=params[name])
