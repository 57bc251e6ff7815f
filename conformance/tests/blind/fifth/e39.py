"""Mini framework: Tensor with autograd, Linear modules and an SGD optimiser."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "relu"},
                      {"units": 4, "activation": "sigmoid"},
                      {"units": 2, "activation": "linear"}],
           "loss": "squared_error",
           "loss_formula": "sum((y-t)**2) / (N*C)",
           "bias": True, "l2": None, "optimizer": None}


class Tensor:
    def __init__(self, data, requires_grad=False, _prev=()):
        self.data = np.array(data, dtype=float)
        self.requires_grad = requires_grad or any(p.requires_grad for p in _prev)
        self.grad = None
        self._prev = _prev
        self._grad_fn = None

    def _accumulate(self, g):
        if not self.requires_grad:
            return
        if g.shape != self.data.shape:
            g = g.sum(axis=0)
        self.grad = g if self.grad is None else self.grad + g

    def __matmul__(self, o):
        out = Tensor(self.data @ o.data, _prev=(self, o))

        def fn(g):
            self._accumulate(g @ o.data.T)
            o._accumulate(self.data.T @ g)
        out._grad_fn = fn
        return out

    def __add__(self, o):
        out = Tensor(self.data + o.data, _prev=(self, o))

        def fn(g):
            self._accumulate(g)
            o._accumulate(g)
        out._grad_fn = fn
        return out

    def relu(self):
        out = Tensor(np.maximum(self.data, 0), _prev=(self,))
        out._grad_fn = lambda g: self._accumulate(g * (self.data > 0))
        return out

    def sigmoid(self):
        s = 1 / (1 + np.exp(-self.data))
        out = Tensor(s, _prev=(self,))
        out._grad_fn = lambda g: self._accumulate(g * s * (1 - s))
        return out

    def mse(self, target):
        diff = self.data - target.data
        out = Tensor(np.mean(diff ** 2), _prev=(self,))
        out._grad_fn = lambda g: self._accumulate(g * 2 * diff / diff.size)
        return out

    def backward(self):
        order, seen = [], set()

        def build(v):
            if v in seen:
                return
            seen.add(v)
            for p in v._prev:
                build(p)
            order.append(v)
        build(self)
        self.grad = np.ones_like(self.data)
        for v in reversed(order):
            if v._grad_fn is not None:
                v._grad_fn(v.grad)


class Linear:
    def __init__(self, weight, bias):
        self.weight = Tensor(weight, requires_grad=True)
        self.bias = Tensor(bias, requires_grad=True)

    def __call__(self, x):
        return x @ self.weight + self.bias

    def parameters(self):
        return [self.weight, self.bias]


class SGD:
    def __init__(self, parameters, lr):
        self.parameters = list(parameters)
        self.lr = lr

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None

    def step(self):
        for p in self.parameters:
            p.data -= self.lr * p.grad


def train(params, x, t, lr, batches):
    fc1, fc2, fc3 = (Linear(params["W%d" % i], params["b%d" % i]) for i in (1, 2, 3))
    optimizer = SGD(fc1.parameters() + fc2.parameters() + fc3.parameters(), lr)
    optimizer.zero_grad()
    for batch in batches:
        out = fc3(fc2(fc1(Tensor(x[batch])).relu()).sigmoid())
        loss = out.mse(Tensor(t[batch]))
        loss.backward()
        optimizer.step()
    return {name: p.data for name, p in
            zip(("W1", "b1", "W2", "b2", "W3", "b3"), optimizer.parameters)}


if __name__ == "__main__":
    # independent forward pass and central differences
    def right_loss(p, x, t):
        h = x
        z = h @ p["W1"] + p["b1"]
        h = np.maximum(z, 0.0)
        z = h @ p["W2"] + p["b2"]
        h = 1.0 / (1.0 + np.exp(-z))
        z = h @ p["W3"] + p["b3"]
        h = z
        y, (N, C) = h, t.shape
        return np.sum((y-t)**2) / (N*C)

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

    def right_train(p, x, t, lr, batches):
        p = {k: v.copy() for k, v in p.items()}
        for rows in batches:
            g = right_grads(p, x[rows], t[rows])
            for k in p:
                p[k] = p[k] - lr * g[k]
        return p

    def worst(got, want):
        assert set(got) == set(want)
        assert all(np.shape(got[k]) == np.shape(want[k]) for k in want)
        return max(np.abs(got[k] - want[k]).max() / max(np.abs(want[k]).max(), 1e-8) for k in want)

    rng = np.random.default_rng(139)
    for *widths, n in [(5, 5, 3, 1, 8), (5, 6, 4, 3, 6)]:
        p = {}
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            p["W%d" % i] = rng.normal(size=(a, b)) * 0.8
            p["b%d" % i] = rng.normal(size=b) * 0.3
        x = rng.normal(size=(n, widths[0]))
        t = rng.normal(size=(n, widths[-1]))
        batches = [[0, 2, 1], [3, 4], [1, 4, 0, 2], [2], [3, 0]]
        error = worst(train(p, x, t, 0.1, batches), right_train(p, x, t, 0.1, batches))
        assert error > 1e-4, error
        print(widths, n, "worst relative difference", error)
