"""Balls, correct rounding, and the precision that it takes."""

from fractions import Fraction

import numpy as np
import pytest
from flint import arb, ctx
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import RandomState

from nn_conformance.cases.balls import NotCertifiedError, RoundedSums, balls, certified, midpoints, precision, rounded
from nn_reference.errors import UndecidedError

odd_mantissas = st.integers(-(2**130), 2**130)


def correctly_rounded(value: Fraction) -> float:
    """Python's division of integers rounds correctly, subnormals included."""
    return value.numerator / value.denominator


@given(mantissa=odd_mantissas, exponent=st.integers(-1200, 800))
def test_rounding_is_to_the_nearest_float(mantissa, exponent):
    """An exact ball becomes the float that is nearest to it, ties to even, also where floats are subnormal."""
    with precision(256):
        ball = arb(mantissa) * arb(2) ** exponent
        value, unknown = rounded(np.array([ball], dtype=object))

    assert not unknown[0]
    assert value[0] == correctly_rounded(Fraction(mantissa) * Fraction(2) ** exponent)


def test_a_ball_across_a_rounding_boundary_is_not_rounded():
    """The middle between two floats, give or take a little, has no unique rounding."""
    with precision(256):
        middle = arb(1) + arb(2) ** -53
        _, unknown = rounded(np.array([arb(1), arb(middle, 1e-30), arb(1, 1e-30)], dtype=object))

    assert unknown.tolist() == [False, True, False]


def test_precision_is_raised_until_rounding_is_unique():
    """1 + 2^-53 + 2^-600 needs 600 bits to be known to round up."""
    values, bits = certified(
        lambda: {"v": np.array([arb(1) + arb(2) ** -53 + (arb(2) ** -300).exp() - 1], dtype=object)}
    )

    assert bits == 512
    assert values["v"][0] == 1 + 2**-52


def test_precision_is_raised_when_a_comparison_is_undecided():
    """A sign that 256 bits cannot tell is told by more."""

    def compute():
        if ctx.prec < 1024:
            raise UndecidedError("not yet")
        return {"v": balls(np.array([0.5]))}

    assert certified(compute)[1] == 1024


def test_what_cannot_be_certified_is_refused_by_name():
    """A value that is zero but not known to be is refused at the highest precision, with its place."""
    third = lambda: {"loss": np.array([arb(1) / 3 * 3 - 1], dtype=object)}  # noqa: E731

    with pytest.raises(NotCertifiedError, match=r"loss\[0\].*32768 bits"):
        certified(third)


def test_zeros_are_taken_for_zero_only_where_they_are_declared():
    """In a declared array a tiny ball around zero is zero, and other entries are what they are."""
    values, bits = certified(lambda: {"g": np.array([arb(1) / 3 * 3 - 1, arb(0.25)], dtype=object)}, {"g"})

    assert values["g"].tolist() == [0.0, 0.25]
    assert bits == 256


def test_precision_is_restored():
    """The global precision is what it was, after an error too."""
    before = ctx.prec
    with precision(1234):
        inside = ctx.prec
    with pytest.raises(ZeroDivisionError), precision(1234):
        _ = 1 / 0

    assert (inside, ctx.prec) == (1234, before)


@pytest.mark.parametrize(("bits", "dtype"), [(24, np.float32), (53, np.float64)])
def test_rounded_sums_are_those_of_a_plain_loop(bits, dtype):
    """Each product and each partial sum is rounded, in the order of the terms; an exact sum has other digits."""
    left, right = (
        RandomState(0).standard_normal((3, 50)).astype(dtype),
        RandomState(1).standard_normal((50, 2)).astype(dtype),
    )
    loop = np.zeros((3, 2), dtype)
    for i, j, k in np.ndindex(3, 2, 50):
        loop[i, j] += left[i, k] * right[k, j]
    with precision(bits):
        ours = balls(left).view(RoundedSums) @ balls(right).view(RoundedSums)
        exact = midpoints(balls(left) @ balls(right))

    assert np.array_equal(ours.astype(dtype), loop)
    assert not np.array_equal(exact.astype(dtype), loop)
    assert type(midpoints(ours)) is RoundedSums
