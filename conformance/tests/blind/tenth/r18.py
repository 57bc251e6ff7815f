from __future__ import annotations
from dataclasses import dataclass, field
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 4, "activation": "tanh"}, {"units": 2, "activation": "sigmoid"}],
    "loss": "binary_cross_entropy",
    "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y))/(N*C)",
    "bias": True, "l2": None, "optimizer": None,
}


@dataclass
class Layer:
    weights: np.ndarray
    bias: np.ndarray
    kind: str
    inputs: np.ndarray = field(default=None, repr=False)
    outputs: np.ndarray = field(default=None, repr=False)
    grad_weights: np.ndarray = field(default=None, repr=False)
    grad_bias: np.ndarray = field(default=None, repr=False)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        self.inputs = inputs
        z = inputs @ self.weights + self.bias
        self.outputs = np.tanh(z) if self.kind == "tanh" else 1 / (1 + np.exp(-z))
        return self.outputs

    def slope(self) -> np.ndarray:
        a = self.outputs
        return 1 - a ** 2 if self.kind == "tanh" else a * (1 - a)

    def backward(self, error: np.ndarray) -> np.ndarray:
        delta = error * self.slope()
        self.grad_weights = self.inputs.T @ delta
        self.grad_bias = delta.sum(axis=0)
        return delta @ self.weights.T


@dataclass
class Network:
    layers: list[Layer]

    def predict(self, x: np.ndarray) -> np.ndarray:
        for layer in self.layers:
            x = layer(x)
        return x

    def loss_and_backward(self, x: np.ndarray, t: np.ndarray) -> float:
        y = self.predict(x)
        loss = -np.mean(t * np.log(y) + (1 - t) * np.log(1 - y))
        error = (y - t) / y.size
        for layer in reversed(self.layers):
            error = layer.backward(error)
        return float(loss)


def evaluate(params, x, t):
    net = Network([Layer(params["W1"], params["b1"], "tanh"),
                   Layer(params["W2"], params["b2"], "sigmoid")])
    loss = net.loss_and_backward(x, t)
    grads = {}
    for i, layer in enumerate(net.layers, 1):
        grads[f"W{i}"], grads[f"b{i}"] = layer.grad_weights, layer.grad_bias
    return loss, grads


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): {'W1', 'W2', 'b1', 'b2'}, (1, 1.0): {'W1', 'W2', 'b1', 'b2'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "tanh":
                y = np.tanh(z)
            elif spec["activation"] == "sigmoid":
                y = 1 / (1 + np.exp(-z))
        value = -np.sum(t*np.log(y)+(1-t)*np.log(1-y))/(N*C)
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
        N, scale = key
        rng = np.random.default_rng(3)
        p, d = {}, NETWORK["inputs"]
        for i, spec in enumerate(NETWORK["layers"], 1):
            p["W%d" % i] = scale * rng.normal(size=(d, spec["units"]))
            p["b%d" % i] = scale * rng.normal(size=spec["units"])
            d = spec["units"]
        x = rng.normal(size=(N, NETWORK["inputs"]))
        t = rng.integers(0, 2, (N, d)).astype(float)
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        loss, got = evaluate(*args)
        again = evaluate({k: v.copy() for k, v in p.items()}, x.copy(), t.copy())[1]
        right = ref_grad(p, x, t)
        got, right = dict(got, loss=loss), dict(right, loss=ref_loss(p, x, t))
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
