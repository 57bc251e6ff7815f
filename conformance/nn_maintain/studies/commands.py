"""`python -m nn_maintain reconstruct` and `chaos`: what they measure, print and write."""

import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from nn_conformance.cases.encoding import digest, numbers
from nn_conformance.replay.listed_files import check_folder, merge, replace
from nn_conformance.replay.provenance import versions
from nn_conformance.replay.records import CHAOS
from nn_conformance.report import console as render
from nn_maintain import record_files
from nn_maintain.studies import chaos_runs, reconstruction_runs
from nn_maintain.studies import reconstruction as record
from nn_maintain.studies.copies import shaped
from nn_reference.errors import InputError
from nn_reference.systems import System, get

SYSTEMS = ("xor-sigmoid", "xor-tanh")

OutOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write the record below this folder, as `fixtures` has it.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def reconstruct(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=" or ".join(SYSTEMS))],
    starts: Annotated[int, typer.Option(min=1, help="How many random starts.")] = 64,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="What they are drawn with.")] = 0,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Solve for starting weights that print the document's errors.

    All of them, to the last digit; beside it the same is tried with wrong networks, as controls. Minutes. The exit code
    is 1 if no start leads to any.
    """
    if network not in SYSTEMS:
        raise InputError(
            f"network: expected {' or '.join(SYSTEMS)}, which printed errors of an unknown start, got {network!r}"
        )
    system = get(network)
    if out is not None:
        check_folder(out)
    with render.counter(f"reconstructing {network}:", reconstruction_runs.steps(starts)) as progress:
        solved = reconstruction_runs.reconstruct_start(system, starts, seed, progress)
    if solved is None:
        render.line(
            f"{system.id}: none of {starts} random starts leads to weights that print the {len(system.figures)} errors"
        )
        raise typer.Exit(1)
    if out is not None:
        _write_reconstruction(system, solved, out)
    if as_json:
        sys.stdout.write(record_files.encoded(solved).decode())
    else:
        _show_reconstruction(system, solved)


def chaos(
    epochs: Annotated[int, typer.Option(min=1, help="How far.")] = 10_000,
    runs: Annotated[int, typer.Option(min=1, help="How many runs in each precision.")] = 100,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow iris-sigmoid exactly, beside runs with permuted rows.

    The exact run is proven. It takes half an hour.
    """
    if out is not None:
        check_folder(out)
    with render.counter("following iris-sigmoid:", epochs + 1 + 2 * runs) as progress:
        measured = chaos_runs.measure(chaos_runs.measured_epochs(epochs), runs, progress)
    if out is not None:
        replace(out / "replays" / f"{CHAOS}.json", record_files.encoded(measured))
    if as_json:
        sys.stdout.write(record_files.encoded(measured).decode())
        return
    right = f"{round(measured.exact.accuracies[-1] * measured.test_rows)} of {measured.test_rows} test rows right"
    render.line(f"{measured.system}: exact for {epochs} epochs; loss {measured.exact.losses[-1]}, {right}")
    plain = measured.plain
    render.line(f"plain balls of {plain.bits} bits: {plain.epochs} epochs, {plain.bits_per_epoch} bits each")
    table = render.new_table("precision", "runs", "part from the exact loss after", "test rows right at the end: runs")
    for dtype, ensemble in measured.ensembles.items():
        ends = ", ".join(f"{k}: {ensemble.correct.count(k)}" for k in sorted(set(ensemble.correct)))
        parted = f"{min(ensemble.parted)} to {max(ensemble.parted)} epochs"
        if min(ensemble.parted) >= epochs:
            parted = f"not within {epochs}"
        table.add_row(dtype, str(runs), parted, ends)
    render.console().print(table)


def _write_reconstruction(system: System, solved: record.Reconstruction, out: Path) -> None:
    def merged(old: record.Reconstructions | None) -> bytes:
        systems = dict(sorted(((old.systems if old else {}) | {system.id: solved}).items()))
        return record_files.encoded(record.Reconstructions(1, versions("numpy"), systems))

    merge(out / "replays" / f"{record.NAME}.json", record.Reconstructions, "a record", merged)
    params = shaped(system.network.shapes, np.array(solved.solutions[0].weights))
    document = {
        "about": f"reconstructed, not original: weights from which {system.name} prints the document's {solved.figures} errors",
        "params": {
            name: {"dtype": p.dtype.name, "shape": list(p.shape), "data": numbers(p), "sha256": digest(p)}
            for name, p in params.items()
        },
    }
    replace(out / "weights" / f"{solved.weights}.json", (json.dumps(document, indent=1) + "\n").encode())


def _show_reconstruction(system: System, solved: record.Reconstruction) -> None:
    first = solved.solutions[0]
    render.line(
        f"{system.id}: {solved.converged} of {solved.starts} random starts lead to weights that print all {solved.figures} errors"
    )
    table = render.new_table("weight", "reconstructed", "least seen", "largest seen")
    for (place, (low, high)), value in zip(solved.ranges.items(), first.weights, strict=True):
        table.add_row(place, repr(value), f"{low:.4f}", f"{high:.4f}")
    render.console().print(table)
    render.line(f"largest residual {first.residual} of the last digit; ½ would round otherwise")
    for control in solved.controls:
        render.line(
            f"control, {control.mistake}: {control.figures} of {solved.figures}, from {control.starts} random starts"
        )
    render.line(
        f"the figures determine {solved.determined} of {len(first.weights)} directions; each solution has {solved.equivalent} equivalent forms"
    )
