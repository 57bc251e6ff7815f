"""Programs that were written without sight of the catalogue: how they are loaded, and as which network they are judged.

A program says in NETWORK what it is meant to compute, and is driven by `evaluate(params, x, t)`, `step(params, x, t, lr)` or
`train(params, x, t, lr, batches)`. Its formula for the loss is compared with each loss and penalty of the format.
"""

import importlib.util
import itertools
import json
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from nn_conformance import judge_run
from nn_conformance.adapt.claims import conforms
from nn_conformance.adapt.conventions import OURS
from nn_conformance.adapt.doors import converted
from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_conformance.explain import Budget, explain
from nn_conformance.judge.target import Run, TargetError, Training, Unsupported
from nn_conformance.oracles import reference
from nn_conformance.run import judge
from nn_reference.network import forward, loss_and_gradients

KINDS = {"linear": "identity"}
BUDGET = Budget(150, 600.0)  # the calls bound an explanation, and not the clock of a busy machine
OPTIMIZERS = {
    "momentum": lambda told: fmt.Optimizer("sgd", 0.0, momentum=told.get("beta", 0.9), dialect=dialect_of(told)),
    "adam": lambda told: fmt.Optimizer(
        "adam", 0.0, beta1=told["beta1"], beta2=told["beta2"], epsilon=told["eps"], placement=placement_of(told)
    ),
    "rmsprop": lambda told: fmt.Optimizer("rmsprop", 0.0, beta2=told["rho"], epsilon=told["eps"], placement="torch"),
}


def dialect_of(told) -> str:
    """That of the program's formula for momentum."""
    return "averaged" if "(1-beta)" in told.get("rule", "") + told.get("formula", "") else "rate"


def placement_of(told) -> str:
    """Where the program's formula for Adam has ε."""
    return "keras" if "sqrt(1-beta2" in told.get("formula", "") else "torch"


def loaded(path: Path):
    """The program as a module."""
    spec = importlib.util.spec_from_file_location(f"blind_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there for the types of their fields
    spec.loader.exec_module(module)
    return module


def layers_of(told):
    """The layers, with the slope of a leaky ReLU."""
    found = []
    for layer in told["layers"]:
        kind = KINDS.get(layer["activation"], layer["activation"])
        alphas = {"leaky_relu": layer.get("slope", layer.get("alpha", 0.01)), "elu": layer.get("alpha", 1.0)}
        axis = "outputs" if kind == "softmax" else None
        activation = fmt.Activation(kind, axis=axis, alpha=alphas.get(kind))
        found.append(fmt.Layer(layer["units"], activation, bias=told["bias"], layout="in,out"))
    return found


def drawn(rng, widths, *, bias):
    """Parameters of layers of these widths."""
    params = {}
    for k, sizes in enumerate(itertools.pairwise(widths), 1):
        params[f"W{k}"] = rng.normal(0, 0.5, sizes)
        if bias:
            params[f"b{k}"] = rng.normal(0, 0.5, sizes[1])
    return params


def network_of(told) -> fmt.Network:
    """The described network whose loss and penalty have the value of the program's own formula."""
    layers = layers_of(told)
    rng = np.random.default_rng(0)
    # Three outputs or more: with one a mean over outputs would be none, and with two the same as ½.
    widths = [told["inputs"], *(layer.units for layer in layers)]
    widths[-1] = widths[-1] + 1 if widths[-1] > 1 else 3
    params = drawn(rng, widths, bias=told["bias"])
    x = rng.normal(0, 1, (5, widths[0]))
    t = (
        np.eye(widths[-1])[rng.integers(0, widths[-1], 5)]
        if layers[-1].units > 1
        else rng.integers(0, 2, (5, widths[-1])) * 1.0
    )
    clip = 1e-7 if told["loss"] == "binary_cross_entropy" else None
    penalties = [None]
    if told["l2"]:
        strength = told["l2"]["lambda"] if isinstance(told["l2"], dict) else told["l2"]
        penalties = [
            fmt.Penalty(float(strength), scaling, biases=biases)
            for scaling in ("1", "1/2", "1/N", "1/2N")
            for biases in (False, True)
        ]
    for reduction, half, penalty in itertools.product(("samples", "elements", "sum"), (False, True), penalties):
        described = fmt.Network(widths[0], layers, fmt.Loss(told["loss"], reduction, half, clip=clip), penalty=penalty)
        built = build_network(sized_as(described, widths))
        y = forward(built, params, x)[-1].a
        value = float(loss_and_gradients(built, params, x, t)[0])
        if np.isclose(value, formula(told, params, y, t), rtol=1e-9):
            return described
    raise ValueError(f"no loss of the format is {told['loss_formula']}")


def formula(told, params, y, t) -> float:
    """The value of the program's own formula."""
    names = {
        "y": y, "t": t, "N": len(t), "C": t.shape[1], "M": len(t), "l2": told["l2"], "sum": np.sum, "mean": np.mean,
        "log": np.log, "exp": np.exp, "abs": np.abs, "maximum": np.maximum,
        "W": np.concatenate([p.ravel() for name, p in params.items() if name[0] == "W"]),
        "sumW2": sum(np.sum(p**2) for name, p in params.items() if name[0] == "W"), **params,
    }  # fmt: skip
    terms = [told["loss_formula"]]
    if isinstance(told["l2"], dict):
        names["strength"] = told["l2"]["lambda"]
        terms.append(told["l2"]["formula"].replace("lambda", "strength"))
    return sum(float(eval(term, {"__builtins__": {}}, names)) for term in terms)  # noqa: S307 - a file of ours


class Trains:
    """A program that only trains, as a target; its moments cannot be given. It may write to its parameters, unless told otherwise."""

    does = ("train",)

    def __init__(self, module, name, *, copied=True):
        self.module, self.name, self.copied = module, name, copied

    def evaluate(self, *_, **__):
        raise Unsupported("it only trains")

    def train(self, asked):
        if asked.state is not None and asked.state.moments:
            raise Unsupported("its moments cannot be given")
        given = {name: p.copy() if self.copied else p for name, p in asked.params.items()}
        batches = [list(rows) for rows in asked.batches]
        after = self.module.train(given, asked.x, asked.t, asked.optimizer.learning_rate, batches)
        return Run(None, {name: np.asarray(after[name], np.float64) for name in asked.params})


def optimizer_of(told) -> fmt.Optimizer | None:
    """What a program that trains is meant to update by, without the rate; None for plain SGD."""
    kind = (told["optimizer"] or {}).get("name", "sgd").removesuffix("_ema")
    return OPTIMIZERS[kind](told["optimizer"]) if kind in OPTIMIZERS else None


def target_of(path: Path):
    """A program as an object to be judged, and its network."""
    module = loaded(path)
    described = network_of(module.NETWORK)
    if hasattr(module, "evaluate"):

        def judged(params, x, t):
            return module.evaluate(params, x, t)
    elif hasattr(module, "step"):

        def judged(params, x, t, lr):
            return module.step(params, x, t, lr)
    else:
        copied = "parameters-overwritten" not in key_of(path.parent)[path.name].get("named", [])
        return Trains(module, path.stem, copied=copied), described, optimizer_of(module.NETWORK)
    judged.__name__ = path.stem
    return conforms(described, dtypes=("float64",))(judged), described, None


def key_of(folder: Path):
    """What is wrong in each program of a folder."""
    return json.loads((folder / "key.json").read_text("utf-8"))


def sized_as(described: fmt.Network, widths):
    """The network in other widths."""
    layers = [
        msgspec.structs.replace(layer, units=units) for layer, units in zip(described.layers, widths[1:], strict=True)
    ]
    return msgspec.structs.replace(described, inputs=widths[0], layers=layers)


class Outcome(NamedTuple):
    """What is said of a program: whether a mistake was caught, the names of what was found, and the lines."""

    caught: bool
    slugs: frozenset[str]
    lines: list[str]


def outcome(path: Path) -> Outcome:
    """Judged and explained, as `verify` does it; what only trains is trained beside the reference first."""
    np.random.seed(0)  # noqa: NPY002 - programs of others draw from it
    target, described, update = target_of(path)
    if isinstance(target, Trains) or update is not None:
        optimizer = msgspec.structs.replace(update or fmt.Optimizer("sgd", 0.0), learning_rate=0.125)
        converted_target = converted(target, OURS, (described,), ("float64",))
        explanation = explain(converted_target, described, optimizer, budget=BUDGET)
        caught = differs(converted_target, described, optimizer, alone=update is None and one_by_one(path))
        return Outcome(caught, frozenset(explanation.slugs), explanation.lines())
    judge_run.BUDGET = BUDGET
    run = judge(target)
    found = list(run.explanations.values())
    slugs = {slug for explanation in found for slug in explanation.slugs}
    return Outcome(not run.ok, frozenset(slugs), [line for explanation in found for line in explanation.lines()])


def one_by_one(path: Path) -> bool:
    """Whether the program steps after each sample."""
    told = loaded(path).NETWORK["optimizer"]
    return isinstance(told, dict) and told.get("batch") == 1


def differs(target, described, optimizer, *, alone: bool) -> bool:
    """Whether parameters after training, over three batches or one sample, are not the reference's."""
    rng = np.random.default_rng(1)
    widths = [described.inputs, *(layer.units for layer in described.layers)]
    params = drawn(rng, widths, bias=described.layers[0].bias)
    x = rng.normal(0, 1, (12, widths[0]))
    t = np.eye(widths[-1])[rng.integers(0, widths[-1], 12)] if widths[-1] > 1 else rng.integers(0, 2, (12, 1)) * 1.0
    for batches in ([[0]], [[1]]) if alone else ([[0, 1, 2, 3]], [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]):
        right = reference.train(Training(described, optimizer, params, x, t, batches)).params
        try:
            got = target.train(Training(described, optimizer, params, x, t, batches)).params
        except TargetError:  # what it keeps of a call before has other sizes
            return True
        # Sixteen digits are computed; a mistake that changes fewer than eight is none of these programs'.
        if any(not np.allclose(right[name], got[name], rtol=1e-8, atol=1e-10) for name in params):
            return True
    return False
