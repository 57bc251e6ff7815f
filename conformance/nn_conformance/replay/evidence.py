"""What the verdicts on printed figures rest on: the ledgers, the reconstructed starts, the exact trajectory of chaos."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nn_conformance.replay import chaos, reconstruction
from nn_conformance.replay.chaos import Chaos
from nn_conformance.replay.copies import matches, shaped
from nn_conformance.replay.files import Kind, is_there
from nn_conformance.replay.ledger import FRAMEWORKS, Framework, Ledger, Run, file_name, read
from nn_conformance.replay.reconstruction import Reconstructions
from nn_conformance.replay.record_files import read as read_record
from nn_conformance.replay.run import own_seed
from nn_reference.errors import DataError
from nn_reference.paths import fixtures_root
from nn_reference.systems import SYSTEMS, System


@dataclass(frozen=True)
class Evidence:
    """All of it, as read from a folder.

    Attributes:
        ledgers: by system's id and framework, in the document's precision; those only that are there.
        chaotic: the exact trajectory of a chaotic system, if it is there.
        reconstructed: starts that were solved for, if they are there.
    """

    ledgers: dict[tuple[str, Framework], Ledger]
    chaotic: Chaos | None = None
    reconstructed: Reconstructions | None = None

    def runs(self, system: System, framework: Framework = "numpy") -> list[Run]:
        """All runs of a system, by rising seed; none where there is no ledger."""
        book = self.ledgers.get((system.id, framework))
        return [] if book is None else book.runs

    def own(self, system: System, framework: Framework = "numpy") -> Run | None:
        """The run from the document's own seed, or from seed 0."""
        return next((run for run in self.runs(system, framework) if run.seed == own_seed(system)), None)

    def reconstruction(self, system: System) -> str:
        """How a start was found that prints the document's figures, if a run from it does; empty otherwise."""
        found = None if self.reconstructed is None else self.reconstructed.systems.get(system.id)
        if found is None or not found.solutions:
            return ""
        first, figures = found.solutions[0], len(system.figures)
        if matches(system, shaped(system, np.array(first.weights))) < figures:
            return ""
        return (
            f"from a start that was solved for, one of {found.explored} that were found, all {figures} figures "
            f"come out, none further than {first.residual:.2f} of its last digit; they determine {found.determined} of "
            f"{len(first.weights)} directions of the weights, so the document's own start is not known"
        )

    def chaos(self, system: System) -> str:
        """Why no implementation can be asked for the printed figures; empty where that is not proven."""
        if self.chaotic is None or self.chaotic.system != system.id:
            return ""
        exact, rows = self.chaotic.exact, self.chaotic.test_rows
        parts = [f"chaos: in exact arithmetic the run ends at {exact.accuracies[-1]:.4f}"]
        for dtype, ensemble in self.chaotic.ensembles.items():
            ends = sorted(set(ensemble.correct))
            parts.append(
                f"{len(ensemble.correct)} runs in {dtype} that differ in the order of additions alone leave it after "
                f"{min(ensemble.parted)} to {max(ensemble.parted)} epochs and end at {len(ends)} accuracies from "
                f"{ends[0] / rows:.4f} to {ends[-1] / rows:.4f}{_where(system, ensemble.correct, rows)}"
            )
        return "; ".join(parts)


def load(folder: Path | None = None) -> Evidence:
    """What is in a folder; in the one that ships by default.

    Raises:
        DataError: a file that is damaged, or is not what its name says.
    """
    folder = folder or fixtures_root() / "replays"
    ledgers = {}
    for system in SYSTEMS:
        for framework in FRAMEWORKS:
            path = folder / file_name(system, framework, system.precision)
            if is_there(path):
                ledgers[system.id, framework] = _checked(path, system, framework)
    return Evidence(ledgers, _record(folder, chaos.NAME, Chaos), _record(folder, reconstruction.NAME, Reconstructions))


def _record(folder: Path, name: str, kind: type[Kind]) -> Kind | None:
    return read_record(name, kind, folder) if is_there(folder / f"{name}.json") else None


def _where(system: System, correct: list[int], rows: int) -> str:
    """How many runs end at the printed accuracy, of a system that prints one."""
    printed = [figure.printed for figure in system.figures if figure.quantity == "test_accuracy"]
    return "".join(f", {sum(f'{k / rows:.2f}' == text for k in correct)} of them at {text}" for text in printed)


def corrected(system: System) -> System | None:
    """The corrected version of a documented system; None of one that has no defects."""
    return next((s for s in SYSTEMS if (s.name, s.version) == (system.name, "corrected")), None)


def _checked(path: Path, system: System, framework: Framework) -> Ledger:
    book = read(path)
    for name, expected, got in (
        ("system", system.id, book.system),
        ("framework", framework, book.framework),
        ("dtype", system.precision, book.dtype),
    ):
        if expected != got:
            raise DataError(f"{path}: {name}: expected {expected}, got {got}: restore it, or rename the file")
    return book
