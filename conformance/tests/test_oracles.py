"""The oracles that differentiate for themselves: complex step, central differences and Arb's tape, and what they share."""

import ast
from pathlib import Path

import msgspec
import numpy as np
import pytest
from oracle_problems import HONEST, call, described, example, load, ratios
from spread import everyday, spread

from nn_conformance import oracles
from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import values
from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.limits import ROUNDOFF, norm
from nn_conformance.judge.target import Training
from nn_conformance.oracles import arb, central, complex_step, formulas, reference
from nn_conformance.oracles.tape import RULES
from nn_reference.optimizers import State

pytestmark = pytest.mark.numeric

STORE = Store()
FLOATING = {"complex-step": complex_step, "central": central}
PROBES = [i for i in STORE.ids if "probe-" in i]
SMALL = [*PROBES, *(i for i in STORE.ids if i not in PROBES and not i.startswith(("mnist", "fashion")))]


@pytest.mark.parametrize("case_id", spread(SMALL))
@pytest.mark.parametrize("oracle", FLOATING)
def test_layers_loss_gradients_and_steps_are_the_certified_ones(oracle, case_id, count_checks):
    """On every probe and small system each value is within a third of its limit, the oracle's uncertainty included."""
    rungs = ("layer", "loss", "gradient", "second-call", "step")
    for dtype in fmt.DTYPES:
        if f"{case_id}-float32" in STORE.ids if dtype == "float32" else case_id.endswith("-float32"):
            continue  # its twin is for this precision
        if (oracle, dtype) == ("central", "float32") and not case_id.endswith(("clipped", "kink", "square", "float32")):
            continue  # the same computation, rounded to float32: some will do
        found = ratios(case_id, FLOATING[oracle], dtype, *rungs, count=count_checks)
        assert {key: ratio for key, ratio in found.items() if not ratio <= HONEST} == {}
        assert len(found) >= 5


@pytest.mark.parametrize("case_id", spread(SMALL))
def test_arb_is_the_certified_value_bit_for_bit(case_id, record_property):
    """Every layer, loss and gradient: a tape through other formulas rounds to the same float64, declared zeros included."""
    loaded = load(case_id)
    expected = loaded.case.evaluation
    answer = arb.evaluate(loaded.case.network, *call(case_id))

    assert answer.loss == values([expected.loss], "float64")[0]
    for (z, a), right in zip(answer.layers, expected.layers, strict=True):
        assert np.array_equal(z, loaded.array(right.z, "z"))
        assert np.array_equal(a, loaded.array(right.a, "a"))
    assert list(answer.gradients) == [*loaded.params, "x"]
    for name, right in loaded.arrays(expected.gradients, "gradients").items():
        assert np.array_equal(answer.gradients[name], right), name
        assert answer.gradients[name].shape == right.shape
    record_property("oracle", "arb")
    record_property("checks", 1 + 2 * len(answer.layers) + len(loaded.params))


@pytest.mark.parametrize("case_id", spread(i for i in SMALL if load(i).case.steps))
def test_arbs_steps_are_the_certified_ones_bit_for_bit(case_id):
    """One update from each given state, by either placement of ε, and its loss before it."""
    loaded = load(case_id)
    for step in loaded.case.steps:
        before = loaded.params if step.params is None else loaded.arrays(step.params, "params")
        state = step.state and State(
            step.state.step, {m: loaded.arrays(arrays, m) for m, arrays in step.state.moments.items()}
        )
        start = {name: p.astype(np.float64) for name, p in before.items()}
        run = arb.train(
            Training(loaded.case.network, loaded.case.optimizer, start, loaded.x, loaded.t, [step.rows], state)
        )

        assert run.losses == values([step.loss], "float64").tolist()
        for name, after in loaded.arrays(step.after, "after").items():
            assert np.array_equal(run.params[name], after)


@pytest.mark.parametrize("case_id", ["mnist-dense-keras/probe-partial", "xor-tanh/documented"])
def test_arbs_free_run_is_the_certified_one_bit_for_bit(case_id):
    """Forty updates, nothing rounded in between, have the certified losses."""
    loaded = load(case_id)
    trajectory = loaded.case.trajectory
    start = {name: p.astype(np.float64) for name, p in loaded.params.items()}
    run = arb.train(
        Training(loaded.case.network, loaded.case.optimizer, start, loaded.x, loaded.t, trajectory.batches[:40])
    )

    assert run.losses == values(trajectory.losses[:40], "float64").tolist()


def test_arb_in_float32_is_its_float64_rounded():
    """Asked in float32 it answers in float32, with each certified value rounded, and the loss between float32's clip bounds."""
    case_id = "mnist-sigmoid-keras/probe-clipped"
    loaded = load(case_id)
    wide, narrow = (arb.evaluate(loaded.case.network, *call(case_id, dtype)) for dtype in ("float64", "float32"))

    for name, g in wide.gradients.items():
        assert narrow.gradients[name].dtype == np.float32
        assert np.array_equal(narrow.gradients[name], g.astype(np.float32))
    assert narrow.loss == np.float32(loaded.case.by_dtype["float32"].loss)
    assert abs(narrow.loss - wide.loss) > 1e-3


@pytest.mark.parametrize(("case_id", "oracle"), everyday([
    ("mnist-sigmoid-numpy/documented", complex_step),
    ("mnist-tanh/documented", central),
    ("mnist-sigmoid-numpy/documented", central),
    ("mnist-tanh/documented", arb),
], ["mnist-tanh/documented"]), ids=lambda value: getattr(value, "name", value))  # fmt: skip
def test_documented_sizes_are_within_reach(case_id, oracle):
    """At 784 inputs, on images, every gradient is within a third of its limit, raw pixels included."""
    found = ratios(case_id, oracle, "float64", "layer", "loss", "gradient")

    assert {key: ratio for key, ratio in found.items() if not ratio <= HONEST} == {}


@pytest.mark.parametrize("oracle", FLOATING)
def test_the_contract_is_kept(oracle):
    """Names, shapes and dtypes; arguments left alone; the same call twice; no gradients where none are asked for."""
    for dtype in fmt.DTYPES:
        assert max(ratios("homework/probe-rectangular", FLOATING[oracle], dtype, "contract").values()) == 0
        network = load("homework/probe-rectangular").case.network
        answer = FLOATING[oracle].evaluate(network, *call("homework/probe-rectangular", dtype), gradients=False)
        assert answer.gradients == {}
        assert len(answer.layers) == 2


SOFTMAX, ACROSS = {"axis": "outputs"}, {"axis": "batch"}
ODD = {
    "softmax-inside": described(
        [(4, "softmax", SOFTMAX, {}), (3, "tanh", {}, {"layout": "out,in"}), (2, "identity", {}, {})],
        {"kind": "cross_entropy", "from_logits": True},
    ),
    "batch-softmax-inside": described(
        [(4, "softmax", ACROSS, {"bias": False}), (3, "relu", {}, {}), (1, "sigmoid", {}, {"vector": True})],
        {"kind": "squared_error", "half": True},
    ),
    "diagonal-inside": described(
        [(4, "softmax", {**SOFTMAX, "backward": "diagonal"}, {}), (2, "sigmoid", {}, {})],
        {"kind": "binary_cross_entropy", "reduction": "elements", "clip": 1e-7},
    ),
    "diagonal-over-the-batch": described(
        [(4, "tanh", {}, {}), (2, "softmax", {**ACROSS, "backward": "diagonal"}, {})],
        {"kind": "squared_error", "reduction": "sum"},
    ),
    "not-fused": described([(3, "softmax", ACROSS, {})], {"kind": "cross_entropy"}),
    "diagonal-not-fused": described(
        [(3, "softmax", {**SOFTMAX, "backward": "diagonal"}, {"layout": "out,in"})], {"kind": "cross_entropy"}
    ),
    "one-vector": described(
        [(1, "identity", {}, {"vector": True})],
        {"kind": "binary_cross_entropy", "reduction": "elements", "from_logits": True},
    ),
}


@pytest.mark.parametrize("kind", ODD)
def test_the_oracles_agree_on_networks_that_no_case_has(kind):
    """Softmax inside, over the batch, by its diagonal; losses that are not fused; a single vector layer."""
    network, numbers = ODD[kind], example(ODD[kind])
    exact, by_step, by_differences = (oracle.evaluate(network, *numbers) for oracle in (arb, complex_step, central))

    for name, g in exact.gradients.items():
        # Sums of at most four products of numbers below one: a few roundings of each.
        assert norm(by_step.gradients[name] - g) <= 20 * 2**-53
        if name != "x":  # of which there are no differences
            assert norm(by_differences.gradients[name] - g) <= by_differences.uncertainty[name] / 3
        # The reference is none of them, and has rules of its own for the diagonal.
        assert norm(reference.evaluate(network, *numbers).gradients[name] - g) <= 20 * 2**-53


@pytest.mark.parametrize("oracle", FLOATING)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_momentum_is_the_heavy_ball(oracle, momentum):
    """v ← μv + g and θ ← θ - lr·v, from moments that are given or 0: no case has it."""
    network = load("xor-tanh/probe-square").case.network
    params, x, t = call("xor-tanh/probe-square")
    rule = fmt.Optimizer(kind="sgd", learning_rate=0.25, momentum=momentum)
    state = State(3, {"v": {name: p + 1 for name, p in params.items()}}) if momentum else None
    g = arb.evaluate(network, params, x, t).gradients

    once = FLOATING[oracle].train(Training(network, rule, params, x, t, [range(4)], state))

    for name, p in params.items():
        v = g[name] + (momentum * (p + 1) if momentum else 0)
        assert norm(once.params[name] - (p - 0.25 * v)) <= 1e-14 + once.uncertainty.get(name, 0) / 3


def test_momentum_is_carried_on():
    """Three updates of complex step are the reference's and Arb's: each starts from the moments that the last one left."""
    network, numbers = load("xor-tanh/probe-square").case.network, call("xor-tanh/probe-square")
    rule = fmt.Optimizer(kind="sgd", learning_rate=0.25, momentum=0.9)
    runs = [each.train(Training(network, rule, *numbers, [range(4)] * 3)) for each in (arb, complex_step, reference)]

    for run in runs[1:]:
        assert all(norm(run.params[name] - p) <= 1e-14 for name, p in runs[0].params.items())
        assert np.allclose(run.losses, runs[0].losses, rtol=1e-14, atol=0)


WRONG = {
    "sigmoid": ("activate", lambda right: lambda a, z, *held: right(a, z, *held) * (1 + (a.kind == "sigmoid") * 1e-9)),
    "softmax": ("_softmax", lambda right: lambda z, held: right(z, held) * (1 - 1e-9)),
    "loss": ("loss_count", lambda right: lambda loss, t: right(loss, t) + 1),
    "bias": ("preactivation", lambda right: lambda layer, a, w, b: right(layer, a, w, b) + 1e-9),
    "update": ("_move", lambda right: lambda o, g, m, s, exact: (right(o, g, m, s, exact)[0] * 1.001, {})),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_formula_is_caught(mistake, monkeypatch):
    """One part in 10⁹ of a value, a wrong divisor, a step a thousandth too long: no oracle has the certified values."""
    case_id = "mnist-sigmoid-numpy/corrected-probe-rectangular"
    loaded, params = load(case_id), call(case_id)[0]
    target, change = WRONG[mistake]
    monkeypatch.setattr(formulas, target, change(getattr(formulas, target)))

    for oracle in (complex_step, central):
        assert max(ratios(case_id, oracle, "float64", "layer", "loss", "step").values()) > 1
    network = loaded.case.network
    run = arb.train(Training(network, loaded.case.optimizer, params, loaded.x, loaded.t, [loaded.case.steps[0].rows]))
    after = loaded.arrays(loaded.case.steps[0].after, "after")
    assert not all(np.array_equal(run.params[name], p) for name, p in after.items())


def test_a_wrong_derivative_is_caught(monkeypatch):
    """With the right forward pass: a rule of the tape, a step that is too long, a column that is counted twice."""
    case_id = "mnist-tanh/probe-rectangular"
    loaded = load(case_id)
    monkeypatch.setitem(RULES, np.tanh, lambda x, r: (lambda g: g * (1 - r),))
    monkeypatch.setitem(complex_step.STEP, "float64", 1e-3)
    right = loaded.arrays(loaded.case.evaluation.gradients, "gradients")

    assert not np.array_equal(arb.evaluate(loaded.case.network, *call(case_id)).gradients["W1"], right["W1"])
    assert max(ratios(case_id, complex_step, "float64", "gradient").values()) > 1
    monkeypatch.setattr(central, "STEP", 0.5)
    found = central.evaluate(loaded.case.network, *call(case_id))
    assert all(norm(found.gradients[name] - g) > 1e-4 * norm(g) for name, g in right.items())
    # And it knows: the quotients with h and 2h are as far apart.
    assert all(norm(found.gradients[name] - g) < found.uncertainty[name] for name, g in right.items())


@pytest.mark.parametrize(
    "case_id", [i for i in PROBES if i.endswith(("saturated", "extreme", "kink", "dead", "clipped"))]
)
def test_the_uncertainty_of_differences_leaves_mistakes_visible(case_id):
    """A thousandth of any gradient is ten times what central differences do not know, on the probes that are hardest for them."""
    answer = central.evaluate(load(case_id).case.network, *call(case_id))

    for name, g in answer.gradients.items():
        assert answer.uncertainty[name] > 0
        # A softmax of ±1000 has none to speak of: gradients of 1e-57.
        if norm(g) > 1e-9:
            assert 10 * answer.uncertainty[name] <= 1e-3 * norm(g)


@pytest.mark.parametrize("case_id", ["iris-relu-adam/probe-partial", "mnist-relu-torch/probe-rectangular"])
def test_free_runs_stay_in_their_band(case_id):
    """Complex step in both precisions, and central differences in float32, where they are nothing beside rounding, alone."""
    for oracle, dtype in ((complex_step, "float32"), (complex_step, "float64"), (central, "float32")):
        (verdict,) = judge(load(case_id), oracle, dtype, rungs=["trajectory"], updates=25, trusted=True)
        assert verdict.ratio <= HONEST

    # Bands of float64 are for rounding.
    (verdict,) = judge(load(case_id), central, "float64", rungs=["trajectory"], trusted=True)
    assert verdict.status == "unsupported"
    assert "its bands are for rounding" in verdict.reason


def test_every_case_has_affordable_updates():
    """At least one of each free run; all of those of small networks; more of what is smaller."""
    for case_id in STORE.ids:
        case = load(case_id).case
        if case.trajectory is not None:
            for oracle in (complex_step, central, arb):
                bound = oracles.affordable_updates(oracle, case)
                assert bound >= (1 if case.network.inputs == 784 else len(case.trajectory.losses))
                larger = replace_units(case.network, 1000)
                seconds = oracle.seconds_of_update(case.network, case.optimizer, len(case.trajectory.batches[0]))
                assert oracle.seconds_of_update(larger, case.optimizer, 1000) >= seconds


def replace_units(network, units):
    """The network with wide hidden layers."""
    return msgspec.structs.replace(
        network, inputs=1000, layers=[msgspec.structs.replace(layer, units=units) for layer in network.layers]
    )


def test_complex_step_and_arb_share_nothing_with_the_reference_but_types():
    """What these modules import from the reference computes nothing that is judged."""
    allowed = {"Array", "Params", "LayerOutput", "State", "UndecidedError"}
    folder = Path(oracles.__file__).parent
    for module in ("arb", "central", "columns", "complex_step", "formulas", "tape"):
        for node in ast.walk(ast.parse((folder / f"{module}.py").read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("nn_") for alias in node.names)
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nn_reference"):
                assert {alias.name for alias in node.names} <= allowed


def test_formulas_are_stable():
    """At z of ±1000 nothing overflows, and no loss is NaN, in either precision."""
    z = np.array([[1000.0, -1000.0, 0.0]])
    t = np.array([[0.0, 1.0, 0.0]])
    for dtype in fmt.DTYPES:
        for kind, axis in (("sigmoid", None), ("tanh", None), ("softmax", "outputs"), ("softmax", "batch")):
            a = formulas.activate(fmt.Activation(kind=kind, axis=axis), z.astype(dtype))
            assert a.dtype == dtype
            assert np.all(np.isfinite(a))
        for loss in ("cross_entropy", "binary_cross_entropy"):
            network = described([(3, "identity", {}, {})], {"kind": loss, "from_logits": True})
            params = {"W1": np.eye(3, dtype=dtype), "b1": np.zeros(3, dtype)}
            # Log 2 more in binary cross-entropy, for the output of 0.
            expected = 2000 + (np.log(2) if loss == "binary_cross_entropy" else 0)
            found = complex_step.evaluate(network, params, z.astype(dtype), t.astype(dtype)).loss
            assert found == pytest.approx(expected, rel=2 * ROUNDOFF[dtype], abs=0)
