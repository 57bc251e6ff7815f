"""Arrays between the fixtures' conventions and a target's.

Legend: N samples, D inputs, I inputs of a layer, O its outputs, C outputs of the last.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nn_conformance.adapt.conventions import Conventions
from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Shown, TargetError, Unsupported
from nn_reference.arithmetic import Array, Params

FOLDED = ("first", "last")


class Layers:
    """The arrays of a network, as the fixtures describe it, in a target's conventions.

    Raises:
        Unsupported: several outputs, for a target that has one as a vector.
    """

    def __init__(self, network: fmt.Network, conventions: Conventions) -> None:
        self.network, self.conventions = network, conventions
        last = network.layers[-1]
        if conventions.output == "vector" and last.units > 1:
            raise Unsupported(f"{last.units} outputs: the target has one, as a vector")
        self.vector = conventions.output == "vector" or (conventions.output == "described" and last.vector)

    def given(self, params: Params) -> Params:
        """Parameters, or moments, by the target's names and in its shapes."""
        found: Params = {}
        for k, layer in enumerate(self.network.layers, 1):
            w, b = _matrix(params[f"W{k}"], layer.layout, vector=layer.vector), params.get(f"b{k}")
            if b is not None and self.conventions.bias in FOLDED:
                folded = np.reshape(b, (1, -1))
                w, b = np.concatenate([folded, w] if self.conventions.bias == "first" else [w, folded]), None
            vector = self._is_vector(k)
            found[self.conventions.name_of(f"W{k}")] = _held(w, self._layout(layer), vector=vector)
            if b is not None:
                found[self.conventions.name_of(f"b{k}")] = np.reshape(b, self._shape(layer, "b", 0, vector=vector))
        return found

    def taken(self, what: str, arrays: Mapping[str, Any], scale: float = 1.0) -> Params:
        """The target's arrays over `scale`, by our names and in our shapes.

        Raises:
            TargetError: an array of another shape than it must have.
        """
        rest, found = dict(arrays), dict[str, Any]()
        if "x" in rest:
            rest["x"] = self._of_inputs(rest["x"])
        for k, layer in enumerate(self.network.layers, 1):
            folded = layer.bias and self.conventions.bias in FOLDED
            for ours in (f"W{k}", f"b{k}") if layer.bias and not folded else (f"W{k}",):
                theirs = self.conventions.name_of(ours)
                if theirs in rest:
                    found |= self._ours(k, layer, ours, f"{what} {theirs}", np.asarray(rest.pop(theirs)))
        found |= rest  # with what is too much, which the ladder names
        return found if scale == 1 else {name: np.asarray(a / scale) for name, a in found.items()}

    def spread(self, uncertainty: Mapping[str, float], scale: float) -> dict[str, float]:
        """Bounds of norms by our names: of a folded bias, that of the weights around it."""
        found: dict[str, float] = {}
        for k, layer in enumerate(self.network.layers, 1):
            for ours in (f"W{k}", f"b{k}") if layer.bias else (f"W{k}",):
                theirs = self.conventions.name_of(f"W{k}" if self.conventions.bias in FOLDED else ours)
                found[ours] = uncertainty.get(theirs, 0.0) / scale
        return found

    def batch(self, x: Array, t: Array) -> tuple[Array, Array]:
        """x and t as the target takes them.

        Raises:
            Unsupported: targets that are no classes, where it takes their numbers.
        """
        conventions, last = self.conventions, self.network.layers[-1]
        if conventions.ones and conventions.bias in FOLDED:
            one = np.ones((len(x), 1), x.dtype)
            x = np.concatenate([one, x] if conventions.bias == "first" else [x, one], axis=1)
        if conventions.labels == "integer":
            t = _classes(t)
        elif self.vector != last.vector:
            t = t[:, 0] if self.vector else t[:, None]
        if conventions.batch == "vector":
            return x[0], t[0]
        columns = conventions.samples == "columns"
        return (x.T, t.T) if columns else (x, t)

    def outputs(self, shown: Sequence[Any] | None) -> Sequence[Shown] | None:
        """The target's z and a with samples as rows."""
        last = len(self.network.layers)
        return shown and [
            Shown(*(None if a is None else self._output(a, last=k == last) for a in pair))
            for k, pair in enumerate(shown, 1)
        ]

    def _of_inputs(self, g: Array) -> Array:
        """∂L/∂x as (N, D), without what belongs to the constant input of a folded bias."""
        if self.conventions.batch == "vector":
            g = g[None]
        elif self.conventions.samples == "columns":
            g = g.T
        if self.conventions.ones and self.conventions.bias in FOLDED:
            g = g[..., 1:] if self.conventions.bias == "first" else g[..., :-1]
        return g

    def _output(self, a: Array, *, last: bool) -> Array:
        if self.conventions.batch == "vector" and not (last and self.vector and a.ndim):
            a = a[None]
        elif self.conventions.samples == "columns":
            a = a.T
        if last and self.vector != self.network.layers[-1].vector:
            a = a[:, None] if self.vector and a.ndim == 1 else a[:, 0] if a.ndim == 2 and a.shape[1] == 1 else a
        return a

    def _ours(self, k: int, layer: fmt.Layer, ours: str, where: str, a: Array) -> Params:
        """One of the target's arrays as ours, or as a folded one's two."""
        inputs = self.network.layers[k - 2].units if k > 1 else self.network.inputs
        vector, folded = self._is_vector(k), layer.bias and self.conventions.bias in FOLDED
        expected = self._shape(layer, ours, inputs + folded, vector=vector)
        if a.shape != expected:
            raise TargetError(f"{where}: expected shape {expected}, got {a.shape}", "wrong-shape", [ours])
        of_bias = () if layer.vector else (layer.units,)
        if ours[0] == "b":
            return {ours: np.reshape(a, of_bias)}
        w = _matrix(a, self._layout(layer), vector=vector)
        if not folded:
            return {ours: _held(w, layer.layout, vector=layer.vector)}
        w, b = (w[1:], w[0]) if self.conventions.bias == "first" else (w[:-1], w[-1])
        return {ours: _held(w, layer.layout, vector=layer.vector), f"b{k}": np.reshape(b, of_bias)}

    def _shape(self, layer: fmt.Layer, ours: str, inputs: int, *, vector: bool) -> tuple[int, ...]:
        if ours[0] == "b":
            shapes = {"row": (1, layer.units), "column": (layer.units, 1)}
            return () if vector else shapes.get(self.conventions.bias, (layer.units,))
        if vector:
            return (inputs,)
        return (inputs, layer.units) if self._layout(layer) == "in,out" else (layer.units, inputs)

    def _is_vector(self, k: int) -> bool:
        return self.vector and k == len(self.network.layers)

    def _layout(self, layer: fmt.Layer) -> str:
        return layer.layout if self.conventions.layout == "described" else self.conventions.layout


def _matrix(w: Array, layout: str, *, vector: bool) -> Array:
    """Weights of a layout, or of one unit as a vector, as (I, O)."""
    return w[:, None] if vector else w if layout == "in,out" else w.T


def _held(w: Array, layout: str, *, vector: bool) -> Array:
    """The inverse of `_matrix`."""
    return w[:, 0] if vector else w if layout == "in,out" else w.T


def _classes(t: Array) -> Array:
    """(N, C) with one 1 in each row as the number of its class, (N,); of one output its own whole numbers."""
    if t.ndim == 1 or t.shape[1] == 1:
        whole = t.reshape(len(t))
        if np.all(whole == np.round(whole)):
            return whole.astype(np.int64)
    elif np.all((t == 0) | (t == 1)) and np.all(t.sum(axis=1) == 1):
        return np.argmax(t, axis=1)
    raise Unsupported("targets that are no classes: it takes their numbers")
