"""Which cases of a system are judged every day, where each takes time: the others are slow tests."""

import pytest

# One or two of each document: vectors, both optimisers, a pruned network. All of their cases are judged every day, but
# for some in MNIST's sizes, where probes show what is pruned or corrected, and `mnist-dense-keras/documented` the size.
WHOLE = ("homework", "iris-relu-adam", "xor-tanh", "mnist-dense-keras", "mnist-tanh", "fashion-pruning")
LARGE = ("fashion-pruning/documented", "fashion-pruning/corrected", "mnist-dense-keras/corrected")
# Of the other systems the case whose sizes all differ: it has every rung, steps and a free run included.
TELLING = "probe-rectangular"


def spread(given):
    """Parameters that begin with a case's id, or are one, with the marker `slow` on those that are not for every day."""
    marked = []
    for parameters in given:
        values = parameters if isinstance(parameters, tuple) else (parameters,)
        whole = values[0].split("/")[0] in WHOLE and values[0].removesuffix("-float32") not in LARGE
        everyday = whole or values[0].endswith(TELLING)
        marked.append(pytest.param(*values, marks=() if everyday else pytest.mark.slow))
    return marked
