"""Cases of any network: certified when asked for, proven, kept, and right for every honest oracle."""

from dataclasses import replace
from functools import cache, partial

import hypothesis
import jsonschema
import msgspec
import numpy as np
import pytest
from spread import everyday

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_conformance.cases.integrity import check
from nn_conformance.cases.on_demand import MOST_PARAMETERS, certify, make
from nn_conformance.cases.schema import schemas
from nn_conformance.cases.store import Store
from nn_conformance.cases.text import parse
from nn_conformance.fuzz.strategies import networks, optimizers
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.target import Answer
from nn_conformance.oracles import load
from nn_conformance.subjects import OwnNetwork, pairs_of
from nn_reference.errors import InputError
from nn_reference.network import backpropagate
from nn_reference.systems import SYSTEMS

LINE = "3-5 relu-4 relu-2 softmax, cross-entropy"
ADAM = fmt.Optimizer("adam", 0.01, beta1=0.9, beta2=0.999, epsilon=1e-8, placement="keras")
LINES = {
    LINE: None,
    "2-3 sigmoid-1, squared-error": ADAM,
    "3-4 leaky-4 elu(0.5)-2, linear": fmt.Optimizer("sgd", 0.125, momentum=0.5, dialect="nesterov"),
    "2-4 gelu-4 silu skip-2 softmax, cross-entropy half sum, l2 0.125/2N biases": None,
    "4-3 softmax, cross-entropy": fmt.Optimizer("rmsprop", 0.125, beta2=0.5, epsilon=1e-8, placement="torch"),
    "3-4 tanh-1 sigmoid vector, bce samples, out-in": None,
    # Own losses agree above a diagonal rule and not below it; and two losses near 0.
    "3-4 softmax(diagonal)-2, squared-error": None,
    "1-2 sigmoid-1 sigmoid, cross-entropy sum, no-bias": None,
    "1-1 elu(0.5)-1 relu no-bias, bce sum": None,
    # Updates that diverge, and gradients that cancel under AdaGrad.
    "2-4 elu(1)-4 relu-3, squared-error sum": fmt.Optimizer("sgd", 1.0),
    "5-4 sigmoid(quotient)-6 sigmoid(quotient)-3, squared-error sum, no-bias": fmt.Optimizer("sgd", 1.0),
    "3-4 sigmoid no-bias-1 softplus vector, squared-error, out-in": fmt.Optimizer(
        "adagrad", 1.0, epsilon=2.0**-7, placement="torch"
    ),
}
# Of these a line each of kinks and a softmax, of Adam, of a skip and a penalty, and of a vector layer.
DAILY = [line for line in LINES if "3-5 relu" in line or LINES[line] == ADAM or "skip" in line or "vector, bce" in line]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Each test has a cache of its own, so that none finds what another made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def names(certified):
    return [loaded.case.id.split("/")[1] for loaded in certified]


@pytest.fixture(scope="module", params=everyday(LINES, DAILY))
def certified(request, tmp_path_factory):
    """The cases of a line, for the tests that only read them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return certify(request.param, LINES[request.param])


def test_honest_oracles_pass_every_case(certified):
    """Reference and complex step fail on no rung of any case, in either precision."""
    assert names(certified)[:3] == ["own-sizes", "probe-rectangular", "probe-square"]
    for loaded in certified:
        for target in (load("reference"), load("complex-step")):
            for dtype in fmt.DTYPES:
                failed = [verdict for verdict in judge(loaded, target, dtype) if verdict.status == "failed"]
                assert failed == []


def test_cases_have_their_authors_sizes_and_a_proof():
    """The case of own sizes has the line's widths; small ones are proven by differences, large ones by the tape."""
    small, large = certify("3-4 relu-2, mse")[0].case, certify("30-20 relu-2, mse")[0].case

    assert small.network == parse("3-4 relu-2, mse")
    assert "central differences" in small.provenance.proof
    assert "independent tape" in large.provenance.proof
    assert small.format == large.format == 2
    assert large.provenance.document == "none: described by its author"


class Rounding:
    """The reference, but one of the things that it computes with is first rounded to a narrower precision."""

    name = "rounding"

    def __init__(self, what, half):
        self.what, self.half = what, half

    def narrow(self, what, a):
        return a.astype(self.half).astype(a.dtype) if what == self.what else a

    def evaluate(self, described, params, x, t, *, gradients=True):
        network = build_network(described)
        layers = [
            replace(of, activation=replace(of.activation, forward=partial(self.activation, of.activation.forward)))
            for of in network.layers
        ]
        params = {name: self.narrow("weights", p) for name, p in params.items()}
        x, t = self.narrow("inputs", x), self.narrow("targets", t)
        loss, found = backpropagate(replace(network, layers=tuple(layers)), params, x, t)
        return Answer(loss, {name: self.narrow("gradients", g) for name, g in found.items()})

    def activation(self, forward, z):
        return self.narrow("activations", forward(z))


PRECISIONS = [("float16", "float32"), ("float16", "float64"), ("float32", "float64")]
# Systems that share no network: between them they have them all. The last one has targets that are no classes.
DOCUMENTED = list({system.network: system for system in SYSTEMS}.values())
OWN = OwnNetwork(parse("2-3 sigmoid-1, squared-error"))
DAILY_SYSTEMS = ("homework/documented", "mnist-sigmoid-numpy/documented", "mnist-relu-torch/documented", OWN.id)
ROUNDED = [
    pytest.param(system, what, marks=() if system.id in DAILY_SYSTEMS else pytest.mark.slow)
    for system in (*DOCUMENTED, OWN)
    for what in ("weights", "inputs", "targets", "activations", "gradients")
    if what != "targets" or system is OWN
]


@cache
def inexact(name):
    """By precision the case of a system whose numbers no narrower one has; who rounds nothing passes it."""
    system = next(system for system in (*DOCUMENTED, OWN) if system.id == name)
    found = {dtype: loaded for loaded, dtype in pairs_of(Store(), system) if "inexact" in loaded.case.flags}
    assert [failures(loaded, "", "float16", dtype) for dtype, loaded in found.items()] == [[], []]
    return found


def failures(loaded, what, half, precision):
    """The checks of the gradient that a rounding target fails."""
    return [v for v in judge(loaded, Rounding(what, half), precision, rungs=("gradient",)) if v.failed]


@pytest.mark.parametrize(("half", "precision"), PRECISIONS)
@pytest.mark.parametrize(("system", "what"), ROUNDED, ids=lambda given: getattr(given, "id", given))
def test_a_target_that_rounds_to_a_narrower_precision_fails_a_gradient(system, what, half, precision):
    """Documented networks too are asked numbers that are no float16 or float32 numbers: rounding anything shows."""
    assert failures(inexact(system.id)[precision], what, half, precision)


def test_regression_has_real_targets_and_classification_classes():
    """Squared error on linear outputs is asked with real targets, a softmax with classes."""
    regression, classes = certify("2-2, mse")[1], certify("2-2 softmax, cross-entropy")[1]

    assert set(np.unique(classes.t)) == {0.0, 1.0}
    assert len(np.unique(regression.t)) > 5


def test_what_was_made_is_kept(monkeypatch):
    """The second time nothing is computed; another optimiser is another folder."""
    first = certify("2-1, mse")
    monkeypatch.setattr("nn_conformance.cases.on_demand.certify_case", None)
    second = certify(parse("2-1, mse"))

    assert [loaded.case for loaded in first] == [loaded.case for loaded in second]
    assert first.folder == second.folder
    with pytest.raises(TypeError):
        certify("2-1, mse", ADAM)


def test_a_cache_that_cannot_be_written_is_no_hindrance(monkeypatch, tmp_path):
    """Where the cache folder cannot be made, the cases are in a temporary one."""
    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert len(certify("2-1, mse")) > 5


def test_training_makes_free_runs_and_one_output_a_probe_of_three():
    """Two probes have a free run with horizons if training is asked for; one has three outputs, so that reductions show."""
    cases = {loaded.case.id.split("/")[1]: loaded.case for loaded in certify("2-1, mse", training=True)}
    trained = {name: case.trajectory for name, case in cases.items()}

    assert cases["probe-outputs"].network.layers[-1].units == 3
    assert [name for name, run in trained.items() if run] == ["probe-rectangular", "probe-partial"]
    assert all(trained["probe-rectangular"].horizons[dtype].steps > 0 for dtype in fmt.DTYPES)
    assert all(loaded.case.trajectory is None for loaded in certify("2-1, mse"))


def test_given_numbers_are_certified_as_they_are():
    """A case of given x, t and parameters has these; what is no float32 number has a twin that is rounded."""
    rng = np.random.RandomState(0)
    x, t = rng.rand(4, 2), rng.rand(4, 1)
    params = {"W1": rng.rand(2, 1), "b1": np.zeros(1)}
    given, twin = certify("2-1, mse", x=x, t=t, params=params)[:2]

    assert np.array_equal(given.x, x)
    assert np.array_equal(given.params["W1"], params["W1"])
    assert given.case.evaluation.loss == pytest.approx(((x @ params["W1"] - t) ** 2).mean(), rel=1e-14)
    assert twin.case.id.endswith("given-float32")
    assert np.array_equal(twin.x, x.astype(np.float32))


def test_exact_zeros_of_given_numbers_are_listed():
    """A pre-activation of exactly 0 under ReLU is a kink of the case, with what slope 1 adds."""
    params = {"W1": np.eye(2), "b1": np.zeros(2), "W2": np.ones((2, 1)), "b2": np.ones(1)}
    (loaded, *_) = certify("2-2 relu-1, mse", x=[[0.0, 1.0], [2.0, 3.0]], t=[[0.0], [1.0]], params=params)

    assert [(kink.layer, kink.sample, kink.unit) for kink in loaded.case.evaluation.kinks] == [(1, 0, 0)]
    assert "kink" in loaded.case.flags


def test_zeros_in_two_layers_block_the_case_with_a_reason():
    """Kinks of two layers cannot be listed: the case is left out, the reason said, and the probes are there."""
    certified = certify("2-2 relu-2 relu-1, mse, no-bias", x=np.zeros((3, 2)), t=np.zeros((3, 1)))

    assert "expected kinks in one layer" in certified.blocked["given"]
    assert "probe-rectangular" in names(certified)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros((2, 3))}, "t: expected an array beside x, got None"),
        ({"x": np.zeros((2, 3)), "t": np.zeros((2, 1))}, r"t: expected shape \(2, 2\)"),
        ({"x": np.zeros((2, 4)), "t": np.zeros((2, 2))}, r"x: expected shape \(N, 3\)"),
        ({"x": [["a"] * 3], "t": [[0, 1]]}, "x: expected real numbers"),
        ({"x": [[1, 2], [3]], "t": [[0, 1]]}, "x: expected an array of numbers, got rows of different lengths"),
        ({"params": {"W1": np.zeros((3, 2))}}, r"params\['b1'\]: missing"),
        ({"x": np.full((1, 3), np.nan), "t": [[0, 1]]}, "x: expected finite values"),
        ({"params": {"W1": np.full((3, 2), np.inf), "b1": np.zeros(2)}}, "expected finite numbers"),
        ({"samples": 0}, "samples: expected"),
    ],
)
def test_what_does_not_fit_is_one_line(arguments, message):
    """Arrays that do not fit the network are refused by name, with the shape that is expected."""
    with pytest.raises(InputError, match=message) as caught:
        certify("3-2, mse", **arguments)

    assert "\n" not in str(caught.value)


def test_a_softmax_of_one_output_and_what_takes_too_long_are_refused():
    """The one is 1 whatever its input, and beyond a million parameters a line says so before anything is computed."""
    with pytest.raises(InputError, match="layer 1: expected two units or more under a softmax"):
        certify("3-1 softmax, cross-entropy")
    with pytest.raises(InputError, match=f"at most {MOST_PARAMETERS:,} parameters to certify, got 4,004,001"):
        certify("2000-2000-1, mse")


def test_files_for_other_languages_are_sound(tmp_path):
    """The folder that `make` writes is one that `Store` reads, `check` passes and the schemas accept."""
    certified = certify("513-2 softmax, cross-entropy")  # x has more numbers than a case has in place
    written = make(certified, tmp_path / "out")
    store = Store(tmp_path / "out")

    assert list(check(store)) == []
    assert {path.parent.name for path in written} >= {"arrays", "schema"}
    validator = jsonschema.Draft202012Validator(schemas()["case.schema.json"])
    for case_id in store.ids:
        validator.validate(msgspec.json.decode(store.read(f"{case_id}.json")))


@hypothesis.settings(max_examples=hypothesis.settings.default.max_examples // 5)  # each takes half a second
@hypothesis.given(networks(widest=4, deepest=3), optimizers())
@hypothesis.example(parse("1-2 no-bias-1 relu, squared-error sum"), fmt.Optimizer("sgd", 1.0))
def test_any_drawn_network_is_certified(network, optimizer):
    """Whatever is drawn has its own sizes and at least three probes, but for a softmax of one unit."""
    degenerate = any(layer.units == 1 and layer.activation.axis == "outputs" for layer in network.layers)
    hypothesis.assume(not degenerate)

    assert len(certify(network, optimizer)) >= 4
