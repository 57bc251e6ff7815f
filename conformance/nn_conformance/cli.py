"""The command line. NumPy, rich and the networks are imported by the command that needs them, so `--help` is instant."""

import io
import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

import nn_conformance
from nn_conformance.fixtures.commands import app as fixtures_app
from nn_conformance.options import (
    EXIT_NONCONFORMING,
    EXIT_USAGE,
    NAME,
    JsonOption,
    complete_network,
    examples,
    help_if_alone,
)
from nn_reference.errors import NNReferenceError

if TYPE_CHECKING:
    from nn_conformance.verdicts import Verdict
    from nn_reference.systems import System

EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 130, 141  # what a shell reports of a program that SIGINT or SIGPIPE ended
SMALL = 1000  # parameters; above it a network's whole gradient takes a second or two
# What an unknown option or command raises. Typer exports only this class that is derived from it.
UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])


app = typer.Typer(
    name=NAME,
    help="Validate small neural networks against certified references.",
    epilog=examples("list", "describe mnist-relu", "verify"),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(fixtures_app, name="fixtures")


NetworkArgument = Annotated[
    str, typer.Argument(metavar="NETWORK", help="A name that `list` prints.", autocompletion=complete_network)
]
NetworksArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NETWORK",
        help="Names that `list` prints; without any, the small networks.",
        autocompletion=complete_network,
    ),
]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"{NAME} {nn_conformance.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    help_if_alone(context)


@app.command("list", epilog=examples("list", "list --json"))
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


@app.command("describe", epilog=examples("describe homework", "describe mnist-dense-keras --version corrected"))
def describe_network(
    network: NetworkArgument,
    version: Annotated[
        str, typer.Option(metavar="documented|corrected", help="With the document's defects, or with them mended.")
    ] = "documented",
    as_json: JsonOption = False,
) -> None:
    """Layers, loss, recipe, printed figures and defects of a network."""
    from nn_conformance.description import describe
    from nn_reference.systems import get

    description = describe(get(network, version))
    if as_json:
        _print_json(description)
        return
    from nn_conformance import render

    render.description(description)


@app.command("verify", epilog=examples("verify", "verify homework mnist-relu", "verify --all --json"))
def verify(
    networks: NetworksArgument = None,
    everything: Annotated[bool, typer.Option("--all", help="All sixteen networks, MNIST-sized ones included.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the reference: printed digits, gradients by complex step.

    The exit code is 0 if every check passed, 1 if one failed, 2 if the arguments or the data are at fault.
    """
    if networks and everything:
        raise typer.BadParameter("expected names of networks or --all, got both")
    from nn_conformance import render
    from nn_conformance.checks import check
    from nn_conformance.verdicts import counts

    chosen, left_out = _choose(networks, everything=everything)
    verdicts: list[Verdict] = []
    with render.counter("verifying", len(chosen)) as advance:
        for system in chosen:
            verdicts.extend(check(system))
            advance(system.id)
    if as_json:
        _print_json({"counts": counts(verdicts), "verdicts": [verdict.as_json() for verdict in verdicts]})
    else:
        render.printed_digits(verdict for verdict in verdicts if verdict.rung == "printed")
        not_run = f"not run, for their size: {left_out} MNIST-sized systems; {NAME} verify --all runs them in about half a minute"
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
    print(json.dumps(value, indent=2, allow_nan=False))


def _complain(text: str) -> None:
    """One line on standard error, in which nothing can move the cursor or change its colour."""
    line = " ".join(text.split())
    print(f"{NAME}: {''.join(c if c.isprintable() else repr(c)[1:-1] for c in line)}", file=sys.stderr)


def main() -> None:
    """Entry point: a mistake of the user's is one line on standard error and exit code 2, never a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a ½ that the encoding lacks is \xbd, not a crash
    try:
        code = app(prog_name=NAME, standalone_mode=False) or 0
        sys.stdout.flush()
    except UsageError as error:
        command = error.ctx.command_path if error.ctx else NAME
        message = error.format_message().rstrip(".")
        _complain(f"{message}{'' if message.endswith('?') else '.'} Try: {command} --help")
        code = error.exit_code
    except NNReferenceError as error:
        _complain(str(error))
        code = EXIT_USAGE
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        code = EXIT_BROKEN_PIPE
    except OSError as error:  # a full disk
        _complain(f"cannot write the output: {error.strerror}")
        _discard_output()
        code = EXIT_USAGE
    except SystemExit as left:  # by shell completion, or by Typer or rich where they find the reader of a pipe gone
        code = EXIT_BROKEN_PIPE if isinstance(left.__context__, BrokenPipeError) else left.code
    if code == EXIT_INTERRUPTED:  # mostly by Typer, which turns Ctrl-C into this code
        _complain("interrupted")
    if code == EXIT_BROKEN_PIPE:  # as after `| head`
        _discard_output()
    sys.exit(code)


def _discard_output() -> None:
    """What is left in the buffer must not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
