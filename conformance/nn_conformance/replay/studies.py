"""`nn-conformance reconstruct` and `nn-conformance chaos`. Imports wait until they run."""

from pathlib import Path
from typing import Annotated

import typer

from nn_conformance.cli.options import EXIT_NONCONFORMING, JsonOption, examples

RECONSTRUCT_EPILOG = examples("reconstruct xor-tanh", "reconstruct xor-sigmoid --starts 8 --seed 1")
CHAOS_EPILOG = examples("chaos --epochs 400 --runs 20")

OutOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write the record below this folder, as `fixtures` has it.")
]


def reconstruct(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help="xor-sigmoid or xor-tanh.")],
    starts: Annotated[int, typer.Option(min=1, help="How many random starts.")] = 64,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="What they are drawn with.")] = 0,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Solve for starting weights that print the document's errors.

    All of them, to the last digit; beside it the same is tried with wrong networks, as controls. Minutes. The exit code is 1 if no start leads to any.
    """
    from nn_conformance.replay import studies_output

    if not studies_output.reconstruct(network, starts, seed, out, as_json=as_json):
        raise typer.Exit(EXIT_NONCONFORMING)


def chaos(
    epochs: Annotated[int, typer.Option(min=1, help="How far.")] = 10_000,
    runs: Annotated[int, typer.Option(min=1, help="How many runs in each precision.")] = 100,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow iris-sigmoid exactly, beside runs with permuted rows.

    The exact run is proven. It takes half an hour.
    """
    from nn_conformance.replay import studies_output

    studies_output.chaos(epochs, runs, out, as_json=as_json)
