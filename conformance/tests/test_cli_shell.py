"""The command as a shell runs it: what it imports, encodings, pipes, signals, completion."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import nn_conformance
from nn_conformance.cli.main import app
from nn_reference.systems import NAMES

MODULE = str(Path(nn_conformance.__file__).with_name("__main__.py"))


@pytest.fixture
def environment(command):  # which does the removing
    """The environment without what would change the output, which `command` has removed from this process too."""
    return dict(os.environ)


def python(*arguments, **options):
    """This Python in a process of its own: its exit code, and both outputs unless an option leads one elsewhere."""
    defaults = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8", "timeout": 300}
    done = subprocess.run([sys.executable, *arguments], **{**defaults, **options}, check=False)  # noqa: S603 - our own command
    return done.returncode, done.stdout, done.stderr


# Prints what each command line has imported that it should not; none is run to its end by more than this process.
HELPLESS = """
import sys
from nn_conformance.cli.main import main
for line in sys.argv[1:]:
    sys.argv = ["nn-conformance", *line.split()]
    try:
        main()
    except SystemExit:
        heavy = [name for name in sys.modules if name.split(".")[0] in ("numpy", "rich", "pooch")]
        if heavy:
            sys.exit(f"{line!r} imported {heavy}")
print("light")
"""


def test_help_waits_for_no_library():
    """Neither help, nor the version, nor a mistyped command imports NumPy or rich, so all of them are instant."""
    code, out, err = python("-c", HELPLESS, "--help", "verify -h", "--version", "", "lst", "list --jsn")
    assert (code, out.splitlines()[-1]) == (0, "light"), err


def test_module_calls_itself_by_the_commands_name(environment):
    """`python -m nn_conformance` answers as the installed command does, in a process of its own too."""
    assert python("-m", "nn_conformance", "lst", env=environment) == (
        2, "", "nn-conformance: No such command 'lst'. Did you mean 'list'? Try: nn-conformance --help\n",
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [["describe", "iris-sigmoid"], ["list", "--json"]], ids=" ".join)
def test_narrow_encoding_is_no_crash(command, monkeypatch, arguments):
    """Where the output's encoding lacks a character, it is written as an escape; JSON has none to lack."""
    wide = command(*arguments)
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    done = command(*arguments)
    out = narrow.buffer.getvalue().decode("ascii")
    assert (done.code, done.err) == (0, "")
    assert out == wide.out.encode("ascii", "backslashreplace").decode()
    assert (r"\xbd" in out) == ("--json" not in arguments)


@pytest.mark.parametrize(
    ("arguments", "unbuffered"),
    [
        (["list"], False), (["list"], True), (["list", "--json"], False), (["describe", "homework"], False),
        (["verify", "xor-tanh"], False), (["--help"], False), (["--version"], False), (["--version"], True),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "unbuffered" if value else "buffered",
)  # fmt: skip
def test_reader_that_has_gone_is_no_error(command, monkeypatch, arguments, unbuffered):
    """Into a pipe that nobody reads, as after `| head`, the command ends like others do, without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    with io.TextIOWrapper(os.fdopen(writer, "wb", 0 if unbuffered else -1), write_through=unbuffered) as out:
        monkeypatch.setattr(sys, "stdout", out)
        done = command(*arguments)
    # That the block could close the output says that what is left in it fails no more.
    assert (done.code, done.err) == (128 + signal.SIGPIPE, "")


def test_reader_of_a_process_that_has_gone_is_no_error(environment):
    """In a process of its own it is the same: Python finds nothing to complain of when it exits."""
    reader, writer = os.pipe()
    os.close(reader)
    code, _, err = python("-m", "nn_conformance", "list", stdout=writer, env=environment)
    os.close(writer)
    assert (code, err) == (128 + signal.SIGPIPE, "")


# Says when the first check begins, so that the signal comes neither before nor after the run.
VERIFY_ALL = """
import signal, sys
from nn_conformance.cli import main as cli
from nn_conformance import judge_run
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with SIGINT ignored
judge_climb = judge_run.judge_climb
def announced(*arguments):
    print("running", flush=True)
    return judge_climb(*arguments)
judge_run.judge_climb = announced
sys.argv = ["nn-conformance", "verify", "--all"]
cli.main()
"""


def test_interruption_is_one_line(environment):
    """Ctrl-C during `verify --all` ends it at once, with code 130, one line and no verdict."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", VERIFY_ALL],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (130, "nn-conformance: interrupted\n")
    assert set(out.splitlines()) <= {"running"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nn-conformance ", [command.name for command in (*app.registered_commands, *app.registered_groups)]),
        ("nn-conformance fixtures ", ["list", "show", "export", "make", "check"]),
        ("nn-conformance fixtures show xor-tanh/documented", ["xor-tanh/documented", "xor-tanh/documented-float32"]),
        ("nn-conformance de", ["describe"]),
        ("nn-conformance describe mnist-t", ["mnist-tanh", "mnist-tanh-deeper", "mnist-tanh-512", "mnist-tanh-lr025"]),
        ("nn-conformance describe ", list(NAMES)),
        ("nn-conformance verify xor-tanh home", ["homework"]),
        ("nn-conformance verify --a", ["--all"]),
        ("nn-conformance describe qqq", []),
    ],
)
def test_completion_knows_commands_and_networks(command, monkeypatch, line, expected):
    """What the shell's script asks for is answered with commands, options and names of networks, in order."""
    words = line.split(" ")
    monkeypatch.setenv("_NN_CONFORMANCE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    done = command()
    assert (done.code, done.err) == (0, "")
    assert done.out.split() == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_for_the_command(command, monkeypatch, shell):
    """Each shell's script completes `nn-conformance`, even where it was shown by `python -m nn_conformance`."""
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = command("--show-completion", shell, program=MODULE)
    assert (done.code, done.err) == (0, "")
    last = {"bash": "complete -o default -F", "zsh": "compdef", "fish": "complete --command nn-conformance"}[shell]
    assert done.out.strip().splitlines()[-1].startswith(last)
    assert "nn-conformance" in done.out
    assert "_NN_CONFORMANCE_COMPLETE" in done.out
