"""The chaos of `iris-sigmoid`: the exact run, proven to its end, beside floating-point runs with permuted rows.

A permutation of the training rows changes nothing but the order of additions, and so nothing at all in exact
arithmetic: what permuted runs differ in is rounding, grown by the dynamics. `chaos_runs` computes it; this is the form
of what is committed.

Each list is over the same `epochs`, which count the updates made: 0 is the start. Losses are ½ Σ (y-t)² over the
training rows.
"""

from typing import Annotated, Literal

from msgspec import Meta

from nn_conformance.cases.format import Dtype, Number, Record

NAME = "chaos"

Count = Annotated[int, Meta(ge=0)]


class Exact(Record, frozen=True):
    """The exact run, each loss correctly rounded.

    `radii_log2` is the binary logarithm of the widest weight's proven radius: where it has risen by one, an error has
    doubled. The centre had `bits`.
    """

    bits: Count
    losses: list[Number]
    accuracies: list[float]
    radii_log2: list[Number]


class Plain(Record, frozen=True):
    """The same in plain balls of `bits`: after so many epochs a weight is unknown; `bits_needed` would reach the end."""

    bits: Count
    epochs: Count
    bits_per_epoch: float
    bits_needed: Count


class Spread(Record, frozen=True):
    """Least, median and largest over the runs of an ensemble, to six digits."""

    minimum: list[float]
    median: list[float]
    maximum: list[float]


class Ensemble(Record, frozen=True):
    """Runs in floating point: the first in file order, run k with the rows permuted by seed k.

    `parted` is for each run the epoch after which its loss is first further than a hundredth from the exact one,
    `correct` how many test rows it gets right at its end. Another machine, whose sums are ordered otherwise, gets
    others.
    """

    losses: Spread
    accuracies: Spread
    parted: list[Count]
    correct: list[Count]


class Chaos(Record, frozen=True):
    """All of it; `test_rows` is what `correct` is out of."""

    format: Literal[1]
    system: str
    versions: dict[str, str]
    test_rows: Count
    epochs: list[Count]
    exact: Exact
    plain: Plain
    ensembles: dict[Dtype, Ensemble]
