"""Random whole networks: the reference agrees with complex step, with PyTorch and with Keras on all of them."""

import importlib
from typing import get_args

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from nn_conformance.cases import format as fmt
from nn_conformance.fuzz.rounding import bounded
from nn_conformance.fuzz.strategies import networks, optimizers, problems
from nn_conformance.judge.limits import norm
from nn_conformance.judge.target import Training, Unsupported
from nn_conformance.oracles import reference
from nn_reference.errors import UndecidedError


def judged(problem):
    """The exact values with their limits; draws on a kink, or of which agreement says nothing, are passed over."""
    try:
        expected = bounded(problem, "float64")
    except UndecidedError:
        hypothesis.reject()
    hypothesis.assume(expected.shown)
    return expected


def answers(target, problem):
    """What a target makes of a problem, by the names that `bounded` has."""
    numbers = problem.params, problem.x, problem.t
    with np.errstate(all="ignore"):  # an intermediate may overflow or underflow where the result does not
        answer = target.evaluate(problem.network, *numbers)
        run = target.train(Training(problem.network, problem.optimizer, *numbers, problem.batches))
    found = {f"a{k}": layer.a for k, layer in enumerate(answer.layers, 1)}
    found |= {"loss": answer.loss, **{f"d{name}": g for name, g in answer.gradients.items()}}
    return found | {"losses": np.array(run.losses), **run.params}


# What the complex step leaves where the right value is exactly 0: h²·|L‴|/6 with h = 2⁻¹⁰⁰, and a third derivative that is
# far below 2⁵⁰ for numbers of the size that is drawn.
LEFT = 2.0**-150


def disagreements(expected, found):
    """The names whose error is not within the limit, of those whose limit shows something."""
    assert set(found) == set(expected.values)
    return [
        name
        for name in expected.shown
        if not norm(np.asarray(found[name], np.float64) - expected.values[name]) <= expected.limits[name].value + LEFT
    ]


def agree(problem, oracle):
    expected = judged(problem)
    try:
        found = answers(oracle, problem)
    except Unsupported:  # it has not this piece, or rounds one of its constants
        hypothesis.reject()
    for target in (answers(reference, problem), found):
        assert disagreements(expected, target) == []


@hypothesis.given(problems())
def test_reference_and_complex_step_agree_on_any_network(problem):
    """Layers, loss, gradients, three updates: both are within the limits of the exact values."""
    agree(problem, importlib.import_module("nn_conformance.oracles.complex_step"))


@pytest.mark.torch
@hypothesis.given(problems(placement="torch"))
def test_reference_and_pytorch_agree_on_any_network(problem):
    """As above, with autograd and `torch.optim`."""
    agree(problem, importlib.import_module("nn_conformance.oracles.pytorch"))


@pytest.mark.slow
@pytest.mark.keras
@pytest.mark.filterwarnings("ignore:In loss categorical_crossentropy:SyntaxWarning")  # of a softmax over one output
@hypothesis.given(problems(placement="keras"))
def test_reference_and_keras_agree_on_any_network(problem):
    """As above, with `GradientTape` and `keras.optimizers`; all rates and β here are exact in float32, as Keras wants them."""
    agree(problem, importlib.import_module("nn_conformance.oracles.keras"))


@pytest.mark.slow
@hypothesis.given(problems(), st.sampled_from(["loss", "gradient", "update"]))
def test_a_wrong_answer_is_beyond_the_bound(problem, what):
    """A thousandth more in the loss, in one gradient or in an update's move is told from rounding."""
    expected = judged(problem)
    found = answers(reference, problem)
    first = next(iter(problem.params))
    name = {"loss": "loss", "gradient": f"d{first}", "update": first}[what]
    before = problem.params[first] if what == "update" else 0
    moved = np.asarray(found[name]) - before
    hypothesis.assume(name in expected.shown and 1e-3 * norm(moved) > 3 * expected.limits[name].value)
    found[name] = found[name] + 1e-3 * moved

    assert disagreements(expected, found) == [name]


FORMS = {
    "half of the squared error": lambda n: n.loss.kind == "squared_error" and n.loss.half,
    "sum of the squared error": lambda n: n.loss.kind == "squared_error" and n.loss.reduction == "sum",
    "cross-entropy from logits": lambda n: n.loss.kind == "cross_entropy" and n.loss.from_logits,
    "cross-entropy": lambda n: n.loss.kind == "cross_entropy" and not n.loss.from_logits,
    "binary cross-entropy from logits": lambda n: n.loss.kind == "binary_cross_entropy" and n.loss.from_logits,
    "binary cross-entropy": lambda n: n.loss.kind == "binary_cross_entropy" and not n.loss.from_logits,
    "four layers": lambda n: len(n.layers) == 4,
    "one output as a vector": lambda n: n.layers[-1].vector,
    "eight units": lambda n: max(layer.units for layer in n.layers) == 8,
    "skip": lambda n: any(layer.skip for layer in n.layers),
    "penalty": lambda n: n.penalty is not None,
    "linear": lambda n: n.loss.kind == "linear",
    "no bias, out,in": lambda n: not n.layers[0].bias and n.layers[0].layout == "out,in",
}


def words(optimizer):
    """The kind of an optimiser, and which it is of its kind."""
    if optimizer.kind == "adam":
        return f"adam {optimizer.placement}"
    return f"sgd {optimizer.dialect}" if optimizer.momentum else optimizer.kind


KINDS = "sgd", "rmsprop", "adagrad", "adam torch", "adam keras"
DIALECTS = "sgd classical", "sgd nesterov", "sgd averaged", "sgd rate"


@pytest.mark.slow
def test_every_piece_and_form_is_drawn():
    """No activation, loss, reduction, depth, width, layout, missing bias or optimiser is out of reach."""
    drawn = set()

    @hypothesis.settings(max_examples=600)  # the rarest was seen in one of twenty: 0.95^600 is 5e-14
    @hypothesis.given(networks(), optimizers())
    def draw(network, optimizer):
        activations = [layer.activation for layer in network.layers]
        drawn.update(kind for a in activations for kind in (a.kind, a.axis, a.backward))
        drawn.update(name for name, has in FORMS.items() if has(network))
        drawn.add(words(optimizer))

    draw()
    kinds = get_args(fmt.Activation.__annotations__["kind"])
    assert drawn >= {*kinds, "batch", "diagonal", "quotient", *FORMS, *KINDS, *DIALECTS}
