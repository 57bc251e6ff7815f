"""An `nn.Module` as it stands: it is given a case's parameters, and autograd differentiates the case's loss of its output."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch

from nn_conformance.adapt.conventions import OURS, Conventions
from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Answer, Run, TargetError, Unsupported
from nn_conformance.oracles import pytorch
from nn_reference.arithmetic import Array, Params
from nn_reference.optimizers import State


@dataclass(frozen=True)
class Module:
    """A module, whose parameters in their order are W1, b1, W2, b2, …; or what makes one from sizes such as (4, 10, 3).

    Its output is that of the last layer, or with `logits` what that layer's activation is applied to.
    It is asked itself, in the precision of the case, so that what it keeps between calls shows; it gets back its own
    parameters, and keeps what else its calls leave in it.
    """

    made: Any
    name: str
    conventions: Conventions = OURS
    kept: dict[tuple[int, ...], torch.nn.Module] = field(default_factory=dict)

    @property
    def fixed(self) -> bool:
        """Whether it is made already, and not what makes one."""
        return isinstance(self.made, torch.nn.Module)

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """Loss and gradients of a batch.

        Raises:
            Unsupported: parameters of other shapes than the module has, or a loss that PyTorch has not.
            TargetError: its output is no (N, C).
        """
        with _Held(self._module(network), params) as held:
            loss = self._loss(network, held.module(torch.tensor(x)), torch.tensor(t))
            if not gradients:
                return Answer(loss.item())
            found = torch.autograd.grad(loss, held.parameters, materialize_grads=True)
            return Answer(loss.item(), {name: g.numpy() for name, g in zip(params, found, strict=True)})

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
        losses = []
        with _Held(self._module(network), params) as held:
            named = dict(zip(params, held.parameters, strict=True))
            rule = pytorch.rule_of(optimizer, named, state)
            for rows in batches:
                rule.zero_grad()
                loss = self._loss(network, held.module(torch.tensor(x[list(rows)])), torch.tensor(t[list(rows)]))
                loss.backward()
                rule.step()
                losses.append(loss.item())
            return Run(losses, {name: p.detach().numpy().copy() for name, p in named.items()})

    def _module(self, network: fmt.Network) -> torch.nn.Module:
        """The module, or the one that was made for these sizes."""
        sizes = (network.inputs, *(layer.units for layer in network.layers))
        if not self.fixed and sizes not in self.kept:
            self.kept[sizes] = self.made(sizes)
        module: torch.nn.Module = self.kept.get(sizes, self.made)
        return module

    def _loss(self, network: fmt.Network, output: Any, t: torch.Tensor) -> torch.Tensor:
        expected = (len(t), network.layers[-1].units)
        if not isinstance(output, torch.Tensor) or output.shape != expected:
            got = getattr(output, "shape", type(output).__name__)
            raise TargetError(f"output: expected {expected}, got {got}", "wrong-shape")
        if self.conventions.logits:
            return pytorch.loss_of(network, (output, pytorch.activate(network.layers[-1].activation, output)), t)
        # A loss from the logits of a softmax: its output's logarithms are logits of the same probabilities.
        return pytorch.loss_of(network, (torch.log(output), output), t)


class _Held:
    """A module that holds a case's parameters in their precision, until it has its own again."""

    def __init__(self, module: torch.nn.Module, params: Params) -> None:
        self.module, self.params, self.parameters = module, params, list(module.parameters())
        shapes, expected = [tuple(p.shape) for p in self.parameters], [p.shape for p in params.values()]
        if shapes != expected:
            raise Unsupported(f"parameters of shapes {expected}: the module has {shapes}")
        self.before = [(p.detach().clone(), p.grad) for p in self.parameters]

    def __enter__(self) -> Self:
        values = [torch.tensor(np.ascontiguousarray(value)) for value in self.params.values()]
        self._assign(values, [None] * len(values))
        return self

    def __exit__(self, *_: object) -> None:
        self._assign(*zip(*self.before, strict=True))

    def _assign(self, values: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor | None]) -> None:
        for p in self.parameters:
            p.grad = None  # a gradient of another precision than its parameter keeps it from changing
        self.module.to(values[0].dtype)
        with torch.no_grad():
            for p, value, gradient in zip(self.parameters, values, gradients, strict=True):
                p.copy_(value)
                p.grad = gradient
