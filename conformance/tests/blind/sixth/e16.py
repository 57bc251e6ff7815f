"""Network class with lists of weights and biases; column vectors, nabla_w and nabla_b."""
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 5, "activation": "sigmoid"},
                      {"units": 4, "activation": "sigmoid"},
                      {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (2*N)",
           "bias": True, "l2": None, "optimizer": None}


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


class Network(object):

    def __init__(self, weights, biases):
        self.num_layers = len(weights) + 1
        self.weights = weights
        self.biases = biases

    def cost_derivative(self, output_activations, y):
        return output_activations - y

    def backprop(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activation = x
        activations = [x]
        zs = []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = sigmoid(z)
            activations.append(activation)
        delta = self.cost_derivative(activations[-1], y)
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].transpose())
        for l in range(2, self.num_layers):
            z = zs[-l]
            sp = sigmoid_prime(z)
            delta = np.dot(self.weights[-l + 1].transpose(), delta) * sp
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
        cost = 0.5 * np.linalg.norm(activations[-1] - y) ** 2
        return cost, nabla_b, nabla_w


def evaluate(params, x, t):
    k = len(params) // 2
    net = Network([params["W%d" % (i + 1)].T for i in range(k)],
                  [params["b%d" % (i + 1)].reshape(-1, 1) for i in range(k)])
    total = 0.0
    sum_b = [np.zeros(b.shape) for b in net.biases]
    sum_w = [np.zeros(w.shape) for w in net.weights]
    for xi, ti in zip(x, t):
        c, nb, nw = net.backprop(xi.reshape(-1, 1), ti.reshape(-1, 1))
        total += c
        sum_b = [s + n for s, n in zip(sum_b, nb)]
        sum_w = [s + n for s, n in zip(sum_w, nw)]
    n = len(x)
    grads = {}
    for i in range(k):
        grads["W%d" % (i + 1)] = sum_w[i].T / n
        grads["b%d" % (i + 1)] = sum_b[i].ravel() / n
    return total / n, grads


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = 1.0 / (1.0 + np.exp(-z))
        z = h @ p["W2"] + p["b2"]
        h = 1.0 / (1.0 + np.exp(-z))
        z = h @ p["W3"] + p["b3"]
        h = 1.0 / (1.0 + np.exp(-z))
        y, (N, C) = h, t.shape
        return np.sum((y-t)**2) / (2*N)

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

    rng = np.random.default_rng(116)
    for *widths, n in [(4, 3, 6, 1, 5), (5, 4, 4, 4, 6), (3, 5, 3, 4, 8)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = rng.normal(size=(n, widths[-1]))
        loss, grads = evaluate(p, x, t)
        want = dict(right_grads(p, x, t), loss=right_loss(p, x, t))
        error = worst(dict(grads, loss=loss), want)
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
