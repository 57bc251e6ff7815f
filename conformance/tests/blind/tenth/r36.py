"""Nielsen-like Network: lists of weights, update_mini_batch, backprop per sample."""
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 4, "activation": "tanh"}, {"units": 3, "activation": "tanh"},
               {"units": 2, "activation": "linear"}],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/(2*N)",
    "bias": True, "l2": None,
    "optimizer": {"name": "sgd", "formula": "w=w-lr*g"},
}


class Network(object):

    def __init__(self, weights, biases):
        self.weights = weights
        self.biases = biases
        self.num_layers = len(weights) + 1

    def SGD(self, mini_batches, eta):
        size = len(mini_batches[0]) if mini_batches else 1
        for mini_batch in mini_batches:
            self.update_mini_batch(mini_batch, eta, size)

    def update_mini_batch(self, mini_batch, eta, size):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in mini_batch:
            delta_nabla_b, delta_nabla_w = self.backprop(x, y)
            nabla_b = [nb + dnb for nb, dnb in zip(nabla_b, delta_nabla_b)]
            nabla_w = [nw + dnw for nw, dnw in zip(nabla_w, delta_nabla_w)]
        self.weights = [w - (eta / size) * nw for w, nw in zip(self.weights, nabla_w)]
        self.biases = [b - (eta / size) * nb for b, nb in zip(self.biases, nabla_b)]

    def backprop(self, x, y):
        nabla_b = [None] * len(self.biases)
        nabla_w = [None] * len(self.weights)
        activations = [x]
        z1 = np.dot(self.weights[0], x) + self.biases[0]
        activations.append(np.tanh(z1))
        z2 = np.dot(self.weights[1], activations[-1]) + self.biases[1]
        activations.append(z2)
        z3 = np.dot(self.weights[2], activations[-1]) + self.biases[2]
        activations.append(z3)
        delta = activations[-1] - y
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].T)
        for l, z in ((2, z2), (3, z1)):
            delta = np.dot(self.weights[-l + 1].T, delta) * (1 - np.tanh(z) ** 2)
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].T)
        return nabla_b, nabla_w


def train(params, x, t, lr, batches):
    net = Network([params["W%d" % i].T for i in (1, 2, 3)],
                  [params["b%d" % i].reshape(-1, 1) for i in (1, 2, 3)])
    data = [(a.reshape(-1, 1), y.reshape(-1, 1)) for a, y in zip(x, t)]
    net.SGD([[data[r] for r in rows] for rows in batches], lr)
    out = {}
    for i in (1, 2, 3):
        out["W%d" % i] = net.weights[i - 1].T
        out["b%d" % i] = net.biases[i - 1].ravel()
    return out


if __name__ == "__main__":
    # number of batches used -> names that differ from the reference
    EXPECTED = {1: {'W1', 'W2', 'W3', 'b1', 'b2', 'b3'}, 3: {'W1', 'W2', 'W3', 'b1', 'b2', 'b3'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            if spec["activation"] == "tanh":
                y = np.tanh(z)
            elif spec["activation"] == "linear":
                y = z
        value = np.sum((y-t)**2)/(2*N)
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
        t = rng.normal(size=(N, d))
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        lr, right = 0.1, {k: v.copy() for k, v in p.items()}
        got = train(*args, lr, batches)
        again = train({k: v.copy() for k, v in p.items()}, x.copy(), t.copy(), lr, batches)
        for n, rows in enumerate(batches, 1):
            g = ref_grad(right, x[rows], t[rows])
            for k in p:
                right[k] = right[k] - lr * g[k]
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
