"""`%load_ext nn_conformance` and `%%conforms`, in a notebook that is run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import nn_conformance
import nn_reference
from nn_conformance.report.notebook import last_defined

pytestmark = pytest.mark.notebook

CELL = """%%conforms {line}
import numpy as np
def sigmoid(z):
    return 1 / (1 + np.exp(-z))
def {name}(params, x, t):
    a = sigmoid(x @ params["W1"].T + params["b1"])
    y = sigmoid(a @ params["W2"] + params["b2"])
    delta = (y - t) / len(x) * y * (1 - y)
    dz = np.outer(delta, params["W2"]) * {slope}
    gradients = {{"W1": dz.T @ x, "b1": dz.sum(axis=0), "W2": a.T @ delta, "b2": delta.sum()}}
    return {{"loss": np.mean((y - t) ** 2) / 2, "gradients": gradients}}
"""
# A process of its own: what the kernel's packages warn of is no warning of ours.
RUN = """
import json, sys
import nbclient, nbformat
cells = [nbformat.v4.new_code_cell(source) for source in json.load(sys.stdin)]
notebook = nbformat.v4.new_notebook(cells=cells)
nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True).execute()
json.dump([cell.outputs for cell in notebook.cells], sys.stdout)
"""


def run(*cells):
    """The outputs of each cell of a notebook."""
    roots = [str(Path(package.__file__).parents[1]) for package in (nn_reference, nn_conformance)]
    path = os.pathsep.join([*roots, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(  # noqa: S603 - this Python
        [sys.executable, "-c", RUN], input=json.dumps(cells), capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    return json.loads(done.stdout)


def test_a_cell_is_judged():
    """A wrong function is shown as a report with its mistake, a right one as conforming; mistakes of usage are one line."""
    wrong, right, unknown, empty, checked = run(
        "%load_ext nn_conformance",
        CELL.format(line="homework", name="mine", slope="a"),
        CELL.format(line="homework", name="mine", slope="a * (1 - a)"),
        CELL.format(line="homewrk", name="mine", slope="a"),
        "%%conforms homework\n1 + 1",
        "from nn_conformance import check_gradients\ncheck_gradients(lambda p: float(p @ p), np.ones(2), np.ones(2))",
    )[1:]
    shown = [output["data"]["text/html"] for output in (wrong[-1], right[-1], checked[-1])]

    assert "mine: does not conform" in shown[0]
    assert "layer 1, derivative of the activation" in shown[0]
    assert "mine: conforms" in shown[1]
    assert "0 of 1 gradients passed" in shown[2]
    assert unknown[-1]["text"].startswith(
        "UsageError: %%conforms: network: no network is named 'homewrk', did you mean"
    )
    assert "expected a cell that defines a function" in empty[-1]["text"]


def test_what_is_judged_is_what_the_cell_defines_last():
    """The last function, class or assigned name at the top of a cell, and nothing inside of one."""
    assert last_defined("def a(): pass\nclass B:\n    def c(self): pass\nprint(1)") == "B"
    assert last_defined("def a(): pass\nmodel = a()") == "model"
    assert last_defined("x.y = 1\n1 + 1") is None
