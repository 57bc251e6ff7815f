"""Every activation and loss is explained without a crash, and some rules that only some activations or programs have."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from explain_problems import AMPLE

from nn_conformance.adapt.conventions import OURS
from nn_conformance.adapt.doors import converted
from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_conformance.cases.text import network
from nn_conformance.explain import Budget, explain
from nn_conformance.judge.target import Answer, Run, Unsupported
from nn_conformance.oracles import reference
from nn_reference.network import loss_and_gradients

KINDS = get_args(fmt.Activation.__annotations__["kind"])
LOSSES = get_args(fmt.Loss.__annotations__["kind"])
ALPHAS = {"leaky_relu": 0.01, "elu": 1.0}


def described(hidden: str, last: str, loss: str) -> fmt.Network:
    """Two layers of given activations."""
    layers = [
        fmt.Layer(
            units,
            fmt.Activation(kind, axis="outputs" if kind == "softmax" else None, alpha=ALPHAS.get(kind)),
            bias=True,
            layout="in,out",
        )
        for units, kind in ((4, hidden), (3, last))
    ]
    return fmt.Network(3, layers, fmt.Loss(loss, "samples", clip=1e-7 if loss == "binary_cross_entropy" else None))


class Sloped:
    """The reference with another backward pass through some layers' activations."""

    name = "sloped"
    does = ("evaluate",)

    def __init__(self, slope, layers):
        self.slope, self.layers = slope, layers

    def evaluate(self, network, params, x, t, **_):
        built = build_network(network)
        layers = [
            replace(layer, activation=replace(layer.activation, backward=self.slope)) if k in self.layers else layer
            for k, layer in enumerate(built.layers, 1)
        ]
        loss, gradients = loss_and_gradients(replace(built, layers=tuple(layers)), params, x, t)
        return Answer(float(loss), gradients)


# Every activation, with the losses in turn; with the others, slow.
PAIRS = [
    pytest.param(kind, loss, marks=[] if k % len(LOSSES) == m else pytest.mark.slow)
    for k, kind in enumerate(KINDS)
    for m, loss in enumerate(LOSSES)
]


@pytest.mark.parametrize(("kind", "loss"), PAIRS)
def test_no_activation_or_loss_makes_an_explanation_crash(kind, loss):
    """A derivative that is left out and a nonsense one, in a hidden layer or the last, are answered with lines."""
    hidden = [((1,), described(kind, "identity", loss))] if loss == "squared_error" else []
    for layers, net in [*hidden, ((2,), described("tanh", kind, loss))]:
        missing = explain(Sloped(lambda z, a, da: da, layers), net, budget=Budget(40, 0.3))
        wild = explain(Sloped(lambda z, a, da: da * np.cos(3 * z), layers), net, budget=Budget(40, 0.1))
        assert all(isinstance(line, str) for line in (*missing.lines(), *wild.lines()))
        assert not wild.confirmed


@pytest.mark.parametrize("kind", ["elu", "softplus", "silu", "gelu"])
def test_a_derivative_at_the_activation_is_named(kind):
    """φ′(a) for φ′(z) is found in a hidden layer, whatever the activation."""
    net = described(kind, "identity", "squared_error")
    phi = build_network(net).layers[0].activation
    target = Sloped(lambda z, a, da: phi.backward(a, phi.forward(a), da), (1,))
    explanation = explain(target, net, budget=AMPLE)
    assert explanation.slugs == {"derivative-at-a"}
    assert explanation.confirmed


@pytest.mark.parametrize("share", [0.0, 1 / 3, 2.0])
def test_a_factor_inside_of_a_derivative_is_fitted(share):
    """Where a term of GELU's derivative has another factor, the factor and the term are said."""
    tau = lambda z: np.tanh(0.7978845608028654 * (z + 0.044715 * z**3))  # noqa: E731
    slope = lambda z: 0.7978845608028654 * (1 + share * 3 * 0.044715 * z * z)  # noqa: E731
    target = Sloped(lambda z, a, da: da * ((1 + tau(z)) / 2 + z / 2 * (1 - tau(z) ** 2) * slope(z)), (1,))
    explanation = explain(target, described("gelu", "identity", "squared_error"), budget=AMPLE)
    assert explanation.slugs == {"derivative-term-other"}
    assert explanation.confirmed
    assert share == 0 or f"with {share:.6g} times" in explanation.findings[0].uses


class Trained:
    """RMSprop whose rule for the biases is another one."""

    name = "trained"
    does = ("train",)

    def __init__(self, biases):
        self.biases = biases

    def evaluate(self, *_, **__):
        raise Unsupported("it only trains")

    def train(self, network, optimizer, params, x, t, batches, state=None):
        params, squares = dict(params), {name: np.zeros_like(p) for name, p in params.items()}
        rho, losses = 0.9, []
        for rows in batches:
            loss, gradients = loss_and_gradients(build_network(network), params, x[rows], t[rows])
            losses.append(float(loss))
            for name, g in gradients.items():
                squares[name] = rho * squares[name] + (1 - rho) * g * g
                root = np.sqrt(squares[name]) + 1e-8
                step = self.biases(g, squares[name], root) if name[0] == "b" else g / root
                params[name] = params[name] - optimizer.learning_rate * step
        return Run(losses, params)


@pytest.mark.parametrize(
    ("biases", "slugs"),
    [
        (lambda g, square, root: g / (square + 1e-8), {"root-missing"}),
        (lambda g, square, root: g, {"plain-step"}),
        (lambda g, square, root: g / root, set()),
    ],
    ids=["without a root", "plain", "right"],
)
def test_each_parameters_update_is_fitted_by_itself(biases, slugs):
    """A rule of the biases alone is named, with the biases that have it; a right one is not."""
    rmsprop = fmt.Optimizer("rmsprop", 0.125, beta2=0.9, epsilon=1e-8, placement="torch")
    net = network("3-4 tanh-2, squared-error")
    explanation = explain(converted(Trained(biases), OURS, (net,), ("float64",)), net, rmsprop, budget=AMPLE)
    assert explanation.slugs == slugs
    assert not explanation.unexplained
    assert all(set(f.arrays) == {"b1", "b2"} for f in explanation.findings)


def test_what_leaves_arrays_unexplained_is_not_said_to_be_wrong():
    """A rule that explains one array beside nonsense in another is said to fit, and by how much it falls short."""

    class Half:
        name = "half"
        does = ("evaluate",)

        def evaluate(self, network, params, x, t, **_):
            answer = reference.evaluate(network, params, x, t)
            gradients = answer.gradients | {"b2": answer.gradients["b2"] / 7, "W1": np.sin(9 * answer.gradients["W1"])}
            return Answer(answer.loss, gradients)

    explanation = explain(Half(), network("3-4 tanh-2, squared-error"), budget=AMPLE)
    lines = explanation.lines()
    assert "dW1" in explanation.unexplained
    assert not any(line.startswith("wrong:") for line in lines)
