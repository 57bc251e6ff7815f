"""What is asked beside the published cases, and what of a target's own ways is declared, found by the hint, or said."""

import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from courses import COURSES, Trainer, a_class, caught, failures, none, rows, updates
from door_problems import fresh
from ladder_problems import gradients

from nn_conformance import conforms, network
from nn_conformance.cases.store import Store
from nn_conformance.explain.hint import ANSWERS
from nn_conformance.judge.ladder import judge as judge_case
from nn_conformance.judge.target import Answer, Run, Unsupported
from nn_conformance.oracles import load, reference
from nn_conformance.run import judge
from nn_conformance.subjects import OFFERED, pairs_of, requests_of
from nn_reference.activations import softmax
from nn_reference.errors import InputError
from nn_reference.systems import SYSTEMS, get

ADAPTER = Path(__file__).parents[1] / "adapters" / "numpy_adapter.py"
XOR = get("xor-tanh")
SOFTMAX = "4-3 tanh-2 softmax, cross-entropy"


def marked(function, *networks, **conventions):
    """Another function that does the same, marked."""
    return conforms(*networks, **conventions)(fresh(function))


def test_further_sizes_are_asked_of_documented_networks():
    """Beside the published cases there are two and three outputs where the network has one, and batches of 2 and 19."""
    published = Store()
    cases = [loaded.case for loaded, _ in pairs_of(published, XOR) if loaded.case.id not in published.ids]
    sizes = {case.id.split("/")[1]: (case.x.shape[0], case.network.layers[-1].units) for case in cases}

    inexact = {"probe-inexact": (7, 1), "probe-inexact-float32": (7, 1)}
    assert sizes == {"probe-pair": (2, 2), "probe-ragged": (19, 2), "probe-outputs": (7, 3)} | inexact
    assert {case.x.shape[0] < case.x.shape[1] for case in cases} == {True, False}


@pytest.mark.slow
@pytest.mark.parametrize("oracle", ["reference", "plain", "torch", "keras"])
def test_honest_oracles_pass_what_is_asked_beside(oracle):
    """On further sizes, and by every optimiser, nothing fails but Keras' learning rate of float32, by a third of a limit."""
    target, ratios = load(oracle), {}
    for system in SYSTEMS:
        further = [pair for pair in pairs_of(Store(), system) if pair[0].case.id.startswith("network-")]
        offered = [
            loaded
            for request in requests_of(system, [(optimizer, True) for optimizer in OFFERED.values()])[1:]
            for loaded in request.cases
        ]
        for loaded, dtype in (*further, *((loaded, dtype) for loaded in offered for dtype in ("float32", "float64"))):
            for v in judge_case(loaded, target, dtype, updates=4, trusted=True):
                if not (oracle == "keras" and v.rung in ("step", "trajectory") and dtype == "float64"):
                    assert not v.failed, v
                    ratios[v.id] = 0.0 if np.isnan(v.ratio) or v.at_least else v.ratio

    assert max(ratios.values()) <= 1 / 3, max(ratios, key=ratios.get)


def test_rows_of_x_in_another_order_than_those_of_t_show():
    """A batch whose rows are in no order is asked for: who sorts those of x alone fails its step."""

    class Sorting:
        name, does, evaluate = "sorting", ("evaluate", "train"), staticmethod(reference.evaluate)

        def train(self, asked):
            x, t, batches = asked.x, asked.t, asked.batches
            order = [row for rows in batches for row in sorted(rows)]
            places = np.split(np.arange(len(order)), np.cumsum([len(rows) for rows in batches])[:-1])
            pairs = x[order], t[[row for rows in batches for row in rows]]
            return reference.train(replace(asked, x=pairs[0], t=pairs[1], batches=places))

    (request,) = requests_of(XOR, [(OFFERED["adam torch"], True)])[1:]
    verdicts = [v for loaded in request.cases for v in judge_case(loaded, Sorting(), "float64", trusted=True)]
    assert {v.rung for v in verdicts if v.failed} >= {"step"}


def test_a_program_is_told_that_fan_out_was_not_tested(command):
    """A program that computes any chain, and says nothing of skip connections, is told what that leaves unseen."""
    done = command("verify", f"cmd:{sys.executable} {ADAPTER}", "xor-tanh")

    assert done.code == 0
    assert "not tested: fan-out: a chain of layers uses each value once" in done.out


def test_one_size_leaves_others_unseen():
    """A target of one size is asked for no other, and the report says what that leaves unseen."""

    class Fixed:
        name, fixed = "fixed", True
        evaluate, train = staticmethod(reference.evaluate), staticmethod(reference.train)

    report = judge(conforms("xor-tanh")(Fixed()))

    assert {v.check.case.split("/")[0] for v in report.verdicts} == {"xor-tanh"}
    assert [line.split(":")[0] for line in report.untested[:1]] == ["other sizes than its own"]


def test_an_engine_that_overwrites_gradients_is_caught_by_a_skip_connection():
    """Who says that it has skip connections is asked for one: there what is overwritten in place of added is wrong."""

    class Engine:
        name = "engine"

        def __init__(self, overwrites):
            self.overwrites = overwrites

        def evaluate(self, described, params, x, t, *, gradients=True):
            answer = reference.evaluate(described, params, x, t, gradients=gradients)
            if self.overwrites and any(layer.skip for layer in described.layers):
                layers = [msgspec.structs.replace(layer, skip=False) for layer in described.layers]
                plain = msgspec.structs.replace(described, layers=layers)
                answer = Answer(answer.loss, reference.evaluate(plain, params, x, t).gradients, answer.layers)
            return answer

        def train(self, *_):
            raise Unsupported("it trains nothing")

    pieces = ("identity", "relu", "squared_error", "skip")  # of which no documented network is made
    adds, overwrites = (conforms(pieces=pieces, dtypes=("float64",))(Engine(overwrites=o)) for o in (False, True))

    assert not caught(conforms("xor-sigmoid", dtypes=("float64",))(Engine(overwrites=True)))
    assert not caught(adds)
    assert next(failures(overwrites)).rung == "gradient"


def test_a_piece_that_there_is_not_is_one_line():
    """A misspelt piece is refused with the nearest name."""
    with pytest.raises(InputError, match=r"pieces: expected names of pieces, got 'skipp', did you mean 'skip'"):
        conforms("xor-tanh", pieces=("skipp",))


def test_a_step_by_itself_cannot_claim_another_optimiser():
    """Of a step nothing says with which moments it began, so that one which claims Adam is refused with the way out."""

    @conforms("xor-tanh", pieces=("adam torch",))
    def step(params, x, y, lr):
        return params

    with pytest.raises(InputError, match="'adam torch'; a class with evaluate and train"):
        judge(step)


def clipped(inside):
    """A softmax and its cross-entropy, with something inside the logarithm."""

    def function(params, x, t):
        h = np.tanh(x @ params["W1"] + params["b1"])
        y = softmax(h @ params["W2"] + params["b2"])
        d = (y - t) / len(x)
        e = d @ params["W2"].T * (1 - h * h)
        loss = -np.mean(np.log(inside((y * t).sum(axis=1))))
        return loss, {"W1": x.T @ e, "b1": e.sum(axis=0), "W2": h.T @ d, "b2": d.sum(axis=0)}

    return function


@pytest.mark.parametrize(
    ("inside", "declared"),
    [
        (lambda p: p + p.dtype.type(1e-8), {"log_epsilon": 1e-8}),
        (lambda p: np.clip(p, 1e-12, 1 - 1e-12), {"log_clip": 1e-12}),
    ],
    ids=["epsilon", "clip"],
)
def test_what_stands_inside_a_logarithm_is_a_convention(inside, declared):
    """An ε or a clip inside the logarithm is found by the hint, and with it declared nothing fails."""
    target = clipped(inside)
    report = judge(marked(target, SOFTMAX))

    assert report.suggestion.changes == declared
    assert not caught(marked(target, SOFTMAX, **declared))


def test_a_loss_that_is_shown_on_another_scale_is_found():
    """Σ(y-t)² shown as its mean beside the gradient of ½Σ(y-t)²: two declarations, which make everything right."""
    half, mean = (rows(network(f"4-3 sigmoid-2, squared-error {how}"), none) for how in ("half sum", "elements"))
    line = "4-3 sigmoid-2, squared-error half sum"

    def target(params, x, t):
        return mean(params, x, t)[0], half(params, x, t)[1]

    report = judge(marked(target, line))

    assert not caught(marked(target, line, **report.suggestion.changes))


def test_shapes_are_found_together():
    """Samples and biases as columns are found together, and with W on the left of x too, as courses have all three."""
    right = rows(network(COURSES["xor"]), none)

    def target(params, x, t):
        loss, g = right({name: a[:, 0] if name[0] == "b" else a for name, a in params.items()}, x.T, t.T)
        return loss, {name: a[:, None] if name[0] == "b" else a for name, a in g.items()}

    def left(params, x, t):
        loss, g = target({name: a.T if name[0] == "W" else a for name, a in params.items()}, x, t)
        return loss, {name: a.T if name[0] == "W" else a for name, a in g.items()}

    columns = {"samples": "columns", "bias": "column"}
    assert judge(marked(target, "xor-tanh")).suggestion.changes == columns
    assert judge(marked(left, "xor-tanh")).suggestion.changes == {"layout": "out,in", **columns}
    # Where the line says where W stands, the other two are left.
    assert judge(marked(left, f"{COURSES['xor']}, out-in")).suggestion.changes == columns

    def doubled(params, x, t):
        loss, g = target(params, x, t)
        return loss, g | {"b1": 2 * g["b1"]}

    # A mistake beside them keeps the target from being right; that it answers then is said.
    with_a_mistake = judge(marked(doubled, "xor-tanh")).suggestion
    assert (with_a_mistake.changes, with_a_mistake.right) == (columns, ANSWERS)


def test_a_mean_that_is_another_with_more_outputs_is_found():
    """A sum over outputs where their mean is described is right with one output, and the hint says it of several."""
    target = rows(network("3-4 tanh-1 sigmoid, bce samples"), none)
    report = judge(marked(target, "3-4 tanh-1 sigmoid, bce elements"))

    assert report.failed
    assert report.suggestion.changes["loss_reduction"] == "samples"

    def averaged(params, x, t):
        loss, g = target(params, x, t)
        return loss, g | {"b1": g["b1"] / len(x)}

    # Beside a mistake it is none, and the line says how it is described.
    (explanation,) = judge(marked(averaged, "3-4 tanh-1 sigmoid, bce elements")).explanations.values()
    assert explanation.slugs == {"bias-averaged"}
    assert "write 'samples' after the loss" in explanation.notes[0]


@pytest.mark.parametrize("make", [updates, a_class], ids=["function", "class"])
def test_a_rate_of_its_own_is_recognised_and_judged(make):
    """A step that is the same whatever the rate says so in a sentence, and is right with its rate declared."""

    def fixed():
        target = make(network(COURSES["xor"]), none)
        if make is updates:
            return lambda params, x, t, lr: target(params, x, t, 0.3)
        step = target.step
        target.step = lambda self, x, t, lr: step(self, x, t, 0.3)
        return target

    report = judge(conforms("xor-tanh")(fixed()))

    assert str(report.suggestion).startswith("your step does not depend on lr; ")
    assert report.suggestion.changes == {"rate": 0.3}
    assert not caught(conforms("xor-tanh", rate=0.3)(fixed()))


class OwnAdam(Trainer):
    """With constants of its own, and moments that it may not load."""

    def __init__(self, fresh=False, **own):
        super().__init__(lambda optimizer: own, refuses=("sgd",))
        self.fresh = fresh

    def train(self, asked):
        return super().train(replace(asked, state=None if self.fresh else asked.state))


@pytest.mark.parametrize(
    ("target", "declared"),
    [
        pytest.param({"epsilon": 1e-8}, {"epsilon": 1e-8}, id="epsilon", marks=pytest.mark.slow),
        pytest.param({"placement": "keras"}, {"placement": "keras"}, id="placement", marks=pytest.mark.slow),
        pytest.param({"epsilon": 1e-7, "placement": "keras"}, {"placement": "keras", "epsilon": 1e-7}, id="both"),
        pytest.param({"fresh": True}, {"moments": "fresh"}, id="moments"),
    ],
)
def test_an_adam_with_constants_of_its_own_is_judged_at_them(target, declared):
    """Each is found by the hint, and with it declared updates are judged and nothing fails."""
    report, again = (
        judge(conforms("xor-tanh", dtypes=("float64",), **more)(OwnAdam(**target))) for more in ({}, declared)
    )

    assert report.suggestion.changes == declared
    assert again.failed == []
    assert any(v.rung == "step" and v.status == "passed" for v in again.verdicts)


def test_a_wrong_adam_with_constants_of_its_own_fails():
    """At its own ε too a step that is off by a little is wrong."""

    class Wrong(OwnAdam):
        def train(self, asked):
            run = super().train(asked)
            return Run(run.losses, {name: p * 1.0001 for name, p in run.params.items()})

    assert caught(conforms("xor-tanh", dtypes=("float64",), epsilon=1e-8)(Wrong(epsilon=1e-8)))


@pytest.mark.parametrize(
    ("line", "form"),
    [("3-4 tanh-1 sigmoid, bce", "max(z, 0) - z·t"), ("3-2 sigmoid, bce samples", "max(z, 0) - z·t")],
)
def test_a_textbook_form_fails_at_extreme_logits_alone(line, form):
    """log(1 - a) is right but for large logits: one sentence says so with the stable form, and no other check fails."""
    described = network(line)
    stable = rows(described, none)

    def textbook(params, x, t):
        a = x
        for k, layer in enumerate(described.layers, 1):
            z = a @ params[f"W{k}"] + params[f"b{k}"]
            a = np.tanh(z) if layer.activation.kind == "tanh" else 1 / (1 + np.exp(-z))
        count = t.size if described.loss.reduction == "elements" else len(t)
        return -np.sum(t * np.log(a) + (1 - t) * np.log(1 - a)) / count, stable(params, x, t)[1]

    failed = list(failures(marked(textbook, line), ("float32", "float64")))

    assert {v.check.quantity for v in failed} == {"extreme-logits"}
    assert all(form in v.reason for v in failed)


def test_slopes_at_a_kink_hide_nothing_else():
    """At a kink a wrong gradient is compared as it is, and not with slopes that make the most of it."""
    loaded = Store().case("iris-relu-adam/probe-kink")
    halved = gradients(lambda name, g: g / 2 if name == "W1" else g)
    certified = loaded.arrays(loaded.case.evaluation.gradients, "gradients")["W1"]
    (verdict,) = [v for v in judge_case(loaded, halved, "float64", rungs=("gradient",)) if v.check.quantity == "W1"]

    assert verdict.failed
    assert verdict.error == pytest.approx(np.linalg.norm(certified) / 2, rel=1e-6)


def test_own_losses_are_measured_on_every_case_that_can_tell():
    """Gradients that fit the loss on the probe of different sizes and on no other fail on the others."""
    right = rows(network(COURSES["xor"]), none)

    def target(params, x, t):
        loss, g = right(params, x, t)
        return loss * (1 if len(x) == 7 else 2), g

    failed = [v for v in failures(marked(target, "xor-tanh")) if v.rung == "own-loss"]

    assert {v.check.case for v in failed} >= {"xor-tanh/probe-square", "xor-tanh/probe-one"}
    assert all(v.check.quantity == "all" for v in failed)


# What an answer is kept by, from p, x and t, and a check that shows it.
KEPT_BY = {
    "x itself": (lambda p, x, t: id(x), "W1"),
    "contents of x": (lambda p, x, t: (x.dtype, x.tobytes()), "W1"),
    "all but the targets": (lambda p, x, t: (x.dtype, x.tobytes(), *(a.tobytes() for a in p.values())), "loss"),
}


@pytest.mark.parametrize("line", [COURSES["xor"], "4-1 sigmoid, bce"])
@pytest.mark.parametrize(("key", "shown"), KEPT_BY.values(), ids=KEPT_BY)
def test_what_is_kept_by_some_of_its_arguments_shows(key, shown, line):
    """Answers that are kept by the array x, its contents, or all but the targets fail when what is left out changes."""
    right, kept = rows(network(line), none), {}

    def target(params, x, t):
        place = key(params, x, t)
        if place not in kept:  # of the last call alone, with its x, or another would take its place
            kept.clear()
        return kept.setdefault(place, (right(params, x, t), x))[0]

    assert any(v.check.quantity == shown for v in failures(marked(target, line)))
