"""A run that was interrupted, and where it goes on: parameters, optimiser state, and what was measured so far.

One safetensors file for each run. The order of the batches is no part of it: that follows from the seed.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from nn_conformance.cases.format import Number
from nn_conformance.replay.files import write
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import DataError
from nn_reference.optimizers import State
from nn_reference.pruning import Masks


class Progress(Struct, forbid_unknown_fields=True):
    """How far a run has come: `epochs` are done, `total` are wanted. `identity` is `provenance.identity`'s.

    The other fields are those of `ledger.Run`.
    """

    identity: str
    versions: dict[str, str]
    total: int
    epochs: int = 0
    steps: int = 0
    seconds: float = 0.0
    resumed: int = 0
    losses: list[Number] = []
    rows: dict[str, list[Number]] = {}
    final: dict[str, Number] = {}
    nan_from: int | None = None


@dataclass(frozen=True)
class Checkpoint:
    """A run after a whole number of epochs; its progress as JSON, which is the quickest copy of it."""

    progress: bytes
    params: Params
    state: State
    masks: Masks | None = field(default=None)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces the file in one step.

    Raises:
        InputError: it cannot be written.
    """
    arrays: dict[str, Array] = {f"params/{name}": p for name, p in checkpoint.params.items()}
    for moment, moments in checkpoint.state.moments.items():
        arrays |= {f"moments/{moment}/{name}": a for name, a in moments.items()}
    arrays |= {f"masks/{name}": mask.astype(np.uint8) for name, mask in (checkpoint.masks or {}).items()}
    metadata = {"progress": checkpoint.progress.decode(), "step": str(checkpoint.state.step)}
    metadata["sha256"] = _digest(metadata, arrays)
    write(path, save({name: np.ascontiguousarray(a) for name, a in arrays.items()}, metadata))


def load_checkpoint(path: Path) -> tuple[Progress, Checkpoint] | None:
    """What was saved there, and the progress in it; None if nothing was.

    Raises:
        DataError: the file is damaged, or not one of ours.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            progress = msgspec.json.decode(metadata["progress"], type=Progress)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            intact = metadata.pop("sha256") == _digest(metadata, arrays)
            state = State(int(metadata["step"]))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise _damaged(path, " ".join(str(error).split())) from None
    if not intact:
        raise _damaged(path, "one of another digest than its own")
    params: Params = {}
    masks: Masks = {}
    for name, a in arrays.items():
        kind, _, rest = name.partition("/")
        if kind == "params":
            params[rest] = a
        elif kind == "masks":
            masks[rest] = a.astype(bool)
        else:
            moment, _, parameter = rest.partition("/")
            state.moments.setdefault(moment, {})[parameter] = a
    return progress, Checkpoint(metadata["progress"].encode(), params, state, masks or None)


def _damaged(path: Path, found: str) -> DataError:
    return DataError(f"{path}: expected a checkpoint, got {found}: delete it to begin again")


def _digest(metadata: dict[str, str], arrays: dict[str, Array]) -> str:
    """Of all that is in the file: one that is damaged anywhere is not gone on from."""
    found = sha256(repr(sorted(metadata.items())).encode())
    for name in sorted(arrays):
        found.update(name.encode() + np.ascontiguousarray(arrays[name]).tobytes())
    return found.hexdigest()
