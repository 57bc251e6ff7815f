"""Code that only updates its parameters is judged by its updates, and its gradients are recovered from them."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from door_problems import HOMEWORK, homework, load, statuses

from nn_conformance.adapt.claims import conforms
from nn_conformance.adapt.doors import opened
from nn_conformance.adapt.recovered import FURTHER, Recovered
from nn_conformance.adapt.updating import Holding, Updating
from nn_conformance.cases import format as fmt
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.limits import norm
from nn_conformance.judge.target import Run, Training, Unsupported
from nn_conformance.oracles import reference
from nn_conformance.run import verify
from nn_conformance.subjects import subject_of


# Updates, in the ways that they come.
def new_dict(p, x, t, lr):
    gradients, loss = homework(p, x, t)
    return {name: value - lr * gradients[name] for name, value in p.items()}, loss


def in_place(p, x, t, learning_rate):
    for name, g in homework(p, x, t)[0].items():
        p[name] -= learning_rate * g


def in_place_with_loss(p, x, t, lr=0.1, verbose=False):
    gradients, loss = homework(p, x, t)
    p.update({name: value - lr * gradients[name] for name, value in p.items()})
    return loss


class Model:
    """Weights that are set, stepped and read."""

    def set_weights(self, params):
        self.params = params

    def step(self, x, t, lr):
        in_place(self.params, x, t, lr)

    def get_weights(self):
        return self.params


UPDATES = {"dict": new_dict, "in place": in_place, "loss": in_place_with_loss, "class": Model, "object": Model()}


@pytest.mark.parametrize("obj", UPDATES.values(), ids=UPDATES)
def test_what_only_updates_is_judged_by_its_updates(obj):
    """Gradients are recovered from a step, and the steps and free runs judged; a loss that it does not tell is unsupported."""
    found = statuses(obj)
    assert found["gradient"] == found["step"] == found["trajectory"] == {"passed"}
    assert found["loss"] == ({"passed"} if obj in (new_dict, in_place_with_loss) else {"unsupported"})


def test_the_uncertainty_bounds_what_rounding_of_the_parameters_does():
    """With a rate of 1 alone, and gradients small beside the parameters, the error is as large as is stated, and no larger."""
    rng = np.random.default_rng(5)
    network = load("xor-sigmoid/probe-one").case.network
    for dtype in fmt.DTYPES:
        theta = {"W": rng.uniform(1, 2, 200).astype(dtype)}
        g = rng.standard_normal(200) * 1e-3

        def update(p, x, t, lr, g=g, dtype=dtype):
            if lr > 1:
                raise OverflowError
            return {"W": p["W"] - (lr * g).astype(dtype)}

        answer = Recovered(Holding(lambda: Updating(update), "small")).evaluate(
            network, theta, np.zeros((1, 1)), np.zeros((1, 1))
        )
        error = norm(answer.gradients["W"] - g)
        assert answer.uncertainty["W"] / 40 < error <= answer.uncertainty["W"]


def failures(obj):
    """What fails of document 002's network, in both precisions."""
    target = subject_of(obj, ["homework"]).target
    return [v for dtype in fmt.DTYPES for v in judge(load(HOMEWORK[0]), target, dtype, trusted=True) if v.failed]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda p, x, t, lr: {k: v + lr * homework(p, x, t)[0][k] for k, v in p.items()},
        lambda p, x, t, lr: {k: v - lr * len(x) * homework(p, x, t)[0][k] for k, v in p.items()},
        lambda p, x, t, lr: {k: v * (1 - 1e-3 * lr) - lr * homework(p, x, t)[0][k] for k, v in p.items()},
        lambda p, x, t, lr: {k: v - (lr * homework(p, x, t)[0][k] if k[0] == "W" else 0) for k, v in p.items()},
    ],
    ids=["uphill", "no mean", "decay", "biases stay"],
)
def test_a_wrong_update_fails(wrong):
    """A step uphill, without the mean, with a decay that nobody asked for, or not of all parameters, is caught."""
    assert {v.rung for v in failures(wrong)} >= {"gradient"}


def test_no_declaration_makes_an_uphill_step_right():
    """The sign of gradients is a convention, that of a step is not: none is suggested, and a declared one changes nothing."""

    def uphill(p, x, t, lr):
        return {k: v + lr * homework(p, x, t)[0][k] for k, v in p.items()}

    report = verify(conforms("homework", negative_gradient=True)(uphill))
    assert {v.rung for v in report.failed} >= {"gradient"}
    assert report.suggestion is None


def test_weights_that_are_updated_too_early_are_caught():
    """An output layer that is updated before the error goes back through it is wrong, at any rate."""

    def early(p, x, t, lr):
        before = homework(p, x, t)[0]
        p["W2"] = p["W2"] - lr * before["W2"]
        after = homework(p | {"b2": p["b2"]}, x, t)[0]
        return {
            "W2": p["W2"],
            **{k: p[k] - lr * (after if k in ("W1", "b1") else before)[k] for k in ("W1", "b1", "b2")},
        }

    assert {v.check.quantity for v in failures(early) if v.rung == "gradient"} == {"W1", "b1"}


def test_a_sum_in_the_update_is_declared_and_its_steps_are_scaled():
    """Without 1/N in its update, a target that declares it passes gradients and steps, of batches of any size."""

    def summed(p, x, t, lr):
        return {k: v - lr * len(x) * homework(p, x, t)[0][k] for k, v in p.items()}

    def plain(p, x, t, lr):
        return summed(p, x, t, lr)

    mended = conforms("homework", gradient_reduction="sum")(summed)
    for probe in ("rectangular", "partial"):
        verdicts = judge(load(f"homework/probe-{probe}"), subject_of(mended).target, "float64", trusted=True)
        assert {v.status for v in verdicts if v.rung in ("gradient", "step")} == {"passed"}
    report = verify(plain, "homework")
    assert "with gradient_reduction='sum' loss" in str(report.suggestion)
    # Nor does anybody know whether that is meant: the mistake that makes these numbers is named too.
    assert "sum-for-mean" in report.explanations["homework/documented"].slugs


def test_updates_are_plain_sgd():
    """Momentum and Adam are unsupported by name, and never passed."""
    target = opened(new_dict)[0]
    case = load("iris-relu-adam/probe-one")
    adam, x = case.case.optimizer, (case.params, case.x, case.t, [[0]])
    with pytest.raises(Unsupported, match="not by Adam"):
        target.train(Training(case.case.network, adam, *x))
    with pytest.raises(Unsupported, match="not by momentum"):
        target.train(Training(case.case.network, fmt.Optimizer(kind="sgd", learning_rate=1.0, momentum=0.9), *x))


def test_a_rate_at_which_the_target_overflows_is_not_used():
    """Infinite parameters, or an exception after a huge step, leave the last finite one."""
    seen = []

    def fragile(p, x, t, lr):
        seen.append(lr)
        if lr == FURTHER[1]:
            raise OverflowError
        return {k: v - lr * (homework(p, x, t)[0][k] if k != "b2" else 0) for k, v in p.items()}

    case = load(HOMEWORK[0])
    found = Recovered(Holding(lambda: Updating(fragile), "fragile")).evaluate(
        case.case.network, case.params, case.x, case.t
    )
    assert seen == [1.0, *FURTHER[:2]]
    assert found.uncertainty["W1"] < 1e-20

    def infinite(p, x, t, lr):
        return {k: v * (1 if lr == 1 else inf) for k, v in p.items()}

    answer = Recovered(Holding(lambda: Updating(infinite), "infinite")).evaluate(
        case.case.network, case.params, case.x, case.t
    )
    assert not answer.gradients["W1"].any()


class Spoiling(Model):
    """A model whose step leaves other targets in place of its own."""

    def step(self, x, t, lr):
        super().step(x, t, lr)
        t[...] = 0


def doubling(p, x, t, lr):
    in_place(p, x, t, lr)
    x *= 2


@pytest.mark.parametrize(("obj", "changed"), [(doubling, "x"), (Spoiling, "t")])
def test_update_that_overwrites_its_batch_fails(obj, changed):
    """Parameters may change in place; inputs and targets that change are a failure that names them."""
    assert {(verdict.failure, verdict.subject) for verdict in failures(obj)} == {("arguments", (changed,))}


class Remembering(Model):
    """A model that tells no loss, and whose gradients add up from step to step after `set_weights`."""

    def set_weights(self, params):
        self.params, self.sums = params, {name: 0 * p for name, p in params.items()}

    def step(self, x, t, lr):
        self.sums = {name: self.sums[name] + g for name, g in homework(self.params, x, t)[0].items()}
        self.params = {name: p - lr * self.sums[name] for name, p in self.params.items()}


class FirstOnly:
    """An engine that trains with the first of its batches."""

    name = "first only"
    evaluate = staticmethod(reference.evaluate)

    def train(self, asked):
        return Run(None, reference.train(replace(asked, batches=asked.batches[:1])).params)


@pytest.mark.parametrize("obj", [Remembering, FirstOnly])
def test_later_updates_are_judged_without_losses(obj):
    """A mistake that only a second update in a call makes fails there, and nowhere else, though no loss shows it."""
    failed = failures(obj)

    assert {(verdict.rung, verdict.failure) for verdict in failed} == {("trajectory", "mismatch")}
    assert {verdict.check.dtype for verdict in failed} == set(fmt.DTYPES)
