"""Records as files, JSON in which each list is one line; and the schemas of all that lies in `fixtures/replays`."""

import json
from pathlib import Path
from typing import Any

import msgspec

from nn_conformance.cases.format import Record
from nn_conformance.cases.schema import schema_bytes, schema_of
from nn_conformance.replay import files
from nn_conformance.replay.chaos import Chaos
from nn_conformance.replay.ledger import Ledger
from nn_conformance.replay.reconstruction import Reconstructions
from nn_reference.paths import fixtures_root

KINDS: dict[str, type[Record]] = {
    "replay": Ledger,
    "chaos": Chaos,
    "reconstruction": Reconstructions,
    "index": files.FolderIndex,  # of this folder and of `weights`
}


def read(name: str, kind: type[files.Kind], folder: Path | None = None) -> files.Kind:
    """The record in `<name>.json`: of those that ship, or in a folder.

    Raises:
        DataError: it cannot be read, was changed, or has another form.
    """
    return files.read((folder or fixtures_root() / "replays") / f"{name}.json", kind, "a record")


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
