"""Validate an implementation of a small neural network against certified references."""

from typing import TYPE_CHECKING, Any

from nn_reference import __version__

if TYPE_CHECKING:
    from nn_conformance.blackbox import check_gradients

__all__ = ["__version__", "check_gradients"]


def __getattr__(name: str) -> Any:
    """`check_gradients` is imported when it is asked for: the command's `--help` needs no NumPy."""
    if name == "check_gradients":
        from nn_conformance.blackbox import check_gradients  # noqa: PLC0415

        return check_gradients
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
