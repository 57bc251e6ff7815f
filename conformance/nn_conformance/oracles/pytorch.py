"""PyTorch as an oracle: layers and losses from `torch.nn.functional`, gradients by autograd, updates by `torch.optim`.

Where a document's backward rule is not the derivative of its function, autograd differentiates a function that has that
rule: the diagonal of softmax's Jacobian is that of each output with the others held fixed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from nn_conformance.fixtures import format as fmt

Array = NDArray[Any]


@dataclass(frozen=True)
class Answer:
    """What a call returns: (z, a) of each layer, the loss, the gradients."""

    layers: list[tuple[Array, Array]]
    loss: float
    gradients: dict[str, Array]


def evaluate(network: fmt.Network, params: Mapping[str, Array], x: Array, t: Array) -> Answer:
    """Outputs, loss and gradients of a batch, in the parameters' dtype."""
    tensors = {name: torch.tensor(p, requires_grad=True) for name, p in params.items()}
    layers, loss = _forward(network, tensors, torch.tensor(x), torch.tensor(t))
    loss.backward()
    return Answer(
        [(z.detach().numpy(), a.detach().numpy()) for z, a in layers],
        loss.item(),
        {
            name: np.zeros_like(p) if tensors[name].grad is None else tensors[name].grad.numpy()
            for name, p in params.items()
        },
    )


def train(
    network: fmt.Network,
    optimizer: fmt.Optimizer,
    params: Mapping[str, Array],
    x: Array,
    t: Array,
    batches: Sequence[Sequence[int]],
    state: fmt.State | None = None,
    moments: Mapping[str, Mapping[str, Array]] | None = None,
) -> tuple[list[float], dict[str, Array]]:
    """Losses before each update, and the parameters after the last.

    Args:
        network: as in a case.
        optimizer: as in a case.
        params: where to start; not changed.
        x: (N, D), all samples.
        t: (N, C) or (N,), all targets.
        batches: the rows of each update.
        state: steps taken before; none if None.
        moments: the state's, as arrays, by name of moment and parameter.

    Raises:
        ValueError: Keras's placement of ε, which `torch.optim` does not have.
    """
    tensors = {name: torch.tensor(p, requires_grad=True) for name, p in params.items()}
    rule = _optimizer(optimizer, list(tensors.values()))
    if state is not None and moments:
        _restore(rule, tensors, state.step, moments)
    inputs, targets = torch.tensor(x), torch.tensor(t)
    losses = []
    for rows in batches:
        rule.zero_grad()
        _, loss = _forward(network, tensors, inputs[list(rows)], targets[list(rows)])
        loss.backward()
        rule.step()
        losses.append(loss.item())
    return losses, {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def _forward(
    network: fmt.Network, params: Mapping[str, torch.Tensor], x: torch.Tensor, t: torch.Tensor
) -> tuple[list[tuple[torch.Tensor, torch.Tensor]], torch.Tensor]:
    layers, a = [], x
    for k, layer in enumerate(network.layers, 1):
        weights = params[f"W{k}"]
        if layer.vector:
            z = torch.mv(a, weights)
        else:
            z = functional.linear(a, weights if layer.layout == "out,in" else weights.T)
        if layer.bias:
            z = z + params[f"b{k}"]
        a = _activate(layer.activation, z)
        layers.append((z, a))
    return layers, _loss(network, layers[-1], t)


def _activate(activation: fmt.Activation, z: torch.Tensor) -> torch.Tensor:
    match activation.kind:
        case "identity":
            return z
        case "sigmoid":
            return torch.sigmoid(z)
        case "tanh":
            return torch.tanh(z)
        case "relu":
            return torch.relu(z)
        case "softmax":
            dim = 0 if activation.axis == "batch" else 1
            return _diagonal_softmax(z, dim) if activation.backward == "diagonal" else torch.softmax(z, dim)


def _diagonal_softmax(z: torch.Tensor, dim: int) -> torch.Tensor:
    """Softmax as sigmoid(z_k - log Σ_{j≠k} e^{z_j}), the sum held fixed: its derivative is p_k(1-p_k) alone."""
    fixed = z.detach()
    others = torch.stack(
        [torch.logsumexp(torch.cat([fixed[:, :k], fixed[:, k + 1 :]], dim), dim) for k in range(z.shape[dim])], dim
    )
    return torch.sigmoid(z - others)


def _loss(network: fmt.Network, output: tuple[torch.Tensor, torch.Tensor], t: torch.Tensor) -> torch.Tensor:
    loss, (z, a) = network.loss, output
    match loss.kind:
        case "squared_error":
            if loss.reduction == "elements":
                value = functional.mse_loss(a, t)
            else:
                value = functional.mse_loss(a, t, reduction="sum") / (len(t) if loss.reduction == "samples" else 1)
            return value / 2 if loss.half else value
        case "cross_entropy":
            last = network.layers[-1].activation
            if loss.from_logits:
                return functional.cross_entropy(a, t)
            if (last.kind, last.axis) == ("softmax", "outputs"):
                return functional.cross_entropy(z, t)
            return -(torch.xlogy(t, a)).sum() / len(t)
        case "binary_cross_entropy":
            if loss.from_logits:
                return functional.binary_cross_entropy_with_logits(a, t)
            clip = loss.clip or 0.0
            return functional.binary_cross_entropy(a.clamp(clip, 1 - clip), t)


def _optimizer(described: fmt.Optimizer, tensors: list[torch.Tensor]) -> torch.optim.Optimizer:
    if described.kind == "sgd":
        return torch.optim.SGD(tensors, lr=described.learning_rate, momentum=described.momentum)
    if described.placement != "torch":
        raise ValueError("torch.optim.Adam has ε beside the corrected root, not where Keras has it")
    return torch.optim.Adam(
        tensors,
        lr=described.learning_rate,
        betas=(described.beta1 or 0.0, described.beta2 or 0.0),
        eps=described.epsilon or 0.0,
    )


def _restore(
    rule: torch.optim.Optimizer,
    tensors: Mapping[str, torch.Tensor],
    step: int,
    moments: Mapping[str, Mapping[str, Array]],
) -> None:
    names = {"m": "exp_avg", "v": "exp_avg_sq"} if isinstance(rule, torch.optim.Adam) else {"v": "momentum_buffer"}
    for name, tensor in tensors.items():
        rule.state[tensor] = {names[moment]: torch.tensor(arrays[name]) for moment, arrays in moments.items()}
        rule.state[tensor]["step"] = torch.tensor(float(step))
