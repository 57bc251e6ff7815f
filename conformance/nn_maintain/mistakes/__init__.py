"""Mistakes that people make in small neural networks, each a mutation of the reference."""

from nn_maintain.mistakes.catalogue import CATALOGUE, Mistake, applicable

__all__ = ["CATALOGUE", "Mistake", "applicable"]
