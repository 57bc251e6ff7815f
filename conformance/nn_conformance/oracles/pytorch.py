"""PyTorch as an oracle: layers and losses from `torch.nn.functional`, gradients by autograd, updates by `torch.optim`.

`torch_network` builds a described network in PyTorch. This module evaluates and trains it as a target, makes a user's
`nn.Module` a target, and trains a documented network, eager, as the documents use PyTorch.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from msgspec.structs import replace

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.judge.target import Answer, Pruning, Run
from nn_conformance.oracles.torch_network import (
    MOMENTS,
    Tensors,
    activate,
    forward,
    gradients_of,
    layers_of,
    loss_of,
    rule_of,
    tensors_of,
)
from nn_conformance.oracles.trainer import Epoch, accuracy, labels, scores, targets
from nn_conformance.oracles.user_model import Held, UserModel, check_shapes
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
    wanted = tensors | {"x": moving} if gradients else {}
    derivatives = {key: g.numpy() for key, g in zip(wanted, gradients_of(loss, wanted), strict=True)} if wanted else {}
    return Answer(loss.item(), derivatives, [LayerOutput(z.detach().numpy(), a.detach().numpy()) for z, a in layers])


def train(
    network: fmt.Network,
    optimizer: fmt.Optimizer,
    params: Params,
    x: Array,
    t: Array,
    batches: Sequence[Sequence[int]],
    state: State | None = None,
) -> Run:
    """One update for each batch of rows.

    Raises:
        Unsupported: Keras's placement of ε, or a clip of probabilities below 1e-12.
    """
    tensors = tensors_of(params, requires_grad=True)
    return _train(network, optimizer, tensors, torch.tensor(x), torch.tensor(t), batches, state, {})


def prune(
    network: fmt.Network, optimizer: fmt.Optimizer, params: Params, x: Array, t: Array, how: Pruning, state: State
) -> tuple[Params, Params]:
    """What is left, and where one update with all rows goes from there.

    A mask is held as `torch.nn.utils.prune` holds it: the network sees θ·mask, so autograd masks the gradients, and
    what moments do to a pruned θ is not seen. Raises as `train` does.
    """
    tensors = tensors_of(params, requires_grad=True)
    masks = {key: tensors[key].detach().abs() >= how.threshold for key in how.names}
    with torch.no_grad():
        for key, mask in masks.items():
            tensors[key].masked_fill_(~mask, 0)
    left = {key: p.detach().numpy().copy() for key, p in tensors.items()}
    kept = masks if how.keep_mask else {}
    run = _train(network, optimizer, tensors, torch.tensor(x), torch.tensor(t), [range(len(x))], state, kept)
    return left, run.params


def _train(
    network: fmt.Network,
    optimizer: fmt.Optimizer,
    tensors: Tensors,
    x: torch.Tensor,
    t: torch.Tensor,
    batches: Sequence[Sequence[int]],
    state: State | None,
    masks: Mapping[str, torch.Tensor],
) -> Run:
    rule, losses = rule_of(optimizer, tensors, state), []
    for rows in batches:
        _, loss = forward(network, _masked(tensors, masks), x[list(rows)], t[list(rows)])
        for p, g in zip(tensors.values(), gradients_of(loss, tensors), strict=True):
            p.grad = g
        rule.step()
        losses.append(loss.item())
    return Run(losses, {key: p.detach().numpy() for key, p in _masked(tensors, masks).items()})


def _masked(tensors: Tensors, masks: Mapping[str, torch.Tensor]) -> Tensors:
    return {key: p * masks[key] if key in masks else p for key, p in tensors.items()}


class HeldModule(Held):
    """A module, which is asked itself, so that what it keeps between calls shows."""

    def loss(self, x: Array, t: Array) -> torch.Tensor:
        """As `Held.loss`."""
        output = self.checked(self.model(torch.tensor(x)), len(t), torch.Tensor)
        if self.logits:
            layer = output, activate(self.network.layers[-1].activation, output)
        else:
            # A loss from the logits of a softmax: its output's logarithms are logits of the same probabilities.
            layer = torch.log(output), output
        return loss_of(self.network, layer, torch.tensor(t))

    def backward(self, x: Array, t: Array) -> tuple[torch.Tensor, Sequence[torch.Tensor]]:
        """As `Held.backward`; zeros where the loss does not depend on a parameter."""
        loss = self.loss(x, t)
        return loss, gradients_of(loss, self.variables)

    def updating(self, optimizer: fmt.Optimizer, state: State | None, _: int) -> Callable[[Array, Array], torch.Tensor]:
        """As `Held.updating`, by `torch.optim`."""
        rule = rule_of(optimizer, self.variables, state)

        def update(x: Array, t: Array) -> torch.Tensor:
            rule.zero_grad()
            loss = self.loss(x, t)
            loss.backward()
            rule.step()
            return loss

        return update

    def number(self, loss: torch.Tensor) -> float:
        """A loss without its graph."""
        return loss.item()

    def params(self) -> Params:
        """A copy of the parameters."""
        return {name: p.detach().numpy().copy() for name, p in self.variables.items()}


class Module(UserModel):
    """An `nn.Module` in the precision of the case. What its calls leave in it beside its parameters it keeps."""

    base = torch.nn.Module

    @contextmanager
    def held(self, network: fmt.Network, params: Params) -> Iterator[HeldModule]:
        """As `UserModel.held`; gradients that the module has are kept for it too."""
        module = self.model(network)
        parameters = list(module.parameters())
        check_shapes("module", [tuple(p.shape) for p in parameters], params)
        before = [(p.detach().clone(), p.grad) for p in parameters]
        try:
            _assign(module, [(torch.tensor(np.ascontiguousarray(value)), None) for value in params.values()])
            yield HeldModule(module, dict(zip(params, parameters, strict=True)), network, self.conventions.logits)
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
            for (name, p), g in zip(self._tensors.items(), gradients_of(loss, self._tensors), strict=True):
                p.grad = g * masks[name] if name in masks else g
            self._step()
            losses[k], y = loss.item(), scores(self.network, *layers[-1])
            if y.ndim == 2:
                correct[k] = int((y.argmax(1) == self._labels[rows]).sum())
            if np.isnan(losses[k]) and all(bool(p.isnan().all()) for p in self._tensors.values()):
                return Epoch(losses[: k + 1], correct[: k + 1])
        return Epoch(losses, correct)

    def evaluate(self, x: Array, t: Array) -> tuple[float, float]:
        """Loss and accuracy over all rows at once."""
        with torch.no_grad():
            layers, loss = forward(self.network, self._tensors, torch.tensor(x), torch.tensor(t), as_written=True)
            return loss.item(), accuracy(scores(self.network, *layers[-1]).numpy(), t)

    def gradients(self) -> tuple[float, Params]:
        """Loss and gradients of all training samples."""
        _, loss = forward(self.network, self._tensors, self._x, self._t, as_written=True)
        gradients = gradients_of(loss, self._tensors)
        return loss.item(), {name: g.numpy() for name, g in zip(self._tensors, gradients, strict=True)}

    def outputs(self, x: Array) -> Array:
        """The last layer's activation; its logits where the loss takes them."""
        with torch.no_grad():
            layers = layers_of(self.network, self._tensors, torch.tensor(x), as_written=True)
            return scores(self.network, *layers[-1]).numpy()

    def params(self) -> Params:
        """A copy of the parameters."""
        return {name: p.detach().numpy().copy() for name, p in self._tensors.items()}

    def state(self) -> State:
        """A copy of the optimiser's state."""
        if not self._rule.state:
            return State(self._steps)
        moments = {
            moment: {name: self._rule.state[p][key].numpy().copy() for name, p in self._tensors.items()}
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
