"""The documented cases: each document's own sizes, data, starting weights and batch order."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from nn_conformance.cases.drafts import Draft, Source, of_system, structural_zeros
from nn_conformance.cases.format import Dataset, Scaling
from nn_reference.arithmetic import Array
from nn_reference.preprocessing import train_test_split
from nn_reference.systems import System

STEPS = 3
# Updates of the free run: as many as are within reach. One at a time and batches of eight are cheap.
SMALL_RUN, ONE_RUN, EIGHT_RUN, LARGE_RUN = 400, 50, 50, 10
SOURCES: dict[str, tuple[Dataset, Scaling]] = {
    "fashion-pruning": ("fashion-mnist", "half"),
    "mnist-sigmoid-numpy": ("mnist", "raw"),
    "mnist-sigmoid-torch": ("mnist", "mnist"),
}


def documented(system: System) -> Iterator[Draft]:
    """The case with the document's numbers; and its twin, rounded to float32, where those are no float32 numbers."""
    draft = _draft(system)
    yield draft
    twin = replace(
        draft,
        case=f"{draft.case}-float32",
        purpose=f"{draft.purpose}; weights and inputs first rounded to float32, for those who compute in it",
        flags=(*draft.flags, "float32-twin"),
        params={name: _rounded(p) for name, p in draft.params.items()},
        x=_rounded(draft.x),
    )
    if any(not np.array_equal(twin.params[name], p) for name, p in draft.params.items()) or not np.array_equal(
        twin.x, draft.x
    ):
        yield twin


def _draft(system: System) -> Draft:
    data, recipe = system.load(), system.recipe
    size = recipe.batch_size or len(data.train_x)
    updates = _updates(system, size) if recipe.epochs else 0
    # Full batches repeat; others follow the file, from its start again where it ends.
    per_epoch = -(-len(data.train_x) // size)
    used = min(len(data.train_x), size * min(max(updates, 1), per_epoch))
    batches = tuple(tuple(range(i * size, min((i + 1) * size, used))) for i in (k % per_epoch for k in range(updates)))
    images = system.network.inputs == 784
    complete = not images and updates == recipe.epochs and system.version == "documented"

    def _test() -> tuple[Array, Array]:
        return data.test_x, data.test_t

    return Draft(
        case=system.version,
        purpose=f"{'the network as document ' if system.version == 'documented' else 'the corrected network of document '}"
        f"{system.document} has it, on its own data",
        of=of_system(system),
        network=system.network,
        optimizer=recipe.optimizer,
        params=system.start(),
        x=data.train_x[:used],
        t=data.train_t[:used],
        flags=("documented",) if system.version == "documented" else ("corrected",),
        evaluated=tuple(range(min(size, used))) if used > size else None,
        steps=batches[:STEPS] if images else batches[:1],
        batches=batches,
        source=_source(system, used) if images else None,
        zeros=structural_zeros(system.network),
        test=_test if complete else None,
    )


def _updates(system: System, size: int) -> int:
    if system.network.inputs < 784:
        return SMALL_RUN if system.name.startswith("xor") else recipe_epochs(system)
    return {1: ONE_RUN, 8: EIGHT_RUN}.get(size, LARGE_RUN)


def recipe_epochs(system: System) -> int:
    """All hundred full batches of `iris-relu-adam`; of the chaotic `iris-sigmoid` the first hundred and twenty."""
    return min(system.recipe.epochs, 120)


def _source(system: System, used: int) -> Source:
    dataset, scaling = SOURCES.get(system.name, ("mnist", "unit"))
    if system.version == "corrected" and scaling == "raw":
        scaling = "unit"
    rows: Iterable[int] = range(used)
    if system.name == "mnist-dense-keras":
        rows = [int(row) for row in train_test_split(60_000, test_size=0.2, seed=42)[0][:used]]
    return Source(dataset, scaling, tuple(rows))


def _rounded(a: Array) -> Array:
    return a.astype(np.float32)
