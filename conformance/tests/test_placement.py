"""One statistic for a whole curve: it keeps its level, whatever the figures are, and can tell."""

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest

from nn_maintain.truth.placement import OUTSIDE, SEEDS, enough, holm, place

# The statistic.


@pytest.mark.parametrize("figures", [1, 3, 60])
def test_level_of_one_run_is_exact(figures):
    """Each of N + 1 runs in turn, placed among the others, takes one of the levels 1/(N+1), ..., 1: no two the same."""
    x = np.random.default_rng(figures).standard_normal((SEEDS + 1, figures)).cumsum(axis=1)
    levels = [place(x[k : k + 1], np.delete(x, k, axis=0)).level for k in range(len(x))]
    assert sorted(levels) == pytest.approx([k / (SEEDS + 1) for k in range(1, SEEDS + 2)], abs=1e-12)


def test_level_of_several_runs_is_exact():
    """Over all ways to choose K of K + N rows, a level α or less comes up with a probability of α at most, and reached."""
    x = np.random.default_rng(1).standard_normal((9, 4))
    chosen = list(combinations(range(9), 3))
    levels = np.array([place(x[list(rows)], np.delete(x, rows, axis=0)).level for rows in chosen])
    for level in set(levels.tolist()):
        assert Fraction(np.count_nonzero(levels <= level), len(chosen)) == round(level * comb(9, 3)) / Fraction(
            comb(9, 3)
        )


def test_twenty_seeds_can_tell():
    """The smallest level of twenty seeds, or of the nineteen that are left without the own one, counts as outside."""
    assert 1 / (SEEDS + 1) < OUTSIDE
    assert Fraction(1, SEEDS) <= Fraction(str(OUTSIDE))
    assert 1 / (SEEDS - 1) > OUTSIDE


def test_holm_steps_down_from_the_smallest_level():
    """Each level has its own threshold, and the first that misses it stops all that follow."""
    assert holm([0.011, 0.5, 0.012, 0.02], 0.05) == [True, False, True, True]  # at most .0125, .0167, .025
    assert holm([0.013, 0.0, 0.02], 0.05) == [True, True, True]
    assert holm([0.02, 0.02, 0.02], 0.05) == [False] * 3
    assert holm([], 0.05) == []


@pytest.mark.parametrize("curves", [1, 12, 17, 20])
def test_seeds_are_enough_when_the_furthest_of_all_can_be_outside(curves):
    """The smallest level of so many seeds is significant among the curves, and of one seed less it is not."""
    least = enough(curves)
    others = [1.0] * (curves - 1)
    assert holm([1 / (least + 1), *others], OUTSIDE)[0]
    assert not holm([1 / least, *others], OUTSIDE)[0]


def test_nan_is_infinitely_far_from_numbers_and_not_from_nan():
    """A NaN among numbers is outside, and so is a number among NaN; NaN in every run says nothing."""
    x = np.random.default_rng(5).standard_normal((SEEDS + 1, 2))
    lost = x.copy()
    lost[0, 1] = np.nan
    assert place(lost[:1], lost[1:]).level <= OUTSIDE
    assert np.isinf(place(lost[:1], lost[1:]).deviation)
    lost[:, 1] = np.nan
    assert place(lost[:1], lost[1:]).level == place(x[:1, :1], x[1:, :1]).level
    lost[0, 1] = 0.0
    assert place(lost[:1], lost[1:]).level == 1.0  # every other run is as far out: NaN beside a number
