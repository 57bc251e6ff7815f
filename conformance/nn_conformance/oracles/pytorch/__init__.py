"""PyTorch as an oracle: layers and losses from `torch.nn.functional`, gradients by autograd, updates by `torch.optim`.

`described` builds a described network in PyTorch, and this module evaluates and trains it as a target. `door` makes a
user's module a target, and `trainer` trains a documented network.
"""

from collections.abc import Mapping, Sequence

import torch

from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Answer, Pruning, Run
from nn_conformance.oracles.pytorch.described import Tensors, forward, gradients_of, rule_of, tensors_of
from nn_reference.arithmetic import Array, Params
from nn_reference.network import LayerOutput
from nn_reference.optimizers import State

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
