"""What the measurements share: they run side by side; the tables that ship lie beside this file, the records in `replays`."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from nn_conformance.cases.encoding import encode_document
from nn_conformance.cases.format import Record
from nn_conformance.cases.schema import schema_bytes, schema_of
from nn_conformance.replay.ledger import Ledger
from nn_conformance.replay.listed_files import FolderIndex
from nn_conformance.replay.records import CHAOS, VERDICTS, Chaos, VerdictTable
from nn_conformance.report import console
from nn_maintain.studies import reconstruction

T = TypeVar("T")
S = TypeVar("S")

# Whatever has a schema in `fixtures/replays`.
KINDS: dict[str, type[Record]] = {
    "replay": Ledger,
    CHAOS: Chaos,
    reconstruction.NAME: reconstruction.Reconstructions,
    VERDICTS: VerdictTable,
    "index": FolderIndex,  # of this folder and of `weights`
}


def side_by_side(what: str, function: Callable[[T], S], items: Sequence[T], jobs: int | None = None) -> Iterator[S]:
    """function(item) of each item in their order, under a progress bar; on all cores, or in so many processes.

    What a call raises, passes through, and no further one begins.
    """
    with console.counter(what, len(items)) as advance, ProcessPoolExecutor(jobs) as pool:
        for item, result in zip(items, pool.map(function, items), strict=True):
            advance(str(item))
            yield result


def committed(name: str, kind: type[T]) -> T:
    """The table `<name>.json` as it was measured last; `kind` is its type."""
    return msgspec.json.decode(Path(__file__).with_name(f"{name}.json").read_bytes(), type=kind, strict=False)


def write(name: str, table: Any) -> None:
    """The table that is committed from now on: a line for each row of each of its parts."""
    Path(__file__).with_name(f"{name}.json").write_bytes(encode_document(table))


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
