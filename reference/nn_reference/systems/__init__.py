"""The sixteen documented networks, a module for each document, with what it prints and says in the file of the same name.

>>> get("xor-tanh").network.widths
(2, 3, 1)
"""

from nn_reference.errors import InputError
from nn_reference.systems import document_000, document_001, document_002, document_003, document_004
from nn_reference.systems.base import Data, Defect, Figure, Pruning, Recipe, System, Version
from nn_reference.validation import suggestion

__all__ = ["NAMES", "SYSTEMS", "VARIANTS", "Data", "Defect", "Figure", "Pruning", "Recipe", "System", "Version", "get"]

# In the order of the documents.
SYSTEMS: tuple[System, ...] = (
    *document_000.SYSTEMS,
    *document_001.SYSTEMS,
    *document_002.SYSTEMS,
    *document_003.SYSTEMS,
    *document_004.SYSTEMS,
)
# Are trained for the sake of printed figures, and have no certified cases.
VARIANTS: tuple[System, ...] = (document_001.IN_3, document_002.AS_RUN)
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
