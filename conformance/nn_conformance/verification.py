"""Systems against targets: which cases are judged, each once, and what came of them."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.store import Store
from nn_conformance.known import Known, shipped
from nn_conformance.ladder import cases_of, judge
from nn_conformance.oracles import affordable_updates
from nn_conformance.printed import PRINTED
from nn_conformance.targets import Target
from nn_conformance.verdicts import Verdict
from nn_reference.systems import System

# Parameters; above it a documented case takes an oracle seconds, where a probe takes milliseconds.
SMALL = 1000
QUICK = 10  # updates of a free run by a slow oracle: single steps are judged beside it
PRINTED_FIGURES = "printed"


@dataclass(frozen=True)
class Outcome:
    """What one target's verdicts are on one system; `printed` is the reference against the document's own figures."""

    system: str
    target: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Given:
    """Somebody's target, and the terms on which it is judged.

    Attributes:
        target: converted to our conventions, so that what it says of uncertainty is ours.
        name: that no oracle has.
        systems: the ids of those that it claims.
        dtypes: those that it claims.
        known: failures that are expected of it.
    """

    target: Target
    name: str
    systems: Collection[str]
    dtypes: Collection[str]
    known: Sequence[Known] = ()


class Verification:
    """Judges each case once for each target, however many systems share it.

    Args:
        store: the fixtures.
        targets: oracles that are judged.
        large: whether documented cases of MNIST's size are judged too, and not only their probes.
        given: somebody's target. Printed figures are then left out: they are of the reference.
    """

    def __init__(self, store: Store, targets: Sequence[Target], *, large: bool, given: Given | None = None) -> None:
        self.store, self.targets, self.large, self.given = store, targets, large, given
        self._done: dict[tuple[str, str, str], list[Verdict]] = {}

    def run(self, systems: Sequence[System], advance: Callable[[str], None]) -> Iterator[Outcome]:
        """For each system its printed figures, if they can be settled in a moment, then each target."""
        for system in systems:
            if self.given is None and system.id in PRINTED and (self.large or system.network.size <= SMALL):
                yield Outcome(system.id, PRINTED_FIGURES, tuple(PRINTED[system.id](system)))
            for name, target in self._targets(system):
                yield Outcome(system.id, name, tuple(self._judge(system, name, target)))
                advance(f"{system.id} with {name}")

    def left_out(self, systems: Sequence[System]) -> int:
        """How many systems have documented cases that are not judged for their size."""
        return 0 if self.large else sum(system.network.size > SMALL for system in systems)

    def _targets(self, system: System) -> Iterator[tuple[str, Target]]:
        if self.given is not None and system.id in self.given.systems:
            yield self.given.name, self.given.target
        yield from ((target.name, target) for target in self.targets)

    def _judge(self, system: System, name: str, target: Target) -> Iterator[Verdict]:
        given = self.given if self.given is not None and target is self.given.target else None
        known = shipped(name) if given is None else given.known
        for loaded, dtype in cases_of(self.store, system.id):
            large = system.network.size > SMALL and bool({"documented", "corrected"} & set(loaded.case.flags))
            if (large and not self.large) or (given is not None and dtype not in given.dtypes):
                continue
            key = name, loaded.case.id, dtype
            if key not in self._done:
                updates = self._updates(target, loaded.case) if given is None else None
                self._done[key] = judge(loaded, target, dtype, updates=updates, known=known, trusted=True)
            yield from self._done[key]

    def _updates(self, target: Target, case: fmt.Case) -> int | None:
        """How much of a free run: all of it, or what a slow oracle affords, and only a few of those at a quick look."""
        affordable = affordable_updates(target, case)
        return affordable if affordable is None or self.large else min(affordable, QUICK)
