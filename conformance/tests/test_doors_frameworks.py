"""Modules of PyTorch and models of Keras are targets as they stand."""

import itertools
import threading

import numpy as np
import pytest

from nn_conformance.adapt.claims import conforms
from nn_conformance.adapt.doors import framework_of
from nn_conformance.cases.store import Store
from nn_conformance.explain.hint import suggest
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.target import TargetError, Unsupported
from nn_conformance.run import verify
from nn_conformance.subjects import subject_of

STORE = Store()


def sizes_of(case_id):
    """D, H, ..., C of a case."""
    network = STORE.case(case_id).case.network
    return [network.inputs, *(layer.units for layer in network.layers)]


def build_torch(sizes, activation=None):
    """Dense layers with a ReLU between them."""
    from torch import nn

    parts = []
    for inputs, units in itertools.pairwise(sizes):
        parts += [nn.Linear(inputs, units), activation or nn.ReLU()]
    return nn.Sequential(*parts[:-1])


@pytest.mark.torch
@pytest.mark.parametrize("locked", [False, True], ids=["copied", "not to be copied"])
def test_a_module_as_it_stands_is_judged_where_its_sizes_fit(locked):
    """An instance has one size, the document's own, in which it is judged; parameters, precision and gradients stay its own."""
    import torch

    module = build_torch((4, 10, 3))
    if locked:
        module.lock = threading.Lock()
    for p in module.parameters():
        p.grad = torch.ones_like(p)
    before = [p.detach().clone() for p in module.parameters()]
    assert framework_of(module) == "torch"
    report = verify(conforms("iris-relu-adam")(module))
    assert report
    assert {v.check.case for v in report.verdicts if v.status == "passed"} == {"iris-relu-adam/documented"}
    assert all(torch.equal(p, q) and p.dtype == q.dtype for p, q in zip(module.parameters(), before, strict=True))
    assert all(torch.equal(p.grad, torch.ones_like(p)) for p in module.parameters())


@pytest.mark.torch
@pytest.mark.parametrize("wrong", ["activation", "detached", "outputs"])
def test_a_wrong_module_fails(wrong):
    """Another activation, a layer that autograd does not see, or another output is caught."""
    import torch
    from torch import nn

    class Detached(nn.Module):
        def forward(self, x):
            return torch.relu(x.detach())

    def build(sizes):
        if wrong == "outputs":
            return nn.Sequential(build_torch(sizes), nn.Flatten(0))
        return build_torch(sizes, nn.Tanh() if wrong == "activation" else Detached())

    case = STORE.case("iris-relu-adam/probe-rectangular")
    verdicts = judge(case, subject_of(conforms("iris-relu-adam")(build)).target, "float64", trusted=True)
    rung = {"activation": "loss", "detached": "gradient", "outputs": "contract"}[wrong]
    assert next(v for v in verdicts if v.status == "failed").rung == rung


@pytest.mark.torch
@pytest.mark.parametrize("made", [True, False], ids=["instance", "factory"])
def test_what_a_module_keeps_between_calls_shows(made):
    """A module whose every second pass is off fails by the same call twice, whether it is made already or made from sizes."""
    from torch import nn

    class Alternating(nn.Module):
        def __init__(self, sizes):
            super().__init__()
            self.all, self.calls = build_torch(sizes), 0

        def forward(self, x):
            self.calls += 1
            return self.all(x) * (1 + 0.01 * (self.calls % 2))

    case = STORE.case("iris-relu-adam/documented")
    obj = conforms("iris-relu-adam")(Alternating(sizes_of(case.case.id)) if made else Alternating)
    verdicts = judge(case, subject_of(obj).target, "float64", rungs=("contract",), trusted=True)
    assert {v.check.quantity for v in verdicts if v.failed} == {"repeat"}


@pytest.mark.torch
def test_a_module_may_leave_its_softmax_to_the_loss():
    """Logits where the description has a softmax are a convention, which is suggested, and with which logits of ±1000 pass."""
    case = STORE.case("mnist-relu/probe-rectangular")
    hint = str(suggest(case, subject_of(conforms("mnist-relu")(build_torch)).target, "float64"))
    assert hint.startswith("declared logits=False: with logits=True loss and gradients are right; ")
    declared = subject_of(conforms("mnist-relu", logits=True)(build_torch)).target
    for loaded in (case, STORE.case("mnist-relu/probe-extreme")):
        verdicts = judge(loaded, declared, "float64", updates=5, trusted=True)
        assert [v for v in verdicts if v.status in ("failed", "blocked")] == []


@pytest.mark.torch
def test_tensors_are_read_from_a_function():
    """A function may return what autograd gives."""
    import torch

    def function(p, x, t):
        held = {name: torch.tensor(value, requires_grad=True) for name, value in p.items()}
        h = torch.sigmoid(torch.tensor(x) @ held["W1"].T + held["b1"])
        loss = ((torch.sigmoid(h @ held["W2"] + held["b2"]) - torch.tensor(t)) ** 2).mean() / 2
        loss.backward()
        return {"loss": loss, "gradients": {name: p.grad for name, p in held.items()}}

    assert verify(conforms("homework")(function))


def build_keras(sizes, dtype="float32"):
    """Dense layers, linear, ReLU and softmax: document 002's model."""
    import keras

    kinds = ["linear", *["relu"] * (len(sizes) - 3), "softmax"]
    layers = [keras.layers.Dense(units, kind, dtype=dtype) for units, kind in zip(sizes[1:], kinds, strict=True)]
    return keras.Sequential([keras.Input((sizes[0],)), *layers])


@pytest.mark.slow
@pytest.mark.keras
def test_a_model_of_any_sizes_passes():
    """What makes a Keras model from sizes is judged by its tape and Keras's optimiser; it has float32 alone and says so."""
    target = subject_of(conforms("mnist-dense-keras", dtypes=("float32",))(build_keras)).target
    passed = set()
    for probe in ("probe-rectangular", "probe-square"):
        verdicts = judge(STORE.case(f"mnist-dense-keras/{probe}"), target, "float32", updates=20, trusted=True)
        assert [v for v in verdicts if v.status in ("failed", "blocked")] == []
        passed |= {verdict.rung for verdict in verdicts if verdict.status == "passed"}
    assert passed >= {"loss", "gradient", "metamorphic", "step", "trajectory"}
    assert target.conventions.describe() == "layout='in,out', output='matrix'"


@pytest.mark.keras
def test_a_model_as_it_stands_keeps_its_weights():
    """A compiled model is judged where its sizes and its precision fit, and has its own weights afterwards."""
    case = STORE.case("mnist-dense-keras/probe-rectangular")
    model = build_keras(sizes_of("mnist-dense-keras/probe-rectangular"), "float64")
    model.compile(loss="categorical_crossentropy")
    before = model.get_weights()
    assert framework_of(model) == "keras"
    verdicts = judge(case, subject_of(model).target, "float64", rungs=("contract", "loss", "gradient"), trusted=True)
    assert {v.status for v in verdicts if v.rung == "gradient"} == {"passed"}
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    assert {v.status for v in judge(case, subject_of(model).target, "float32")} == {"unsupported"}
    other = STORE.case("mnist-dense-keras/probe-square")
    with pytest.raises(Unsupported, match="the model has"):
        subject_of(model).target.evaluate(other.case.network, other.params, other.x, other.t)


@pytest.mark.keras
def test_a_wrong_model_fails():
    """Another activation fails by its loss, another number of outputs by the contract."""
    import keras

    case = STORE.case("mnist-dense-keras/probe-rectangular")
    model = build_keras(sizes_of("mnist-dense-keras/probe-rectangular"), "float64")
    model.layers[1].activation = keras.activations.tanh
    verdicts = judge(case, subject_of(model).target, "float64", rungs=("contract", "loss"), trusted=True)
    assert next(v for v in verdicts if v.status == "failed").rung == "loss"
    flat = keras.Sequential([model, keras.layers.Reshape((-1, 1), dtype="float64")])
    flat.build((None, case.case.network.inputs))
    with pytest.raises(TargetError, match="output"):
        subject_of(flat).target.evaluate(
            case.case.network, case.params, *(a.astype("float64") for a in (case.x, case.t))
        )
