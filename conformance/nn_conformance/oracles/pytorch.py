"""PyTorch as an oracle: layers and losses from `torch.nn.functional`, gradients by autograd, updates by `torch.optim`.

A described network is evaluated and trained as a target, and a user's `nn.Module` is made one. `Trainer` trains a
documented network, eager, as the documents use PyTorch.

Where a document's backward rule is not the derivative of its function, autograd differentiates a function that has that
rule: the diagonal of softmax's Jacobian is that of each output with the others held fixed. The quotient rule of a
sigmoid is its derivative, and so is PyTorch's own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from msgspec.structs import replace
from torch.nn import functional

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.judge.target import Answer, Pruning, Run, Training, Unsupported
from nn_conformance.oracles.formulas import of_softmax, penalty
from nn_conformance.oracles.trainer import Epoch, labels, scores, targets
from nn_conformance.oracles.user_model import UserModel, check_output, check_shapes
from nn_reference.arithmetic import Array, Params
from nn_reference.network import LayerOutput
from nn_reference.optimizers import State
from nn_reference.pruning import Masks
from nn_reference.systems import Data, System
from nn_reference.training import Batch

name = "torch"
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
    """z and a of every layer, and the loss. With `as_written` a sigmoid of the quotient rule overflows where the document's does."""
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
    loss = loss_of(network, layers[-1], t)
    return layers, loss if network.penalty is None else loss + penalty(network, params, len(x))


def activate(activation: fmt.Activation, z: torch.Tensor, *, as_written: bool = False) -> torch.Tensor:
    """φ(z); `as_written` as `forward` has it."""
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
        case "binary_cross_entropy" if loss.from_logits:
            return _reduced(functional.binary_cross_entropy_with_logits, a, t, loss.reduction, "elements")
        case "binary_cross_entropy":
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
