import math


def dot(u, v):
    return sum(a * b for a, b in zip(u, v))


def columns(M):
    return [list(c) for c in zip(*M)]


def zeros(M):
    return [[0.0] * len(r) for r in M]


def nn_loss(X, T, V, W):
    """X -> V -> tanh -> W -> sigmoid; returns cost, dV, dW"""
    dV, dW, cost = zeros(V), zeros(W), 0.0
    n = len(X)
    for x, t in zip(X, T):
        h = [math.tanh(dot(x, c)) for c in columns(V)]
        y = [1.0 / (1.0 + math.exp(-dot(h, c))) for c in columns(W)]
        delta_out = []
        for yk, tk in zip(y, t):
            cost += (yk - tk) ** 2 / n
            delta_out.append(2.0 * (yk - tk) * yk * (1.0 - yk) / n)
        delta_hid = [(1.0 - h[j] ** 2) * dot(W[j], delta_out) for j in range(len(h))]
        for j in range(len(h)):
            for k in range(len(y)):
                dW[j][k] += h[j] * delta_out[k]
        for i in range(len(x)):
            for j in range(len(h)):
                dV[i][j] += x[i] * delta_hid[j]
    return cost, dV, dW


def evaluate(params, x, t):
    import numpy as np
    cost, dV, dW = nn_loss(x.tolist(), t.tolist(), params["W1"].tolist(), params["W2"].tolist())
    return {"loss": cost, "gradients": {"W1": np.array(dV), "W2": np.array(dW)}}


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "tanh"}, {"units": 2, "activation": "sigmoid"}],
           "loss": "squared_error", "loss_formula": "sum((y - t)**2) / N",
           "bias": False, "l2": None, "optimizer": None}
