"""Systems against targets: which cases are judged, each once, and what came of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.store import Store
from nn_conformance.known import shipped
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


class Verification:
    """Judges each case once for each target, however many systems share it.

    Args:
        store: the fixtures.
        targets: what is judged.
        large: whether documented cases of MNIST's size are judged too, and not only their probes.
    """

    def __init__(self, store: Store, targets: Sequence[Target], *, large: bool) -> None:
        self.store, self.targets, self.large = store, targets, large
        self._done: dict[tuple[str, str, str], list[Verdict]] = {}

    def run(self, systems: Sequence[System], advance: Callable[[str], None]) -> Iterator[Outcome]:
        """For each system its printed figures, if they can be settled in a moment, then each target."""
        for system in systems:
            if system.id in PRINTED and (self.large or system.network.size <= SMALL):
                yield Outcome(system.id, PRINTED_FIGURES, tuple(PRINTED[system.id](system)))
            for target in self.targets:
                yield Outcome(system.id, target.name, tuple(self._judge(system, target)))
                advance(f"{system.id} with {target.name}")

    def left_out(self, systems: Sequence[System]) -> int:
        """How many systems have documented cases that are not judged for their size."""
        return 0 if self.large else sum(system.network.size > SMALL for system in systems)

    def _judge(self, system: System, target: Target) -> Iterator[Verdict]:
        known = shipped(target.name)
        for loaded, dtype in cases_of(self.store, system.id):
            large = system.network.size > SMALL and bool({"documented", "corrected"} & set(loaded.case.flags))
            if large and not self.large:
                continue
            key = target.name, loaded.case.id, dtype
            if key not in self._done:
                self._done[key] = judge(
                    loaded, target, dtype, updates=self._updates(target, loaded.case), known=known, trusted=True
                )
            yield from self._done[key]

    def _updates(self, target: Target, case: fmt.Case) -> int | None:
        """How much of a free run: all of it, or what a slow oracle affords, and only a few of those at a quick look."""
        affordable = affordable_updates(target, case)
        return affordable if affordable is None or self.large else min(affordable, QUICK)
