"""The suite itself: no worker imports what another has imported, and no oracle is missing without a word."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Frameworks that import at once, and tests that import them; at its end each worker says which it has imported.
SUITE = """
import os, pathlib, sys, pytest

@pytest.fixture(scope="session", autouse=True)
def imported():
    yield
    names = {"torch", "tensorflow", "keras"} & sys.modules.keys()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    pathlib.Path(__file__).with_name(worker).write_text(" ".join(sorted(names)))

@pytest.mark.parametrize("i", range(9))
def test_plain(i):
    pass

@pytest.mark.parametrize("i", range(5))
@pytest.mark.torch
def test_torch(i):
    import torch

@pytest.mark.parametrize("i", range(3))
@pytest.mark.keras
def test_keras(i):
    import keras, tensorflow

@pytest.mark.slow
def test_slow():
    pass

def test_oracle(count_checks):
    statuses = "passed", "expected failure", "unsupported", "blocked"
    count_checks("central", [type("Verdict", (), {"status": status}) for status in statuses])
"""
HIDE = """
import importlib.util

find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name in ("torch", "tensorflow") else find(name, *more)
"""


@pytest.fixture
def suite(tmp_path):
    """Runs pytest on the suite above, with the conftest of this folder: its arguments, to what it prints."""
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_it.py").write_text(SUITE)
    (tmp_path / "hide.py").write_text(HIDE)
    for name in ("torch", "keras", "tensorflow"):
        (tmp_path / f"{name}.py").touch()
        (tmp_path / f"{name}-0.0.dist-info").mkdir()
        (tmp_path / f"{name}-0.0.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: 0.0\n")

    def run(*arguments):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path,
            env=kept | {"PYTHONPATH": str(tmp_path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_one_worker_imports_each_framework(suite, tmp_path):
    """Of two workers under `-n 2` one imports PyTorch, the other Keras and TensorFlow; none is skipped, and all are counted."""
    printed = suite("-p", "xdist", "-n", "2", "--slow")

    assert "keras 0.0, tensorflow 0.0" in printed
    assert "slow tests: run" in printed
    assert "19 passed" in printed
    assert "checks passed by each oracle: central 2" in printed.splitlines()
    assert sorted(path.read_text() for path in tmp_path.glob("gw*")) == ["keras tensorflow", "torch"]


def test_skipped_tests_are_counted_for_each_oracle(suite, tmp_path):
    """Without PyTorch and slow tests, lines say how many were skipped and what would run them, and which checks did run."""
    lines = suite("-p", "hide").splitlines()

    assert any("missing: torch, tensorflow" in line and "slow tests: left to --slow" in line for line in lines)
    assert "checks passed by each oracle: central 2" in lines
    assert "slow: 1 tests skipped; --slow runs them" in lines
    assert "torch: 5 tests skipped, torch not installed; the extra [torch] brings it" in lines
    assert "keras: 3 tests skipped, tensorflow not installed; the extra [keras] brings it" in lines
    assert "10 passed, 9 skipped" in lines[-1]
    assert (tmp_path / "alone").read_text() == ""


def test_collection_imports_no_framework(imported_by_collection):
    """PyTorch, Keras, TensorFlow and scikit-learn are imported by the tests that need them, not by their modules."""
    assert imported_by_collection == set()
