"""Trainer with a data loader and momentum."""
from typing import Dict, Iterator, List, NamedTuple
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 5, "activation": "leaky_relu", "slope": 0.05},
               {"units": 1, "activation": "sigmoid"}],
    "loss": "binary_cross_entropy",
    "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y))/N",
    "bias": True, "l2": None,
    "optimizer": {"name": "momentum", "beta": 0.7, "formula": "v=beta*v+g; w=w-lr*v"},
}


class Batch(NamedTuple):
    features: np.ndarray
    labels: np.ndarray


class DataLoader:
    def __init__(self, features: np.ndarray, labels: np.ndarray, batches: List[List[int]]):
        self.features, self.labels, self.batches = features, labels, batches

    def __iter__(self) -> Iterator[Batch]:
        for rows in self.batches:
            # ascending order reads the big array from front to back
            yield Batch(self.features[sorted(rows)], self.labels[rows])


class Momentum:
    def __init__(self, beta: float):
        self.beta = beta
        self.velocity: Dict[str, np.ndarray] = {}

    def __call__(self, weights, grads, lr):
        for name, g in grads.items():
            self.velocity[name] = self.beta * self.velocity.get(name, 0) + g
            weights[name] = weights[name] - lr * self.velocity[name]


def backprop(w: Dict[str, np.ndarray], batch: Batch) -> Dict[str, np.ndarray]:
    z = batch.features @ w["W1"] + w["b1"]
    h = np.where(z > 0, z, 0.05 * z)
    y = 1 / (1 + np.exp(-(h @ w["W2"] + w["b2"])))
    dy = (y - batch.labels) / len(batch.labels)
    dz = dy @ w["W2"].T * np.where(z > 0, 1, 0.05)
    return {"W1": batch.features.T @ dz, "b1": dz.sum(0), "W2": h.T @ dy, "b2": dy.sum(0)}


def train(params, x, t, lr, batches):
    weights = dict(params)
    optimizer = Momentum(0.7)
    for batch in DataLoader(x, t, batches):
        optimizer(weights, backprop(weights, batch), lr)
    return weights


if __name__ == "__main__":
    # number of batches used -> names that differ from the reference
    EXPECTED = {1: {'W1', 'W2', 'b1'}, 3: {'W1', 'W2', 'b1', 'b2'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "leaky_relu":
                y = np.where(z > 0, z, spec.get('slope', 0) * z)
            elif spec["activation"] == "sigmoid":
                y = 1 / (1 + np.exp(-z))
        value = -np.sum(t*np.log(y)+(1-t)*np.log(1-y))/N
        return value

    def ref_grad(p, x, t, h=1e-5):
        g = {k: np.zeros_like(v) for k, v in p.items()}
        for k in p:
            for i in np.ndindex(p[k].shape):
                hi = {n: v.copy() for n, v in p.items()}
                lo = {n: v.copy() for n, v in p.items()}
                hi[k][i] += h
                lo[k][i] -= h
                g[k][i] = (ref_loss(hi, x, t) - ref_loss(lo, x, t)) / (2 * h)
        return g

    for key, names in EXPECTED.items():
        N, scale = 7, 0.8
        batches = [[4, 1, 3], [0, 6, 2], [5, 1]][:key]
        rng = np.random.default_rng(3)
        p, d = {}, NETWORK["inputs"]
        for i, spec in enumerate(NETWORK["layers"], 1):
            p["W%d" % i] = scale * rng.normal(size=(d, spec["units"]))
            p["b%d" % i] = scale * rng.normal(size=spec["units"])
            d = spec["units"]
        x = rng.normal(size=(N, NETWORK["inputs"]))
        t = rng.integers(0, 2, (N, d)).astype(float)
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        lr, right = 0.1, {k: v.copy() for k, v in p.items()}
        got = train(*args, lr, batches)
        again = train({k: v.copy() for k, v in p.items()}, x.copy(), t.copy(), lr, batches)
        v = {k: 0 * p[k] for k in p}
        for n, rows in enumerate(batches, 1):
            g = ref_grad(right, x[rows], t[rows])
            for k in p:
                v[k] = 0.7 * v[k] + g[k]
                right[k] = right[k] - lr * v[k]
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
