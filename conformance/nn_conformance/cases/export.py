"""Copies of the test vectors for those who want only the right files, all-JSON if they cannot read safetensors."""

import hashlib
from collections.abc import Callable, Collection, Iterator
from os.path import realpath
from pathlib import Path

import msgspec

from nn_conformance.cases import format as fmt
from nn_conformance.cases.documents_json import encode_document
from nn_conformance.cases.encoding import inline
from nn_conformance.cases.store import LoadedCase, Store
from nn_conformance.judge.verdict import one_line
from nn_reference.errors import DataError, InputError

Listed = dict[str, fmt.IndexedFile]  # by path


def export(
    store: Store, target: Path, ids: Collection[str], *, as_json: bool, progress: Callable[[str], None]
) -> list[Path]:
    """Writes the cases into a folder, with their schemas and an index, and returns what was written.

    The folder is then one that `Store` reads and `check` checks. What an earlier export left there stays in the index.

    Args:
        store: where they are.
        target: made if need be; files of the same names are replaced.
        ids: the cases.
        as_json: every array in place, images included; otherwise the files as they are, with those they refer to.
        progress: called with the id of each case that is written.

    Raises:
        InputError: no cases; `target` is a file, cannot be written, or lies among the fixtures themselves.
        DataError: an unknown or damaged case.
    """
    if not ids:
        raise InputError("ids: expected at least one case, got none")
    if Path(realpath(target)).is_relative_to(realpath(store.root)):
        raise InputError(one_line(f"DIR: expected a folder outside the fixtures, got {target}"))
    listed: Listed = {}
    try:
        for case_id in sorted(ids):
            for path, data in _files(store.case(case_id), as_json=as_json):
                listed[path] = _write(target, path, data)
            progress(case_id)
        for path in store.files:
            if path.startswith("schema/"):
                listed[path] = _write(target, path, store.read(path))
        index = encode_document(msgspec.to_builtins(_index(store, target, ids, listed)))
        _write(target, "index.json", index)
    except OSError as error:
        raise InputError(
            one_line(
                f"DIR: cannot write {error.filename or target}: {error.strerror}; name a folder that can be written"
            )
        ) from None
    return [target / path for path in (*listed, "index.json")]


def _files(loaded: LoadedCase, *, as_json: bool) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of a case and of what it refers to."""
    path = f"{loaded.case.id}.json"
    if as_json:
        yield path, encode_document(msgspec.to_builtins(_inlined(loaded)))
        return
    yield path, loaded.store.read(path)
    for file in sorted({array.file for _, array in loaded.every_array() if array.file is not None}):
        yield f"arrays/{file}", loaded.store.read(f"arrays/{file}")


def _write(target: Path, path: str, data: bytes) -> fmt.IndexedFile:
    """Replaces a file; where a link stands, the link is replaced, and a folder that is one must not lead out."""
    place = target / path
    place.parent.mkdir(parents=True, exist_ok=True)
    if not Path(realpath(place.parent)).is_relative_to(realpath(target)):
        raise InputError(
            one_line(f"DIR: expected a folder of its own, got a link that leads out of it, {place.parent}")
        )
    place.unlink(missing_ok=True)
    with place.open("xb") as stream:
        stream.write(data)
    return fmt.IndexedFile(path, len(data), hashlib.sha256(data).hexdigest())


def _index(store: Store, target: Path, ids: Collection[str], written: Listed) -> fmt.Index:
    """Of what was written, and of what an earlier export left there, if the store still has it so."""
    earlier = _earlier(target)
    files = {file.path: file for file in earlier.files if (target / file.path).is_file()} | written
    cases = [
        case for case in store.index.cases if f"{case.id}.json" in files and (case.id in ids or case in earlier.cases)
    ]
    known = {case.id for case in cases}
    own = {
        system: [case_id for case_id in listed if case_id in known] for system, listed in store.index.systems.items()
    }
    return fmt.Index(
        format=1,
        files=[
            files[path]
            for path in sorted(files)
            if path.startswith(("arrays/", "schema/")) or path.removesuffix(".json") in known
        ],
        cases=cases,
        systems={system: listed for system, listed in own.items() if listed},
    )


def _earlier(target: Path) -> fmt.Index:
    try:
        return Store(target).index
    except DataError:  # none, or none of ours: it is replaced
        return fmt.Index(format=1, files=[], cases=[], systems={})


def _inlined(loaded: LoadedCase) -> fmt.Case:
    """The case with every array written out."""
    arrays = {id(array): inline(loaded.array(array, field)) for field, array in loaded.every_array()}
    return msgspec.convert(_replaced(loaded.case, arrays), fmt.Case)


def _replaced(record: object, arrays: dict[int, fmt.Array]) -> object:
    if isinstance(record, fmt.Array):
        return msgspec.to_builtins(arrays[id(record)])
    if isinstance(record, msgspec.Struct):
        return {name: _replaced(getattr(record, name), arrays) for name in record.__struct_fields__}
    if isinstance(record, dict):
        return {name: _replaced(value, arrays) for name, value in record.items()}
    return [_replaced(value, arrays) for value in record] if isinstance(record, list) else record
