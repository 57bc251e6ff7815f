"""All cases at once: built side by side, validated, and only then written; or compared with what is there.

Finished cases are kept in a work folder that is named by the digest of the sources that made them, so that an
interrupted build goes on where it stopped, and a changed source starts anew.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

import nn_reference
from nn_conformance.cases import format as fmt
from nn_conformance.cases.build import PENDING, Tensors, build
from nn_conformance.cases.documents import documented
from nn_conformance.cases.documents_json import encode_document
from nn_conformance.cases.drafts import Draft, of_system
from nn_conformance.cases.families import family
from nn_conformance.cases.probes import probes, pruned
from nn_conformance.cases.schema import schema_bytes, schemas, validate
from nn_reference.systems import SYSTEMS, System

Files = dict[str, bytes]
Progress = Callable[[str], None]

QUICK_STEPS = 5


def drafts(system: System, *, quick: bool = False) -> Iterator[Draft]:
    """A system's documented cases, and the probes that it is the first to need.

    `quick` cuts the long runs of the documented cases to five steps, for `--check` on many machines.
    """
    for draft in documented(system):
        yield replace(draft, batches=draft.batches[:QUICK_STEPS], quick=True, test=None) if quick else draft
    described = of_system(system)
    if family(system) is system:
        yield from probes(described)
    if described.pruning is not None:
        yield pruned(described)


def generate(work: Path, progress: Progress, *, quick: bool = False, jobs: int | None = None) -> Files:
    """Every file of `fixtures/` that the generator makes, by its path there.

    Args:
        work: folder for finished cases; made if need be.
        progress: called with the id of each case that is finished.
        quick: as for `drafts`.
        jobs: processes; all cores by default.

    Raises:
        NNReferenceError: a value that cannot be certified or proven, or a case that its schema refuses.
    """
    work.mkdir(parents=True, exist_ok=True)
    todo = [(s, draft.id) for s in range(len(SYSTEMS)) for draft in drafts(SYSTEMS[s], quick=quick)]
    # Long ones first, or the last process works alone at the end.
    todo.sort(key=lambda job: "probe" in job[1])
    with ProcessPoolExecutor(max_workers=jobs or os.cpu_count()) as pool:
        futures = {pool.submit(_build_one, s, case_id, work, quick=quick): case_id for s, case_id in todo}
        try:
            for future in as_completed(futures):
                future.result()
                progress(futures[future])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return _assemble(work, quick=quick)


def work_folder(parent: Path, *, quick: bool = False) -> Path:
    """The folder for cases that the present sources make."""
    digest = hashlib.sha256()
    packages = Path(__file__).parent, Path(nn_reference.__file__).parent
    for source in sorted(source for package in packages for source in package.rglob("*.py")):
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
        if made[path] == there[path]:
            continue
        if not path.endswith(".json"):
            return f"{path}: other bytes"
        difference = _json_difference(
            msgspec.json.decode(made[path]), msgspec.json.decode(there[path]), "", quick=quick
        )
        if difference or not quick:
            return f"{path}: {difference or 'other spacing'}"
    return None


def count(*, quick: bool = False) -> int:
    """How many cases there are."""
    return sum(1 for system in SYSTEMS for _ in drafts(system, quick=quick))


def _build_one(position: int, case_id: str, work: Path, *, quick: bool) -> None:
    target = work / case_id.replace("/", "__")
    if target.with_suffix(".json").exists():
        return
    draft = next(d for d in drafts(SYSTEMS[position], quick=quick) if d.id == case_id)
    case, tensors = build(draft)
    target.with_suffix(".safetensors").write_bytes(save_tensors(tensors))
    # The JSON comes last, in one step: a case that was interrupted has none.
    part = target.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(case))
    part.replace(target.with_suffix(".json"))


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
            document = with_files(msgspec.json.decode(stem.with_suffix(".json").read_bytes()), owner)
            validate(document, "case", f"{draft.id}.json")
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


def indexed(files: Files, cases: Sequence[fmt.Case], systems: dict[str, list[str]]) -> Files:
    """The files of some cases with the schemas, and with an index of all."""
    files = files | {f"schema/{file}": schema_bytes(schema) for file, schema in schemas().items()}
    index = fmt.Index(
        format=1,
        files=[
            fmt.IndexedFile(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in sorted(files.items())
        ],
        cases=[fmt.IndexedCase(c.id, c.version, c.purpose, c.flags) for c in sorted(cases, key=lambda c: c.id)],
        systems=systems,
    )
    document = msgspec.to_builtins(index)
    validate(document, "index", "index.json")
    return files | {"index.json": encode_document(document)}


def with_files(value: Any, owner: dict[str, str]) -> Any:
    """The document with the files of its large arrays, now that these have one."""
    if isinstance(value, dict):
        if value.get("file") == PENDING:
            return {**value, "file": owner[value["sha256"]]}
        return {key: with_files(inner, owner) for key, inner in value.items()}
    return [with_files(inner, owner) for inner in value] if isinstance(value, list) else value


def _json_difference(made: Any, there: Any, field: str, *, quick: bool) -> str | None:
    """The first field in which two documents differ."""
    if quick and field == "trajectory":
        run = slice(0, QUICK_STEPS)
        made, there = made["losses"][run], there["losses"][run]
    elif isinstance(made, dict) and isinstance(there, dict):
        for key in [*made, *(key for key in there if key not in made)]:
            if (key in made) != (key in there):
                return f"{field}.{key}: {'new' if key in made else 'gone'}"
            difference = _json_difference(made[key], there[key], f"{field}.{key}".lstrip("."), quick=quick)
            if difference:
                return difference
        return None
    if made == there:
        return None
    return f"{field}: expected {str(made)[:200]}, got {str(there)[:200]}"
