"""Where the fixtures are, and files that are checked before they are believed: regular ones, of bounded size, as listed.

The `index.json` of a folder has `files`, a list of objects with `path`, below that folder, `size` in bytes and `sha256`.
"""

import contextlib
import hashlib
import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from nn_reference.errors import DataError, FixturesNotFoundError

INDEX = "index.json"
# A folder called "fixtures" proves nothing; one with this file in it is ours.
MARKER = Path("datasets", "index.json")
READABLE = 16 * 2**20  # bytes; an exported case with every array in place has up to 10 MiB
SHOWN = 200  # characters of what a file says
RESTORE = "restore the file, or reinstall nn-conformance"


class Listed(NamedTuple):
    """What an index says of a file: its size in bytes and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


def fixtures_root() -> Path:
    """The absolute path of `fixtures/`: inside the package in a wheel, beside `reference/` in a checkout.

    Raises:
        FixturesNotFoundError: neither place has it.
    """
    package = Path(__file__).resolve().parent
    places = (package / "fixtures", package.parents[1] / "fixtures")
    for place in places:
        if (place / MARKER).is_file():
            return place
    raise FixturesNotFoundError(
        f"fixtures: expected {MARKER.as_posix()} in {places[0]} or {places[1]}, got neither: "
        "reinstall nn-conformance, or run it from a complete checkout"
    )


def refusal(where: Path | str, expected: str, got: str, mend: str = RESTORE) -> DataError:
    """The error that refuses a file, in one printable line; what the file itself says is cut where it is long."""
    got = _printable(got)
    got = got if len(got) <= SHOWN else f"{got[:SHOWN]}…"
    return DataError(_printable(f"{where}: expected {expected}, got {got}: {mend}"))


def _printable(text: str) -> str:
    """In one line, with what acts on a terminal escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(text.split()))


@contextlib.contextmanager
def decoding(where: Path | str, expected: str, mend: str = RESTORE) -> Iterator[None]:
    """Turns whatever a decoder raises, at any depth of nesting, into a `DataError` that names the file."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "  # a ValueError is a sentence
        raise refusal(where, expected, f"{kind}{error}", mend) from None


def check_file(path: Path, where: Path | str, mend: str = RESTORE, most: int = READABLE) -> int:
    """The size of a regular file, or of one that a link leads to; a pipe or a device has no end.

    Raises:
        DataError: there is no such file, it is of another kind, or has more than `most` bytes.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise refusal(where, "a file", "none", mend) from None
    except OSError as error:  # links in a circle, or a folder that may not be searched
        raise refusal(where, "a file", error.strerror or type(error).__name__, mend) from None
    if not stat.S_ISREG(status.st_mode):
        raise refusal(where, "a file", "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or device", mend)
    if status.st_size > most:
        raise refusal(where, f"at most {most} bytes", f"{status.st_size}", mend)
    return status.st_size


def read_bytes(path: Path, where: Path | str, mend: str = RESTORE, most: int = READABLE) -> bytes:
    """The bytes of a regular file. Raises as `check_file` does, and where it cannot be read."""
    size = check_file(path, where, mend, most)
    try:
        with path.open("rb") as stream:
            return stream.read(size)
    except OSError as error:
        raise refusal(where, "a file that can be read", error.strerror or type(error).__name__, mend) from None


def check_digest(data: bytes, listed: Listed, where: Path | str, mend: str = RESTORE, unit: str = "bytes") -> bytes:
    """The same bytes, if they are those that an index lists; otherwise raises `DataError`."""
    if len(data) != listed.size:
        raise refusal(where, f"{listed.size} {unit}", f"{'more' if len(data) > listed.size else len(data)}", mend)
    digest = hashlib.sha256(data).hexdigest()
    if digest != listed.sha256:
        raise refusal(where, f"sha256 {listed.sha256}", digest, mend)
    return data


def read_index(folder: Path, where: Path | str | None = None) -> dict[str, Listed]:
    """What a folder's index says of each file, by name. Raises `DataError` where it is missing or of another form."""
    where = where or folder / INDEX
    data = read_bytes(folder / INDEX, where)
    with decoding(where, "an index of files"):
        files = json.loads(data)["files"]
        index = {file["path"]: Listed(file["size"], file["sha256"]) for file in files}
        if len(index) != len(files):
            raise ValueError("a path stands there twice")
        for name, listed in index.items():
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", name):
                raise ValueError(f"the path {name!r} is no plain name")
            if type(listed.size) is not int or not re.fullmatch("[0-9a-f]{64}", listed.sha256):
                raise ValueError(f"{name}: no size and sha256 in hexadecimal")
    return index


def read_listed(folder: Path, name: str, where: Path | str | None = None) -> bytes:
    """The bytes of a file, verified against the index of its folder.

    Raises:
        DataError: the index lacks it, or cannot be read; it is missing, unreadable, too large, or was changed.
    """
    where = where or folder / name
    index = read_index(folder)
    if name not in index:
        raise refusal(where, f"a file that {INDEX} lists", "one that it does not list", "list it, or delete it")
    return check_digest(read_bytes(folder / name, where), index[name], where)
