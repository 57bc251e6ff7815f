"""Files that are whole or not there: whoever is interrupted leaves the old one; and the index of a folder of them."""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from nn_conformance.cases.encoding import encode_document
from nn_conformance.cases.format import Record, Sha256, Size
from nn_reference.errors import DataError, InputError
from nn_reference.fixture_files import INDEX, Listed, decoding, fixtures_root, read_bytes, read_index, read_listed

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]

MEND = "restore or delete it"
Kind = TypeVar("Kind", bound=Record)


class ListedFile(Record, frozen=True):
    """A file by its name, with size and digest."""

    path: Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
    size: Size
    sha256: Sha256


class FolderIndex(Record, frozen=True):
    """Every file of `replays` or of `weights` but the index itself, sorted by name."""

    format: Literal[1]
    files: list[ListedFile]


def check_folder(folder: Path, name: str = "--out") -> None:
    """A file can be written there, which is better told before hours of work than after them; `name` is the option's.

    Raises:
        InputError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{name} {folder}: cannot be written ({error.strerror}); name another folder") from None


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Whoever else wants the folder for itself waits: of two that read, merge and write, one would lose its part.

    Raises:
        InputError: the system has no such locks.
    """
    if fcntl is None:
        raise InputError(f"{folder}: cannot be locked on this system; use Linux or macOS, or write to another file")
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write(path: Path, data: bytes) -> None:
    """Replaces the file in one step.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); name another folder") from None
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(part).chmod(0o644)  # mkstemp's files are for their owner alone
        Path(part).replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(part).unlink()
        if isinstance(error, OSError):
            raise InputError(
                f"{path}: cannot be written ({error.strerror}); make room, or name another folder"
            ) from None
        raise


def read(path: Path, kind: type[Kind], what: str) -> Kind:
    """The record in a file, verified against the folder's index; a folder that does not ship needs none.

    Raises:
        DataError: it is missing, of another form, or was changed.
    """
    folder = path.parent
    data = read_listed(folder, path.name) if _has_index(folder) else read_bytes(path, path, MEND)
    with decoding(path, what, MEND):
        return msgspec.json.decode(data, type=kind)


def is_there(path: Path) -> bool:
    """Whether something stands in a file's place, or should because the folder's index lists it."""
    return os.path.lexists(path) or (_has_index(path.parent) and path.name in read_index(path.parent))


def replace(path: Path, data: bytes | Callable[[], bytes]) -> None:
    """Replaces a file, and its entry in the folder's index. What makes the data is called while nobody else writes there.

    Raises:
        DataError: the index is damaged, or as what makes the data.
        InputError: the folder cannot be written.
    """
    check_folder(path.parent)
    with alone(path.parent):
        index = read_index(path.parent) if _has_index(path.parent) else None
        data = data() if callable(data) else data
        write(path, data)
        if index is not None:
            write(path.parent / INDEX, index_bytes(index | {path.name: _listed(data)}))


def renew_index(folder: Path) -> list[str]:
    """Lists every file of a folder as it is now, and returns the names of those that are new, changed or gone."""
    with alone(folder):
        names = [path.name for path in folder.iterdir() if path.name != INDEX and not path.name.startswith(".")]
        new = {name: _listed(read_bytes(folder / name, folder / name)) for name in names}
        old: dict[str, Listed] = {}
        with contextlib.suppress(DataError):  # none, or a damaged one: it is replaced
            old = read_index(folder)
        data = index_bytes(new)
        with decoding(folder, "names of letters, digits, dots, hyphens and underscores", "rename the file"):
            msgspec.json.decode(data, type=FolderIndex)
        write(folder / INDEX, data)
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def index_bytes(files: Mapping[str, Listed]) -> bytes:
    """The index as it is written, with a line for each file."""
    listed = [ListedFile(name, *files[name]) for name in sorted(files)]
    return encode_document(FolderIndex(1, listed))


def _has_index(folder: Path) -> bool:
    """Whether a folder has an index, or must have one because it ships."""
    return os.path.lexists(folder / INDEX) or Path(os.path.realpath(folder)).parent == fixtures_root()


def _listed(data: bytes) -> Listed:
    return Listed(len(data), hashlib.sha256(data).hexdigest())
