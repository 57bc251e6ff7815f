"""What the measurements share: they run side by side, and the tables that ship lie beside this file."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from nn_conformance.cases.encoding import encode_document
from nn_conformance.report import console

T = TypeVar("T")
S = TypeVar("S")


def watched(what: str, items: Collection[T]) -> Iterator[T]:
    """The items in their order, under a progress bar."""
    with console.counter(what, len(items)) as advance:
        for item in items:
            yield item
            advance("")


def side_by_side(what: str, function: Callable[[T], S], items: Sequence[T], jobs: int | None = None) -> Iterator[S]:
    """function(item) of each item in their order, under a progress bar; on all cores, or in so many processes.

    What a call raises, passes through, and no further one begins.
    """
    with console.counter(what, len(items)) as advance, ProcessPoolExecutor(jobs) as pool:
        for item, result in zip(items, pool.map(function, items), strict=True):
            advance(str(item))
            yield result


def committed(name: str, kind: type[T]) -> T:
    """The table `<name>.json` as it was measured last; `kind` is its type."""
    return msgspec.json.decode(Path(__file__).with_name(f"{name}.json").read_bytes(), type=kind, strict=False)


def write(name: str, table: Any) -> None:
    """The table that is committed from now on: a line for each row of each of its parts."""
    Path(__file__).with_name(f"{name}.json").write_bytes(encode_document(table))
