"""NumPy tensor engine with a separate softmax node and a separate log node."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "relu"},
                      {"units": 4, "activation": "sigmoid"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}


class Node:
    def __init__(self, value, inputs=(), backward=None):
        self.value = value
        self.inputs = inputs
        self.backward_fn = backward
        self.grad = 0.0


def matmul(a, b):
    return Node(a.value @ b.value, (a, b), lambda g: (g @ b.value.T, a.value.T @ g))


def add_bias(a, b):
    return Node(a.value + b.value, (a, b), lambda g: (g, g.sum(axis=0)))


def relu(a):
    on = a.value > 0
    return Node(np.where(on, a.value, 0.0), (a,), lambda g: (g * on,))


def sigmoid(a):
    s = 1 / (1 + np.exp(-a.value))
    return Node(s, (a,), lambda g: (g * s * (1 - s),))


def softmax(a):
    e = np.exp(a.value - a.value.max(axis=1, keepdims=True))
    s = e / e.sum(axis=1, keepdims=True)
    return Node(s, (a,), lambda g: (g * s * (1 - s),))


def log(a):
    return Node(np.log(a.value), (a,), lambda g: (g / a.value,))


def times(a, c):
    return Node(a.value * c, (a,), lambda g: (g * c,))


def total(a):
    return Node(a.value.sum(), (a,), lambda g: (np.full(a.value.shape, g),))


def topo_sort(root):
    order, visited = [], set()

    def visit(n):
        if n not in visited:
            visited.add(n)
            for i in n.inputs:
                visit(i)
            order.append(n)
    visit(root)
    return order


def backprop(root):
    root.grad = 1.0
    for node in reversed(topo_sort(root)):
        if node.backward_fn is None:
            continue
        for inp, g in zip(node.inputs, node.backward_fn(node.grad)):
            inp.grad = inp.grad + g


def evaluate(params, x, t):
    P = {name: Node(arr) for name, arr in params.items()}
    h = relu(add_bias(matmul(Node(x), P["W1"]), P["b1"]))
    h = sigmoid(add_bias(matmul(h, P["W2"]), P["b2"]))
    y = softmax(add_bias(matmul(h, P["W3"]), P["b3"]))
    loss = times(total(times(log(y), t)), -1.0 / t.shape[0])
    backprop(loss)
    return loss.value, {name: n.grad for name, n in P.items()}


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.maximum(z, 0.0)
        z = h @ p["W2"] + p["b2"]
        h = 1.0 / (1.0 + np.exp(-z))
        z = h @ p["W3"] + p["b3"]
        h = np.exp(z - z.max(axis=1, keepdims=True)); h = h / h.sum(axis=1, keepdims=True)
        y, (N, C) = h, t.shape
        return -np.sum(t*np.log(y)) / N

    def right_grads(p, x, t, h=1e-5):
        out = {}
        for k, v in p.items():
            g = np.zeros(v.shape)
            for i in np.ndindex(*v.shape):
                q = {a: b.copy() for a, b in p.items()}
                q[k][i] += h
                up = right_loss(q, x, t)
                q[k][i] -= 2 * h
                g[i] = (up - right_loss(q, x, t)) / (2 * h)
            out[k] = g
        return out

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(127)
    for *widths, n in [(4, 6, 4, 4, 8), (2, 5, 4, 2, 6), (4, 3, 3, 2, 6)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = np.eye(widths[-1])[rng.integers(0, widths[-1], size=n)]
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
