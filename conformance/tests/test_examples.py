"""The documents' own shapes: each worked example is right on its networks, and a mistake that is put into it is caught."""

import importlib.util
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from nn_conformance.adapt.claims import claim_of, conforms
from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import judge
from nn_conformance.judge_run import JudgeRun
from nn_conformance.run import verify
from nn_conformance.subjects import subject_of

FOLDER = Path(__file__).resolve().parents[1] / "examples"
STORE = Store()


@cache
def example(name):
    """An example as a module."""
    (path,) = FOLDER.glob(f"{name}_*.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


OBJECTS = {
    "doc000": ["Iris"],
    "doc001": ["step"],
    "doc002": ["implementation"],
    "doc003": ["xor_sigmoid", "tanh"],
    "doc004": ["Updates"],
}
NAMED = [(name, attribute) for name, attributes in OBJECTS.items() for attribute in attributes]
# Both objects of document 003 claim all their networks: seconds.
WHOLE = [pytest.param(*named, marks=pytest.mark.slow if named[0] == "doc003" else ()) for named in NAMED]


def failures(name, attribute):
    """Rung and quantity of what fails first on the probe whose sizes all differ, of the first network that is claimed."""
    obj = getattr(example(name), attribute)
    case = STORE.case(f"{claim_of(obj).systems[0]}/probe-rectangular")
    verdicts = judge(
        case, subject_of(obj).target, "float64", rungs=("contract", "layer", "loss", "gradient"), trusted=True
    )
    return {(verdict.rung, verdict.check.quantity) for verdict in verdicts if verdict.failed}


@pytest.mark.parametrize(("name", "attribute"), WHOLE)
def test_each_example_is_right_on_all_its_networks(name, attribute):
    """It fails nothing, and its gradients pass on every network that it claims, in both precisions."""
    obj = getattr(example(name), attribute)
    report = verify(obj)
    assert report, str(report)
    assert report.suggestion is None
    passed = {(v.check.case, v.check.dtype) for v in report.verdicts if (v.rung, v.status) == ("gradient", "passed")}
    judged_subject = subject_of(obj)
    checks = JudgeRun(judged_subject.target, judged_subject.claimed(()), STORE).checks()
    judged = {(loaded.case.id, dtype) for loaded, dtype in checks.values()}
    # In probe-extreme of sigmoids rounding may hide every gradient.
    assert {case for case in judged - passed if not case[0].endswith("probe-extreme")} == set()


# A mistake of each shape's own kind: what to replace in the example, by what, and where it must show.
MISTAKES = [
    ("doc000", "Iris", "SigmoidNet.slope", staticmethod(lambda a: a), "gradient"),
    ("doc001", "step", "np.outer", lambda a, b: np.outer(a, b) / 2, "gradient"),
    ("doc001", "step", "DeepNet.sigmoid", lambda self, z, derivative=False: 1 / (1 + np.exp(-z)), "gradient"),
    ("doc002", "implementation", "sigmoid", np.tanh, "layer"),
    ("doc003", "xor_sigmoid", "mse_prime", lambda y, a: (a - y) / y.size, "gradient"),
    ("doc003", "tanh", "mse", lambda y, a: np.sum((y - a) ** 2) + 1e-3, "loss"),
    ("doc004", "Updates", "relu_slope", lambda z: 1.0 * (z > 0.5), "gradient"),
    ("doc004", "Updates", "softmax", lambda z: np.exp(z) / np.sum(np.exp(z), axis=0, keepdims=True), "gradient"),
]


@pytest.mark.parametrize(("name", "attribute", "where", "mistake", "rung"), MISTAKES)
def test_a_mistake_that_is_put_in_is_caught(monkeypatch, name, attribute, where, mistake, rung):
    """With one function replaced by a wrong one, checks fail on the rung that is its business."""
    module = example(name)
    owner, _, part = where.rpartition(".")
    if owner == "np":

        class Changed:
            def __getattr__(self, key):
                return mistake if key == part else getattr(np, key)

        monkeypatch.setattr(module, "np", Changed())
    else:
        monkeypatch.setattr(getattr(module, owner) if owner else module, part, mistake)
    assert rung in {found for found, _ in failures(name, attribute)}


def test_a_network_that_is_broken_by_hand_is_caught(monkeypatch):
    """A layer that forgets to update its bias is named by that bias's gradient, and its weights are right."""
    module = example("doc003")
    right = module.Dense.backward_propagation

    def forgets(self, error, learning_rate):
        bias = self.bias.copy()
        below = right(self, error, learning_rate)
        self.bias[...] = bias
        return below

    monkeypatch.setattr(module.Dense, "backward_propagation", forgets)
    assert {quantity for rung, quantity in failures("doc003", "xor_sigmoid") if rung == "gradient"} == {"b1", "b2"}


def test_the_documents_own_softmax_fails_where_it_overflows_and_nowhere_else(monkeypatch):
    """Without the shift, document 004's class is right everywhere but on logits of ±1000, where it is NaN."""
    module = example("doc004")

    def unshifted(z):
        return np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)

    monkeypatch.setattr(module, "softmax", unshifted)
    failed = {verdict.check for verdict in verify(module.Updates).failed}
    assert {check.case for check in failed if check.quantity != "extreme-logits"} == {"mnist-relu/probe-extreme"}
    assert {check.case for check in failed if check.quantity == "extreme-logits"} == {"mnist-relu/probe-rectangular"}


@pytest.mark.torch
def test_the_documents_module_is_right_as_it_stands():
    """Document 004's `nn.Module`, its softmax over the batch included, passes what it claims; over the outputs it fails."""
    from torch import nn

    made = example("doc004").torch_module()
    assert verify(made)

    def build(sizes):
        module = made(sizes)
        module.softmax = nn.Softmax(dim=1)
        return module

    case = STORE.case("mnist-relu-torch/probe-rectangular")
    verdicts = judge(case, subject_of(conforms("mnist-relu-torch")(build)).target, "float64", trusted=True)
    assert "loss" in {verdict.rung for verdict in verdicts if verdict.status == "failed"}


def test_each_example_is_small_and_says_what_it_is():
    """Under a hundred lines, with a docstring that names the document."""
    paths = sorted(FOLDER.glob("*.py"))
    assert [path.name[:6] for path in paths] == sorted(OBJECTS)
    for path in paths:
        text = path.read_text("utf-8")
        assert text.startswith(f'"""Document {path.name[3:6]}')
        assert len(text.splitlines()) < 100
