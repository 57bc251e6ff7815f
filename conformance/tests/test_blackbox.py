"""A gradient against its own loss from outside: right ones pass, each kind of wrong one is caught, named and found."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nn_conformance.blackbox import check_gradients
from nn_reference import systems
from nn_reference.activations import RELU, SIGMOID, SOFTMAX, TANH
from nn_reference.errors import InputError
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Dense, Network, loss_and_gradients, loss_and_outputs

NETWORKS = {
    "tanh": Network(4, (Dense(7, TANH), Dense(3, SIGMOID)), SquaredError("elements")),
    "relu": Network(20, (Dense(30, RELU), Dense(10, SOFTMAX)), CrossEntropy()),
    "deep": Network(6, (Dense(8, RELU), Dense(8, SIGMOID), Dense(8, RELU), Dense(3)), CrossEntropy(from_logits=True)),
    "vector": Network(3, (Dense(4, TANH, layout="out,in"), Dense(1, SIGMOID, vector=True)), SquaredError("samples")),
    "binary": Network(5, (Dense(6, TANH), Dense(2, SIGMOID)), BinaryCrossEntropy()),
    "linear": Network(5, (Dense(4),), SquaredError("sum", half=True)),
    "square": Network(6, (Dense(6, TANH), Dense(6)), SquaredError("sum")),
}


def problem(network, dtype=np.float64, seed=0, samples=9):
    """A loss of its parameters alone, random parameters, and their gradients."""
    rng = np.random.default_rng(seed)
    params = {name: np.asarray(rng.normal(size=shape) / 2, dtype) for name, shape in network.shapes.items()}
    x = rng.normal(size=(samples, network.inputs)).astype(dtype)
    units = network.layers[-1].units
    t = np.eye(max(units, 2), dtype=dtype)[rng.integers(0, max(units, 2), samples)]
    t = t[:, 0] if network.layers[-1].vector else t[:, :units]
    return (lambda p: loss_and_outputs(network, p, x, t)[0]), params, loss_and_gradients(network, params, x, t)[1]


def mnist(dtype):
    """The 238,510 parameters of `mnist-relu` at their start, with the first eight images."""
    system = systems.get("mnist-relu")
    data = system.load()
    params = {name: p.astype(dtype) for name, p in system.start().items()}
    x, t = data.train_x[:8].astype(dtype), data.train_t[:8].astype(dtype)
    return (
        lambda p: loss_and_outputs(system.network, p, x, t)[0],
        params,
        loss_and_gradients(system.network, params, x, t)[1],
    )


def one(report, name=None):
    """The finding of a tensor, or the only one."""
    (finding,) = [finding for finding in report.findings if name in (None, finding.name)]
    return finding


def statuses(report):
    return {finding.name: finding.status for finding in report.findings}


def spoilt(gradients, name, change):
    """The gradients with `change` applied to a copy of one."""
    gradient = gradients[name].copy()
    return gradients | {name: np.asarray(change(gradient), gradient.dtype)}


def at(index, change):
    """A change of the entries under an index alone."""

    def apply(gradient):
        gradient[index] = change(gradient[index])
        return gradient

    return apply


class Counted:
    """A loss that counts its calls."""

    def __init__(self, loss):
        self.loss, self.calls = loss, 0

    def __call__(self, params):
        self.calls += 1
        return self.loss(params)


# --- right gradients -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NETWORKS)
def test_right_gradients_pass(name, dtype):
    """Networks of all activations, losses and layouts pass in either precision."""
    report = check_gradients(*problem(NETWORKS[name], dtype))

    assert report.ok, str(report)
    assert all(finding.error <= finding.limit for finding in report.findings)


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "part"), [(np.float64, 1e-8), (np.float32, 0.5)])
def test_a_network_of_mnist_size_passes_within_a_few_hundred_calls(dtype, part):
    """238,510 parameters, each wrong entry of which would be caught from a small part of its tensor's norm on."""
    loss, params, gradients = mnist(dtype)

    report = check_gradients(loss, params, gradients)

    assert report.ok, str(report)
    assert report.evaluations < 600
    norms = {name: np.linalg.norm(g) for name, g in gradients.items()}
    # In float32 the loss has seven digits, and a step across its 2400 kinks keeps three to four of them.
    assert {f.name for f in report.findings if f.limit > part / 8 * norms[f.name]} == set()


def test_the_same_seed_says_the_same():
    """All figures of a report depend on its arguments alone; another seed takes other directions."""
    arguments = problem(NETWORKS["relu"])
    first = check_gradients(*arguments, directions=2, seed=3)

    assert first == check_gradients(*arguments, directions=2, seed=3)
    assert first.findings != check_gradients(*arguments, directions=2, seed=4).findings
    assert first.seed == 3


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_no_false_alarm(seed, dtype):
    """Networks of random widths, gains and losses never fail with their own gradient."""
    rng = np.random.default_rng(1000 + seed)
    activations = [RELU, TANH, SIGMOID]
    hidden = [Dense(int(rng.integers(1, 40)), activations[rng.integers(3)]) for _ in range(rng.integers(1, 4))]
    network = Network(int(rng.integers(1, 60)), (*hidden, Dense(4, SOFTMAX)), CrossEntropy())
    _, params, _ = problem(network, dtype, seed)
    gain = dtype(2.0 ** rng.uniform(-3, 2))
    params = {name: p * gain for name, p in params.items()}
    data = np.random.default_rng(seed)
    x, t = data.normal(size=(5, network.inputs)).astype(dtype), np.eye(4, dtype=dtype)[data.integers(0, 4, 5)]

    report = check_gradients(
        lambda p: loss_and_outputs(network, p, x, t)[0],
        params,
        loss_and_gradients(network, params, x, t)[1],
        directions=3,
    )

    assert "failed" not in statuses(report).values(), str(report)


# --- wrong gradients -------------------------------------------------------------------------------------------------

WRONG = {
    "factor-1.1": ("W1", lambda g: g * 1.1, "it is 1.10000"),
    "factor-1.001": ("W1", lambda g: g * 1.001, "it is 1.00100"),
    "sign": ("W2", lambda g: -g, "its sign is wrong everywhere"),
    "zero": ("b1", lambda g: g * 0, "it is zero, but the loss changes with this parameter"),
    "reshaped": ("W2", lambda g: g.T.reshape(g.shape), "it was reshaped where it should be transposed"),
    "zero-block": ("W1", at(np.s_[8:12, 16:24], lambda g: 0 * g), "W1[8:12, 16:24]"),
    "one-row": ("W1", at(3, lambda g: 2 * g), "W1[3, :]"),
    "one-column": ("W2", at(np.s_[:, 7], lambda g: 2 * g), "W2[:, 7]"),
    "two-entries": ("W1", at(([3, 17], [29, 4]), lambda g: g + 0.3), "W1[3, 29] is 0."),
    "one-bias": ("b1", at(11, lambda g: g + 0.01), "b1[11] is "),
    "one-of-few": ("b2", at(4, lambda g: g + 1e-6), "b2[4] is "),
    "huge": ("W1", lambda g: g + 1e200, ""),
    "overflowing": ("W1", lambda g: np.full_like(g, 1e308), "it is too large to compute with"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_gradient_is_caught_named_and_found(mistake):
    """One tensor fails, with the cause, and the others pass."""
    name, change, cause = WRONG[mistake]
    loss, params, gradients = problem(NETWORKS["relu"])

    report = check_gradients(loss, params, spoilt(gradients, name, change), directions=4)

    assert statuses(report) == dict.fromkeys(params, "passed") | {name: "failed"}
    assert cause in one(report, name).cause
    assert not one(report, name).error <= one(report, name).limit < math.inf


@pytest.mark.parametrize("factor", [1.1, 3.0, -1.0])
def test_a_factor_is_caught_in_float32_as_well(factor):
    """Ten percent on every tensor of a ReLU network, with the digits that float32 supports."""
    loss, params, gradients = problem(NETWORKS["relu"], np.float32)

    wrong = {name: g * np.float32(factor) for name, g in gradients.items()}

    report = check_gradients(loss, params, wrong, directions=5)

    assert set(statuses(report).values()) == {"failed"}
    causes = [finding.cause for finding in report.findings]
    assert all(("sign" in cause) if factor < 0 else cause.startswith(f"it is {factor}"[:8]) for cause in causes), causes


def test_a_square_transpose_is_named():
    """Where every shape fits, the transpose of the gradient fails and is called that."""
    loss, params, gradients = problem(NETWORKS["square"])

    report = check_gradients(loss, params, spoilt(gradients, "W1", np.transpose))

    assert one(report, "W1").cause == "it is the transpose of the right one"


def test_swapped_tensors_are_named():
    """Two gradients of one shape, given for each other, each name the other."""
    loss, params, gradients = problem(NETWORKS["square"])

    report = check_gradients(loss, params, gradients | {"W1": gradients["W2"], "W2": gradients["W1"]})

    assert one(report, "W1").cause == "the right one is what was given for 'W2'"
    assert one(report, "W2").cause == "the right one is what was given for 'W1'"
    assert statuses(report)["b1"] == "passed"


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (at((400, 123), lambda g: g + 0.008), "W1[400, 123] is "),  # twice the typical entry, 0.004
        (lambda g: g * 1.001, "it is 1.0010000"),
    ],
    ids=["entry", "factor"],
)
def test_among_235200_entries_a_small_error_is_caught(change, cause):
    """One entry off by twice the typical one, and one part in a thousand everywhere, as easily as in a small network."""
    loss, params, gradients = mnist(np.float64)

    report = check_gradients(loss, params, spoilt(gradients, "W1", change), directions=3)

    assert statuses(report) == {"W1": "failed", "b1": "passed", "W2": "passed", "b2": "passed"}
    assert one(report, "W1").error > 1e6 * one(report, "W1").limit
    assert cause in one(report, "W1").cause


# --- what other checkers let through ---------------------------------------------------------------------------------


def test_what_fast_gradcheck_and_check_grads_pass_is_caught():
    """An error of 100 % in 10⁵ entries, and a wrong entry, pass the two rules that scale with size, and fail here."""
    # PyTorch's fast mode compares projections on positive vectors of norm 1 with a tolerance of 1e-5·Σu·Σv (here Σu =
    # 1) and a relative 1e-3. JAX's forward mode compares all outputs with an absolute tolerance times their number.
    size = 100_000
    rng = np.random.default_rng(0)
    p, w = rng.normal(size=size), rng.normal(size=size) / size

    def loss(q):
        return np.sum(w * np.tanh(q))

    right = w * (1 - np.tanh(p) ** 2)
    entry = at(77, lambda g: g + 1e-3)(right.copy())  # a hundred times the typical entry
    v = rng.random(size)
    v /= np.linalg.norm(v)
    assert abs(v @ entry - v @ right) <= 1e-5 * v.sum() + 1e-3 * abs(v @ right)
    assert np.max(np.abs(2 * right - right)) <= 1e-5 * size

    assert check_gradients(loss, p, right, directions=1).ok
    assert one(check_gradients(loss, p, 2 * right, directions=1)).cause.startswith("it is 2.0000")
    assert one(check_gradients(loss, p, entry, directions=1)).cause.startswith("params[77] is 0.00")


def test_small_entries_are_not_excused():
    """Gradients of 1e-9, which an absolute tolerance of 1e-5 would pass whatever they are, are held to 1e-6 of that."""
    loss, params, gradients = problem(NETWORKS["tanh"])
    small = {name: g * 1e-9 for name, g in gradients.items()}

    off = {name: g * (1 + 1e-6) for name, g in small.items()}

    assert check_gradients(lambda p: 1e-9 * loss(p), params, small, directions=3).ok
    wrong = check_gradients(lambda p: 1e-9 * loss(p), params, off, directions=3)
    assert set(statuses(wrong).values()) == {"failed"}


@pytest.mark.parametrize("size", [100, 100_000])
def test_the_limit_does_not_grow_with_the_number_of_entries(size):
    """Against the norm of the gradient the limit stays what it is, from a hundred entries to a hundred thousand."""
    rng = np.random.default_rng(0)
    p, w = rng.normal(size=size), rng.normal(size=size) / np.sqrt(size)

    finding = one(check_gradients(lambda q: 1 + np.sum(w * np.sin(q)), p, w * np.cos(p), directions=3))

    assert finding.status == "passed"
    # Rounding u·L over the step ∛u, and as much of curvature, on a norm of 0.7.
    assert finding.smallest_entry <= 1e-7
    assert finding.smallest_factor <= 1e-7


# --- how sure it is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seed", range(2))
def test_what_is_said_to_be_certain_is_caught(seed, dtype):
    """An entry that is off by just more than `smallest_entry`, and a factor beyond `smallest_factor`, always fail."""
    loss, params, gradients = problem(NETWORKS["relu"], dtype, seed)
    right = check_gradients(loss, params, gradients, directions=3, seed=seed)
    assert right.ok, str(right)

    for finding in right.findings[:2]:
        g, rng = gradients[finding.name].astype(np.float64), np.random.default_rng(seed)
        index = tuple(rng.integers(0, n) for n in g.shape)
        entry = spoilt(gradients, finding.name, at(index, lambda e, size=finding.smallest_entry: e + 1.02 * size))
        factor = gradients | {finding.name: (g / (1 - 1.02 * finding.smallest_factor)).astype(dtype)}

        assert one(check_gradients(loss, params, entry, directions=3, seed=seed), finding.name).status == "failed"
        if finding.smallest_factor < 0.9:
            assert one(check_gradients(loss, params, factor, directions=3, seed=seed), finding.name).status == "failed"


def test_wrong_entries_that_cancel_are_missed_as_seldom_as_derived():
    """Two opposite errors, the worst case, escape half of all directions: 2 of them and the signs miss one in eight."""
    slopes = np.zeros(20)
    slopes[4], slopes[9] = 1.0, -1.0

    missed = sum(check_gradients(lambda p: 1.0, np.ones(20), slopes, directions=2, seed=seed).ok for seed in range(8))

    assert missed == 0  # the first direction has the signs of the gradient, and here that is the error itself

    def loss(p):
        return 10 * p[4] + 10 * p[9]

    claims = np.where(np.arange(20) == 4, 11.0, np.where(np.arange(20) == 9, 9.0, 0.0))
    missed = sum(check_gradients(loss, np.ones(20), claims, directions=2, seed=seed).ok for seed in range(48))

    # 12 expected: the signs are blind to it. Binomial, standard deviation 3; four of them at most.
    assert 1 <= missed <= 24


def test_an_isolated_entry_is_found_in_twice_the_logarithm_of_the_size():
    """From 2⁴ to 2¹⁴ entries a wrong one costs two calls more for each doubling, in one axis or in two."""
    extra = {}
    for shape in [(2**4,), (2**14,), (2**2, 2**2), (2**7, 2**7)]:
        rng = np.random.default_rng(0)
        p, w = rng.normal(size=shape), rng.normal(size=shape)

        def loss(q, w=w):
            return 5 + np.sum(w * np.sin(q)) / np.sqrt(w.size)

        right = w * np.cos(p) / np.sqrt(w.size)
        index = tuple(int(rng.integers(0, n)) for n in shape)
        passed, failed = Counted(loss), Counted(loss)
        assert check_gradients(passed, p, right).evaluations == passed.calls
        report = check_gradients(failed, p, at(index, lambda g: g + 1.0)(right.copy()))
        extra[shape] = failed.calls - passed.calls

        assert one(report).cause.startswith(f"params[{', '.join(map(str, index))}] is ")
        assert report.evaluations == failed.calls

    # Ten doublings, and a few calls more or less for the steps that other signs lead to.
    assert abs(extra[2**14,] - extra[2**4,] - 20) <= 12
    assert abs(extra[2**7, 2**7] - extra[2**2, 2**2] - 20) <= 12
    # Beside the halving: each of 11 directions again at a quarter of the step, the search for a jump, the entry itself.
    assert max(extra.values()) <= 2 * 14 + 11 * 4 + 80


# --- kinks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_a_kink_at_the_parameters_is_undecided(slope, dtype):
    """XOR with ReLU and biases of zero: the sample (0, 0) is at the kink for b1, any slope is right, and none passes."""
    network = Network(2, (Dense(12, RELU), Dense(1, SIGMOID)), SquaredError("elements"))
    _, params, _ = problem(network, dtype)
    params["b1"] *= 0
    x, t = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype), np.array([[0], [1], [1], [0]], dtype)
    _, gradients = loss_and_gradients(network, params, x, t)
    kinked = x == 0
    z2 = np.maximum(x @ params["W1"], 0) @ params["W2"] + params["b2"]
    y = 1 / (1 + np.exp(-z2))
    dz2 = ((y - t) / 2 * y * (1 - y))[kinked.all(axis=1)]
    gradients["b1"] = (gradients["b1"] + slope * (dz2 @ params["W2"].T)[0]).astype(dtype)

    report = check_gradients(lambda p: loss_and_outputs(network, p, x, t)[0], params, gradients)

    assert statuses(report) == {"W1": "passed", "b1": "undecided", "W2": "passed", "b2": "passed"}
    assert not report.ok
    assert "kink at these parameters" in one(report, "b1").reason
    assert math.isnan(one(report, "b1").error)


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 1e-6, 1e-8])
def test_a_step_keeps_clear_of_kinks(distance):
    """A right gradient passes and a wrong one fails at any distance from the nearest of many kinks."""
    p = np.cumsum(np.full(50, 0.1))
    p[17] = distance

    def loss(q):
        return np.sum(np.maximum(q, 0) * np.arange(50)) / 50 + np.sum(np.abs(q - 0.35)) + np.sum(q**3)

    right = np.arange(50) / 50 * (p > 0) + np.sign(p - 0.35) + 3 * p**2

    assert check_gradients(loss, p, right).ok
    wrong = one(check_gradients(loss, p, at(17, lambda g: 0 * g)(right.copy())))
    assert wrong.status == "failed"
    assert wrong.limit < 100 * 2**-53 * loss(p) / min(distance, 1e-5) + 1e-8


@pytest.mark.parametrize("claimed", [-1.0, 0.0, 0.3, 1.0])
def test_an_absolute_value_at_zero_is_never_a_pass(claimed):
    """Central differences give slope 0 to |p| at 0, at any step; one entry of a vector or the only one."""
    alone = check_gradients(lambda p: 3 + abs(p), np.array(0.0), np.array(claimed))
    among = check_gradients(
        lambda p: 3 + np.sum(p**2) + abs(p[2]), np.array([1.0, 2.0, 0.0]), np.array([2, 4, claimed])
    )

    everywhere = check_gradients(lambda p: 1 + 9 * np.sum(np.abs(p)), np.zeros(12), np.full(12, claimed))

    assert statuses(alone) == statuses(among) == statuses(everywhere) == {"params": "undecided"}
    assert one(alone).reason.startswith("in 1 of 1 directions, the loss has a kink at these parameters")
    assert one(among).reason.startswith("in 1 of 3 directions, the loss has a kink at these parameters")
    assert one(everywhere).reason.startswith("in 3 of 3 directions, the loss has a kink at these parameters")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_small_kink_is_no_pass_either(dtype):
    """A kink far below the slopes, but above what rounding hides, is seen; one that is below it changes nothing."""
    rng = np.random.default_rng(0)
    p, w = rng.normal(size=(2, 40)).astype(dtype)
    p[1] = 0
    u = np.finfo(dtype).eps / 2

    def status(height):
        def loss(q):
            return dtype(1) + np.sum(w * np.tanh(q)) / dtype(6) + dtype(height) * np.abs(q[1])

        return one(check_gradients(loss, p, (w * (1 - np.tanh(p) ** 2) / 6).astype(dtype))).status

    # Rounding over the step leaves u^⅔ of a slope, and limits are some ten times that.
    assert {status(100 * u ** (2 / 3) * 10**k) for k in range(3)} == {"undecided"}
    assert status(u ** (2 / 3) / 100) == "passed"


def test_kinks_that_hide_from_one_step_are_no_failure():
    """Two kinks on either side can leave no trace at one step, and yet turn its slope: a right gradient passes."""
    # At 0.6 and -0.75 of the step, in the ratio of 1 to 0.8, both terms of the roughness cancel, and the slope is off
    # by a tenth of the larger jump. The step is the one at which the search begins, for a loss and parameters of size
    # 1.
    a = 2.0**-18

    def loss(p):
        return 1 + 0.3 * p[0] + np.maximum(p[0] - 0.6 * a, 0) + 0.8 * np.maximum(-p[0] - 0.75 * a, 0)

    def slope(step):
        return (loss([step]) - loss([-step])) / (2 * step)

    assert slope(a) - 0.3 == pytest.approx(0.1, rel=1e-6)
    assert slope(2 * a) == pytest.approx(slope(a), abs=1e-9)
    assert check_gradients(loss, np.zeros(1), np.array([0.3])).ok
    assert not check_gradients(loss, np.zeros(1), np.array([0.31])).ok


def test_a_jump_is_undecided():
    """Where the loss itself jumps, as a count of errors does, there is no slope to compare with."""
    report = check_gradients(lambda p: p[0] + (p[0] >= 1), np.array([1.0]), np.array([1.0]))

    assert one(report).status == "undecided"
    assert "no smooth function" in one(report).reason
    # Also at 0, where steps could be halved a thousand times.
    count = check_gradients(lambda p: p[0] + (p[0] >= 0), np.zeros(1), np.ones(1))
    assert one(count).status == "undecided"
    assert count.evaluations < 200


def test_a_loss_that_rounds_inside_is_undecided_and_not_wrong():
    """log(1 - p) of a float32 probability near 1 is a staircase: flat treads must not fail the gradient of the slope."""
    p = np.array([[14.0, -3.0], [0.5, 1.0]], np.float32)

    def loss(q):
        return np.mean(-np.log(1 - 1 / (1 + np.exp(-q))))

    right = 1 / (1 + np.exp(-p)) / 4

    finding = one(check_gradients(loss, p, right))

    assert finding.status == "undecided"
    assert "something in it is rounded" in finding.reason


def test_a_wrong_gradient_of_a_loss_with_a_jump_elsewhere_fails():
    """A jump that does not explain the error excuses nothing: neither the sign, nor a factor, nor zero."""
    p = np.linspace(0.2, 1, 20)

    def loss(q):
        return np.sum(np.sin(q)) + 0.2 * (q[3] > 0.33)

    assert check_gradients(loss, p, np.cos(p)).ok
    for wrong in (-np.cos(p), 2 * np.cos(p), 0 * p):
        assert one(check_gradients(loss, p, wrong)).status == "failed"


def test_float32_parameters_of_a_float64_loss_pass():
    """Where only the parameters are float32, their rounding is the noise: all just below 1, each step meets it alike."""
    p = np.full(40, np.float32(1) - np.float32(3 * 2**-24))

    def loss(q):
        return float(np.sum(np.tanh(q.astype(np.float64))))

    report = check_gradients(loss, p, (1 - np.tanh(p.astype(np.float64)) ** 2).astype(np.float32))

    assert report.ok, str(report)


# --- scales ----------------------------------------------------------------------------------------------------------


@settings(max_examples=6)
@given(loss_power=st.integers(-300, 300), params_power=st.integers(-300, 300))
def test_a_verdict_does_not_depend_on_units(loss_power, params_power):
    """A loss or parameters in other units, by powers of two, make the same calls, and the same figures in those units."""
    loss, params, gradients = problem(NETWORKS["tanh"], samples=3)
    units, scale = 2.0**params_power, 2.0**loss_power
    wrong = spoilt(gradients, "W2", lambda g: 1.01 * g)

    def rescaled(p):
        return scale * loss({name: q / units for name, q in p.items()})

    def in_units(arrays, unit):
        return {name: a * unit for name, a in arrays.items()}

    plain = check_gradients(loss, params, wrong, directions=2)
    other = check_gradients(rescaled, in_units(params, units), in_units(wrong, scale / units), directions=2)

    assert statuses(other) == statuses(plain) == dict.fromkeys(params, "passed") | {"W2": "failed"}
    assert other.evaluations == plain.evaluations
    for mine, yours in zip(plain.findings, other.findings, strict=True):
        assert yours.error == mine.error * scale / units
        assert yours.limit == mine.limit * scale / units


@settings(max_examples=6)
@given(power=st.floats(-30, 30), seed=st.integers(0, 99))
def test_any_scale_of_the_inputs_passes_and_a_wrong_gradient_fails(power, seed):
    """Parameters of size 1e-30 to 1e30, whose inputs make up for it, and a loss of any size."""
    loss, params, gradients = problem(NETWORKS["tanh"], seed=seed, samples=3)
    unit = 10.0**power

    def rescaled(p):
        return loss({name: q / unit for name, q in p.items()}) / unit**2

    moved = {name: p * unit for name, p in params.items()}
    right = {name: g / unit**3 for name, g in gradients.items()}

    assert check_gradients(rescaled, moved, right, directions=2, seed=seed).ok
    wrong = check_gradients(rescaled, moved, spoilt(right, "b1", lambda g: g * 1.001), directions=2, seed=seed)
    assert statuses(wrong)["b1"] == "failed"


@pytest.mark.parametrize(("offset", "dtype"), [(1e6, np.float64), (-1e9, np.float64), (1e2, np.float32)])
def test_a_large_offset_costs_digits_and_no_verdict(offset, dtype):
    """A loss of 1e6 and a little has fewer digits for its slope: the limit says so, and ten percent are still seen."""
    loss, params, gradients = problem(NETWORKS["tanh"], dtype)

    def shifted(p):
        return dtype(offset) + loss(p)

    plain = check_gradients(loss, params, gradients, directions=3)
    report = check_gradients(shifted, params, gradients, directions=3)

    assert report.ok, str(report)
    assert all(a.limit < b.limit for a, b in zip(plain.findings, report.findings, strict=True))
    wrong = check_gradients(shifted, params, {name: g * dtype(1.5) for name, g in gradients.items()}, directions=3)
    assert set(statuses(wrong).values()) == {"failed"}


def test_a_constant_has_a_gradient_of_zero_and_no_other():
    """Flat everywhere: zero passes, also as the rounding of one; what is not zero fails."""
    p = np.ones((3, 5))

    assert check_gradients(lambda _: 0.7, p, 0 * p).ok
    assert check_gradients(lambda _: 0.7, p, 1e-18 * p).ok
    assert one(check_gradients(lambda _: 0.7, p, 1e-3 * p)).cause == "the loss does not change with this parameter"
    assert one(check_gradients(lambda _: 0.0, p, 1e-3 * p)).status == "failed"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_saturated_and_dead_units_pass_with_zero(dtype):
    """Logits of ±1000 and a layer of ReLU that is off: gradients of exactly zero pass, and a made-up one fails."""
    network = Network(3, (Dense(4, RELU), Dense(3, SOFTMAX)), CrossEntropy())
    x, t = np.eye(3, dtype=dtype), np.eye(3, dtype=dtype)
    params = {
        "W1": np.full((3, 4), -1, dtype),
        "b1": np.full(4, -2, dtype),
        "W2": np.ones((4, 3), dtype),
        "b2": np.array([0.5, 0.25, 0], dtype),
    }
    dead = loss_and_gradients(network, params, x, t)[1]

    def loss(p):
        return loss_and_outputs(network, p, x, t)[0]

    assert not dead["W1"].any()
    assert check_gradients(loss, params, dead).ok
    assert statuses(check_gradients(loss, params, spoilt(dead, "W1", lambda g: g + 0.1)))["W1"] == "failed"

    flat = Network(3, (Dense(3, SOFTMAX, bias=False),), CrossEntropy())
    weights = {"W1": np.eye(3, dtype=dtype) * 1000}
    assert check_gradients(lambda p: loss_and_outputs(flat, p, x, t)[0], weights, {"W1": np.zeros((3, 3), dtype)}).ok


def test_a_loss_of_zero_at_its_minimum():
    """Where the loss is exactly 0, and grows with the square of a step, its gradient of zero passes."""
    assert check_gradients(lambda p: np.sum((p - 2) ** 2), np.full(30, 2.0), np.zeros(30)).ok


def test_a_gradient_below_the_rounding_of_the_loss_is_undecided():
    """Where the limit is more than the gradient, nothing was verified, and nothing passes."""
    p = np.linspace(0.1, 1, 12)

    finding = one(check_gradients(lambda q: 1e6 + 1e-9 * np.sum(np.sin(100 * q)), p, 1e-7 * np.cos(100 * p)))

    assert finding.status == "undecided"
    assert "too small to be seen" in finding.reason


# --- what is wrong with the loss itself ------------------------------------------------------------------------------

ROUGH = np.linspace(0.3, 1.7, 12).reshape(3, 4)


class Late:
    """Spoils its parameters at the fiftieth call."""

    def __init__(self):
        self.calls = 0

    def __call__(self, p):
        self.calls += 1
        if self.calls == 50:
            p["b"] += 1e-12
        return np.sum(p["W"] ** 2) + p["b"]


def rebinding(p):
    p["W"] = p["W"] * 0.9
    return np.sum(p["W"] ** 2)


def adding(p):
    p["cache"] = p["W"]
    return np.sum(p["W"] ** 2)


def in_place(p):
    p["W"] *= 0.9
    return np.sum(p["W"] ** 2)


def single(p):
    w = p["W"].astype(np.float32)
    return np.sum(w * w)


NOISE = np.random.default_rng(5)
LOSSES = {
    "in-place": (in_place, "it changes its parameter 'W'"),
    "rebinding": (rebinding, "it changes its parameter 'W'"),
    "adding": (adding, "it adds parameters"),
    "late": (Late(), "it changes its parameter 'b'"),
    "stochastic": (lambda p: np.sum(p["W"] ** 2) + 1e-3 * NOISE.normal(), "calls with the same parameters gave "),
    "nan": (lambda _: np.nan, "it is nan at these parameters"),
    "infinite": (lambda _: np.inf, "it is inf at these parameters"),
    "float32-inside": (single, "it has only about 7 digits"),
    "float32-returned": (lambda p: np.float32(np.sum(p["W"] ** 2)), "it has only about 7 digits"),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_a_loss_that_cannot_be_checked_says_why(kind):
    """A loss that spoils its parameters, draws random numbers, is NaN or has seven digits fails before any gradient."""
    loss, reason = LOSSES[kind]
    params = {"W": ROUGH.copy(), "b": np.array(1.0)}

    report = check_gradients(loss, params, {"W": 2 * ROUGH, "b": np.array(1.0)})

    assert statuses(report) == {"loss": "failed"}
    assert one(report).reason.startswith(reason)
    assert not report.ok
    assert np.array_equal(params["W"], ROUGH)


def test_sums_in_another_order_are_no_randomness():
    """Differences of the last digits between two calls, as threads make them, are noise like other rounding."""
    rng = np.random.default_rng(0)

    assert check_gradients(lambda p: np.sum(p**2) * (1 + 2**-52 * rng.integers(-2, 3)), ROUGH, 2 * ROUGH).ok


def test_a_loss_of_few_digits_is_measured_and_said():
    """A loss rounded to six decimals has the limits that go with it, and the reason names its digits."""
    report = check_gradients(lambda p: np.round(np.sum(p**2), 6), ROUGH, 2 * ROUGH)

    assert report.ok, str(report)
    assert "of a loss with 7 digits (is float32 inside?)" in one(report).reason
    assert one(report).limit > 1e-8
    assert not check_gradients(lambda p: np.round(np.sum(p**2), 6), ROUGH, 2.1 * ROUGH).ok


def test_nan_nearby_is_kept_clear_of():
    """The logarithm of a parameter just above zero has a gradient; the NaN below zero is no error."""
    p = np.array([1e-4, 1.0, 2.0])

    assert check_gradients(lambda q: np.sum(np.log(q)), p, 1 / p).ok
    assert check_gradients(lambda q: np.sum(np.where(q > 1.0001, np.inf, q**2)), p / 2, p).ok
    assert check_gradients(lambda q: sum(math.sqrt(v) for v in q), p, 0.5 / np.sqrt(p)).ok


# --- names, shapes, dtypes -------------------------------------------------------------------------------------------

W = np.arange(1.0, 7.0).reshape(2, 3)
B = np.array(0.5)
DEFECTS = {
    "missing": ({"W": 2 * W}, "b", "the gradient is missing; expected an array of shape ()"),
    "unknown": ({"W": 2 * W, "b": B, "w": W}, "w", "no such parameter, did you mean 'W'?; expected W, b"),
    "list": ({"W": W.tolist(), "b": B}, "W", "expected a NumPy array, got list; wrap it in np.asarray"),
    "transposed": (
        {"W": 2 * W.T, "b": B},
        "W",
        "expected shape (2, 3) as the parameter has, got (3, 2); it is the transpose",
    ),
    "shape": ({"W": 2 * W[:1], "b": B}, "W", "expected shape (2, 3) as the parameter has, got (1, 3)"),
    "dtype": ({"W": np.float32(2 * W), "b": B}, "W", "expected dtype float64 as the parameter has, got float32"),
    "integers": ({"W": np.int64(2 * W), "b": B}, "W", "expected dtype float64 as the parameter has, got int64"),
    "nan": ({"W": W * [1, np.nan, 1], "b": B}, "W", "expected finite values, got nan at index (0, 1)"),
    "shape-before-nan": ({"W": W[:1] * np.nan, "b": B}, "W", "expected shape (2, 3) as the parameter has, got (1, 3)"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_names_shapes_and_dtypes_come_before_values(defect):
    """A gradient that does not fit fails with one line, and the others are checked all the same."""
    gradients, name, line = DEFECTS[defect]

    report = check_gradients(lambda p: np.sum(p["W"] ** 2) + p["b"] ** 2 / 2, {"W": W, "b": B}, gradients)

    assert one(report, name).reason == line
    assert {n for n, status in statuses(report).items() if status != "passed"} == {name}
    assert "\n" not in str(one(report, name))


BAD = {
    "loss": ((3.0, W, W), {}, "loss: expected a function of the parameters, got 3.0"),
    "no-number": ((lambda p: p, W, W), {}, "loss: expected a function that returns one real number, got ndarray of shape (2, 3)"),
    "pair": ((lambda p: (1.0, p), W, W), {}, "loss: expected a function that returns one real number, got tuple; return the loss alone, without gradients"),
    "complex": ((lambda p: 1j * p.sum(), W, W), {}, "loss: expected a function that returns one real number, got 21j"),
    "none": ((lambda _: None, W, W), {}, "loss: expected a function that returns one real number, got None"),
    "integers": ((np.sum, W.astype(int), W), {}, "params: expected dtype float32 or float64, got int64"),
    "params": ((np.sum, "abc", W), {}, "params: expected a NumPy array, got str; wrap it in np.asarray"),
    "inner-list": ((np.sum, {"W": [1.0]}, W), {}, "params['W']: expected a NumPy array, got list; wrap it in np.asarray"),
    "no-array": ((np.sum, {}, {}), {}, "params: expected at least one array, got none"),
    "empty": ((np.sum, {"W": W[:0]}, {}), {}, "params['W']: expected at least one entry, got shape (0, 3)"),
    "nan": ((np.sum, W * np.inf, W), {}, "params: expected finite values, got inf at index (0, 0)"),
    "names": ((np.sum, {3: W}, {3: W}), {}, "params: expected names that are strings, got 3"),
    "form": ((lambda p: p["W"].sum(), {"W": W}, W), {}, "gradients: expected a dict, as params is, got ndarray"),
    "sequence": ((lambda p: p[0].sum(), [W], {"W": W}), {}, "gradients: expected a sequence, as params is, got dict"),
    "directions": ((np.sum, W, W), {"directions": 0}, "directions: expected at least 1, got 0"),
    "seed": ((np.sum, W, W), {"seed": -1}, "seed: expected at least 0, got -1"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case):
    """Whatever is passed in place of a loss or of arrays is refused by name."""
    arguments, options, line = BAD[case]

    with pytest.raises(InputError) as caught:
        check_gradients(*arguments, **options)

    assert str(caught.value) == line


def test_what_the_loss_raises_passes_through():
    """A mistake inside the loss shows its own traceback."""
    with pytest.raises(KeyError, match="V"):
        check_gradients(lambda p: p["V"].sum(), {"W": W}, {"W": W})


@pytest.mark.parametrize("form", [list, tuple])
def test_sequences_single_arrays_and_numbers_are_parameters(form):
    """Parameters reach the loss in the form in which they were passed, and findings have their places as names."""
    seen = []

    def loss(p):
        seen.append(type(p))
        return np.sum(p[0] ** 2) * p[1]

    report = check_gradients(loss, form([W, 0.5]), form([2 * W * 0.5, float(np.sum(W**2))]))

    assert statuses(report) == {"params[0]": "passed", "params[1]": "passed"}
    assert set(seen) == {form}
    assert check_gradients(lambda p: p**2, np.float64(3.0), np.float64(6.0)).ok


@pytest.mark.torch
def test_a_torch_loss_is_a_loss():
    """A scalar tensor that carries a graph is a number, in float32 and float64."""
    import torch

    for dtype in (np.float32, np.float64):
        w = np.linspace(-1, 1, 40, dtype=dtype)
        assert check_gradients(lambda p: torch.tensor(p, requires_grad=True).tanh().sum(), w, 1 / np.cosh(w) ** 2).ok


# --- gradients that are a function -----------------------------------------------------------------------------------


def accumulated():
    total = np.zeros_like(W)

    def gradients(p):
        total[...] += 2 * p
        return total

    return gradients


def overwriting(p):
    gradient = 2 * p
    p *= 0
    return gradient


FUNCTIONS = {
    "right": (lambda p: 2 * p, "passed", ""),
    "accumulated": (accumulated(), "failed", "a second call gives another gradient of 'params'"),
    "overwriting": (overwriting, "failed", "their function changes its parameter 'params'"),
    "nan": (lambda p: p * np.nan, "failed", "expected finite values, got nan at index (0, 0)"),
}


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_gradients_may_be_a_function(kind):
    """It is called twice; sums that were not set to zero in between, and parameters that it spoils, fail."""
    function, status, reason = FUNCTIONS[kind]

    finding = one(check_gradients(lambda p: np.sum(p**2), W, function))

    assert finding.status == status
    assert finding.reason.startswith(reason)


# --- the report ------------------------------------------------------------------------------------------------------


def test_a_report_is_true_only_if_all_passed():
    """`ok`, the truth of the report and `raise_for_failures` agree, for passed, failed and undecided."""
    passed = check_gradients(lambda p: np.sum(p**2), W, 2 * W)
    failed = check_gradients(lambda p: np.sum(p**2), W, 3 * W)
    undecided = check_gradients(lambda p: 1 + np.sum(np.abs(p)), W * 0, W)

    assert (passed.ok, failed.ok, undecided.ok) == (bool(passed), bool(failed), bool(undecided)) == (True, False, False)
    passed.raise_for_failures()
    for report in (failed, undecided):
        with pytest.raises(AssertionError) as caught:
            report.raise_for_failures()
        assert str(caught.value) == str(report)


def test_a_report_reads_well():
    """One line for each tensor: name, status, error and limit, then what is wrong and where the limit comes from."""
    loss, params, gradients = problem(NETWORKS["tanh"])

    head, *lines = str(check_gradients(loss, params, spoilt(gradients, "W2", lambda g: 9 * g))).splitlines()

    assert head.startswith("3 of 4 gradients passed (")
    assert [line.split(":")[0].strip() for line in lines] == ["W1", "b1", "W2", "b2"]
    assert lines[2].startswith("  W2: failed (error ")
    assert "it is 9.00000000" in lines[2]
    assert "limit: rounding" in lines[2]


def test_a_finding_is_a_verdict_of_the_ladder():
    """Passed and failed keep error and limit, and undecided, which passes nothing, is unsupported."""
    good, bad = (one(check_gradients(lambda p: np.sum(p**2), W, k * W)) for k in (2, 3))
    undecided = one(check_gradients(lambda p: 1 + np.sum(np.abs(p)), W * 0, W))

    verdicts = [finding.verdict(f"mine::own-loss::{k}") for k, finding in enumerate((good, bad, undecided))]

    assert [verdict.status for verdict in verdicts] == ["passed", "failed", "unsupported"]
    assert (verdicts[1].error, verdicts[1].limit) == (bad.error, bad.limit)
    assert verdicts[1].reason.startswith("it is 1.5")
    assert replace(verdicts[0], id="x") == good.verdict("x")
