"""`check_gradients` and what it is given: losses that cannot be checked, names and shapes, functions; and its report."""

import math

import numpy as np
import pytest
from gradient_problems import NETWORKS, one, problem, spoilt, statuses

from nn_conformance.gradcheck import check_gradients
from nn_reference.errors import InputError

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


def test_a_report_is_true_only_if_all_passed():
    """`ok` and the truth of the report agree, for passed, failed and undecided."""
    passed = check_gradients(lambda p: np.sum(p**2), W, 2 * W)
    failed = check_gradients(lambda p: np.sum(p**2), W, 3 * W)
    undecided = check_gradients(lambda p: 1 + np.sum(np.abs(p)), W * 0, W)

    assert (passed.ok, failed.ok, undecided.ok) == (bool(passed), bool(failed), bool(undecided)) == (True, False, False)


def test_a_report_reads_well():
    """One line for each tensor: name, status, error and limit, then what is wrong and where the limit comes from."""
    loss, params, gradients = problem(NETWORKS["tanh"])

    head, *lines = str(check_gradients(loss, params, spoilt(gradients, "W2", lambda g: 9 * g))).splitlines()

    assert head.startswith("3 of 4 gradients passed (")
    assert [line.split(":")[0].strip() for line in lines] == ["W1", "b1", "W2", "b2"]
    assert lines[2].startswith("  W2: failed (error ")
    assert "it is 9.00000000" in lines[2]
    assert "limit: rounding" in lines[2]
