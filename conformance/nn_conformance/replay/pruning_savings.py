"""What a pruned network saves: parameters, bytes when compressed, time of a forward pass with sparse matrices."""

import importlib.util
import zlib
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np

from nn_reference.arithmetic import Array, Params
from nn_reference.network import Network
from nn_reference.pruning import sparsity

REPEATS = 20


def savings(network: Network, params: Params, x: Array, *, timed: bool) -> dict[str, float]:
    """Sparsity, non-zero parameters, their bytes as float32 after zlib; if `timed`, milliseconds for a pass over x.

    NumPy has no sparse product, and one made of its other operations is slower than the dense one by an order. So the
    times need SciPy, and are left out where it is not installed. A machine's times are no property of the network.
    """
    raw = b"".join(p.astype("<f4").tobytes() for p in params.values())
    measured = {
        "sparsity": sparsity(params),
        "nonzero_parameters": float(sum(np.count_nonzero(p) for p in params.values())),
        "compressed_bytes": float(len(zlib.compress(raw, level=9))),
    }
    if timed and importlib.util.find_spec("scipy") is not None:
        from scipy.sparse import csr_array  # noqa: PLC0415 - heavy, and optional

        columns = np.ascontiguousarray(x.T)
        passes = [_forward(network, params, columns, kind) for kind in (np.ascontiguousarray, csr_array)]
        # In turn, so that whatever else the machine does slows both down.
        rounds = [[once() for once in passes] for _ in range(REPEATS)]
        measured["dense_ms"], measured["sparse_ms"] = (min(times) for times in zip(*rounds, strict=True))
    return measured


def _forward(network: Network, params: Params, columns: Array, kind: Callable[[Array], Any]) -> Callable[[], float]:
    """A forward pass, and the milliseconds of processor time that it takes; samples are columns, as SciPy wants them."""
    layers = []
    for layer, (weights, bias) in zip(network.layers, network.names, strict=True):
        w = params[weights] if layer.layout == "out,in" else params[weights].T
        layers.append((kind(w), 0 if bias is None else params[bias][:, None], layer.activation.forward))

    def once() -> float:
        begin, a = process_time(), columns
        for w, b, activation in layers:
            a = activation(w @ a + b)
        return (process_time() - begin) * 1e3

    return once
