"""How a wrong gradient follows from the right one, where the two and the parameter tell: for `explain` and `check_gradients`."""

from collections.abc import Callable, Sequence

import numpy as np

from nn_reference.arithmetic import Array

# What a penalty adds to a gradient, as functions of the parameter.
PENALTIES: dict[str, Callable[[Array], Array]] = {"W": lambda p: p, "sign W": np.sign}


def transposed(g: Array) -> Array:
    """The transpose of each matrix of a stack.

    Raises:
        ValueError: a matrix that is not square, whose transpose has another shape.
    """
    if g.shape[-1] != g.shape[-2]:
        raise ValueError("not square")
    return np.asarray(np.swapaxes(g, -1, -2))


def unreshaped(g: Array) -> Array:
    """What a matrix was whose transpose has the numbers of this one in their order: it was reshaped and not transposed.

    Raises:
        ValueError: a square matrix, or one with a single row or column, of which this is the transpose or nothing new.
    """
    if g.shape[0] == g.shape[1] or 1 in g.shape:
        raise ValueError("the same as transposed")
    return np.asarray(g.reshape(g.shape[::-1]).T)


def share(added: Sequence[float], whole: Sequence[float]) -> float:
    """The number by which `added` is a multiple of `whole`, by least squares; 0 where `whole` is 0."""
    square = float(np.dot(whole, whole))
    return float(np.dot(added, whole)) / square if square else 0.0
