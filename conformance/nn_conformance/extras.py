"""What the distribution's extras bring."""

import importlib.util
from collections.abc import Sequence

from nn_reference.errors import InputError


def check_installed(what: str, modules: Sequence[str], extra: str) -> None:
    """The modules are there; none is imported to find out.

    Raises:
        InputError: some are not; it says what needs them, and the extra that brings them.
    """
    if missing := [module for module in modules if importlib.util.find_spec(module) is None]:
        names = " and ".join(missing)
        raise InputError(f"{what}: {names} not installed; pip install 'nn-conformance[{extra}]' brings it")
