"""Whether a case has all that a case of its network has, which its form alone does not say."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import prod
from typing import NamedTuple

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network, build_optimizer
from nn_reference.errors import InputError
from nn_reference.files import refusal

Shapes = dict[str, tuple[int, ...]]


class Problem(NamedTuple):
    """A field of a case, what belongs there, and what is there."""

    field: str
    expected: str
    got: str


def check_complete(case: fmt.Case) -> None:
    """Refuses a case that lacks a layer or a name, or has a shape, a row or a length that does not fit its network.

    Raises:
        DataError: the first such field, with what belongs there.
    """
    try:
        problem = next(_problems(case), None)
    except InputError as error:  # of the reference's own network, loss or optimiser
        problem = Problem("network or optimizer", "one that the reference can build", str(error))
    if problem is not None:
        raise refusal(f"{case.id}.json: {problem.field}", problem.expected, problem.got)


def _problems(case: fmt.Case) -> Iterator[Problem]:
    network, optimizer = build_network(case.network), build_optimizer(case.optimizer)
    shapes, moments = network.shapes, set(optimizer.init({}).moments)
    samples = case.x.shape[0] if case.x.shape else 0
    yield from _arrays("params", case.params, shapes)
    yield from _inputs("", case.network, case.x, case.t, samples)
    yield from _rows("rows", case.rows, samples)
    evaluated = samples if case.rows is None else len(case.rows)
    yield from _evaluation("evaluation", case.network, case.evaluation, shapes, evaluated)
    if case.second_call is not None:
        second = case.second_call
        count = second.x.shape[0] if second.x.shape else 0
        yield from _inputs("second_call.", case.network, second.x, second.t, count)
        yield from _evaluation("second_call.evaluation", case.network, second.evaluation, shapes, count)
    for k, step in enumerate(case.steps):
        yield from _step(f"steps[{k}]", step, shapes, moments, samples)
    if case.trajectory is not None:
        yield from _trajectory(case.trajectory, samples)
    if case.pruned is not None:
        yield from _rows("pruned.rows", case.pruned.rows, samples)
        yield from _arrays("pruned.params", case.pruned.params, shapes)
        yield from _arrays("pruned.after", case.pruned.after, shapes)
        yield from _state("pruned.state", case.pruned.state, shapes, moments)
        yield from _known("pruned.names", case.pruned.names, shapes)
    for dtype, effects in case.by_dtype.items():
        yield from _known(f"by_dtype.{dtype}.nan_gradients", effects.nan_gradients, shapes)


def _inputs(prefix: str, network: fmt.Network, x: fmt.Array, t: fmt.Array, samples: int) -> Iterator[Problem]:
    yield from _shape(f"{prefix}x", x.shape, (max(samples, 1), network.inputs))
    yield from _shape(f"{prefix}t", t.shape, _outputs(network.layers[-1], samples))


def _outputs(layer: fmt.Layer, samples: int) -> tuple[int, ...]:
    return (samples,) if layer.vector else (samples, layer.units)


def _evaluation(
    field: str, network: fmt.Network, evaluation: fmt.Evaluation, shapes: Shapes, samples: int
) -> Iterator[Problem]:
    yield from _count(f"{field}.layers", evaluation.layers, len(network.layers), "layer of the network")
    for k, (layer, output) in enumerate(zip(network.layers, evaluation.layers, strict=True)):
        yield from _shape(f"{field}.layers[{k}].z", output.z.shape, _outputs(layer, samples))
        yield from _shape(f"{field}.layers[{k}].a", output.a.shape, _outputs(layer, samples))
    yield from _arrays(f"{field}.gradients", evaluation.gradients, shapes)
    yield from _known(f"{field}.zero_by_structure", evaluation.zero_by_structure, {**shapes, "x": ()})
    for k, kink in enumerate(evaluation.kinks):
        place = kink.layer, kink.sample, kink.unit
        if (
            kink.layer > len(network.layers)
            or kink.sample >= samples
            or kink.unit >= network.layers[kink.layer - 1].units
        ):
            yield Problem(f"{field}.kinks[{k}]", "a layer, sample and unit of the evaluation", str(place))
        of_x = {"x": (samples, network.inputs)} if "x" in kink.change else {}
        yield from _arrays(f"{field}.kinks[{k}].change", kink.change, {**shapes, **of_x})
    if evaluation.gradient_x is not None:
        yield from _shape(f"{field}.gradient_x", evaluation.gradient_x.shape, (samples, network.inputs))


def _step(field: str, step: fmt.Step, shapes: Shapes, moments: set[str], samples: int) -> Iterator[Problem]:
    yield from _rows(f"{field}.rows", step.rows, samples)
    if (step.after is None) == (step.after_summary is None):
        yield Problem(field, "one of after and after_summary", "none" if step.after is None else "both")
    for name, arrays in (("params", step.params), ("after", step.after)):
        if arrays is not None:
            yield from _arrays(f"{field}.{name}", arrays, shapes)
    if step.state is not None:
        yield from _state(f"{field}.state", step.state, shapes, moments)
    if step.after_summary is not None:
        yield from _arrays(f"{field}.after_summary", step.after_summary, shapes)
        for name, summary in step.after_summary.items():
            place = f"{field}.after_summary.{name}"
            yield from _count(f"{place}.projections", summary.projections, len(summary.masks), "mask")
            yield from _count(f"{place}.entries", summary.entries, len(summary.indices), "index")
            if max(summary.indices, default=0) >= prod(summary.shape):
                yield Problem(f"{place}.indices", f"indices below {prod(summary.shape)}", str(max(summary.indices)))


def _state(field: str, state: fmt.State, shapes: Shapes, moments: set[str]) -> Iterator[Problem]:
    yield from _names(f"{field}.moments", state.moments, moments)
    for name, arrays in state.moments.items():
        yield from _arrays(f"{field}.moments.{name}", arrays, shapes)


def _trajectory(run: fmt.Trajectory, samples: int) -> Iterator[Problem]:
    if not run.batches:
        yield Problem("trajectory.batches", "at least one", "none")
    for k, rows in enumerate(run.batches):
        yield from _rows(f"trajectory.batches[{k}]", rows, samples)
    yield from _count("trajectory.losses", run.losses, len(run.batches), "batch")
    for dtype, horizon in run.horizons.items():
        if horizon.steps > len(run.losses):
            yield Problem(f"trajectory.horizons.{dtype}.steps", f"at most {len(run.losses)}", str(horizon.steps))
        yield from _count(f"trajectory.horizons.{dtype}.band", horizon.band, horizon.steps, "step")


def _arrays(field: str, arrays: Mapping[str, fmt.Array | fmt.Summary], shapes: Shapes) -> Iterator[Problem]:
    """One array of the right shape for each parameter of the network."""
    yield from _names(field, arrays, shapes)
    for name, array in arrays.items():
        yield from _shape(f"{field}.{name}", array.shape, shapes[name])


def _names(field: str, names: Collection[str], expected: Collection[str]) -> Iterator[Problem]:
    if set(names) != set(expected):
        yield Problem(field, " ".join(expected) or "no names", " ".join(names) or "none")


def _known(field: str, names: Collection[str], shapes: Shapes) -> Iterator[Problem]:
    for name in names:
        if name not in shapes:
            yield Problem(field, f"some of {' '.join(shapes)}", name)


def _shape(field: str, shape: Sequence[int], expected: tuple[int, ...]) -> Iterator[Problem]:
    if tuple(shape) != expected:
        yield Problem(field, f"shape {list(expected)}", str(list(shape)))


def _count(field: str, items: Sequence[object], expected: int, of: str) -> Iterator[Problem]:
    if len(items) != expected:
        yield Problem(field, f"{expected}, one for each {of}", str(len(items)))


def _rows(field: str, rows: Sequence[int] | None, samples: int) -> Iterator[Problem]:
    if rows is not None and not (rows and max(rows) < samples):
        yield Problem(field, f"at least one row, each below {samples}", f"{max(rows)}" if rows else "none")
