"""One number for a whole curve: how far out it lies among runs from other seeds, and at which level that is unusual.

K runs of one origin (the document's, or a framework's: mostly one) stand beside N runs of ours. Each is a row of D
figures: all quantities and epochs that both have. If all were trained alike, from weights and orders drawn alike, then
which K of the K + N rows are the others' is chance. Any statistic that treats all rows alike has an exact level then,
whatever the figures' distribution and however they depend on each other. This one is

    z_ij = (x_ij - m_j) / s_j       m_j, s_j: median of figure j over all K + N rows, and median distance from it
    T_i  = max_j |z_ij|             the largest deviation of run i, in either direction, over its whole curve

Of the C(K + N, K) ways to choose K rows, those count that have a T as large as the largest of the K in question. With M
rows whose T is smaller,

    level = 1 - C(M, K) / C(K + N, K)        for K = 1: (k + 1) / (N + 1), where k of the N lie as far out

and P(level ≤ α) ≤ α. The smallest level that N = 20 allows for one run is 1/21: further out than every seed. Medians, since
one seed that collapses would widen a standard deviation until nothing lies far out. It still lies further out itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, comb

import numpy as np

from nn_reference.arithmetic import Array

SEEDS = 20  # the fewest for which a level is stated: with less, nothing can be outside
OUTSIDE = 0.05  # of all curves together: the probability that one or more right ones are called outside, at most
FEW_VALUES = 5  # a column with no more values among the seeds hardly varies, and says little


@dataclass(frozen=True)
class Placement:
    """Where K runs lie among N."""

    level: float  # the exact probability to lie as far out by chance
    seeds: int  # N
    as_far: int  # how many of them lie as far out as the furthest of the runs
    figure: int  # index of the figure that lies furthest out
    deviation: float  # its z; infinite where the runs are NaN and others are not, or the other way round
    far_figures: tuple[int, ...]  # for each seed that lies as far out, the index of the figure in which it does


def place(runs: Array, seeds: Array) -> Placement:
    """Places runs (K, D) among those of our seeds (N, D).

    Rounded figures are to be compared with rounded ones, or the rounding itself tells whose they are.
    """
    z = deviations(np.concatenate([runs, seeds]))
    statistic = np.abs(z).max(axis=1)
    others, own = len(runs), int(np.argmax(statistic[: len(runs)]))
    smaller = int(np.count_nonzero(statistic < statistic[own]))
    furthest = int(np.argmax(np.abs(z[own])))
    ways = comb(len(z), others)
    level = (ways - comb(smaller, others)) / ways
    far = others + np.flatnonzero(statistic[others:] >= statistic[own])
    where = tuple(int(k) for k in np.abs(z[far]).argmax(axis=1))
    return Placement(level, len(seeds), len(far), furthest, float(z[own, furthest]), where)


def holm(levels: Sequence[float], alpha: float) -> list[bool]:
    """Which of m levels are significant together: the i-th smallest if it and all smaller ones are at most α/(m+1-i).

    However the curves depend on each other, the probability that a right one is among them is α at most.
    """
    significant, order = [False] * len(levels), sorted(range(len(levels)), key=levels.__getitem__)
    for done, k in enumerate(order):
        if levels[k] > alpha / (len(levels) - done):
            break
        significant[k] = True
    return significant


def enough(curves: int) -> int:
    """The fewest seeds of which the smallest level, 1/(N + 1), is significant among so many curves."""
    return ceil(curves / OUTSIDE) - 1


def deviations(x: Array) -> Array:
    """z (R, D) of rows (R, D). A figure in which all rows agree deviates nowhere; NaN or infinity beside numbers does infinitely.

    Where more than half of the rows agree, the median distance is 0, and the mean distance is taken.
    """
    absent = ~np.isfinite(x)
    known = np.where(absent.all(axis=0), 0.0, np.where(absent, np.nan, x))
    apart = known - np.nanmedian(known, axis=0)
    typical = np.nanmedian(np.abs(apart), axis=0)
    spread = np.where(typical > 0, typical, np.nanmean(np.abs(apart), axis=0))
    z = np.divide(apart, spread, out=np.zeros_like(apart), where=spread > 0)
    return np.where(np.isnan(known), np.inf, z)
