"""Networks as courses have them: right ones pass however they are written, and no mistake of scale passes anywhere."""

import itertools
from pathlib import Path

import pytest
from courses import COURSES, SLIPS, STYLES, TARGETS, UPDATE_SLIPS, Trainer, caught, made, none, of, rows
from spread import everyday

from nn_conformance import conforms, network
from nn_conformance.cases.families import describe_network
from nn_conformance.run import judge
from nn_reference.systems import get

FILE = Path(__file__).with_name("courses.py")
EVERYDAY = {("logistic", "rows"), ("softmax", "columns"), ("leaky_l2", "loops"), ("regression", "class")}
WRITTEN = everyday(itertools.product(COURSES, STYLES), EVERYDAY)
# Every mean, sum and half that may be too much or too little; N samples and C outputs.
FACTORS = {
    "N": lambda n, c, _: n,
    "1/N": lambda n, c, _: 1 / n,
    "C": lambda n, c, _: c,
    "1/C": lambda n, c, _: 1 / c,
    "NC": lambda n, c, _: n * c,
    "1/NC": lambda n, c, _: 1 / (n * c),
    "N/C": lambda n, c, _: n / c,
    "2": lambda n, c, _: 2,
    "1/2": lambda n, c, _: 0.5,
    "-1": lambda n, c, _: -1,
}


@pytest.mark.parametrize(("course", "style"), WRITTEN)
def test_what_is_right_passes(command, course, style):
    """By command a right network is accused of nothing, however it is written, in either precision, and something of it passed."""
    done = command("verify", f"{FILE}:{course}_{style}_right", "--json")

    assert [v for v in done.json["verdicts"] if v["status"] == "failed"] == []
    assert (done.code, done.json["ok"]) == (0, True)


@pytest.mark.parametrize(("course", "style"), WRITTEN)
def test_what_is_wrong_does_not_pass(course, style):
    """Each of five mistakes fails, however the network is written."""
    assert [name for name in SLIPS if not caught(TARGETS[f"{course}_{style}_{name}"])] == []


@pytest.mark.parametrize("course", everyday(COURSES, ("tanh_sigmoid", "relu_relu_softmax")))
def test_no_mistake_of_scale_passes(course):
    """A factor of sizes, a half or a sign too much fails in each array of each layer, in the error and in each slope."""
    last = len(network(COURSES[course]).layers)
    arrays = [f"{letter}{k}" for k in range(1, last + 1) for letter in "Wb"]
    slopes = [f"slope{k}" for k in range(1, last)]
    passed = [
        (array, name)
        for array in (*arrays, *slopes, "error")
        for name, factor in FACTORS.items()
        if not caught(made(course, "rows", of(array, factor)))
    ]

    assert passed == []


@pytest.mark.parametrize("network_id", ["xor-tanh", "xor-sigmoid"])
def test_a_documented_network_of_one_output_is_asked_for_several(network_id):
    """Of the documents' XOR too, with its one output, gradients that are C times those of its own loss fail."""
    described = describe_network(get(network_id).network)
    right, wrong = (conforms(network_id)(rows(described, slip)) for slip in (none, of("error", lambda n, c, _: c)))

    assert not caught(right)
    assert caught(wrong)


@pytest.mark.parametrize("line", ["xor", "relu_relu_softmax"])
def test_any_loss_with_any_optimiser(line):
    """Momentum and Adam are asked of who offers them, whatever the network; four mistakes of updates fail."""
    right = conforms(COURSES[line], pieces=("momentum classical", "adam torch"))(Trainer())
    wrong = [name for name, slip in UPDATE_SLIPS.items() if not caught(conforms(COURSES[line])(Trainer(slip)))]

    assert judge(right).failed == []
    assert wrong == []


def test_an_optimiser_that_is_claimed_and_refused_is_a_failure():
    """Who says that it has RMSProp and refuses it fails by that; who does not say so is not asked."""
    line = COURSES["xor"]
    claims, silent = conforms(line, pieces=("rmsprop torch",))(Trainer()), conforms(line)(Trainer())

    assert {v.failure for v in judge(claims).failed} == {"claimed"}
    assert judge(silent).ok
    assert caught(conforms(line, pieces=("adam torch",))(Trainer(refuses=("adam",))))
