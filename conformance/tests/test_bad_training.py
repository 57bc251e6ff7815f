"""Bad input to training: batches, masks, states and targets that do not fit are refused before anything is changed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bad_input import SGD1, Arguments, batch, line, replaced, spoilt

from nn_reference.arithmetic import Params
from nn_reference.optimizers import SGD, Adam, State
from nn_reference.systems import get
from nn_reference.training import accuracy, evaluate, train

BATCHES: dict[str, tuple[object, str]] = {
    "row-that-is-not-there": (
        [np.array([0, 5])],
        "batches: batch 1 selects a row that is not among the 5 of x (index 5",
    ),
    "empty-slice": ([slice(3, 3)], "batches: batch 1 selects no sample of the 5 of x"),
    "mask-of-another-length": (
        [np.ones(4, bool)],
        "batches: batch 1 selects a row that is not among the 5 of x (boolean",
    ),
    "one-row": (
        [3],
        "batches: expected slices or 1-D index arrays, got int in batch 1, which selects shape (4,) of (5, 4)",
    ),
    "two-axes": ([np.zeros((2, 2), int)], "got ndarray in batch 1, which selects shape (2, 2, 4) of (5, 4)"),
    "not-in-a-list": (slice(2), "batches: expected an iterable of slices or index arrays, got slice"),
}


@pytest.mark.parametrize(("batches", "complaint"), BATCHES.values(), ids=BATCHES)
def test_batch_that_selects_no_rows_is_refused(batches: Any, complaint: str) -> None:
    """A batch that is empty, out of range or no selection of rows is refused with its number; params are not changed."""
    network, arguments = batch()
    before = {name: p.tobytes() for name, p in arguments["params"].items()}
    message = line(train, network, arguments["params"], SGD1, batches, arguments["x"], arguments["t"])
    assert message.startswith("batches: ")
    assert complaint in message
    assert {name: p.tobytes() for name, p in arguments["params"].items()} == before


def test_no_batches_at_all_is_no_mistake() -> None:
    """Without a batch, nothing is updated: zero epochs are a number of epochs."""
    network, arguments = batch()
    run = train(network, arguments["params"], SGD1, [], arguments["x"], arguments["t"])
    assert run.losses == []
    for name, p in arguments["params"].items():
        np.testing.assert_array_equal(run.params[name], p)


@pytest.mark.parametrize(
    ("name", "wrong", "complaint"),
    [
        ("x", lambda x: x.T, "x: expected shape (N, 4), got (4, 5); samples are rows: pass x.T"),
        ("t", lambda t: t.argmax(axis=1), "got (5,); class labels must be one-hot: see one_hot"),
        (
            "params",
            lambda p: replaced(p, "b2", p["b2"].astype(np.float32)),
            "params['b2']: expected dtype float64 as pa",
        ),
    ],
    ids=["x", "t", "params"],
)
def test_training_refuses_wrong_arrays_before_the_first_batch(
    name: str, wrong: Callable[[Any], object], complaint: str
) -> None:
    """`train` asks of its arrays what the passes ask, once, before a batch is taken from the iterable."""
    network, arguments = batch()
    arguments[name] = wrong(arguments[name])
    batches = iter([slice(2)])
    message = line(train, network, arguments["params"], SGD1, batches, arguments["x"], arguments["t"])
    assert complaint in message
    assert list(batches) == [slice(2)]


@pytest.mark.parametrize(
    ("masks", "complaint"),
    [
        ({"w1": np.ones((10, 4), bool)}, "masks['w1']: no such parameter, did you mean 'W1'?; expected some of W1, b1"),
        ({"W1": np.ones((4, 10), bool)}, "masks['W1']: expected bool (10, 4), got bool (4, 10)"),
        ({"b1": np.ones(10)}, "masks['b1']: expected bool (10,), got float64 (10,)"),
        ({"b1": [True] * 10}, "masks['b1']: expected a NumPy array, got list; wrap it in np.asarray"),
    ],
    ids=["misspelt", "transposed", "floats", "list"],
)
def test_mask_that_does_not_fit_is_refused(masks: Any, complaint: str) -> None:
    """A mask has a parameter's name and shape and is boolean: NumPy would broadcast or promote in silence."""
    network, arguments = batch()
    message = line(train, network, arguments["params"], SGD1, [slice(2)], arguments["x"], arguments["t"], masks=masks)
    assert complaint in message


def state_of(change: Callable[[Params], object]) -> State:
    """Adam's state before the first step, with its first moments changed."""
    state = Adam().init(batch()[1]["params"])
    change(state.moments["m"])
    return state


@pytest.mark.parametrize(
    ("optimizer", "state", "complaint"),
    [
        (Adam(), State(), "got nothing"),
        (
            SGD1,
            Adam().init({"b2": np.zeros(3)}),
            "of nothing, as this optimiser keeps for these parameters, got b2 (3,)",
        ),
        (SGD(0.1, momentum=0.9), State(), "state: expected moments 'v' of W1 (10, 4) float64, b1 (10,) float64"),
        (Adam(), state_of(lambda m: m.pop("b2")), "b1 (10,) float64, W2 (3, 10) float64"),
        (Adam(), state_of(lambda m: m.update(W1=m["W1"].T)), "got W1 (4, 10) float64"),
        (Adam(), state_of(lambda m: m.update(W1=m["W1"].astype(np.float32))), "got W1 (10, 4) float32"),
    ],
    ids=["fresh-for-sgd", "of-adam-for-sgd", "without-velocity", "parameter-missing", "transposed", "narrower"],
)
def test_state_of_another_run_is_refused(optimizer: Any, state: State, complaint: str) -> None:
    """A state of another optimiser, network or dtype is refused before it is changed."""
    network, arguments = batch()
    message = line(
        train, network, arguments["params"], optimizer, [slice(2)], arguments["x"], arguments["t"], state=state
    )
    assert message.startswith("state: expected moments ")
    assert complaint in message
    assert state.step == 0


@pytest.mark.parametrize(
    ("y", "t", "complaint"),
    [
        (np.zeros((4, 3)), np.zeros((3, 4)), "got (4, 3) and (3, 4)"),
        (np.zeros((4, 3)), np.zeros(4), "got (4, 3) and (4,)"),
        (
            np.zeros((4, 1)),
            np.zeros((4, 1)),
            "y, t: expected outputs and one-hot targets of one shape (N, C), C ≥ 2, got",
        ),
        (np.zeros((0, 3)), np.zeros((0, 3)), "got (0, 3) and (0, 3)"),
        ([[0.0, 1.0]], np.zeros((1, 2)), "y: expected a NumPy array, got list; wrap it in np.asarray"),
    ],
    ids=["transposed", "labels", "one-output", "empty", "list"],
)
def test_accuracy_of_what_has_none_is_refused(y: Any, t: Any, complaint: str) -> None:
    """Accuracy needs outputs and one-hot targets of one shape, at least two classes and one row."""
    assert complaint in line(accuracy, y, t)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_accuracy_needs_finite_targets(value: float) -> None:
    """A NaN among the targets is no class, though it would count as the largest."""
    assert line(accuracy, np.eye(2), spoilt(np.eye(2), value)) == (
        f"t: expected finite values, got {value} at index (1, 0)"
    )
    assert line(accuracy, np.eye(2), np.array([["a", "b"]] * 2)) == "t: expected numbers, got dtype <U1"


def test_one_output_has_no_accuracy() -> None:
    """`evaluate` refuses a network with one output before it computes anything."""
    for name in ("homework", "xor-tanh"):
        assert line(evaluate, get(name).network, {}, None, None) == (
            "network: expected two outputs or more to tell classes by, got one; use loss_and_outputs"
        )


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"optimizer": "sgd"}, "optimizer: expected an Optimizer, as SGD(0.1) or Adam(), got 'sgd'"),
        ({"masks": [True]}, "masks: expected a dict of boolean arrays, got list"),
        ({"state": {}}, "state: expected the State that a run returned, got dict"),
        ({"state": State(step=-1)}, "state.step: expected at least 0, got -1"),
        ({"state": State(moments={"m": 3})}, "state.moments: expected a dict of dicts of arrays, got {'m': 3}"),  # type: ignore[dict-item]
        ({"state": State(moments={"m": {"W1": 3}})}, "state.moments['m']['W1']: expected a NumPy array, got int"),  # type: ignore[dict-item]
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_training_with_what_is_none_of_its_arguments_is_refused(more: Arguments, complaint: str) -> None:
    """An optimiser, state or masks of another kind is refused before the first batch."""
    network, arguments = batch()
    given = {"optimizer": SGD1, "batches": iter([slice(2)])} | arguments | more
    assert line(train, network, **given).startswith(complaint)
    assert list(given["batches"]) == [slice(2)]
