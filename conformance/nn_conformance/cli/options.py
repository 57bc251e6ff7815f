"""What the commands' declarations share. Imports nothing heavy: every `--help` reads this."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

NAME = "nn-conformance"
EXIT_NONCONFORMING, EXIT_USAGE = 1, 2
EXIT_TERMINATED = 143  # what a shell reports of a program that SIGTERM ended

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def examples(*lines: str) -> str:
    """An epilog with a line for each example; the backspace keeps Typer from filling them into a paragraph."""
    return "\n".join(("\b", "Examples:", *(f"  {NAME} {line}" for line in lines)))


def help_if_alone(context: typer.Context) -> None:
    """A group of commands called without one prints its help, and that is a mistake of usage.

    Raises:
        typer.Exit: with code 2.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(EXIT_USAGE)


def print_json(value: Any) -> None:
    """For machines."""
    print(json.dumps(value, indent=2, allow_nan=False))


def complain(text: str) -> None:
    """One line on standard error, in which nothing can move the cursor or change its colour."""
    line = " ".join(text.split())
    print(f"{NAME}: {''.join(c if c.isprintable() else repr(c)[1:-1] for c in line)}", file=sys.stderr)


@contextmanager
def children(timeout: float, longest: int) -> Iterator[None]:
    """While programs of others run, which end with ours, also when we are told to.

    Raises:
        typer.BadParameter: a time of none, or of more than so many seconds, for their answers.
    """
    from nn_conformance.protocol.child import unlimited

    if not 0 < timeout <= longest:
        raise typer.BadParameter(f"--timeout: expected seconds above 0, at most {longest}, got {timeout}")
    if line := unlimited():
        complain(line)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def complete_network(incomplete: str) -> list[str]:
    """Names of networks, for the shell."""
    from nn_reference.systems import NAMES

    return [name for name in NAMES if name.startswith(incomplete)]


NetworkArgument = Annotated[
    str, typer.Argument(metavar="NETWORK", help="A name that `list` prints.", autocompletion=complete_network)
]
VersionOption = Annotated[
    str,
    typer.Option(
        metavar="documented|corrected|…",
        help="With the document's defects, or with them mended; `describe` names all versions.",
    ),
]
