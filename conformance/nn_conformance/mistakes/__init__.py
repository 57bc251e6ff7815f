"""Mistakes that people make in small neural networks, each a mutation of the reference."""

from nn_conformance.mistakes.catalogue import CATALOGUE, Mistake, applicable
from nn_conformance.mistakes.kills import killed

__all__ = ["CATALOGUE", "Mistake", "applicable", "killed"]
