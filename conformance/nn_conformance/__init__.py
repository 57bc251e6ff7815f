"""Validate an implementation of a small neural network against certified references."""

import importlib
from typing import TYPE_CHECKING, Any

from nn_reference import __version__

if TYPE_CHECKING:
    from nn_conformance.adapt.claims import conforms
    from nn_conformance.adapt.reading import network
    from nn_conformance.gradcheck import check_gradients
    from nn_conformance.pytest_checks import parametrize_with_checks
    from nn_conformance.run import verify

__all__ = ["__version__", "check_gradients", "conforms", "network", "parametrize_with_checks", "verify"]

HOMES = {
    "check_gradients": "gradcheck",
    "conforms": "adapt.claims",
    "load_ipython_extension": "report.notebook",
    "network": "adapt.reading",
    "parametrize_with_checks": "pytest_checks",
    "verify": "run",
}


def __getattr__(name: str) -> Any:
    """What is exported is imported when it is asked for: the command's `--help` needs no NumPy."""
    if name in HOMES:
        return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
