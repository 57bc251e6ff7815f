"""What a documented network is: architecture, data, recipe, figures, defects."""

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

import numpy as np
from numpy.random import RandomState
from numpy.typing import DTypeLike

from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
from nn_reference.initializers import Initializer
from nn_reference.network import Network
from nn_reference.optimizers import Optimizer, State
from nn_reference.pruning import Masks, apply_masks, magnitude_masks, masked_state
from nn_reference.training import Batch
from nn_reference.validation import check_count, check_flag, check_seed

# With its defects; mended; what ran where that is not what is shown; what an earlier cell of the document prepares.
Version = Literal["documented", "corrected", "as-run", "in-3"]


@dataclass(frozen=True)
class Data:
    """Preprocessed samples: x (N, D) and one-hot or real targets t, (N, C) or (N,); read-only, since loads are cached.

    `validation_x` and `validation_t` are there where the document holds rows back from training.
    """

    train_x: Array
    train_t: Array
    test_x: Array
    test_t: Array
    validation_x: Array | None = None
    validation_t: Array | None = None

    def __post_init__(self) -> None:
        for a in vars(self).values():
            if a is not None:
                a.setflags(write=False)

    def astype(self, dtype: DTypeLike) -> "Data":
        """The same samples in another floating dtype; arrays that have it already are not copied."""
        return Data(*(a.astype(dtype, copy=False) for a in vars(self).values() if a is not None))


@dataclass(frozen=True)
class Pruning:
    """After the last epoch, |w| < threshold is set to 0, and training goes on with the same optimiser state."""

    threshold: float  # smallest magnitude that survives
    fine_tune_epochs: int  # epochs after pruning
    biases: bool  # whether biases are pruned too
    keep_mask: bool  # whether what was pruned stays zero while fine-tuning

    def apply(self, network: Network, params: Params, state: State) -> tuple[Params, State, Masks | None]:
        """Pruned parameters, the state to go on with, and the masks to train with, if they are kept."""
        names = None if self.biases else [weights for weights, _ in network.names]
        masks = magnitude_masks(params, self.threshold, names)
        left = apply_masks(params, masks)
        return (left, masked_state(state, masks), masks) if self.keep_mask else (left, state, None)


@dataclass(frozen=True)
class Recipe:
    """How a system is trained."""

    optimizer: Optimizer
    epochs: int  # before any pruning; 0 for a single evaluation
    batch_size: int | None = None  # rows for each update; None for all of them
    shuffle: bool = False  # a new order for each epoch, the index array shuffled in place; otherwise the file's order
    samples_per_epoch: int | None = None  # only the first so many of the order; None for all of them
    pruning: Pruning | None = None  # what happens after the last epoch

    def __post_init__(self) -> None:
        check_count("epochs", self.epochs)
        check_flag("shuffle", self.shuffle)
        for name in ("batch_size", "samples_per_epoch"):
            if (rows := getattr(self, name)) is not None:
                check_count(name, rows, least=1)

    def batches(self, samples: int, rng: RandomState) -> Iterator[list[Batch]]:
        """For each epoch, fine-tuning included, the batches of one pass over `samples` rows, as data.

        In the file's order they are slices, so that no row is copied.
        """
        if samples < 1:
            raise InputError(f"samples: expected at least 1, got {samples}")
        used = min(samples, self.samples_per_epoch or samples)
        size = self.batch_size or used
        slices = [slice(i, min(i + size, used)) for i in range(0, used, size)]
        order = np.arange(samples)
        for _ in range(self.epochs + (self.pruning.fine_tune_epochs if self.pruning else 0)):
            if self.shuffle:
                rng.shuffle(order)
            yield [order[rows].copy() if self.shuffle else rows for rows in slices]


@dataclass(frozen=True)
class Figure:
    """A figure that stands in a document, with every digit that it prints."""

    quantity: str  # what it measures
    printed: str  # the digits, as text: 0.0240 is not 0.024
    epoch: int | None = None  # the document's number of the epoch, if it belongs to one
    note: str = ""  # where it stands, or what is special about it


@dataclass(frozen=True)
class Defect:
    """Something that the document does wrong, and how the corrected version mends it."""

    what: str
    effect: str
    mend: str


@dataclass(frozen=True)
class System:
    """One documented network, or another version of it."""

    name: str  # stable id
    title: str  # one line
    document: str  # number of the source document, 000 to 004
    network: Network  # architecture and loss
    initializer: Initializer  # distribution of the starting weights
    load: Callable[[], Data]  # reads and preprocesses the data
    preprocessing: str  # what `load` does, in words
    recipe: Recipe  # optimiser, batches, epochs
    precision: Literal["float32", "float64"]  # the dtype that the document computes in
    target_precision: Literal["float64"] | None = None  # of its targets, where that is wider and promotes the loss
    version: Version = "documented"
    seed: int | None = None  # the document's own, if it set one
    start_note: str = ""  # how the starting weights came about, where a seed alone does not say it
    shipped_start: Callable[[], Params] | None = None  # reads starting weights that ship as data, as PyTorch drew them
    figures: tuple[Figure, ...] = ()  # what the document prints, or states
    defects: tuple[Defect, ...] = ()  # what is wrong with it; mended in the corrected version
    remarks: tuple[str, ...] = ()  # what a reader should know before comparing

    @property
    def id(self) -> str:
        """``name/version``, stable."""
        return f"{self.name}/{self.version}"

    def start(self, seed: int | None = None) -> Params:
        """Starting weights for `seed`, else those that ship, else for the document's seed or 0; in its precision.

        Raises:
            InputError: a seed that is no integer in 0..2³²-1.
        """
        if seed is None and self.shipped_start is not None:
            return self.shipped_start()
        seed = seed if seed is not None else self.seed or 0
        check_seed(seed)
        return self.initializer.draw(self.network, RandomState(seed))


def documented(document: str, name: str, **fields: Any) -> System:
    """A network as its document has it: `fields` of `System`, and those that ``document_<number>.toml`` gives."""
    return System(document=document, name=name, **fields, **_text(document, name, "documented"))


def version_of(system: System, version: Version, **changes: Any) -> System:
    """Another version of a system: `changes` are fields of `System`, and the document's file has those that are text."""
    return replace(system, version=version, **_text(system.document, system.name, version), **changes)


def _text(document: str, name: str, version: Version) -> dict[str, Any]:
    """The fields of `System` that the document's file gives for a version; of another than the documented, those that differ."""
    table = _tables(document)[name]
    fields = table if version == "documented" else table.get(version, {})
    return {
        key: LISTS[key](value) if key in LISTS else value
        for key, value in fields.items()
        if key not in get_args(Version)
    }


@cache
def _tables(document: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(f"document_{document}.toml").read_text("utf-8"))


def curve(quantity: str, printed: str, *, first: int = 1, note: str = "") -> tuple[Figure, ...]:
    """One figure for each epoch, from text as the document prints it; epochs count from `first`."""
    return tuple(Figure(quantity, text, epoch, note) for epoch, text in enumerate(printed.split(), first))


def _figures(rows: list[dict[str, Any]]) -> tuple[Figure, ...]:
    """Each row's figure, or the figures of its curve, if it has a `first` epoch."""
    return tuple(figure for row in rows for figure in (curve(**row) if "first" in row else [Figure(**row)]))


# How a list in a document's file is read.
LISTS: dict[str, Callable[[Any], Any]] = {
    "figures": _figures,
    "defects": lambda rows: tuple(Defect(**row) for row in rows),
    "remarks": tuple,
}
