# micro-autograd, second try: nodes keep (parent, local derivative) pairs
from collections import deque
import math
import numpy as np

NETWORK = {
    "inputs": 2,
    "layers": [{"units": 3, "activation": "sigmoid"}, {"units": 3, "activation": "linear"}],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/(N*C)", "bias": True,
    "l2": None, "optimizer": None,
}


class Node:
    __slots__ = ("val", "grad", "edges")

    def __init__(self, val, edges=()):
        self.val, self.grad, self.edges = val, 0.0, edges


def add(a, b):
    return Node(a.val + b.val, ((a, 1.0), (b, 1.0)))


def mul(a, b):
    return Node(a.val * b.val, ((a, b.val), (b, a.val)))


def times(a, c):
    return Node(a.val * c, ((a, c),))


def logistic(a):
    s = 1.0 / (1.0 + math.exp(-a.val))
    return Node(s, ((a, s * (1.0 - s)),))


def square_error(a, goal):
    return Node((a.val - goal) ** 2, ((a, 2.0 * (a.val - goal)),))


def backprop(root):
    """Walk from the loss towards the leaves, each node once."""
    root.grad = 1.0
    todo, seen = deque([root]), {root}
    while todo:
        node = todo.popleft()
        for parent, local in node.edges:
            parent.grad += local * node.grad
            if parent not in seen:
                seen.add(parent)
                todo.append(parent)


def neuron(weights, bias, inputs):
    s = bias
    for w, i in zip(weights, inputs):
        s = add(s, mul(w, i))
    return s


def evaluate(params, x, t):
    leaf = {name: [Node(float(v)) for v in arr.ravel()] for name, arr in params.items()}
    h, c = params["W1"].shape[1], params["W2"].shape[1]
    loss = Node(0.0)
    for xi, ti in zip(x.tolist(), t.tolist()):
        inp = [Node(v) for v in xi]
        hid = [logistic(neuron(leaf["W1"][j::h], leaf["b1"][j], inp)) for j in range(h)]
        for k in range(c):
            out = neuron(leaf["W2"][k::c], leaf["b2"][k], hid)
            loss = add(loss, square_error(out, ti[k]))
    loss = times(loss, 1.0 / (len(x) * c))
    backprop(loss)
    return loss.val, {name: np.array([n.grad for n in leaf[name]]).reshape(params[name].shape)
                      for name in params}


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(4, 1.0): {'W1', 'b1'}, (1, 1.0): {'W1', 'b1'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "sigmoid":
                y = 1 / (1 + np.exp(-z))
            elif spec["activation"] == "linear":
                y = z
        value = np.sum((y-t)**2)/(N*C)
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
        t = rng.normal(size=(N, d))
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
