"""Which rules of backpropagation a wrong target has used, found by experiments and confirmed by a mutant of the reference."""

from nn_conformance.explain.asking import Budget
from nn_conformance.explain.explainer import explain
from nn_conformance.explain.record import Explanation, Finding
from nn_conformance.explain.trace import Case

__all__ = ["Budget", "Case", "Explanation", "Finding", "explain"]
