"""A run's first losses against the certified trajectory of the same weights and order, as far as that goes."""

from collections.abc import Sequence

import numpy as np

from nn_conformance.cases.encoding import number, values
from nn_conformance.cases.format import DTYPES, Dtype, Number
from nn_conformance.cases.store import Store
from nn_conformance.replay.ledger import Agreement
from nn_reference.systems import System

KEPT = 400  # losses; no certified trajectory is longer


def agreement(system: System, dtype: Dtype, losses: Sequence[Number]) -> Agreement | None:
    """How well losses in file order, from the system's own start, keep to the bands; None where there is nothing to compare.

    A precision narrower than the document's starts from rounded weights, as the case with rounded numbers does.
    """
    case_id = f"{system.id}-{dtype}" if DTYPES.index(dtype) < DTYPES.index(system.precision) else system.id
    store = Store()
    if case_id not in store.ids or not losses:
        return None
    trajectory = store.case(case_id).case.trajectory
    if trajectory is None:
        return None
    horizon = trajectory.horizons[dtype]
    steps = min(len(losses), horizon.steps)
    error = values(losses[:steps], "float64") - values(trajectory.losses[:steps], "float64")
    return Agreement(case_id, steps, number(float(np.max(np.abs(error) / horizon.band[:steps]))))
