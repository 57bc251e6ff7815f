"""What `fixtures/replays` has beside the ledgers and the commands read: verdicts on printed figures, and a chaotic run.

`python -m nn_maintain` makes both: `table` the verdicts, `chaos` the run.
"""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from nn_conformance.cases.format import Dtype, Number, Record
from nn_conformance.replay import listed_files
from nn_reference.fixture_files import fixtures_root

VERDICTS, CHAOS = "verdicts", "chaos"  # names of files

Count = Annotated[int, Meta(ge=0)]


class Verdicts(Record, frozen=True):
    """How many of a network's printed figures have which verdict, the commonest first, and a reason for that one."""

    figures: dict[str, Count]
    reason: str


class VerdictTable(Record, frozen=True):
    """The verdicts on each documented network's figures, without times, which have none."""

    format: Literal[1]
    networks: dict[str, Verdicts]


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
    """The exact run of a chaotic system, proven to its end, beside floating-point runs with permuted training rows.

    A permutation of the rows changes nothing but the order of additions, and so nothing at all in exact arithmetic: what
    permuted runs differ in is rounding, grown by the dynamics. Each list is over the same `epochs`, which count the
    updates made: 0 is the start. Losses are ½ Σ (y-t)² over the training rows. `correct` is out of `test_rows`.
    """

    format: Literal[1]
    system: str
    versions: dict[str, str]
    test_rows: Count
    epochs: list[Count]
    exact: Exact
    plain: Plain
    ensembles: dict[Dtype, Ensemble]


def read(name: str, kind: type[listed_files.Kind], folder: Path | None = None) -> listed_files.Kind:
    """The record in `<name>.json`: of those that ship, or in a folder.

    Raises:
        DataError: it cannot be read, was changed, or has another form.
    """
    return listed_files.read((folder or fixtures_root() / "replays") / f"{name}.json", kind, "a record")
