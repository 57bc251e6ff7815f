"""`nn-conformance replay`. Imports wait until it runs, and until it is known how many threads they may take."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from nn_conformance.cli.options import (
    EXIT_NONCONFORMING,
    JsonOption,
    NetworkArgument,
    VersionOption,
    examples,
    print_json,
)
from nn_conformance.cli.reports import HtmlOption

if TYPE_CHECKING:
    from nn_conformance.cases.format import Dtype
    from nn_conformance.replay.ledger import Framework

EPILOG = examples(
    "replay xor-tanh",
    "replay mnist-relu --with torch --epochs 2",
    "replay mnist-sigmoid-torch --version corrected",
    "replay mnist-tanh --seeds 20 --jobs 4 --out ledgers",
)
# One thread each: a sum that is split among threads rounds otherwise, and so a run would depend on the machine.
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def replay(
    network: NetworkArgument,
    framework: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="numpy|torch|keras",
            help="What to train in; the extras `torch` and `keras` bring the others.",
        ),
    ] = "numpy",
    version: VersionOption = "documented",
    dtype: Annotated[
        str | None, typer.Option(metavar="float32|float64", help="Precision; the document's own by default.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="How many runs: the document's own seed first, then 0, 1, 2, …")
    ] = 1,
    epochs: Annotated[int | None, typer.Option(min=0, help="Stop after so many, from 1 on; all by default.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Put finished runs into the ledgers of this folder; what it has is not run again."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs side by side; above 1 this needs the extra `report`.")] = 1,
    backend: Annotated[
        str,
        typer.Option(
            metavar="local|dask",
            help="Where they run: this machine, or the Dask cluster that DASK_SCHEDULER_ADDRESS names, else one of our own.",
        ),
    ] = "local",
    as_json: JsonOption = False,
    html: HtmlOption = None,
) -> None:
    """Train a network as its document does, beside its figures.

    All frameworks start from the same weights and take the same batches. With --out, the same command after an
    interruption runs what is missing. The exit code is 1 if a run leaves the certified losses where it can be held to them.
    """
    for variable in THREADS:
        os.environ.setdefault(variable, "1")
    from nn_conformance.replay import records
    from nn_conformance.replay.display import leaves, replayed
    from nn_conformance.replay.ensembles import runs_of
    from nn_conformance.replay.figures import as_json as runs_as_json
    from nn_conformance.replay.listed_files import check_folder, write
    from nn_conformance.replay.task import Task
    from nn_conformance.report import console, replay_page
    from nn_reference.systems import get

    task = Task(get(network, version).id, cast("Framework", framework), cast("Dtype | None", dtype), epochs=epochs)
    system, precision, _, _ = task.resolved()
    if html is not None:
        check_folder(html.parent, "--html")
    # A damaged file is told before minutes of training.
    verdicts = records.read(records.VERDICTS, records.VerdictTable).networks[system.name]
    runs = runs_of(task, seeds, out, jobs=jobs, backend=backend, counter=console.counter)
    if html is not None:
        write(html, replay_page.html(system, framework, precision, runs).encode())
    if as_json:
        print_json(runs_as_json(system, framework, precision, runs))
    else:
        replayed(system, framework, precision, runs, verdicts)
    if any(map(leaves, runs)):
        raise typer.Exit(EXIT_NONCONFORMING)
