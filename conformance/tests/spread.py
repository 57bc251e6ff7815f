"""Which cases of a system are judged every day, where each takes time: the others are slow tests."""

import pytest

# One or two of each document: vectors, both optimisers, a pruned network. All of their cases are judged every day, but
# for those of a corrected version in the document's own sizes: there its probes show what is corrected.
WHOLE = ("homework", "iris-relu-adam", "xor-tanh", "mnist-dense-keras", "mnist-tanh", "fashion-pruning")
# Of the other systems the case whose sizes all differ: it has every rung, steps and a free run included.
TELLING = "probe-rectangular"


def spread(given):
    """Parameters that begin with a case's id, or are one, with the marker `slow` on those that are not for every day."""
    marked = []
    for parameters in given:
        values = parameters if isinstance(parameters, tuple) else (parameters,)
        name, _, probe = values[0].partition("/")
        everyday = (name in WHOLE and probe.removesuffix("-float32") != "corrected") or probe.endswith(TELLING)
        marked.append(pytest.param(*values, marks=() if everyday else pytest.mark.slow))
    return marked
