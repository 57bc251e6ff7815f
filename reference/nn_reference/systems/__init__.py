"""The sixteen documented networks, one module for each group that shares its architecture.

>>> get("xor-tanh").network.widths
(2, 3, 1)
"""

from nn_reference.errors import InputError
from nn_reference.systems import (
    fashion_pruning,
    homework,
    iris_relu_adam,
    iris_sigmoid,
    mnist_dense_keras,
    mnist_relu,
    mnist_sigmoid,
    mnist_tanh,
    xor,
)
from nn_reference.systems.base import Data, Defect, Figure, Pruning, Recipe, System, Version
from nn_reference.validation import suggestion

__all__ = ["NAMES", "SYSTEMS", "VARIANTS", "Data", "Defect", "Figure", "Pruning", "Recipe", "System", "Version", "get"]

# In the order of the documents.
SYSTEMS: tuple[System, ...] = (
    *iris_sigmoid.SYSTEMS,
    *iris_relu_adam.SYSTEMS,
    *fashion_pruning.SYSTEMS,
    *mnist_sigmoid.SYSTEMS,
    *homework.SYSTEMS,
    *mnist_dense_keras.SYSTEMS,
    *xor.SYSTEMS,
    *mnist_tanh.SYSTEMS,
    *mnist_relu.SYSTEMS,
)
# Are trained for the sake of printed figures, and have no certified cases.
VARIANTS: tuple[System, ...] = (mnist_sigmoid.IN_3, mnist_dense_keras.AS_RUN)
NAMES: tuple[str, ...] = tuple(system.name for system in SYSTEMS if system.version == "documented")


def get(name: str, version: str = "documented") -> System:
    """The system of that name, or of an id such as ``homework/documented``, whose version then counts.

    Raises:
        InputError: an unknown name, with the nearest one; or a corrected version of a system without defects.
    """
    if isinstance(name, str) and name.partition("/")[0] in NAMES and "/" in name:
        name, version = name.split("/", 1)
    if name not in NAMES:
        hint = suggestion(name, NAMES) or f"; expected one of {', '.join(NAMES)}"
        raise InputError(f"network: no network is named {name!r}{hint}")
    for system in (*SYSTEMS, *VARIANTS):
        if (system.name, system.version) == (name, version):
            return system
    versions = [system.version for system in (*SYSTEMS, *VARIANTS) if system.name == name]
    hint = suggestion(version, versions) or f"; expected one of {', '.join(versions)}"
    raise InputError(f"version: {name} has no version {version!r}{hint}")
