"""Replays in PyTorch, eager, as the documents use it: a described network that goes from one epoch to the next."""

import numpy as np
import torch
from msgspec.structs import replace

from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.oracles.formulas import of_softmax
from nn_conformance.oracles.pytorch.described import (
    MOMENTS,
    forward,
    gradients_of,
    layers_of,
    loss_of,
    rule_of,
    tensors_of,
)
from nn_conformance.oracles.trainer import Epoch, accuracy, labels, targets
from nn_reference.arithmetic import Array, Params
from nn_reference.optimizers import State
from nn_reference.pruning import Masks
from nn_reference.systems import Data, System
from nn_reference.training import Batch


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
            losses[k], y = loss.item(), self._scores(layers[-1])
            if y.ndim == 2:
                correct[k] = int((y.argmax(1) == self._labels[rows]).sum())
            if np.isnan(losses[k]) and all(bool(p.isnan().all()) for p in self._tensors.values()):
                return Epoch(losses[: k + 1], correct[: k + 1])
        return Epoch(losses, correct)

    def evaluate(self, x: Array, t: Array) -> tuple[float, float]:
        """Loss and accuracy over all rows at once."""
        with torch.no_grad():
            output = layers_of(self.network, self._tensors, torch.tensor(x), as_written=True)[-1]
            return loss_of(self.network, output, torch.tensor(t)).item(), accuracy(self._scores(output).numpy(), t)

    def gradients(self) -> tuple[float, Params]:
        """Loss and gradients of all training samples."""
        _, loss = forward(self.network, self._tensors, self._x, self._t, as_written=True)
        gradients = gradients_of(loss, self._tensors)
        return loss.item(), {name: g.numpy() for name, g in zip(self._tensors, gradients, strict=True)}

    def outputs(self, x: Array) -> Array:
        """The last layer's activation; its logits where the loss takes them."""
        with torch.no_grad():
            return self._scores(layers_of(self.network, self._tensors, torch.tensor(x), as_written=True)[-1]).numpy()

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

    def _scores(self, output: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        z, a = output
        return z if of_softmax(self.network) else a

    def _step(self) -> None:
        self._steps += 1
        if self.optimizer.placement == "keras":
            # √v/√(1-β₂ᵗ) + ε/√(1-β₂ᵗ) is (√v + ε)/√(1-β₂ᵗ): Keras's placement of ε, by PyTorch's own update.
            corrected = (1 - (self.optimizer.beta2 or 0.0) ** self._steps) ** 0.5
            self._rule.param_groups[0]["eps"] = (self.optimizer.epsilon or 0.0) / corrected
        self._rule.step()
