"""PyTorch as an oracle: layers and losses from `torch.nn.functional`, gradients by autograd, updates by `torch.optim`.

`torch_network` builds a described network in PyTorch. This module evaluates and trains it as a target, makes a user's
`nn.Module` a target, and trains a documented network, eager, as the documents use PyTorch.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from msgspec.structs import replace

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.judge.target import Answer, Pruning, Run, Training
from nn_conformance.oracles.torch_network import (
    MOMENTS,
    Tensors,
    activate,
    arrays_of,
    forward,
    gradients_of,
    loss_of,
    rule_of,
    tensors_of,
)
from nn_conformance.oracles.trainer import Epoch, labels, scores, targets
from nn_conformance.oracles.user_model import UserModel, check_output, check_shapes
from nn_reference.arithmetic import Array, Params
from nn_reference.network import LayerOutput
from nn_reference.optimizers import State
from nn_reference.pruning import Masks
from nn_reference.systems import Data, System
from nn_reference.training import Batch

name = "torch"


def evaluate(network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
    """Outputs, loss and gradients of a batch, in the parameters' dtype.

    Raises:
        Unsupported: a clip of probabilities below 1e-12.
    """
    tensors, moving = tensors_of(params, requires_grad=gradients), torch.tensor(x, requires_grad=gradients)
    layers, loss = forward(network, tensors, moving, torch.tensor(t))
    found = arrays_of(gradients_of(loss, tensors | {"x": moving})) if gradients else {}
    return Answer(loss.item(), found, [LayerOutput(z.detach().numpy(), a.detach().numpy()) for z, a in layers])


def train(asked: Training) -> Run:
    """One update for each batch of rows.

    Raises:
        Unsupported: Keras's placement of ε, or a clip of probabilities below 1e-12.
    """
    tensors, (xs, ts) = tensors_of(asked.params, requires_grad=True), (torch.tensor(asked.x), torch.tensor(asked.t))

    def loss(rows: list[int]) -> torch.Tensor:
        return forward(asked.network, tensors, xs[rows], ts[rows])[1]

    return Run(_update(loss, asked, tensors), arrays_of(tensors))


def prune(asked: Training, how: Pruning) -> tuple[Params, Params]:
    """What is left, and where one update with all rows goes from there.

    A mask is held as `torch.nn.utils.prune` holds it: the network sees θ·mask, so autograd masks the gradients, and
    what moments do to a pruned θ is not seen. Raises as `train` does.
    """
    tensors = tensors_of(asked.params, requires_grad=True)
    masks = {key: tensors[key].detach().abs() >= how.threshold for key in how.names}
    with torch.no_grad():
        for key, mask in masks.items():
            tensors[key].masked_fill_(~mask, 0)
    left = arrays_of(tensors)

    def seen() -> Tensors:
        return {key: p * masks[key] if how.keep_mask and key in masks else p for key, p in tensors.items()}

    def loss(_: list[int]) -> torch.Tensor:
        return forward(asked.network, seen(), torch.tensor(asked.x), torch.tensor(asked.t))[1]

    _update(loss, asked, tensors)
    return left, arrays_of(seen())


def _update(loss_of_rows: Callable[[list[int]], torch.Tensor], asked: Training, tensors: Tensors) -> list[float]:
    """Updates tensors in place, once for each batch; the losses before."""
    rule, losses = rule_of(asked.optimizer, tensors, asked.state), []
    for rows in asked.batches:
        loss = loss_of_rows(list(rows))
        for key, g in gradients_of(loss, tensors).items():
            tensors[key].grad = g
        rule.step()
        losses.append(loss.item())
    return losses


class Module(UserModel):
    """An `nn.Module`, which is asked itself, in the precision of the case, so that what it keeps between calls shows.

    It gets back its own parameters, and keeps what else its calls leave in it.
    """

    base = torch.nn.Module

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """Loss and gradients of a batch.

        Raises:
            Unsupported: parameters of other shapes than the module has, or a loss that PyTorch has not.
            TargetError: its output is no (N, C).
        """
        with _held(self.model(network), params) as tensors:
            loss = self._loss(network, x, t)
            return Answer(loss.item(), arrays_of(gradients_of(loss, tensors)) if gradients else {})

    def train(self, asked: Training) -> Run:
        """One update for each batch by the case's optimiser in `torch.optim`. Raises as `evaluate` does."""
        network, x, t = asked.network, asked.x, asked.t
        with _held(self.model(network), asked.params) as tensors:
            losses = _update(lambda rows: self._loss(network, x[rows], t[rows]), asked, tensors)
            return Run(losses, arrays_of(tensors))

    def _loss(self, network: fmt.Network, x: Array, t: Array) -> torch.Tensor:
        output = self.model(network)(torch.tensor(x))
        check_output(output, torch.Tensor, len(t), network)
        if self.conventions.logits:
            return loss_of(network, (output, activate(network.layers[-1].activation, output)), torch.tensor(t))
        # A loss from the logits of a softmax: its output's logarithms are logits of the same probabilities.
        return loss_of(network, (torch.log(output), output), torch.tensor(t))


@contextmanager
def _held(module: torch.nn.Module, params: Params) -> Iterator[Tensors]:
    """A module's parameters while they are a case's, by its names and in its precision; then it has its own again."""
    parameters = list(module.parameters())
    check_shapes("module", [tuple(p.shape) for p in parameters], params)
    before = [(p.detach().clone(), p.grad) for p in parameters]
    try:
        _assign(module, [(torch.tensor(np.ascontiguousarray(value)), None) for value in params.values()])
        yield dict(zip(params, parameters, strict=True))
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


class Trainer:
    """As `oracles.trainer.Trainer` says."""

    def __init__(self, system: System, data: Data, params: Params) -> None:
        torch.set_num_threads(1)
        self.network, self.optimizer = describe_network(system.network), describe_optimizer(system.recipe.optimizer)
        self._x, self._t = torch.tensor(data.train_x), torch.tensor(targets(system, data, params))
        self._labels = torch.tensor(labels(data.train_t))
        self.masks: Masks | None = None
        self.restore(params, State())

    def train(self, batches: list[Batch]) -> Epoch:
        """One update for each batch."""
        masks = {name: torch.tensor(mask) for name, mask in (self.masks or {}).items()}
        losses, correct = np.empty(len(batches)), np.zeros(len(batches), np.int64)
        for k, batch in enumerate(batches):
            rows = torch.from_numpy(batch) if isinstance(batch, np.ndarray) else batch
            layers, loss = forward(self.network, self._tensors, self._x[rows], self._t[rows], as_written=True)
            for name, g in gradients_of(loss, self._tensors).items():
                self._tensors[name].grad = g * masks[name] if name in masks else g
            self._step()
            losses[k], y = loss.item(), scores(self.network, *layers[-1])
            if y.ndim == 2:
                correct[k] = int((y.argmax(1) == self._labels[rows]).sum())
            if np.isnan(losses[k]) and all(bool(p.isnan().all()) for p in self._tensors.values()):
                return Epoch(losses[: k + 1], correct[: k + 1])
        return Epoch(losses, correct)

    def evaluate(self, x: Array, t: Array) -> tuple[float, Array]:
        """Loss and scores of all rows at once."""
        with torch.no_grad():
            layers, loss = forward(self.network, self._tensors, torch.tensor(x), torch.tensor(t), as_written=True)
            return loss.item(), scores(self.network, *layers[-1]).numpy()

    def gradients(self) -> tuple[float, Params]:
        """Loss and gradients of all training samples."""
        _, loss = forward(self.network, self._tensors, self._x, self._t, as_written=True)
        return loss.item(), arrays_of(gradients_of(loss, self._tensors))

    def params(self) -> Params:
        """A copy of the parameters."""
        return arrays_of(self._tensors)

    def state(self) -> State:
        """A copy of the optimiser's state."""
        if not self._rule.state:
            return State(self._steps)
        moments = {
            moment: arrays_of({name: self._rule.state[p][key] for name, p in self._tensors.items()})
            for moment, key in MOMENTS[self.optimizer.kind].items()
        }
        return State(self._steps, moments)

    def restore(self, params: Params, state: State) -> None:
        """Copies both."""
        self._tensors, self._steps = tensors_of(params, requires_grad=True), state.step
        optimizer = self.optimizer if self.optimizer.placement is None else replace(self.optimizer, placement="torch")
        self._rule = rule_of(optimizer, self._tensors, state)

    def _step(self) -> None:
        self._steps += 1
        if self.optimizer.placement == "keras":
            # √v/√(1-β₂ᵗ) + ε/√(1-β₂ᵗ) is (√v + ε)/√(1-β₂ᵗ): Keras's placement of ε, by PyTorch's own update.
            corrected = (1 - (self.optimizer.beta2 or 0.0) ** self._steps) ** 0.5
            self._rule.param_groups[0]["eps"] = (self.optimizer.epsilon or 0.0) / corrected
        self._rule.step()
