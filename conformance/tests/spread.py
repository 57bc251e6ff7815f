"""Which cases are judged every day, where each takes time: the others are slow tests."""

import pytest

# One or two of each document: vectors, both optimisers, a pruned network. All of their cases are judged every day, but
# for some in MNIST's sizes, where probes show what is pruned or corrected, and `mnist-tanh/documented` the size.
WHOLE = ("homework", "iris-relu-adam", "xor-tanh", "mnist-dense-keras", "mnist-tanh", "fashion-pruning")
LARGE = (
    "fashion-pruning/documented",
    "fashion-pruning/corrected",
    "mnist-dense-keras/documented",
    "mnist-dense-keras/corrected",
)
# Of the other systems the case whose sizes all differ: it has every rung, steps and a free run included.
TELLING = "probe-rectangular"


def spread(given):
    """Ids of cases, or pairs with a precision, with the marker `slow` on those that are not for every day.

    Of a pair in float32 those are for every day that have numbers of their own there, and the telling ones.
    """
    marked = []
    for parameters in given:
        values = parameters if isinstance(parameters, tuple) else (parameters,)
        twin = values[0].endswith("-float32")
        whole = values[0].split("/")[0] in WHOLE and values[0].removesuffix("-float32") not in LARGE
        everyday = values[0].endswith(TELLING) or (whole and (twin or "float32" not in values))
        marked.append(pytest.param(*values, marks=() if everyday else pytest.mark.slow))
    return marked


def everyday(given, chosen):
    """What is given for parameters, with the marker `slow` on all but the chosen, named whole or by their first."""
    rows = [each if isinstance(each, tuple) else (each,) for each in given]
    chosen = {each if isinstance(each, tuple) else (each,) for each in chosen}
    return [pytest.param(*row, marks=() if {row, row[:1]} & chosen else pytest.mark.slow) for row in rows]
