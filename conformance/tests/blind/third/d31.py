import numpy as np


def init_state(net):
    return [{"sW": np.zeros_like(l["W"]), "sb": np.zeros_like(l["b"])} for l in net]


def forward(net, x):
    for l in net[:-1]:
        l["in"] = x
        x = l["out"] = np.tanh(x.dot(l["W"]) + l["b"])
    net[-1]["in"] = x
    return x.dot(net[-1]["W"]) + net[-1]["b"]


def backward(net, y, t):
    d = (y - t) / y.shape[0]
    for k in reversed(range(len(net))):
        l = net[k]
        l["dW"] = l["in"].T.dot(d)
        l["db"] = d.sum(axis=0)
        if k > 0:
            d = d.dot(l["W"].T) * (1 - net[k - 1]["out"] ** 2)


def rmsprop(net, state, lr, rho=0.9, eps=1e-8):
    for l, s in zip(net, state):
        s["sW"] = rho * s["sW"] + (1 - rho) * l["dW"] ** 2
        l["W"] = l["W"] - lr * l["dW"] / (np.sqrt(s["sW"]) + eps)
        s["sb"] = (1 - rho) * s["sb"] + rho * l["db"] ** 2
        l["b"] = l["b"] - lr * l["db"] / (np.sqrt(s["sb"]) + eps)


def train(params, x, t, lr, batches):
    n = len(params) // 2
    net = [{"W": params["W%d" % i], "b": params["b%d" % i]} for i in range(1, n + 1)]
    state = init_state(net)
    for rows in batches:
        backward(net, forward(net, x[rows]), t[rows])
        rmsprop(net, state, lr)
    out = {}
    for i, l in enumerate(net, 1):
        out["W%d" % i], out["b%d" % i] = l["W"], l["b"]
    return out


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "tanh"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2) / N",
           "bias": True, "l2": None,
           "optimizer": {"name": "rmsprop", "rho": 0.9, "eps": 1e-8,
                         "formula": "s = rho*s + (1-rho)*g**2; p -= lr*g/(sqrt(s) + eps)"}}
