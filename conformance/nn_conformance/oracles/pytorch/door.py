"""An `nn.Module` as it stands: it is given a case's parameters, and autograd differentiates the case's loss of its output."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Answer, Run, TargetError, Unsupported
from nn_conformance.oracles.door import Door
from nn_conformance.oracles.pytorch import described
from nn_reference.arithmetic import Array, Params
from nn_reference.optimizers import State


class Module(Door):
    """A module, which is asked itself, in the precision of the case, so that what it keeps between calls shows.

    It gets back its own parameters, and keeps what else its calls leave in it.
    """

    base = torch.nn.Module

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """Loss and gradients of a batch.

        Raises:
            Unsupported: parameters of other shapes than the module has, or a loss that PyTorch has not.
            TargetError: its output is no (N, C).
        """
        module = self.model(network)
        with _held(module, params) as parameters:
            loss = self._loss(network, module(torch.tensor(x)), torch.tensor(t))
            if not gradients:
                return Answer(loss.item())
            derivatives = torch.autograd.grad(loss, parameters, materialize_grads=True)
            return Answer(loss.item(), {name: g.numpy() for name, g in zip(params, derivatives, strict=True)})

    def train(
        self,
        network: fmt.Network,
        optimizer: fmt.Optimizer,
        params: Params,
        x: Array,
        t: Array,
        batches: Sequence[Sequence[int]],
        state: State | None = None,
    ) -> Run:
        """One update for each batch by the case's optimiser in `torch.optim`. Raises as `evaluate` does."""
        module, losses = self.model(network), []
        with _held(module, params) as parameters:
            named = dict(zip(params, parameters, strict=True))
            rule = described.rule_of(optimizer, named, state)
            for rows in batches:
                rule.zero_grad()
                loss = self._loss(network, module(torch.tensor(x[list(rows)])), torch.tensor(t[list(rows)]))
                loss.backward()
                rule.step()
                losses.append(loss.item())
            return Run(losses, {name: p.detach().numpy().copy() for name, p in named.items()})

    def _loss(self, network: fmt.Network, output: Any, t: torch.Tensor) -> torch.Tensor:
        expected = (len(t), network.layers[-1].units)
        if not isinstance(output, torch.Tensor) or output.shape != expected:
            got = getattr(output, "shape", type(output).__name__)
            raise TargetError(f"output: expected {expected}, got {got}", "wrong-shape")
        if self.conventions.logits:
            return described.loss_of(network, (output, described.activate(network.layers[-1].activation, output)), t)
        # A loss from the logits of a softmax: its output's logarithms are logits of the same probabilities.
        return described.loss_of(network, (torch.log(output), output), t)


@contextmanager
def _held(module: torch.nn.Module, params: Params) -> Iterator[list[torch.nn.Parameter]]:
    """A module's parameters while they are a case's, in their precision; it then has its own again."""
    parameters = list(module.parameters())
    shapes, expected = [tuple(p.shape) for p in parameters], [p.shape for p in params.values()]
    if shapes != expected:
        raise Unsupported(f"parameters of shapes {expected}: the module has {shapes}")
    before = [(p.detach().clone(), p.grad) for p in parameters]
    try:
        _assign(module, [(torch.tensor(np.ascontiguousarray(value)), None) for value in params.values()])
        yield parameters
    finally:
        _assign(module, before)


def _assign(module: torch.nn.Module, held: Sequence[tuple[torch.Tensor, torch.Tensor | None]]) -> None:
    """A module's parameters become these values, each with its gradient."""
    for p in module.parameters():
        p.grad = None  # a gradient of another precision than its parameter keeps it from changing
    module.to(held[0][0].dtype)
    with torch.no_grad():
        for p, (value, gradient) in zip(module.parameters(), held, strict=True):
            p.copy_(value)
            p.grad = gradient
