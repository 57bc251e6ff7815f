"""The committed runs, and the mark of what draws them."""

import pytest

from nn_conformance.replay.evidence import load
from nn_reference.systems import get

needs_matplotlib = pytest.mark.report
COMMITTED = load()


def runs_of(name, version="documented"):
    """System and runs of a committed ledger."""
    system = get(name, version)
    return system, COMMITTED.runs(system)
