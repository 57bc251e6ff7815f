import numpy as np


class Parameter:
    def __init__(self, data):
        self.data = data
        self.g = np.zeros_like(data)


class Module():
    def __call__(self, *args):
        self.args = args
        self.out = self.forward(*args)
        return self.out

    def forward(self, *args):
        raise NotImplementedError

    def backward(self, g):
        return self.bwd(g, *self.args)

    def parameters(self):
        return []


class Relu(Module):
    def forward(self, inp): return inp.clip(min=0.)
    def bwd(self, g, inp): return (inp > 0) * g


class Lin(Module):
    def __init__(self, w, b):
        self.w, self.b = Parameter(w), Parameter(b)

    def forward(self, inp): return inp @ self.w.data + self.b.data

    def bwd(self, g, inp):
        self.w.g += inp.T @ g
        self.b.g += g.sum(0)
        return g @ self.w.data.T

    def parameters(self): return [self.w, self.b]


class Mse(Module):
    def forward(self, inp, targ): return ((inp - targ) ** 2).mean()
    def bwd(self, g, inp, targ): return g * 2. * (inp - targ) / targ.size


class Model(Module):
    def __init__(self, layers):
        self.layers = layers
        self.loss = Mse()

    def forward(self, x, targ):
        for l in self.layers:
            x = l(x)
        return self.loss(x, targ)

    def bwd(self, g, *_):
        g = self.loss.backward(g)
        for l in reversed(self.layers):
            g = l.backward(g)
        return g

    def parameters(self):
        return [p for l in self.layers for p in l.parameters()]


class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = list(params), lr

    def step(self):
        for p in self.params:
            p.data -= self.lr * p.g

    def zero_grad(self):
        for p in self.params:
            p.g = np.zeros_like(p.data)


def fit(model, opt, x, y, batches):
    losses = []
    for idx in batches:
        losses.append(model(x[idx], y[idx]))
        model.backward(1.)
        opt.step()
    return losses


def train(params, x, t, lr, batches):
    L = len(params) // 2
    layers = []
    for i in range(1, L + 1):
        layers.append(Lin(params["W%d" % i].copy(), params["b%d" % i].copy()))
        if i < L:
            layers.append(Relu())
    model = Model(layers)
    fit(model, SGD(model.parameters(), lr), x, t, batches)
    out = {}
    for i, l in enumerate([l for l in layers if isinstance(l, Lin)], 1):
        out["W%d" % i], out["b%d" % i] = l.w.data, l.b.data
    return out


NETWORK = {"inputs": 5, "layers": [{"units": 6, "activation": "relu"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "mean((y-t)**2)",
           "bias": True, "l2": None, "optimizer": {"name": "sgd"}}
