"""Whether a case has all that a case of its network has, which its form alone does not say."""

from collections.abc import Collection, Mapping, Sequence
from math import prod

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network, build_optimizer
from nn_reference.errors import InputError
from nn_reference.fixture_files import refusal

Shapes = Mapping[str, tuple[int, ...]]


def check_complete(case: fmt.Case) -> None:
    """Refuses a case that lacks a layer or a name, or has a shape, a row or a length that does not fit its network.

    Raises:
        DataError: the first such field, with what belongs there.
    """
    where = f"{case.id}.json"
    try:
        shapes = build_network(case.network).shapes
        moments = set(build_optimizer(case.optimizer).init({}).moments)
    except InputError as error:  # of the reference's own network, loss or optimiser
        raise refusal(f"{where}: network or optimizer", "one that the reference can build", str(error)) from None
    _Fields(where, case.network, shapes, moments).case(case)


class _Fields:
    """Refusals that name a field of one case."""

    def __init__(self, where: str, network: fmt.Network, shapes: Shapes, moments: set[str]) -> None:
        self.where, self.network, self.shapes, self.moments = where, network, shapes, moments

    def case(self, case: fmt.Case) -> None:
        samples = self.inputs("", case.x, case.t)
        self.arrays("params", case.params)
        self.rows("rows", case.rows, samples)
        self.evaluation("evaluation", case.evaluation, samples if case.rows is None else len(case.rows))
        if case.second_call is not None:
            second = self.inputs("second_call.", case.second_call.x, case.second_call.t)
            self.evaluation("second_call.evaluation", case.second_call.evaluation, second)
        for k, step in enumerate(case.steps):
            self.step(f"steps[{k}]", step, samples)
        if case.trajectory is not None:
            self.trajectory(case.trajectory, samples)
        if case.pruned is not None:
            self.rows("pruned.rows", case.pruned.rows, samples)
            self.arrays("pruned.params", case.pruned.params)
            self.arrays("pruned.after", case.pruned.after)
            self.state("pruned.state", case.pruned.state)
            self.known("pruned.names", case.pruned.names)
        for dtype, effects in case.by_dtype.items():
            self.known(f"by_dtype.{dtype}.nan_gradients", effects.nan_gradients)

    def inputs(self, prefix: str, x: fmt.Array, t: fmt.Array) -> int:
        """The number of samples."""
        samples = x.shape[0] if x.shape else 0
        self.shape(f"{prefix}x", x.shape, (max(samples, 1), self.network.inputs))
        self.shape(f"{prefix}t", t.shape, self.outputs(self.network.layers[-1], samples))
        return samples

    def evaluation(self, field: str, evaluation: fmt.Evaluation, samples: int) -> None:
        layers, of_x = self.network.layers, {"x": (samples, self.network.inputs)}
        self.count(f"{field}.layers", evaluation.layers, len(layers), "layer of the network")
        for k, (layer, output) in enumerate(zip(layers, evaluation.layers, strict=True)):
            self.shape(f"{field}.layers[{k}].z", output.z.shape, self.outputs(layer, samples))
            self.shape(f"{field}.layers[{k}].a", output.a.shape, self.outputs(layer, samples))
        self.arrays(f"{field}.gradients", evaluation.gradients)
        self.known(f"{field}.zero_by_structure", set(evaluation.zero_by_structure) - {"x"})
        for k, kink in enumerate(evaluation.kinks):
            place = kink.layer, kink.sample, kink.unit
            known = kink.layer <= len(layers) and kink.sample < samples and kink.unit < layers[kink.layer - 1].units
            self.expect(f"{field}.kinks[{k}]", "a layer, sample and unit of the evaluation", str(place), right=known)
            shapes = {**self.shapes, **(of_x if "x" in kink.change else {})}
            self.arrays(f"{field}.kinks[{k}].change", kink.change, shapes)
        if evaluation.gradient_x is not None:
            self.shape(f"{field}.gradient_x", evaluation.gradient_x.shape, of_x["x"])

    def step(self, field: str, step: fmt.Step, samples: int) -> None:
        self.rows(f"{field}.rows", step.rows, samples)
        got = "none" if step.after is None else "both"
        one = (step.after is None) != (step.after_summary is None)
        self.expect(field, "one of after and after_summary", got, right=one)
        for name in ("params", "after", "after_summary"):
            if (arrays := getattr(step, name)) is not None:
                self.arrays(f"{field}.{name}", arrays)
        if step.state is not None:
            self.state(f"{field}.state", step.state)
        for name, summary in (step.after_summary or {}).items():
            place, size = f"{field}.after_summary.{name}", prod(summary.shape)
            self.count(f"{place}.projections", summary.projections, len(summary.masks), "mask")
            self.count(f"{place}.entries", summary.entries, len(summary.indices), "index")
            last = max(summary.indices, default=0)
            self.expect(f"{place}.indices", f"indices below {size}", str(last), right=last < size)

    def state(self, field: str, state: fmt.State) -> None:
        self.names(f"{field}.moments", state.moments, self.moments)
        for name, arrays in state.moments.items():
            self.arrays(f"{field}.moments.{name}", arrays)

    def trajectory(self, run: fmt.Trajectory, samples: int) -> None:
        self.expect("trajectory.batches", "at least one", "none", right=bool(run.batches))
        for k, rows in enumerate(run.batches):
            self.rows(f"trajectory.batches[{k}]", rows, samples)
        self.count("trajectory.losses", run.losses, len(run.batches), "batch")
        for dtype, horizon in run.horizons.items():
            place, most = f"trajectory.horizons.{dtype}", len(run.losses)
            self.expect(f"{place}.steps", f"at most {most}", str(horizon.steps), right=horizon.steps <= most)
            self.count(f"{place}.band", horizon.band, horizon.steps, "step")

    def arrays(self, field: str, arrays: Mapping[str, fmt.Array | fmt.Summary], shapes: Shapes | None = None) -> None:
        """One array of the right shape for each parameter of the network."""
        shapes = self.shapes if shapes is None else shapes
        self.names(field, arrays, shapes)
        for name, array in arrays.items():
            self.shape(f"{field}.{name}", array.shape, shapes[name])

    @staticmethod
    def outputs(layer: fmt.Layer, samples: int) -> tuple[int, ...]:
        return (samples,) if layer.vector else (samples, layer.units)

    def names(self, field: str, names: Collection[str], expected: Collection[str]) -> None:
        right = set(names) == set(expected)
        self.expect(field, " ".join(expected) or "no names", " ".join(names) or "none", right=right)

    def known(self, field: str, names: Collection[str]) -> None:
        for name in names:
            self.expect(field, f"some of {' '.join(self.shapes)}", name, right=name in self.shapes)

    def shape(self, field: str, shape: Sequence[int], expected: tuple[int, ...]) -> None:
        self.expect(field, f"shape {list(expected)}", str(list(shape)), right=tuple(shape) == expected)

    def count(self, field: str, items: Sequence[object], expected: int, of: str) -> None:
        self.expect(field, f"{expected}, one for each {of}", str(len(items)), right=len(items) == expected)

    def rows(self, field: str, rows: Sequence[int] | None, samples: int) -> None:
        if rows is not None:
            got = f"{max(rows)}" if rows else "none"
            right = bool(rows) and max(rows) < samples
            self.expect(field, f"at least one row, each below {samples}", got, right=right)

    def expect(self, field: str, expected: str, got: str, *, right: bool) -> None:
        if not right:
            raise refusal(f"{self.where}: {field}", expected, got)
