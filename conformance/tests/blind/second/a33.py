import numpy as np

def relu(Z):
    return Z * (Z > 0)

def forward(X, P):
    c = {"A0": X}
    for l in (1, 2):
        c["Z%d" % l] = P["W%d" % l] @ c["A%d" % (l - 1)] + P["b%d" % l]
        c["A%d" % l] = relu(c["Z%d" % l])
    c["Z3"] = P["W3"] @ c["A2"] + P["b3"]
    e = np.exp(c["Z3"] - c["Z3"].max(axis=0))
    c["A3"] = e / e.sum(axis=0)
    return c

def cost(A3, Y):
    return np.sum(-Y * np.log(A3)) / Y.shape[1]

def backward(P, c, Y):
    m = Y.shape[1]
    g = {}
    dZ = c["A3"] - Y
    for l in (3, 2, 1):
        g["W%d" % l] = dZ @ c["A%d" % (l - 1)].T / m
        g["b%d" % l] = dZ.mean(axis=1, keepdims=True)
        if l > 1:
            dZ = (P["W%d" % l].T @ dZ) * (c["A%d" % (l - 1)] > 0)
    return g

def evaluate(params, x, t):
    P = {k: (v.T if k[0] == "W" else v[:, None]) for k, v in params.items()}
    c = forward(x.T, P)
    g = backward(P, c, t.T)
    return {"loss": float(cost(c["A3"], t.T)),
            "gradients": {k: (v.T if k[0] == "W" else v[:, 0]) for k, v in g.items()}}

NETWORK = {"inputs": 3,
           "layers": [{"units": 5, "activation": "relu"}, {"units": 4, "activation": "relu"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
