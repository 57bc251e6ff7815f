"""An `nn.Module` as it stands: it is given a case's parameters, and autograd differentiates the case's loss of its output."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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

    Its output is that of the last layer, or with `logits` what that layer's activation is applied to. A copy is asked, in the precision of the case, so the module stays as it is.
    """

    made: Any
    name: str
    conventions: Conventions = OURS

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
        module, held = self._loaded(network, params)
        loss = self._loss(network, module(torch.tensor(x)), torch.tensor(t))
        if not gradients:
            return Answer(loss.item())
        found = torch.autograd.grad(loss, list(held.values()), materialize_grads=True)
        return Answer(loss.item(), {name: g.numpy() for name, g in zip(held, found, strict=True)})

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
        module, held = self._loaded(network, params)
        rule, losses = pytorch.rule_of(optimizer, held, state), []
        for rows in batches:
            rule.zero_grad()
            loss = self._loss(network, module(torch.tensor(x[list(rows)])), torch.tensor(t[list(rows)]))
            loss.backward()
            rule.step()
            losses.append(loss.item())
        return Run(losses, {name: p.detach().numpy().copy() for name, p in held.items()})

    def _loaded(self, network: fmt.Network, params: Params) -> tuple[torch.nn.Module, dict[str, Any]]:
        sizes = (network.inputs, *(layer.units for layer in network.layers))
        module = copy.deepcopy(self.made) if isinstance(self.made, torch.nn.Module) else self.made(sizes)
        module = module.to(torch.from_numpy(next(iter(params.values()))).dtype)
        held = list(module.parameters())
        shapes, expected = [tuple(p.shape) for p in held], [p.shape for p in params.values()]
        if shapes != expected:
            raise Unsupported(f"parameters of shapes {expected}: the module has {shapes}")
        with torch.no_grad():
            for p, value in zip(held, params.values(), strict=True):
                p.copy_(torch.tensor(np.ascontiguousarray(value)))
        return module, dict(zip(params, held, strict=True))

    def _loss(self, network: fmt.Network, output: Any, t: torch.Tensor) -> torch.Tensor:
        expected = (len(t), network.layers[-1].units)
        if not isinstance(output, torch.Tensor) or output.shape != expected:
            got = getattr(output, "shape", type(output).__name__)
            raise TargetError(f"output: expected {expected}, got {got}", "wrong-shape")
        if self.conventions.logits:
            return pytorch.loss_of(network, (output, pytorch.activate(network.layers[-1].activation, output)), t)
        # A loss from the logits of a softmax: its output's logarithms are logits of the same probabilities.
        return pytorch.loss_of(network, (torch.log(output), output), t)
