"""Test the testers: what gradient checkers that people use catch of the planted mistakes, and of right networks."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from nn_conformance.cases.store import LoadedCase, Store
from nn_maintain import kills, measured
from nn_maintain.markdown import render
from nn_maintain.mistakes import CATALOGUE, Mistake, applicable
from nn_maintain.mistakes.mistaken import Mistaken
from nn_reference.arithmetic import Params, copied

# A tester gets the loss and its claimed gradient as functions of parameters, and says whether they belong together.
Loss: TypeAlias = Callable[[Params], float]
Gradient: TypeAlias = Callable[[Params], Params]
Tester: TypeAlias = Callable[[Loss, Gradient, Params], bool]
Table: TypeAlias = dict[str, dict[str, list[int]]]  # tester: kind: how many it caught, of how many

RIGHT = "right"


def course(loss: Loss, gradient: Gradient, params: Params, *, step: float) -> bool:
    """The check of courses: ‖g - n‖ / (‖g‖ + ‖n‖) ≤ step over all entries, n by central differences of that step."""

    def moved(name: str, k: int, by: float) -> float:
        there = copied(params)
        there[name].reshape(-1)[k] += by
        return loss(there)

    claimed = gradient(params)
    g = np.concatenate([np.ravel(claimed[name]) for name in params])
    places = [(name, k) for name, p in params.items() for k in range(p.size)]
    n = np.array([(moved(*place, step) - moved(*place, -step)) / (2 * step) for place in places])
    return bool(np.linalg.norm(g - n) <= step * (np.linalg.norm(g) + np.linalg.norm(n)))


def torch_gradcheck(loss: Loss, gradient: Gradient, params: Params, *, fast: bool) -> bool:
    """`torch.autograd.gradcheck` with its defaults, of a Function whose backward is the claimed gradient."""
    import torch

    autograd: Any = torch.autograd

    def arrays(tensors: Sequence[Any]) -> Params:
        return {name: tensor.detach().numpy().copy() for name, tensor in zip(params, tensors, strict=True)}

    class Claimed(autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.save_for_backward(*tensors)
            return torch.tensor(loss(arrays(tensors)), dtype=torch.float64)

        @staticmethod
        def backward(ctx: Any, upstream: Any) -> Any:
            claimed = gradient(arrays(ctx.saved_tensors))
            return tuple(upstream * torch.as_tensor(np.array(claimed[name], np.float64)) for name in params)

    inputs = tuple(torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in params.values())
    return bool(autograd.gradcheck(Claimed.apply, inputs, fast_mode=fast, raise_exception=False))


def jax_check_grads(loss: Loss, gradient: Gradient, params: Params) -> bool:
    """`jax.test_util.check_grads` with its defaults, to the first order and in reverse."""
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)  # noqa: FBT003 - as JAX has it
    as_numpy = lambda tree: {name: np.array(p) for name, p in tree.items()}  # noqa: E731
    shapes = {name: jax.ShapeDtypeStruct(p.shape, np.float64) for name, p in params.items()}

    @jax.custom_vjp
    def claimed(p: Any) -> Any:
        return jax.pure_callback(lambda q: np.float64(loss(as_numpy(q))), jax.ShapeDtypeStruct((), np.float64), p)

    def backward(p: Any, upstream: Any) -> Any:
        values = jax.pure_callback(
            lambda q: {k: np.asarray(v, np.float64) for k, v in gradient(as_numpy(q)).items()}, shapes, p
        )
        return ({name: upstream * g for name, g in values.items()},)

    claimed.defvjp(lambda p: (claimed(p), p), backward)
    try:
        check_grads(claimed, (dict(params),), order=1, modes=("rev",))
    except AssertionError:
        return False
    return True


TESTERS: dict[str, Tester] = {
    "course, step and threshold 1e-5": partial(course, step=1e-5),
    "course, step and threshold 1e-7": partial(course, step=1e-7),
    "torch gradcheck, slow": partial(torch_gradcheck, fast=False),
    "torch gradcheck, fast": partial(torch_gradcheck, fast=True),
    "JAX check_grads": jax_check_grads,
}


def measure(store: Store) -> Table:
    """What each tester catches of the mistakes of the kill matrix; and, as "right", which right networks it refuses."""
    table: Table = {name: {kind: [0, 0] for kind in (*kills.EXPLAINED, RIGHT)} for name in TESTERS}
    for judged in measured.side_by_side("testing", partial(_judged, store.root), list(differentiable(store))):
        for name, kind, caught in judged:
            table[name][kind][0] += caught
            table[name][kind][1] += 1
    return table


def _judged(root: Path, system: str) -> list[tuple[str, str, bool]]:
    """Each tester with the kind of each mistake of a network, and whether it caught it."""
    cases = differentiable(Store(root))[system]
    return [
        (name, mistake.kind if mistake else RIGHT, not passes(tester, case_for(cases, mistake), mistake))
        for mistake in (*kills.possible(cases), None)
        for name, tester in TESTERS.items()
    ]


def differentiable(store: Store) -> dict[str, list[LoadedCase]]:
    """The rows of the kill matrix but those whose document has a wrong derivative, which a checker rightly refuses."""
    return {
        system: cases
        for system, cases in kills.networks(store).items()
        if all(layer.activation.backward == "exact" for layer in cases[0].case.network.layers)
    }


def case_for(cases: Sequence[LoadedCase], mistake: Mistake | None) -> LoadedCase:
    """The probe that a careful user would choose: several samples, distinct sizes, no kink, nothing saturated."""
    rectangular = [loaded for loaded in cases if loaded.case.id.endswith("probe-rectangular")]
    return next(loaded for loaded in [*rectangular, *cases] if mistake is None or mistake in applicable(loaded.case))


def passes(tester: Tester, given: LoadedCase, mistake: Mistake | None) -> bool:
    """Whether a tester accepts loss and gradient of one target, which is made anew for it and keeps what it remembers."""
    target = Mistaken(*([mistake] if mistake else []))

    def evaluate(params: Params) -> Any:
        x, t = np.array(given.x, np.float64), np.array(given.t, np.float64)
        with np.errstate(all="ignore"):
            return target.evaluate(given.case.network, {n: np.array(p, np.float64) for n, p in params.items()}, x, t)

    start = {name: np.array(p, np.float64) for name, p in given.params.items()}
    try:
        return tester(lambda p: float(evaluate(p).loss), lambda p: dict(evaluate(p).gradients), start)
    except (ValueError, RuntimeError, TypeError):  # a gradient of another shape ends a tester, which tells enough
        return False


def markdown(table: Table, systems: Collection[str]) -> list[str]:
    """The table of the page; ours in its last row, as the kill matrix has it of the same systems."""
    matrix = [row for system, row in kills.committed().items() if system in systems]
    kind_of = {mistake.slug: mistake.kind for mistake in CATALOGUE}
    ours = {kind: [0, 0] for kind in kills.EXPLAINED}
    for slug, cell in (cell for row in matrix for cell in row.items()):
        of = ours[kind_of[slug]]
        of[0] += cell.caught > 0
        of[1] += 1
    every = {**table, "nn-conformance": {**ours, RIGHT: [0, len(matrix)]}}
    return render("testers.md", kinds=kills.EXPLAINED, table=every).splitlines()
