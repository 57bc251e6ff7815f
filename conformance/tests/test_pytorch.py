"""PyTorch, which shares no formula with the reference, on the certified test vectors."""

import numpy as np
import pytest

from nn_conformance.fixtures.encoding import values
from nn_conformance.fixtures.store import LoadedCase, Store

pytestmark = pytest.mark.torch

STORE = Store()
FACTOR = 30  # LAPACK's own threshold: errors are in units of u·√K of what is compared, K the longest sum


def limit(case, dtype, norm):
    """30·u·√K of a norm."""
    longest = max(case.network.inputs, *(layer.units for layer in case.network.layers), *case.x.shape[:1])
    return FACTOR * 2.0 ** (-24 if dtype == "float32" else -53) * np.sqrt(longest) * norm


def scale(loaded: LoadedCase, name: str, gradient: np.ndarray) -> float:
    """What an error is measured against: the tensor's norm, or that of the terms where they cancel.

    a(1-a) and 1-a² lose all digits of 1-a in a saturated unit; a gradient that is zero by structure is a sum of terms
    of about the other gradients' size.
    """
    case = loaded.case
    cancels = {"saturated", "extreme"} & set(case.flags) or name in case.evaluation.zero_by_structure
    return max(float(np.linalg.norm(gradient)), 1.0 if cancels else 0.0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case_id", STORE.ids)
def test_pytorch_agrees_with_every_evaluation(case_id, dtype):
    """Each layer, the loss and each gradient by autograd are within 30·u·√K of the certified values."""
    from nn_conformance.oracles import pytorch

    loaded = STORE.case(case_id)
    case = loaded.case
    rows = slice(None) if case.rows is None else np.array(case.rows)
    params = {name: p.astype(dtype) for name, p in loaded.params.items()}
    answer = pytorch.evaluate(case.network, params, loaded.x[rows].astype(dtype), loaded.t[rows].astype(dtype))

    loss = values([case.evaluation.loss], "float64")[0]
    if not (dtype == "float32" and case.network.loss.clip):  # there the bound itself is another: see by_dtype
        assert abs(answer.loss - loss) <= limit(case, dtype, abs(loss))
    for (_, a), expected in zip(answer.layers, case.evaluation.layers, strict=True):
        right = loaded.array(expected.a, "a")
        assert np.linalg.norm(a - right) <= limit(case, dtype, np.linalg.norm(right))
    slack = dict.fromkeys(params, 0.0)
    for kink in case.evaluation.kinks:
        for name, change in loaded.arrays(kink.change, "kinks").items():
            slack[name] += float(np.linalg.norm(change))
    for name, right in loaded.arrays(case.evaluation.gradients, "gradients").items():
        assert answer.gradients[name].dtype == dtype
        error = np.linalg.norm(answer.gradients[name] - right)
        assert error <= limit(case, dtype, scale(loaded, name, right)) + slack[name], name


SGD_OR_TORCH = [i for i in STORE.ids if STORE.case(i).case.optimizer.placement != "keras"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case_id", [i for i in SGD_OR_TORCH if STORE.case(i).case.trajectory])
def test_pytorchs_runs_stay_in_their_band_up_to_the_horizon(case_id, dtype):
    """A free run with `torch.optim` stays within the stated band of the exact losses, at every step."""
    from nn_conformance.oracles import pytorch

    loaded = STORE.case(case_id)
    trajectory = loaded.case.trajectory
    horizon = trajectory.horizons[dtype]
    params = {name: p.astype(dtype) for name, p in loaded.params.items()}
    losses, _ = pytorch.train(
        loaded.case.network,
        loaded.case.optimizer,
        params,
        loaded.x.astype(dtype),
        loaded.t.astype(dtype),
        trajectory.batches[: horizon.steps],
    )

    exact = values(trajectory.losses, "float64")[: horizon.steps]
    assert np.all(np.abs(np.array(losses) - exact) <= np.array(horizon.band))


@pytest.mark.parametrize("case_id", [i for i in SGD_OR_TORCH if STORE.case(i).case.steps and "probe-" in i])
def test_pytorchs_single_steps_meet_the_certified_parameters(case_id):
    """From each given state, moments and step count included, one update in float64 lands where it must."""
    from nn_conformance.oracles import pytorch

    loaded = STORE.case(case_id)
    for k, step in enumerate(loaded.case.steps):
        before = loaded.params if step.params is None else loaded.arrays(step.params, f"steps[{k}].params")
        moments = {m: loaded.arrays(a, m) for m, a in step.state.moments.items()} if step.state else None
        losses, after = pytorch.train(
            loaded.case.network, loaded.case.optimizer, before, loaded.x, loaded.t, [step.rows], step.state, moments
        )
        assert abs(losses[0] - values([step.loss], "float64")[0]) <= limit(loaded.case, "float64", abs(losses[0]))
        for name, expected in loaded.arrays(step.after, f"steps[{k}].after").items():
            # Relative to the move, but for the rounding of the parameter itself.
            move = float(np.linalg.norm(expected - before[name]))
            rounding = 2**-53 * float(np.linalg.norm(expected))
            assert np.linalg.norm(after[name] - expected) <= limit(loaded.case, "float64", max(move, 1e-3)) + rounding
