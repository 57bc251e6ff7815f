"""The documents' four datasets as raw arrays, every file verified before it is believed.

Iris and XOR ship with the fixtures. MNIST and Fashion-MNIST are looked for in a folder that the user names, else beside
the index, else in the user's cache, downloaded to it if need be. Whoever names a folder gets what is in it or an error,
never a download. `fixtures/datasets/index.json` says what is right. Arrays are read-only, as loads are cached.
"""

import contextlib
import functools
import json
import os
import struct
import tempfile
import zlib
from dataclasses import dataclass
from os.path import expanduser, realpath
from pathlib import Path
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from nn_reference.errors import DataError, InputError
from nn_reference.fixture_files import RESTORE, Listed, check_digest, decoding, fixtures_root, read_bytes, refusal

FOLDER_VARIABLE = "NN_CONFORMANCE_DATA"
MIRROR_VARIABLE = "NN_CONFORMANCE_MIRROR"
TIMEOUT = 30.0  # seconds without a byte from the mirror
GZIP = b"\x1f\x8b"  # how every gzip file begins, and no idx or CSV file
IDX_BYTES = 0x0800  # idx magic number for arrays of bytes; the number of dimensions is added

T = TypeVar("T", bound=np.generic)
ImageSet = Literal["mnist", "fashion-mnist"]


@dataclass(frozen=True)
class DataFile:
    """One file as the index has it; `sha256` and `size` are those of its uncompressed bytes."""

    name: str
    what: str
    sha256: str
    size: int
    shape: tuple[int, ...]
    dtype: str
    url: str | None = None


@dataclass(frozen=True, eq=False)
class Images:
    """Grey images, 0 background to 255 ink, and their classes 0..9; all uint8, in file order."""

    train_images: NDArray[np.uint8]  # (60000, 28, 28)
    train_labels: NDArray[np.uint8]  # (60000,)
    test_images: NDArray[np.uint8]  # (10000, 28, 28)
    test_labels: NDArray[np.uint8]  # (10000,)


def load_images(name: ImageSet, *, folder: str | os.PathLike[str] | None = None) -> Images:
    """MNIST or Fashion-MNIST.

    Args:
        name: ``mnist`` or ``fashion-mnist``.
        folder: holds `<name>/<file>.gz`, or the uncompressed `<name>/<file>`. By default what the environment variable
            NN_CONFORMANCE_DATA names; where that is unset or empty, the fixtures and then the cache are searched. The
            variable NN_CONFORMANCE_MIRROR replaces the index's addresses by `<mirror>/<name>/<file>.gz`.

    Raises:
        InputError: another name.
        DataError: a file is missing, damaged, not the index's one, or could not be downloaded.
    """
    return _load_images(name, _named(name, folder), fixtures_root())


def is_present(name: ImageSet) -> bool:
    """Whether every file of that set is here, so that `load_images` downloads nothing. Raises as that does."""
    named, root = _named(name, None), fixtures_root()
    folders = [root / "datasets", _cache()] if named is None else [named]
    return all(any(_found(folder / name, file) for folder in folders) for file in read_index(root)[name])


def _named(name: str, folder: str | os.PathLike[str] | None) -> Path | None:
    """The folder that the user names, if any does."""
    if name not in get_args(ImageSet):
        raise InputError(f"name: expected one of {', '.join(get_args(ImageSet))}, got {name!r}")
    chosen = folder if folder is not None else os.environ.get(FOLDER_VARIABLE) or None
    return None if chosen is None else Path(realpath(expanduser(chosen)))  # noqa: PTH111 - Path's raise where links go in circles


def _found(folder: Path, file: DataFile) -> Path | None:
    """The file in a folder, packed or not."""
    paths = (folder / file.name, folder / file.name.removesuffix(".gz"))
    return next((path for path in paths if path.is_file()), None)


def _cache() -> Path:
    import pooch  # type: ignore[import-untyped]  # noqa: PLC0415 - for downloads only

    return Path(pooch.os_cache("nn-conformance"))


def load_iris() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Fisher's flowers, as scikit-learn ships them; the datasets' README says where other copies differ.

    Returns:
        Features (150, 4): length and width of sepal, then of petal, in cm; and labels (150,): species 0, 1 or 2.

    Raises:
        DataError: the file is missing or damaged.
    """
    table = _load_table("iris", fixtures_root())
    return _frozen(table[:, :4].copy()), _frozen(table[:, 4].astype(np.int64))


def load_xor() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The truth table of exclusive or in document 003's order, 00, 01, 10, 11: inputs (4, 2) and targets (4, 1).

    Raises as `load_iris` does.
    """
    table = _load_table("xor", fixtures_root())
    return _frozen(table[:, :2].copy()), _frozen(table[:, 2:].copy())


@functools.cache
def read_index(root: Path) -> dict[str, tuple[DataFile, ...]]:
    """The files of each dataset by its name. Raises `DataError` where the index cannot be read, or has another form."""
    path = root / "datasets" / "index.json"
    data = read_bytes(path, path)
    with decoding(path, "an index of datasets"):
        sets = json.loads(data)["datasets"]
        return {
            name: tuple(DataFile(**{**f, "shape": tuple(f["shape"])}) for f in entry["files"])
            for name, entry in sets.items()
        }


@functools.lru_cache(maxsize=2)  # 55 MB each
def _load_images(name: str, named: Path | None, root: Path) -> Images:
    return Images(**{f.what: _load_idx(name, f, named, root) for f in read_index(root)[name]})


@functools.cache
def _load_table(name: str, root: Path) -> NDArray[np.float64]:
    (file,) = read_index(root)[name]
    path = root / "datasets" / name / file.name
    lines = read_verified(path, file).decode().splitlines()
    return np.loadtxt(lines, delimiter=",", skiprows=1)


def _load_idx(name: str, file: DataFile, named: Path | None, root: Path) -> NDArray[np.uint8]:
    folder = (named or root / "datasets") / name
    if path := _found(folder, file):
        return _idx(path, file, path, "replace it by an intact copy" if named else RESTORE)
    if named is None:
        return _from_cache(name, file)
    mend = f"put it there, or name no folder (unset {FOLDER_VARIABLE}) to have it downloaded"
    raise refusal(folder, f"{file.name}, or the same uncompressed", "neither", mend)


def _from_cache(name: str, file: DataFile) -> NDArray[np.uint8]:
    mirror = os.environ.get(MIRROR_VARIABLE)
    url = f"{mirror.rstrip('/')}/{name}/{file.name}" if mirror else f"{file.url}"
    mend = f"name a folder that has {name}/{file.name} in {FOLDER_VARIABLE}"
    try:
        import pooch  # noqa: PLC0415 - for downloads only

        path = _cache() / name / file.name
        if path.is_file():
            with contextlib.suppress(DataError):  # damaged since it was stored: replaced below
                return _idx(path, file, path, mend)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Verified, then moved in one step: the cache never holds half a file, or a wrong one.
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            part = Path(scratch, file.name)
            pooch.HTTPDownloader(timeout=TIMEOUT)(url, str(part), None)
            pixels = _idx(part, file, url, f"try again, or {mend}")
            part.replace(path)
    except (OSError, ImportError) as error:  # requests' errors are OSErrors too
        response = getattr(error, "response", None)
        if response is not None:  # refused by the mirror: pooch leaves the connection open
            response.close()
        got = f"{type(error).__name__}: {error}"
        raise refusal(url, "a download", got, f"check the network, or {mend}") from error
    return pixels


def _idx(path: Path, file: DataFile, source: Path | str, mend: str) -> NDArray[np.uint8]:
    """The array in an idx file: big-endian magic number and dimensions, then unsigned bytes."""
    numbers = (IDX_BYTES + len(file.shape), *file.shape)
    header = struct.pack(f">{len(numbers)}I", *numbers)
    data = read_verified(path, file, source, mend, header)
    return np.frombuffer(data, np.uint8, offset=len(header)).reshape(file.shape)


def read_verified(
    path: Path, file: DataFile, source: Path | str | None = None, mend: str = RESTORE, header: bytes = b""
) -> bytes:
    """The uncompressed bytes of `path`, which an error calls `source`, verified against the index.

    No more is read than the right file can need, however badly it packs, and no more is unpacked than one byte beyond
    its size: neither a huge file nor a gzip bomb fills the memory.

    Raises:
        DataError: the file is missing, damaged, or not the index's one.
    """
    source = source or path
    data = read_bytes(path, source, mend, most=file.size + file.size // 1000 + 4096)
    if data.startswith(GZIP):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            data = unpacker.decompress(data, file.size + 1)
        except zlib.error as error:
            raise refusal(source, "a sound file", str(error), mend) from error
        if len(data) <= file.size and not unpacker.eof:
            raise refusal(source, "a whole gzip file", "one that ends early", mend)
    if not data.startswith(header):
        got = _numbers(data[: len(header)])
        raise refusal(source, f"idx magic and dimensions {_numbers(header)}", got, mend)
    return check_digest(data, Listed(file.size, file.sha256), source, mend, "bytes uncompressed")


def _numbers(header: bytes) -> str:
    words = (header[i : i + 4] for i in range(0, len(header), 4))
    return " ".join(str(int.from_bytes(word)) for word in words) or "none"


def _frozen(array: NDArray[T]) -> NDArray[T]:
    array.setflags(write=False)
    return array
