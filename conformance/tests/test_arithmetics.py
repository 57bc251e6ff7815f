"""One code, five arithmetics: what balls and complex numbers need where floats would do with less."""

import numpy as np
import pytest
from flint import arb, ctx

from nn_conformance.cases import balls as arb_balls
from nn_reference.activations import RELU, SIGMOID, TANH, log_softmax, magnitude, softmax
from nn_reference.arithmetic import exact, outside, positive, zeros_like
from nn_reference.errors import UndecidedError
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Dense, Network, forward, loss_and_gradients
from nn_reference.optimizers import SGD, Adam
from nn_reference.pruning import apply_masks
from nn_reference.training import train

pytestmark = pytest.mark.usefixtures("bits")


@pytest.fixture
def bits():
    """256-bit balls for one test."""
    before = ctx.prec
    ctx.prec = 256
    yield
    ctx.prec = before


def balls(a):
    return arb_balls.balls(np.asarray(a))


def middle(a):
    return np.asarray(np.frompyfunc(lambda ball: float(ball.mid()), 1, 1)(np.asarray(a, dtype=object)), float)


@pytest.mark.parametrize("rule", [RELU.forward, lambda z: RELU.backward(z, z, z), positive])
def test_a_ball_across_the_kink_is_refused(rule):
    """ReLU of a ball that contains zero and more has no certain value, and says so."""
    with pytest.raises(UndecidedError, match=r"index \(1,\).*raise the working precision"):
        rule(np.array([arb(1), arb(0, 0.5)], dtype=object))


def test_an_exact_zero_is_decided():
    """A ball that is exactly zero is at the kink with certainty: ReLU gives 0 and passes no gradient."""
    z = np.array([arb(0), arb(2), arb(-3)], dtype=object)

    assert [float(a.mid()) for a in RELU.forward(z)] == [0, 2, 0]
    assert [float(a.mid()) for a in RELU.backward(z, z, balls([7.0, 7.0, 7.0]))] == [0, 7, 0]


def test_a_ball_across_a_clip_bound_is_refused():
    """Keras's clip cannot be decided for a ball that lies across its bound."""
    with pytest.raises(UndecidedError):
        outside(np.array([arb(1e-7, 1e-9)], dtype=object), 1e-7, 1 - 1e-7)


@pytest.mark.parametrize("activation", [SIGMOID, TANH], ids=lambda a: a.name)
def test_a_ball_across_zero_is_no_kink_for_smooth_activations(activation):
    """Sigmoid and tanh of a ball around zero contain the values at its ends."""
    (a,) = activation.forward(np.array([arb(0, 0.5)], dtype=object))

    for end in (-0.5, 0.5):
        assert a.contains(activation.forward(np.array([arb(end)], dtype=object))[0])


def test_clipped_cross_entropy_on_balls_keeps_balls():
    """Clipped outputs are balls like the rest, and their gradient is exactly zero."""
    y, t = balls([[-0.5, 0.25, 1.5]]), balls([[0.0, 1.0, 1.0]])

    loss, gradient = BinaryCrossEntropy().value(y, t), BinaryCrossEntropy().gradient(y, t)

    assert isinstance(loss, arb)
    assert [g == 0 for g in gradient[0]] == [True, False, True]


def test_the_square_of_a_ball_around_zero_is_a_ball():
    """An output that cannot be told from its target still has a loss."""
    y, t = np.array([[arb(0, 1e-9)]], dtype=object), balls([[0.0]])

    assert SquaredError("sum").value(y, t) < 1e-17


def test_relu_at_zero_has_no_tangent():
    """In complex arithmetic too the derivative at exactly zero is 0, whatever the sign of the tangent."""
    z = np.array([1e-200j, -1e-200j, 2 + 1e-200j, -2 + 1e-200j])

    assert RELU.forward(z).imag.tolist() == [0, 0, 1e-200, 0]


def test_pruned_entries_are_zero_and_positive():
    """A small negative weight, and a NaN, become 0.0 and not -0.0 or NaN; balls and scalars too."""
    for p in (np.array([-0.01, np.nan, 1.0]), balls([-0.01, 0.02, 1.0]), np.array(-0.01)):
        mask = np.asarray(np.arange(p.size) == 2).reshape(p.shape)
        pruned = apply_masks({"W1": p}, {"W1": mask})["W1"]
        assert pruned.shape == p.shape
        assert all(str(float(getattr(value, "mid", lambda v=value: v)())) == "0.0" for value in pruned[~mask].ravel())


def test_helpers_stay_in_their_arithmetic():
    """Scalars and zeros made for balls are balls, those made for floats are floats."""
    assert isinstance(exact(0.9, balls([1.0])), arb)
    assert exact(0.9, np.ones(1, np.float32)) == 0.9
    assert all(isinstance(zero, arb) for zero in zeros_like(balls([1.0, 2.0])))
    assert zeros_like(np.ones(2, np.float32)).dtype == np.float32


@pytest.mark.parametrize("loss", [SquaredError("sum"), CrossEntropy(from_logits=True), BinaryCrossEntropy()])
@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9), Adam()])
def test_float32_stays_float32(loss, optimizer):
    """Outputs, loss, gradients, moments and updated parameters of a float32 network are all float32."""
    network = Network(2, (Dense(3, SIGMOID), Dense(2, TANH)), loss)
    x, t = np.array([[0.5, -1], [2, 0.25]], np.float32), np.eye(2, dtype=np.float32)
    params = {name: np.full(shape, 0.5, np.float32) for name, shape in network.shapes.items()}
    value, gradients = loss_and_gradients(network, params, x, t)
    run = train(network, params, optimizer, [slice(None)] * 2, x, t)

    found = [
        value,
        *gradients.values(),
        *run.params.values(),
        *(a for pair in forward(network, params, x) for a in pair),
    ]
    found += [a for moment in run.state.moments.values() for a in moment.values()]
    assert {a.dtype for a in found} == {np.dtype(np.float32)}


def test_magnitude_is_differentiable_by_complex_step():
    """|z| of z + ih is ±(z + ih), where np.abs would give the modulus and lose the tangent."""
    z = np.array([-2 + 1e-200j, 3 + 1e-200j])

    assert magnitude(z).tolist() == [2 - 1e-200j, 3 + 1e-200j]


def test_softmax_shifts_by_the_real_part():
    """Complex and ball softmax survive logits of ±1000, and log-softmax is its logarithm."""
    z = np.array([[1000.0, -1000.0, 999.0]])

    for a in (softmax(z.astype(complex)).real, middle(softmax(balls(z))), softmax(z)):
        assert np.allclose(a, [[1 / (1 + np.exp(-1)), 0, np.exp(-1) / (1 + np.exp(-1))]], rtol=1e-15, atol=0)
    assert np.allclose(np.exp(log_softmax(z))[0, [0, 2]], softmax(z)[0, [0, 2]], rtol=1e-14)
    assert log_softmax(z)[0, 1] == pytest.approx(-2000 - np.log(1 + np.exp(-1)), rel=1e-15)
