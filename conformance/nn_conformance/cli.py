"""The command line. NumPy, rich and the networks are imported by the command that needs them, so `--help` is instant."""

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

import nn_conformance

if TYPE_CHECKING:
    from nn_conformance.verdicts import Verdict
    from nn_reference.systems import System

app = typer.Typer(
    name="nn-conformance",
    help="Validate small neural networks against certified references.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

EXIT_NONCONFORMING, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
SMALL = 1000  # parameters; above it a network's whole gradient takes a second or two


def _complete(incomplete: str) -> list[str]:
    from nn_reference.systems import NAMES

    return [name for name in NAMES if name.startswith(incomplete)]


NetworkArgument = Annotated[
    str, typer.Argument(metavar="NETWORK", help="A name that `list` prints.", autocompletion=_complete)
]
NetworksArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NETWORK]...", help="Names that `list` prints; none: all small ones.", autocompletion=_complete
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"nn-conformance {nn_conformance.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


@app.command("list", epilog="Example: nn-conformance list --json")
def list_networks(as_json: JsonOption = False) -> None:
    """One row for each of the sixteen documented networks."""
    from nn_conformance.description import describe
    from nn_reference.systems import NAMES, get

    descriptions = [describe(get(name)) for name in NAMES]
    if as_json:
        _print_json(descriptions)
        return
    from nn_conformance import render

    render.networks(descriptions)


@app.command("describe", epilog="Example: nn-conformance describe mnist-dense-keras --version corrected")
def describe_network(
    network: NetworkArgument,
    version: Annotated[str, typer.Option(help="documented (defects included) or corrected.")] = "documented",
    as_json: JsonOption = False,
) -> None:
    """Layers, shapes, parameter counts, loss, recipe, printed figures and defects of a network."""
    from nn_conformance.description import describe
    from nn_reference.systems import get

    description = describe(get(network, version))
    if as_json:
        _print_json(description)
        return
    from nn_conformance import render

    render.description(description)


@app.command(
    "verify",
    epilog="Examples: nn-conformance verify; nn-conformance verify mnist-relu; nn-conformance verify --all --json",
)
def verify(
    networks: NetworksArgument = None,
    everything: Annotated[bool, typer.Option("--all", help="All sixteen networks, MNIST-sized ones included.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the reference: printed digits of `homework`, and every parameter's gradient against complex step."""
    if networks and everything:
        raise typer.BadParameter("expected names of networks or --all, got both")
    from nn_conformance import render
    from nn_conformance.checks import check
    from nn_conformance.verdicts import counts

    chosen, left_out = _choose(networks, everything=everything)
    verdicts: list[Verdict] = []
    with render.progress("verifying", chosen) as systems:
        for system in systems:
            verdicts.extend(check(system))
    if as_json:
        _print_json({"counts": counts(verdicts), "verdicts": [verdict.as_json() for verdict in verdicts]})
    else:
        render.printed_digits(verdict for verdict in verdicts if verdict.rung == "printed")
        not_run = f"not run, for their size: {left_out} MNIST-sized systems; nn-conformance verify --all runs them in about half a minute"
        render.verification(verdicts, not_run=not_run if left_out else "")
    if any(verdict.status != "passed" for verdict in verdicts):
        raise typer.Exit(EXIT_NONCONFORMING)


def _choose(names: list[str] | None, *, everything: bool) -> tuple[list["System"], int]:
    """The systems to check, and how many were left out for their size."""
    from nn_reference.systems import SYSTEMS, get

    if names:
        wanted = {get(name).name for name in names}
        return [system for system in SYSTEMS if system.name in wanted], 0
    if everything:
        return list(SYSTEMS), 0
    small = [system for system in SYSTEMS if system.network.size <= SMALL]
    return small, len(SYSTEMS) - len(small)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def main() -> None:
    """Entry point: a mistake of the user's is one line on standard error and exit code 2, never a traceback."""
    from nn_reference.errors import NNReferenceError

    try:
        app()
    except NNReferenceError as error:
        print(f"nn-conformance: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except KeyboardInterrupt:
        print("nn-conformance: interrupted", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader has gone (`| head`). Nothing is wrong; Python must not complain while it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
