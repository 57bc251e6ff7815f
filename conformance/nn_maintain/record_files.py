"""Records as files, JSON in which each list is one line; and the schemas of all that lies in `fixtures/replays`."""

import json
from typing import Any

import msgspec

from nn_conformance.cases.format import Record
from nn_conformance.cases.schema import schema_bytes, schema_of
from nn_conformance.replay.ledger import Ledger
from nn_conformance.replay.listed_files import FolderIndex
from nn_conformance.replay.records import CHAOS, VERDICTS, Chaos, VerdictTable
from nn_maintain.studies import reconstruction

KINDS: dict[str, type[Record]] = {
    "replay": Ledger,
    CHAOS: Chaos,
    reconstruction.NAME: reconstruction.Reconstructions,
    VERDICTS: VerdictTable,
    "index": FolderIndex,  # of this folder and of `weights`
}


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
