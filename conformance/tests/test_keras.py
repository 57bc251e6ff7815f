"""Keras as an oracle: it meets every certified value but where Keras itself is off, and the causes of that are pinned."""

import itertools
from copy import deepcopy
from dataclasses import replace
from decimal import ROUND_UP, Decimal
from functools import cache
from math import sqrt

import msgspec
import numpy as np
import pytest
from oracle_problems import JUDGED, ROUNDING, STORE, load_last
from spread import everyday

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network, build_optimizer
from nn_conformance.judge.known import shipped
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.limits import longest_sum, norm, update_limit
from nn_conformance.judge.rungs import RUNGS as LADDER
from nn_conformance.judge.target import Run, Training, Unsupported
from nn_conformance.oracles import reference
from nn_reference import systems
from nn_reference.errors import InputError
from nn_reference.losses import BinaryCrossEntropy
from nn_reference.training import train as train_reference

DTYPES = pytest.mark.parametrize("dtype", fmt.DTYPES)
KNOWN = shipped("keras")

# Keras traces each network anew, in each precision: every day the telling case of each system, and what has numbers or a
# rung of its own.
DAILY = [
    ("homework/probe-extreme", "float64"),
    ("iris-relu-adam/probe-kink", "float64"),
    ("iris-relu-adam/probe-rectangular", "float32"),
    ("mnist-dense-keras/probe-partial", "float64"),
    ("mnist-tanh/documented-float32", "float32"),
    ("xor-tanh/documented", "float64"),
    ("xor-tanh/documented-float32", "float32"),
    *((case_id, "float64") for case_id in STORE.ids if case_id.endswith(("/probe-rectangular", "probe-pruned"))),
]
# Checks that need no certified values: who meets these has the symmetries too, and the gradients of their own loss.
RUNGS = {rung.name for rung in LADDER} - {"metamorphic", "own-loss"}


@pytest.mark.keras
@pytest.mark.parametrize(("case_id", "dtype"), everyday(JUDGED, DAILY))
def test_keras_passes_every_check_but_the_known_ones(case_id, dtype, count_checks):
    """Evaluation, second call, steps and free run are within the limits, but for what float32 constants explain."""
    from nn_conformance.oracles import keras

    loaded = load_last(case_id)
    verdicts = count_checks("keras", judge(loaded, keras, dtype, rungs=RUNGS, known=KNOWN))

    assert {v.id: v.reason for v in verdicts if v.status not in ("passed", "unsupported", "expected failure")} == {}
    assert dtype == "float64" or all(v.status != "expected failure" for v in verdicts)
    updates = {"step", "trajectory", "pruning"} if loaded.case.optimizer.placement == "torch" else {"pruning"}
    left = {v.rung for v in verdicts if v.status == "unsupported" and not v.reason.startswith("saturated")}
    assert left == updates & {v.rung for v in verdicts}


def as_float32(constant):
    return float(np.float32(constant))


def share(optimizer, step):
    """A move with Keras's constants, over the exact one: its learning rate is float32, and so are the βs in β^s."""
    rate = as_float32(optimizer.learning_rate) / optimizer.learning_rate
    if optimizer.kind == "sgd":
        return rate
    theirs = sqrt(1 - as_float32(optimizer.beta2) ** step) / (1 - as_float32(optimizer.beta1) ** step)
    return rate * theirs / (sqrt(1 - optimizer.beta2**step) / (1 - optimizer.beta1**step))


class Float32Constants:
    """The reference as a target, with an optimiser that has Keras's constants: its moves are those, times `share`."""

    name = "reference"
    evaluate = staticmethod(reference.evaluate)

    def init(self, params):
        return self.exact.init(params)

    def step(self, params, gradients, state):
        rate = self.exact.learning_rate * share(self.described, state.step + 1)
        replace(self.exact, learning_rate=rate).step(params, gradients, state)

    def train(self, asked):
        self.described, self.exact = asked.optimizer, build_optimizer(asked.optimizer)
        rows, network, state = (
            [np.array(batch) for batch in asked.batches],
            build_network(asked.network),
            deepcopy(asked.state),
        )
        run = train_reference(network, asked.params, self, rows, asked.x, asked.t, state=state)
        return Run([float(loss) for loss in run.losses], run.params)


@cache
def explained():
    """How far the constants alone take the reference from the certified values: ratios of error to limit, by check."""
    ratios = {}
    for case_id in STORE.ids:
        loaded = STORE.case(case_id)
        if loaded.case.optimizer.placement != "torch" and (loaded.case.steps or loaded.case.trajectory):
            for rung in ("step", "trajectory"):
                ratios |= {v.id: v.ratio for v in judge(loaded, Float32Constants(), "float64", rungs={rung})}
    return ratios


@pytest.mark.slow
@pytest.mark.xdist_group("explained")  # what takes two seconds to compute, once
@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry.checks)
def test_a_known_deviation_is_as_large_as_its_cause(entry):
    """What an entry admits is what the constants do to the reference, and one limit more, rounded up to two digits."""
    worst = Decimal(max(ratio for id_, ratio in explained().items() if entry.matches(id_)) + 1)

    assert entry.at_most == float(worst.quantize(Decimal(1).scaleb(worst.adjusted() - 1), rounding=ROUND_UP))


@pytest.mark.slow
@pytest.mark.xdist_group("explained")
def test_every_deviation_of_the_constants_is_known():
    """The checks that the reference fails with Keras's constants are those that Keras is expected to fail, each once."""
    for id_, ratio in explained().items():
        assert sum(entry.matches(id_) for entry in KNOWN) == (ratio > 1), id_


@pytest.mark.keras
@pytest.mark.parametrize(
    "name", everyday(["xor-tanh", "mnist-sigmoid-keras", "mnist-dense-keras"], ["mnist-dense-keras"])
)
def test_keras_lands_where_its_constants_lead(name):
    """In float64, Keras and the reference with Keras's constants agree within the limits: there is no other cause."""
    from nn_conformance.oracles import keras

    loaded = STORE.case(f"{name}/probe-rectangular")
    case, given = loaded.case, (loaded.case.network, loaded.case.optimizer)
    longest, steps = longest_sum(case.network, len(loaded.x)), case.trajectory.horizons["float64"].steps
    runs = [
        target.train(Training(*given, in_float64(loaded.params), loaded.x, loaded.t, batches))
        for batches in ([case.steps[0].rows], case.trajectory.batches[:steps])
        for target in (keras, Float32Constants())
    ]

    for key, right in runs[1].params.items():
        move, after = norm(right - loaded.params[key]), norm(right)
        assert norm(runs[0].params[key] - right) <= update_limit(move, after, case.optimizer, "float64", longest).value
    band = np.array(case.trajectory.horizons["float64"].band)
    assert np.all(np.abs(np.array(runs[2].losses) - np.array(runs[3].losses)) <= band)


def in_float64(params):
    return {name: p.astype(np.float64) for name, p in params.items()}


@pytest.mark.keras
def test_keras_constants_are_float32():
    """The learning rate of an optimiser, and what `ops.cast` makes of 0.999, are float32 numbers: that is the cause."""
    import keras

    assert keras.optimizers.SGD(0.1).learning_rate.dtype == "float32"
    assert float(keras.ops.cast(0.999, "float64")) == as_float32(0.999) != 0.999


@pytest.mark.keras
def test_keras_momentum_is_float32():
    """Five steps of momentum in float64 are those of a float32 learning rate and momentum, and of no exact ones."""
    from nn_conformance.oracles import keras

    loaded = STORE.case("xor-tanh/probe-rectangular")
    network, x, t = loaded.case.network, loaded.x, loaded.t
    params, batches = in_float64(loaded.params), [[0, 1, 2]] * 5

    def trained(target, rate, momentum):
        described = fmt.Optimizer(kind="sgd", learning_rate=rate, momentum=momentum)
        return target.train(Training(network, described, params, x, t, batches)).params

    theirs = trained(keras, 0.1, 0.9)
    exact, rounded = trained(reference, 0.1, 0.9), trained(reference, as_float32(0.1), as_float32(0.9))
    for name, right in rounded.items():
        move = norm(right - params[name])
        assert norm(theirs[name] - right) <= 1e-14 * move
        assert norm(theirs[name] - exact[name]) >= 1e-8 * move


@pytest.mark.keras
def test_keras_refuses_another_clip_and_pytorchs_placement_of_epsilon():
    """Keras clips probabilities at its own ε alone, and its Adam has one placement of ε: the others are unsupported."""
    from nn_conformance.oracles import keras

    loaded = STORE.case("mnist-sigmoid-keras/probe-one")
    loss = msgspec.structs.replace(loaded.case.network.loss, clip=0.01)
    network = msgspec.structs.replace(loaded.case.network, loss=loss)

    with pytest.raises(Unsupported, match=r"at 1e-07, not at 0\.01"):
        keras.evaluate(network, loaded.params, loaded.x, loaded.t)

    loaded = STORE.case("iris-relu-adam/probe-one")
    with pytest.raises(Unsupported, match="ε of adam beside the plain root"):
        keras.train(Training(loaded.case.network, loaded.case.optimizer, loaded.params, loaded.x, loaded.t, [[0]]))


@pytest.mark.keras
def test_another_backend_is_one_clear_line(monkeypatch):
    """Where Keras runs on something else than TensorFlow, the error names the variable that told it so."""
    import keras as framework

    from nn_conformance.oracles import keras

    loaded = STORE.case("homework/probe-one")
    keras._built.cache_clear()
    monkeypatch.setattr(framework.backend, "backend", lambda: "jax")

    with pytest.raises(InputError, match="KERAS_BACKEND: expected tensorflow, got jax"):
        keras.evaluate(loaded.case.network, loaded.params, loaded.x, loaded.t)


@pytest.mark.keras
def test_tensorflow_takes_targets_to_sum_to_one():
    """Its gradient of a cross-entropy with the targets 1, 1 is p - t, where the derivative is 2p - t."""
    import tensorflow as tf

    z = tf.constant([[1.0, 0.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(z)
        loss = tf.nn.softmax_cross_entropy_with_logits(tf.ones_like(z), z)
    p = tf.nn.softmax(z).numpy()

    assert np.allclose(tape.gradient(loss, z).numpy(), p - 1, rtol=1e-15)
    assert np.all(np.abs((p - 1) - (2 * p - 1)) > 0.2)


@pytest.mark.keras
def test_keras_goes_back_to_the_logits_that_it_remembers():
    """Of two softmaxes in a row Keras leaves out one, with a warning; a plain tensor of the same numbers keeps both."""
    import keras as framework
    import tensorflow as tf

    from nn_conformance.oracles import keras_network

    z, t = tf.constant([[2.0, -1.0]]), tf.constant([[0.0, 1.0]])
    loss, p = framework.losses.CategoricalCrossentropy(from_logits=True), framework.activations.softmax(z)

    with pytest.warns(UserWarning, match="does not represent logits"):
        remembered = float(loss(t, p))
    assert remembered == float(loss(t, z))
    assert float(loss(t, keras_network._plain(p))) == pytest.approx(-np.log(framework.activations.softmax(p)[0, 1]))


@pytest.mark.keras
@DTYPES
@pytest.mark.parametrize("from_logits", [False, True])
def test_binary_cross_entropy_is_kerass(from_logits, dtype):
    """Loss and gradient by `GradientTape` agree; outputs beyond the clip have gradient 0, those on its bounds do not."""
    import keras
    import tensorflow as tf

    low, high = np.array([1e-7, 1 - 1e-7], dtype)
    y = np.array([[0.25, 0.5, 0.875], [low, high, 1.5], [-0.25, 0.0, 1.0], [0.125, low, high]], dtype)
    t = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 1], [0, 0, 1]], dtype)
    tensor = tf.constant(y)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        # Keras computes a loss in float32 unless it is told otherwise.
        value = keras.losses.BinaryCrossentropy(from_logits=from_logits, dtype=dtype)(tf.constant(t), tensor)
    gradient = tape.gradient(value, tensor).numpy()

    loss = BinaryCrossEntropy(from_logits=from_logits)
    found, expected = loss.gradient(y, t), float(value)

    # Ten roundings; 1-p with p = 1-1e-7 cancels alike on both sides, since both round p first.
    assert abs(float(loss.value(y, t)) - expected) <= 10 * ROUNDING[dtype] * abs(expected)
    assert np.all(np.abs(found - gradient) <= 10 * ROUNDING[dtype] * np.maximum(np.abs(gradient), 1 / y.size))
    if not from_logits:
        outside = (y < low) | (y > high)
        assert not gradient[outside].any()
        assert np.array_equal(found == 0, outside)
        assert np.array_equal(gradient == 0, outside)


@pytest.mark.keras
def test_keras_dense_starts_within_the_same_bounds():
    """Kernels of `Dense` fill ±√(6/(fan_in+units)) to 1 %, biases are zero, and ours do the same."""
    import keras

    system = systems.get("mnist-dense-keras")
    params = system.start(0)
    for k, (fan_in, units) in enumerate(itertools.pairwise(system.network.widths), 1):
        layer = keras.layers.Dense(units)
        layer.build((None, fan_in))
        kernel, bias = (weights.numpy() for weights in layer.weights)
        bound = np.float32(np.sqrt(6 / (fan_in + units)))
        for weights, zeros in ((kernel, bias), (params[f"W{k}"], params[f"b{k}"])):
            assert weights.shape == (fan_in, units)
            assert not zeros.any()
            assert -bound <= weights.min() < -0.95 * bound
            assert 0.95 * bound < weights.max() <= bound
