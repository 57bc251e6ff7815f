"""The trainer of each framework, and what it needs."""

import importlib
from typing import cast

from nn_conformance.extras import check_installed
from nn_conformance.oracles import ORACLES, Oracle
from nn_conformance.oracles.trainer import Trainer
from nn_conformance.replay.ledger import FRAMEWORKS, Framework
from nn_reference.arithmetic import Params
from nn_reference.errors import InputError
from nn_reference.systems import Data, System
from nn_reference.validation import suggestion

MODULES: dict[Framework, str] = {
    "numpy": "replay.in_numpy",
    "torch": "oracles.pytorch",
    "keras": "oracles.keras",
}


def check_framework(name: str) -> None:
    """The framework is one of the three, and installed.

    Raises:
        InputError: it is not.
    """
    if name not in FRAMEWORKS:
        hint = suggestion(name, FRAMEWORKS) or f"; expected one of {', '.join(FRAMEWORKS)}"
        raise InputError(f"--with: no framework is named {name!r}{hint}")
    check_installed(f"--with {name}", packages(name).needs, name)


def packages(framework: str) -> Oracle:
    """What the framework needs, which is what its oracle needs."""
    return ORACLES["reference" if framework == "numpy" else framework]


def trainer_of(framework: Framework, system: System, data: Data, params: Params) -> Trainer:
    """The system in that framework, at `params`, with `data` in their dtype."""
    check_framework(framework)
    module = importlib.import_module(f"nn_conformance.{MODULES[framework]}")
    return cast("Trainer", module.Trainer(system, data, params))
