"""Records as files: JSON in which each list is one line, and their JSON Schemas beside them."""

import json
from inspect import cleandoc
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from nn_conformance.fixtures.format import Record
from nn_reference.errors import DataError
from nn_reference.paths import fixtures_root

FORMAT = 1
Kind = TypeVar("Kind", bound=Record)


def read(name: str, kind: type[Kind], folder: Path | None = None) -> Kind:
    """The record in `<name>.json`: of those that ship, or in a folder.

    Raises:
        DataError: it cannot be read, or has another form.
    """
    path = (folder or fixtures_root() / "replays") / f"{name}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a record, got {' '.join(str(error).split())}: restore it") from None


def encoded(record: Record) -> bytes:
    """Objects are spread over lines, lists of numbers are not: a change of one shows as one."""
    return (_lines(msgspec.to_builtins(record), "") + "\n").encode()


def schema_bytes(name: str, kind: type[Record]) -> bytes:
    """The JSON Schema of `<name>.json`, as it is committed beside it."""
    made = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://nn-conformance.invalid/schema/{name}.schema.json",
        "title": f"nn-conformance {name}, format {FORMAT}",
        **_undented(msgspec.json.schema(kind)),
    }
    return (json.dumps(made, indent=2, ensure_ascii=False) + "\n").encode()


def _lines(value: Any, indent: str) -> str:
    if isinstance(value, dict):
        brackets, parts = "{}", [f"{json.dumps(name)}: {_lines(item, f'{indent} ')}" for name, item in value.items()]
    elif isinstance(value, list) and value and isinstance(value[0], (dict, list)):
        brackets, parts = "[]", [_lines(item, f"{indent} ") for item in value]
    else:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    inside = ",\n".join(f"{indent} {part}" for part in parts)
    return f"{brackets[0]}\n{inside}\n{indent}{brackets[1]}"


def _undented(schema: Any) -> Any:
    """Descriptions without their docstring's indentation, which Python strips from 3.13 on and not before."""
    if isinstance(schema, dict):
        return {
            k: cleandoc(v) if k == "description" and isinstance(v, str) else _undented(v) for k, v in schema.items()
        }
    return [_undented(value) for value in schema] if isinstance(schema, list) else schema
