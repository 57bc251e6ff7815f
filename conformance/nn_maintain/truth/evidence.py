"""What the verdicts on printed figures rest on: the ledgers, the reconstructed starts, the exact trajectory of chaos."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from nn_conformance.cases.format import Record
from nn_conformance.cases.schema import schema_bytes, schema_of
from nn_conformance.replay import records
from nn_conformance.replay.ledger import FRAMEWORKS, Framework, Ledger, Run, file_name, read
from nn_conformance.replay.listed_files import FolderIndex, Kind, is_there
from nn_conformance.replay.task import own_seed
from nn_maintain.markdown import sentence
from nn_maintain.studies import reconstruction
from nn_maintain.studies.copies import matches
from nn_maintain.truth.placement import SEEDS
from nn_reference.errors import DataError
from nn_reference.fixture_files import fixtures_root
from nn_reference.systems import SYSTEMS, VARIANTS, System

# Whatever has a schema in `fixtures/replays`.
KINDS: dict[str, type[Record]] = {
    "replay": Ledger,
    records.CHAOS: records.Chaos,
    reconstruction.NAME: reconstruction.Reconstructions,
    records.VERDICTS: records.VerdictTable,
    "index": FolderIndex,  # of this folder and of `weights`
}


class Basis(NamedTuple):
    """What a document's figures are judged by: what ran, NumPy's runs of it, and the one from the document's own seed."""

    system: System
    runs: list[Run]
    own: Run | None

    def replay(self, seeds: int = SEEDS + 1) -> str:
        """The command that makes runs of so many seeds."""
        version = f" --version {self.system.version}" * (self.system.version != "documented")
        return f"nn-conformance replay {self.system.name}{version} --seeds {seeds}"


@dataclass(frozen=True)
class Evidence:
    """All of it, as read from a folder."""

    # By system's id and framework, in the document's precision; those only that are there.
    ledgers: dict[tuple[str, Framework], Ledger]
    chaotic: records.Chaos | None = None  # the exact trajectory of a chaotic system, if it is there
    reconstructed: reconstruction.Reconstructions | None = None  # starts that were solved for, if they are there
    # By system's id, how many first epochs NumPy has from more seeds, and their ledger.
    first: dict[str, tuple[int, Ledger]] = field(default_factory=dict)

    def runs(self, system: System, framework: Framework = "numpy") -> list[Run]:
        """All runs of a system, by rising seed; none where there is no ledger."""
        book = self.ledgers.get((system.id, framework))
        return [] if book is None else book.runs

    def own(self, system: System, framework: Framework = "numpy") -> Run | None:
        """The run from the document's own seed, or from seed 0."""
        return next((run for run in self.runs(system, framework) if run.seed == own_seed(system)), None)

    def basis(self, system: System) -> Basis:
        """What a documented system's figures are judged by."""
        judged = judged_by(system)
        return Basis(judged, self.runs(judged), self.own(judged))

    def reconstruction(self, system: System) -> str:
        """How a start was found that prints the document's figures, and how many wrong networks do; empty otherwise."""
        record = None if self.reconstructed is None else self.reconstructed.systems.get(system.id)
        if record is None or not record.solutions:
            return ""
        figures = len(system.figures)
        if matches(system, np.array(record.solutions[0].weights)) < figures:
            return ""
        return sentence("reconstruction", record=record, figures=figures)

    def chaos(self, system: System) -> str:
        """Why no implementation can be asked for the printed figures; empty where that is not proven."""
        if self.chaotic is None or self.chaotic.system != system.id:
            return ""
        rows = self.chaotic.test_rows
        ends = {dtype: [correct / rows for correct in of.correct] for dtype, of in self.chaotic.ensembles.items()}
        (printed,) = [figure.printed for figure in system.figures if figure.quantity == "test_accuracy"]
        same = {dtype: sum(f"{end:.2f}" == printed for end in of) for dtype, of in ends.items()}
        return sentence("chaos", exact=self.chaotic.exact, ends=ends, same=same, printed=printed)


def load(folder: Path | None = None) -> Evidence:
    """What is in a folder; in the one that ships by default.

    Raises:
        DataError: a file that is damaged, or is not what its name says.
    """
    folder = folder or fixtures_root() / "replays"
    ledgers, first = {}, {}
    for system in (*SYSTEMS, *VARIANTS):
        for framework in FRAMEWORKS:
            path = folder / file_name(system, framework, system.precision)
            if is_there(path):
                ledgers[system.id, framework] = _checked(path, system, framework)
        for path in folder.glob(file_name(system, "numpy", system.precision).replace(".json", ".first-*.json")):
            book = _checked(path, system, "numpy")
            epochs = {run.epochs for run in book.runs}
            if {file_name(system, "numpy", system.precision, end) for end in epochs} != {path.name}:
                raise DataError(
                    f"{path}: epochs: expected runs that end where the file's name says, got {sorted(epochs)}: "
                    "restore it, or rename the file"
                )
            first[system.id] = (min(epochs), book)
    chaos = record(folder, records.CHAOS, records.Chaos)
    return Evidence(ledgers, chaos, record(folder, reconstruction.NAME, reconstruction.Reconstructions), first)


def record(folder: Path, name: str, kind: type[Kind]) -> Kind | None:
    """The record of that name in a folder, if it is there."""
    return records.read(name, kind, folder) if is_there(folder / f"{name}.json") else None


def version_of(system: System, *versions: str) -> System | None:
    """The first of some versions that a documented system has; None if it has none of them."""
    there = {s.version: s for s in (*SYSTEMS, *VARIANTS) if s.name == system.name}
    return next((there[version] for version in versions if version in there), None)


def judged_by(system: System) -> System:
    """The version that a document's figures are judged by: what ran, where that is not what is shown."""
    return version_of(system, "as-run") or system


def _checked(path: Path, system: System, framework: Framework) -> Ledger:
    book = read(path)
    for name, expected in (("system", system.id), ("framework", framework), ("dtype", system.precision)):
        if expected != (got := getattr(book, name)):
            raise DataError(f"{path}: {name}: expected {expected}, got {got}: restore it, or rename the file")
    return book


def encoded(record: Record) -> bytes:
    """Objects are spread over lines, lists of numbers are not: a change of one shows as one."""
    return (_lines(msgspec.to_builtins(record), "") + "\n").encode()


def schemas() -> dict[str, bytes]:
    """The JSON Schema of each kind, as it is committed, by the name of its file."""
    return {f"{name}.schema.json": schema_bytes(schema_of(name, kind)) for name, kind in KINDS.items()}


def _lines(value: Any, indent: str) -> str:
    if isinstance(value, dict):
        brackets, parts = "{}", [f"{json.dumps(name)}: {_lines(item, f'{indent} ')}" for name, item in value.items()]
    elif isinstance(value, list) and value and isinstance(value[0], (dict, list)):
        brackets, parts = "[]", [_lines(item, f"{indent} ") for item in value]
    else:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    inside = ",\n".join(f"{indent} {part}" for part in parts)
    return f"{brackets[0]}\n{inside}\n{indent}{brackets[1]}"
