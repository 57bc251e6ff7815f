"""Bad arrays: whatever params, x and t are, the answer is right or one line that names the argument."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from bad_input import SGD1, batch, line, replaced, spoilt
from flint import arb
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nn_conformance.cases.balls import balls
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
from nn_reference.network import forward, loss_and_gradients, loss_and_outputs, predict
from nn_reference.systems import get
from nn_reference.training import train

# What replaces x, and what the message says of it. The network is 4-10-3, the batch has five rows.
WRONG_X: dict[str, tuple[Callable[[Array], object], str]] = {
    "transposed": (lambda x: x.T, "x: expected shape (N, 4), got (4, 5); samples are rows: pass x.T"),
    "one-sample-without-its-axis": (lambda x: x[0], "x: expected shape (N, 4), got (4,)"),
    "empty-batch": (lambda x: x[:0], "x: expected at least one sample, got an empty batch of shape (0, 4)"),
    "list": (lambda x: x.tolist(), "x: expected a NumPy array, got list; wrap it in np.asarray"),
    "masked": (np.ma.masked_array, "x: expected a NumPy array, got MaskedArray; wrap it in np.asarray"),
    "float16": (
        lambda x: x.astype(np.float16),
        "x: expected dtype float32, float64, complex128 or object (balls), got",
    ),
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
    "transposed": (
        lambda t: t.T,
        "t: expected shape (5, 3), one row for each sample of x, got (3, 5); it is the transp",
    ),
    "row-missing": (lambda t: t[1:], "t: expected shape (5, 3), one row for each sample of x, got (4, 3)"),
    "complex": (
        lambda t: t.astype(complex),
        "t: expected dtype float64 or narrower, as the parameters are float64, got",
    ),
    "nan": (lambda t: spoilt(t, np.nan), "t: expected finite values, got nan at index (1, 0)"),
}
# What replaces the parameters; W1 is (10, 4), as PyTorch has it.
WRONG_PARAMS: dict[str, tuple[Callable[[Params], object], str]] = {
    "list": (lambda p: list(p.values()), "params: expected a dict of arrays, got list"),
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
    "name-with-escapes": (lambda p: {**p, "\x1b[31m\n": p["W1"]}, r"params['\x1b[31m\n']: no such parameter; expected"),
    "transposed": (
        lambda p: replaced(p, "W1", p["W1"].T),
        "params['W1']: expected shape (10, 4), got (4, 10); it is the transpose",
    ),
    "integers": (
        lambda p: replaced(p, "W2", p["W2"].astype(int)),
        "params['W2']: expected dtype float32, float64, compl",
    ),
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
WRONG = {"x": WRONG_X, "t": WRONG_T, "params": WRONG_PARAMS}
PASSES = {loss_and_gradients: WRONG, loss_and_outputs: WRONG, forward: {"x": WRONG_X}, predict: {"x": WRONG_X}}


@pytest.mark.parametrize(
    ("function", "name", "wrong", "complaint"),
    [
        pytest.param(function, name, *case, id=f"{function.__name__}-{name}-{kind}")
        for function, arguments in PASSES.items()
        for name, cases in arguments.items()
        for kind, case in cases.items()
    ],
)
def test_wrong_array_is_refused_by_name(
    function: Callable[..., object], name: str, wrong: Callable[[Any], object], complaint: str
) -> None:
    """A wrong x, t or parameter is refused in one line, with what was expected and what came, and nothing is changed."""
    network, arguments = batch()
    before = {key: p.tobytes() for key, p in arguments["params"].items()}
    if "t" not in PASSES[function]:
        del arguments["t"]
    with np.errstate(all="ignore"):  # casting to what is wrong
        arguments[name] = wrong(arguments[name])
    message = line(function, network, **arguments)
    assert message.startswith(name)
    assert complaint in message
    if name != "params":
        assert {key: p.tobytes() for key, p in arguments["params"].items()} == before


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
    params = {name: balls(p) for name, p in arguments["params"].items()}
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
        loss, _ = loss_and_outputs(network, params, arguments["x"], arguments["t"])
        run = train(network, params, SGD1, [slice(2)], arguments["x"], arguments["t"])
    assert np.isnan(y).all() == np.isnan(value)
    assert not np.isfinite(loss)
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
