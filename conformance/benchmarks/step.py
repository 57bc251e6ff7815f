"""A training step in NumPy against PyTorch's eager step, in one run: `python conformance/benchmarks/step.py [NETWORK]...`.

Needs the `torch` extra. Prints milliseconds for each step, the best of several repeats taken in turn, and the ratio.
PyTorch gets the network's layers, its fused loss and its own optimiser, as the documents would write them.
"""

import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np
import torch

from nn_reference import systems
from nn_reference.activations import Activation
from nn_reference.losses import SquaredError
from nn_reference.optimizers import Adam
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
    """One line for each network and dtype."""
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
    widths = system.network.widths
    modules: list[torch.nn.Module] = []
    for fan_in, layer in zip(widths, system.network.layers, strict=False):
        modules += [torch.nn.Linear(fan_in, layer.units, bias=layer.bias), torch_activation(layer.activation)]
    network = torch.nn.Sequential(*modules).to(getattr(torch, dtype))
    loss = torch.nn.MSELoss() if isinstance(system.network.loss, SquaredError) else torch.nn.CrossEntropyLoss()
    kind = torch.optim.Adam if isinstance(system.recipe.optimizer, Adam) else torch.optim.SGD
    optimizer = kind(network.parameters(), lr=system.recipe.optimizer.learning_rate)
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


def torch_activation(activation: Activation) -> torch.nn.Module:
    """The module of that name; a softmax over the outputs is left to the loss, which has its own."""
    return ACTIVATIONS.get(activation.name, torch.nn.Identity)()


if __name__ == "__main__":
    main(sys.argv[1:])
