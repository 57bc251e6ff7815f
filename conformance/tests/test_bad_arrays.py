"""Bad arrays: whatever params, x and t are, the answer is right or one line that names the argument; of training too."""

from functools import partial

import numpy as np
import pytest
from bad_input import SGD1, batch, line, spoilt
from flint import arb

from nn_conformance.cases.balls import balls
from nn_reference.network import forward, loss_and_gradients, loss_and_outputs, predict
from nn_reference.optimizers import SGD, Adam, State
from nn_reference.systems import get
from nn_reference.training import accuracy, evaluate, train

NETWORK, RIGHT = batch()  # 4-10-3, five rows; W1 is (10, 4), as PyTorch has it
PARAMS, X, T = RIGHT["params"], RIGHT["x"], RIGHT["t"]
WIDER = "expected dtype float64 or narrower, as the parameters are float64, got"
BALLS = "expected objects of one type with exp, log, log1p, sqrt, tanh (balls, as python-flint's arb), got float"
# The argument that is wrong, what stands in its place, and what the message says.
WRONG = {
    "x-transposed": ("x", X.T, "x: expected shape (N, 4), got (4, 5); samples are rows: pass x.T"),
    "x-one-sample-without-its-axis": ("x", X[0], "x: expected shape (N, 4), got (4,)"),
    "x-empty-batch": ("x", X[:0], "x: expected at least one sample, got an empty batch of shape (0, 4)"),
    "x-list": ("x", X.tolist(), "x: expected a NumPy array, got list; wrap it in np.asarray"),
    "x-masked": ("x", np.ma.masked_array(X), "x: expected a NumPy array, got MaskedArray; wrap it in np.asarray"),
    "x-float16": ("x", X.astype(np.float16), "x: expected dtype float32, float64, complex128 or object (balls), got"),
    "x-complex": ("x", X.astype(complex), f"x: {WIDER} complex128"),
    "x-objects": ("x", X.astype(object), "convert it with .astype(np.float64), or all results would silently be"),
    "x-nan": ("x", spoilt(X, np.nan), "x: expected finite values, got nan at index (1, 0)"),
    "x-infinity": ("x", spoilt(X, -np.inf), "x: expected finite values, got -inf at index (1, 0)"),
    "t-labels": ("t", T.argmax(axis=1), "sample of x, got (5,); class labels must be one-hot: see one_hot"),
    "t-transposed": ("t", T.T, "t: expected shape (5, 3), one row for each sample of x, got (3, 5); it is the transp"),
    "t-row-missing": ("t", T[1:], "t: expected shape (5, 3), one row for each sample of x, got (4, 3)"),
    "t-complex": ("t", T.astype(complex), f"t: {WIDER} complex128"),
    "t-nan": ("t", spoilt(T, np.nan), "t: expected finite values, got nan at index (1, 0)"),
    "params-list": ("params", list(PARAMS.values()), "params: expected a dict of arrays, got list"),
    "params-empty": ("params", {}, "params['W1']: missing; expected an array of shape (10, 4)"),
    "params-unknown": ("params", PARAMS | {"theta": X}, "params['theta']: no such parameter; expected W1, b1, W2, b2"),
    "params-misspelt": (
        "params",
        PARAMS | {"w1": X},
        "params['w1']: no such parameter, did you mean 'W1'?; expected W1,",
    ),
    "params-escapes": ("params", PARAMS | {"\x1b[31m\n": X}, r"params['\x1b[31m\n']: no such parameter; expected"),
    "params-transposed": ("params", PARAMS | {"W1": PARAMS["W1"].T}, "got (4, 10); it is the transpose"),
    "params-integers": (
        "params",
        PARAMS | {"W2": np.ones((3, 10), int)},
        "params['W2']: expected dtype float32, float64, c",
    ),
    "params-mixed": (
        "params",
        PARAMS | {"b2": np.ones(3, "f4")},
        "expected dtype float64 as params['W1'] has, got float32",
    ),
    "params-one-of-objects": ("params", PARAMS | {"b1": np.ones(10, object)}, "params['W1'] has, got object"),
    "params-no-balls": ("params", {k: v.astype(object) for k, v in PARAMS.items()}, f"params['W1']: {BALLS}"),
}
PASSES = {
    "loss_and_gradients": loss_and_gradients,
    "loss_and_outputs": loss_and_outputs,
    "forward": lambda network, params, x, t: forward(network, params, x),
    "predict": lambda network, params, x, t: predict(network, params, x),
}
CASES = [(name, case) for case in WRONG for name in PASSES if "loss" in name or not case.startswith("t-")]


@pytest.mark.parametrize(("function", "case"), CASES)
def test_wrong_array_is_refused_by_name(function, case):
    """A wrong x, t or parameter is refused by every pass in one line, with what was expected and what came."""
    name, value, complaint = WRONG[case]
    message = line(PASSES[function], NETWORK, **RIGHT | {name: value})
    assert message.startswith(name)
    assert complaint in message


def test_wide_x_does_not_widen_narrow_parameters():
    """float64 x or t with float32 parameters is refused, as all results would silently be float64; the reverse works."""
    params, x, t = {name: p.astype("f4") for name, p in PARAMS.items()}, X.astype("f4"), T.astype("f4")
    for name, arguments in (("x", (X, t)), ("t", (x, T))):
        assert line(loss_and_gradients, NETWORK, params, *arguments) == (
            f"{name}: expected dtype float32 or narrower, as the parameters are float32, got float64; "
            "convert it with .astype(np.float32), or all results would silently be float64"
        )
    _, gradients = loss_and_gradients(NETWORK, PARAMS, x, t)
    assert {g.dtype for g in gradients.values()} == {np.dtype(np.float64)}


@pytest.mark.parametrize("shape", [(4, 1), (5,), (), (3, 4)])
def test_vector_network_wants_a_vector_of_targets(shape):
    """The homework's targets are (N,): a column, another length or a scalar is refused."""
    network, arguments = batch("homework", rows=4)
    message = line(loss_and_gradients, network, **arguments | {"t": np.zeros(shape)})
    assert message == f"t: expected shape (4,), one row for each sample of x, got {shape}"


@pytest.mark.parametrize(
    ("x", "complaint"),
    [
        (np.array([[0.5, None]], object), "x: expected balls (arb) or finite numbers, got NoneType at index (0, 1)"),
        (np.array([["1", 2.0]], object), "x: expected balls (arb) or finite numbers, got str at index (0, 0)"),
        (np.array([[1.0, np.nan]], object), "x: expected balls (arb) or finite numbers, got nan at index (0, 1)"),
        (np.array([[1j, 2.0]], object), "x: expected balls (arb) or finite numbers, got complex at index (0, 0)"),
        (np.array([[1j, 2.0]]), "x: expected real numbers, as the parameters are balls, got complex128"),
        (np.array([[np.inf, 2.0]]), "x: expected finite values, got inf at index (0, 0)"),
    ],
    ids=["none", "text", "nan", "complex-object", "complex", "infinity"],
)
def test_balls_meet_only_numbers(x, complaint):
    """With parameters that are balls, x holds balls or finite real numbers, and each of those works."""
    network, arguments = batch("xor-sigmoid", rows=1)
    params = {name: balls(p) for name, p in arguments["params"].items()}
    t = arguments["t"]
    assert line(loss_and_gradients, network, params, x, t) == complaint
    for right in (np.array([[arb(1), True]]), np.array([[1, 0.5]], object), np.array([[1, 0.5]], np.float32)):
        loss, _ = loss_and_gradients(network, params, right, t)
        assert isinstance(loss, arb)
    mixed = params | {"b2": np.array([1.0], object)}
    assert line(loss_and_gradients, network, mixed, x, t).startswith("params['b2']: expected objects of one type with")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_have_diverged_are_no_mistake(value):
    """NaN or infinity among the parameters is computed with: it is where a documented network ends."""
    params = {name: np.full_like(p, value) for name, p in PARAMS.items()}
    with np.errstate(invalid="ignore"):
        y = predict(NETWORK, params, X)
        loss, _ = loss_and_outputs(NETWORK, params, X, T)
        run = train(NETWORK, params, SGD1, [slice(2)], X, T)
    assert np.isnan(y).all() == np.isnan(value)
    assert not np.isfinite(loss)
    assert not any(np.isfinite(p).any() for p in run.params.values())


def adams(change):
    """Adam's state before the first step, with its first moments changed."""
    state = Adam().init(PARAMS)
    change(state.moments["m"])
    return state


# What replaces arguments of `train`, and what the message says.
NO_TRAINING = {
    "row-that-is-not-there": (
        {"batches": [np.array([0, 5])]},
        "batch 1 selects a row that is not among the 5 of x (index",
    ),
    "empty-slice": ({"batches": [slice(3, 3)]}, "batches: batch 1 selects no sample of the 5 of x"),
    "mask-of-another-length": ({"batches": [np.ones(4, bool)]}, "selects a row that is not among the 5 of x (boolean"),
    "one-row": (
        {"batches": [3]},
        "expected slices or 1-D index arrays, got int in batch 1, which selects shape (4,) of",
    ),
    "two-axes": (
        {"batches": [np.zeros((2, 2), int)]},
        "got ndarray in batch 1, which selects shape (2, 2, 4) of (5, 4)",
    ),
    "not-in-a-list": ({"batches": slice(2)}, "batches: expected an iterable of slices or index arrays, got slice"),
    "no-optimizer": ({"optimizer": "sgd"}, "optimizer: expected an Optimizer, as SGD(0.1) or Adam(), got 'sgd'"),
    "no-masks": ({"masks": [True]}, "masks: expected a dict of boolean arrays, got list"),
    "mask-misspelt": ({"masks": {"w1": np.ones((10, 4), bool)}}, "masks['w1']: no such parameter, did you mean 'W1'?"),
    "mask-transposed": (
        {"masks": {"W1": np.ones((4, 10), bool)}},
        "masks['W1']: expected bool (10, 4), got bool (4, 10)",
    ),
    "mask-of-floats": ({"masks": {"b1": np.ones(10)}}, "masks['b1']: expected bool (10,), got float64 (10,)"),
    "mask-as-list": ({"masks": {"b1": [True] * 10}}, "masks['b1']: expected a NumPy array, got list"),
    "no-state": ({"state": {}}, "state: expected the State that a run returned, got dict"),
    "negative-step": ({"state": State(step=-1)}, "state.step: expected at least 0, got -1"),
    "no-moments": (
        {"state": State(moments={"m": 3})},
        "state.moments: expected a dict of dicts of arrays, got {'m': 3}",
    ),
    "no-moment": (
        {"state": State(moments={"m": {"W1": 3}})},
        "state.moments['m']['W1']: expected a NumPy array, got int",
    ),
    "state-of-sgd": (
        {"state": State(), "optimizer": Adam()},
        "expected moments 'm' of W1 (10, 4) float64, b1 (10,) float64",
    ),
    "state-of-adam": (
        {"state": Adam().init({"b2": np.zeros(3)})},
        "of nothing, as this optimiser keeps for these parameters",
    ),
    "no-velocity": (
        {"state": State(), "optimizer": SGD(0.1, momentum=0.9)},
        "expected moments 'v' of W1 (10, 4) float64",
    ),
    "moment-missing": ({"state": adams(lambda m: m.pop("b2")), "optimizer": Adam()}, "W2 (3, 10) float64"),
    "moment-transposed": (
        {"state": adams(lambda m: m.update(W1=m["W1"].T)), "optimizer": Adam()},
        "got W1 (4, 10) float64",
    ),
    "narrower-moment": (
        {"state": adams(lambda m: m.update(W1=m["W1"].astype(np.float32))), "optimizer": Adam()},
        "got W1 (10, 4) float32",
    ),
}


@pytest.mark.parametrize(("changed", "complaint"), NO_TRAINING.values(), ids=NO_TRAINING)
def test_what_does_not_fit_is_refused_before_anything_is_changed(changed, complaint):
    """A wrong argument of `train` is refused by its name; parameters and state stay, and no batch is taken before."""
    given = RIGHT | {"optimizer": SGD1, "batches": iter([slice(2)])} | changed
    before = {name: p.tobytes() for name, p in PARAMS.items()}
    step = getattr(changed.get("state"), "step", None)
    message = line(train, NETWORK, **given)
    assert message.startswith(next(iter(changed)))
    assert complaint in message
    assert {name: p.tobytes() for name, p in PARAMS.items()} == before
    assert getattr(changed.get("state"), "step", None) == step
    assert "batches" in changed or list(given["batches"]) == [slice(2)]


def test_no_batches_at_all_is_no_mistake():
    """Without a batch, nothing is updated: zero epochs are a number of epochs."""
    run = train(NETWORK, **RIGHT, optimizer=SGD1, batches=[])
    assert run.losses == []
    for name, p in PARAMS.items():
        np.testing.assert_array_equal(run.params[name], p)


NO_CLASSES = "network: expected two outputs or more to tell classes by, got one; use loss_and_outputs"
NO_ACCURACY = {
    "transposed": (partial(accuracy, np.zeros((4, 3)), np.zeros((3, 4))), "got (4, 3) and (3, 4)"),
    "labels": (partial(accuracy, np.zeros((4, 3)), np.zeros(4)), "got (4, 3) and (4,)"),
    "one-output": (
        partial(accuracy, np.zeros((4, 1)), np.zeros((4, 1))),
        "outputs and one-hot targets of one shape (N, C), C ≥ 2",
    ),
    "empty": (partial(accuracy, np.zeros((0, 3)), np.zeros((0, 3))), "got (0, 3) and (0, 3)"),
    "list": (
        partial(accuracy, [[0.0, 1.0]], np.zeros((1, 2))),
        "y: expected a NumPy array, got list; wrap it in np.asarray",
    ),
    # NaN would count as the largest.
    "nan": (
        partial(accuracy, np.eye(2), spoilt(np.eye(2), np.nan)),
        "t: expected finite values, got nan at index (1, 0)",
    ),
    "infinity": (
        partial(accuracy, np.eye(2), spoilt(np.eye(2), np.inf)),
        "t: expected finite values, got inf at index (1, 0)",
    ),
    "text": (partial(accuracy, np.eye(2), np.array([["a", "b"]] * 2)), "t: expected numbers, got dtype <U1"),
    # Before anything is computed.
    "vector": (partial(evaluate, get("homework").network, {}, None, None), NO_CLASSES),
    "one-class": (partial(evaluate, get("xor-tanh").network, {}, None, None), NO_CLASSES),
}


@pytest.mark.parametrize(("call", "complaint"), NO_ACCURACY.values(), ids=NO_ACCURACY)
def test_accuracy_of_what_has_none_is_refused(call, complaint):
    """Accuracy needs outputs and finite one-hot targets of one shape, at least two classes and one row."""
    assert complaint in line(call)
