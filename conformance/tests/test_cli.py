"""The command line: what it prints, its exit codes, and that no mistake of a user's ends in a traceback."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import nn_conformance
from nn_conformance import checks, cli
from nn_conformance.verdicts import Verdict, at_most
from nn_reference.activations import SIGMOID
from nn_reference.arithmetic import Array
from nn_reference.systems import SYSTEMS

NAMES = [
    "iris-sigmoid", "iris-relu-adam", "fashion-pruning", "mnist-sigmoid-numpy", "mnist-sigmoid-torch",
    "mnist-sigmoid-keras", "homework", "mnist-dense-keras", "xor-sigmoid", "xor-tanh", "mnist-tanh", "mnist-tanh-deeper",
    "mnist-tanh-512", "mnist-tanh-lr025", "mnist-relu", "mnist-relu-torch",
]  # fmt: skip
COMMANDS = ("list", "describe", "verify")
# What would change the output, set by whoever runs the tests.
AMBIENT = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "TTY_COMPATIBLE", "PYTHONUNBUFFERED", "NN_CONFORMANCE_DATA")
ESCAPE = "\x1b"


class Done(NamedTuple):
    """How a command ended."""

    code: object
    out: str
    err: str


def environment(**variables: str) -> dict[str, str]:
    """The environment without what would change the output, with the variables given."""
    return {name: value for name, value in os.environ.items() if name not in AMBIENT} | variables


def python(*arguments: str, **options: Any) -> Done:
    """This Python in a process of its own, with pipes for its output unless an option says otherwise."""
    defaults = {"env": environment(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    done = subprocess.run([sys.executable, *arguments], **{**defaults, **options}, timeout=300, check=False)  # noqa: S603 - our own command
    return Done(done.returncode, done.stdout, done.stderr)


def run(*arguments: str, **variables: str) -> Done:
    """The command in a process of its own."""
    return python("-m", "nn_conformance", *arguments, env=environment(**variables))


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """The command in this process, where a test can patch what it runs."""
    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["nn-conformance", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return Done(left.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One check for each system, which passes at once."""
    monkeypatch.setattr(checks, "check", lambda system: iter([at_most(f"{system.id}::gradient::W1", 0.0, 1.0, "")]))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Array, Array, Array], Array]], None]:
    """Puts another rule in place of the sigmoid's gradient."""
    return lambda rule: monkeypatch.setitem(vars(SIGMOID), "backward", rule)


def parsed(text: str) -> Any:
    """Strict JSON: NaN and infinity are no numbers of it. ASCII, so that no encoding can spoil it."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert text.isascii()
    return json.loads(text, parse_constant=refuse)


def complaint(done: Done) -> str:
    """What a mistake of the user's is answered with: code 2, nothing on stdout, one printable line on stderr."""
    assert done.code == 2
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert done.err == f"{line}\n"
    assert line.isprintable()
    assert line.startswith("nn-conformance: ")
    return line


def table(text: str) -> list[str]:
    """The rows of verdicts, one for each version of each network."""
    return [line for line in text.splitlines() if re.match(r"[a-z0-9-]+/[a-z]+ ", line)]


# --- help


@pytest.mark.parametrize("arguments", [["--help"], ["verify", "-h"], ["--version"], [], ["lst"], ["list", "--jsn"]])
def test_help_waits_for_no_library(arguments: list[str]) -> None:
    """Neither help, nor the version, nor a mistyped command imports NumPy or rich, so all of them are instant."""
    code = f"""
import sys
from nn_conformance.cli import main
sys.argv = ["nn-conformance", *{arguments}]
try:
    main()
except SystemExit:
    heavy = [name for name in sys.modules if name.split(".")[0] in ("numpy", "rich", "pooch")]
    sys.exit(f"imported {{heavy}}" if heavy else 0)
"""
    done = python("-c", code)
    assert done.code == 0, done.err


@pytest.mark.parametrize("arguments", [(), *((name,) for name in COMMANDS)], ids=["root", *COMMANDS])
def test_help_is_short_and_whole(command: Callable[..., Done], arguments: tuple[str, ...]) -> None:
    """`-h` is `--help`: on stdout, with code 0, no wider than a terminal, nothing cut short, examples one to a line."""
    done = command(*arguments, "--help")
    assert command(*arguments, "-h") == done
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: {' '.join(('nn-conformance', *arguments))} [OPTIONS]")
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 26
    assert not any(line.endswith("...") for line in lines[1:])
    assert [line.strip() for line in lines].index("Examples:") < len(lines) - 1


@pytest.mark.usefixtures("passing")
@pytest.mark.parametrize("arguments", [(), *((name,) for name in COMMANDS)], ids=["root", *COMMANDS])
def test_examples_in_help_work(command: Callable[..., Done], arguments: tuple[str, ...]) -> None:
    """Every example in a help text is a command that succeeds."""
    text = command(*arguments, "--help").out
    examples = re.findall(r"^ +nn-conformance (.+)$", text.split("Examples:")[1], re.MULTILINE)
    assert len(examples) >= 2
    for example in examples:
        assert command(*shlex.split(example))[::2] == (0, ""), example


def test_version_is_the_packages(command: Callable[..., Done]) -> None:
    """`--version` prints the command's name and the package's version, and nothing else."""
    assert command("--version") == (0, f"nn-conformance {nn_conformance.__version__}\n", "")


def test_no_command_is_answered_with_help(command: Callable[..., Done]) -> None:
    """Without a command there is nothing to do: help on stderr, and code 2, so that no script takes it for success."""
    assert command() == (2, "", command("--help").out)


# --- list and describe


def test_list_has_a_row_for_each_network(command: Callable[..., Done]) -> None:
    """Sixteen rows, in the order of the documents, with the columns of the header."""
    done = command("list")
    assert (done.code, done.err) == (0, "")
    header, *rows = [re.split(r"\s{2,}", line.strip()) for line in done.out.splitlines()]
    assert header == ["network", "document", "architecture", "loss", "parameters", "versions"]
    assert [row[0] for row in rows] == NAMES
    assert all(len(row) == 6 for row in rows)
    assert rows[NAMES.index("mnist-dense-keras")] == [
        "mnist-dense-keras", "002", "784-128-64-10", "cross-entropy from probabilities, mean over samples", "109,386",
        "documented, corrected",
    ]  # fmt: skip


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_list_fits_a_terminal(command: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """On a terminal of 80 columns or more each network has one line, its name and architecture in full."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = re.sub(r"\x1b\[\d*m", "", command("list").out).splitlines()
    assert [line.split()[0] for line in lines[1:]] == NAMES
    assert max(map(len, lines)) <= columns
    assert lines[1 + NAMES.index("mnist-tanh-deeper")].split()[2] == "784-100-50-100-10"
    assert ("loss" in lines[0]) == (columns == 200)


def test_list_json_is_what_describe_says_of_each(command: Callable[..., Done]) -> None:
    """`list --json` is the sixteen descriptions, each the same as `describe --json` gives."""
    descriptions = parsed(command("list", "--json").out)
    assert [description["name"] for description in descriptions] == NAMES
    for name, description in zip(NAMES, descriptions, strict=True):
        assert parsed(command("describe", name, "--json").out) == description


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.id)
def test_description_has_the_documented_keys(command: Callable[..., Done], system: Any) -> None:
    """`describe --json` has these keys for every version of every network, and the counts of parameters add up."""
    description = parsed(command("describe", system.name, "--version", system.version, "--json").out)
    assert list(description) == [
        "id", "name", "version", "versions", "title", "document", "inputs", "layers", "parameters", "loss",
        "precision", "initial_weights", "seed", "start_note", "preprocessing", "recipe", "figures", "defects", "remarks",
    ]  # fmt: skip
    assert description["id"] == system.id
    assert description["parameters"] == sum(layer["parameters"] for layer in description["layers"])
    for layer in description["layers"]:
        assert list(layer) == ["kind", "activation", "output_shape", "weights_layout", "shapes", "parameters"]
        assert layer["parameters"] == sum(int(np.prod(shape)) for shape in layer["shapes"].values())
    for figure in description["figures"]:
        assert list(figure) == ["quantity", "printed", "epoch", "note"]
    for defect in description["defects"]:
        assert list(defect) == ["what", "effect", "mend"]


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.id)
def test_description_for_people_says_it_all(command: Callable[..., Done], system: Any) -> None:
    """`describe` shows every text of the description as it stands, brackets included, one line for each statement."""
    done = command("describe", system.name, "--version", system.version)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{system.id}  {system.title}  (document {system.document})\n")
    lines = [line.strip() for line in done.out.splitlines()]
    assert f"total parameters: {system.network.size:,}" in lines
    for text in (system.network.loss.name, system.preprocessing):
        assert any(line.endswith(f" {text}") for line in lines)
    for remark in system.remarks:
        assert f"- {remark}" in lines
    for defect in system.defects:
        assert any(line.startswith(f"- {defect.what}: {defect.effect}.") and defect.mend in line for line in lines)
    for figure in system.figures:
        assert any(line.startswith(f"- {figure.quantity}: ") for line in lines)


def test_describe_counts_parameters_layer_by_layer(command: Callable[..., Done]) -> None:
    """Document 002's summary of its Keras model: 100,480 + 8,256 + 650 = 109,386."""
    description = parsed(command("describe", "mnist-dense-keras", "--json").out)
    assert [layer["parameters"] for layer in description["layers"]] == [100_480, 8_256, 650]
    assert description["parameters"] == 109_386
    text = command("describe", "mnist-dense-keras").out
    rows = [line.split() for line in text.splitlines() if line.startswith("dense ")]
    assert [row[-1] for row in rows] == ["100,480", "8,256", "650"]
    assert "total parameters: 109,386\n" in text


def test_corrected_version_says_what_is_mended(command: Callable[..., Done]) -> None:
    """The corrected version has another first layer, and calls the document's defect mended."""
    documented = command("describe", "mnist-dense-keras").out
    corrected = command("describe", "mnist-dense-keras", "--version", "corrected").out
    assert "dense 1  identity" in documented
    assert "dense 1  relu" in corrected
    assert "defects, reproduced here\n" in documented
    assert "defects of the document, mended here\n" in corrected


# --- mistakes of the user's


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("lst", "No such command 'lst'. Did you mean 'list'? Try: nn-conformance --help"),
        ("--json", "No such option: --json"),
        ("list --jsn", "No such option: --jsn"),
        ("list extra", "(extra). Try: nn-conformance list --help"),
        ("describe", "Missing argument 'NETWORK'. Try: nn-conformance describe --help"),
        ("describe xor-tanh homework", "(homework). Try: nn-conformance describe --help"),
        ("describe xor-tanh --version", "Option '--version' requires an argument. Try: nn-conformance"),
        (
            "describe xor-tahn",
            "network: no network is named 'xor-tahn', did you mean 'xor-tanh'?",
        ),
        (
            "describe XOR-TANH",
            "network: no network is named 'XOR-TANH', did you mean 'xor-tanh'?",
        ),
        ("describe ''", "network: no network is named ''; expected one of iris-sigmoid, "),
        ("describe xor-tanh --version corrected", "version: xor-tanh has no version 'corrected'; expected one of docu"),
        ("describe mnist-relu-torch --version x", "no version 'x'; expected one of documented, corrected"),
        ("verify xor-tanh xor-sigmiod", "network: no network is named 'xor-sigmiod', did you mean 'xor-sigmoid'?"),
        ("verify --all xor-tanh", "expected names of networks or --all, got both. Try: nn-conformance verify --help"),
        ("verify xor-tanh --all", "expected names of networks or --all, got both. Try: nn-conformance verify --help"),
    ],
)
def test_mistake_is_one_line_and_code_2(command: Callable[..., Done], arguments: str, expected: str) -> None:
    """A command, option or name that there is not, or that does not fit, is one line that says what would."""
    assert expected in complaint(command(*shlex.split(arguments)))


def test_module_calls_itself_by_the_commands_name() -> None:
    """`python -m nn_conformance` answers as the installed command does, in a process of its own too."""
    assert complaint(run("lst")) == (
        "nn-conformance: No such command 'lst'. Did you mean 'list'? Try: nn-conformance --help"
    )
    assert complaint(run("describe", "homwork")).startswith(
        "nn-conformance: network: no network is named 'homwork', did"
    )


# What a user may type or paste, and the part of it that must be seen again.
HOSTILE = {
    "\x1b[31mred": "[31mred",
    "[red]x[/]": "[red]x[/]",
    "\x1b]0;title\x07": "]0;title\\x07",
    "one\ntwo\r": "one",
    "\u202egpj": "\\u202egpj",
    "\x9b2J": "\\x9b2J",
    "%s{0}": "%s{0}",
    "--\x1b[2J": "--\\x1b[2J",
}


@pytest.mark.parametrize(("name", "shown"), HOSTILE.items(), ids=map(ascii, HOSTILE))
@pytest.mark.parametrize(
    "arguments",
    [["describe"], ["verify"], [], ["list"], ["describe", "homework", "--version"]],
    ids=["network", "networks", "command", "extra", "version"],
)
def test_hostile_text_is_shown_escaped(
    command: Callable[..., Done], arguments: list[str], name: str, shown: str
) -> None:
    """Whatever a user types comes back on one line without control characters, and markup as it was typed."""
    assert shown in complaint(command(*arguments, name))


# --- verify


def test_verify_counts_what_it_ran() -> None:
    """`verify` runs the small networks, exits with 0, and says last what ran and what was left out."""
    done = run("verify")
    assert (done.code, done.err) == (0, "")
    *_, counted, left_out = done.out.splitlines()
    rows = table(done.out)
    small = [system.id for system in SYSTEMS if system.network.size <= cli.SMALL]
    assert [row.split()[0] for row in rows] == small
    assert all(row.split()[-1] == "passed" for row in rows)
    checks_run = sum(int(n) for row in rows for n in re.findall(r"\b(\d+) [a-z]", row))
    assert counted == f"{checks_run} checks ran: {checks_run} passed, 0 failed"
    assert left_out.startswith(f"not run, for their size: {len(SYSTEMS) - len(small)} MNIST-sized systems; ")


def test_verify_json_has_the_documented_keys(command: Callable[..., Done]) -> None:
    """`verify --json` has counts, and verdicts with stable ids, whichever way the names are ordered or repeated."""
    done = command("verify", "xor-tanh", "homework", "xor-tanh", "--json")
    report = parsed(done.out)
    assert (done.code, done.err) == (0, "")
    assert list(report) == ["counts", "verdicts"]
    assert report["counts"] == {"ran": 26, "passed": 26, "failed": 0}
    for verdict in report["verdicts"]:
        assert list(verdict) == ["id", "status", "error", "limit", "reason", "at_least"]
    ids = [verdict["id"] for verdict in report["verdicts"]]
    assert len(set(ids)) == len(ids) == 26
    assert ids[0] == "homework/documented::printed::loss"
    assert ids[-4:] == [f"xor-tanh/documented::gradient::{tensor}" for tensor in ("W1", "b1", "W2", "b2")]
    assert parsed(command("verify", "homework", "xor-tanh", "--json").out) == report


def test_wrong_gradient_fails_by_name(command: Callable[..., Done], broken: Any) -> None:
    """With the sigmoid's gradient wrong, `verify` exits with 1 and gives tensor, error, limit and cause of each failure."""
    broken(lambda z, a, da: da * a)  # the factor 1-a forgotten
    done = command("verify", "xor-sigmoid", "xor-tanh")
    assert (done.code, done.err) == (1, "")
    failed, passed = table(done.out)
    assert failed.split()[0] == "xor-sigmoid/documented"
    assert failed.rstrip().endswith("4 failed")
    assert passed.split() == ["xor-tanh/documented", "4", "gradient", "0.00194", "passed"]
    lines = done.out.splitlines()
    fails = [(line, reason) for line, reason in pairwise(lines) if line.startswith("FAIL ")]
    assert [line for line, _ in fails] == [
        f"FAIL xor-sigmoid/documented::gradient::{w}" for w in ("W1", "b1", "W2", "b2")
    ]
    for _, reason in fails:
        matched = re.fullmatch(r" +error (\S+), limit 1e-13: .+ against complex step of the loss; .+", reason)
        assert matched is not None
        assert float(matched[1]) > 0.01
    assert lines[-1] == "8 checks ran: 4 passed, 4 failed"


def test_gradient_that_is_nan_fails(command: Callable[..., Done], broken: Any) -> None:
    """A gradient that is NaN fails, and JSON says so in a string, as it has no such number."""
    broken(lambda z, a, da: da * np.where(da.shape[-1] == 3, np.nan, a * (1 - a)))  # in the hidden layer only
    done = command("verify", "xor-sigmoid", "--json")
    assert done.code == 1
    verdicts = parsed(done.out)["verdicts"]
    assert [(verdict["error"] == "nan", verdict["status"]) for verdict in verdicts] == [
        (True, "failed"), (True, "failed"), (False, "passed"), (False, "passed"),
    ]  # fmt: skip


@pytest.mark.parametrize("errors", [(0.5, np.nan), (np.nan, 0.5), (0.5, np.nan, np.inf)], ids=str)
def test_worst_error_is_nan_where_one_is(
    command: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, errors: tuple[float, ...]
) -> None:
    """In the table NaN is the largest error of all, wherever it stands: it hides behind no number."""

    def check(system: Any) -> Iterator[Verdict]:
        return (at_most(f"{system.id}::gradient::W{i}", error, 1.0, "") for i, error in enumerate(errors))

    monkeypatch.setattr(checks, "check", check)
    (row,) = table(command("verify", "xor-tanh").out)
    assert row.split() == ["xor-tanh/documented", str(len(errors)), "gradient", "nan", str(len(errors) - 1), "failed"]


def test_verdicts_show_markup_as_it_is(command: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets in an id or a reason are text, not styles."""

    def check(system: Any) -> Iterator[Verdict]:
        yield at_most(f"{system.id}::gradient::[red]W1[/]", 2.0, 1.0, "[bold]x[/] and [/]")

    monkeypatch.setattr(checks, "check", check)
    lines = command("verify", "xor-tanh").out.splitlines()
    assert lines[-3:] == [
        "FAIL xor-tanh/documented::gradient::[red]W1[/]",
        "     error 2, limit 1: [bold]x[/] and [/]",
        "1 checks ran: 0 passed, 1 failed",
    ]


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["mnist-relu"], "empty"),
        (["mnist-relu"], "nowhere"),
        (["mnist-relu"], "\x1b[31mred"),
        (["--all", "--json"], "empty"),
    ],
    ids=["empty", "nowhere", "escapes", "all"],
)
def test_missing_data_is_one_line(tmp_path: Path, arguments: list[str], folder: str) -> None:
    """A data folder that is empty or not there is named, with the way out; code 2 is not 1, and there is no verdict."""
    (tmp_path / "empty").mkdir()
    line = complaint(run("verify", *arguments, NN_CONFORMANCE_DATA=str(tmp_path / folder)))
    assert f"{tmp_path}/{folder}/".replace(ESCAPE, r"\x1b") in line
    assert line.endswith(
        "got neither: put it there, or name no folder (unset NN_CONFORMANCE_DATA) to have it downloaded"
    )


# --- terminals, pipes and signals


@pytest.mark.parametrize("arguments", [["list"], ["describe", "homework"], ["verify", "xor-tanh"]], ids=" ".join)
@pytest.mark.parametrize(
    ("variables", "styled"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"NO_COLOR": "1"}, False),
    ],
    ids=["piped", "terminal", "terminal-no-color", "piped-no-color"],
)
def test_styles_are_for_terminals(
    command: Callable[..., Done],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variables: dict[str, str],
    *,
    styled: bool,
) -> None:
    """There are escape sequences on a terminal only, and with NO_COLOR none at all."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = command(*arguments)
    assert done.code == 0
    assert (ESCAPE in done.out) == styled


def test_terminal_shows_verdicts_in_colour(
    command: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, broken: Any
) -> None:
    """On a terminal a pass is green and a failure red; and progress counts whole networks, on stderr."""
    broken(lambda z, a, da: da)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    done = command("verify", "xor-sigmoid", "xor-tanh")
    assert "\x1b[32mpassed\x1b[0m" in done.out
    assert "\x1b[31m4 failed\x1b[0m" in done.out
    assert "2/2" in done.err
    assert "2.0" not in done.err
    assert "verifying" not in done.out


@pytest.mark.parametrize("arguments", [["list"], ["describe", "iris-sigmoid"], ["list", "--json"]], ids=" ".join)
def test_narrow_encoding_is_no_crash(arguments: list[str]) -> None:
    """Where the output's encoding lacks a character, it is written as an escape; JSON has none to lack."""
    done = run(*arguments, PYTHONIOENCODING="ascii")
    assert (done.code, done.err) == (0, "")
    assert r"\xbd" in done.out or "--json" in arguments
    if "--json" in arguments:
        assert parsed(done.out) == parsed(run(*arguments).out)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
@pytest.mark.parametrize(
    ("arguments", "unbuffered"),
    [
        (["list"], ""), (["list"], "1"), (["list", "--json"], ""), (["describe", "homework"], ""),
        (["verify", "xor-tanh"], ""), (["--help"], ""), (["--version"], ""), (["--version"], "1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "unbuffered" if value else "buffered",
)  # fmt: skip
def test_reader_that_has_gone_is_no_error(arguments: list[str], unbuffered: str) -> None:
    """Into a pipe that nobody reads, as after `| head`, the command ends like others do, without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    options = {"stdout": writer, "env": environment(PYTHONUNBUFFERED=unbuffered)}
    done = python("-m", "nn_conformance", *arguments, **options)
    os.close(writer)
    assert (done.code, done.err) == (128 + signal.SIGPIPE, "")


# Says when the first check begins, so that the signal comes neither before nor after the run.
VERIFY_ALL = """
import signal, sys
from nn_conformance import checks, cli
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with SIGINT ignored
check = checks.check
def announced(system):
    print("running", flush=True)
    yield from check(system)
checks.check = announced
sys.argv = ["nn-conformance", "verify", "--all"]
cli.main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_interruption_is_one_line() -> None:
    """Ctrl-C during `verify --all` ends it at once, with code 130, one line and no verdict."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", VERIFY_ALL],
        env=environment(),
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


# --- completion


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nn-conformance ", ["list", "describe", "verify", "fixtures"]),
        ("nn-conformance fixtures ", ["list", "show", "export", "check", "build"]),
        ("nn-conformance fixtures show xor-tanh/documented", ["xor-tanh/documented", "xor-tanh/documented-float32"]),
        ("nn-conformance de", ["describe"]),
        ("nn-conformance describe mnist-t", ["mnist-tanh", "mnist-tanh-deeper", "mnist-tanh-512", "mnist-tanh-lr025"]),
        ("nn-conformance describe ", NAMES),
        ("nn-conformance verify xor-tanh home", ["homework"]),
        ("nn-conformance verify --a", ["--all"]),
        ("nn-conformance describe qqq", []),
    ],
)
def test_completion_knows_commands_and_networks(
    command: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, line: str, expected: list[str]
) -> None:
    """What the shell's script asks for is answered with commands, options and names of networks, in order."""
    words = line.split(" ")
    monkeypatch.setenv("_NN_CONFORMANCE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    done = command()
    assert (done.code, done.err) == (0, "")
    assert done.out.split() == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_for_the_command(shell: str) -> None:
    """Each shell's script completes `nn-conformance`, even where it was shown by `python -m nn_conformance`."""
    done = run("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert (done.code, done.err) == (0, "")
    last = {"bash": "complete -o default -F", "zsh": "compdef", "fish": "complete --command nn-conformance"}[shell]
    assert done.out.strip().splitlines()[-1].startswith(last)
    assert "nn-conformance" in done.out
    assert "_NN_CONFORMANCE_COMPLETE" in done.out


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="bash is not installed")
def test_completion_works_in_bash(tmp_path: Path) -> None:
    """Bash, having read the script, completes a network's name."""
    shim = tmp_path / "nn-conformance"
    shim.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m nn_conformance "$@"\n')
    shim.chmod(0o755)
    session = """
        eval "$(nn-conformance --show-completion bash)"
        COMP_WORDS=(nn-conformance describe mnist-rel) COMP_CWORD=2
        _nn_conformance_completion nn-conformance
        echo "${COMPREPLY[*]}"
    """
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603 - our own command
        ["bash", "--norc", "-c", session],  # noqa: S607 - whichever bash is there
        env=environment(PATH=path, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("mnist-relu mnist-relu-torch\n", "")
