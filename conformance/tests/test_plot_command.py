"""`nn-conformance plot`: the files that it writes, and what it says of mistakes."""

import importlib.util
import subprocess
import sys

import pytest
from plot_problems import needs_matplotlib, runs_of
from spread import everyday
from typer.testing import CliRunner

from nn_conformance.cli import plot as commands
from nn_conformance.cli.plot import app
from nn_conformance.replay import ledger
from nn_reference.errors import InputError


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


@needs_matplotlib
@pytest.mark.parametrize("suffix", everyday(["png", "svg"], ["svg"]))
def test_command_writes_and_tells(tmp_path, suffix):
    """The file is where it was asked for, in the format that its name says, and the caption is printed."""
    path = tmp_path / "new" / f"curves.{suffix}"
    done = run("curves", "xor-tanh", "--out", str(path))
    assert done.exit_code == 0
    assert done.output.startswith(f"{path}: xor-tanh/documented, NumPy, seed 0. Loss from the first epoch to the last")
    assert path.read_bytes()[:5] in {b"\x89PNG\r", b"<?xml"}
    assert (path.read_bytes()[:5] == b"<?xml") == (suffix == "svg")


@needs_matplotlib
def test_command_names_the_file_itself(tmp_path, monkeypatch):
    """Without --out a PNG is named after network and picture."""
    monkeypatch.chdir(tmp_path)
    assert run("curves", "xor-tanh").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["xor-tanh-curves.png"]


@needs_matplotlib
def test_own_seed_comes_first(tmp_path):
    """Of several runs, the one from the document's own seed is the line, whatever its number."""
    import msgspec

    system, (one, *_) = runs_of("iris-sigmoid")
    others = [msgspec.structs.replace(one, seed=seed) for seed in (0, 1, 42)]
    ledger.add(tmp_path, system, "numpy", system.precision, others)
    done = run("curves", "iris-sigmoid", "--from", str(tmp_path), "--out", str(tmp_path / "x.svg"))
    assert "NumPy, seed 42." in done.output
    assert "2 more seeds" in done.output


@needs_matplotlib
@pytest.mark.parametrize(("arguments", "expected"), [
    (["samples", "mnist-rlu", "--out", "new/x.png"], "did you mean 'mnist-relu'?"),
    (["samples", "homework"], "homework has no images"),
    (["predictions", "xor-tanh"], "xor-tanh has no images"),
    (["curves", "homework"], "homework has no training"),
    (["curves", "mnist-relu", "--with", "numpi"], "did you mean 'numpy'?"),
    (["curves", "mnist-relu", "--version", "corected"], "mnist-relu has no version 'corected'"),
    (["weights", "mnist-relu"], "mnist-relu is not pruned; expected fashion-pruning"),
    (["weights", "fashion-pruning", "--epochs", "11"], "--epochs: expected an integer in 1..10, got 11"),
    (["chaos", "mnist-relu"], "expected iris-sigmoid"),
    (["samples", "mnist-relu", "--out", "x.pgn"], "cannot tell the format of 'x.pgn', did you mean 'png'?"),
    (["samples", "mnist-relu", "--out", "x"], "expected one that ends in .png or .svg"),
])  # fmt: skip
def test_mistakes_are_one_line(arguments, expected, tmp_path, monkeypatch):
    """A wrong network, picture, version, framework or file name is one line with what is expected, and no folder is made."""
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert isinstance(done.exception, InputError)
    assert expected in str(done.exception)
    assert "\n" not in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_one_line_says_how_to_get_it(monkeypatch, tmp_path):
    """The extra `report` brings matplotlib, and every picture says so before anything is computed."""
    monkeypatch.chdir(tmp_path)
    find = importlib.util.find_spec
    hidden = lambda name, *rest: None if name == "matplotlib" else find(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    pictures = {"samples": "mnist-relu", "curves": "xor-tanh", "weights": "fashion-pruning", "chaos": "iris-sigmoid"}
    for arguments in pictures.items():
        done = run(*arguments)
        assert isinstance(done.exception, InputError)
        assert str(done.exception) == "plot: matplotlib not installed; pip install 'nn-conformance[report]' brings it"


def test_a_missing_ledger_is_told(monkeypatch, tmp_path):
    """Where nothing was replayed yet, one line says which command does, in which framework and version."""
    monkeypatch.setattr(commands, "_path", lambda *_: tmp_path / "x.png")
    done = run("curves", "mnist-relu", "--with", "torch", "--from", str(tmp_path))
    assert str(done.exception).endswith(
        "mnist-relu.documented.torch.json: no such ledger; nn-conformance replay mnist-relu --version documented "
        "--with torch --out DIR makes one, for --from DIR"
    )


def test_help_imports_nothing_heavy():
    """The commands' declarations need neither NumPy nor matplotlib."""
    code = "import sys, nn_conformance.cli.plot as c; print({'numpy', 'matplotlib', 'msgspec'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "set()\n"
