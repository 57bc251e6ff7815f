"""What a ledger says of where a run comes from: versions, starting weights, order; and a digest of where it ended."""

import importlib.metadata
import platform

import numpy as np

from nn_conformance.cases.encoding import digest
from nn_conformance.replay.trainers import packages
from nn_reference.arithmetic import Params
from nn_reference.systems import System


def versions(framework: str) -> dict[str, str]:
    """Of Python, NumPy and the framework's packages, without what names a machine."""
    names = ("numpy", *packages(framework).needs)
    of_packages = {name: importlib.metadata.version(name).partition("+")[0] for name in names}
    return {"python": platform.python_version(), **of_packages}


def weights_digest(params: Params) -> str:
    """Of all parameters, in order, as little-endian bytes."""
    return digest(np.concatenate([p.ravel() for p in params.values()]))


def start_text(system: System, seed: int, *, own: bool) -> str:
    """For example ``U[0, 1), seed 42``; the document's own may ship as data."""
    shipped = own and system.shipped_start is not None
    return f"{system.initializer.description}, seed {seed}{', as shipped' if shipped else ''}"


def order_text(system: System) -> str:
    """In words, as `run.order` does it."""
    if not system.recipe.shuffle:
        return "file order"
    some = system.recipe.samples_per_epoch
    return (
        f"shuffled anew each epoch, by the generator that has drawn the weights{f'; the first {some}' if some else ''}"
    )
