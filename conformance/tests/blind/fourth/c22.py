import numpy as np

SLOPE = 0.1


def leaky(z):
    return np.maximum(z, SLOPE * z)


def stable_sigmoid(z):
    out = np.empty_like(z)
    pos = z >= 0
    out[pos] = 1.0 / (1.0 + np.exp(-z[pos]))
    ez = np.exp(z[~pos])
    out[~pos] = ez / (1.0 + ez)
    return out


def bce_from_logits(z, t):
    # log(1 + exp(z)) - t*z, without overflow
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z)))


class LogisticMLP:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, X):
        self.A = [X]
        for W, b in zip(self.W[:-1], self.b[:-1]):
            self.A.append(leaky(self.A[-1] @ W + b))
        return self.A[-1] @ self.W[-1] + self.b[-1]

    def backward(self, logits, T):
        scale = 1.0 / T.size
        D = stable_sigmoid(logits) - T
        dW, db = [], []
        for l in range(len(self.W) - 1, -1, -1):
            dW.append(self.A[l].T @ D * scale)
            db.append(np.ones(len(T)) @ D * scale)
            if l > 0:
                # sign of the output equals the sign of the pre-activation
                D = D @ self.W[l].T
                D[self.A[l] < 0] *= SLOPE
        return dW[::-1], db[::-1]


def evaluate(params, x, t):
    L = len(params) // 2
    net = LogisticMLP([params["W%d" % i] for i in range(1, L + 1)], [params["b%d" % i] for i in range(1, L + 1)])
    z = net.forward(x)
    dW, db = net.backward(z, t)
    g = {}
    for i in range(L):
        g["W%d" % (i + 1)], g["b%d" % (i + 1)] = dW[i], db[i]
    return bce_from_logits(z, t).mean(), g


NETWORK = {"inputs": 4, "layers": [{"units": 6, "activation": "leaky_relu", "slope": 0.1},
                                   {"units": 5, "activation": "leaky_relu", "slope": 0.1},
                                   {"units": 3, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-mean(t*log(y) + (1-t)*log(1-y))",
           "bias": True, "l2": None, "optimizer": None}
