"""Copies of the test vectors for those who want only the right files, all-JSON if they cannot read safetensors."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from os.path import realpath
from pathlib import Path

import msgspec

from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import encode_document, inline
from nn_conformance.cases.schema import schema_bytes, schemas
from nn_conformance.cases.store import LoadedCase, Store
from nn_conformance.judge.verdict import one_line
from nn_conformance.replay.listed_files import write
from nn_reference.errors import InputError

Files = dict[str, bytes]  # by path
INDEX = "index.json"


def export(
    store: Store, target: Path, ids: Collection[str], *, as_json: bool, progress: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Writes the cases into a folder, with their schemas and an index, and returns what was written.

    The folder is then one that `Store` reads and `check` checks. The same export may be made again.

    Args:
        store: where they are.
        target: made if need be; files of the same names are replaced.
        ids: the cases.
        as_json: every array in place, images included; otherwise the files as they are, with those they refer to.
        progress: called with the id of each case that is written.

    Raises:
        InputError: no cases; `target` is a file, cannot be written, lies among the fixtures themselves, or has other cases.
        DataError: an unknown or damaged case.
    """
    if not ids:
        raise InputError("ids: expected at least one case, got none")
    if Path(realpath(target)).is_relative_to(realpath(store.root)):
        raise InputError(one_line(f"DIR: expected a folder outside the fixtures, got {target}"))
    there = {
        path.relative_to(target).as_posix() for kind in ("json", "safetensors") for path in target.glob(f"*/*.{kind}")
    }
    own = {f"{case_id}.json" for case_id in ids} | {path for path in store.files if path.startswith("schema/")}
    own |= set() if as_json else {path for path in store.files if path.startswith("arrays/")}
    if others := sorted(there - own):
        raise InputError(one_line(f"DIR: expected a new folder, got {target}, which has {others[0]}; name another"))
    listed: dict[str, fmt.IndexedFile] = {}
    for case_id in sorted(ids):
        for path, data in _files(store.case(case_id), as_json=as_json):
            if path not in listed:  # cases share files of arrays
                write(target / path, data)
                listed[path] = _listed(path, data)
        progress(case_id)
    for path in filter(lambda path: path.startswith("schema/"), store.files):
        write(target / path, store.read(path))
        listed[path] = store.files[path]
    cases = [case for case in store.index.cases if case.id in ids]
    systems = {system: [case_id for case_id in of if case_id in ids] for system, of in store.index.systems.items()}
    write(target / INDEX, _index(listed.values(), cases, {system: of for system, of in systems.items() if of}))
    return [target / path for path in (*listed, INDEX)]


def indexed(files: Files, cases: Sequence[fmt.Case], systems: Mapping[str, list[str]]) -> Files:
    """The files of some cases with the schemas, and with an index of all."""
    files = files | {f"schema/{file}": schema_bytes(schema) for file, schema in schemas().items()}
    entries = [fmt.IndexedCase(c.id, c.version, c.purpose, c.flags) for c in sorted(cases, key=lambda c: c.id)]
    return files | {INDEX: _index([_listed(path, data) for path, data in files.items()], entries, systems)}


def _index(files: Iterable[fmt.IndexedFile], cases: list[fmt.IndexedCase], systems: Mapping[str, list[str]]) -> bytes:
    """An index of files, sorted, in its layout."""
    index = fmt.Index(1, sorted(files, key=lambda file: file.path), cases, dict(systems))
    msgspec.convert(msgspec.to_builtins(index), fmt.Index)  # names that a reader would refuse
    return encode_document(index)


def _listed(path: str, data: bytes) -> fmt.IndexedFile:
    return fmt.IndexedFile(path, len(data), hashlib.sha256(data).hexdigest())


def _files(loaded: LoadedCase, *, as_json: bool) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of a case and of what it refers to."""
    path = f"{loaded.case.id}.json"
    if as_json:
        arrays = {id(array): inline(loaded.array(array, field)) for field, array in loaded.every_array()}
        yield path, encode_document(msgspec.convert(_replaced(loaded.case, arrays), fmt.Case))
        return
    yield path, loaded.store.read(path)
    for file in sorted({array.file for _, array in loaded.every_array() if array.file is not None}):
        yield f"arrays/{file}", loaded.store.read(f"arrays/{file}")


def _replaced(record: object, arrays: dict[int, fmt.Array]) -> object:
    """A record as JSON has it, with other arrays."""
    if isinstance(record, fmt.Array):
        return msgspec.to_builtins(arrays[id(record)])
    if isinstance(record, msgspec.Struct):
        return {name: _replaced(getattr(record, name), arrays) for name in record.__struct_fields__}
    if isinstance(record, dict):
        return {name: _replaced(value, arrays) for name, value in record.items()}
    return [_replaced(value, arrays) for value in record] if isinstance(record, list) else record
