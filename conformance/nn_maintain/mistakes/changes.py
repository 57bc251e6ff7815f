"""Mistakes of evaluation, memory and arguments: changes of what computes loss, gradients and layers.

Two can be made at once.

Legend: r is the right gradient, N the batch, C the outputs; dz is the gradient of the loss with respect to z.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias, cast

import numpy as np

from nn_conformance.judge.target import Answer
from nn_reference.activations import IDENTITY, SIGMOID, SOFTMAX, Activation, Softmax
from nn_reference.arithmetic import Array, Params
from nn_reference.losses import BinaryCrossEntropy
from nn_reference.network import Dense, LayerOutput, Network, backpropagate, forward

Evaluate: TypeAlias = Callable[[Network, Params, Array, Array], Answer]
# What is computed in place of the first argument, for the other four.
Change: TypeAlias = Callable[[Evaluate, Network, Params, Array, Array], Answer]
Rule: TypeAlias = Callable[[Array, Array, Array], Array]
Factor: TypeAlias = Callable[[Network, Array], float]


def right(network: Network, params: Params, x: Array, t: Array) -> Answer:
    """The reference, which every change begins from."""
    loss, gradients = backpropagate(network, params, x, t)
    return Answer(loss, gradients, forward(network, params, x))


def loss_of(answer: Answer) -> float:
    """The loss of an answer that has one, as the reference's all have."""
    return float("nan") if answer.loss is None else float(answer.loss)


def with_gradients(answer: Answer, rule: Callable[[str, Array], Any]) -> Answer:
    """The answer with rule(name, gradient) in place of each gradient."""
    return replace(answer, gradients={name: np.asarray(rule(name, g)) for name, g in answer.gradients.items()})


def scaled(factor: Factor, only: Collection[str] = ("W", "b"), *, loss: bool = False) -> Change:
    """Gradients times factor(network, t), of weights (W), of biases (b), or by name; the loss too if asked for."""

    def change(network: Network, t: Array, answer: Answer) -> Answer:
        by = factor(network, t)
        answer = replace(answer, loss=loss_of(answer) * by) if loss else answer
        return with_gradients(answer, lambda name, g: g * by if name in only or name[0] in only else g)

    return after(change)


def after(change: Callable[[Network, Array, Answer], Answer]) -> Change:
    """Something done to the answer, given network and t."""
    return lambda inner, network, params, x, t: change(network, t, inner(network, params, x, t))


def rewritten(change: Callable[[Network], Network]) -> Change:
    """What a changed network computes."""
    return lambda inner, network, params, x, t: inner(change(network), params, x, t)


def given(
    *,
    params: Callable[[Params], Params] = lambda p: p,
    x: Callable[[Array], Array] = lambda x: x,
    t: Callable[[Array], Array] = lambda t: t,
) -> Change:
    """What comes of other parameters, inputs or targets."""
    change_params, change_x, change_t = params, x, t
    return lambda inner, network, params, x, t: inner(network, change_params(params), change_x(x), change_t(t))


def on_rows(rows: Callable[[int], slice]) -> Change:
    """Only some of the batch; whether layers show all of it is not said."""
    return lambda inner, network, params, x, t: replace(
        inner(network, params, x[rows(len(x))], t[rows(len(x))]), layers=None
    )


def activations(where: slice, change: Callable[[Activation], Activation]) -> Change:
    """Other activations on some layers."""

    def of_network(network: Network) -> Network:
        layers = list(network.layers)
        layers[where] = [replace(layer, activation=change(layer.activation)) for layer in layers[where]]
        return replace(network, layers=tuple(layers))

    return rewritten(of_network)


hidden, of_output = partial(activations, slice(0, -1)), partial(activations, slice(-1, None))


def hidden_rule(rule: Rule, *kinds: Activation) -> Change:
    """Another backward rule for hidden layers, of some activations or of all."""
    names = {kind.name for kind in kinds}
    return hidden(lambda one: replace(one, backward=rule) if not names or one.name in names else one)


def first_activation_again(inner: Evaluate, network: Network, *given: Any) -> Answer:
    """The first layer's activation on the outputs."""
    return of_output(lambda one: network.layers[0].activation)(inner, network, *given)


def twice(activation: Activation) -> Activation:
    """Applied again to its own output, and differentiated so."""
    f, back = activation.forward, activation.backward
    return replace(activation, forward=lambda z: f(f(z)), backward=lambda z, a, da: back(z, f(z), back(f(z), a, da)))


def other_axis(activation: Activation) -> Activation:
    """Softmax over the batch where outputs are meant, and the other way round."""
    rule = "diagonal" if activation.derivative == "diagonal" else "exact"
    return Softmax(axis=-3 - (activation.axis or -1), derivative=rule)  # type: ignore[arg-type]


def output_derivative_again(inner: Evaluate, network: Network, params: Params, x: Array, t: Array) -> Answer:
    """dz of the outputs times p(1-p), for a loss of logits that has that factor in it already."""
    shown, loss = network.layers[-1].activation, network.loss_of_logits or network.loss
    last = IDENTITY if network.loss_takes_logits_of_softmax else shown
    probabilities = SIGMOID if isinstance(loss, BinaryCrossEntropy) else SOFTMAX

    def again(z: Array, a: Array, da: Array) -> Array:
        p = probabilities.forward(z)
        return last.backward(z, a, da) * p * (1 - p)

    changed = of_output(lambda one: replace(last, backward=again))
    answer = changed(inner, replace(network, loss=loss), params, x, t)
    if answer.layers is None:
        return answer
    z = cast("LayerOutput", answer.layers[-1]).z
    return replace(answer, layers=[*answer.layers[:-1], LayerOutput(z, shown.forward(z))])


def every_layer(**methods: Callable[..., Array]) -> Change:
    """Other ways to `weight_gradient` or `input_gradient` in every layer; the last layer is asked first."""

    def wrong(layer: Dense) -> Dense:
        kind: Any = type("Wrong", (type(layer),), methods)
        return cast("Dense", kind(**vars(layer)))

    return rewritten(lambda network: replace(network, layers=tuple(map(wrong, network.layers))))


def untransposed(layer: Dense, dz: Array, weights: Array) -> Array:
    """W where Wᵀ belongs."""
    return Dense.input_gradient(layer, dz, weights if layer.vector else weights.T)


def biases_by(rule: Callable[[Array], Array]) -> Change:
    """db = rule(dz) in every layer."""

    def change(inner: Evaluate, network: Network, params: Params, x: Array, t: Array) -> Answer:
        found: list[Array] = []

        def watched(layer: Dense, a: Array, dz: Array) -> Array:
            found.append(np.asarray(rule(dz)))
            return Dense.weight_gradient(layer, a, dz)

        answer = every_layer(weight_gradient=watched)(inner, network, params, x, t)
        biases = zip((bias for _, bias in reversed(network.names)), found, strict=True)
        return replace(answer, gradients={**answer.gradients, **{name: db for name, db in biases if name}})

    return change


def cached_preactivations(inner: Evaluate, network: Network, params: Params, x: Array, t: Array) -> Answer:
    """dW of every layer with z of the layer below where its a belongs."""
    below = [x, *(layer.z for layer in forward(network, params, x)[:-1])]
    cached = every_layer(weight_gradient=lambda layer, a, dz: Dense.weight_gradient(layer, below.pop(), dz))
    return cached(inner, network, params, x, t)


def updated_early(rate: float) -> Change:
    """Each layer's W is updated before the gradient goes back through it."""
    latest: dict[str, Array] = {}

    def remembered(layer: Dense, a: Array, dz: Array) -> Array:
        latest["dW"] = Dense.weight_gradient(layer, a, dz)
        return latest["dW"].copy()

    def with_updated(layer: Dense, dz: Array, weights: Array) -> Array:
        return Dense.input_gradient(layer, dz, weights - rate * latest["dW"])

    return every_layer(weight_gradient=remembered, input_gradient=with_updated)


def no_biases(params: Params) -> Params:
    """Biases of zero."""
    return {name: np.zeros_like(p) if name[0] == "b" else p for name, p in params.items()}


def no_output_bias(params: Params) -> Params:
    """The last layer's bias zero."""
    last = max(name for name in params if name[0] == "b")
    return params | {last: np.zeros_like(params[last])}


def other_order(inner: Evaluate, network: Network, params: Params, x: Array, t: Array) -> Answer:
    """W is read in the other memory order, and so is its gradient."""
    read = {name: p.ravel("F").reshape(p.shape) for name, p in params.items()}
    return with_gradients(inner(network, read, x, t), lambda name, g: g.ravel().reshape(g.shape, order="F"))


def in_single_precision(inner: Evaluate, network: Network, params: Params, x: Array, t: Array) -> Answer:
    """Computed in float32, returned as if it had not been."""

    def wide(a: Array) -> Array:
        return np.asarray(a).astype(x.dtype)

    narrow = {name: p.astype(np.float32) for name, p in params.items()}
    answer = inner(network, narrow, x.astype(np.float32), t.astype(np.float32))
    layers = answer.layers and [LayerOutput(*map(wide, cast("LayerOutput", layer))) for layer in answer.layers]
    return with_gradients(replace(answer, loss=loss_of(answer), layers=layers), lambda name, g: wide(g))


def standardized(x: Array) -> Array:
    """Each column to mean 0 and deviation 1, if it has any."""
    deviation = x.std(axis=0)
    return np.asarray((x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1).astype(x.dtype))


def all_pairs(inner: Evaluate, network: Network, params: Params, x: Array, t: Array) -> Answer:
    """(N,) - (N,1) is (N,N): every output against every target, which is the mean over all rotations of t."""
    answers = [inner(network, params, x, np.roll(t, k, axis=0)) for k in range(len(t))]
    mean = replace(answers[0], loss=float(np.mean([one.loss for one in answers])))
    return with_gradients(
        mean, lambda name, g: np.mean([one.gradients[name] for one in answers], axis=0, dtype=g.dtype)
    )


def unshifted(activation: Activation) -> Activation:
    """e^z/Σe^z without subtracting the maximum: NaN for large logits."""

    def forward_unshifted(z: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.exp(z) / np.sum(np.exp(z), axis=-1, keepdims=True)

    return replace(activation, forward=forward_unshifted)


class ClippedLog:
    """-Σ t·log p, mean over samples, of p clipped to [1e-7, 1 - 1e-7]."""

    name = "cross-entropy of p away from 0"

    def value(self, y: Array, t: Array) -> Any:
        """The loss."""
        return -np.sum(t * np.log(np.clip(y, 1e-7, 1 - 1e-7))) / len(t)

    def gradient(self, y: Array, t: Array) -> Array:
        """Zero where p is clipped."""
        inside = (y > 1e-7) & (y < 1 - 1e-7)
        return np.asarray(np.where(inside, -t / np.where(inside, y, 1), 0) / len(t))


def log_moved(_: Network, t: Array, answer: Answer) -> Answer:
    """The loss is that of log(p + 1e-8), the gradient still p - t."""
    if answer.layers is None:
        return answer
    p = cast("LayerOutput", answer.layers[-1]).a
    return replace(answer, loss=-np.sum(t * np.log(p + 1e-8)) / len(t))


def other_loss(change: Callable[[Any], Any]) -> Change:
    """Another loss, differentiated rightly."""
    return rewritten(lambda network: replace(network, loss=change(network.loss)))


def stale_cache() -> Change:
    """The second call answers the first."""
    kept: dict[str, Answer] = {}
    return after(lambda network, t, answer: kept.setdefault("first", answer))


def accumulated() -> Change:
    """The second call answers the sum of both."""
    total: Params = {}

    def add(name: str, g: Array) -> Array:
        total[name] = np.asarray(total.get(name, 0) + g)
        return total[name]

    return after(lambda network, t, answer: with_gradients(answer, add))


def first_batch_size() -> Change:
    """The gradient is divided by the size of the first batch, whatever comes later."""
    kept: dict[str, int] = {}
    return scaled(lambda network, t: len(t) / kept.setdefault("first", len(t)))


def overwriting(change: Callable[[Params, Array, Array], object]) -> Change:
    """Arguments are changed in place, after the right answer was found."""

    def of_evaluate(inner: Evaluate, network: Network, params: Params, x: Array, t: Array) -> Answer:
        answer = inner(network, params, x, t)
        change(params, x, t)
        return answer

    return of_evaluate
