"""PyTorch as an oracle: it meets every certified value, and what it cannot do it says."""

import itertools

import numpy as np
import pytest
from oracle_problems import JUDGED, ROUNDING, load_last

from nn_conformance.cases import format as fmt
from nn_conformance.judge.known import shipped
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.target import Unsupported
from nn_reference import systems
from nn_reference.training import train

pytestmark = pytest.mark.torch

# Those that differ most: a vector, Adam with each placement of ε, a softmax over the batch, pruning.
EVERYDAY = {
    ("homework/probe-rectangular", "float64"),
    ("iris-relu-adam/probe-rectangular", "float32"),
    ("mnist-dense-keras/probe-rectangular", "float64"),
    ("mnist-relu-torch/probe-rectangular", "float64"),
    ("fashion-pruning/probe-partial", "float32"),
}
CASES = [pytest.param(*pair, marks=() if pair in EVERYDAY else pytest.mark.slow) for pair in JUDGED]
BINARY = fmt.Network(
    inputs=1,
    layers=[fmt.Layer(units=1, activation=fmt.Activation(kind="identity"), bias=False, layout="in,out")],
    loss=fmt.Loss(kind="binary_cross_entropy", reduction="elements", clip=1e-13),
)


@pytest.mark.parametrize(("case_id", "dtype"), CASES)
def test_pytorch_passes_every_check(case_id, dtype, count_checks):
    """Evaluation, second call, steps, pruning and free run are within the limits; only Keras's ε is left out."""
    from nn_conformance.oracles import pytorch

    loaded = load_last(case_id)
    verdicts = count_checks(pytorch.name, judge(loaded, pytorch, dtype, known=shipped(pytorch.name)))

    assert {v.id: v.reason for v in verdicts if v.status not in ("passed", "unsupported")} == {}
    updates = {"step", "trajectory", "pruning"} if loaded.case.optimizer.placement == "keras" else set()
    unseen = ("saturated", "in 3 of 3 directions, the gradient is too small to be seen")
    left = {v.rung for v in verdicts if v.status == "unsupported" and not v.reason.startswith(unseen)}
    assert left == updates & {v.rung for v in verdicts}


def test_pytorch_refuses_a_clip_below_its_own_bound():
    """At p = 1e-13 PyTorch's gradient of -log p is that of 1e-12, so that a clip of 1e-13 is none that it can have."""
    import torch

    from nn_conformance.oracles import pytorch

    p = torch.tensor([1e-13], dtype=torch.float64, requires_grad=True)
    torch.nn.functional.binary_cross_entropy(p, torch.ones_like(p)).backward()
    assert p.grad is not None
    assert p.grad.item() == pytest.approx(-1e12)

    one = np.ones((1, 1))
    with pytest.raises(Unsupported, match="1e-12"):
        pytorch.evaluate(BINARY, {"W1": one}, one, one)


def in_pytorch(name, params, batches, x, t):
    """The document's PyTorch code in a few lines: `Sequential`, a loss, an optimiser; losses and final parameters."""
    import torch
    from torch import nn

    widths = [784, *(len(params[b]) for b in sorted(params) if b.startswith("b"))]
    linear = [nn.Linear(*pair, dtype=torch.from_numpy(x).dtype) for pair in itertools.pairwise(widths)]
    with torch.no_grad():
        for k, layer in enumerate(linear, 1):
            layer.weight.copy_(torch.tensor(params[f"W{k}"]))
            layer.bias.copy_(torch.tensor(params[f"b{k}"]))
    hidden, last, criterion, rate = {
        "fashion-pruning": (nn.ReLU, None, nn.CrossEntropyLoss(), 0.001),
        "mnist-sigmoid-torch": (nn.Sigmoid, nn.Softmax(dim=1), nn.BCEWithLogitsLoss(), 0.001),
        "mnist-relu-torch": (nn.ReLU, nn.Softmax(dim=0), nn.CrossEntropyLoss(), 0.1),
    }[name]
    layers = [linear[0]]
    for layer in linear[1:]:
        layers += [hidden(), layer]
    model = nn.Sequential(*layers, *([last] if last else []))
    adam = name == "fashion-pruning"
    optimizer = (torch.optim.Adam if adam else torch.optim.SGD)(model.parameters(), lr=rate)
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        loss = criterion(model(torch.tensor(x[batch])), torch.tensor(t[batch]))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    final = {}
    for k, layer in enumerate(linear, 1):
        final[f"W{k}"], final[f"b{k}"] = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    return np.array(losses), final


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "name", [pytest.param("fashion-pruning", marks=pytest.mark.slow), "mnist-sigmoid-torch", "mnist-relu-torch"]
)
def test_twenty_steps_of_pytorch_from_the_same_start(name, dtype):
    """Twenty updates on real data, in PyTorch and here, differ by rounding only: in every loss, in every parameter."""
    # A loss may differ by 30·u·√784 of itself, LAPACK's threshold for sums of 784 products. A parameter may differ by as
    # much of its tensor's whole move, which is the sum of the gradients' errors, and by one rounding of itself a step.
    system = systems.get(name)
    size, start = system.recipe.batch_size, {key: p.astype(dtype) for key, p in system.start(42).items()}
    data = system.load()
    x, t = data.train_x[: 20 * size].astype(dtype), data.train_t[: 20 * size].astype(dtype)
    batches = [slice(size * k, size * (k + 1)) for k in range(20)]

    mine = train(system.network, start, system.recipe.optimizer, batches, x, t)
    losses, final = in_pytorch(name, start, batches, x, t)

    share = 30 * ROUNDING[dtype] * np.sqrt(784)
    assert np.all(np.abs(np.array(mine.losses) - losses) <= share * losses)
    for key, right in final.items():
        move = np.linalg.norm(right - start[key])
        rounding = 20 * ROUNDING[dtype] * np.linalg.norm(right)
        assert right.dtype == mine.params[key].dtype == dtype
        assert np.linalg.norm(mine.params[key] - right) <= share * move + rounding, key
