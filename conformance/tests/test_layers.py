"""A layer is a target in each shape that courses have; right ones pass through every door, and wrong ones are named."""

import types

import layer_problems as problems
import numpy as np
import pytest
from courses import caught
from spread import everyday

from nn_conformance import conforms, verify
from nn_conformance.adapt.doors import opened
from nn_conformance.adapt.layers import network_of
from nn_conformance.oracles import reference
from nn_conformance.pytest_checks import checks_of
from nn_reference.errors import InputError

LINE = "3-4 tanh-2 sigmoid, squared-error"
COLUMNS = {"samples": "columns", "layout": "out,in", "bias": "column"}
RIGHT = [
    ("dense_forward", "dense relu"),
    ("by_name_forward", "dense sigmoid"),
    ("other_order_forward", "dense sigmoid"),
    ("relu", "relu"),
    ("Softmax", "softmax"),
    ("Affine", "dense"),
    ("Sized", "linear"),
    ("Listed", "dense"),
    ("Zeroed", "dense"),
    ("Stepping", "dense"),
    ("softmax_loss", "softmax cross-entropy"),
    ("SoftmaxWithLoss", "softmax cross-entropy"),
    ("mse", "mse"),
]
WRONG = [
    ("no_slope_forward", "dense relu", "hidden activations are passed through without their derivative"),
    ("dx_no_slope_forward", "dense relu", "layer 2, derivative of the activation, in the error that goes back"),
    ("dx_sign_forward", "dense relu", "-1 times"),
    ("averaged_forward", "dense relu", "1/N times the right one"),
    ("transposed_forward", "dense relu", "W stands for Wᵀ on the way back"),
    ("no_bias_forward", "dense relu", "biases are left out of the forward pass"),
    ("tanh", "tanh", "1-z²"),
    ("changing", "relu", "x changed in place"),
    ("DiagonalSoftmax", "softmax", "diagonal"),
    ("Adding", "dense", "each call adds to the gradients before it"),
    ("SteppingByMean", "dense", "the scale of db"),
    ("softmax_loss_not_averaged", "softmax cross-entropy", "N times the right one"),
    ("mse_halved", "mse", "½ times the right one"),
    ("mse_of_sums", "mse", "N·C"),
    # Forward passes of whole networks; to return an empty dict of gradients is a mistake.
    ("summed_loss", LINE, "with loss_reduction='sum'"),
    ("other_activation", LINE, "hidden layers have another activation"),
    ("no_bias_below", LINE, "biases are left out of the forward pass"),
    ("no_gradients", LINE, "gradients: expected W1, b1, W2, b2, got none"),
]
# A pair of functions, a class and a loss, right and wrong in each place, are for every day.
DAILY = {"dense_forward", "other_order_forward", "Affine", "SoftmaxWithLoss"}
DAILY |= {
    "dx_no_slope_forward",
    "tanh",
    "changing",
    "softmax_loss_not_averaged",
    "mse_halved",
    "summed_loss",
    "no_gradients",
}


SAMPLE = [row[:2] for row in (RIGHT[0], RIGHT[3], WRONG[6], WRONG[1], WRONG[11], RIGHT[10])]


def statuses(report, rung):
    return {verdict.status for verdict in report.verdicts if verdict.rung == rung}


@pytest.mark.parametrize(("name", "layer"), everyday(RIGHT, DAILY))
def test_a_right_layer_passes_with_its_dx(name, layer):
    """Outputs or loss, every gradient and ∂L/∂x of a right layer pass, and none of its gradients is left out."""
    report = verify(getattr(problems, name), layer=layer)

    assert report.ok, str(report)
    assert statuses(report, "gradient") == statuses(report, "input-gradient") == {"passed"}
    assert statuses(report, "layer" if "linear" in network_of(layer) else "loss") >= {"passed"}


@pytest.mark.parametrize(("name", "layer", "words"), everyday(WRONG, DAILY))
def test_a_wrong_layer_is_named(name, layer, words):
    """The explanation of networks names the mistake of a layer, in its outputs, dx, dW, db or loss; of a forward pass alone too."""
    report = verify(getattr(problems, name), **{"networks" if layer == LINE else "layer": layer})

    assert not report.ok
    assert words in str(report)


@pytest.mark.parametrize(("name", "layer", "conventions"), [
    ("columns_forward", "dense tanh", COLUMNS),
    ("softmax_loss_of_classes", "softmax cross-entropy", {"labels": "integer"}),
    ("averaged_forward", "dense relu", {"gradient_reduction": "samples"}),
])  # fmt: skip
def test_columns_classes_and_means_are_declared(name, layer, conventions):
    """Samples in columns, classes as numbers, and dW and db over N beside a dx that is not, pass where that is declared."""
    # A copy, so that the mark is not left on a function that other tests take.
    original = getattr(problems, name)
    function = types.FunctionType(original.__code__, original.__globals__, name)

    assert caught(conforms(layer=layer)(function))
    assert verify(conforms(layer=layer, **conventions)(function)).ok


@pytest.mark.parametrize(("name", "layer"), everyday(SAMPLE, ["relu", "softmax_loss_not_averaged"]))
def test_decorator_and_call_and_command_say_the_same(command, name, layer):
    """Each check has the same verdict by decorator, library call, pytest's checks and command; the exit code agrees."""
    obj = getattr(problems, name)
    report = verify(obj, layer=layer)
    verdicts = {str(verdict.check): verdict.status for verdict in report.verdicts}
    source = f"{problems.__file__}:{name}"
    done = command("verify", source, "--layer", layer, "--json")
    shown = {v["id"]: v["status"] for v in done.json["verdicts"] if v["case"] != "harness"}

    original = obj if isinstance(obj, type) else types.FunctionType(obj.__code__, obj.__globals__, name)
    marked = conforms(layer=layer)(type(name, (obj,), {}) if isinstance(obj, type) else original)
    assert {str(v.check): v.status for v in verify(marked).verdicts} == verdicts
    assert {str(check.id): check.verdict.status for check in checks_of(marked)} == verdicts
    assert shown == verdicts
    assert done.code == (0 if report.ok else 1)


@pytest.mark.parametrize(("layer", "line"), [
    ("dense", "5-4-3, linear"),
    ("Affine leaky(0.2) no-bias", "5-4 leaky(0.2)-3 leaky(0.2), linear, no-bias"),
    ("gelu", "5-4 gelu-3 gelu, linear"),
    ("softmax cross-entropy sum", "5-3 softmax, cross-entropy sum"),
    ("cross-entropy", "5-3 sigmoid, cross-entropy"),
    ("sigmoid binary-cross-entropy", "5-3, binary-cross-entropy logits"),
    ("bce clip(1e-9)", "5-3 sigmoid, binary-cross-entropy clip(1e-09)"),
])  # fmt: skip
def test_a_layer_has_a_network(layer, line):
    """Two layers under Σ t·y, or one under a loss, which takes what stands in its words."""
    assert network_of(layer) == line


def test_an_order_of_results_is_known_on_one_case_alone():
    """Where all sizes are equal, the order of dx, dW and db is the one that other sizes have shown."""
    function = types.FunctionType(problems.other_order_forward.__code__, vars(problems), "other_order_forward")
    checks = checks_of(conforms(layer="dense sigmoid")(function))
    square = [check.verdict for check in checks if check.id.case.endswith("square")]

    assert {v.status for v in square if v.rung in ("gradient", "input-gradient")} == {"passed"}


def test_a_pair_an_instance_and_a_module_are_layers():
    """Two functions as a tuple, an object that is made already, and a module with `forward` and `backward`."""
    module = types.ModuleType("mine")
    module.forward, module.backward = problems.dense_forward, problems.dense_backward

    assert verify((problems.dense_forward, problems.dense_backward), layer="dense relu").ok
    assert verify(problems.Affine(np.zeros((2, 2)), np.zeros(2)), layer="dense").ok
    assert verify(module, layer="dense relu").ok
    assert not verify((problems.dense_forward, problems.no_slope_backward), layer="dense relu").ok


def test_shapes_of_outputs_and_dx_are_named():
    """An output or a dx of another shape fails the contract, with the layer and both shapes."""
    transposed = verify((lambda x: np.maximum(x, 0).T, problems.relu_backward), layer="relu")
    flat = verify((problems.relu, lambda dout, z: dout.sum(axis=0)), layer="relu")

    assert any("layer 1: output: expected shape (8, 4), got (4, 8)" in v.reason for v in transposed.failed)
    assert any("layer 2: dx: expected shape (8, 3), got (3,)" in v.reason for v in flat.failed)


@pytest.mark.parametrize(("layer", "words"), [
    ("rellu", "did you mean 'relu'"),
    ("dens tanh", "did you mean 'dense'"),
    ("dense mse", "that is a network"),
    ("", "--layer"),
])  # fmt: skip
def test_an_unknown_layer_is_one_line(command, layer, words):
    """What is no layer is refused with the nearest word, by command and, but for nothing at all, by decorator."""
    done = command("verify", f"{problems.__file__}:relu", "--layer", layer or "relu", *([] if layer else [LINE]))
    assert words in done.complaint
    if layer:
        with pytest.raises(InputError, match=words):
            conforms(layer=layer)


def test_a_layer_and_a_network_at_once_are_refused(command):
    """A layer is judged in its own network: another beside it, or a program, is a mistake of usage."""
    with pytest.raises(InputError, match="networks or a layer"):
        conforms("homework", layer="relu")
    assert command("verify", "cmd:python", "--layer", "relu").code == 2
    with pytest.raises(InputError, match="bias of its own"):
        opened(conforms(layer="dense", bias="first")(lambda x, W, b: x))


@pytest.mark.parametrize("obj", [problems.Net, 3, type("Weightless", (), {"forward": lambda self, x: x})])
def test_what_is_no_layer_is_told_the_shapes(obj):
    """A class without a forward pass, a number, or an object without weights is refused with what a layer has."""
    with pytest.raises(InputError, match=r"write class Judged: forward = .*backward = "):
        verify(obj, layer="dense")


@pytest.mark.parametrize(("layer", "functions", "words"), [
    ("dense", [lambda x, W, b, activation: x], "judged_forward(x, W, b): return <lambda>(x, W, b, activation=…)"),
    ("dense", [lambda x, W, b: x, lambda dout, cache, mode: dout], "judged_backward(dout, cache): return <lambda>(dout, cache, mode=…)"),
    ("tanh", [np.tanh, lambda z: 1 - np.tanh(z) ** 2], "return dout * <lambda>(cache)"),
])  # fmt: skip
def test_a_layer_that_takes_more_is_told_what_to_write(layer, functions, words):
    """The wrapper to write has the function's own arguments; a derivative alone is multiplied by dout."""
    with pytest.raises(InputError) as caught:
        verify(tuple(functions), layer=layer)
    assert "judge a wrapper in its place: def judged_" in str(caught.value)
    assert words in str(caught.value)


FORWARD = ["outputs", "loss_alone", "outputs_and_cache", "outputs_by_name", "of_x_and_params", "forward_propagation"]


@pytest.mark.parametrize("name", everyday(FORWARD, FORWARD[:2]))
def test_a_forward_pass_alone_is_judged_as_far_as_it_goes(name):
    """Outputs and loss pass, no gradient counts as passed, and the report says that none was given."""
    report = verify(getattr(problems, name), LINE)

    assert report.ok, str(report)
    assert statuses(report, "gradient") == statuses(report, "input-gradient") == {"unsupported"}
    assert any("gives no gradients" in verdict.reason for verdict in report.verdicts)
    assert "passed" in statuses(report, "layer") | statuses(report, "loss")


def test_a_layer_without_backward_is_judged_by_its_output():
    """The forward pass of an activation passes alone, and a wrong one is named."""
    assert verify((problems.relu,), layer="relu").ok
    report = verify((lambda z: np.maximum(z, 0.01 * z),), layer="relu")
    assert "max(z, 0.01·z)" in str(report)


def test_other_names_of_gradients_and_arguments_are_understood():
    """dW1 for W1, samples and weights in another order, a step whose rate is called eta."""
    report = verify(problems.in_another_order, LINE)
    assert report.ok
    assert statuses(report, "gradient") == {"passed"}
    assert statuses(verify(problems.train_step, LINE), "step") == {"passed"}


WRAPPED = [
    ("backward_propagation", "def judged(params, x, t): a, cache = forward_propagation(x, params); "
                             "return compute_cost(a, t), backward_propagation(params, cache, x, t)"),
    ("fit", "it takes no weights"),
    ("one_by_one", "def judged(params, x, t): return one_by_one(x, t, params['W1'], params['b1'])"),
    ("four_unknown", "four_unknown(params, x, t, scale=…)"),
    ("Net", "class Judged: net = Net(…); set_weights = lambda self, params: vars(self.net).update(params); "
            "step = lambda self, x, t, lr: self.net.fit(x, t)"),
]  # fmt: skip


def test_what_does_not_fit_is_told_what_to_write(command):
    """One line says what to write, with the names of the function at hand; a fourth argument makes no step."""
    for name, words in WRAPPED:
        with pytest.raises(InputError) as caught:
            opened(getattr(problems, name))
        assert words in str(caught.value)
    done = command("verify", f"{problems.__file__}:{name}", LINE)
    assert words in done.complaint


def test_the_wrapper_that_is_shown_passes():
    """The line of the message, written as it stands into the file, is a target that passes."""
    with pytest.raises(InputError) as caught:
        opened(problems.backward_propagation)
    scope = vars(problems).copy()
    exec(str(caught.value).partition("judge a wrapper in its place: ")[2], scope)  # noqa: S102 - our own line

    assert verify(scope["judged"], LINE).ok


@pytest.mark.parametrize("network", everyday(["homework", "5-4 relu-3 relu, linear"], ["homework"]))
def test_a_wrong_gradient_of_x_fails_alone(network):
    """∂L/∂x is judged on documented networks and on others, and nothing else fails or is blocked by it."""

    class Doubled:
        name = "doubled"
        train = staticmethod(reference.train)

        def evaluate(self, *args, **more):
            answer = reference.evaluate(*args, **more)
            if "x" in answer.gradients:
                answer.gradients["x"] = 2 * answer.gradients["x"]
            return answer

    right, wrong = verify(reference, network), verify(Doubled(), network)

    assert right.ok
    assert statuses(right, "input-gradient") == {"passed"}
    assert {verdict.rung for verdict in wrong.failed} == {"input-gradient"}
    assert all(verdict.status != "blocked" for verdict in wrong.verdicts)
