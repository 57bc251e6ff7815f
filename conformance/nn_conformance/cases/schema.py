"""The JSON Schemas, made from the types and committed for other languages; the types themselves decode what is read."""

import json
from inspect import cleandoc
from typing import Any

import msgspec

from nn_conformance.cases import format as fmt

WITH_FORMAT_2 = ("network", "case")
TYPES = {"network": fmt.Network, "case": fmt.Case, "index": fmt.Index}


def schemas() -> dict[str, dict[str, Any]]:
    """File name -> JSON Schema 2020-12, as they stand in `fixtures/schema`."""
    return {f"{name}.schema.json": schema_of(name, kind) for name, kind in TYPES.items()}


def schema_of(name: str, kind: type) -> dict[str, Any]:
    """The JSON Schema 2020-12 of a record."""
    made = _undented(msgspec.json.schema(kind))
    for record, field in (("Trajectory", "horizons"), ("Case", "by_dtype")):
        if record in made.get("$defs", {}):
            # Which keys there may be is in the type, but not in what msgspec makes of it.
            made["$defs"][record]["properties"][field]["propertyNames"] = {"enum": list(fmt.DTYPES)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://nn-conformance.invalid/schema/{name}.schema.json",
        "title": f"nn-conformance {name}, format {fmt.FORMAT if name in WITH_FORMAT_2 else 1}",
        **made,
    }


def schema_bytes(schema: dict[str, Any]) -> bytes:
    """As committed: two spaces, a final newline."""
    return (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()


def _undented(schema: Any) -> Any:
    """Descriptions without their docstring's indentation, which Python strips from 3.13 on and not before."""
    if isinstance(schema, dict):
        return {
            k: cleandoc(v) if k == "description" and isinstance(v, str) else _undented(v) for k, v in schema.items()
        }
    return [_undented(value) for value in schema] if isinstance(schema, list) else schema
