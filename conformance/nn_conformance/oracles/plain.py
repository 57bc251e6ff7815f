"""The plain NumPy files of `nn_reference.plain` as a target, for networks of the documented shapes in any widths."""

import importlib
from collections.abc import Callable
from functools import cache, partial
from inspect import signature
from typing import Any, NamedTuple

import msgspec
import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network, describe_optimizer, without_sizes
from nn_conformance.judge.target import Answer, Pruning, Run, Training, Unsupported
from nn_reference.arithmetic import Array, Params, copied
from nn_reference.network import LayerOutput
from nn_reference.optimizers import State
from nn_reference.systems import SYSTEMS, System

name = "plain"


class Code(NamedTuple):
    """The plain code of one system.

    Attributes:
        file: name of the module in `nn_reference.plain`.
        corrected: whether it is the corrected version.
        shape: the network with all widths 1.
        rule: the optimiser without its numbers.
    """

    file: str
    corrected: bool
    shape: fmt.Network
    rule: fmt.Optimizer

    def function(self, called: str) -> Callable[..., Any]:
        """A function of the file, in this version.

        Raises:
            Unsupported: the file has no such function.
        """
        function = getattr(importlib.import_module(f"nn_reference.plain.{self.file}"), called, None)
        if function is None:
            raise Unsupported(f"{self.file}.py has no {called}, as its document has none")
        return partial(function, corrected=self.corrected) if _has_two_versions(function) else function


@cache
def _has_two_versions(function: Callable[..., Any]) -> bool:
    """Whether it takes `corrected`; to read a signature takes longer than to call such a function."""
    return "corrected" in signature(function).parameters


def evaluate(network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
    """Layers, loss and gradients, by the first code for a network of this shape."""
    code = _code(network)
    with np.errstate(all="ignore"):  # e⁻ᶻ may overflow, where 1/(1 + e⁻ᶻ) is right nevertheless
        layers = [LayerOutput(z, a) for z, a in code.function("forward")(params, x)]
        loss, by_name = code.function("loss_and_gradients")(params, x, t)
    return Answer(float(loss), by_name if gradients else {}, layers)


def train(asked: Training) -> Run:
    """One `step` for each batch."""
    code, params = _code(asked.network, asked.optimizer), copied(asked.params)
    step = partial(code.function("step"), **_settings(asked.optimizer))
    if asked.optimizer.kind == "adam":
        step = partial(step, state=_moments(asked.state) if asked.state else code.function("fresh_state")(params))
    with np.errstate(all="ignore"):
        losses = [float(step(params, x=asked.x[list(rows)], t=asked.t[list(rows)])) for rows in asked.batches]
    return Run(losses, params)


def prune(asked: Training, how: Pruning) -> tuple[Params, Params]:
    """`prune`, and one `step` from there; a mask is kept in the corrected version."""
    code = _code(asked.network, asked.optimizer)._replace(corrected=how.keep_mask)
    left, moments = copied(asked.params), _moments(asked.state or State())
    masks = code.function("prune")(left, moments, how.threshold)
    if set(how.names) != set(masks or left):
        raise Unsupported("the document prunes all parameters, its corrected version weights with a mask that is kept")
    after = copied(left)
    code.function("step")(after, moments, asked.x, asked.t, masks, **_settings(asked.optimizer))
    return left, after


def _code(network: fmt.Network, optimizer: fmt.Optimizer | None = None) -> Code:
    shape = without_sizes(network)
    for code in CODES:
        if code.shape == shape and (optimizer is None or code.rule == _rule(optimizer)):
            return code
    raise Unsupported("no document has a network of this shape, with this loss and optimiser")


def _rule(optimizer: fmt.Optimizer) -> fmt.Optimizer:
    numbers = dict.fromkeys(("beta1", "beta2", "epsilon"))
    return msgspec.structs.replace(optimizer, learning_rate=0.0, **numbers)


def _settings(optimizer: fmt.Optimizer) -> dict[str, float]:
    numbers = {key: getattr(optimizer, key) for key in ("learning_rate", "beta1", "beta2", "epsilon")}
    return {key: number for key, number in numbers.items() if number is not None}


def _moments(state: State) -> dict[str, Any]:
    """A copy of Adam's state in the form that the plain files have."""
    return {"step": state.step, **state.mapped(copied).moments}


def _code_of(system: System) -> Code:
    network, optimizer = describe_network(system.network), describe_optimizer(system.recipe.optimizer)
    # `mnist-tanh` and its three modifications share a file: it takes any number of layers.
    file = "mnist_tanh" if system.name.startswith("mnist-tanh") else system.name.replace("-", "_")
    return Code(file, system.version == "corrected", without_sizes(network), _rule(optimizer))


# Documented versions come first, so that they answer where the corrected network is the same.
CODES = [_code_of(system) for system in SYSTEMS]
