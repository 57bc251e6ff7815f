"""All cases at once: built side by side, validated, and only then written; or compared with what is there.

Finished cases are kept in a work folder that is named by the digest of the sources that made them, so that an
interrupted build goes on where it stopped, and a changed source starts anew.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

import nn_conformance
import nn_maintain
import nn_reference
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
from nn_reference.systems import SYSTEMS

GENERATOR = re.compile(rb'"generator":"[^"]*"')  # its version is no part of what a case expects
ANY_GENERATOR = b'"generator":""'


def rebuild(*, check: bool, quick: bool, jobs: int | None, work: Path | None, out: Path | None) -> str | None:
    """Generates everything; writes it, or returns the first difference from what is there.

    Raises:
        InputError: a published case would change, or the folder cannot be written.
        NNReferenceError: a value that cannot be certified or proven, or a case that is none of the format. Nothing has
            been written then.
    """
    import pooch  # type: ignore[import-untyped]  # noqa: PLC0415 - only for the user's cache folder

    folder = work_folder(work or Path(pooch.os_cache("nn-conformance")) / "build", quick=quick)
    folder.mkdir(parents=True, exist_ok=True)
    ids = [draft.id for system in SYSTEMS for draft in drafts(system, quick=quick)]
    ids.sort(key=lambda case_id: "probe" in case_id)  # long ones first, or the last process works alone at the end
    list(side_by_side("building", partial(_build_one, folder, quick=quick), ids, jobs))
    files = _assemble(folder, quick=quick)
    root = out or fixtures_root()
    if check:
        present = {path: (root / path).read_bytes() for path in files if (root / path).is_file()}
        difference = first_difference(files, present, quick=quick)
        if difference is None:
            console.line(f"{len(files)} files regenerate {'as far as they were compared' if quick else 'bit for bit'}")
        return difference
    there = [file.path for file in Store(root).index.files] if (root / "index.json").is_file() else []
    published = {path: (root / path).read_bytes() for path in there}
    if changed := unversioned_changes(files, published):
        raise InputError(
            f"build: {', '.join(changed[:3])}{' and others' if len(changed) > 3 else ''}: what a published case "
            "expects has changed, or the case is gone; give it a new version with a reason, in nn_maintain/documents.py"
        )
    for path, data in files.items():  # the index comes last
        write(root / path, data)
    size = sum(map(len, files.values())) / 2**20
    console.line(f"{len(files)} files, {size:.1f} MiB, written to {root}")
    return None


def work_folder(parent: Path, *, quick: bool = False) -> Path:
    """The folder for cases that the present sources make."""
    digest = hashlib.sha256()
    folders = [Path(str(package.__file__)).parent for package in (nn_conformance, nn_maintain, nn_reference)]
    for source in sorted(source for folder in folders for source in folder.rglob("*.py")):
        digest.update(source.name.encode() + source.read_bytes())
    return parent / f"{digest.hexdigest()[:16]}{'-quick' if quick else ''}"


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


def _build_one(work: Path, case_id: str, *, quick: bool) -> None:
    target = work / case_id.replace("/", "__")
    if target.with_suffix(".json").exists():
        return
    system, draft = next((s, d) for s in SYSTEMS for d in drafts(s, quick=quick) if d.id == case_id)
    case, tensors = build(system, draft)
    target.with_suffix(".safetensors").write_bytes(save_tensors(tensors))
    # The JSON comes last, in one step: a case that was interrupted has none.
    write(target.with_suffix(".json"), msgspec.json.encode(case))


def _assemble(work: Path, *, quick: bool) -> Files:
    """Large arrays get their files, the first network that needs one keeping it; then cases, index and schemas."""
    files: Files = {}
    owner: dict[str, str] = {}
    cases: list[fmt.Case] = []
    systems: dict[str, list[str]] = {}
    for name in dict.fromkeys(system.name for system in SYSTEMS):
        new: Tensors = {}
        for draft in (d for s in SYSTEMS if s.name == name for d in drafts(s, quick=quick)):
            stem = work / draft.id.replace("/", "__")
            tensors = load_tensors(stem.with_suffix(".safetensors").read_bytes())
            for key, tensor in tensors.items():
                if owner.setdefault(key, f"{name}.safetensors") == f"{name}.safetensors":
                    new[key] = tensor
            document = _with_files(msgspec.json.decode(stem.with_suffix(".json").read_bytes()), owner)
            case = msgspec.convert(document, fmt.Case)
            files[f"{case.id}.json"] = encode_document(document)
            cases.append(case)
            systems.setdefault(draft.of.id, []).append(case.id)
        if new:
            files[f"arrays/{name}.safetensors"] = save_tensors(dict(sorted(new.items())))
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
