"""The command line. NumPy, rich and the networks are imported by the command that needs them, so `--help` is instant."""

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

import nn_conformance
from nn_conformance.cli import replay as replays
from nn_conformance.cli import reports
from nn_conformance.cli.explain import explain
from nn_conformance.cli.fixtures import app as fixtures_app
from nn_conformance.cli.grade import EPILOG as GRADE_EPILOG
from nn_conformance.cli.grade import grade
from nn_conformance.cli.new_adapter import new_adapter
from nn_conformance.cli.options import (
    EXIT_NONCONFORMING,
    EXIT_USAGE,
    NAME,
    JsonOption,
    NetworkArgument,
    VersionOption,
    children,
    complain,
    complete_network,
    examples,
    help_if_alone,
    print_json,
)
from nn_conformance.cli.plot import app as plots_app
from nn_reference.errors import InputError, NNReferenceError

if TYPE_CHECKING:
    from nn_conformance.judge.target import Target
    from nn_conformance.protocol.program import ProtocolTarget

EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 130, 141  # what a shell reports of a program that SIGINT or SIGPIPE ended
LONGEST = 86_400  # seconds
MOVED = ("table", "reconstruct", "chaos", "audit", "kills", "build")
DEFAULT_ORACLES = ("reference", "plain", "complex-step")  # NumPy alone
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
app.command("new-adapter", epilog=examples("new-adapter --language javascript my_engine.mjs"))(new_adapter)
app.command("explain", epilog=examples("explain", "explain sum-for-mean", "explain relu"))(explain)


VerifiedArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET] [NETWORK]",
        help="What to judge, and names that `list` prints.",
        autocompletion=complete_network,
    ),
]
TimeoutOption = Annotated[float, typer.Option(metavar="SECONDS", help="For an answer; threefold to start.")]
MemoryOption = Annotated[int, typer.Option(metavar="MIB", min=1, help="What TARGET may allocate.")]


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        print(f"{NAME} {nn_conformance.__version__}")
        raise typer.Exit
    help_if_alone(context)


@app.command("list", epilog=examples("list", "list --json"))
def list_networks(as_json: JsonOption = False) -> None:
    """One row for each of the sixteen documented networks."""
    from nn_conformance.report.description import describe
    from nn_reference.systems import NAMES, get

    descriptions = [describe(get(name)) for name in NAMES]
    if as_json:
        print_json(descriptions)
        return
    from nn_conformance.cases.families import describe_network as as_described
    from nn_conformance.cases.text import text_of
    from nn_conformance.report import console as render

    render.networks(descriptions, {name: text_of(as_described(get(name).network)) for name in NAMES})


@app.command("describe", epilog=examples("describe homework", "describe '3-5 relu-2 softmax, cross-entropy'"))
def describe_network(
    network: NetworkArgument,
    version: VersionOption = "documented",
    as_json: JsonOption = False,
) -> None:
    """Layers, loss, recipe, figures and defects of a network.

    NETWORK may also be your own, in one line or a JSON file: then layers, shapes and counts.
    """
    from nn_conformance.adapt.claims import is_own
    from nn_conformance.report.description import describe, describe_own
    from nn_reference.systems import get

    description = describe_own(network) if is_own(network) else describe(get(network, version))
    if as_json:
        print_json(description)
        return
    from nn_conformance.report import console as render

    render.description(description)


@app.command(
    "verify",
    epilog=examples(
        "verify",
        "verify my_xor.py:gradients xor-sigmoid",
        "verify cmd:./harness --all --json",
    ),
)
def verify(
    what: VerifiedArgument = None,
    network: Annotated[
        list[str] | None,
        typer.Option("--network", metavar="LINE|FILE", help="A network of your own, in one line, or one by name."),
    ] = None,
    layer: Annotated[
        str, typer.Option("--layer", metavar="KIND", help="TARGET is a layer, such as 'dense relu'.")
    ] = "",
    loss: Annotated[str, typer.Option("--loss", metavar="LOSS", help="Of a model, whose network is read off it.")] = "",
    with_: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="ORACLE,...", help="Judge these too: central, arb, torch, keras."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Documented cases of MNIST's size too.")] = False,
    known: Annotated[
        Path | None, typer.Option("--known", metavar="FILE", help="TOML: failures that are expected.")
    ] = None,
    timeout: TimeoutOption = 20.0,
    memory: MemoryOption = 4096,
    only: Annotated[
        str | None, typer.Option("--only", metavar="ID", help="Run checks again, by an id or its first parts.")
    ] = None,
    fuzz: Annotated[
        int | None, typer.Option("--fuzz", metavar="N", help="Draw N networks; print the smallest that fails.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print every check that failed.")] = False,
    as_json: reports.JsonHereOption = False,
    html: reports.HtmlOption = None,
    json_file: reports.JsonFileOption = None,
    junit: reports.JunitOption = None,
    markdown: reports.MarkdownOption = None,
) -> None:
    """Judge your code, or the oracles, on every rung.

    TARGET is file.py:function, python:module:attribute or 'cmd:program ...'. Exit codes: 0 all passed, 1 something
    failed, 2 bad arguments or data.
    """
    from nn_conformance.adapt.claims import is_own

    spec, networks = _target_and_networks(what or ())
    networks += _networks_of(network or ())
    if known is not None and spec is None:
        raise typer.BadParameter("--known: expected a target beside it, got none")
    if (layer or loss) and (spec is None or networks):
        got = "networks" if networks else "none"
        raise typer.BadParameter(f"--{'layer' if layer else 'loss'}: expected a target beside it, got {got}")
    forms = {"html": html, "json": json_file, "junit": junit, "markdown": markdown}
    paths = {form: path for form, path in forms.items() if path is not None}
    if paths and (only is not None or fuzz is not None):
        raise typer.BadParameter("--only, --fuzz: expected no file for a report beside it: that is of whole runs")
    if only is not None and (fuzz is not None or not all(map(is_own, networks))):
        raise InputError("verify: expected names of documented networks, --only or --fuzz, got more than one of them")
    reading = None if networks or layer else loss
    with _child(spec, timeout, memory, layer, reading) if spec is not None else nullcontext() as target:
        from nn_conformance.cli import judged  # which takes as long as the target takes to start

        oracles = _oracles(DEFAULT_ORACLES if target is None else (), with_)
        if only is not None:
            right = judged.only(target, oracles, networks, only, as_json=as_json)
        elif fuzz is not None:
            right = judged.fuzz(target, oracles, networks, fuzz, spec or "", as_json=as_json)
        else:
            right = judged.whole(
                target, oracles, networks, spec or "", known, paths, large=everything, verbose=verbose, as_json=as_json
            )
    if not right:
        raise typer.Exit(EXIT_NONCONFORMING)


@app.command("smoke", epilog=examples("smoke cmd:./harness", "smoke my_xor.py:gradients xor-sigmoid"))
def smoke(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="As `verify` has it.")],
    network: Annotated[
        str | None,
        typer.Argument(
            metavar="[NETWORK]", help="Which to ask for; the first that it claims.", autocompletion=complete_network
        ),
    ] = None,
    timeout: TimeoutOption = 20.0,
    memory: MemoryOption = 4096,
) -> None:
    """Judge a harness before what it implements.

    Does it start, read numbers, answer, refuse and stop? The exit code is 0 if it does, and 1 if not; then the exchange
    that failed is printed.
    """
    from nn_conformance.protocol.smoke import smoke as run
    from nn_conformance.report import console as render
    from nn_conformance.subjects import named_systems

    networks = _networks_of([] if network is None else [network])
    named_systems(networks)  # before a program is started that may have wanted it: cmd: and its words are one argument
    with _child(target, timeout, memory) as child:
        steps = list(run(child, *networks))
        for step in steps:
            for line in step.lines():
                render.line(line)
    if not all(step.passed for step in steps):
        raise typer.Exit(EXIT_NONCONFORMING)


app.command("grade", epilog=GRADE_EPILOG)(grade)
app.command("compare", epilog=reports.EPILOG)(reports.compare)
app.command("replay", epilog=replays.EPILOG)(replays.replay)
app.add_typer(plots_app, name="plot")


def _networks_of(words: Sequence[str]) -> list[str]:
    """Networks of the documents by name, and the lines of one's own, however they were given.

    Raises:
        InputError: a line or a file that is no network.
    """
    from nn_conformance.adapt.claims import is_own
    from nn_conformance.cases.text import network, text_of

    documented = [word for word in words if not is_own(word)]
    return documented + [text_of(network(word)) for word in words if word not in documented]


def _target_and_networks(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The one argument that is a target, and the others. No name of a network has a colon, or ends like a file."""
    from nn_conformance.adapt.claims import is_own
    from nn_reference.systems import NAMES

    targets = [word for word in words if ":" in word or word.endswith(".py")]
    if len(targets) > 1:
        raise typer.BadParameter(f"expected one target, got {len(targets)}: {' and '.join(targets)}")
    names = [word for word in words if word not in targets]
    for word in names:
        path = Path(word)
        there = "a folder" if path.is_dir() else "a file that does not end in .py" if path.is_file() else None
        if there and not is_own(word) and word not in NAMES:
            raise typer.BadParameter(f"{word}: expected a network, file.py:function or 'cmd:program ...', got {there}")
        if path.with_suffix(".py").is_file() and not path.suffix and word not in NAMES:
            raise typer.BadParameter(f"{word}: expected a network or file.py, got {word}; did you mean {word}.py?")
    return targets[0] if targets else None, _networks_of(names)


@contextmanager
def _child(
    spec: str, timeout: float, memory: int, layer: str = "", loss: str | None = None
) -> Iterator["ProtocolTarget"]:
    """The target in a process of its own, which ends with ours, also when we are told to."""
    from nn_conformance.protocol.program import Limits, ProtocolTarget, command_of

    with children(timeout, LONGEST):
        limits = Limits(timeout, memory << 20, start=3 * timeout)
        with ProtocolTarget(command_of(spec, layer, loss), limits) as target:
            yield target


def _oracles(always: tuple[str, ...], more: list[str] | None) -> list["Target"]:
    """The named oracles as targets; `more` are lists with commas, as the option has them."""
    from nn_conformance.oracles import load

    names = [name.strip() for text in more or () for name in text.split(",")]
    if "" in names:
        raise typer.BadParameter("--with: expected names of oracles with commas between them, got an empty one")
    return [load(name) for name in dict.fromkeys((*always, *names))]


def _usage(error: Any) -> str:
    """What is wrong with a command line, and where help stands."""
    message, word = error.format_message().rstrip("."), sys.argv[1:2]
    if word in ([name] for name in MOVED):
        message = f"{word[0]} is a maintainers' command, in a checkout: python -m nn_maintain {word[0]}"
    command = error.ctx.command_path if error.ctx else NAME
    return f"{message}{'' if message.endswith('?') else '.'} Try: {command} --help"


def main() -> None:
    """Entry point: a mistake of the user's is one line on standard error and exit code 2, never a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a ½ that the encoding lacks is \xbd, not a crash
    try:
        arguments = reports.with_json_file(sys.argv[1:])
        code = app(arguments, prog_name=NAME, standalone_mode=False) or 0
        sys.stdout.flush()
    except (UsageError, NNReferenceError) as error:
        complain(_usage(error) if isinstance(error, UsageError) else str(error))
        code = EXIT_USAGE
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        code = EXIT_BROKEN_PIPE
    except OSError as error:  # a full disk
        complain(f"cannot write the output: {error.strerror}")
        _discard_output()
        code = EXIT_USAGE
    except SystemExit as left:  # by shell completion, or by Typer or rich where they find the reader of a pipe gone
        code = EXIT_BROKEN_PIPE if isinstance(left.__context__, BrokenPipeError) else left.code
    if code == EXIT_INTERRUPTED:  # mostly by Typer, which turns Ctrl-C into this code
        complain("interrupted")
    if code == EXIT_BROKEN_PIPE:  # as after `| head`
        _discard_output()
    sys.exit(code)


def _discard_output() -> None:
    """What is left in the buffer must not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
