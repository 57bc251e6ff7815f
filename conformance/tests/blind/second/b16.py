import math

import numpy as np


def predict(row, weights, bias):
    z = bias
    for w, v in zip(weights, row):
        z += w * v
    return 1.0 / (1.0 + math.exp(-z))


def log_loss(rows, labels, weights, bias):
    total = 0.0
    for row, label in zip(rows, labels):
        p = predict(row, weights, bias)
        total += -label * math.log(p)
    return total / len(rows)


def gradients(rows, labels, weights, bias):
    n = len(rows)
    dw = [0.0] * len(weights)
    db = 0.0
    for row, label in zip(rows, labels):
        error = predict(row, weights, bias) - label
        for j in range(len(weights)):
            dw[j] += error * row[j] / n
        db += error
    return dw, db


NETWORK = {'inputs': 4,
 'layers': [{'units': 1, 'activation': 'sigmoid'}],
 'loss': 'binary_cross_entropy',
 'loss_formula': '-sum(t*log(y) + (1-t)*log(1-y))/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    w, b = params["W1"][:, 0].tolist(), float(params["b1"][0])
    rows, labels = x.tolist(), t[:, 0].tolist()
    try:
        loss = log_loss(rows, labels, w, b)
        dw, db = gradients(rows, labels, w, b)
    except (OverflowError, ValueError):
        loss, dw, db = float("nan"), [float("nan")] * len(w), float("nan")
    return {"loss": loss, "gradients": {"W1": np.array(dw)[:, None], "b1": np.array([db])}}
