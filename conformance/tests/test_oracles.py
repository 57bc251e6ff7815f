"""The oracles that differentiate for themselves: complex step, central differences and Arb's tape, and what they share."""

import ast
from pathlib import Path

import numpy as np
import pytest
from oracle_problems import HONEST, call, described, example, load, ratios
from spread import everyday, spread

from nn_conformance import oracles
from nn_conformance.cases import balls
from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import values
from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.limits import norm
from nn_conformance.judge.target import Training, Unsupported
from nn_conformance.oracles import arb, central, complex_step, formulas
from nn_conformance.oracles.tape import RULES, Variable
from nn_reference.optimizers import State

pytestmark = pytest.mark.numeric

STORE = Store()
FLOATING = {"complex-step": complex_step, "central": central}
PROBES = [i for i in STORE.ids if "probe-" in i]
SMALL = [*PROBES, *(i for i in STORE.ids if i not in PROBES and not i.startswith(("mnist", "fashion")))]


LOGITS = "mnist-sigmoid-torch/probe-extreme"  # where a logarithm of a sum would overflow: every day


@pytest.mark.parametrize("case_id", [*spread(i for i in SMALL if i != LOGITS), LOGITS])
@pytest.mark.parametrize("oracle", FLOATING)
def test_layers_loss_gradients_and_steps_are_the_certified_ones(oracle, case_id, count_checks):
    """On every probe and small system each value is within a third of its limit, the oracle's uncertainty included."""
    rungs = ("contract", "layer", "loss", "gradient", "second-call", "step")
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
    """At least one of each free run; all of those of small networks."""
    for case_id in STORE.ids:
        case = load(case_id).case
        if case.trajectory is not None:
            for oracle in (complex_step, central, arb):
                bound = oracles.affordable_updates(oracle, case)
                assert bound >= (1 if case.network.inputs == 784 else len(case.trajectory.losses))


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


def test_arb_says_what_it_cannot_certify(monkeypatch):
    """Where the precision does not suffice to tell a zero from something small, there is a reason and no number."""
    monkeypatch.setattr(balls, "MOST_BITS", 512)

    with pytest.raises(Unsupported, match=r"gradient b.*512 bits"):
        arb.evaluate(load("mnist-relu-torch/probe-square").case.network, *call("mnist-relu-torch/probe-square"))


def test_what_the_tape_has_no_rule_for_is_refused():
    """It is never computed without its derivative."""
    variable = Variable(arb.plain(np.ones(2)))
    for function in (np.sin, np.add.reduce):
        with pytest.raises(TypeError):
            function(variable)


@pytest.mark.parametrize("oracle", FLOATING)
def test_a_softmax_over_the_batch_may_be_inside(oracle):
    """Where samples meet below the last layer, which no case has, gradients are Arb's."""
    layers = [(4, "softmax", {"axis": "batch"}, {}), (2, "tanh", {}, {})]
    network = described(layers, {"kind": "squared_error"})
    found, right = (each.evaluate(network, *example(network)) for each in (FLOATING[oracle], arb))

    for name, p in example(network)[0].items():
        assert found.gradients[name].shape == p.shape
        assert norm(found.gradients[name] - right.gradients[name]) <= 1e-14 + found.uncertainty.get(name, 0) / 3


# Kinks and clips.

KINKS = [i for i in STORE.ids if i.endswith("probe-kink")]


@pytest.mark.parametrize("case_id", KINKS)
def test_slopes_at_a_kink(case_id):
    """Complex step and Arb have slope 0 there, as the certified gradients do; differences have ½, the mean of both sides."""
    loaded = load(case_id)
    evaluation = loaded.case.evaluation
    changes = [loaded.arrays(kink.change, "change") for kink in evaluation.kinks]
    answers = [oracle.evaluate(loaded.case.network, *call(case_id)) for oracle in (complex_step, arb, central)]

    for name, g in loaded.arrays(evaluation.gradients, "gradients").items():
        half = sum(change[name] for change in changes) / 2
        assert norm(answers[0].gradients[name] - g) <= 1e-14
        assert np.array_equal(answers[1].gradients[name], g)
        assert norm(answers[2].gradients[name] - g - half) <= answers[2].uncertainty[name] / 3
    assert sum(norm(change["W1"]) for change in changes) > 0.01


@pytest.mark.parametrize("distance", [1e-6, -1e-8, 1e-10])
def test_steps_stay_on_their_side_of_a_kink(distance):
    """Where z is nearer to zero than the step, the step is divided until both ends are on z's side."""
    network = described([(1, "relu", {}, {}), (1, "tanh", {}, {})], {"kind": "squared_error"}, inputs=1)
    params = {"W1": np.ones((1, 1)), "b1": np.array([distance]), "W2": np.ones((1, 1)), "b2": np.ones(1)}
    x, t = np.zeros((1, 1)), np.zeros((1, 1))
    found, right = (each.evaluate(network, params, x, t) for each in (central, arb))

    assert (right.gradients["b1"][0] != 0) == (distance > 0)
    for name, g in ((name, right.gradients[name]) for name in found.gradients):
        assert norm(found.gradients[name] - g) <= found.uncertainty[name] / 3
    # A step of 2⁻¹⁷ would have made the mean of the two slopes of it.
    assert found.uncertainty["b1"] < 0.01


def test_a_kink_that_is_too_near_is_unsupported():
    """At 1e-20 from zero no difference has digits left, and central differences say so."""
    network = described([(1, "relu", {}, {})], {"kind": "squared_error"}, inputs=1)
    params = {"W1": np.ones((1, 1)), "b1": np.array([1e-20])}

    with pytest.raises(Unsupported, match="layer 1: a ReLU or a clip changes sides within a step of"):
        central.evaluate(network, params, np.zeros((1, 1)), np.ones((1, 1)))


@pytest.mark.parametrize("offset", [1e-8, -1e-8, 3e-6])
def test_steps_stay_on_their_side_of_a_clip(offset):
    """An output beside a clip bound is inside or outside at both ends of a step."""
    network = described(
        [(1, "identity", {}, {})], {"kind": "binary_cross_entropy", "reduction": "elements", "clip": 0.25}, inputs=1
    )
    params = {"W1": np.zeros((1, 1)), "b1": np.array([0.25 + offset])}
    found, right = (each.evaluate(network, params, np.ones((1, 1)), np.ones((1, 1))) for each in (central, arb))

    assert (right.gradients["b1"][0] == 0) == (offset < 0)
    assert norm(found.gradients["b1"] - right.gradients["b1"]) <= found.uncertainty["b1"] / 3


@pytest.mark.parametrize("left", [2e-11, -2e-11])
def test_the_reach_of_an_update_is_honest(left):
    """Where a gradient is smaller than its error, Adam may go either way, and the run says how far."""
    network = described([(1, "identity", {}, {"bias": False})], {"kind": "squared_error"}, inputs=1)
    # Two samples pull either way, and all but `left` of the gradient cancels.
    params, x, t = {"W1": np.ones((1, 1))}, np.ones((2, 1)), np.array([[0.5], [1.5 - left]])
    rule = fmt.Optimizer(kind="adam", learning_rate=0.5, beta1=0.9, beta2=0.999, epsilon=1e-30, placement="torch")
    answer = central.evaluate(network, params, x, t)
    found, right = (each.train(Training(network, rule, params, x, t, [[0, 1]])) for each in (central, arb))

    assert 0 < abs(answer.gradients["W1"][0, 0]) < answer.uncertainty["W1"]
    assert right.params["W1"][0, 0] == pytest.approx(1 - np.sign(left) / 2)
    assert found.uncertainty["W1"] == pytest.approx(1)  # from one side to the other
    assert norm(found.params["W1"] - right.params["W1"]) <= found.uncertainty["W1"]
