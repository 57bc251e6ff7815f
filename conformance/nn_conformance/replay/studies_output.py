"""What `nn-conformance reconstruct` and `nn-conformance chaos` do, print and write."""

import json
import sys
from pathlib import Path

import numpy as np

from nn_conformance.replay import chaos as chaos_record
from nn_conformance.replay import reconstruction as record
from nn_conformance.replay import reconstruction_runs as runs
from nn_conformance.replay import record_files
from nn_conformance.replay.copies import shaped
from nn_conformance.replay.files import check_folder, merge, replace
from nn_conformance.replay.provenance import versions
from nn_conformance.report import console as render
from nn_reference.errors import InputError
from nn_reference.systems import System, get
from nn_reference.weights import encode

SYSTEMS = ("xor-sigmoid", "xor-tanh")


def reconstruct(network: str, starts: int, seed: int, out: Path | None, *, as_json: bool) -> bool:
    """Solves, prints, writes; whether there is a solution.

    Raises:
        InputError: another network, or a folder that cannot be written.
    """
    if network not in SYSTEMS:
        raise InputError(
            f"network: expected {' or '.join(SYSTEMS)}, which printed errors of an unknown start, got {network!r}"
        )
    system = get(network)
    if out is not None:
        check_folder(out)
    with render.counter(f"reconstructing {network}:", runs.steps(starts)) as progress:
        found = runs.reconstruction(system, starts, seed, progress)
    if found is None:
        render.line(
            f"{system.id}: none of {starts} random starts leads to weights that print the {len(system.figures)} errors"
        )
        return False
    if out is not None:
        _write_reconstruction(system, found, out)
    if as_json:
        sys.stdout.write(record_files.encoded(found).decode())
    else:
        _show_reconstruction(system, found)
    return True


def chaos(epochs: int, count: int, out: Path | None, *, as_json: bool) -> None:
    """Measures, prints, writes.

    Raises:
        InputError: a folder that cannot be written.
    """
    from nn_conformance.replay import chaos_runs  # noqa: PLC0415 - slow to import

    if out is not None:
        check_folder(out)
    with render.counter("following iris-sigmoid:", epochs + 1 + 2 * count) as progress:
        found = chaos_runs.measure(chaos_runs.measured_epochs(epochs), count, progress)
    if out is not None:
        replace(out / "replays" / f"{chaos_record.NAME}.json", record_files.encoded(found))
    if as_json:
        sys.stdout.write(record_files.encoded(found).decode())
        return
    rows = found.test_rows
    render.line(
        f"{found.system}: exact for {epochs} epochs; loss {found.exact.losses[-1]}, {_of(found.exact.accuracies[-1], rows)}"
    )
    render.line(
        f"plain balls of {found.plain.bits} bits: {found.plain.epochs} epochs, {found.plain.bits_per_epoch} bits each"
    )
    table = render.new_table("precision", "runs", "part from the exact loss after", "test rows right at the end: runs")
    for dtype, ensemble in found.ensembles.items():
        ends = ", ".join(f"{k}: {ensemble.correct.count(k)}" for k in sorted(set(ensemble.correct)))
        parted = f"{min(ensemble.parted)} to {max(ensemble.parted)} epochs"
        if min(ensemble.parted) >= epochs:
            parted = f"not within {epochs}"
        table.add_row(dtype, str(count), parted, ends)
    render.console().print(table)


def _write_reconstruction(system: System, found: record.Reconstruction, out: Path) -> None:
    def merged(old: record.Reconstructions | None) -> bytes:
        systems = dict(sorted(((old.systems if old else {}) | {system.id: found}).items()))
        return record_files.encoded(record.Reconstructions(1, versions("numpy"), systems))

    merge(out / "replays" / f"{record.NAME}.json", record.Reconstructions, "a record", merged)
    document = {
        "about": f"reconstructed, not original: weights from which {system.name} prints the document's {found.figures} errors",
        "params": {name: encode(p) for name, p in shaped(system, np.array(found.solutions[0].weights)).items()},
    }
    replace(out / "weights" / f"{found.weights}.json", (json.dumps(document, indent=1) + "\n").encode())


def _show_reconstruction(system: System, found: record.Reconstruction) -> None:
    first = found.solutions[0]
    render.line(
        f"{system.id}: {found.converged} of {found.starts} random starts lead to weights that print all {found.figures} errors"
    )
    table = render.new_table("weight", "reconstructed", "least seen", "largest seen")
    for (place, (low, high)), value in zip(found.ranges.items(), first.weights, strict=True):
        table.add_row(place, repr(value), f"{low:.4f}", f"{high:.4f}")
    render.console().print(table)
    render.line(f"largest residual {first.residual} of the last digit; ½ would round otherwise")
    for control in found.controls:
        render.line(
            f"control, {control.mistake}: {control.figures} of {found.figures}, from {control.starts} random starts"
        )
    render.line(
        f"the figures determine {found.determined} of {len(first.weights)} directions; each solution has {found.equivalent} equivalent forms"
    )


def _of(fraction: float, rows: int) -> str:
    return f"{round(fraction * rows)} of {rows} test rows right"
