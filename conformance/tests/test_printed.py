"""What the documents print, where it can be settled at once: which checks there are, how tight, and that they pass."""

from dataclasses import replace

import pytest

from nn_conformance.judge.printed import PRINTED
from nn_reference import systems

pytestmark = pytest.mark.numeric

FIGURES = {figure.quantity.replace(" ", "-"): figure.printed for figure in systems.get("homework").figures}


def half_a_unit(printed):
    """Half a unit of the last printed digit and four roundings of the value, in such units."""
    return 0.5 + 4 * abs(float(printed)) * 2**-53 * 10.0 ** len(printed.partition(".")[2])


LIMITS = {
    "homework/documented": {
        # What may be off by one in the last digit is what the text calls close.
        f"printed::{quantity}": 1.0 if quantity.startswith("hint") else half_a_unit(printed)
        for quantity, printed in FIGURES.items()
    },
    "iris-relu-adam/documented": {
        "printed::test_accuracy_percent": 0.5,
    },
}


@pytest.mark.parametrize("system_id", PRINTED)
def test_every_printed_figure_is_met(system_id):
    """Every check passes, and none is missing or looser than here."""
    verdicts = list(PRINTED[system_id](systems.get(system_id)))
    found = {verdict.id.removeprefix(f"{system_id}::"): verdict for verdict in verdicts}

    assert len(found) == len(verdicts)
    # The roundings are those of the computed value, which has more digits than the printed one.
    assert {i: verdict.limit for i, verdict in found.items()} == pytest.approx(LIMITS[system_id], rel=1e-8)
    assert [verdict for verdict in verdicts if verdict.status != "passed" or verdict.at_least] == []


def test_a_figure_that_is_not_met_fails():
    """If the loss were another in its last digit but one, the digits that document 002 prints would not be met."""
    system = systems.get("homework")
    other = replace(system.figures[0], printed="0.1332476222330782")

    failed = [
        v.id for v in PRINTED[system.id](replace(system, figures=(other, *system.figures[1:]))) if v.status == "failed"
    ]

    assert system.figures[0].quantity == "loss"
    assert failed == ["homework/documented::printed::loss"]
