"""PyTorch as an oracle: layers and losses from `torch.nn.functional`, gradients by autograd, updates by `torch.optim`.

Where a document's backward rule is not the derivative of its function, autograd differentiates a function that has that
rule: the diagonal of softmax's Jacobian is that of each output with the others held fixed. The quotient rule of a
sigmoid is its derivative, and so is PyTorch's own.
"""

from collections.abc import Mapping, Sequence

import torch
from torch.nn import functional

from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Answer, Pruning, Run, Unsupported
from nn_reference.arithmetic import Array, Params
from nn_reference.network import LayerOutput
from nn_reference.optimizers import State

name = "torch"
# binary_cross_entropy holds the denominator p(1-p) of its gradient at 1e-12 and above.
SMALLEST_CLIP = 1e-12
MOMENTS = {"adam": {"m": "exp_avg", "v": "exp_avg_sq"}, "sgd": {"v": "momentum_buffer"}}

Tensors = dict[str, torch.Tensor]


def evaluate(network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
    """Outputs, loss and gradients of a batch, in the parameters' dtype.

    Raises:
        Unsupported: a clip of probabilities below 1e-12.
    """
    tensors = _tensors(params, requires_grad=gradients)
    layers, loss = _forward(network, tensors, torch.tensor(x), torch.tensor(t))
    found = {key: g.numpy() for key, g in zip(tensors, _gradients(loss, tensors), strict=True)} if gradients else {}
    return Answer(loss.item(), found, [LayerOutput(z.detach().numpy(), a.detach().numpy()) for z, a in layers])


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
    tensors = _tensors(params, requires_grad=True)
    return _train(network, optimizer, tensors, torch.tensor(x), torch.tensor(t), batches, state, {})


def prune(
    network: fmt.Network, optimizer: fmt.Optimizer, params: Params, x: Array, t: Array, how: Pruning, state: State
) -> tuple[Params, Params]:
    """What is left, and where one update with all rows goes from there.

    A mask is held as `torch.nn.utils.prune` holds it: the network sees θ·mask, so autograd masks the gradients, and
    what moments do to a pruned θ is not seen. Raises as `train` does.
    """
    tensors = _tensors(params, requires_grad=True)
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
        _, loss = _forward(network, _masked(tensors, masks), x[list(rows)], t[list(rows)])
        for p, g in zip(tensors.values(), _gradients(loss, tensors), strict=True):
            p.grad = g
        rule.step()
        losses.append(loss.item())
    return Run(losses, {key: p.detach().numpy() for key, p in _masked(tensors, masks).items()})


def _tensors(params: Params, *, requires_grad: bool) -> Tensors:
    """Copies: `torch.from_numpy` would share memory with arrays that are the caller's."""
    return {key: torch.tensor(p, requires_grad=requires_grad) for key, p in params.items()}


def _masked(tensors: Tensors, masks: Mapping[str, torch.Tensor]) -> Tensors:
    return {key: p * masks[key] if key in masks else p for key, p in tensors.items()}


def _gradients(loss: torch.Tensor, tensors: Tensors) -> Sequence[torch.Tensor]:
    """Of every parameter; zeros where the loss does not depend on one, for which autograd has None."""
    return torch.autograd.grad(loss, list(tensors.values()), materialize_grads=True)


def _forward(
    network: fmt.Network, params: Tensors, x: torch.Tensor, t: torch.Tensor
) -> tuple[list[tuple[torch.Tensor, torch.Tensor]], torch.Tensor]:
    """z and a of every layer, and the loss."""
    layers, a = [], x
    for k, layer in enumerate(network.layers, 1):
        weights = params[f"W{k}"]
        if layer.vector:
            z = torch.mv(a, weights)
        else:
            z = functional.linear(a, weights if layer.layout == "out,in" else weights.T)
        if layer.bias:
            z = z + params[f"b{k}"]
        a = activate(layer.activation, z)
        layers.append((z, a))
    return layers, loss_of(network, layers[-1], t)


def activate(activation: fmt.Activation, z: torch.Tensor) -> torch.Tensor:
    """A layer's a of its z."""
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
    fixed, size = z.detach(), z.shape[dim]
    others = [[j for j in range(size) if j != k] for k in range(size)]
    sums = [torch.logsumexp(fixed.index_select(dim, torch.tensor(rest, dtype=torch.long)), dim) for rest in others]
    return torch.sigmoid(z - torch.stack(sums, dim))


def loss_of(network: fmt.Network, output: tuple[torch.Tensor, torch.Tensor], t: torch.Tensor) -> torch.Tensor:
    """The described loss of the last layer's z and a."""
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
            if (last.kind, last.axis, last.backward) == ("softmax", "outputs", "exact"):
                return functional.cross_entropy(z, t)
            return -torch.xlogy(t, a).sum() / len(t)
        case "binary_cross_entropy":
            if loss.from_logits:
                return functional.binary_cross_entropy_with_logits(a, t)
            clip = loss.clip or 0.0
            if clip < SMALLEST_CLIP:
                raise Unsupported("binary_cross_entropy of torch has bounds of its own below a clip of 1e-12")
            return functional.binary_cross_entropy(a.clamp(clip, 1 - clip), t)


def rule_of(described: fmt.Optimizer, tensors: Tensors, state: State | None) -> torch.optim.Optimizer:
    """The optimiser after `state.step` steps that left these moments."""
    if described.kind == "sgd":
        rule = torch.optim.SGD(tensors.values(), lr=described.learning_rate, momentum=described.momentum)
    elif described.placement == "torch":
        betas = described.beta1 or 0.0, described.beta2 or 0.0
        rule = torch.optim.Adam(tensors.values(), lr=described.learning_rate, betas=betas, eps=described.epsilon or 0.0)
    else:
        raise Unsupported("torch.optim.Adam has ε beside the corrected root, not where Keras has it")
    for moment, arrays in (state.moments if state else {}).items():
        for key, p in tensors.items():
            rule.state[p][MOMENTS[described.kind][moment]] = torch.tensor(arrays[key])
            rule.state[p]["step"] = torch.tensor(float(state.step if state else 0))
    return rule
