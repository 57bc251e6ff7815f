"""Bad input: whatever is passed, the answer is right or one line that names the argument."""

import hashlib
import json
import re
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import arb
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nn_reference import weights
from nn_reference.activations import SIGMOID, SOFTMAX, Softmax
from nn_reference.arithmetic import Array, Params, elementwise
from nn_reference.errors import DataError, InputError
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Dense, Network, forward, loss_and_gradients, loss_and_outputs, predict
from nn_reference.optimizers import SGD, Adam, State
from nn_reference.paths import fixtures_root
from nn_reference.preprocessing import normalized_pixels, one_hot, standardize, train_test_split, unit_pixels
from nn_reference.pruning import magnitude_masks
from nn_reference.systems import Recipe, get
from nn_reference.training import accuracy, evaluate, train

SGD1 = SGD(learning_rate=0.1)
Arguments = dict[str, Any]


def batch(name: str = "iris-relu-adam", rows: int = 5) -> tuple[Network, Arguments]:
    """A network, and the first rows of its training data with its starting weights, in float64."""
    system = get(name)
    data = system.load().astype(np.float64)
    params = {key: p.astype(np.float64) for key, p in system.start().items()}
    return system.network, {"params": params, "x": data.train_x[:rows], "t": data.train_t[:rows]}


def line(function: Callable[..., object], *arguments: object, error: type[Exception] = InputError, **more: Any) -> str:
    """The one line with which `function` refuses its arguments."""
    with pytest.raises(error) as caught:
        function(*arguments, **more)
    assert type(caught.value) is error
    message = str(caught.value)
    assert message
    assert "\n" not in message
    return message


def replaced(params: Params, name: str, value: object) -> Arguments:
    return params | {name: value}


def spoilt(array: Array, value: float) -> Array:
    """A copy with `value` in the second row, first column."""
    out = array.copy()
    out[1, 0] = value
    return out


# What replaces x, and what the message says of it. The network is 4-10-3, the batch has five rows.
WRONG_X: dict[str, tuple[Callable[[Array], object], str]] = {
    "transposed": (lambda x: x.T, "x: expected shape (N, 4), got (4, 5); samples are rows: pass x.T"),
    "one-sample-without-its-axis": (lambda x: x[0], "x: expected shape (N, 4), got (4,)"),
    "too-few-columns": (lambda x: x[:, :3], "x: expected shape (N, 4), got (5, 3)"),
    "three-axes": (lambda x: x[None], "x: expected shape (N, 4), got (1, 5, 4)"),
    "scalar": (lambda x: np.array(1.0), "x: expected shape (N, 4), got ()"),
    "empty-batch": (lambda x: x[:0], "x: expected at least one sample, got an empty batch of shape (0, 4)"),
    "list": (lambda x: x.tolist(), "x: expected a NumPy array, got list; wrap it in np.asarray"),
    "none": (lambda x: None, "x: expected a NumPy array, got NoneType; wrap it in np.asarray"),
    "number": (lambda x: 1.5, "x: expected a NumPy array, got float; wrap it in np.asarray"),
    "matrix": (lambda x: x.view(np.matrix), "x: expected a NumPy array, got matrix; wrap it in np.asarray"),
    "masked": (np.ma.masked_array, "x: expected a NumPy array, got MaskedArray; wrap it in np.asarray"),
    "bytes": (lambda x: x.astype(np.uint8), "got uint8; convert it with .astype(np.float64)"),
    "integers": (lambda x: x.astype(np.int64), "got int64; convert it with .astype(np.float64)"),
    "booleans": (lambda x: x > 1, "got bool; convert it with .astype(np.float64)"),
    "float16": (
        lambda x: x.astype(np.float16),
        "x: expected dtype float32, float64, complex128 or object (balls), got",
    ),
    "complex64": (lambda x: x.astype(np.complex64), "got complex64; convert"),
    "big-endian": (lambda x: x.astype(">f8"), "got >f8; convert it with .astype(np.float64)"),
    "strings": (lambda x: x.astype(str), "got <U32; convert it with .astype(np.float64)"),
    "dates": (lambda x: x.astype("datetime64[s]"), "got datetime64[s]; convert"),
    "records": (lambda x: np.zeros((5, 4), "f8,i4"), "got [('f0', '<f8'), ('f1', '<i4')]; convert"),
    "complex": (
        lambda x: x.astype(complex),
        "x: expected dtype float64 or narrower, as the parameters are float64, got",
    ),
    "objects": (lambda x: x.astype(object), "convert it with .astype(np.float64), or all results would silently be"),
    "nan": (lambda x: spoilt(x, np.nan), "x: expected finite values, got nan at index (1, 0)"),
    "infinity": (lambda x: spoilt(x, -np.inf), "x: expected finite values, got -inf at index (1, 0)"),
}
WRONG_T: dict[str, tuple[Callable[[Array], object], str]] = {
    "integer-labels": (
        lambda t: t.argmax(axis=1),
        "t: expected shape (5, 3), one row for each sample of x, got (5,); class labels must be one-hot: see one_hot",
    ),
    "float-labels": (lambda t: t.argmax(axis=1) / 1, "got (5,); class labels must be one-hot: see one_hot"),
    "transposed": (
        lambda t: t.T,
        "t: expected shape (5, 3), one row for each sample of x, got (3, 5); it is the transp",
    ),
    "row-missing": (lambda t: t[1:], "t: expected shape (5, 3), one row for each sample of x, got (4, 3)"),
    "row-too-many": (lambda t: np.vstack([t, t[:1]]), "got (6, 3)"),
    "column-missing": (lambda t: t[:, :2], "got (5, 2)"),
    "empty": (lambda t: t[:0], "got (0, 3)"),
    "list": (lambda t: t.tolist(), "t: expected a NumPy array, got list; wrap it in np.asarray"),
    "integers": (
        lambda t: t.astype(np.int64),
        "t: expected dtype float32, float64, complex128 or object (balls), got i",
    ),
    "booleans": (lambda t: t > 0, "got bool; convert it with .astype(np.float64)"),
    "strings": (lambda t: t.astype(str), "convert it with .astype(np.float64)"),
    "complex": (
        lambda t: t.astype(complex),
        "t: expected dtype float64 or narrower, as the parameters are float64, got",
    ),
    "nan": (lambda t: spoilt(t, np.nan), "t: expected finite values, got nan at index (1, 0)"),
    "infinity": (lambda t: spoilt(t, np.inf), "t: expected finite values, got inf at index (1, 0)"),
}
# What replaces the parameters; W1 is (10, 4), as PyTorch has it.
WRONG_PARAMS: dict[str, tuple[Callable[[Params], object], str]] = {
    "list": (lambda p: list(p.values()), "params: expected a dict of arrays, got list"),
    "none": (lambda p: None, "params: expected a dict of arrays, got NoneType"),
    "empty": (lambda p: {}, "params['W1']: missing; expected an array of shape (10, 4)"),
    "missing": (
        lambda p: {k: p[k] for k in ("W1", "b1", "W2")},
        "params['b2']: missing; expected an array of shape (3,)",
    ),
    "misspelt": (
        lambda p: {**p, "w1": p["W1"]},
        "params['w1']: no such parameter, did you mean 'W1'?; expected W1, b1, W2, b2",
    ),
    "unknown": (lambda p: {**p, "theta": p["W1"]}, "params['theta']: no such parameter; expected W1, b1, W2, b2"),
    "name-is-no-text": (
        lambda p: dict(zip(range(1, 5), p.values(), strict=True)),
        "params[1]: no such parameter; expected W1, b1, W2, b2",
    ),
    "name-with-escapes": (lambda p: {**p, "\x1b[31m\n": p["W1"]}, r"params['\x1b[31m\n']: no such parameter; expected"),
    "transposed": (
        lambda p: replaced(p, "W1", p["W1"].T),
        "params['W1']: expected shape (10, 4), got (4, 10); it is the transpose",
    ),
    "bias-as-a-row": (lambda p: replaced(p, "b1", p["b1"][None]), "params['b1']: expected shape (10,), got (1, 10)"),
    "nested-list": (
        lambda p: replaced(p, "b2", [0.0] * 3),
        "params['b2']: expected a NumPy array, got list; wrap it in",
    ),
    "array-scalar": (
        lambda p: replaced(p, "b2", np.float64(0)),
        "params['b2']: expected a NumPy array, got float64; wrap",
    ),
    "matrix": (
        lambda p: replaced(p, "W2", p["W2"].view(np.matrix)),
        "params['W2']: expected a NumPy array, got matrix",
    ),
    "integers": (
        lambda p: replaced(p, "W2", p["W2"].astype(int)),
        "params['W2']: expected dtype float32, float64, compl",
    ),
    "float16": (
        lambda p: {k: v.astype(np.float16) for k, v in p.items()},
        "params['W1']: expected dtype float32, float6",
    ),
    "strings": (lambda p: replaced(p, "W2", p["W2"].astype(str)), "convert it with .astype(np.float64)"),
    "mixed": (
        lambda p: replaced(p, "b2", p["b2"].astype(np.float32)),
        "params['b2']: expected dtype float64 as params['W1'] has, got float32",
    ),
    "objects-in-one": (
        lambda p: replaced(p, "b1", p["b1"].astype(object)),
        "params['b1']: expected dtype float64 as params['W1'] has, got object",
    ),
    "objects-that-are-no-balls": (
        lambda p: {k: v.astype(object) for k, v in p.items()},
        "params['W1']: expected objects of one type with exp, log, log1p, sqrt, tanh (balls, as python-flint's arb), got float",
    ),
}
PASSES = {"loss_and_gradients": loss_and_gradients, "loss_and_outputs": loss_and_outputs, "evaluate": evaluate}


@pytest.mark.parametrize("function", PASSES.values(), ids=PASSES)
@pytest.mark.parametrize(
    ("name", "wrong", "complaint"),
    [("x", *case) for case in WRONG_X.values()]
    + [("t", *case) for case in WRONG_T.values()]
    + [("params", *case) for case in WRONG_PARAMS.values()],
    ids=[f"x-{k}" for k in WRONG_X] + [f"t-{k}" for k in WRONG_T] + [f"params-{k}" for k in WRONG_PARAMS],
)
def test_wrong_array_is_refused_by_name(
    function: Callable[..., object], name: str, wrong: Callable[[Any], object], complaint: str
) -> None:
    """A wrong x, t or parameter is refused in one line, with what was expected and what came, and nothing is changed."""
    network, arguments = batch()
    before = {key: p.tobytes() for key, p in arguments["params"].items()}
    with np.errstate(all="ignore"):  # casting to what is wrong
        arguments[name] = wrong(arguments[name])
    message = line(function, network, **arguments)
    assert message.startswith(name)
    assert complaint in message
    if name != "params":
        assert {key: p.tobytes() for key, p in arguments["params"].items()} == before


@pytest.mark.parametrize(("wrong", "complaint"), WRONG_X.values(), ids=WRONG_X)
@pytest.mark.parametrize("function", [forward, predict], ids=["forward", "predict"])
def test_passes_without_targets_refuse_the_same_x(
    function: Callable[..., object], wrong: Callable[[Any], object], complaint: str
) -> None:
    """`forward` and `predict` refuse the x that `loss_and_gradients` refuses, in the same words."""
    network, arguments = batch()
    with np.errstate(all="ignore"):
        assert complaint in line(function, network, arguments["params"], wrong(arguments["x"]))


def test_wide_x_does_not_widen_narrow_parameters() -> None:
    """float64 x or t with float32 parameters is refused, as all results would silently be float64; the reverse works."""
    network, wide = batch()
    params = {name: p.astype(np.float32) for name, p in wide["params"].items()}
    x, t = wide["x"].astype(np.float32), wide["t"].astype(np.float32)
    for name, arguments in (("x", (wide["x"], t)), ("t", (x, wide["t"]))):
        assert line(loss_and_gradients, network, params, *arguments) == (
            f"{name}: expected dtype float32 or narrower, as the parameters are float32, got float64; "
            "convert it with .astype(np.float32), or all results would silently be float64"
        )
    _, gradients = loss_and_gradients(network, wide["params"], x, t)
    assert {g.dtype for g in gradients.values()} == {np.dtype(np.float64)}


@pytest.mark.parametrize("shape", [(4, 1), (5,), (), (3, 4)])
def test_vector_network_wants_a_vector_of_targets(shape: tuple[int, ...]) -> None:
    """The homework's targets are (N,): a column, another length or a scalar is refused."""
    network, arguments = batch("homework", rows=4)
    arguments["t"] = np.zeros(shape)
    assert line(loss_and_gradients, network, **arguments) == (
        f"t: expected shape (4,), one row for each sample of x, got {shape}"
    )


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
def test_balls_meet_only_numbers(x: Array, complaint: str) -> None:
    """With parameters that are balls, x holds balls or finite real numbers, and each of those works."""
    network, arguments = batch("xor-sigmoid", rows=1)
    params = {name: elementwise(arb, p) for name, p in arguments["params"].items()}
    t = arguments["t"]
    assert line(loss_and_gradients, network, params, x, t) == complaint
    for right in (np.array([[arb(1), True]]), np.array([[1, 0.5]], object), np.array([[1, 0.5]], np.float32)):
        loss, _ = loss_and_gradients(network, params, right, t)
        assert isinstance(loss, arb)
    mixed = replaced(params, "b2", np.array([1.0], object))
    assert line(loss_and_gradients, network, mixed, x, t).startswith("params['b2']: expected objects of one type with")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_have_diverged_are_no_mistake(value: float) -> None:
    """NaN or infinity among the parameters is computed with: it is where a documented network ends."""
    network, arguments = batch()
    params = {name: np.full_like(p, value) for name, p in arguments["params"].items()}
    with np.errstate(invalid="ignore"):
        y = predict(network, params, arguments["x"])
        loss, accurate = evaluate(network, params, arguments["x"], arguments["t"])
        run = train(network, params, SGD1, [slice(2)], arguments["x"], arguments["t"])
    assert np.isnan(y).all() == np.isnan(value)
    assert not np.isfinite(loss)
    assert accurate == np.mean(arguments["t"].argmax(axis=1) == 0)  # the first of equals, and of NaN
    assert not any(np.isfinite(p).any() for p in run.params.values())


NUMBERS = st.one_of(st.integers(), st.floats(), st.fractions(), st.decimals(), st.complex_numbers())
OBJECTS = st.one_of(NUMBERS, st.none(), st.text(), st.binary(), st.booleans(), st.lists(st.floats(), max_size=3))
# Small enough that no product overflows: what NumPy says of an overflow, or of infinite weights, is not about bad input.
FLOATS = st.floats(-1e6, 1e6, width=32) | st.just(np.nan)
OTHER_DTYPES = (hnp.scalar_dtypes() | hnp.array_dtypes()).filter(
    lambda dtype: dtype not in (np.float32, np.float64, np.complex128)
)


def either(*strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Each as often as the others; `one_of` would count the branches of a branch."""
    return st.sampled_from(strategies).flatmap(lambda strategy: strategy)


def arrays(shapes: Any) -> st.SearchStrategy[Any]:
    """Arrays of every dtype that NumPy has, and of objects."""
    return either(
        hnp.arrays(st.sampled_from([np.float32, np.float64]), shapes, elements=FLOATS | st.just(np.inf)),
        hnp.arrays(np.dtype(object), shapes, elements=OBJECTS),
        hnp.arrays(np.complex128, shapes, elements=st.complex_numbers(max_magnitude=1e6)),
        hnp.arrays(OTHER_DTYPES, shapes),
    )


def instead_of(right: Array) -> st.SearchStrategy[Any]:
    """`right` itself, other arrays of its shape, of any shape, and what is no array."""
    anything = arrays(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0))
    return either(st.just(right), arrays(right.shape), anything, OBJECTS)


def without_infinity(value: Any) -> bool:
    """Whether `value` is no array, or none with an infinity in it."""
    return not (isinstance(value, np.ndarray) and value.dtype.kind in "fc" and np.isinf(value).any())


XOR = get("xor-sigmoid")
X, T, PARAMS = XOR.load().train_x, XOR.load().train_t, XOR.start()
GARBAGE = {
    "x": instead_of(X),
    "t": instead_of(T),
    "params": either(
        st.fixed_dictionaries(
            {name: either(st.just(p), instead_of(p).filter(without_infinity)) for name, p in PARAMS.items()}
        ),
        st.fixed_dictionaries({name: hnp.arrays(p.dtype, p.shape, elements=FLOATS) for name, p in PARAMS.items()}),
        st.dictionaries(st.text() | st.integers(), arrays(X.shape)),
        OBJECTS,
    ),
}


@given(
    wrong=either(
        *(st.fixed_dictionaries({name: garbage}) for name, garbage in GARBAGE.items()), st.fixed_dictionaries(GARBAGE)
    )
)
@example(wrong={"params": {name: p.astype(object) for name, p in PARAMS.items()}})
@example(wrong={"params": {name: p.astype(complex) for name, p in PARAMS.items()}, "x": X * 1j})
@example(wrong={"x": X.astype(object)})
def test_garbage_is_computed_or_refused(wrong: dict[str, Any]) -> None:
    """Whatever params, x and t are, there is a loss with gradients of the right form, or an InputError of one line."""
    arguments: dict[str, Any] = {"params": PARAMS, "x": X, "t": T} | wrong
    network = XOR.network
    try:
        loss, gradients = loss_and_gradients(network, **arguments)
    except InputError as error:
        refusal = str(error)
    else:
        assert np.shape(loss) == ()
        assert {name: g.shape for name, g in gradients.items()} == network.shapes
        assert {g.dtype for g in gradients.values()} == {arguments["params"]["W1"].dtype}
        return
    assert re.fullmatch(r"(x|t|params)\b.+", refusal)


BATCHES: dict[str, tuple[object, str]] = {
    "row-that-is-not-there": (
        [np.array([0, 5])],
        "batches: batch 1 selects a row that is not among the 5 of x (index 5",
    ),
    "slice-past-the-end": ([slice(2), slice(5, 8)], "batches: batch 2 selects no sample of the 5 of x"),
    "empty-slice": ([slice(3, 3)], "batches: batch 1 selects no sample of the 5 of x"),
    "empty-indices": ([[]], "batches: batch 1 selects no sample of the 5 of x"),
    "mask-of-another-length": (
        [np.ones(4, bool)],
        "batches: batch 1 selects a row that is not among the 5 of x (boolean",
    ),
    "floats": (
        [np.array([0.0, 1.0])],
        "batches: batch 1 selects a row that is not among the 5 of x (arrays used as ind",
    ),
    "text": (["ab"], "batches: batch 1 selects a row that is not among the 5 of x (only integers, slices"),
    "slice-of-text": (
        [slice("a")],
        "batches: batch 1 selects a row that is not among the 5 of x (slice indices must be",
    ),
    "ragged": ([[0, [1, 2]]], "batches: batch 1 selects a row that is not among the 5 of x (setting an array element"),
    "one-row": (
        [3],
        "batches: expected slices or 1-D index arrays, got int in batch 1, which selects shape (4,) of (5, 4)",
    ),
    "none": (
        [None],
        "batches: expected slices or 1-D index arrays, got NoneType in batch 1, which selects shape (1, 5, 4)",
    ),
    "two-axes": ([np.zeros((2, 2), int)], "got ndarray in batch 1, which selects shape (2, 2, 4) of (5, 4)"),
    "columns-too": ([(slice(2), slice(2))], "got tuple in batch 1, which selects shape (2, 2) of (5, 4)"),
    "one-element": ([(0, 1)], "got tuple in batch 1, which selects shape () of (5, 4)"),
    "not-in-a-list": (slice(2), "batches: expected an iterable of slices or index arrays, got slice"),
    "batch-size": (2, "batches: expected an iterable of slices or index arrays, got int"),
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
    [("x", *WRONG_X["transposed"]), ("t", *WRONG_T["integer-labels"]), ("params", *WRONG_PARAMS["mixed"])],
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
        ({"W1": np.ones((4, 10), bool)}, "masks['W1']: expected shape (10, 4), got (4, 10); it is the transpose"),
        ({"W1": np.ones(4, bool)}, "masks['W1']: expected shape (10, 4), got (4,)"),
        ({"b1": np.ones(10)}, "masks['b1']: expected dtype bool, got float64"),
        ({"b1": [True] * 10}, "masks['b1']: expected a NumPy array, got list; wrap it in np.asarray"),
    ],
    ids=["misspelt", "transposed", "broadcasting", "floats", "list"],
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
        (np.zeros(4), np.zeros(4), "got (4,) and (4,)"),
        (
            np.zeros((4, 1)),
            np.zeros((4, 1)),
            "y, t: expected outputs and one-hot targets of one shape (N, C), C ≥ 2, got",
        ),
        (np.zeros((0, 3)), np.zeros((0, 3)), "got (0, 3) and (0, 3)"),
        ([[0.0, 1.0]], np.zeros((1, 2)), "y: expected a NumPy array, got list; wrap it in np.asarray"),
        (np.zeros((1, 2)), None, "t: expected a NumPy array, got NoneType; wrap it in np.asarray"),
    ],
    ids=["transposed", "labels", "vectors", "one-output", "empty", "list", "none"],
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
        ({"optimizer": SGD}, "optimizer: expected an Optimizer, as SGD(0.1) or Adam(), got "),
        ({"masks": [True]}, "masks: expected a dict of boolean arrays, got list"),
        ({"callback": 3}, "callback: expected a function of (step, loss), got 3"),
        ({"state": {}}, "state: expected the State that a run returned, got dict"),
        ({"state": State(step=-1)}, "state.step: expected at least 0, got -1"),
        ({"state": State(step=0.5)}, "state.step: expected an integer, got 0.5"),  # type: ignore[arg-type]
        ({"state": State(moments={"m": 3})}, "state.moments: expected a dict of dicts of arrays, got {'m': 3}"),  # type: ignore[dict-item]
        ({"state": State(moments={"m": {"W1": 3}})}, "state.moments['m']['W1']: expected a NumPy array, got int"),  # type: ignore[dict-item]
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_training_with_what_is_none_of_its_arguments_is_refused(more: Arguments, complaint: str) -> None:
    """An optimiser, state, masks or callback of another kind is refused before the first batch."""
    network, arguments = batch()
    given = {"optimizer": SGD1, "batches": iter([slice(2)])} | arguments | more
    assert line(train, network, **given).startswith(complaint)
    assert list(given["batches"]) == [slice(2)]


LAYER = Dense(2, SIGMOID)
VECTOR = Dense(1, SIGMOID, vector=True)
DECLARATIONS: list[tuple[Callable[..., object], tuple[Any, ...], Arguments, str]] = [
    (Adam, (), {"placement": "torhc"}, "placement: expected 'torch' or 'keras', got 'torhc', did you mean 'torch'?"),
    (Adam, (), {"placement": None}, "placement: expected 'torch' or 'keras', got None"),
    (Adam, (), {"beta1": 1.0}, "beta1: expected a finite number in [0, 1), got 1.0"),
    (Adam, (), {"beta2": -0.1}, "beta2: expected a finite number in [0, 1), got -0.1"),
    (Adam, (), {"epsilon": -1e-8}, "epsilon: expected a finite number ≥ 0, got -1e-08"),
    (Adam, ("0.1",), {}, "learning_rate: expected a finite number ≥ 0, got '0.1'"),
    (SGD, (float("nan"),), {}, "learning_rate: expected a finite number ≥ 0, got nan"),
    (SGD, (-0.1,), {}, "learning_rate: expected a finite number ≥ 0, got -0.1"),
    (SGD, (10**400,), {}, "learning_rate: expected a finite number ≥ 0, got int"),
    (SGD, (0.1,), {"momentum": float("inf")}, "momentum: expected a finite number ≥ 0, got inf"),
    (
        Softmax,
        (),
        {"derivative": "exat"},
        "derivative: expected 'exact' or 'diagonal', got 'exat', did you mean 'exact'?",
    ),
    *(
        (
            Softmax,
            (axis,),
            {},
            f"axis: expected -1 (the units of a sample) or -2 (the samples of a batch), got {axis!r}; ",
        )
        for axis in (0, 1, -3, -1.0, None, [])
    ),
    (SquaredError, ("mean",), {}, "reduction: expected 'sum' or 'samples' or 'elements', got 'mean'"),
    (SquaredError, ("sum", "half"), {}, "half: expected True or False, got 'half'"),
    (CrossEntropy, ("logits",), {}, "from_logits: expected True or False, got 'logits'"),
    (BinaryCrossEntropy, (), {"clip": 0.5}, "clip: expected a finite number in [0, 0.5), got 0.5"),
    (Dense, (0,), {}, "units: expected at least 1, got 0"),
    (Dense, (2.0,), {}, "units: expected an integer, got 2.0"),
    (Dense, (2, "relu"), {}, "activation: expected an Activation, as nn_reference.activations has them, got 'relu'"),
    (Dense, (2,), {"layout": "out_in"}, "layout: expected 'in,out' or 'out,in', got 'out_in', did you mean 'out,in'?"),
    (Dense, (2,), {"bias": 0.0}, "bias: expected True or False, got 0.0"),
    (Dense, (3,), {"vector": True}, "units: expected 1 in a vector layer, got 3"),
    (
        Dense,
        (1, SOFTMAX),
        {"vector": True},
        "activation: expected an elementwise one in a vector layer, which has no axis",
    ),
    (Network, (2, (), SquaredError("sum")), {}, "layers: expected at least one layer, got none"),
    (Network, (0, (LAYER,), SquaredError("sum")), {}, "inputs: expected at least 1, got 0"),
    (Network, (2, [2, 3], SquaredError("sum")), {}, "layers: expected a tuple of Dense layers, got [2, 3]"),
    (
        Network,
        (2, (VECTOR, LAYER), SquaredError("sum")),
        {},
        "layers[0]: expected a vector layer only as the last of 2",
    ),
    (Network, (2, (LAYER,), "mse"), {}, "loss: expected a Loss, as nn_reference.losses has them, got 'mse'"),
    (Network, (2, (LAYER,), CrossEntropy), {}, "loss: expected a Loss, as nn_reference.losses has them, got "),
    (
        Network,
        (2, (VECTOR,), CrossEntropy()),
        {},
        "loss: expected one that needs no classes, as the last layer is a vect",
    ),
    (Recipe, (SGD1,), {"epochs": -1}, "epochs: expected at least 0, got -1"),
    (Recipe, (SGD1, 1), {"batch_size": -1}, "batch_size: expected at least 1, got -1"),
    (Recipe, (SGD1, 1), {"batch_size": 0}, "batch_size: expected at least 1, got 0"),
    (Recipe, (SGD1, 1), {"samples_per_epoch": 0}, "samples_per_epoch: expected at least 1, got 0"),
]
DATA: list[tuple[Callable[..., object], tuple[Any, ...], Arguments, str]] = [
    *((XOR.start, (seed,), {}, "seed: expected an integer") for seed in (-1, 2**32, "a", 0.5, True)),
    *(
        (train_test_split, (10,), {"test_size": 0.5, "seed": seed}, f"seed: expected an integer, got {seed}")
        for seed in (None, 0.5)
    ),
    (train_test_split, (10,), {"test_size": "a", "seed": 0}, "test_size: expected a finite number, got 'a'"),
    (train_test_split, ("a",), {"test_size": 0.5, "seed": 0}, "n: expected an integer, got 'a'"),
    (standardize, ([["a"]],), {}, "x: expected a table of numbers, (N, D), got something else (could not convert"),
    (standardize, ([[1.0], [1.0, 2.0]],), {}, "x: expected a table of numbers, (N, D), got something else (setting"),
    (standardize, ([[1.0]],), {"fit_on": {}}, "fit_on: expected a table of numbers, (N, D), got something else ("),
    (one_hot, ([[0], [0, 1]], 2), {}, "labels: expected shape (N,), got rows of several lengths ("),
    (one_hot, ([0, 1], "3"), {}, "classes: expected an integer, got '3'"),
    (unit_pixels, ([[0]],), {}, "images: expected a NumPy array, got list; wrap it in np.asarray"),
    (normalized_pixels, (np.zeros((1, 1, 1), np.uint8), "a", 1.0), {}, "mean: expected a finite number, got 'a'"),
    (normalized_pixels, (np.zeros((1, 1, 1), np.uint8), 0.0, None), {}, "std: expected a finite number, got None"),
]


@pytest.mark.parametrize(("function", "positional", "named", "complaint"), DECLARATIONS + DATA)
def test_wrong_value_is_refused_where_it_is_given(
    function: Callable[..., object], positional: tuple[Any, ...], named: Arguments, complaint: str
) -> None:
    """A word, number or flag that a declaration or the preprocessing cannot mean is refused at once, by name."""
    assert line(function, *positional, **named).startswith(complaint)


def test_infinite_outputs_are_clipped_like_others() -> None:
    """Binary cross-entropy from probabilities clips infinity to its bounds; NaN stays NaN."""
    loss, t = BinaryCrossEntropy(), np.array([[1.0, 0.0, 1.0]])
    for dtype in (np.float32, np.float64, np.complex128):
        infinite, far = (np.array([[size, -size, -size]], dtype) for size in (np.inf, 1e3))
        assert loss.value(infinite, t.astype(dtype)) == loss.value(far, t.astype(dtype))
        assert not loss.gradient(infinite, t.astype(dtype)).any()
        assert np.isnan(loss.value(infinite * np.nan, t.astype(dtype)))


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("mnist-sigmoid-keras", "loss: expected mean squared error or cross-entropy of logits, got binary cross-entropy"),
        ("mnist-sigmoid-numpy", "layer 1: expected exact identity, sigmoid, tanh, relu on a matrix, got quotient sigmoid"),
        ("mnist-sigmoid-torch", "layer 3: expected exact identity, sigmoid, tanh, relu on a matrix, got exact softmax"),
        ("mnist-relu-torch", "layer 2: expected exact identity, sigmoid, tanh, relu on a matrix, got exact softmax over the"),
        ("iris-sigmoid", "loss: expected mean squared error or cross-entropy of logits, got squared error, ½, sum"),
        ("homework", "layer 2: expected exact identity, sigmoid, tanh, relu on a matrix, got exact sigmoid on a vector"),
    ],
)  # fmt: skip
def test_benchmark_times_no_other_network(name: str, complaint: str) -> None:
    """What PyTorch's layers and losses are not is refused; what they are is built."""
    step = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "step.py"))
    assert line(step["torch_network"], get(name).network).startswith(complaint)
    for right in ("mnist-relu", "mnist-tanh", "xor-tanh", "iris-relu-adam", "fashion-pruning", "mnist-dense-keras"):
        step["torch_network"](get(right).network)


@pytest.mark.parametrize("threshold", [-1.0, -1e-300, float("nan"), float("-inf")])
def test_threshold_is_a_number_from_zero_up(threshold: float) -> None:
    """A negative threshold, or NaN, is refused: NaN would keep nothing, without a word."""
    message = line(magnitude_masks, PARAMS, threshold)
    assert message == f"threshold: expected a number ≥ 0, got {threshold}"


def test_names_to_prune_are_parameters() -> None:
    """A name that is no parameter is refused with those that are."""
    assert line(magnitude_masks, PARAMS, 0.1, ["W1", "W9"]) == (
        "names: 'W9' is no parameter; expected some of W1, b1, W2, b2"
    )


@pytest.mark.parametrize("label", [-1, 3, 255])
def test_label_out_of_range_is_refused(label: int) -> None:
    """A label that is no class is refused with its index: as an index, -1 would mean the last class."""
    assert line(one_hot, np.array([0, label]), 3).startswith(f"labels[1]: expected an integer in 0..2, got {label}")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("mnist-rleu", "mnist-relu"),
        ("homwork", "homework"),
        ("XOR-tanh", "xor-tanh"),
        ("qqq", None),
        ("", None),
        (None, None),
    ],
    ids=["swapped", "dropped", "capitals", "nothing-near", "empty", "no-text"],
)
def test_unknown_network_is_refused_with_the_nearest(name: Any, nearest: str | None) -> None:
    """An unknown network is refused with the nearest name, or with all where none is near."""
    message = line(get, name)
    assert message.startswith(f"network: no network is named {name!r}")
    assert message.endswith(f", did you mean {nearest!r}?" if nearest else "mnist-relu, mnist-relu-torch")


@pytest.mark.parametrize("version", ["corrected", "qqq", ""])
def test_unknown_version_is_refused_with_those_there_are(version: str) -> None:
    """A version that a network does not have is refused with those that it has."""
    assert line(get, "homework", version) == f"version: homework has no version {version!r}; expected one of documented"
    assert line(get, "homework", "docmented") == (
        "version: homework has no version 'docmented', did you mean 'documented'?"
    )


@pytest.fixture
def weights_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights of `iris-relu-adam` in a folder of fixtures that a test may damage."""
    path = tmp_path / "weights" / "iris-relu-adam.json"
    path.parent.mkdir()
    shutil.copy(fixtures_root() / "weights" / path.name, path)
    monkeypatch.setattr(weights, "fixtures_root", lambda: tmp_path)
    return path


def edited(**fields: object) -> Callable[[str], str]:
    """Replaces fields of W1."""

    def edit(text: str) -> str:
        content = json.loads(text)
        content["params"]["W1"] |= fields
        return json.dumps(content)

    return edit


NO_NUMBERS = hashlib.sha256(b"").hexdigest()
DAMAGE: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda text: "", "damaged (JSONDecodeError: Expecting value"),
    "truncated": (lambda text: text[: len(text) // 2], "damaged (JSONDecodeError: "),
    "not-json": (lambda text: "<html>", "damaged (JSONDecodeError: Expecting value"),
    "not-text": (lambda text: text.replace("PyTorch", "\udcff"), "damaged (UnicodeDecodeError: "),
    "not-an-object": (lambda text: "[1]", "damaged (TypeError: "),
    "no-params": (lambda text: "{}", "damaged (KeyError: 'params')"),
    "params-not-an-object": (lambda text: '{"params": [1]}', "damaged (AttributeError: "),
    "no-digest": (lambda text: text.replace("sha256", "sha"), "damaged (KeyError: 'sha256')"),
    "wrong-digest": (edited(sha256="0" * 64), f"digest: expected {'0' * 64}, got a43f431b0f7cd1d0"),
    "changed-digit": (lambda text: text.replace("0.38226926", "0.38226923"), "digest: expected a43f431b0f7cd1d0"),
    "object": (edited(dtype="object"), "dtype: expected one of float32, float64, got 'object'"),
    "other-dtype": (edited(dtype="float64"), "digest: expected a43f431b0f7cd1d0"),
    "huge-text": (edited(dtype="U1000000000"), "dtype: expected one of float32, float64, got 'U1000000000'"),
    "dtype-no-text": (edited(dtype=None), "dtype: expected one of float32, float64, got None"),
    "absurd-shape": (edited(shape=[10**9, 10**9]), "cannot reshape array of size 40 into shape"),
    "overflowing-shape": (edited(shape=[2**62, 4, 2**62]), "damaged (ValueError: "),
    "shape-of-text": (edited(shape="10x4"), "damaged (TypeError: "),
    "number-missing": (edited(data=[0.5] * 39), "cannot reshape array of size 39 into shape (10,4)"),
    "text-for-a-number": (edited(data=["x"] * 40), "damaged (ValueError: could not convert string to float"),
    "null-for-a-number": (edited(data=[None] * 40), "digest: expected a43f431b0f7cd1d0"),
    "no-numbers": (edited(data=[], shape=[0, 4], sha256=NO_NUMBERS[::-1]), f"got {NO_NUMBERS}"),
}


@pytest.mark.parametrize(("damage", "complaint"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_weights_are_refused(weights_file: Path, damage: Callable[[str], str], complaint: str) -> None:
    """Whatever is wrong with a file of weights, it is a DataError of one line, with the file, the cause and the way out."""
    weights_file.write_text(damage(weights_file.read_text("utf-8")), "utf-8", errors="surrogateescape")
    message = line(weights.load_params, "iris-relu-adam", error=DataError)
    assert message.startswith("weights/iris-relu-adam.json: damaged (")
    assert message.endswith("); reinstall the package")
    assert complaint in message


def test_missing_weights_are_named(weights_file: Path) -> None:
    """A file of weights that is not there is a DataError with its name; the intact file loads."""
    assert weights.load_params("iris-relu-adam").keys() == {"W1", "b1", "W2", "b2"}
    weights_file.unlink()
    assert line(weights.load_params, "iris-relu-adam", error=DataError) == (
        "weights/iris-relu-adam.json: no such file among the fixtures; reinstall the package"
    )
