"""All cases at once: built side by side, validated, and only then written; or compared with what is there."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import msgspec
import typer
from safetensors.numpy import save as save_tensors

from nn_conformance.cases import format as fmt
from nn_conformance.cases.certification import Tensors
from nn_conformance.cases.encoding import encode_document
from nn_conformance.cases.export import Files, indexed
from nn_conformance.cases.families import family
from nn_conformance.cases.store import Store
from nn_conformance.replay.listed_files import write
from nn_conformance.report import console
from nn_maintain.documents import QUICK_RUN, build, drafts
from nn_maintain.measured import side_by_side
from nn_reference.errors import InputError
from nn_reference.fixture_files import fixtures_root
from nn_reference.systems import SYSTEMS, System

GENERATOR = re.compile(rb'"generator":"[^"]*"')  # its version is no part of what a case expects
ANY_GENERATOR = b'"generator":""'


def rebuild(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; compare bit for bit with what is there.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="With --check: long runs by their first five steps.")] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; all cores by default.")] = None,
) -> None:
    """Generate, prove and write all published test vectors.

    A published case that would change without a new version is refused.
    """
    if quick and not check:
        raise typer.BadParameter("--quick compares, so it needs --check")
    of_systems = [(system, draft.id) for system in SYSTEMS for draft in drafts(system, quick=quick)]
    # Long ones first, or the last process works alone at the end.
    ids = sorted((case_id for _, case_id in of_systems), key=lambda case_id: "probe" in case_id)
    made = dict(zip(ids, side_by_side("building", partial(_made, quick=quick), ids, jobs), strict=True))
    files = _assemble([(system, *made[case_id]) for system, case_id in of_systems])
    root = fixtures_root()
    if check:
        present = {path: (root / path).read_bytes() for path in files if (root / path).is_file()}
        if difference := first_difference(files, present, quick=quick):
            console.line(difference)
            raise typer.Exit(1)
        console.line(f"{len(files)} files regenerate {'as far as they were compared' if quick else 'bit for bit'}")
        return
    published = {file.path: (root / file.path).read_bytes() for file in Store(root).index.files}
    if changed := unversioned_changes(files, published):
        raise InputError(
            f"build: {', '.join(changed[:3])}{' and others' if len(changed) > 3 else ''}: what a published case "
            "expects has changed, or the case is gone; give it a new version with a reason, in nn_maintain/documents.py"
        )
    for path, data in files.items():  # the index comes last
        write(root / path, data)
    size = sum(map(len, files.values())) / 2**20
    console.line(f"{len(files)} files, {size:.1f} MiB, written to {root}")


def first_difference(made: Files, there: Files, *, quick: bool = False) -> str | None:
    """The first file and field in which two sets of fixtures differ, or None.

    Of a quick build only what it computes is compared: long runs by their first steps, no horizons, no index.
    """
    for path in sorted(made):
        if quick and (path == "index.json" or path.startswith("arrays/")):
            continue
        if path not in there:
            return f"{path}: expected the file, got none"
        ours, theirs = (GENERATOR.sub(ANY_GENERATOR, data) for data in (made[path], there[path]))
        if ours == theirs:
            continue
        if not path.endswith(".json"):
            return f"{path}: other bytes"
        difference = _json_difference(_decoded(ours, quick=quick), _decoded(theirs, quick=quick))
        if difference or not quick:
            return f"{path}: {difference or 'other spacing'}"
    return None


def unversioned_changes(made: Mapping[str, bytes], there: Mapping[str, bytes]) -> list[str]:
    """Ids of cases that are published in `there` and differ in `made` without a new version, or are gone."""
    changed = []
    for path in sorted(there):
        if not path.endswith(".json") or path == "index.json" or path.startswith("schema/"):
            continue
        old, *rest = (
            msgspec.json.decode(GENERATOR.sub(ANY_GENERATOR, files[path])) for files in (there, made) if path in files
        )
        if old not in rest and not any(new["version"] > old["version"] for new in rest):
            changed.append(path.removesuffix(".json"))
    return changed


def _made(case_id: str, *, quick: bool) -> tuple[Any, Tensors]:
    case, tensors = next(build(s, d) for s in SYSTEMS for d in drafts(s, quick=quick) if d.id == case_id)
    return msgspec.to_builtins(case), tensors  # a record that a process sends would have its defaults written out


def _assemble(made: Sequence[tuple[System, Any, Tensors]]) -> Files:
    """Large arrays get their files, the first network that needs one keeping it; then cases, index and schemas."""
    owner: dict[str, str] = {}
    beside: dict[str, Tensors] = {}
    cases: list[fmt.Case] = []
    systems: dict[str, list[str]] = {}
    for system, document, tensors in made:
        for key in tensors.keys() - owner.keys():
            owner[key] = f"{system.name}.safetensors"
            beside.setdefault(owner[key], {})[key] = tensors[key]
        cases.append(msgspec.convert(_with_files(document, owner), fmt.Case))
        systems.setdefault(system.id, []).append(cases[-1].id)
    files = {f"{case.id}.json": encode_document(case) for case in cases}
    files |= {f"arrays/{file}": save_tensors(dict(sorted(tensors.items()))) for file, tensors in beside.items()}
    for system in SYSTEMS:
        own = systems[system.id]
        shared = [case_id for case_id in systems[family(system).id] if "probe-" in case_id and "pruned" not in case_id]
        systems[system.id] = own + [case_id for case_id in shared if case_id not in own]
    return indexed(files, cases, systems)


def _with_files(value: Any, owner: dict[str, str]) -> Any:
    """The document with the file of each large array: that of the first network that needs it."""
    if isinstance(value, dict):
        if "file" in value:
            return {**value, "file": owner[value["sha256"]]}
        return {key: _with_files(inner, owner) for key, inner in value.items()}
    return [_with_files(inner, owner) for inner in value] if isinstance(value, list) else value


def _json_difference(made: Any, there: Any, field: str = "") -> str | None:
    """The first field in which two documents differ."""
    if not (isinstance(made, dict) and isinstance(there, dict)):
        return None if made == there else f"{field}: expected {str(made)[:200]}, got {str(there)[:200]}"
    for key in made | there:
        if (key in made) != (key in there):
            return f"{field}.{key}: {'new' if key in made else 'gone'}"
        if difference := _json_difference(made[key], there[key], f"{field}.{key}".lstrip(".")):
            return difference
    return None


def _decoded(data: bytes, *, quick: bool) -> Any:
    """A document; of a quick build's free run only the first losses."""
    document = msgspec.json.decode(data)
    if quick and document.get("trajectory"):
        document["trajectory"] = document["trajectory"]["losses"][:QUICK_RUN]
    return document
