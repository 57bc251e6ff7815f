"""Is every file what the index says, and every number what its digest says?"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import get_args

from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import encode_document
from nn_conformance.cases.store import Store
from nn_conformance.judge.verdict import one_line
from nn_conformance.replay.listed_files import index_bytes
from nn_reference import datasets
from nn_reference.errors import DataError
from nn_reference.fixture_files import INDEX, MARKER, RESTORE, read_index, read_listed, refusal
from nn_reference.systems import SYSTEMS

FOLDERS = ("replays", "weights")  # each with an index of its own
KINDS = (".json", ".safetensors")
PAGE = "README.md"

# By path below the root: raises a DataError if the file is not the listed one.
Verified = dict[str, Callable[[], object]]


def check(store: Store, absent: set[str] | None = None) -> Iterator[str]:
    """One line for each problem, naming file and field; nothing if all is well, as far as the data are here.

    Nothing is downloaded: arrays of images that are not here are left out, and `absent` receives the dataset's name.
    First the bytes of every file against the index that lists it, and the indices themselves; then every case: its
    form, its references, and each of its arrays, those in safetensors files and those taken from datasets included.
    What is damaged is named once, and not looked into.
    """
    try:
        index = store.index
    except DataError as error:
        yield str(error)
        return
    damaged = set()
    files = listed(store)
    for path, verify in files.items():
        try:
            verify()
        except DataError as error:
            damaged.add(path)
            if path.startswith("datasets/"):
                damaged |= set(get_args(fmt.Dataset)) if path == MARKER.as_posix() else {path.split("/")[1]}
            yield str(error)
    yield from map(one_line, _index_problems(store, index))
    yield from map(one_line, _strays(store, files, damaged))
    for entry in index.cases:
        path = f"{entry.id}.json"
        if path in store.files and path not in damaged:
            yield from map(one_line, _case_problems(store, entry, damaged, set() if absent is None else absent))


def listed(store: Store) -> Verified:
    """Every file that an index below the root lists, each with the function that verifies it.

    An exported folder has one index. The fixtures themselves have others, of `replays`, `weights` and `datasets`, each
    of which is a file to verify too. Of the large datasets those files count that are there.
    """
    files: Verified = {path: partial(store.read, path) for path in store.files}
    if not _complete(store):
        return files
    for folder in FOLDERS:
        place = store.root / folder
        files[f"{folder}/{INDEX}"] = partial(_check_index, store, folder)
        try:
            names = read_index(place)
        except DataError:
            continue
        files |= {f"{folder}/{name}": partial(read_listed, place, name, f"{folder}/{name}") for name in names}
    files[MARKER.as_posix()] = partial(datasets.read_index, store.root)
    try:
        sets = datasets.read_index(store.root)
    except DataError:
        return files
    for name, parts in sets.items():
        for part in parts:
            for path in {f"datasets/{name}/{part.name}", f"datasets/{name}/{part.name.removesuffix('.gz')}"}:
                if part.url is None or os.path.lexists(store.root / path):
                    files[path] = partial(datasets.read_verified, store.root / path, part, path)
    return files


def _complete(store: Store) -> bool:
    """Whether these are the fixtures themselves, and not an export."""
    return os.path.lexists(store.root / MARKER)


def _check_index(store: Store, folder: str) -> None:
    """An index has no digest of its own, so its layout counts too."""
    path, where = store.root / folder / INDEX, f"{folder}/{INDEX}"
    if index_bytes(read_index(path.parent, where)) != path.read_bytes():
        raise refusal(where, "the layout that nn_maintain index gives it", "another", RESTORE)


def _index_problems(store: Store, index: fmt.Index) -> Iterator[str]:
    """The index has no digest of its own, so its layout counts too: a changed byte changes that, if not its words."""
    if encode_document(index) != (store.root / "index.json").read_bytes():
        yield "index.json: expected the layout that the maintainers' build gives it, got another"
    if not index.cases:
        yield "index.json: cases: expected at least one, got none"
    cases = [case.id for case in index.cases]
    yield from _repeats("files", [file.path for file in index.files])
    yield from _repeats("cases", cases)
    expected = {f"{case_id}.json" for case_id in cases}
    documents = {path for path in store.files if path.endswith(".json") and not path.startswith("schema/")}
    yield from (f"index.json: files: expected {path}, got none" for path in sorted(expected - documents))
    yield from (f"index.json: cases: expected one for {path}, got none" for path in sorted(documents - expected))
    documented = {system for system in index.systems if not system[:1].isdigit()}  # an author's own is its line
    for system in sorted(documented - {system.id for system in SYSTEMS}):
        yield f"index.json: systems: no system has the id {system!r}"
    for system, ids in index.systems.items():
        yield from _repeats(f"systems.{system}", ids)
        yield from (
            f"index.json: systems.{system}: no case has the id {case_id!r}" for case_id in sorted({*ids} - {*cases})
        )


def _repeats(field: str, names: Sequence[str]) -> Iterator[str]:
    yield from (
        f"index.json: {field}: expected {name!r} once, got it {count} times"
        for name, count in Counter(names).items()
        if count > 1
    )


def _strays(store: Store, files: Verified, damaged: set[str]) -> Iterator[str]:
    """Files that no index knows would be read by nobody, or by mistake. Pages are for people, hidden files for tools.

    In an exported folder there may be files of others: only what looks like a case or an array is named.
    """
    complete = _complete(store)
    known = {INDEX, *files, *(str(folder) for file in files for folder in PurePosixPath(file).parents)}
    for path in sorted(store.root.glob("**/*" if complete else "*/*")):  # neither follows a link to a folder
        place = path.relative_to(store.root)
        ordinary = path.is_dir() and not path.is_symlink()
        exempt = path.name == PAGE or any(part.startswith(".") for part in place.parts)
        exempt |= f"{place.parts[0]}/{INDEX}" in damaged  # which would have listed it
        if place.as_posix() not in known and not ordinary and not exempt and (complete or path.suffix in KINDS):
            yield f"{place.as_posix()}: expected no file that the index does not list, got one: delete it, or list it"


def _case_problems(store: Store, entry: fmt.IndexedCase, damaged: set[str], absent: set[str]) -> Iterator[str]:
    """What is wrong with an intact file."""
    path = f"{entry.id}.json"
    try:
        loaded = store.case(entry.id)
    except DataError as error:
        yield str(error)
        return
    for name in ("id", "version", "purpose", "flags"):
        if getattr(loaded.case, name) != getattr(entry, name):
            yield f"{path}: {name}: expected {getattr(entry, name)!r} as in the index, got {getattr(loaded.case, name)!r}"
    if entry.id not in store.index.systems.get(loaded.case.system, ()):
        yield f"index.json: systems.{loaded.case.system}: expected {entry.id}, got none"
    for field, array in loaded.every_array():
        source = array.dataset or f"arrays/{array.file}"
        try:
            if array.dataset is not None and source not in damaged | absent:
                _read_images(array.dataset, damaged, absent)
            if source not in damaged | absent:
                loaded.array(array, field)
        except DataError as error:
            yield str(error)


def _read_images(name: fmt.Dataset, damaged: set[str], absent: set[str]) -> None:
    """Reads a dataset before its first array is; its name joins a set if it cannot be."""
    if not datasets.is_present(name):
        absent.add(name)
        return
    try:
        datasets.load_images(name)
    except DataError:
        damaged.add(name)
        raise
