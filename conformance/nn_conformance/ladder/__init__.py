"""The ladder: what a target must answer on a case, rung by rung.

Modules: `judge` (verdicts of a case), `rungs` (which checks there are), `evaluation` and `training` (how they are made),
`updates` and `metamorphic` (parts of these), `climb` (a target's calls and what they are compared with).
"""

from nn_conformance.ladder.judge import cases_of, check_ids, judge
from nn_conformance.ladder.rungs import RUNGS, Rung

__all__ = ["RUNGS", "Rung", "cases_of", "check_ids", "judge"]
