"""Large arrays by a few numbers: the sum, ±1 projections, sampled entries.

A projection's signs are those of a Walsh function: entry i counts with (-1)^(number of ones in i AND mask). So any
language makes them from a mask alone, without a random generator.
"""

from math import fsum

import numpy as np

from nn_conformance.cases.encoding import number
from nn_conformance.cases.format import Summary
from nn_reference.arithmetic import Array

# Odd, with scattered bits: neighbours, rows and columns change sign against each other.
MASKS = (
    0b1,
    0b10011,
    0b1101001,
    0b1011010011,
    0b110100110101,
    0b10110011010111,
    0b1101011100110101,
    0b111011010110101001,
)
SAMPLES = 64


def signs(size: int, mask: int) -> Array:
    """±1 for each of `size` entries, as float64."""
    return 1.0 - 2.0 * (np.bitwise_count(np.arange(size) & mask) & 1)


def summarize(a: Array) -> Summary:
    """The correctly rounded sum and projections of the float64 values, and entries spread evenly over them."""
    flat = a.ravel()
    indices = np.unique(np.linspace(0, flat.size - 1, min(SAMPLES, flat.size)).astype(int))
    return Summary(
        shape=list(a.shape),
        sum=number(fsum(flat)),
        masks=list(MASKS),
        projections=[number(fsum(flat * signs(flat.size, mask))) for mask in MASKS],
        indices=indices.tolist(),
        entries=[number(value) for value in flat[indices]],
    )
