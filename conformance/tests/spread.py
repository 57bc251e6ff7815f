"""Which systems stand for all of them where each takes time: the others' tests are slow ones."""

import pytest

# One or two of each document: vectors, both optimisers, a pruned network. Losses and activations that these have not
# are drawn by test_strategies every day, and judged here with --slow.
EVERYDAY = ("homework", "iris-relu-adam", "xor-tanh", "mnist-dense-keras", "mnist-tanh", "fashion-pruning")


def spread(given):
    """Parameters that begin with a system's or a case's id, or are one, with the marker on those that stand for none."""
    marked = []
    for one in given:
        values = one if isinstance(one, tuple) else (one,)
        slow = values[0].split("/")[0] not in EVERYDAY
        marked.append(pytest.param(*values, marks=pytest.mark.slow if slow else ()))
    return marked
