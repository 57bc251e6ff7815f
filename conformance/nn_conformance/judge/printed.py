"""The reference against what the documents print, where that can be settled in a moment."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from numpy.random import RandomState

from nn_conformance.judge.verdict import CheckId, Verdict, at_most
from nn_reference.arithmetic import Params
from nn_reference.network import loss_and_gradients
from nn_reference.systems import System
from nn_reference.training import evaluate, train

UNIT = "error in units of the last printed digit"

Check = Callable[[System], Iterator[Verdict]]


def printed_figures(system: System) -> Iterator[Verdict]:
    """`homework`: loss and gradients against the digits that document 002 prints.

    The error is in units of the last printed digit, for arrays the eighth decimal, as NumPy prints them. Loss and b2
    are printed in full, and may differ by four units of roundoff: the thousand terms' own errors cancel in the sum, but
    another machine may round its last operations otherwise. A hint, which the document calls close, may by one unit.
    """
    data = system.load()
    loss, gradients = loss_and_gradients(system.network, system.start(), data.train_x, data.train_t)
    for figure in system.figures:
        hint = figure.quantity.startswith("hint ")
        value = _quantity(figure.quantity.removeprefix("hint "), float(loss), gradients)
        unit = 1e-8 if "[" in figure.quantity and not hint else _last_digit(figure.printed)
        error = abs(float(Decimal(value) - Decimal(figure.printed))) / unit
        limit = 1.0 if hint else 0.5 + 4 * abs(value) * 2**-53 / unit
        check = CheckId(system.id, "printed", figure.quantity.replace(" ", "-"))
        summary = f"document {system.document} prints {figure.printed}, computed {value!r}"
        yield at_most(check, error, limit, f"{summary}; {UNIT}", summary)


def iris_accuracy(system: System) -> Iterator[Verdict]:
    """`iris-relu-adam`: the test accuracy after 100 full-batch steps from the weights that ship; 29 of 30."""
    data = system.load()
    params, state = system.start(), None
    for batches in system.recipe.batches(len(data.train_x), RandomState(system.seed)):
        run = train(system.network, params, system.recipe.optimizer, batches, data.train_x, data.train_t, state=state)
        params, state = run.params, run.state
    _, found = evaluate(system.network, params, data.test_x, data.test_t)
    (figure,) = (figure for figure in system.figures if figure.quantity == "test_accuracy_percent")
    summary = f"document {system.document} prints {figure.printed}, computed {100 * found:.4f}"
    error = abs(100 * found - float(figure.printed)) / _last_digit(figure.printed)
    yield at_most(CheckId(system.id, "printed", figure.quantity), error, 0.5, f"{summary}; {UNIT}", summary)


def _last_digit(printed: str) -> float:
    """The unit of the last digit."""
    return float(Decimal(1).scaleb(int(Decimal(printed).as_tuple().exponent)))


def _quantity(name: str, loss: float, gradients: Params) -> float:
    """``loss``, ``gradient b2`` or ``gradient W1[0,1]``."""
    if name == "loss":
        return loss
    tensor, _, index = name.removeprefix("gradient ").rstrip("]").partition("[")
    return float(gradients[tensor][tuple(int(i) for i in index.split(",")) if index else ()])


# What a document prints, where it can be settled without a long run.
PRINTED: dict[str, Check] = {
    "homework/documented": printed_figures,
    "iris-relu-adam/documented": iris_accuracy,
}
