"""PyTorch as an oracle: it meets every certified value, and what it cannot do it says."""

import numpy as np
import pytest
from oracle_problems import JUDGED, load_last

from nn_conformance.cases import format as fmt
from nn_conformance.judge.known import shipped
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.target import Unsupported

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
