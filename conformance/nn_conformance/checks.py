"""Which checks a system gets. Each takes a system and yields verdicts; nothing here prints."""

from collections.abc import Callable, Iterator

from nn_conformance.gradients import gradients
from nn_conformance.printed import iris_accuracy, nan_absorption, printed_figures
from nn_conformance.verdicts import Verdict
from nn_reference.systems import System

Check = Callable[[System], Iterator[Verdict]]

# What a document prints, where it can be settled without a long run.
PRINTED: dict[str, Check] = {
    "homework/documented": printed_figures,
    "iris-relu-adam/documented": iris_accuracy,
    "mnist-sigmoid-numpy/documented": nan_absorption,
}


def check(system: System) -> Iterator[Verdict]:
    """Every check that there is for a system: printed figures first, then the gradients."""
    if system.id in PRINTED:
        yield from PRINTED[system.id](system)
    yield from gradients(system)
