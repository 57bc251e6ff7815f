import numpy as np


def bce_with_logits(z, t):
    return np.mean(np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))))


def expit(z):
    out = np.empty_like(z)
    pos = z >= 0
    out[pos] = 1 / (1 + np.exp(-z[pos]))
    ez = np.exp(z[~pos])
    out[~pos] = ez / (1 + ez)
    return out


def value_and_grad(p, x, t, slope=0.1):
    pre = np.einsum("nd,dh->nh", x, p["W1"]) + p["b1"]
    hid = np.where(pre > 0, pre, slope * pre)
    logits = np.einsum("nh,hc->nc", hid, p["W2"]) + p["b2"]

    dlogits = (expit(logits) - t) / t.size
    dpre = np.einsum("nc,hc->nh", dlogits, p["W2"]) * np.where(hid > 0, 1.0, slope)
    grad = {
        "W2": np.einsum("nh,nc->hc", hid, dlogits),
        "b2": np.einsum("nc->c", dlogits),
        "W1": np.einsum("nd,nh->dh", x, dpre),
        "b1": np.einsum("nh->h", dpre),
    }
    return bce_with_logits(logits, t), grad


NETWORK = {'inputs': 4,
 'layers': [{'units': 5, 'activation': 'leaky_relu', 'alpha': 0.1}, {'units': 3, 'activation': 'sigmoid'}],
 'loss': 'binary_cross_entropy',
 'loss_formula': '-sum(t*log(y) + (1-t)*log(1-y))/(N*C)',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    loss, grad = value_and_grad(params, x, t)
    return {"loss": float(loss), "gradients": grad}
