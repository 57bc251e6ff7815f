"""Bad input to training: what does not fit is refused before anything is changed."""

from functools import partial

import numpy as np
import pytest
from bad_input import SGD1, batch, line, spoilt

from nn_reference.optimizers import SGD, Adam, State
from nn_reference.systems import get
from nn_reference.training import accuracy, evaluate, train

NETWORK, RIGHT = batch()  # 4-10-3, five rows
PARAMS = RIGHT["params"]


def adams(change):
    """Adam's state before the first step, with its first moments changed."""
    state = Adam().init(PARAMS)
    change(state.moments["m"])
    return state


# What replaces arguments of `train`, and what the message says.
WRONG = {
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
    "x-transposed": ({"x": RIGHT["x"].T}, "x: expected shape (N, 4), got (4, 5); samples are rows: pass x.T"),
    "labels": ({"t": RIGHT["t"].argmax(axis=1)}, "got (5,); class labels must be one-hot: see one_hot"),
    "params": (
        {"params": PARAMS | {"b2": np.ones(3, "f4")}},
        "expected dtype float64 as params['W1']",
    ),
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


@pytest.mark.parametrize(("changed", "complaint"), WRONG.values(), ids=WRONG)
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
