"""The command line: help, networks, and that no mistake of a user's ends in a traceback."""

import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import nn_conformance
from nn_conformance import oracles
from nn_conformance.cases.families import describe_network
from nn_conformance.cases.text import parse, text_of
from nn_conformance.grade import grading
from nn_conformance.grade.marks import Mark
from nn_conformance.judge.verdict import CheckId, at_most
from nn_conformance.judge_run import JudgeRun
from nn_conformance.protocol import program as target
from nn_reference.systems import NAMES, SYSTEMS, get

COMMANDS = ("list", "describe", "verify", "smoke", "grade")
HARNESS = [sys.executable, "-S", "-E", str(Path(__file__).with_name("hostile.py")), "floods-stderr"]


@pytest.fixture
def at_once(monkeypatch):
    """Oracles and measurements that take no time, and pass."""
    passed = at_most(CheckId("xor-tanh/documented", "gradient", "W1", "float64"), 0.0, 1.0, "")
    monkeypatch.setattr(target, "command_of", lambda spec, layer="", loss=None: HARNESS)
    monkeypatch.setattr(oracles, "load", lambda name: SimpleNamespace(name=name))
    monkeypatch.setattr(JudgeRun, "of_system", lambda run, system: [passed])
    monkeypatch.setattr(grading, "grade", lambda *_, **__: [Mark("a", {"loss": (1.0, 1.0)})])


@pytest.mark.parametrize("arguments", [(), *((name,) for name in COMMANDS)], ids=["root", *COMMANDS])
def test_help_is_short_and_whole(command, arguments):
    """`-h` is `--help`: on stdout, with code 0, no wider than a terminal, nothing cut short, examples one to a line."""
    done = command(*arguments, "--help")
    assert command(*arguments, "-h") == done
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: {' '.join(('nn-conformance', *arguments))} [OPTIONS]")
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 32  # a screen has a few more
    assert not any(line.endswith("...") for line in lines[1:])
    assert [line.strip() for line in lines].index("Examples:") < len(lines) - 1


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("arguments", [(), *((name,) for name in COMMANDS)], ids=["root", *COMMANDS])
def test_examples_in_help_work(command, arguments):
    """Every example in a help text is a command that succeeds."""
    text = command(*arguments, "--help").out
    examples = re.findall(r"^ +nn-conformance (.+)$", text.split("Examples:")[1], re.MULTILINE)
    assert len(examples) >= 2
    for example in examples:
        assert command(*shlex.split(example))[::2] == (0, ""), example


def test_version_is_the_packages(command):
    """`--version` prints the command's name and the package's version, and nothing else."""
    assert command("--version") == (0, f"nn-conformance {nn_conformance.__version__}\n", "")


def test_no_command_is_answered_with_help(command):
    """Without a command there is nothing to do: help on stderr, and code 2, so that no script takes it for success."""
    assert command() == (2, "", command("--help").out)


def test_list_has_a_row_for_each_network(command):
    """Sixteen rows, in the order of the documents, each with a line that describes it, and a word on sizes."""
    done = command("list")
    assert (done.code, done.err) == (0, "")
    header, *rows, last = [re.split(r"\s{2,}", line.strip()) for line in done.out.splitlines()]
    assert header == ["network", "document", "layers and loss"]
    assert [row[0] for row in rows] == list(NAMES)
    for name, row in zip(NAMES, rows, strict=True):
        assert parse(row[2].removesuffix("; also corrected")) == describe_network(get(name).network)
    assert rows[NAMES.index("xor-tanh")] == ["xor-tanh", "003", "2-3 tanh-1 tanh, squared-error"]
    assert last[0].startswith("sizes do not matter")


@pytest.mark.parametrize("columns", [40, 80, 100, 200])
def test_list_shows_activations_and_loss_at_any_width(command, monkeypatch, columns):
    """On a narrow terminal rows are broken between words, and every word of every network is there."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    out = re.sub(r"\x1b\[\d*m", "", command("list").out)
    assert max(len(line) for line in out.splitlines()[1:-1]) <= columns
    rows = re.split(rf"^(?={'|'.join(NAMES)})", out, flags=re.MULTILINE)[1:]
    for name, row in zip(NAMES, rows, strict=True):
        line = text_of(describe_network(get(name).network))
        assert row.startswith(f"{name} ")
        assert line.replace(" ", "") in re.sub(r"\s", "", row)


def test_list_json_is_what_describe_says_of_each(command):
    """`list --json` is the sixteen descriptions, each the same as `describe --json` gives."""
    descriptions = command("list", "--json").json
    assert [description["name"] for description in descriptions] == list(NAMES)
    for name, description in zip(NAMES, descriptions, strict=True):
        assert command("describe", name, "--json").json == description


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.id)
def test_description_has_all_that_is_declared(command, system):
    """`describe --json` has these keys, and counts that add up; `describe` shows every text as it stands, in a line of its own."""
    description = command("describe", system.name, "--version", system.version, "--json").json
    assert list(description) == [
        "id", "name", "version", "versions", "title", "document", "inputs", "layers", "parameters", "depends_on",
        "loss", "precision", "initial_weights", "seed", "start_note", "preprocessing", "recipe", "figures", "defects", "remarks",
    ]  # fmt: skip
    assert description["id"] == system.id
    assert description["parameters"] == sum(layer["parameters"] for layer in description["layers"])
    for layer in description["layers"]:
        assert list(layer) == [
            "kind", "activation", "output_shape", "weights_layout", "shapes", "parameters", "counted", "purpose",
        ]  # fmt: skip
        assert layer["parameters"] == sum(int(np.prod(shape)) for shape in layer["shapes"].values())
    for figure in description["figures"]:
        assert list(figure) == ["quantity", "printed", "epoch", "note"]
    for defect in description["defects"]:
        assert list(defect) == ["what", "effect", "mend"]

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


def test_describe_answers_what_document_002_asks(command):
    """What each activation is for, where 100,480 comes from, and that it depends on the image's height and width."""
    text = command("describe", "mnist-dense-keras", "--version", "as-run").out
    assert "layer 1: 784 × 128 weights and 128 biases; relu keeps what is positive" in text
    assert "softmax turns the outputs into probabilities of the classes, which sum to 1" in text
    assert "the image's 28 × 28 = 784 pixels, so its count grows with height times width" in text
    assert "pixels" not in command("describe", "xor-tanh").out


def test_corrected_version_says_what_is_mended(command):
    """The corrected version has another last layer, and calls the document's defect mended."""
    documented = command("describe", "mnist-relu-torch").out
    corrected = command("describe", "mnist-relu-torch", "--version", "corrected").out
    assert "dense 2  softmax over the batch" in documented
    assert "dense 2  identity" in corrected
    assert "defects, reproduced here\n" in documented
    assert "defects of the document, mended here\n" in corrected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("lst", "No such command 'lst'. Did you mean 'list'? Try: nn-conformance --help"),
        ("table", "table is a maintainers' command, in a checkout: python -m nn_maintain table"),
        ("--json", "No such option: --json"),
        ("list --jsn", "No such option: --jsn"),
        ("list extra", "(extra). Try: nn-conformance list --help"),
        ("describe", "Missing argument 'NETWORK'. Try: nn-conformance describe --help"),
        ("describe xor-tanh homework", "(homework). Try: nn-conformance describe --help"),
        ("describe xor-tanh --version", "Option '--version' requires an argument. Try: nn-conformance"),
        ("describe xor-tahn", "network: no network is named 'xor-tahn', did you mean 'xor-tanh'?"),
        ("describe XOR-TANH", "network: no network is named 'XOR-TANH', did you mean 'xor-tanh'?"),
        ("describe ''", "network: no network is named ''; expected one of iris-sigmoid, "),
        ("describe xor-tanh --version corrected", "version: xor-tanh has no version 'corrected'; expected one of docu"),
        ("describe mnist-relu-torch --version x", "no version 'x'; expected one of documented, corrected"),
        ("verify xor-tanh xor-sigmiod", "network: no network is named 'xor-sigmiod', did you mean 'xor-sigmoid'?"),
        ("verify xor-tanh --with torhc", "oracle: none is named 'torhc', did you mean 'torch'?"),
        ("verify --with reference,x", "oracle: none is named 'x'; expected one of reference, plain, complex-step, "),
        ("fixtures show xor-tanh/probe-sqare", "did you mean 'xor-tanh/probe-square'?"),
        ("fixtures show", "Missing argument 'ID'"),
        ("fixtures list --network xor-tahn", "did you mean 'xor-tanh'?"),
        ("fixtures export", "Missing argument 'DIR'"),
        ("fixtures chek", "Did you mean 'check'?"),
        ("grade nowhere homework", "expected a folder of submissions"),
        ("grade . homewrk", "did you mean"),
        ("grade . homework", "expected Python files"),
        ("grade . homework --timeout 0", "--timeout"),
    ],
)
def test_mistake_is_one_line_and_code_2(command, monkeypatch, tmp_path, arguments, expected):
    """A command, option, name or folder that there is not, or that does not fit, is one line that says what would."""
    monkeypatch.chdir(tmp_path)
    assert expected in command(*shlex.split(arguments)).complaint


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
def test_hostile_text_is_shown_escaped(command, arguments, name, shown):
    """Whatever a user types comes back on one line without control characters, and markup as it was typed."""
    assert shown in command(*arguments, name).complaint
