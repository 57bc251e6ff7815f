"""Arb's tape: its rules are derivatives, and it says what it cannot certify."""

import numpy as np
import pytest
from oracle_problems import call, described, load

from nn_conformance.cases import balls as certification
from nn_conformance.cases.balls import START_BITS, balls, precision
from nn_conformance.judge.limits import norm
from nn_conformance.judge.target import Unsupported
from nn_conformance.oracles import arb
from nn_conformance.oracles.tape import RULES, Variable, differentiate

pytestmark = pytest.mark.numeric

PRIMITIVES = {
    "add": lambda x, y, m: x + y,
    "add-broadcast": lambda x, y, m: x + y.sum(axis=0) + 2,
    "subtract": lambda x, y, m: 3 - x - y,
    "subtract-column": lambda x, y, m: x - y.sum(axis=-1, keepdims=True),
    "multiply": lambda x, y, m: x * y * 0.5,
    "same-twice": lambda x, y, m: x * x,
    "mask": lambda x, y, m: x * (x.real > 0.6) + y,
    "divide": lambda x, y, m: x / y / 3,
    "divide-by": lambda x, y, m: 1 / x / y.sum(axis=0, keepdims=True),
    "matmul": lambda x, y, m: x @ m,
    "matmul-vector": lambda x, y, m: x @ m.sum(axis=1),
    "matmul-transposed": lambda x, y, m: m.swapaxes(0, 1) @ x.swapaxes(0, 1),
    "matmul-constant": lambda x, y, m: constant((2, 2)) @ x,
    "negative": lambda x, y, m: -x,
    "exp": lambda x, y, m: np.exp(x * 3),
    "log": lambda x, y, m: np.log(x),
    "log1p": lambda x, y, m: np.log1p(x),
    "tanh": lambda x, y, m: np.tanh(x),
    "sum": lambda x, y, m: x.sum() * y,
    "sum-rows": lambda x, y, m: x.sum(axis=0) * y.sum(axis=1, keepdims=True),
}


def constant(shape):
    """Balls that are no variable."""
    return arb.plain(np.arange(1.0, 1 + np.prod(shape)).reshape(shape) / 8)


@pytest.mark.parametrize("primitive", PRIMITIVES)
def test_the_tapes_rules_are_derivatives(primitive):
    """Each rule agrees to thirty digits with differences at 256 bits, with broadcasting, and in every operand."""
    rng = np.random.RandomState(1)
    shapes = {"x": (2, 3), "y": (2, 3), "m": (3, 2)}
    start = {key: rng.randint(4, 16, shape) / 16 for key, shape in shapes.items()}

    def value(at):
        result = PRIMITIVES[primitive](*(Variable(at[key]) for key in shapes))
        return (result * arb.plain(1.0 + np.arange(result.value.size).reshape(result.shape))).sum()

    with precision(START_BITS):
        at = {key: arb.plain(a) for key, a in start.items()}
        variables = {key: Variable(a) for key, a in at.items()}
        result = PRIMITIVES[primitive](*variables.values())
        weighted = (result * arb.plain(1.0 + np.arange(result.value.size).reshape(result.shape))).sum()
        found = differentiate(weighted, variables)
        h = balls(np.array(2.0**-100)).item()
        for key, a in at.items():
            assert found[key].shape == a.shape
            for index in np.ndindex(a.shape):
                ends = []
                for sign in (1, -1):
                    moved = a.copy()
                    moved[index] = moved[index] + sign * h
                    ends.append(value({**at, key: moved}).value.item())
                quotient = (ends[0] - ends[1]) / (2 * h)
                # h² is 1e-60, and 256 bits leave 1e-46 after the division by h.
                assert abs(quotient - found[key][index]) < balls(np.array(1e-30)).item() * 100


def test_every_rule_of_the_tape_is_among_these():
    """A primitive that is added needs a test; one that is not there is refused, and never computed without its derivative."""
    names = {primitive.split("-")[0] for primitive in PRIMITIVES} - {"same", "mask", "sum"}

    assert {rule.__name__ for rule in RULES} == names
    with pytest.raises(TypeError):
        np.sin(Variable(constant((2,))))
    with pytest.raises(TypeError):
        np.add.reduce(Variable(constant((2,))))


def test_zeros_by_structure_need_no_declaration():
    """A sum that cancels is zero once no float64 lies between its bounds; a value of 1e-57 beside it is not."""
    softmax = arb.evaluate(load("mnist-relu-torch/probe-square").case.network, *call("mnist-relu-torch/probe-square"))
    extreme = arb.evaluate(
        load("mnist-sigmoid-numpy/probe-extreme").case.network, *call("mnist-sigmoid-numpy/probe-extreme")
    )

    assert not softmax.gradients["b2"].any()
    assert softmax.gradients["W2"].any()
    assert 0 < norm(extreme.gradients["W1"]) < 1e-50


def test_a_small_value_is_not_taken_for_zero():
    """1 - 1/(1 + e⁻⁵⁰⁰) is a ball around zero at 256 bits, and a float64 that Arb finds with more."""
    network = described([(2, "identity", {}, {})], {"kind": "cross_entropy", "from_logits": True}, inputs=1)
    params = {"W1": np.zeros((1, 2)), "b1": np.array([500.0, 0.0])}

    g = arb.evaluate(network, params, np.ones((1, 1)), np.array([[1.0, 0.0]])).gradients["b1"]

    # e^-500 as NumPy has it, which may be off by a unit or so in the last place.
    assert np.allclose(g, [-np.exp(-500.0), np.exp(-500.0)], rtol=1e-15, atol=0)


def test_arb_says_what_it_cannot_certify(monkeypatch):
    """Where the precision does not suffice to tell a zero from something small, there is a reason and no number."""
    monkeypatch.setattr(certification, "MOST_BITS", 512)

    with pytest.raises(Unsupported, match=r"gradient b.*512 bits"):
        arb.evaluate(load("mnist-relu-torch/probe-square").case.network, *call("mnist-relu-torch/probe-square"))
