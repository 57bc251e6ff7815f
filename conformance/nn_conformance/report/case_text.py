"""Cases for people: a table of all, and one in full."""

from collections.abc import Sequence
from math import prod

from rich.markup import escape

from nn_conformance.cases import format as fmt
from nn_conformance.cases.store import LoadedCase
from nn_conformance.report import console as render

SHOWN = 6  # numbers of an array, or losses of a run


def cases(rows: Sequence[fmt.IndexedCase]) -> None:
    """A row for each case."""
    render.table(("case", "purpose"), ((escape(case.id), escape(case.purpose)) for case in rows))
    render.line(f"{len(rows)} cases")


def case(loaded: LoadedCase) -> None:
    """Network, sizes, expectations, steps, horizons, provenance."""
    c = loaded.case
    render.line(f"{c.id}, version {c.version}: {c.purpose}")
    render.line(f"system {c.system}; flags {', '.join(c.flags) or 'none'}\n")
    layers = (
        (str(k), str(layer.units), _activation(layer.activation), str(layer.bias), layer.layout)
        for k, layer in enumerate(c.network.layers, 1)
    )
    render.table(("layer", "units", "activation", "bias", "layout"), layers)
    rows = len(loaded.case.rows) if loaded.case.rows is not None else c.x.shape[0]
    render.line(f"\n{rows} samples of {c.network.inputs} inputs; loss {c.network.loss.kind}: {c.evaluation.loss}")
    for name, gradient in c.evaluation.gradients.items():
        zero = c.evaluation.zero_by_structure.get(name)
        render.line(f"  gradient {name} {gradient.shape}: {_numbers(gradient)}{f' (zero: {zero})' if zero else ''}")
    for kink in c.evaluation.kinks:
        render.line(
            f"  kink at layer {kink.layer}, sample {kink.sample}, unit {kink.unit}: any slope in [0, 1] is right"
        )
    if c.steps:
        render.line(
            f"{len(c.steps)} single update(s) by {c.optimizer.kind}, learning rate {c.optimizer.learning_rate:g}"
        )
    if c.trajectory is not None:
        losses, horizons = c.trajectory.losses, c.trajectory.horizons
        ends = ", ".join(f"{dtype} {horizon.steps}" for dtype, horizon in horizons.items())
        render.line(f"free run of {len(losses)} updates, losses {losses[0]} … {losses[-1]}; horizons: {ends}")
    p = c.provenance
    render.line(
        f"document {p.document}; inputs {p.inputs}; values {p.values}, {p.bits} bits; proof: {p.proof or 'none'}"
    )


def _activation(activation: fmt.Activation) -> str:
    return " ".join(
        filter(None, (activation.kind, activation.axis, "" if activation.backward == "exact" else activation.backward))
    )


def _numbers(array: fmt.Array) -> str:
    if array.data is None:
        return f"{prod(array.shape):,} numbers, in arrays/{array.file}"
    more = " …" if len(array.data) > SHOWN else ""
    return " ".join(str(value) for value in array.data[:SHOWN]) + more
