"""The documents' own shapes: each worked example is right on its networks, and fails where its document does."""

import importlib.util
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from spread import everyday

from nn_conformance.adapt.claims import conforms
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
WHOLE = everyday(NAMED, OBJECTS.keys() - {"doc003"})


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
