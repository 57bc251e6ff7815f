"""What is said: confirmed on every case, with what is set aside, in lines and in records."""

import json
from dataclasses import replace

import numpy as np
import pytest
from door_problems import fresh
from explain_problems import AMPLE, LINEAR, SLIPS, Changed, of, of_slip, relu_network
from homework import halved

from nn_conformance import conforms, judge_run, run
from nn_conformance.cases.families import describe_network
from nn_conformance.explain import Budget, Case, explain
from nn_conformance.explain.asking import draw, sized
from nn_conformance.judge.target import Answer
from nn_conformance.report.console import folded
from nn_reference.systems import get


def test_cases_of_the_caller_are_confirmed_too():
    """An explanation that does not make the caller's numbers is not confirmed, and says where it fails."""
    target = Changed(lambda loss, gradients, x: (loss, gradients | {"b1": gradients["b1"] / len(x)}))
    case = replace(draw(sized(LINEAR, [3, 2]), 4, 99, "float64"), label="the caller's case")
    answer = target.evaluate(LINEAR, case.params, case.x, case.t)
    changed = Answer(answer.loss, answer.gradients | {"b1": answer.gradients["b1"] + 1})
    good, other = (explain(target, LINEAR, cases=[(case, given)], budget=AMPLE) for given in (answer, changed))
    assert good.confirmed
    assert not other.confirmed
    assert any("the caller's case" in note for note in other.notes)


def test_a_case_with_nan_is_set_aside_and_said():
    """NaN on one case of the caller does not veto the name on all others."""
    network = describe_network(get("xor-sigmoid/documented").network)
    case = replace(draw(sized(network, [2, 3, 1]), 4, 99, "float64"), label="logits of ±1000")
    empty = {n: np.full_like(p, np.nan) for n, p in case.params.items()}
    explanation = of(
        SLIPS["the last sample's bias"][0],
        cases=[(Case(case.network, case.params, case.x, case.t, label=case.label), Answer(0.1, empty))],
    )
    assert explanation.confirmed
    assert any("±1000" in text for text in explanation.aside)


def test_arrays_that_are_never_finite_are_named():
    """Where no call can be compared, the arrays that are never finite are said, and those that always are."""
    target = Changed(lambda loss, gradients, x: (loss, gradients | {"W1": gradients["W1"] * np.inf}))
    explanation = explain(target, LINEAR, budget=AMPLE)
    assert explanation.unexplained == ["dW1: NaN or infinite in every answer; finite: loss, db1"]
    assert not explanation.aside


def test_lines_begin_with_the_answer_and_say_how_to_mend_it():
    """The first lines say what is wrong, what is used and how it is mended; right parts follow, and are not blamed."""
    explanation = of_slip("one number for all biases")
    lines = explanation.lines()
    assert lines[0] == "wrong: layer 1, where db1 is summed"
    assert lines[1].startswith("  you use  db = δ.sum()")
    assert lines[3].startswith("  mend")
    assert lines[-1] == "right: loss, dW1, dW2, db2"
    assert {array for finding in explanation.findings for array in finding.arrays} == {"db1"}


@pytest.mark.parametrize(
    ("broken", "what"), [("explain", "explanation"), ("suggest", "suggestion"), ("Evidence", "picture")]
)
def test_an_error_of_ours_loses_no_verdict(broken, what, monkeypatch):
    """The report has every failure of a run in which something beside the verdicts broke, and says what broke."""
    monkeypatch.setattr(judge_run, broken, lambda *_, **__: {}["rule"])
    report = run.judge(conforms("homework", dtypes=("float64",))(fresh(halved)))
    assert report.failed
    [explanation] = report.explanations.values()
    assert f"also   {judge_run.BROKEN}: no {what}: KeyError: 'rule'" in explanation.lines()


def test_the_record_is_json():
    """An explanation goes through JSON with its findings as records."""
    record = json.loads(json.dumps(of_slip("two at once").as_json()))
    assert {"slot", "layer", "slug", "uses", "arrays", "constants"} <= set(record["findings"][0])


def test_no_more_is_asked_than_the_budget_has():
    """The number of calls stays within the budget, and a spent budget is no crash."""
    calls = []

    def counted(params, x, t):
        calls.append(len(x))
        return SLIPS["three at once"][0](params, x, t)

    of(counted)
    assert len(calls) <= 150
    assert not of(counted, budget=Budget(5, 0.0)).confirmed


def test_a_target_that_always_raises_has_no_explanation():
    """An exception in every call is said, and is no mistake of backpropagation."""

    def broken(params, x, t):
        raise ZeroDivisionError("of course")

    explanation = of(broken)
    assert not explanation.slugs
    assert any("ZeroDivisionError" in text for text in explanation.unexplained)


def test_what_fails_at_extreme_logits_is_one_line():
    """A right network with log 0 at large logits is said to have no wrong formula, and one remark, with the size of the logits."""
    explanation = of(relu_network(epsilon=0.0), "mnist-relu/documented")
    lines = explanation.lines()
    assert explanation.slugs == {"log-of-zero"}
    assert len(lines) == 3
    assert lines[0] == "no formula is wrong; the numbers fail where logits are large:"
    assert lines[1].startswith("also   the loss is NaN or infinite with logits as large as 1e+03")
    assert lines[2].startswith("right: loss, where it is finite, ")


@pytest.mark.usefixtures("capsys")  # standard output is no terminal here, whatever it is outside
def test_lines_are_folded_between_words_on_a_terminal():
    """No line is wider than the terminal, what follows stands below the first words, and a piped line stays whole."""
    text = "  that is  the gradient is summed over the batch, not averaged: Xᵀδ adds up the samples (sum-for-mean)"

    lines = folded(text, 60)
    assert max(map(len, lines)) <= 60
    assert [line[:11].strip() for line in lines[1:]] == [""] * (len(lines) - 1)
    assert " ".join(line.strip() for line in lines) == text.strip()
    assert folded(text) == [text]
