"""What the documents print, where it can be settled at once: which checks there are, how tight, and that they pass."""

from dataclasses import replace

import pytest

from nn_conformance.judge.printed import PRINTED
from nn_reference import systems

pytestmark = pytest.mark.numeric

# Figures that document 002 prints, and what may be off by one in the last digit because the text calls it close.
HOMEWORK = {
    "loss": "0.1332476222330792",
    "gradient-W1[0,0]": "0.00244596", "gradient-W1[0,1]": "0.00262019", "gradient-W1[1,0]": "-0.00030765",
    "gradient-W1[1,1]": "-0.00024188", "gradient-W1[2,0]": "-0.00034768", "gradient-W1[2,1]": "-0.000372",
    "gradient-W2[0]": "0.02216011", "gradient-W2[1]": "0.02433097", "gradient-W2[2]": "0.01797174",
    "gradient-b1[0]": "0.00492577", "gradient-b1[1]": "-0.00058023", "gradient-b1[2]": "-0.00065977",
    "gradient-b2": "0.029249230265318685",
}  # fmt: skip
HINTS = ("hint-loss", "hint-gradient-b1[0]", "hint-gradient-b1[1]", "hint-gradient-b1[2]")


def half_a_unit(printed):
    """Half a unit of the last printed digit and four roundings of the value, in such units."""
    return 0.5 + 4 * abs(float(printed)) * 2**-53 * 10.0 ** len(printed.partition(".")[2])


RUNS = [f"{dtype}-seed-{seed}" for dtype in ("float64", "float32") for seed in range(5)]
LIMITS = {
    "homework/documented": {
        **{f"printed::{quantity}": half_a_unit(printed) for quantity, printed in HOMEWORK.items()},
        **{f"printed::{hint}": 1.0 for hint in HINTS},
    },
    "iris-relu-adam/documented": {
        "printed::test_accuracy_percent": 0.5,
    },
    "mnist-sigmoid-numpy/documented": {
        **{f"absorbed::{run}": 100 for run in RUNS},
        **{f"printed::test_accuracy_percent-{run}": 0.5 for run in RUNS},
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
