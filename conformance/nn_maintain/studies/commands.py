"""`python -m nn_maintain reconstruct` and `chaos`: what they measure, print and write."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from nn_conformance.cases.encoding import digest, numbers
from nn_conformance.cases.format import Record
from nn_conformance.replay.listed_files import check_folder, merge, replace
from nn_conformance.replay.provenance import versions
from nn_conformance.replay.records import CHAOS
from nn_conformance.report import console
from nn_maintain import record_files
from nn_maintain.markdown import render
from nn_maintain.studies import chaos_runs, reconstruction
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
    with console.counter(f"reconstructing {network}:", reconstruction.steps(starts)) as progress:
        solved = reconstruction.reconstruct_start(system, starts, seed, progress)
    if solved is None:
        console.line(
            f"{system.id}: none of {starts} random starts leads to weights that print the {len(system.figures)} errors"
        )
        raise typer.Exit(1)
    if out is not None:
        _write_reconstruction(system, solved, out)
    _show(solved, "reconstruction.txt", system=system, as_json=as_json)


def chaos(
    epochs: Annotated[int, typer.Option(min=1, help="How far.")] = 10_000,
    runs: Annotated[int, typer.Option(min=1, help="How many runs in each precision.")] = 100,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow iris-sigmoid exactly, beside runs with permuted rows.

    The exact run is proven. It takes an hour.
    """
    if out is not None:
        check_folder(out)
    with console.counter("following iris-sigmoid:", epochs + 1 + 2 * runs) as progress:
        measured = chaos_runs.measure(chaos_runs.measured_epochs(epochs), runs, progress)
    if out is not None:
        replace(out / "replays" / f"{CHAOS}.json", record_files.encoded(measured))
    ends = {dtype: sorted(Counter(of.correct).items()) for dtype, of in measured.ensembles.items()}
    _show(measured, "chaos.txt", ends=ends, as_json=as_json)


def _show(found: Record, template: str, *, as_json: bool, **values: Any) -> None:
    sys.stdout.write(record_files.encoded(found).decode() if as_json else render(template, found=found, **values))


def _write_reconstruction(system: System, solved: reconstruction.Reconstruction, out: Path) -> None:
    def merged(old: reconstruction.Reconstructions | None) -> bytes:
        systems = dict(sorted(((old.systems if old else {}) | {system.id: solved}).items()))
        return record_files.encoded(reconstruction.Reconstructions(1, versions("numpy"), systems))

    merge(out / "replays" / f"{reconstruction.NAME}.json", reconstruction.Reconstructions, "a record", merged)
    params = shaped(system.network.shapes, np.array(solved.solutions[0].weights))
    about = (
        f"reconstructed, not original: weights from which {system.name} prints the document's {solved.figures} errors"
    )
    arrays = {
        name: {"dtype": p.dtype.name, "shape": list(p.shape), "data": numbers(p), "sha256": digest(p)}
        for name, p in params.items()
    }
    document = {"about": about, "params": arrays}
    replace(out / "weights" / f"{solved.weights}.json", (json.dumps(document, indent=1) + "\n").encode())
