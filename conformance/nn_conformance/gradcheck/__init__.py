"""Anyone's gradient against their own loss, of which nothing is known but its values.

Modules: `inputs` (what is passed), `subject` (the loss, called and counted, and its rounding), `line` (one direction:
slope, step, limit), `tensor` (the directions of a tensor), `cause` (what is wrong, and where), `findings`, and `checking`,
which has them all.
"""

from nn_conformance.gradcheck.checking import check_gradients
from nn_conformance.gradcheck.findings import Finding, GradientReport

__all__ = ["Finding", "GradientReport", "check_gradients"]
