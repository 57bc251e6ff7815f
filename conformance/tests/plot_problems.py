"""The committed runs, and the mark of what draws them."""

import pytest
from ledger_problems import read_all

from nn_reference.systems import get

needs_matplotlib = pytest.mark.report
COMMITTED = read_all()


def runs_of(name, version="documented"):
    """System and runs of a committed ledger."""
    system = get(name, version)
    return system, COMMITTED[f"{name}.{version}.numpy.json"].runs
