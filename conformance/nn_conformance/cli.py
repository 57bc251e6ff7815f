"""The command line. NumPy, rich and the networks are imported by the command that needs them, so `--help` is instant."""

import io
import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

import nn_conformance
from nn_conformance.diagnosis import commands as diagnosis_commands
from nn_conformance.fixtures.commands import app as fixtures_app
from nn_conformance.options import (
    EXIT_NONCONFORMING,
    EXIT_USAGE,
    NAME,
    JsonOption,
    complete_network,
    complete_oracle,
    examples,
    help_if_alone,
)
from nn_reference.errors import NNReferenceError

if TYPE_CHECKING:
    from nn_conformance.targets import Target

EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 130, 141  # what a shell reports of a program that SIGINT or SIGPIPE ended
DEFAULT_ORACLES = ("reference", "complex-step")  # NumPy alone
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
diagnosis_commands.register(app)


NetworkArgument = Annotated[
    str, typer.Argument(metavar="NETWORK", help="A name that `list` prints.", autocompletion=complete_network)
]
NetworksArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NETWORK",
        help="Names that `list` prints; without any, all.",
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


@app.command(
    "verify",
    epilog=examples("verify", "verify homework mnist-relu", "verify --with torch,keras", "verify --all --json"),
)
def verify(
    networks: NetworksArgument = None,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="ORACLE,...",
            help="Judge these too: central, arb, torch, keras.",
            autocompletion=complete_oracle,
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The documented cases of MNIST's size too, not only their probes.")
    ] = False,
    only: diagnosis_commands.OnlyOption = None,
    fuzz: diagnosis_commands.FuzzOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the reference and other oracles on every rung.

    The exit code is 0 if every check passed, 1 if one failed, 2 if the arguments or the data are at fault.
    """
    from nn_conformance import matrix, render
    from nn_conformance.fixtures.store import Store
    from nn_conformance.verdicts import counts
    from nn_conformance.verification import Verification
    from nn_reference.systems import SYSTEMS, get

    wanted = {get(name).name for name in networks or ()}
    systems = [system for system in SYSTEMS if not networks or system.name in wanted]
    targets = _oracles(DEFAULT_ORACLES, with_)
    if only is not None or fuzz is not None:
        diagnosis_commands.again(targets, networks, only, fuzz, as_json=as_json)
        return
    verification = Verification(Store(), targets, large=everything)
    with render.counter("verifying", len(systems) * len(targets)) as advance:
        outcomes = list(verification.run(systems, advance))
    unique = {(outcome.target, verdict.id): verdict for outcome in outcomes for verdict in outcome.verdicts}
    if as_json:
        verdicts = [{"target": target, **verdict.as_json()} for (target, _), verdict in unique.items()]
        _print_json({"counts": counts(unique.values()), "verdicts": verdicts})
    else:
        left_out = verification.left_out(systems)
        matrix.show(outcomes, unique, left_out=left_out)
    if any(verdict.status == "failed" for verdict in unique.values()):
        raise typer.Exit(EXIT_NONCONFORMING)


@app.command("audit", epilog=examples("audit --committed", "audit --committed --json"))
def audit(
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="ORACLE,...", help="Count these as honest too.", autocompletion=complete_oracle),
    ] = None,
    stored: Annotated[
        bool, typer.Option("--committed", help="Print the table that ships, and measure nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure each limit: honest code below it, mistakes beyond.

    The exit code is 0 if honest code needs at most a third of each limit and the nearest mistake is ten times beyond it.
    """
    from nn_conformance import audit as auditing
    from nn_conformance import render
    from nn_conformance.fixtures.store import Store

    if stored and with_:
        raise typer.BadParameter("expected --committed or --with, got both")
    if stored:
        rows = auditing.committed()
    else:
        store = Store()
        targets = _oracles(("reference",), with_)
        systems = list(store.index.systems)
        with render.counter("auditing", len(systems)) as advance:
            rows = auditing.audit(store, systems, targets, advance)
    if as_json:
        _print_json([row.as_json() for row in rows])
    else:
        render.audit(rows)
    if not stored and not all(row.sound for row in rows):
        raise typer.Exit(EXIT_NONCONFORMING)


def _oracles(always: tuple[str, ...], more: list[str] | None) -> list["Target"]:
    """The named oracles as targets; `more` are lists with commas, as the option has them."""
    from nn_conformance.oracles import load

    names = [name.strip() for text in more or () for name in text.split(",")]
    if "" in names:
        raise typer.BadParameter("--with: expected names of oracles with commas between them, got an empty one")
    return [load(name) for name in dict.fromkeys((*always, *names))]


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
