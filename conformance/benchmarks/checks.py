"""How long it takes to check a gradient, and to certify cases, as networks grow."""

import tempfile
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from timing import Run, Table, growth, in_turn, quartiles, ratios, seconds

from nn_conformance import check_gradients, network
from nn_conformance.cases import on_demand
from nn_conformance.cases.families import build_network
from nn_conformance.oracles import complex_step, reference
from nn_conformance.oracles import pytorch as in_torch
from nn_reference.arithmetic import Params
from nn_reference.datasets import load_images

CHECKED = ("16-12 tanh-4", "64-32 tanh-10", "256-80 tanh-10", "784-300 tanh-10")
IMAGES = ", images"  # after a line of CHECKED: the inputs are MNIST's, where others are drawn and no two are equal
CERTIFIED = ("3-2 tanh-2", "6-4 tanh-3", "16-12 tanh-4", "32-24 tanh-10", "64-32 tanh-10")
SAMPLES = 8
CHECKS = ("complex step", "gradcheck slow", "check_gradients", "gradcheck fast")


def gradients(*, quick: bool) -> Table:
    """One row for each network: every entry by complex step and by PyTorch, and a few directions by both."""
    table = Table(["network", "parameters", *(f"{check}, s" for check in CHECKS), "slow / complex step"])
    for line in CHECKED[:2] if quick else (*CHECKED, CHECKED[-1] + IMAGES):
        size, runs = _checks(f"{line.removesuffix(IMAGES)} softmax, cross-entropy", images=line.endswith(IMAGES))
        times = in_turn(runs, 1 if quick else 5)
        spreads = [quartiles(times[check]) for check in CHECKS]
        table.rows.append([line, size, *spreads, ratios(times, "gradcheck slow", "complex step")])
    drawn = [row for row in table.rows if not row[0].endswith(IMAGES)]
    grown = ", ".join(f"{check} {growth(drawn, k)}" for k, check in enumerate(CHECKS, 2))
    table.notes.append(f"Exponent of growth with the number of parameters: {grown}.")
    return table


def _checks(line: str, *, images: bool) -> tuple[int, dict[str, Run]]:
    """How many parameters there are, and each check of their gradient, which is right and must pass."""
    described, rng = network(line), np.random.default_rng(0)
    built = build_network(described)
    params = {name: rng.normal(0, 0.1, shape) for name, shape in built.shapes.items()}
    x, t = rng.random((SAMPLES, built.widths[0])), np.eye(built.widths[-1])[rng.integers(0, built.widths[-1], SAMPLES)]
    if images:
        x = load_images("mnist").train_images[:SAMPLES].reshape(SAMPLES, -1) / 255
    gradients = reference.evaluate(described, params, x, t).gradients
    claimed = {name: gradients[name] for name in params}
    tensors = in_torch.tensors_of(params, requires_grad=True)

    def by_complex_step() -> None:
        for name, right in complex_step.of_parameters(described, params, x, t).gradients.items():
            np.testing.assert_allclose(claimed[name], right, rtol=1e-9, atol=1e-12)

    def loss(moved: Params) -> float:
        return reference.evaluate(described, moved, x, t, gradients=False).loss

    def by_directions() -> None:
        if not (report := check_gradients(loss, params, claimed)).ok:
            raise AssertionError(report)

    def of_tensors(*moved: torch.Tensor) -> torch.Tensor:
        named = dict(zip(params, moved, strict=True))
        return in_torch.forward(described, named, torch.tensor(x), torch.tensor(t))[1]

    slow, fast = (
        partial(torch.autograd.gradcheck, of_tensors, list(tensors.values()), fast_mode=mode) for mode in (False, True)
    )
    checks = zip(CHECKS, (by_complex_step, slow, by_directions, fast), strict=True)
    return built.size, {name: seconds(check) for name, check in checks}


def certify(*, quick: bool) -> Table:
    """One row for each network: seconds until its cases are certified, with nothing in the cache."""
    table = Table(["network", "parameters", "s"])
    for line in CERTIFIED[: 1 if quick else None]:
        whole = f"{line} softmax, cross-entropy"
        times = in_turn({"certify": seconds(partial(_certify, whole))}, 1 if quick else 3)["certify"]
        table.rows.append([line, build_network(network(whole)).size, quartiles(times)])
    table.notes.append(f"Exponent of growth with the number of parameters: {growth(table.rows, 2)}.")
    return table


def _certify(line: str) -> None:
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(on_demand, "_cache", return_value=Path(folder)):
        on_demand.certify(line)
