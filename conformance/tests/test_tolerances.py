"""Where the limits' numbers come from."""

from math import expm1, log, sqrt

import numpy as np
import pytest

from nn_conformance.judge.limits import ADAM_FLOAT32, FACTOR, ROUNDOFF


@pytest.mark.parametrize("power", ["multiplied", "raised"])
def test_powers_of_beta_in_float32_cost_no_more_than_their_allowance(power):
    """However a float32 optimiser forms √(1 - 0.999ᵗ), the limit has room for it, and not ten times too much."""
    worst, product, beta = 0.0, np.float32(1), np.float32(0.999)
    for t in range(1, 3001):
        product = np.float32(product * beta)
        found = np.float32(1) - (product if power == "multiplied" else np.float32(float(beta) ** t))
        worst = max(worst, abs(sqrt(float(found)) / sqrt(-expm1(t * log(0.999))) - 1) / ROUNDOFF["float32"])

    assert worst <= ADAM_FLOAT32 + FACTOR <= 10 * worst
