"""A tape for derivatives: operations on balls are recorded as they run, and gone through in reverse.

One rule for each primitive, and none for a layer, an activation or a loss: what softmax or a cross-entropy has for a
derivative follows from exp, sum, log and division. Nothing is shared with the reference's backward pass.
"""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from nn_conformance.cases.balls import Balls
from nn_reference.arithmetic import Array, Params

Pull = Callable[[Array], Array]  # from dL/d(result) to dL/d(operand), before it is summed to the operand's shape


def product(x: Array, y: Array) -> Array:
    """X @ y by python-flint's product of matrices."""
    return np.asarray(x.view(Balls) @ y.view(Balls))


# For each primitive r = f(x) or f(x, y): what takes g = dL/dr to its operands.
RULES: Mapping[Any, Callable[..., tuple[Pull, ...]]] = {
    np.add: lambda x, y, r: (lambda g: g, lambda g: g),
    np.subtract: lambda x, y, r: (lambda g: g, lambda g: -g),
    np.multiply: lambda x, y, r: (lambda g: g * y, lambda g: g * x),
    np.divide: lambda x, y, r: (lambda g: g / y, lambda g: -(g * r) / y),
    np.matmul: lambda x, y, r: (lambda g: _times(g, y), lambda g: product(x.T, g)),
    np.negative: lambda x, r: (lambda g: -g,),
    np.exp: lambda x, r: (lambda g: g * r,),
    np.log: lambda x, r: (lambda g: g / x,),
    np.log1p: lambda x, r: (lambda g: g / (1 + x),),
    np.tanh: lambda x, r: (lambda g: g * (1 - r * r),),
}


class Variable(NDArrayOperatorsMixin):
    """An array of balls that remembers what it was made from.

    Attributes:
        value: object array of balls.
        order: rises with each variable, so that a result comes after its operands.
        operands: those that are variables themselves, each with its rule.
    """

    _orders = count()

    def __init__(self, value: Any, operands: tuple[tuple["Variable", Pull], ...] = ()) -> None:
        self.value = np.asarray(value, dtype=object)
        self.operands = operands
        self.order = next(self._orders)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Compute, and record."""
        if ufunc not in RULES or method != "__call__" or kwargs:
            return NotImplemented
        values = [v.value if isinstance(v, Variable) else v for v in inputs]
        result = product(*values) if ufunc is np.matmul else ufunc(*values)
        rules = RULES[ufunc](*values, result)
        return Variable(
            result, tuple((v, pull) for v, pull in zip(inputs, rules, strict=True) if isinstance(v, Variable))
        )

    def sum(self, axis: int | None = None, *, keepdims: bool = False) -> "Variable":
        """Of all entries, or along one axis; each gets the sum's gradient."""

        def pull(g: Array) -> Array:
            expanded = g if axis is None or keepdims else np.expand_dims(g, axis)
            return np.broadcast_to(expanded, self.shape)

        return Variable(self.value.sum(axis=axis, keepdims=keepdims), ((self, pull),))

    def swapaxes(self, one: int, other: int) -> "Variable":
        """With two axes exchanged."""
        return Variable(self.value.swapaxes(one, other), ((self, lambda g: g.swapaxes(one, other)),))

    @property
    def real(self) -> Array:
        """The value alone, by which a formula chooses its branch: a constant."""
        return self.value

    @property
    def dtype(self) -> np.dtype[Any]:
        """Object."""
        return self.value.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value."""
        return self.value.shape


def differentiate(result: Variable, of: Mapping[str, Variable]) -> Params:
    """d result / d each variable, by name, for a result that is one ball; zeros where it does not depend on one."""
    found: dict[int, Array] = {result.order: result.value * 0 + 1}
    for variable in sorted(_behind(result), key=lambda v: -v.order):
        for operand, pull in variable.operands:
            share = _summed(pull(found[variable.order]), operand.shape)
            found[operand.order] = found[operand.order] + share if operand.order in found else share
    return {name: np.asarray(found.get(v.order, v.value * 0), dtype=object) for name, v in of.items()}


def _behind(result: Variable) -> list[Variable]:
    """The variables that a result was made from, itself included."""
    seen, waiting = {result.order: result}, [result]
    while waiting:
        for operand, _ in waiting.pop().operands:
            if operand.order not in seen:
                seen[operand.order] = operand
                waiting.append(operand)
    return list(seen.values())


def _times(g: Array, y: Array) -> Array:
    """Back through x @ y to x: g @ yᵀ, an outer product where y is a vector."""
    return np.multiply.outer(g, y) if y.ndim == 1 else product(g, y.T)


def _summed(g: Array, shape: tuple[int, ...]) -> Array:
    """Over the axes along which the operand was repeated."""
    leading = np.ndim(g) - len(shape)
    g = np.asarray(np.sum(g, axis=tuple(range(leading))) if leading else g, dtype=object)
    repeated = tuple(k for k, length in enumerate(shape) if length != g.shape[k])
    return g.sum(axis=repeated, keepdims=True) if repeated else g
