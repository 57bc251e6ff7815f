"""Perturbed copies of a batch: what moving each weight by itself makes of the loss, a column of weights at a time.

Moving W[i, j] by h moves nothing of its layer's z but column j, by h·a[:, i]; so for one unit j all rows i are one
array, and the layer above sees one outer product. Where no layer looks across samples, what becomes of a sample depends
on that sample and on the distance alone: then a copy is one sample, and equal pixels of an image are computed once.

Legend: N samples, P copies, R rows of a weight matrix and one of ones, for the bias.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.oracles import formulas
from nn_reference.arithmetic import Array, Params
from nn_reference.network import LayerOutput

FEW = 1000  # copies up to which it takes longer to look for equal ones than to compute them


class Copies(NamedTuple):
    """Distinct copies for one layer: of one sample each, or of the whole batch where a softmax runs over it.

    Attributes:
        samples: which sample each copy is, (P,), or None: that adds an axis to the batch.
        directions: how far z moves for a step of 1, (P,), or (P, N) for whole batches.
        x: inputs, (P, D); (1, N, D) for whole batches.
        outputs: every layer's z and a before the move, (P, H) or (P,); (1, N, H) or (1, N) for whole batches.
        t: the copies' targets, likewise.
        where: the copy of each sample and row, (N, R), or of each row, (1, R).
    """

    samples: Array | None
    directions: Array
    x: Array
    outputs: list[LayerOutput]
    t: Array
    where: Array

    def some(self, chosen: Array) -> "Copies":
        """Those of some indices; `where` is for all of them, and stays."""
        if self.samples is None:
            return self._replace(directions=self.directions[chosen])
        outputs = [LayerOutput(z[chosen], a[chosen]) for z, a in self.outputs]
        return self._replace(
            samples=self.samples[chosen],
            directions=self.directions[chosen],
            x=self.x[chosen],
            outputs=outputs,
            t=self.t[chosen],
        )

    def below(self, k: int) -> Array:
        """What layer k, from 0, is given before the move."""
        return self.outputs[k - 1].a if k else self.x


class Columns:
    """The copies of one batch, and what the layers make of them; `dtype` is the precision whose clip bounds hold."""

    def __init__(self, network: fmt.Network, params: Params, x: Array, t: Array, dtype: fmt.Dtype) -> None:
        self.network, self.params, self.x, self.t, self.dtype = network, params, x, t, dtype
        self.outputs = formulas.forward(network, params, x)
        self.across = any(layer.activation.axis == "batch" for layer in network.layers)

    def of_rows(self, k: int) -> Copies:
        """For moving any one weight of layer k, from 0, or a bias."""
        below = self.outputs[k - 1].a if k else self.x
        rows = np.hstack([below, np.ones((len(below), 1), below.dtype)])  # (N, R)
        if self.across:
            directions, where = np.unique(rows.T, axis=0, return_inverse=True)
            return self._copies(None, directions, where.reshape(1, -1))
        samples = np.repeat(np.arange(len(rows)), rows.shape[1])
        if rows.size <= FEW:
            return self._copies(samples, rows.ravel(), np.arange(rows.size).reshape(rows.shape))
        pairs, where = np.unique(np.stack([samples, rows.ravel()]), axis=1, return_inverse=True)
        return self._copies(pairs[0].astype(int), pairs[1].astype(rows.dtype), where.reshape(rows.shape))

    def of_samples(self) -> Copies:
        """For moving z of one sample alone: as many copies as samples."""
        samples, kind = np.arange(len(self.x)), self.x.dtype
        if self.across:
            return self._copies(None, np.eye(len(samples), dtype=kind), samples)
        return self._copies(samples, np.ones(len(samples), kind), samples)

    def _copies(self, samples: Array | None, directions: Array, where: Array) -> Copies:
        outputs = [LayerOutput(z[samples], a[samples]) for z, a in self.outputs]
        return Copies(samples, directions, self.x[samples], outputs, self.t[samples], where)

    def moved(self, k: int, unit: int, copies: Copies, steps: Array) -> list[LayerOutput]:
        """Z and a of layer k and of those above, after z of one unit of layer k has moved by `steps`.

        Of layer k it is that unit alone, without the last axis, if the others stay as they are.
        """
        layer, (z, a), last = self.network.layers[k], copies.outputs[k], k + 1 == len(self.network.layers)
        if layer.vector:
            return self._upwards(k, z + steps, copies)
        skips = layer.skip or (not last and self.network.layers[k + 1].skip)
        if last or skips or layer.activation.kind == "softmax":
            z = np.repeat(z.astype(steps.dtype), len(steps) // len(z), axis=0)
            z[..., unit] += steps
            return self._upwards(k, z, copies)
        z = z[..., unit] + steps
        moved = LayerOutput(z, formulas.activate(layer.activation, z))
        change, above, weights = moved.a - a[..., unit], self.network.layers[k + 1], self.params[f"W{k + 2}"]
        if above.vector:
            change = change * weights[unit]
        else:
            change = change[..., None] * (weights[:, unit] if above.layout == "out,in" else weights[unit])
        return [moved, *self._upwards(k + 1, copies.outputs[k + 1].z + change, copies)]

    def losses(self, output: LayerOutput, copies: Copies) -> Array:
        """Each copy's share of the loss without its penalty, (P,)."""
        terms = formulas.loss_terms(self.network, output, copies.t, self.dtype)
        return terms.reshape(len(terms), -1).sum(axis=1) / formulas.loss_count(self.network.loss, self.t)

    def gradients(self, derivatives: Callable[[int, int, Copies], Array]) -> Params:
        """What `derivatives` finds for the copies of a layer and unit, (..., P), as arrays of the parameters' shapes.

        The layers come from last to first, and leading axes stay where they are.
        """
        found = {}
        for k, layer in reversed(list(enumerate(self.network.layers))):
            copies = self.of_rows(k)
            columns = [derivatives(k, unit, copies)[..., copies.where].sum(axis=-2) for unit in range(layer.units)]
            d = np.stack(columns, axis=-1)  # (..., R, H)
            weights = d[..., :-1, :]
            if layer.layout == "out,in":
                weights = weights.swapaxes(-1, -2)
            found[f"W{k + 1}"] = weights.reshape((*d.shape[:-2], *self.params[f"W{k + 1}"].shape))
            if layer.bias:
                found[f"b{k + 1}"] = d[..., -1, :].reshape((*d.shape[:-2], *self.params[f"b{k + 1}"].shape))
        return {name: found[name] for name in self.params}

    def _upwards(self, k: int, z: Array, copies: Copies) -> list[LayerOutput]:
        """Layer k from its z, and the layers above it."""
        found: list[LayerOutput] = []
        for number, layer in enumerate(self.network.layers[k:], k):
            if found:
                weights, bias = self.params[f"W{number + 1}"], self.params.get(f"b{number + 1}")
                z = formulas.preactivation(layer, found[-1].a, weights, bias)
            if number + 1 == len(self.network.layers) and formulas.of_softmax(self.network):
                found.append(LayerOutput(z, z))  # not the softmax: the loss is computed from z
                break
            below = found[-1].a if found else copies.below(k)
            found.append(LayerOutput(z, formulas.through(layer, z, below, copies.outputs[number].z)))
        return found
