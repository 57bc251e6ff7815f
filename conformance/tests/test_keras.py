"""Keras as an oracle: it meets every certified value but where Keras itself is off, and the causes of that are pinned."""

from copy import deepcopy
from dataclasses import replace
from decimal import ROUND_UP, Decimal
from functools import cache
from math import sqrt

import msgspec
import numpy as np
import pytest
from oracle_problems import JUDGED, STORE, load_last
from spread import everyday

from nn_conformance.cases.families import build_network, build_optimizer
from nn_conformance.judge.known import shipped
from nn_conformance.judge.ladder import RUNGS as LADDER
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.target import Run, Training, Unsupported
from nn_conformance.oracles import reference
from nn_reference.errors import InputError
from nn_reference.training import train as train_reference

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
