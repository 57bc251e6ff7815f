"""PyTorch and Keras as targets: descriptions that no system has, and gradients only where they are asked for and there are any."""

import importlib

import numpy as np
import pytest
from oracle_problems import example

from nn_conformance.cases import format as fmt
from nn_conformance.cases.store import Store
from nn_conformance.judge.limits import gradient_limit, longest_sum, magnitudes, norm, value_limit
from nn_conformance.oracles import load, reference

ORACLES = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("torch", "keras")]
)
N, D, H, C = 6, 5, 4, 3
SUM = {"kind": "squared_error", "reduction": "sum"}
BINARY = {"kind": "binary_cross_entropy", "reduction": "elements"}
CROSS = {"kind": "cross_entropy", "reduction": "samples"}
HIDDEN = fmt.Layer(units=H, activation=fmt.Activation(kind="tanh"), bias=True, layout="in,out")


def network(activation, loss, **layer):
    """Two layers, the last as told."""
    told = {"units": C, "bias": True, "layout": "out,in"} | layer
    last = fmt.Layer(activation=fmt.Activation(**activation), **told)
    return fmt.Network(inputs=D, layers=[HIDDEN, last], loss=fmt.Loss(**loss))


VECTOR = {"units": 1, "vector": True}
DESCRIPTIONS = {
    "softmax over the batch": network({"kind": "softmax", "axis": "batch"}, SUM),
    "diagonal over the batch": network(
        {"kind": "softmax", "axis": "batch", "backward": "diagonal"}, SUM | {"half": True}
    ),
    "diagonal over the outputs": network({"kind": "softmax", "axis": "outputs", "backward": "diagonal"}, SUM),
    "vector without bias": network(
        {"kind": "tanh"}, SUM | {"reduction": "elements"}, layout="in,out", bias=False, **VECTOR
    ),
    "vector from logits": network({"kind": "identity"}, BINARY | {"from_logits": True}, **VECTOR),
    "sigmoid, clipped": network({"kind": "sigmoid"}, BINARY | {"clip": 1e-7}),
    "sigmoid from logits": network({"kind": "sigmoid"}, BINARY | {"from_logits": True}),
    "softmax of a softmax": network({"kind": "softmax", "axis": "outputs"}, CROSS | {"from_logits": True}),
    "softmax": network({"kind": "softmax", "axis": "outputs"}, CROSS),
    "logarithms of sigmoids": network({"kind": "sigmoid"}, CROSS),
    "logarithms of a softmax over the batch": network({"kind": "softmax", "axis": "batch"}, CROSS),
}


def numbers(described, dtype):
    """Random parameters, inputs and targets, which sum to anything; one output is below the clip, if there is one."""
    params, x, t = example(described, N)
    if described.loss.clip:
        params["b2"][0] = -20
    return {name: p.astype(dtype) for name, p in params.items()}, x.astype(dtype), t.astype(dtype)


# In float32, every day, those whose numbers differ most there.
NARROW = ("diagonal over the batch", "vector from logits", "sigmoid, clipped")
DESCRIBED = [
    pytest.param(described, dtype, id=f"{name}-{dtype}", marks=() if daily else pytest.mark.slow)
    for name, described in DESCRIPTIONS.items()
    for dtype, daily in (("float64", True), ("float32", name in NARROW))
]


@ORACLES
@pytest.mark.parametrize(("described", "dtype"), DESCRIBED)
def test_descriptions_that_no_system_has(name, described, dtype):
    """Layers, loss and gradients are those of the reference in float64, from random parameters, within the limits."""
    params, x, t = numbers(described, dtype)
    answer = load(name).evaluate(described, params, x, t)

    exact = {key: p.astype(np.float64) for key, p in params.items()}
    right = reference.evaluate(described, exact, x.astype(np.float64), t.astype(np.float64))
    longest, terms = longest_sum(described, N), magnitudes(described, exact, right.layers, x, t)
    assert abs(answer.loss - right.loss) <= value_limit(np.array(right.loss), dtype, longest).value
    for found, layer in zip(answer.layers, right.layers, strict=True):
        for a, b in zip(found, layer, strict=True):
            assert a.shape == b.shape
            assert norm(a - b) <= value_limit(b, dtype, longest).value
    for key, g in right.gradients.items():
        assert (answer.gradients[key].shape, answer.gradients[key].dtype) == (g.shape, dtype)
        assert norm(answer.gradients[key] - g) <= gradient_limit(g, terms[key], dtype, longest).value


@ORACLES
def test_gradients_are_taken_only_when_asked_for(name, monkeypatch):
    """Without gradients nothing is differentiated, and loss and layers are those of a call with them."""
    framework = importlib.import_module({"torch": "torch.autograd", "keras": "tensorflow"}[name])
    loaded = Store().case("mnist-relu/probe-square")
    given = loaded.case.network, {key: p.astype(np.float64) for key, p in loaded.params.items()}, loaded.x, loaded.t
    whole = load(name).evaluate(*given)
    monkeypatch.setattr(framework, {"torch": "grad", "keras": "GradientTape"}[name], None)
    part = load(name).evaluate(*given, gradients=False)

    # In Keras one is traced and the other is not: some of its operations may be fused.
    assert part.loss == pytest.approx(whole.loss, rel=1e-14)
    assert part.gradients == {}
    assert all(np.allclose(a, b, rtol=1e-14) for a, b in zip(part.layers, whole.layers, strict=True))
    with pytest.raises(TypeError, match="not callable"):
        load(name).evaluate(*given)


@ORACLES
def test_a_parameter_without_influence_has_a_gradient_of_zeros(name, monkeypatch):
    """Where nothing leads from the loss to a parameter, the framework has no gradient, and the answer has zeros."""
    loaded = Store().case("mnist-relu/probe-square")
    if name == "torch":
        import torch

        monkeypatch.setattr(torch, "relu", torch.zeros_like)
    else:
        import keras
        import tensorflow as tf

        monkeypatch.setattr(keras.activations, "get", lambda kind: tf.zeros_like if kind == "relu" else tf.identity)
    answer = load(name).evaluate(loaded.case.network, loaded.params, loaded.x, loaded.t)

    assert np.array_equal(answer.gradients["W1"], np.zeros_like(loaded.params["W1"]))
    assert answer.gradients["b2"].any()
