"""Conventions: each is converted both ways, none looks like a bug, and a wrong declaration is named."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from convention_problems import FUNCTIONS, columns, judged, mean, scaled, two_layers
from door_problems import fresh, homework, load
from ladder_problems import Wrapped

from nn_conformance.adapt.arrays import Layers
from nn_conformance.adapt.claims import Claim, claim_of, conforms
from nn_conformance.adapt.conventions import OURS, Conventions, declared
from nn_conformance.adapt.converted import Converted
from nn_conformance.explain.hint import Remembered, suggest
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.target import Answer, Run, Training, Unsupported
from nn_conformance.oracles import reference
from nn_conformance.run import verify
from nn_conformance.subjects import subject_of
from nn_reference.errors import InputError


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_declared_convention_never_looks_like_a_bug(name, dtype):
    """A right function in other conventions passes every check of its evaluation, in either precision."""
    function, conventions = FUNCTIONS[name]
    for probe in ("probe-rectangular", "probe-one") if dtype == "float32" else ("probe-square", "probe-twice"):
        verdicts = judged(function, conventions, f"xor-sigmoid/{probe}", dtype)
        assert [v for v in verdicts if v.status in ("failed", "blocked")] == []
        assert sum(v.status == "passed" for v in verdicts if v.rung == "gradient") == 4


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_undeclared_convention_is_seen(name):
    """The same function without its declaration fails on the case whose sizes all differ."""
    assert any(v.status == "failed" for v in judged(FUNCTIONS[name][0], {}))


@pytest.mark.parametrize("name", ["columns", "first", "vectors", "sum", "half", "1/N in the update", "uphill"])
def test_the_missing_declaration_is_named(name):
    """With one convention of its declaration left out, that one and its value are suggested, and no other."""
    function, conventions = FUNCTIONS[name]
    for left_out, value in conventions.items():
        rest = {key: kept for key, kept in conventions.items() if key != left_out}
        target = subject_of(conforms("xor-sigmoid", **rest)(fresh(function))).target
        now = getattr(declared(**rest), left_out)
        expected = f"declared {left_out}={now!r}: with {left_out}={value!r} loss and gradients are right; "
        expected += f"write @conforms(…, {left_out}={value!r}), or the same in a program's conventions"
        suggestion = suggest(load("xor-sigmoid/probe-rectangular"), target, "float64")
        assert (suggestion and str(suggestion)) == expected


def test_nothing_is_suggested_for_a_mistake_or_for_what_is_right():
    """No declaration mends a wrong derivative, and none is looked for where all is right."""

    def wrong(p, x, t):
        loss, g = mean(two_layers(p["W1"], p["b1"], p["W2"], p["b2"], x, t), t.size)
        return loss, g | {"W1": g["W1"] * 1.01}

    case = load("xor-sigmoid/probe-rectangular")
    assert suggest(case, subject_of(wrong).target, "float64") is None
    assert suggest(case, subject_of(scaled(lambda n, c: 1 / n / c, lambda n, c: 1 / n / c)).target, "float64") is None


def test_a_report_shows_conventions_and_the_one_to_declare():
    """The report's text has what is declared, each failure, and the declaration that would make it right."""
    function, conventions = FUNCTIONS["sum"]
    report = verify(conforms("xor-sigmoid", names={"x": "y"})(function))
    assert not report
    assert "conventions: names={'x': 'y'}" in str(report)
    assert "with loss_reduction='sum' loss and gradients are right" in str(report)
    assert verify(conforms("xor-sigmoid", **conventions)(function)).suggestion is None


def test_shapes_are_those_that_are_declared():
    """W, b, x and t have the shapes that the declaration says."""
    loaded = load("homework/probe-rectangular")  # W2 (H,), b2 (), t (N,)
    inputs, hidden, samples = loaded.case.network.inputs, loaded.case.network.layers[0].units, len(loaded.x)

    def shapes(**given):
        layers = Layers(loaded.case.network, declared(**given))
        found = {name: p.shape for name, p in layers.given(loaded.params).items()}
        x, t = layers.batch(loaded.x, loaded.t)
        return found | {"x": x.shape, "t": t.shape}

    assert shapes(output="matrix", layout="in,out", bias="row") == {
        "W1": (inputs, hidden), "b1": (1, hidden), "W2": (hidden, 1), "b2": (1, 1), "x": (samples, inputs), "t": (samples, 1),
    }  # fmt: skip
    assert shapes(bias="last", ones=True, samples="columns") == {
        "W1": (hidden, inputs + 1), "W2": (hidden + 1,), "x": (inputs + 1, samples), "t": (samples,),
    }  # fmt: skip
    assert shapes(batch="vector") == {
        "W1": (hidden, inputs), "b1": (hidden,), "W2": (hidden,), "b2": (), "x": (inputs,), "t": (),
    }  # fmt: skip


def test_labels_are_numbers_of_classes_where_they_are_declared_so():
    """One-hot rows become class numbers; targets that are no classes are unsupported."""
    network = load("mnist-relu/probe-rectangular").case.network
    layers = Layers(network, declared(labels="integer"))
    x = np.zeros((3, network.inputs))
    _, labels = layers.batch(x, np.eye(network.layers[-1].units)[[2, 0, 1]])
    assert labels.tolist() == [2, 0, 1]
    assert labels.dtype == np.int64
    with pytest.raises(Unsupported, match="no classes"):
        layers.batch(x, np.full((3, network.layers[-1].units), 0.5))
    _, labels = layers.batch(x, np.array([[1.0], [0.0], [1.0]]))
    assert labels.tolist() == [1, 0, 1]


class Foreign:
    """The reference with weights transposed and other names; written without the converter."""

    name = "foreign"

    @staticmethod
    def there(params):
        return {("kernel" if k[0] == "W" else "bias") + k[1:]: p.T for k, p in params.items() if k != "x"}

    @staticmethod
    def back(params):
        return {("W" if k[0] == "k" else "b") + k[-1]: p.T for k, p in params.items()}

    def evaluate(self, network, params, x, t, *, gradients=True):
        answer = reference.evaluate(network, self.back(params), x, t, gradients=gradients)
        return replace(answer, gradients=self.there(answer.gradients))

    def train(self, asked):
        state = asked.state and asked.state.mapped(self.back)
        run = reference.train(replace(asked, params=self.back(asked.params), state=state))
        return Run(run.losses, self.there(run.params))


TRANSPOSED = declared(layout="in,out", names={"W": "kernel{}", "b": "bias{}"})  # iris-relu-adam describes (out, in)


def test_moments_are_converted_as_parameters_are():
    """Adam's steps from a given state, and a free run, are right in other names and layouts."""
    case = load("iris-relu-adam/probe-rectangular")
    verdicts = judge(case, Converted(Foreign(), TRANSPOSED), "float64", trusted=True)
    assert [v for v in verdicts if v.status in ("failed", "blocked")] == []
    assert {v.status for v in verdicts if v.rung in ("step", "trajectory")} == {"passed"}


def test_steps_on_a_loss_of_another_scale_are_scaled_back_or_unsupported():
    """SGD's learning rate makes up for a declared factor, and shows an undeclared one; Adam cannot be asked so."""
    case, conventions = load("mnist-relu-torch/corrected-probe-rectangular"), TRANSPOSED
    doubled = msgspec.structs.replace(conventions, update_reduction="sum")
    plain = Converted(Foreign(), conventions)
    assert {v.status for v in judge(case, plain, "float64") if v.rung == "step"} == {"passed"}
    # Its steps are N times as long: in this case's first steps all batches have one size, or it could not be undone here.
    assert {v.status for v in judge(case, Converted(Foreign(), doubled), "float64") if v.rung == "step"} == {"failed"}
    adam = load("iris-relu-adam/probe-partial")
    given = (adam.case.network, adam.case.optimizer, adam.params, adam.x, adam.t)
    with pytest.raises(Unsupported, match="another scale"):
        Converted(Foreign(), doubled).train(Training(*given, [[0, 1]]))


def test_a_wrong_shape_is_named_with_the_shape_of_its_convention():
    """What comes back in another shape than was declared is one line with both."""
    verdicts = judged(lambda p, x, t: (1.0, {k: g.T for k, g in columns(p, x, t)[1].items()}), FUNCTIONS["columns"][1])
    assert verdicts[0].status == "failed"
    assert verdicts[0].reason == "gradient W1: expected shape (4, 5), got (5, 4)"


def test_networks_and_precisions_beyond_the_claim_are_unsupported():
    """A target is asked for what it claims, in any size, and for nothing else."""
    homework, xor = load("homework/probe-rectangular"), load("xor-sigmoid/probe-rectangular")
    target = Converted(reference, networks=[homework.case.network], dtypes=["float64"])
    assert {v.status for v in judge(homework, target, "float32")} == {"unsupported"}
    assert {v.status for v in judge(xor, target, "float64")} == {"unsupported"}
    passed = [v for v in judge(homework, target, "float64") if v.status == "passed"]
    assert "scaled-loss" not in "".join(v.id for v in passed)
    assert any("padded-inputs" in v.id for v in passed)


def test_a_foreign_uncertainty_widens_nothing():
    """What a target says of its own error is dropped on the way, so a wrong gradient cannot excuse itself."""
    excused = Wrapped(
        lambda answer, **_: Answer(
            answer.loss,
            {name: 2 * g for name, g in answer.gradients.items()},
            uncertainty=dict.fromkeys(answer.gradients, 1e9),
        )
    )
    verdicts = judge(load("xor-tanh/probe-rectangular"), Converted(excused), "float64", trusted=True)
    assert {v.status for v in verdicts if v.rung == "gradient"} == {"failed"}


def test_a_batch_that_couples_its_samples_is_not_taken_apart():
    """A softmax over the batch, for a target that takes one sample at a time, is unsupported and never averaged."""
    target = Converted(reference, declared(batch="one"))
    verdicts = judge(load("mnist-relu-torch/probe-rectangular"), target, "float64")
    assert {v.status for v in verdicts if v.rung == "gradient"} == {"unsupported"}


def test_a_declaration_is_described_as_it_is_written():
    """The report has the keywords of what is not the fixtures' own way."""
    assert OURS.describe() == "the fixtures' own"
    assert declared(layout="out,in", loss_factor=2.0).describe() == "layout='out,in', loss_factor=2.0"
    assert msgspec.json.decode(b"{}", type=Conventions) == OURS
    text = b'{"layout": "out,in", "names": {"W": "w{}"}, "gradient_reduction": "sum"}'
    written = declared(layout="out,in", names={"W": "w{}"}, gradient_reduction="sum")
    assert msgspec.json.decode(text, type=Conventions) == written
    assert msgspec.json.decode(msgspec.json.encode(written), type=Conventions) == written


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"layout": "in/out"}, "layout: expected "),
        ({"color": 1}, "there is no 'color'"),
        ({"sample": "rows"}, "there is no 'sample', did you mean 'samples'"),
        ({"loss_factor": -1.0}, "loss_factor: expected "),
        ({"rate": 0.0}, "rate: expected float > 0"),
        ({"log_clip": 0.5}, "log_clip: expected float < 0.5"),
        ({"epsilon": -1e-8}, "epsilon: expected float > 0"),
        ({"gradient_factor": float("nan")}, "gradient_factor: expected "),
        ({"names": 3}, "names: expected dict, got int: 3"),
        ({"samples": "cols"}, r"samples: expected 'rows' or 'columns', got 'cols', did you mean 'columns'\?$"),
        ({"samples": np.zeros((2, 2))}, r"samples: expected 'rows' or 'columns', got \[\[0\. 0\.\] \[0\. 0\.\]\]$"),
    ],
    ids=str,
)
def test_a_convention_that_does_not_exist_is_one_line(given, message):
    """A wrong name or value is refused where it is declared, by its name, with what there is or the nearest."""
    with pytest.raises(InputError, match=f"^conventions: {message}"):
        conforms("homework", **given)


def test_a_claim_stands_on_the_object_itself():
    """`conforms` marks functions, classes and instances, and a claim is not inherited."""

    class Base:
        pass

    conforms("homework", "xor-*", dtypes=("float64",))(Base)
    claim = claim_of(Base)
    assert claim == Claim(("homework", "xor-*"), OURS, ("float64",))
    assert claim.covers("homework/documented")
    assert claim.covers("xor-tanh/documented")
    assert not claim.covers("iris-sigmoid/documented")
    assert not Claim(("mnist-relu-torch",)).covers("mnist-relu-torch/corrected")
    assert Claim(("mnist-relu-torch/corrected",)).covers("mnist-relu-torch/corrected")
    assert claim_of(type("Derived", (Base,), {})) is claim_of(Base()) is None
    with pytest.raises(InputError, match="cannot be marked"):
        conforms("homework")(3)
    with pytest.raises(InputError, match="write @conforms"):
        conforms(lambda: None)
    with pytest.raises(InputError, match="dtypes"):
        conforms(dtypes=("float16",))


def test_surplus_losses_are_a_failure():
    """A loss for each update, and none beside them: what is too much is not cut off."""
    surplus = Wrapped(train=lambda run: Run([*run.losses, 1e9], run.params))
    (verdict,) = judge(load("homework/probe-partial"), Converted(surplus), "float64", rungs=("trajectory",))
    assert (verdict.status, verdict.reason[:18]) == ("failed", "losses: expected 1")


def single(layers):
    """The homework network for one sample at a time, which shows these layers of a sample."""

    def function(p, x, t):
        gradients, loss = homework(p, x, t)
        return {"loss": loss, "gradients": gradients, "layers": layers(x)}

    return function


def test_no_layers_are_not_the_same_as_layers_that_are_not_shown():
    """An empty list of layers fails whether samples come together or alone, so that no declaration seems to mend it."""
    for batch in ("many", "one"):
        report = verify(conforms("homework", batch=batch)(single(lambda x: [])))
        assert {v.reason for v in report.failed if v.rung == "contract"} >= {"layers: expected 2, got 0"}
        assert report.suggestion is None


@pytest.mark.parametrize(
    "layers",
    [
        lambda x: [(x, x)] * (2 if x[0, 0] > 0.5 else 3),
        lambda x: [(x, x), (x[0] if x[0, 0] > 0.5 else x, x)],
        lambda x: [(x[0, 0], x[0, 0])] * 2,
    ],
    ids=["numbers of layers", "axes", "no axis"],
)
def test_layers_that_differ_from_sample_to_sample_fail(layers):
    """Where single samples show other layers, or layers without an axis of samples, that is the failure, and no error of ours."""
    target = subject_of(conforms("homework", batch="one")(single(layers))).target
    failed = [v for v in judge(load("homework/probe-rectangular"), target, "float64") if v.failed]
    assert {(v.failure, v.subject) for v in failed} == {("wrong-shape", ("layers",))}


def test_only_the_same_question_is_answered_from_memory():
    """A hint's memory tells networks apart, and calls with gradients from those without."""
    case, asked = load("xor-tanh/probe-rectangular"), []

    class Counting:
        def evaluate(self, network, *args, gradients=True):
            asked.append((network.loss.kind, gradients))
            return Answer(0.0)

    target = Remembered(Counting(), {}, ())
    other = msgspec.structs.replace(case.case.network, loss=load("iris-relu-adam/probe-one").case.network.loss)
    for network in (case.case.network, other):
        for gradients in (True, False, True):
            target.evaluate(network, case.params, case.x, case.t, gradients=gradients)

    assert asked == [(n.loss.kind, g) for n in (case.case.network, other) for g in (True, False)]
