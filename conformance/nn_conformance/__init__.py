"""Validate an implementation of a small neural network against certified references."""

from nn_reference import __version__

__all__ = ["__version__"]
