"""Functional style: every forward function hands back its pullback."""
import numpy as np


def affine(W, b, x):
    def pull(g):
        return g @ W.T, x.T @ g, g.sum(0)
    return x @ W + b, pull


def half_mse(y, t):
    r = y - t
    return 0.5 * (r ** 2).sum() / len(t), lambda: r / len(t)


def hidden_stack(weights, biases, x):
    tape = []
    h = x
    for W, b in zip(weights, biases):
        z, pull_affine = affine(W, b, h)
        h = np.tanh(z)
        tape.append((pull_affine, lambda g: g * (1.0 - h * h)))
    return h, tape


def value_and_grad(weights, biases, x, t):
    h, tape = hidden_stack(weights[:-1], biases[:-1], x)
    y, pull_out = affine(weights[-1], biases[-1], h)
    loss, pull_loss = half_mse(y, t)

    g, dW, db = pull_out(pull_loss())
    dWs, dbs = [dW], [db]
    for pull_affine, pull_act in tape[::-1]:
        g, dW, db = pull_affine(pull_act(g))
        dWs.insert(0, dW)
        dbs.insert(0, db)
    return loss, dWs, dbs


def evaluate(params, x, t):
    n = len(params) // 2
    loss, dWs, dbs = value_and_grad([params[f"W{i+1}"] for i in range(n)],
                                    [params[f"b{i+1}"] for i in range(n)], x, t)
    out = {}
    for i in range(n):
        out[f"W{i+1}"], out[f"b{i+1}"] = dWs[i], dbs[i]
    return loss, out


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "tanh"}, {"units": 4, "activation": "tanh"},
                                   {"units": 4, "activation": "tanh"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
