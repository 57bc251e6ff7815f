"""Replays in PyTorch: `Linear`, `torch.nn.functional`, autograd and `torch.optim`, eager, as the documents use it.

Where a document's backward rule is not the derivative of its function, autograd gets a function that has that rule.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from nn_conformance.replay.trainers import Epoch, accuracy, labels, targets
from nn_reference.activations import Activation
from nn_reference.arithmetic import Array, Params
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import Adam, Optimizer, State
from nn_reference.pruning import Masks
from nn_reference.systems import Data, System
from nn_reference.training import Batch

MOMENTS = {"m": "exp_avg", "v": "exp_avg_sq"}
Rule = Callable[[torch.Tensor], torch.Tensor]


class Trainer:
    """As `trainers.Trainer` says."""

    def __init__(self, system: System, data: Data, params: Params) -> None:
        torch.set_num_threads(1)
        self.system, self.network = system, system.network
        self._x, self._t = torch.tensor(data.train_x), torch.tensor(targets(system, data, params))
        self._labels = torch.tensor(labels(data.train_t))
        self._tensors = {name: torch.tensor(p, requires_grad=True) for name, p in params.items()}
        self._layers = list(_layers(self.network, self._tensors))
        self._loss = _loss(self.network)
        self._rule = _optimizer(system.recipe.optimizer, list(self._tensors.values()))
        self._steps = 0
        self.masks: Masks | None = None

    def train(self, batches: list[Batch]) -> Epoch:
        """One update for each batch."""
        masks = {name: torch.tensor(mask) for name, mask in (self.masks or {}).items()}
        losses, correct = np.empty(len(batches)), np.zeros(len(batches), np.int64)
        for k, batch in enumerate(batches):
            rows = torch.from_numpy(batch) if isinstance(batch, np.ndarray) else batch
            self._rule.zero_grad()
            y = self._forward(self._x[rows])
            loss = self._loss(y, self._t[rows])
            loss.backward()
            for name, mask in masks.items():
                self._tensors[name].grad.mul_(mask)
            self._step()
            losses[k] = loss.item()
            if y.ndim == 2:
                correct[k] = int((y.argmax(1) == self._labels[rows]).sum())
            if np.isnan(losses[k]) and all(bool(p.isnan().all()) for p in self._tensors.values()):
                return Epoch(losses[: k + 1], correct[: k + 1])
        return Epoch(losses, correct)

    def evaluate(self, x: Array, t: Array) -> tuple[float, float]:
        """Loss and accuracy over all rows at once."""
        with torch.no_grad():
            y = self._forward(torch.tensor(x))
            return self._loss(y, torch.tensor(t)).item(), accuracy(y.numpy(), t)

    def gradients(self) -> tuple[float, Params]:
        """Loss and gradients of all training samples."""
        self._rule.zero_grad()
        loss = self._loss(self._forward(self._x), self._t)
        loss.backward()
        return loss.item(), {name: p.grad.numpy().copy() for name, p in self._tensors.items()}

    def outputs(self, x: Array) -> Array:
        """The last layer's activation; its logits where the loss takes them."""
        with torch.no_grad():
            return self._forward(torch.tensor(x)).numpy()

    def params(self) -> Params:
        """A copy of the parameters."""
        return {name: p.detach().numpy().copy() for name, p in self._tensors.items()}

    def state(self) -> State:
        """A copy of the optimiser's state."""
        if not self._rule.state:
            return State(self._steps)
        moments = {
            m: {name: self._rule.state[p][held].numpy().copy() for name, p in self._tensors.items()}
            for m, held in MOMENTS.items()
        }
        return State(self._steps, moments)

    def restore(self, params: Params, state: State) -> None:
        """Copies both."""
        self._steps = state.step
        with torch.no_grad():
            for name, p in self._tensors.items():
                p.copy_(torch.from_numpy(params[name]))
        for name, p in self._tensors.items() if state.moments else ():
            held = {MOMENTS[m]: torch.tensor(arrays[name]) for m, arrays in state.moments.items()}
            self._rule.state[p] = {"step": torch.tensor(float(state.step)), **held}

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        for weights, bias, transposed, vector, rule in self._layers:
            if vector:
                x = rule(torch.mv(x, weights) + bias)
            else:
                x = rule(functional.linear(x, weights.T if transposed else weights, bias))
        return x

    def _step(self) -> None:
        self._steps += 1
        rule = self.system.recipe.optimizer
        if isinstance(rule, Adam) and rule.placement == "keras":
            # √v/√(1-β₂ᵗ) + ε/√(1-β₂ᵗ) is (√v + ε)/√(1-β₂ᵗ): Keras's placement of ε, by PyTorch's own update.
            self._rule.param_groups[0]["eps"] = rule.epsilon / (1 - rule.beta2**self._steps) ** 0.5
        self._rule.step()


def _layers(network: Network, tensors: dict[str, torch.Tensor]) -> Any:
    """(weights, bias or None, whether weights are (in, out), whether the layer is a vector, activation) of each layer."""
    for k, (layer, (weights, bias)) in enumerate(zip(network.layers, network.names, strict=True), 1):
        fused = network.loss_takes_logits_of_softmax and k == len(network.layers)
        held = None if bias is None else tensors[bias]
        yield tensors[weights], held, layer.layout == "in,out", layer.vector, _identity if fused else _rule(layer)


def _rule(layer: Dense) -> Rule:
    activation: Activation = layer.activation
    if activation.name == "softmax":
        dim = -1 if activation.axis is None else activation.axis
        if activation.derivative == "diagonal":
            return lambda z: _diagonal_softmax(z, dim)
        return lambda z: torch.softmax(z, dim)
    if activation.derivative == "quotient":
        return lambda z: 1 / (1 + torch.exp(-z))
    return {"identity": _identity, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}[activation.name]


def _identity(z: torch.Tensor) -> torch.Tensor:
    return z


def _diagonal_softmax(z: torch.Tensor, dim: int) -> torch.Tensor:
    """e_k/(e_k + Σ_{j≠k} e_j), the sum held fixed: its derivative is p_k(1-p_k) alone."""
    e = torch.exp(z - z.amax(dim, keepdim=True).detach())
    return e / (e + (e.sum(dim, keepdim=True) - e).detach())


def _loss(network: Network) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Of the last layer's activation, or its logits where softmax and cross-entropy are computed together."""
    match network.loss:
        case SquaredError(reduction="elements", half=False):
            return functional.mse_loss
        case SquaredError(reduction=reduction, half=half):
            mean, factor = reduction == "samples", 0.5 if half else 1.0
            return lambda y, t: factor * functional.mse_loss(y, t, reduction="sum") / (len(t) if mean else 1)
        case CrossEntropy():
            return functional.cross_entropy
        case BinaryCrossEntropy(from_logits=True):
            return functional.binary_cross_entropy_with_logits
        case BinaryCrossEntropy(clip=clip):
            return lambda y, t: functional.binary_cross_entropy(y.clamp(clip, 1 - clip), t)
    raise TypeError(f"expected a loss of the documents, got {network.loss.name}")


def _optimizer(rule: Optimizer, tensors: list[torch.Tensor]) -> torch.optim.Optimizer:
    if isinstance(rule, Adam):
        betas = (rule.beta1, rule.beta2)
        return torch.optim.Adam(tensors, lr=rule.learning_rate, betas=betas, eps=rule.epsilon)
    return torch.optim.SGD(tensors, lr=rule.learning_rate)
