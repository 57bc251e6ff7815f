"""Drawn networks and single checks: honest code passes, a wrong one shrinks to the smallest, an id runs again."""

import contextlib
import io
import json
import re
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from ladder_problems import Wrapped
from spread import everyday

from nn_conformance.adapt.pieces import OPTIMIZERS
from nn_conformance.cases import format as fmt
from nn_conformance.cases.store import Store
from nn_conformance.cli.judged import judge_only
from nn_conformance.fuzz.drawn import fuzz, judged
from nn_conformance.fuzz.strategies import Problem
from nn_conformance.judge.target import Answer, Run, Unsupported
from nn_conformance.judge_run import JudgeRun
from nn_conformance.oracles import complex_step, reference
from nn_maintain.mistakes import CATALOGUE
from nn_maintain.mistakes.mistaken import Mistaken
from nn_reference.errors import InputError

pytest.importorskip("hypothesis")
STORE = Store()
HOMEWORK = Path(__file__).with_name("homework.py")
ADAPTER = Path(__file__).parents[1] / "adapters" / "numpy_adapter.py"
BY_SLUG = {mistake.slug: mistake for mistake in CATALOGUE}


@pytest.mark.parametrize(
    ("target", "dtype"),
    everyday(product((reference, complex_step), fmt.DTYPES), [(reference, "float32"), (complex_step, "float64")]),
    ids=lambda value: getattr(value, "name", value),
)
def test_honest_code_passes_on_drawn_networks(target, dtype):
    """No drawn network fails honest code, and as many are drawn as were asked for."""
    found = fuzz(target, 10, dtype=dtype)
    assert found.failing is None
    assert found.drawn == 10


def scaled(factor, more=0.0, **train):
    """The reference with its gradients times a factor, and a loss of so much more."""
    return Wrapped(
        lambda answer, **_: Answer(answer.loss + more, {name: factor * g for name, g in answer.gradients.items()}),
        **train,
    )


def linear(weight, target=0.0, activation="identity"):
    """One weight from one input of 1, with the squared error: y - t is known in every digit."""
    layer = fmt.Layer(units=1, activation=fmt.Activation(kind=activation), bias=False, layout="in,out")
    network = fmt.Network(inputs=1, layers=[layer], loss=fmt.Loss(kind="squared_error", reduction="sum"))
    sgd = fmt.Optimizer(kind="sgd", learning_rate=1.0)
    return Problem(network, sgd, {"W1": np.array([[weight]])}, np.ones((1, 1)), np.array([[target]]), [[0]])


def test_what_underflows_is_right_and_what_is_wrong_beside_it_is_not():
    """A float32 loss of 2⁻¹⁸⁸ is 0, as the limit has room for the smallest normal number, and for no more."""
    tiny = linear(2.0**-94)

    assert (
        reference.evaluate(tiny.network, {"W1": np.float32([[2.0**-94]])}, *map(np.float32, (tiny.x, tiny.t))).loss == 0
    )
    assert set(judged(reference, tiny, "float32").values()) == {""}
    wrong = scaled(2, 1e-37)
    assert [name for name, line in judged(wrong, tiny, "float32").items() if line] == ["loss", "dW1"]


@pytest.mark.parametrize(
    "slug",
    everyday(["targets-overwritten", "inputs-overwritten", "sum-for-mean", "betas-swapped"], ["targets-overwritten"]),
)
def test_a_mistake_is_caught_within_forty_networks(slug):
    """Arguments that are changed, an update and a gradient that are wrong: some drawn network shows each."""
    assert not fuzz(Mistaken(BY_SLUG[slug]), 40).right


def test_a_kink_and_what_overflows_are_not_compared():
    """At ReLU's kink any slope is right, and in float32 the square of 2⁷⁰ is infinite: nothing is said of either."""
    assert judged(reference, linear(0.0, 1.0, "relu")) == {}
    assert judged(reference, linear(2.0**70), "float32") == {}
    assert set(judged(reference, linear(2.0**70)).values()) == {""}


def test_numbers_that_differ_are_printed_differently():
    """A gradient that is off in the tenth digit is told with its error and its limit, and with that digit."""
    lines = judged(scaled(1 + 1e-10), linear(3.0))

    assert lines["loss"] == lines["W1 after 1 updates"] == ""
    assert lines["dW1"].startswith("dW1[0, 0]: 6.0000000006, right is 6 (error 6e-10, limit ")


@pytest.mark.slow
def test_a_failing_network_shrinks_to_the_smallest():
    """A sum for a mean needs two samples and no more: each layer has one unit."""
    failing = fuzz(Mistaken(BY_SLUG["sum-for-mean"]), 30).failing

    assert len(failing.x) == 2
    assert failing.network.inputs == 1
    assert all(layer.units == 1 for layer in failing.network.layers)


def test_one_check_is_judged_again():
    """Its own verdict, even where the ladder would have blocked it."""
    check = "xor-tanh/probe-square::gradient::W1::float64"

    (right,), (wrong,) = (
        judge_only(JudgeRun(who, (), STORE), check) for who in (reference, Mistaken(BY_SLUG["derivative-missing"]))
    )
    assert (right.id, right.status, wrong.status) == (check, "passed", "failed")


def test_the_first_parts_of_an_id_are_all_that_it_begins():
    """A rung of a case, in both precisions and in the ladder's order; a part of a name is no beginning."""
    found = [verdict.id for verdict in judge_only(JudgeRun(reference, (), STORE), "xor-tanh/probe-square::gradient")]
    names = ("W1", "b1", "W2", "b2")
    assert found == [f"xor-tanh/probe-square::gradient::{name}::{d}" for d in ("float32", "float64") for name in names]
    with pytest.raises(InputError, match="no 'grad' in xor-tanh/probe-square, did you mean 'gradient'"):
        judge_only(JudgeRun(reference, (), STORE), "xor-tanh/probe-square::grad")


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("xor-tanh/probe-sqare::gradient::W1::float64", "did you mean 'xor-tanh/probe-square'"),
        (
            "xor-tanh/probe-square::gradient::W7::float64",
            "no 'W7' in xor-tanh/probe-square::gradient; expected one of W1, b1, W2, b2",
        ),
        (
            "xor-tanh/probe-square::loss::loss::float64::x",
            "no 'x' in xor-tanh/probe-square::loss::loss::float64, which is",
        ),
        ("", "check: no case"),
        ("harness::contract::claim", "it is of a whole run: leave --only out"),
    ],
)
def test_an_unknown_check_gets_the_nearest(check, said):
    """A mistyped id is refused by name."""
    with pytest.raises(InputError, match=said.replace("?", r"\?")):
        judge_only(JudgeRun(reference, (), STORE), check)


def test_every_id_that_a_report_prints_can_be_judged_again(command, tmp_path, request):
    """Of published cases, of which one stands for all where not every test is run, of those certified on demand, of offered optimisers, of how a program speaks and of what a document prints."""
    target, report = f"cmd:{sys.executable} {ADAPTER}", tmp_path / "report.json"
    command("verify", target, "xor-tanh", "--json-file", report)
    verdicts = {v["id"]: v["status"] for v in json.loads(report.read_text("utf-8"))["verdicts"]}
    by_kind = {}
    for check in verdicts:
        by_kind.setdefault(check.split("::")[0].split("/")[-1], check)

    kinds = ("documented", "harness", "probe-updates", "probe-pair", "probe-inexact-float32")
    assert by_kind.keys() > set(kinds)
    for kind in by_kind if request.config.getoption("slow") else ("harness", "probe-updates", "probe-inexact-float32"):
        (again,) = json.loads(command("verify", target, "--only", by_kind[kind], "--json").out)
        assert (again["id"], again["status"]) == (by_kind[kind], verdicts[by_kind[kind]])
    printed = "homework/documented::printed::loss"
    assert [v["id"] for v in json.loads(command("verify", "--only", printed, "--json").out)] == [printed]


def test_commands_of_single_checks_and_drawn_networks(command):
    """`verify --only` prints one verdict for each target, `verify --fuzz` how many were drawn; nonsense is code 2."""
    only = command("verify", "--only", "xor-tanh/probe-one::loss::loss::float64")
    assert only.code == 0
    assert "passed: xor-tanh/probe-one::loss::loss::float64 (reference)" in only.out
    assert "2 networks drawn; all agree" in command("verify", "--fuzz", "2").out
    record, *_ = json.loads(command("verify", "--fuzz", "2", "--json").out)
    assert record["pieces"].keys() >= {"sigmoid", "tanh", "cross_entropy logits", "adam keras", "skip", "penalty 1/N"}
    assert all(each["compared"] <= each["drawn"] <= 2 for each in record["pieces"].values())
    assert "expected to draw at least 1" in command("verify", "--fuzz", "0").complaint
    assert "more than one of them" in command("verify", "homework", "--only", "xor-tanh/probe-one").complaint
    assert "did you mean" in command("verify", "--only", "xor-tanh/probe-one::lss::loss::float64").complaint


def test_networks_of_a_claim_have_its_layers_in_other_sizes():
    """Drawn like a claimed network they have its activations and loss, and one that is wrong shrinks to the smallest."""
    claimed = STORE.case("mnist-relu-torch/corrected-probe-square").case.network
    drawn = []

    class Noted:
        name = "noted"

        def evaluate(self, network, *given, **more):
            drawn.append(network)
            return reference.evaluate(network, *given, **more)

        train = staticmethod(reference.train)

    found = fuzz(Noted(), 10, like=[claimed])
    assert found.right
    names = ["identity", "relu", "cross_entropy samples", "cross_entropy logits"]
    assert list(found.pieces) == [*names, *OPTIMIZERS]
    assert [found.pieces[name] for name in names] == [(10, found.compared)] * 4
    assert sum(found.pieces[name][0] for name in OPTIMIZERS) == 10
    assert f"compared {found.compared} of 10: identity {found.compared} of 10, relu" in str(found)
    assert {tuple(layer.activation for layer in network.layers) for network in drawn} == {
        tuple(layer.activation for layer in claimed.layers)
    }
    assert {network.loss for network in drawn} == {claimed.loss}
    assert len({network.inputs for network in drawn}) > 2
    assert all(network.layers[-1].units > 1 for network in drawn)


def test_a_claimed_function_is_drawn_networks_like_its_own(command):
    """`verify --fuzz` of a function for one network draws that one's layers; pasted, its lines ask the function too."""
    assert "2 networks drawn; all agree" in command("verify", f"{HOMEWORK}:declared", "--fuzz", "2").out
    assert "2 networks drawn; all agree" in command("verify", f"{HOMEWORK}:right", "homework", "--fuzz", "2").out

    done = command("verify", f"{HOMEWORK}:shifted", "homework", "--fuzz", "20")
    assert done.code == 1
    assert re.search(r"^# \d → \d sigmoid → 1 sigmoid, squared_error; 1 sample$", done.out, re.MULTILINE)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(done.out.partition("the smallest that fails:")[2], "snippet", "exec"), {})  # noqa: S102 - our own text
    shown = [line.partition(":")[0] for line in printed.getvalue().splitlines() if "Answer(" in line]
    assert shown == ["right", "yours"]


def refused(*_, **__):
    raise Unsupported("nothing of it")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "said"),
    [
        (scaled(-1, train=refused), "dW"),
        (Wrapped(lambda answer, **_: Answer(None, {**answer.gradients, "dW9": 0})), "gradient dW9: expected"),
    ],
    ids=["without updates", "one too many"],
)
def test_what_is_missing_or_refused_hides_nothing(target, said):
    """A wrong gradient is found though the target cannot train, and what it does not answer is no agreement."""
    found = fuzz(target, 5)
    assert not found.right
    assert any(line.startswith(said) for line in found.wrong)


def test_a_loss_without_gradients_is_compared_and_said_to_be_all():
    """Of a target that gives neither gradients nor updates the summary says that the loss alone was compared."""
    found = fuzz(Wrapped(lambda answer, **_: Answer(answer.loss), train=refused), 5)
    assert found.right
    assert found.loss_alone == found.compared
    assert f"in {found.compared} the loss alone was compared" in str(found)


def test_nothing_compared_is_no_agreement():
    """A target that refuses every network has not agreed on any."""
    found = fuzz(Wrapped(refused, train=refused), 5)
    assert (found.failing, found.compared, found.right) == (None, 0, False)


def test_one_check_of_a_target_that_shows_too_little_is_a_verdict():
    """Without its gradient a check fails by the contract's reason, and a name that an oracle has expects no failure."""
    silent = Wrapped(lambda answer, **_: Answer(answer.loss, {"W1": answer.gradients["W1"]}))
    (verdict,) = judge_only(JudgeRun(silent, (), STORE), "homework/probe-square::gradient::b1::float64")
    assert verdict.status == "blocked"
    assert "contract" in verdict.reason
    short = Wrapped(train=lambda run: Run([], {n: p * (1 + 1e-8) for n, p in run.params.items()}))
    short.name = "keras"  # whose known failures are nobody else's
    (step,) = judge_only(JudgeRun(short, (), STORE), "iris-sigmoid/probe-rectangular::step::1-W1::float64")
    assert step.status == "failed"
