import numpy as np


def forward(p, X):
    cache = {"a0": X}
    cache["z1"] = np.einsum("ni,ij->nj", X, p["W1"]) + p["b1"]
    cache["a1"] = np.logaddexp(0.0, cache["z1"])
    z2 = np.einsum("ni,ij->nj", cache["a1"], p["W2"]) + p["b2"]
    cache["logy"] = z2 - np.logaddexp.reduce(z2, axis=1)[:, None]
    return cache


def log_softmax_jacobian(logy):
    """J[n, k, j] = d log y_k / d z_j of sample n"""
    return np.eye(logy.shape[1]) - np.exp(logy)[:, None, :]


def backward(p, c, T):
    n = T.shape[0]
    dz2 = np.einsum("nk,nkj->nj", -T, log_softmax_jacobian(c["logy"]))
    da1 = np.einsum("nj,ij->ni", dz2, p["W2"])
    dz1 = da1 * (1.0 - np.exp(-c["a1"]))
    return {
        "W2": np.einsum("ni,nj->ij", c["a1"], dz2) / n,
        "b2": np.einsum("nj->j", dz2) / n,
        "W1": np.einsum("ni,nj->ij", c["a0"], dz1) / n,
        "b1": np.einsum("nj->j", dz1) / n,
    }


def loss(c, T):
    return np.mean(-np.einsum("nk,nk->n", c["logy"], T))


def evaluate(params, x, t):
    c = forward(params, x)
    return loss(c, t), backward(params, c, t)


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "softplus"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
