"""Linked layers: each one knows its neighbour and updates itself on the way back."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 4, "activation": "leaky_relu", "slope": 0.2},
               {"units": 4, "activation": "leaky_relu", "slope": 0.2},
               {"units": 2, "activation": "sigmoid"}],
    "loss": "binary_cross_entropy",
    "loss_formula": "-sum(t*log(y)+(1-t)*log(1-y))/N",
    "bias": True,
    "l2": {"lambda": 0.1, "formula": "lambda/2*sum(W**2)", "biases": False},
    "optimizer": None,
}
LAMBDA = 0.1


class Link:
    def __init__(self, W, b, previous=None):
        self.W = np.array(W)
        self.b = np.array(b)
        self.previous = previous
        self.next = None
        if previous is not None:
            previous.next = self

    def pull(self, x):
        """Output of this layer for the samples x (asks the layers before it)."""
        self.a_in = x if self.previous is None else self.previous.pull(x)
        z = self.a_in @ self.W + self.b
        if self.next is None:
            self.out = np.where(z >= 0, 1 / (1 + np.exp(-abs(z))), 1 - 1 / (1 + np.exp(-abs(z))))
        else:
            self.out = np.where(z > 0, z, z / 5)
        return self.out

    def push(self, err, rate):
        """err: derivative with respect to the pre-activation."""
        below = err @ self.W.T
        self.W *= 1 - rate * LAMBDA
        self.W -= rate * (self.a_in.T @ err)
        self.b -= rate * err.sum(axis=0)
        if self.previous is not None:
            # the sign of the output tells the side of the kink
            gate = 0.2 + 0.8 * (self.a_in > 0)
            self.previous.push(below * gate, rate)


def step(params, x, t, lr):
    first = Link(params["W1"], params["b1"])
    second = Link(params["W2"], params["b2"], first)
    third = Link(params["W3"], params["b3"], second)
    y = third.pull(x)
    third.push((y - t) / y.shape[0], lr)
    return {"W1": first.W, "b1": first.b, "W2": second.W, "b2": second.b,
            "W3": third.W, "b3": third.b}


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 1.0): set(), (1, 1.0): set()}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "leaky_relu":
                y = np.where(z > 0, z, spec.get('slope', 0) * z)
            elif spec["activation"] == "sigmoid":
                y = 1 / (1 + np.exp(-z))
        value = -np.sum(t*np.log(y)+(1-t)*np.log(1-y))/N
        for k in p:
            if k[0] == "W":
                W = p[k]
                value += 0.1/2*np.sum(W**2)
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
        got = step(*args, 0.3)
        again = step({k: v.copy() for k, v in p.items()}, x.copy(), t.copy(), 0.3)
        g = ref_grad(p, x, t)
        right = {k: p[k] - 0.3 * g[k] for k in p}
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
