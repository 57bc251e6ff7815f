"""Doors: what a user has, a function or a class, is a target as it stands; what it lacks is unsupported by name."""

import msgspec
import numpy as np
import pytest
from door_problems import HOMEWORK, fresh, homework, load, statuses
from homework import sigmoid
from ladder_problems import Wrapped

from nn_conformance.adapt.claims import conforms
from nn_conformance.adapt.conventions import declared
from nn_conformance.adapt.doors import opened
from nn_conformance.adapt.functions import read_answer
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.limits import norm
from nn_conformance.judge.target import Answer, Run, Unsupported
from nn_conformance.oracles import reference
from nn_conformance.run import verify
from nn_conformance.subjects import subject_of
from nn_reference.errors import InputError


# Right in other ways: each must pass wherever the plain one does.
def lists(p, x, t):
    gradients, loss = homework(p, x, t)
    return {"loss": float(loss), "gradients": {name: g.tolist() for name, g in gradients.items()}}


def fortran(p, x, t):
    gradients, loss = homework(p, x, t)
    return np.array(loss), {name: np.array(g, order="F") for name, g in gradients.items()}


def wide(p, x, t):
    return homework({k: v.astype(np.float64) for k, v in p.items()}, x.astype(np.float64), t)


HONEST = (homework, lists, fortran, wide)


@pytest.mark.parametrize("function", HONEST, ids=lambda function: function.__name__)
def test_an_honest_function_passes(function):
    """Lists, another memory layout, and a wider precision than was asked for: none is a false alarm."""
    found = statuses(function)
    assert found["gradient"] == found["loss"] == found["own-loss"] == {"passed"}
    assert found["layer"] == found["step"] == found["trajectory"] == {"unsupported"}


def test_a_function_may_show_its_layers_or_nothing_but_gradients():
    """Layers that are shown are judged; a loss that is not shown is unsupported, and the gradients are judged all the same."""

    def shown(p, x, t):
        gradients, loss = homework(p, x, t)
        z1 = x @ p["W1"].T + p["b1"]
        z2 = sigmoid(z1) @ p["W2"] + p["b2"]
        return {"loss": loss, "gradients": gradients, "layers": [{"z": z1, "a": sigmoid(z1)}, (z2, sigmoid(z2))]}

    assert statuses(shown)["layer"] == {"passed"}
    found = statuses(lambda p, x, t: homework(p, x, t)[0])
    assert found["loss"] == found["own-loss"] == {"unsupported"}
    assert found["gradient"] == {"passed"}


def test_one_precision_may_be_all_it_has():
    """A function of float32 alone that says so is judged there, and in nothing else."""

    def narrow(p, x, t):
        return homework({k: v.astype(np.float32) for k, v in p.items()}, x.astype(np.float32), t.astype(np.float32))

    report = verify(conforms("homework", dtypes=("float32",))(fresh(narrow)))
    assert report
    assert {v.check.dtype for v in report.verdicts} == {"float32"}
    verdicts = judge(load(HOMEWORK[0]), subject_of(narrow).target, "float64")
    assert verdicts[0].reason == "gradient W1: expected float64, got float32"


@pytest.mark.parametrize(
    ("wrong", "rung"),
    [
        (lambda g, loss: (g, loss * 2), "loss"),
        (lambda g, loss: (g | {"W1": -g["W1"]}, loss), "gradient"),
        (lambda g, loss: (g | {"b2": g["b2"][None]}, loss), "contract"),
        (lambda g, loss: (g, float("nan")), "contract"),
        (lambda g, loss: (g, loss, 3), "contract"),
        (lambda g, loss: {"loss": loss, "gradients": g, "grads": 1}, "contract"),
        (lambda g, loss: (g | {"W1": [[1, 2], [3]]}, loss), "contract"),
        (lambda g, loss: (g, [loss, loss]), "contract"),
        (lambda g, loss: {"loss": loss, "gradients": g, "layers": [1, 2]}, "contract"),
    ],
)
def test_a_wrong_answer_fails_where_it_is_wrong(wrong, rung):
    """A wrong number, name, shape or form of answer fails on its rung, in a line that says what was expected."""
    target = subject_of(lambda p, x, t: wrong(*homework(p, x, t))).target
    verdicts = judge(load(HOMEWORK[0]), target, "float64", trusted=True)
    first = next(v for v in verdicts if v.status == "failed")
    assert first.rung == rung
    assert "expected" in first.reason or "30·" in first.reason


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (3, "expected a function"),
        (lambda p, q: 1, "got <lambda>(p, q)"),
        (lambda *everything: 1, "got <lambda>()"),
        (dict, "got a class"),
        (conforms("homework")(lambda sizes: 3), "expected it to make an nn.Module or a Keras model, got int"),
    ],
)
def test_what_is_no_target_is_one_line(obj, message):
    """An object that fits no door is refused with what there is."""
    with pytest.raises(InputError) as caught:
        opened(obj)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_uncertainty_as_large_as_the_gradient_shows_nothing():
    """Where a step cannot be large enough to show a gradient, what its limit lets through is unsupported, not passed."""

    def lost(answer, **_):
        zeros = {name: 0 * g for name, g in answer.gradients.items()}
        return Answer(answer.loss, zeros, uncertainty={name: 2 * norm(g) for name, g in answer.gradients.items()})

    verdicts = judge(load(HOMEWORK[0]), Wrapped(lost), "float64", trusted=True)
    assert {v.status for v in verdicts if v.rung == "gradient"} == {"unsupported"}


def test_a_target_passes_through():
    """Modules and objects with `evaluate` and `train` are targets as they are, classes when they are made."""

    class Whole:
        name = "whole"
        evaluate, train = staticmethod(reference.evaluate), staticmethod(reference.train)

    assert opened(reference)[0] is reference
    assert isinstance(opened(Whole)[0], Whole)
    assert opened(reference)[1] == declared()
    report = verify(Whole, "xor-tanh")
    assert report
    assert report.name == "whole"


def test_a_network_that_is_asked_for_and_not_answered_makes_no_success():
    """What passes on one network does not hide that another, asked for by name, is not done; the report says which."""

    def only_biased(p, x, t):
        if "b1" not in p:
            raise Unsupported("not today")
        return homework(p, x, t)

    report = verify(only_biased, ["homework", "iris-sigmoid"])
    assert not report
    assert ([v.failure for v in report.failed], report.silent) == (["claimed"], ["iris-sigmoid/documented"])
    assert "nothing of it passed: iris-sigmoid/documented" in str(report)
    assert verify(only_biased, "homework")


def test_networks_are_named_or_claimed():
    """A mistyped network is an error wherever it stands, and none at all too."""
    with pytest.raises(InputError, match="did you mean 'homework'"):
        verify(homework, "homewrk")
    with pytest.raises(InputError, match="did you mean 'homework'"):
        verify(conforms("homewrk")(lambda p, x, t: 0))
    with pytest.raises(InputError, match="at least one"):
        verify(homework, [])
    with pytest.raises(InputError, match="like 'nothing-\\*', got none"):
        verify(conforms("homework", "nothing-*")(lambda p, x, t: 0))


def test_answers_are_read_whatever_their_order():
    """Loss and gradients come as a dict, as a pair in either order, or without a loss; tensors are detached."""

    class Tensor:
        def detach(self):
            return [1.0, 2.0]

    params = {"W1": np.zeros(2, np.float32)}
    for result in ({"loss": 1, "gradients": {"W1": [1, 2]}}, (1.0, {"W1": Tensor()}), [{"W1": (1, 2)}, np.float32(1)]):
        answer = read_answer(result, params)
        assert answer.loss == 1.0
        assert answer.gradients["W1"].dtype == np.float32
        assert answer.gradients["W1"].tolist() == [1.0, 2.0]
    assert read_answer({"W1": [0, 0]}, params).loss is None
    given = Answer(1.0)
    assert read_answer(given, params) is given


def test_a_loss_that_comes_and_goes_fails():
    """A target that shows its loss at one call and none at the next does not give the same answer twice."""
    calls = []

    def forgetful(p, x, t):
        calls.append(1)
        gradients, loss = homework(p, x, t)
        return gradients if len(calls) % 2 == 0 else (gradients, loss)

    verdicts = judge(load(HOMEWORK[0]), subject_of(forgetful).target, "float64")
    assert [v.status for v in verdicts[:2]] == ["passed", "failed"]


def test_a_run_without_losses_is_judged_by_its_parameters_where_it_has_no_memory():
    """A full target whose updates tell no loss has its steps judged, and of free runs those by plain SGD."""
    silent = Wrapped(train=lambda run: Run(None, run.params))
    for system, status in (("xor-tanh", "passed"), ("iris-relu-adam", "unsupported")):
        verdicts = judge(load(f"{system}/probe-rectangular"), silent, "float64")
        assert {v.status for v in verdicts if v.rung == "step"} == {"passed"}
        assert {v.status for v in verdicts if v.rung == "trajectory"} == {status}


def test_a_function_is_not_asked_for_the_loss_of_no_document():
    """A function of parameters cannot know that a squared error has its ½ in one call and not in another, so no such call is made."""
    case = load("homework/probe-rectangular")
    loss = case.case.network.loss
    other = msgspec.structs.replace(case.case.network, loss=msgspec.structs.replace(loss, half=not loss.half))
    target = subject_of(homework).target

    target.evaluate(case.case.network, case.params, case.x, case.t)
    with pytest.raises(Unsupported, match="another network or loss"):
        target.evaluate(other, case.params, case.x, case.t)
