"""`check_gradients` near kinks and jumps, and at any scale: undecided where nothing can be said, and else right."""

import math

import numpy as np
import pytest
from gradient_problems import NETWORKS, one, problem, spoilt, statuses
from hypothesis import given, settings
from hypothesis import strategies as st

from nn_conformance.gradcheck import check_gradients
from nn_conformance.judge.digits import told_apart
from nn_reference.activations import RELU, SIGMOID
from nn_reference.losses import SquaredError
from nn_reference.network import Dense, Network, loss_and_gradients, loss_and_outputs


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


def test_a_constant_has_no_gradient_that_could_be_seen():
    """Of 0.7 everywhere zero is undecided, as 0.7 may hide a small slope; of 0 it passes; what is not zero fails."""
    p = np.ones((3, 5))

    for zero in (0 * p, 1e-18 * p):
        assert one(check_gradients(lambda _: 0.7, p, zero)).status == "undecided"
        assert check_gradients(lambda _: 0.0, p, zero).ok
    assert one(check_gradients(lambda _: 0.7, p, 1e-3 * p)).cause == "the loss does not change with this parameter"
    assert one(check_gradients(lambda _: 0.0, p, 1e-3 * p)).status == "failed"


OFFSETS = [(np.float64, offset) for offset in (1e14, -1e16)] + [(np.float32, offset) for offset in (1e5, 1e8)]
OFFSETS += [
    pytest.param(dtype, offset, marks=pytest.mark.slow)
    for dtype, offset in ((np.float64, 1e15), (np.float64, 1e16), (np.float32, 3e6), (np.float32, 1e7))
]


@pytest.mark.parametrize("bounded", [False, True], ids=["squares", "network"])
@pytest.mark.parametrize(("dtype", "offset"), OFFSETS)
def test_no_wrong_gradient_below_the_rounding_of_a_large_offset_passes(dtype, offset, bounded):
    """Claims of 0, -g and 2g never pass; nor does one of zero beside them; what is right never fails."""
    if bounded:  # whatever the parameters are, it adds less than a unit in the last place of most offsets
        small, params, right = problem(NETWORKS["tanh"], dtype)
    else:
        rng = np.random.default_rng(0)
        a, b, w = (rng.normal(size=shape).astype(dtype) for shape in ((8, 5), 8, 5))
        params, right = {"w": w, "unused": a}, {"w": a.T @ (a @ w - b), "unused": 0 * a}

        def small(p):
            return dtype(0.5) * np.sum((a @ p["w"] - b) ** 2)

    def loss(p):
        return dtype(offset) + small(p)

    for factor in (0, -1, 2):
        report = check_gradients(loss, params, {name: dtype(factor) * g for name, g in right.items()})
        seen = {name: status for name, status in statuses(report).items() if right[name].any()}
        assert "passed" not in seen.values(), str(report)
        assert statuses(report).get("unused") != "failed"
        assert not report
    assert "failed" not in statuses(check_gradients(loss, params, right)).values()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_gradient_of_zero_is_seen_beside_another_or_by_a_curvature(dtype):
    """An unused tensor beside a measured one passes with zero, and so does a minimum; a wrong large claim shows nothing."""
    rng = np.random.default_rng(0)
    p = {"used": rng.normal(size=20).astype(dtype), "unused": rng.normal(size=20).astype(dtype)}

    def loss(q):
        return dtype(100) + np.sum(q["used"] ** 2)

    assert check_gradients(loss, p, {"used": 2 * p["used"], "unused": 0 * p["used"]}).ok
    minimum = p | {"used": 0 * p["used"] + dtype(1)}
    at_minimum = check_gradients(
        lambda q: dtype(0.3) + np.sum((q["used"] - dtype(1)) ** 2), minimum, {name: 0 * a for name, a in p.items()}
    )
    assert statuses(at_minimum) == {"used": "passed", "unused": "undecided"}

    def flat(q):  # its slope of 1 for the second tensor is below the rounding of the first one's part
        return dtype(1 / np.finfo(dtype).eps) * 4 + np.sum(np.sin(q["unused"])) / dtype(20)

    wrong = check_gradients(flat, p, {"used": dtype(1e6) * p["used"], "unused": 0 * p["used"]})
    assert statuses(wrong) == {"used": "failed", "unused": "undecided"}


def test_numbers_that_differ_are_printed_with_the_digits_in_which_they_do():
    """A slope that is off in the ninth digit is not printed as the same number; two that are equal stay short."""
    p = np.linspace(0.1, 1, 5)

    finding = one(check_gradients(lambda q: np.sum(np.sin(q)), p, np.cos(p) * (1 + 1e-8)))

    (claimed, measured) = finding.reason.split(";")[0].removeprefix("slope claimed ").split(", measured ")
    assert finding.status == "failed"
    assert claimed != measured
    assert "1.00000001" in finding.cause
    assert told_apart(0.1, 0.1) == ("0.1", "0.1")
    assert told_apart(1.0, np.nextafter(1.0, 2.0)) == ("1.0", "1.0000000000000002")
    assert told_apart(math.nan, 1.25, 1.2500001) == ("nan", "1.25", "1.2500001")
