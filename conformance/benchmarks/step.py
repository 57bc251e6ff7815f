"""A training step in NumPy against PyTorch's eager step, in one run: `python conformance/benchmarks/step.py [NETWORK]...`.

Needs the `torch` extra. Prints milliseconds for each step, the best of several repeats taken in turn, and the ratio.
PyTorch gets the network's layers, its fused loss and its own optimiser, as the documents would write them; a network
that it cannot have so is refused.
"""

import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np
import torch

from nn_reference import systems
from nn_reference.errors import InputError
from nn_reference.losses import CrossEntropy, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD, Adam, Optimizer
from nn_reference.systems import System
from nn_reference.training import train

STEPS, REPEATS = 200, 7
ACTIVATIONS = {
    "identity": torch.nn.Identity,
    "sigmoid": torch.nn.Sigmoid,
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
}


def main(names: list[str]) -> None:
    """One line for each network and dtype. Raises InputError for a network that is unknown, or not PyTorch's."""
    print(f"NumPy {np.__version__}, PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    for name in names or ["mnist-relu"]:
        for dtype in ("float32", "float64"):
            ours, theirs = numpy_steps(systems.get(name), dtype), torch_steps(systems.get(name), dtype)
            numpy_ms, torch_ms = (
                min(times) for times in zip(*((ours(), theirs()) for _ in range(REPEATS)), strict=True)
            )
            print(
                f"{name:<20} {dtype}: NumPy {numpy_ms:.3f} ms, PyTorch {torch_ms:.3f} ms, "
                f"ratio {numpy_ms / torch_ms:.2f} (below 1: NumPy is faster)"
            )


def rows(system: System, dtype: str) -> tuple[np.ndarray, np.ndarray, list[slice]]:
    """Inputs, targets and `STEPS` batches in file order, from the start again where the data end."""
    data = system.load()
    size = system.recipe.batch_size or len(data.train_x)
    used = max(1, min(STEPS, len(data.train_x) // size))
    batches = [slice(i * size, (i + 1) * size) for i in range(used)] * (STEPS // used)
    return data.train_x[: used * size].astype(dtype), data.train_t[: used * size].astype(dtype), batches


def numpy_steps(system: System, dtype: str) -> Callable[[], float]:
    """A run of the reference's training loop, in milliseconds for each step."""
    params = {name: p.astype(dtype) for name, p in system.start().items()}
    x, t, batches = rows(system, dtype)

    def run() -> float:
        begin = perf_counter()
        train(system.network, params, system.recipe.optimizer, batches, x, t)
        return (perf_counter() - begin) / len(batches) * 1e3

    return run


def torch_steps(system: System, dtype: str) -> Callable[[], float]:
    """The same in PyTorch, eager."""
    network, loss = torch_network(system.network)
    network.to(getattr(torch, dtype))
    optimizer = torch_optimizer(system.recipe.optimizer, network)
    x, t, batches = rows(system, dtype)
    inputs, targets = torch.tensor(x), torch.tensor(t)

    def run() -> float:
        begin = perf_counter()
        for batch in batches:
            optimizer.zero_grad()
            loss(network(inputs[batch]), targets[batch]).backward()
            optimizer.step()
        return (perf_counter() - begin) / len(batches) * 1e3

    return run


def torch_network(network: Network) -> tuple[torch.nn.Module, torch.nn.Module]:
    """The layers and the loss; a softmax over the outputs is left to the loss, which has its own."""
    fused = network.loss_takes_logits_of_softmax
    last = len(network.layers) - 1
    modules: list[torch.nn.Module] = []
    for k, (fan_in, layer) in enumerate(zip(network.widths, network.layers, strict=False)):
        name = "identity" if fused and k == last else layer.activation.name
        if layer.vector or name not in ACTIVATIONS or layer.activation.derivative != "exact":
            raise InputError(
                f"layer {k + 1}: expected exact {', '.join(ACTIVATIONS)} on a matrix, got {describe(layer)}"
            )
        modules += [torch.nn.Linear(fan_in, layer.units, bias=layer.bias), ACTIVATIONS[name]()]
    if network.loss == SquaredError("elements"):
        return torch.nn.Sequential(*modules), torch.nn.MSELoss()
    if fused or network.loss == CrossEntropy(from_logits=True):
        return torch.nn.Sequential(*modules), torch.nn.CrossEntropyLoss()
    raise InputError(f"loss: expected mean squared error or cross-entropy of logits, got {network.loss.name}")


def describe(layer: Dense) -> str:
    """Its activation, rule and axis, in words."""
    axis = " over the batch" if layer.activation.axis == -2 else ""
    return f"{layer.activation.derivative} {layer.activation.name}{axis}{' on a vector' if layer.vector else ''}"


def torch_optimizer(rule: Optimizer, network: torch.nn.Module) -> torch.optim.Optimizer:
    """PyTorch's own, with the same hyperparameters; Adam as PyTorch has it also where the document has Keras's."""
    if isinstance(rule, Adam):
        betas = (rule.beta1, rule.beta2)
        return torch.optim.Adam(network.parameters(), lr=rule.learning_rate, betas=betas, eps=rule.epsilon)
    if isinstance(rule, SGD):
        return torch.optim.SGD(network.parameters(), lr=rule.learning_rate, momentum=rule.momentum)
    raise InputError(f"optimizer: expected SGD or Adam, got {type(rule).__name__}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
