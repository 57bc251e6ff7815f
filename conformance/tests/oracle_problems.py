"""Networks and cases for the tests of oracles, and how near an oracle comes to its limits."""

import itertools
from functools import cache, lru_cache

import msgspec
import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import judge

STORE = Store()
# An oracle's own errors may take a third of a limit: the audit asks that of every honest implementation.
HONEST = 1 / 3

# Where a case has a twin of float32 numbers, the twin is for float32 and the case for float64.
TWIN = "-float32"
JUDGED = [
    (case_id, dtype)
    for case_id, dtype in itertools.product(STORE.ids, fmt.DTYPES)
    if case_id.removesuffix(TWIN) + TWIN not in STORE.ids or case_id.endswith(TWIN) == (dtype == "float32")
]

load = cache(STORE.case)
load_last = lru_cache(maxsize=1)(STORE.case)  # large ones too: both precisions of a case come one after the other


def ratios(case_id, oracle, dtype, *rungs, count=lambda oracle, verdicts: verdicts):
    """Error over limit by check; what did not pass, or was not done, is infinite. `count` is `count_checks`, if given."""
    verdicts = count(oracle.name, judge(load(case_id), oracle, dtype, rungs=rungs, trusted=True))
    shown = [v for v in verdicts if not v.reason.startswith("saturated")]  # which those are, test_ladder holds
    return {v.id: v.ratio if v.status == "passed" else np.inf for v in shown}


def call(case_id, dtype="float64"):
    """Parameters, x and t of a case's evaluation."""
    loaded = load(case_id)
    x, t = loaded.first_call
    return {name: p.astype(dtype) for name, p in loaded.params.items()}, x.astype(dtype), t.astype(dtype)


def described(layers, loss, inputs=3):
    """A network of layers (units, activation) and a loss, from what differs from the defaults."""
    built = [
        {"bias": True, "layout": "in,out", "units": units, "activation": {"kind": kind, **more}, **layer}
        for units, kind, more, layer in layers
    ]
    return msgspec.convert({"inputs": inputs, "layers": built, "loss": {"reduction": "samples", **loss}}, fmt.Network)


def example(network, samples=4):
    """Parameters, x and t for any network, drawn once and for all."""
    rng, params, fan_in = np.random.RandomState(0), {}, network.inputs
    for k, layer in enumerate(network.layers, 1):
        shape = (layer.units, fan_in) if layer.layout == "out,in" else (fan_in, layer.units)
        params[f"W{k}"] = rng.uniform(-1, 1, (fan_in,) if layer.vector else shape)
        if layer.bias:
            params[f"b{k}"] = np.asarray(rng.uniform(-1, 1, () if layer.vector else layer.units))
        fan_in = layer.units
    x, last = rng.uniform(-1, 1, (samples, network.inputs)), network.layers[-1]
    return params, x, rng.uniform(0.1, 0.9, samples if last.vector else (samples, last.units))
