"""Reading the test vectors. What a file says is not trusted: sizes, names, digests and numbers are checked first."""

from collections.abc import Iterator
from functools import cached_property
from math import prod
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from safetensors import SafetensorError, safe_open

from nn_conformance.cases import format as fmt
from nn_conformance.cases.complete import check_complete
from nn_conformance.cases.encoding import arrays_of, digest, values
from nn_conformance.judge.verdict import one_line
from nn_reference import arithmetic, datasets
from nn_reference.errors import DataError
from nn_reference.fixture_files import (
    INDEX,
    Listed,
    check_digest,
    check_file,
    decoding,
    fixtures_root,
    read_bytes,
    refusal,
)
from nn_reference.preprocessing import flatten_pixels, normalized_pixels, one_hot, unit_pixels
from nn_reference.validation import suggestion

LARGEST = 8 * 2**20  # bytes; no file of the fixtures is larger
MOST = 2**22  # numbers; the largest array of ours, 1280 images, has a quarter of that
PIXELS, CLASSES = 784, 10

T = TypeVar("T")


class Store:
    """The fixtures below one folder.

    Attributes:
        root: holds `index.json`, a folder for each network, and `arrays`.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = fixtures_root() if root is None else root
        self._last: tuple[str, list[LoadedCase]] = ("", [])

    @cached_property
    def index(self) -> fmt.Index:
        """All files and cases.

        Raises:
            DataError: a missing or malformed index.
        """
        return _decoded(read_bytes(self.root / INDEX, INDEX), INDEX, fmt.Index, "an index")

    @cached_property
    def files(self) -> dict[str, fmt.IndexedFile]:
        """The files of the index by path."""
        return {file.path: file for file in self.index.files}

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Every case's id, sorted."""
        return tuple(sorted(case.id for case in self.index.cases))

    def of_system(self, system_id: str) -> list[str]:
        """The ids of the cases that a system is judged by, its documented one first.

        Raises:
            DataError: a system that the index lacks.
        """
        if system_id not in self.index.systems:
            raise refusal("index.json: systems", system_id, "none")
        return list(self.index.systems[system_id])

    def cases(self, system_id: str) -> list["LoadedCase"]:
        """The cases of a system, kept until another's are asked for: targets are judged by them one after the other.

        Raises as `of_system` and `case` do.
        """
        if self._last[0] != system_id:
            self._last = system_id, [self.case(case_id) for case_id in self.of_system(system_id)]
        return self._last[1]

    def read(self, path: str) -> bytes:
        """The bytes of a file that the index lists, verified against the digest that stands there.

        Raises:
            DataError: the index lacks it; it is missing, unreadable, too large, or was changed.
        """
        if path not in self.files:
            raise refusal("index.json: files", path, "none")
        listed = self.files[path]
        return check_digest(read_bytes(self.root / path, path), Listed(listed.size, listed.sha256), path)

    def case(self, case_id: str) -> "LoadedCase":
        """One case, with everything that a case of its network has.

        Raises:
            DataError: an unknown id, with the nearest one; a missing, changed, malformed or incomplete file.
        """
        case = self.record(case_id)
        check_complete(case)
        return LoadedCase(self, case)

    def record(self, case_id: str) -> fmt.Case:
        """A case as it stands in its file, of the right form. Raises as `case` does, but for what is incomplete."""
        if case_id not in self.ids:
            raise DataError(
                one_line(f"case: no case has the id {case_id!r}{suggestion(case_id, self.ids)}; see fixtures list")
            )
        where = f"{case_id}.json"
        case = _decoded(self.read(where), where, fmt.Case, "a case")
        if case.id != case_id:
            raise refusal(f"{where}: id", case_id, case.id)
        return case

    def tensor(self, array: fmt.Array, where: str) -> arithmetic.Array:
        """A tensor of a safetensors file in `arrays`, named by the digest of its bytes."""
        path, name = self.root / "arrays" / str(array.file), f"arrays/{array.file}"
        check_file(path, f"{where}: {name}")
        try:
            with safe_open(path, framework="numpy") as tensors:
                return tensors.get_tensor(array.sha256)
        # NumPy lacks some of the dtypes that such a file may have: that is the TypeError, or the AttributeError.
        except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
            got = f"{type(error).__name__}: {error}"
            raise refusal(where, f"tensor {array.sha256[:12]}… in {name}", got) from None


class LoadedCase:
    """A case, and its arrays when they are asked for, each verified against its digest.

    Attributes:
        case: the record as it stands in the file.
    """

    def __init__(self, store: Store, case: fmt.Case) -> None:
        self.store, self.case = store, case
        self._read: dict[int, arithmetic.Array] = {}

    def array(self, array: fmt.Array, field: str) -> arithmetic.Array:
        """The numbers of one of the case's arrays, read and verified the first time; not to be written to.

        Raises:
            DataError: the numbers are not there, not as many as the shape says, or not those of the digest.
        """
        if id(array) not in self._read:  # the case keeps its records, so that each has its own number
            self._read[id(array)] = self._verified(array, field)
            self._read[id(array)].flags.writeable = False
        return self._read[id(array)]

    def _verified(self, array: fmt.Array, field: str) -> arithmetic.Array:
        where = f"{self.case.id}.json: {field}"
        sources = [name for name in ("data", "file", "dataset") if getattr(array, name) is not None]
        if len(sources) != 1:
            raise refusal(where, "one of data, file and dataset", " and ".join(sources) or "none")
        if prod(array.shape) > MOST:
            raise refusal(where, f"at most {MOST} numbers", f"shape {array.shape}")
        if array.data is not None:
            if prod(array.shape) != len(array.data):
                raise refusal(where, f"{prod(array.shape)} numbers for shape {array.shape}", f"{len(array.data)}")
            found = values(array.data, array.dtype).reshape(array.shape)
        elif array.file is not None:
            found = self.store.tensor(array, where)
        else:
            found = _dataset_rows(array, where)
        if (found.dtype.name, list(found.shape)) != (array.dtype, array.shape):
            raise refusal(where, f"{array.dtype} {array.shape}", f"{found.dtype} {list(found.shape)}")
        if digest(found) != array.sha256:
            raise refusal(where, f"numbers with digest {array.sha256}", digest(found))
        return found

    def arrays(self, arrays: dict[str, fmt.Array], field: str) -> dict[str, arithmetic.Array]:
        """Several, by name."""
        return {name: self.array(array, f"{field}.{name}") for name, array in arrays.items()}

    @cached_property
    def x(self) -> arithmetic.Array:
        """All inputs, (N, D)."""
        return self.array(self.case.x, "x")

    @cached_property
    def t(self) -> arithmetic.Array:
        """All targets, (N, C) or (N,)."""
        return self.array(self.case.t, "t")

    @cached_property
    def first_call(self) -> tuple[arithmetic.Array, arithmetic.Array]:
        """Inputs and targets of the evaluation, which may be of some rows."""
        rows = slice(None) if self.case.rows is None else np.array(self.case.rows)
        return self.x[rows], self.t[rows]

    @cached_property
    def gradient_of_x(self) -> arithmetic.Array:
        """∂L/∂x of the evaluation, certified now: once for all targets and precisions.

        Raises:
            Unsupported: it cannot be certified.
        """
        from nn_conformance.oracles import arb  # noqa: PLC0415 - the oracles import the fixtures

        wide = {name: np.asarray(p, np.float64) for name, p in self.params.items()}
        return arb.evaluate(self.case.network, wide, *self.first_call).gradients["x"]

    @cached_property
    def params(self) -> dict[str, arithmetic.Array]:
        """The starting parameters."""
        return self.arrays(self.case.params, "params")

    def every_array(self) -> Iterator[tuple[str, fmt.Array]]:
        """(field, array) for all arrays of the case, in the order of the file."""
        return arrays_of(self.case)


def _decoded(data: bytes, where: str, kind: type[T], what: str) -> T:
    """JSON as a record; the form comes first, because what has not our form is not worth building."""
    with decoding(where, f"{what} of format {'1' if kind is fmt.Index else '1 or 2'}"):
        return msgspec.json.decode(data, type=kind)


def _dataset_rows(array: fmt.Array, where: str) -> arithmetic.Array:
    if array.part is None or not array.rows or array.scaling is None or array.dataset is None:
        raise refusal(where, "part, scaling and at least one of rows beside dataset", "not all of them")
    # Before anything is loaded or made: a short file may ask for much.
    expected = [len(array.rows), CLASSES if array.scaling == "one-hot" else PIXELS]
    if array.shape != expected:
        raise refusal(where, f"shape {expected} for {len(array.rows)} rows", f"{array.shape}")
    loaded = datasets.load_images(array.dataset)
    images, labels = getattr(loaded, f"{array.part}_images"), getattr(loaded, f"{array.part}_labels")
    if max(array.rows) >= len(labels):
        raise refusal(where, f"rows below {len(labels)}", f"{max(array.rows)}")
    if array.scaling == "one-hot":
        return one_hot(labels[array.rows], CLASSES, dtype=np.float32)
    pixels = images[array.rows]
    if array.scaling == "raw":
        return flatten_pixels(pixels)
    if array.scaling == "unit":
        return unit_pixels(pixels)
    return normalized_pixels(pixels, *((0.1307, 0.3081) if array.scaling == "mnist" else (0.5, 0.5)))
