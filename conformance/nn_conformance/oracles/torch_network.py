"""A described network in PyTorch: its layers and losses by `torch.nn.functional`, its optimiser from `torch.optim`.

Where a document's backward rule is not the derivative of its function, autograd differentiates a function that has that
rule: the diagonal of softmax's Jacobian is that of each output with the others held fixed. The quotient rule of a
sigmoid is its derivative, and so is PyTorch's own.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional

from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Unsupported
from nn_conformance.oracles.formulas import of_softmax
from nn_reference.arithmetic import Params
from nn_reference.optimizers import State

# binary_cross_entropy holds the denominator p(1-p) of its gradient at 1e-12 and above.
SMALLEST_CLIP = 1e-12
MOMENTS = {
    "adam": {"m": "exp_avg", "v": "exp_avg_sq"},
    "sgd": {"v": "momentum_buffer"},
    "rmsprop": {"v": "square_avg"},
    "adagrad": {"v": "sum"},
}
LINEAR_BEYOND = 40.0  # where softplus may return z: at PyTorch's own 20, float64 would lose digits

ELEMENTWISE: dict[str, Callable[..., torch.Tensor]] = {
    "identity": lambda z, _: z,
    "sigmoid": lambda z, _: torch.sigmoid(z),
    "tanh": lambda z, _: torch.tanh(z),
    "relu": lambda z, _: torch.relu(z),
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "softplus": lambda z, _: functional.softplus(z, threshold=LINEAR_BEYOND),
    "silu": lambda z, _: functional.silu(z),
    "gelu": lambda z, _: functional.gelu(z, approximate="tanh"),
}

Tensors = dict[str, torch.Tensor]
Layer = tuple[torch.Tensor, torch.Tensor]
Loss = Callable[..., torch.Tensor]


def tensors_of(params: Params, *, requires_grad: bool) -> Tensors:
    """Copies: `torch.from_numpy` would share memory with arrays that are the caller's."""
    return {key: torch.tensor(p, requires_grad=requires_grad) for key, p in params.items()}


def arrays_of(tensors: Tensors) -> Params:
    """Copies, the inverse of `tensors_of`."""
    return {key: p.detach().numpy().copy() for key, p in tensors.items()}


def gradients_of(loss: torch.Tensor, tensors: Tensors) -> Tensors:
    """By every tensor; zeros where the loss does not depend on one, for which autograd has None."""
    return dict(zip(tensors, torch.autograd.grad(loss, list(tensors.values()), materialize_grads=True), strict=True))


def forward(
    network: fmt.Network, params: Tensors, x: torch.Tensor, t: torch.Tensor, *, as_written: bool = False
) -> tuple[list[Layer], torch.Tensor]:
    """z and a of every layer, and the loss; `as_written` as `layers_of` has it."""
    layers = layers_of(network, params, x, as_written=as_written)
    loss = loss_of(network, layers[-1], t)
    if (penalty := network.penalty) is not None:
        divisor = {"1": 1, "1/2": 2, "1/N": len(x), "1/2N": 2 * len(x)}[penalty.scaling]
        taken = [p for key, p in params.items() if penalty.biases or key.startswith("W")]
        loss = loss + penalty.strength * sum(p.square().sum() for p in taken) / divisor
    return layers, loss


def layers_of(network: fmt.Network, params: Tensors, x: torch.Tensor, *, as_written: bool = False) -> list[Layer]:
    """z and a of every layer. With `as_written` a sigmoid of the quotient rule overflows where the document's does."""
    layers, a = [], x
    for k, layer in enumerate(network.layers, 1):
        weights, bias = params[f"W{k}"], params[f"b{k}"] if layer.bias else None
        if layer.vector:
            z = torch.mv(a, weights) if bias is None else torch.mv(a, weights) + bias
        else:
            z = functional.linear(a, weights if layer.layout == "out,in" else weights.T, bias)
        below, a = a, activate(layer.activation, z, as_written=as_written)
        a = a + below if layer.skip else a
        layers.append((z, a))
    return layers


def activate(activation: fmt.Activation, z: torch.Tensor, *, as_written: bool = False) -> torch.Tensor:
    """φ(z); `as_written` as `layers_of` has it."""
    if as_written and activation.backward == "quotient":
        return 1 / (1 + torch.exp(-z))
    if activation.kind != "softmax":
        return ELEMENTWISE[activation.kind](z, activation.alpha)
    dim = 0 if activation.axis == "batch" else 1
    return _diagonal_softmax(z, dim) if activation.backward == "diagonal" else torch.softmax(z, dim)


def _diagonal_softmax(z: torch.Tensor, dim: int) -> torch.Tensor:
    """Softmax as sigmoid(z_k - log Σ_{j≠k} e^{z_j}), the sum held fixed: its derivative is p_k(1-p_k) alone."""
    fixed, size = z.detach(), z.shape[dim]
    others = [[j for j in range(size) if j != k] for k in range(size)]
    sums = [torch.logsumexp(fixed.index_select(dim, torch.tensor(rest, dtype=torch.long)), dim) for rest in others]
    return torch.sigmoid(z - torch.stack(sums, dim))


def loss_of(network: fmt.Network, output: Layer, t: torch.Tensor) -> torch.Tensor:
    """The described loss of the last layer's z and a, without its penalty."""
    value = _loss_by_its_own_count(network, *output, t)
    return value / 2 if network.loss.half else value


def _loss_by_its_own_count(network: fmt.Network, z: torch.Tensor, a: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """PyTorch's own mean where it has the reduction, else its sum over the count."""
    loss = network.loss
    match loss.kind:
        case "squared_error":
            return _reduced(functional.mse_loss, a, t, loss.reduction, "elements")
        case "linear":
            return _over_count((t * a).sum(), t, loss.reduction)
        case "cross_entropy":
            if loss.from_logits or of_softmax(network):
                return _reduced(functional.cross_entropy, a if loss.from_logits else z, t, loss.reduction, "samples")
            return _over_count(-torch.xlogy(t, a).sum(), t, loss.reduction)
        case "binary_cross_entropy":
            return _binary(loss, a, t)


def _binary(loss: fmt.Loss, a: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    if loss.from_logits:
        return _reduced(functional.binary_cross_entropy_with_logits, a, t, loss.reduction, "elements")
    clip = loss.clip or 0.0
    if clip < SMALLEST_CLIP:
        raise Unsupported("binary_cross_entropy of torch has bounds of its own below a clip of 1e-12")
    return _reduced(functional.binary_cross_entropy, a.clamp(clip, 1 - clip), t, loss.reduction, "elements")


def _reduced(function: Loss, y: torch.Tensor, t: torch.Tensor, reduction: str, mean: str) -> torch.Tensor:
    """A loss of PyTorch, whose mean is over `mean`."""
    return function(y, t) if reduction == mean else _over_count(function(y, t, reduction="sum"), t, reduction)


def _over_count(total: torch.Tensor, t: torch.Tensor, reduction: str) -> torch.Tensor:
    return total / {"sum": 1, "samples": len(t), "elements": t.numel()}[reduction]


def rule_of(described: fmt.Optimizer, tensors: Tensors, state: State | None) -> torch.optim.Optimizer:
    """The optimiser after `state.step` steps that left these moments."""
    rate, epsilon, parameters = described.learning_rate, described.epsilon or 0.0, tensors.values()
    beta1, beta2 = described.beta1 or 0.0, described.beta2 or 0.0
    if described.kind != "sgd" and described.placement != "torch":
        raise Unsupported(
            f"torch.optim has the ε of {described.kind} beside the corrected root, not where Keras has it"
        )
    rule: torch.optim.Optimizer
    match described.kind:
        case "sgd":
            dampening = described.momentum if described.dialect == "averaged" else 0.0
            nesterov = bool(described.momentum) and described.dialect == "nesterov"
            rule = torch.optim.SGD(parameters, rate, described.momentum, dampening, nesterov=nesterov)
        case "adam":
            rule = torch.optim.Adam(parameters, rate, (beta1, beta2), epsilon)
        case "rmsprop":
            rule = torch.optim.RMSprop(parameters, rate, beta2, epsilon)
        case "adagrad":
            rule = torch.optim.Adagrad(parameters, rate, eps=epsilon)
    moments = state.moments if state else {}
    if described.momentum and not moments and described.dialect == "averaged":
        # Without a buffer PyTorch's first step leaves the dampening out.
        moments = {"v": {key: np.zeros_like(p.detach().numpy()) for key, p in tensors.items()}}
    # With the learning rate inside the velocity it is that times PyTorch's.
    scale = described.learning_rate if described.dialect == "rate" else 1.0
    for moment, arrays in moments.items():
        for key, p in tensors.items():
            rule.state[p][MOMENTS[described.kind][moment]] = torch.tensor(
                arrays[key] / np.asarray(scale, arrays[key].dtype)
            )
            rule.state[p]["step"] = torch.tensor(float(state.step if state else 0))
    return rule
