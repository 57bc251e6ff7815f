"""The ledgers of replays: one file for each system, framework and precision, with one run for each seed.

Decoding is strict, as that of the test vectors. A ledger has whole runs, or, where its name says so, their first epochs.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta, field

from nn_conformance.cases.format import Dtype, Number, Record, Sha256
from nn_conformance.replay import listed_files
from nn_reference.fixture_files import refusal
from nn_reference.systems import System

FORMAT: Literal[1] = 1
Framework: TypeAlias = Literal["numpy", "torch", "keras"]
TITLES: dict[str, str] = {"numpy": "NumPy", "torch": "PyTorch", "keras": "Keras"}
FRAMEWORKS: tuple[Framework, ...] = ("numpy", "torch", "keras")
Class: TypeAlias = Annotated[int, Meta(ge=0, lt=10)]
Count: TypeAlias = Annotated[int, Meta(ge=0)]


class Agreement(Record, frozen=True):
    """The first `steps` losses against a certified trajectory; `worst` is the largest error over its band, passed up to 1."""

    case: str
    steps: Count
    worst: Number


class Run(Record, frozen=True):
    """One training run.

    `epochs` counts fine-tuning, `steps` updates made; `seconds` is processor time spent in training and evaluation, since
    the machine does other things as well. `first_losses` are those of the first batches, each before its
    update. `rows` are columns of equal length: `epoch`, as the document numbers them, and what was measured after it;
    the printed epochs are all there, later ones thinned. `final` was measured once, at the end. `weights` is the digest
    of all parameters, in order, as little-endian bytes. `nan_from` is the step whose loss was the first NaN, of a run
    that ended in it: every weight was NaN, no update leads out of that, and rows from there on were measured once.
    """

    seed: Annotated[int, Meta(ge=0, lt=2**32)]
    start: str
    order: str
    versions: dict[str, str]
    epochs: Count
    steps: Count
    seconds: Annotated[float, Meta(ge=0)]
    first_losses: list[Number]
    rows: dict[str, list[Number]]
    final: dict[str, Number]
    weights: Sha256
    predictions: list[Class] = field(default_factory=list)
    nan_from: Annotated[int, Meta(ge=1)] | None = None
    agreement: Agreement | None = None


class Ledger(Record, frozen=True):
    """All runs of one system in one framework and precision, by rising seed; the first ones are listed first."""

    format: Literal[1]
    system: Annotated[str, Meta(pattern="^[a-z0-9-]{1,40}/[a-z0-9-]{1,20}$")]
    framework: Framework
    dtype: Dtype
    runs: list[Run]


def file_name(system: System, framework: str, dtype: str, first: int | None = None) -> str:
    """For example ``mnist-relu.documented.numpy.json``.

    A precision that is not the document's is named too, and that the runs end after their `first` epochs:
    ``mnist-relu.documented.numpy.first-2.json``.
    """
    other = [] if dtype == system.precision else [dtype]
    part = [] if first is None else [f"first-{first}"]
    return ".".join((system.name, system.version, framework, *other, *part, "json"))


def read(path: Path) -> Ledger:
    """The ledger in a file.

    Raises:
        DataError: it cannot be read, was changed, or has another form.
    """
    ledger = listed_files.read(path, Ledger, "a ledger")
    for run in ledger.runs:
        if len({len(column) for column in run.rows.values()}) > 1:
            raise refusal(
                f"{path}: runs: seed {run.seed}: rows", "columns of equal length", "others", listed_files.MEND
            )
    return ledger


def add(
    folder: Path, system: System, framework: Framework, dtype: Dtype, runs: Iterable[Run], first: int | None = None
) -> Path:
    """Puts runs into the ledger in `folder`, in place of those with the same seeds; the file is replaced in one step."""
    path = folder / file_name(system, framework, dtype, first)

    def merged() -> bytes:
        old = read(path).runs if listed_files.is_there(path) else []
        by_seed = {run.seed: run for run in (*old, *runs)}
        return encoded(Ledger(FORMAT, system.id, framework, dtype, [by_seed[seed] for seed in sorted(by_seed)]))

    listed_files.replace(path, merged)
    return path


def encoded(ledger: Ledger) -> bytes:
    """A line for each field of each run: small, and a change of one run shows as one."""
    head, *runs = (msgspec.to_builtins(part) for part in (ledger, *ledger.runs))
    head.pop("runs")
    fields = "".join(f"{json.dumps(name)}: {_compact(value)},\n" for name, value in head.items())
    blocks = ",\n".join(
        "{\n" + ",\n".join(f"  {json.dumps(name)}: {_compact(value)}" for name, value in run.items()) + "\n}"
        for run in runs
    )
    return f'{{\n{fields}"runs": [{blocks}]\n}}\n'.encode()


def _compact(value: Any) -> str:
    return json.dumps(_whole(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _whole(value: Any) -> Any:
    """Whole numbers without a decimal point: what is decoded as a float is encoded as it was."""
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
