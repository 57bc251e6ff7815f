"""The NumPy reference on every certified test vector: evaluations, single steps, free runs, and wrong numbers seen."""

from functools import lru_cache

import msgspec
import numpy as np
import pytest

from nn_conformance.cases.encoding import digest, signs, values
from nn_conformance.cases.families import build_network, build_optimizer
from nn_conformance.cases.store import LoadedCase, Store
from nn_reference.network import backpropagate, forward, loss_and_gradients
from nn_reference.optimizers import State
from nn_reference.training import train

pytestmark = pytest.mark.numeric

STORE = Store()
EACH_NETWORK = pytest.mark.parametrize("network", sorted({case_id.split("/")[0] for case_id in STORE.ids}))
# float64 against correctly rounded values, relative to a tensor's norm: units of 2⁻⁵³ times the root of 784, with room.
ROUNDING = 2000 * 2**-53
cached_signs = lru_cache(maxsize=64)(signs)  # a million bytes and more each, for a few sizes of arrays


def close(found, expected, scale=None):
    """Norm of the difference within rounding of the norm; NaN is not close."""
    norm = np.linalg.norm(expected) if scale is None else scale
    return np.linalg.norm(np.asarray(found) - expected) <= ROUNDING * max(float(norm), 1e-300)


def not_met(check, network):
    """Cases of a network of which a check finds something wrong, each with what that is."""
    found = {case_id: list(check(STORE.case(case_id))) for case_id in STORE.ids if case_id.split("/")[0] == network}
    assert found, "a network without cases"
    return {case_id: wrong for case_id, wrong in found.items() if wrong}


def wrong_evaluation(loaded):
    """Names of what the reference computes otherwise than the case has it."""
    case, network = loaded.case, build_network(loaded.case.network)
    params = {name: p.astype(np.float64) for name, p in loaded.params.items()}
    rows = slice(None) if case.rows is None else np.array(case.rows)
    with np.errstate(over="ignore"):
        loss, gradients = loss_and_gradients(network, params, loaded.x[rows], loaded.t[rows])

    if not close(loss, values([case.evaluation.loss], "float64")[0]):
        yield "loss"
    outputs = forward(network, params, loaded.x[rows])
    for k, (output, expected) in enumerate(zip(outputs, case.evaluation.layers, strict=True), 1):
        if not close(output.z, loaded.array(expected.z, "z")):
            yield f"z{k}"
        if not close(output.a, loaded.array(expected.a, "a")):
            yield f"a{k}"
    for name, expected in loaded.arrays(case.evaluation.gradients, "gradients").items():
        # a(1-a) cancels where a is near 1: there, and where a sum is zero by structure, rounding is that of the terms.
        cancels = {"saturated", "extreme"} & set(case.flags) or name in case.evaluation.zero_by_structure
        scale = max(float(np.linalg.norm(expected)), 1.0) if cancels else None
        if not close(gradients[name], expected, scale):
            yield f"gradient {name}"


@EACH_NETWORK
def test_the_reference_meets_every_evaluation(network):
    """Every layer, the loss and every gradient in float64 agree with the certified values of every case."""
    assert not_met(wrong_evaluation, network) == {}


def wrong_steps(loaded):
    """Names of what one update from each given state makes otherwise than the case has it, relative to the move."""
    network, optimizer = build_network(loaded.case.network), build_optimizer(loaded.case.optimizer)
    for k, step in enumerate(loaded.case.steps):
        before = loaded.params if step.params is None else loaded.arrays(step.params, f"steps[{k}].params")
        params = {name: p.astype(np.float64) for name, p in before.items()}
        state = optimizer.init(params)
        if step.state is not None:
            moments = {m: loaded.arrays(arrays, m) for m, arrays in step.state.moments.items()}
            state = State(
                step.state.step, {m: {n: a.copy() for n, a in arrays.items()} for m, arrays in moments.items()}
            )
        loss, gradients = backpropagate(network, params, loaded.x[step.rows], loaded.t[step.rows])
        optimizer.step(params, gradients, state)

        if not close(loss, values([step.loss], "float64")[0]):
            yield f"steps[{k}] loss"
        for name, after in loaded.arrays(step.after or {}, f"steps[{k}].after").items():
            # Where a gradient is zero by structure nothing moves, and rounding is that of the parameter.
            move = max(float(np.linalg.norm(after - before[name])), 2**-52 * float(np.linalg.norm(after)), 1e-12)
            if not np.linalg.norm(params[name] - after) <= 1e-9 * move + 2**-52 * np.linalg.norm(after):
                yield f"steps[{k}] {name}"
        for name, summary in (step.after_summary or {}).items():
            if not agrees(params[name], summary):
                yield f"steps[{k}] summary of {name}"


def agrees(a, summary):
    """Whether a summary is one of the array: its sampled entries, its sum and its projections."""
    flat = a.ravel()
    # In any order, the sum of n terms is within n·u·Σ|w| ≤ n·u·√n·‖w‖ of the exact one; NumPy's, by halves, is nearer.
    size = float(np.linalg.norm(flat)) * np.sqrt(flat.size)
    projections = [flat @ cached_signs(flat.size, mask) for mask in (0, *summary.masks)]
    errors = np.abs(np.array(projections) - [summary.sum, *summary.projections])
    return close(flat[summary.indices], values(summary.entries, "float64")) and np.all(errors <= ROUNDING * size)


@EACH_NETWORK
def test_the_reference_meets_every_step(network):
    """From each given state, one update in float64 lands on the certified parameters, relative to the move."""
    assert not_met(wrong_steps, network) == {}


def outside_its_band(loaded, dtype):
    """The first step at which a free run of the reference leaves a third of its band, if there is one."""
    case = loaded.case
    if case.trajectory is None:
        return
    horizon = case.trajectory.horizons[dtype]
    if not horizon.steps:
        assert dtype == "float32"
        assert case.network.loss.clip is not None, "only a clip bound of another value may end a horizon at once"
        return
    params = {name: p.astype(dtype) for name, p in loaded.params.items()}
    batches = [np.array(batch) for batch in case.trajectory.batches[: horizon.steps]]
    network, optimizer = build_network(case.network), build_optimizer(case.optimizer)
    with np.errstate(over="ignore", invalid="ignore"):
        run = train(network, params, optimizer, batches, loaded.x.astype(dtype), loaded.t.astype(dtype))

    exact = values(case.trajectory.losses, "float64")[: horizon.steps]
    inside = np.abs(np.array(run.losses, dtype=float) - exact) <= np.array(horizon.band) / 3
    if not np.all(inside):
        yield f"step {np.argmin(inside)}"


def off(array):
    """Makes an array's largest number wrong by one part in ten billion, with the digest that this gives."""
    k = np.argmax(np.abs(array["data"]))
    array["data"][k] *= 1 + 1e-10
    array["sha256"] = digest(values(array["data"], array["dtype"]))


# What is done to a case, and what is named then.
WRONG = {
    "loss": (lambda case: case["evaluation"].update(loss=case["evaluation"]["loss"] * (1 + 1e-10)), "loss"),
    "layer": (lambda case: off(case["evaluation"]["layers"][0]["a"]), "a1"),
    "gradient": (lambda case: off(case["evaluation"]["gradients"]["b2"]), "gradient b2"),
    "step": (lambda case: off(case["steps"][1]["after"]["W1"]), "steps[1] W1"),
    "projection": (
        lambda case: case["steps"][2]["after_summary"]["W1"]["projections"].__setitem__(3, 0.5),
        "steps[2] summary of W1",
    ),
    "entry": (
        lambda case: case["steps"][2]["after_summary"]["W1"]["entries"].__setitem__(7, 0.5),
        "steps[2] summary of W1",
    ),
    "run": (lambda case: case["trajectory"]["losses"].__setitem__(7, 0.5), "step 7"),
    "nan": (lambda case: case["trajectory"]["losses"].__setitem__(7, "nan"), "step 7"),
}


@pytest.mark.parametrize("change", WRONG)
def test_a_wrong_number_is_seen(change):
    """A case in which one number is wrong is met but for that number, which is named."""
    edit, named = WRONG[change]
    intact = STORE.case("mnist-relu/documented" if "summary" in named else "mnist-relu/probe-partial")
    document = msgspec.to_builtins(intact.case)
    edit(document)
    loaded = LoadedCase(STORE, msgspec.convert(document, type(intact.case)))

    assert [*wrong_evaluation(loaded), *wrong_steps(loaded), *outside_its_band(loaded, "float64")] == [named]
