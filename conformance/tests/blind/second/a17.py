import numpy as np


class Network:
    def __init__(self, W1, b1, W2, b2):
        self.W = [W1, W2]
        self.b = [b1, b2]

    def softmax(self, z):
        e = np.exp(z - z.max())
        return e / e.sum()

    def sample(self, x, t):
        z1 = self.W[0] @ x + self.b[0]
        a1 = np.tanh(z1)
        z2 = self.W[1] @ a1 + self.b[1]
        a2 = self.softmax(z2)
        loss = -np.sum(t * np.log(a2))

        dL_da2 = -t / a2
        jacobian = np.diag(a2.ravel()) - a2 @ a2.T
        dL_dz2 = jacobian @ dL_da2
        dL_da1 = self.W[1].T @ dL_dz2
        dL_dz1 = dL_da1 * (1 - np.tanh(z1) ** 2)
        return loss, [dL_dz1 @ x.T, dL_dz2 @ a1.T], [dL_dz1, dL_dz2]

    def batch(self, X, T):
        total, gW, gb = 0.0, [0, 0], [0, 0]
        for x, t in zip(X, T):
            loss, dW, db = self.sample(x, t)
            total += loss
            gW = [g + d for g, d in zip(gW, dW)]
            gb = [g + d for g, d in zip(gb, db)]
        return total, gW, gb


def evaluate(params, x, t):
    net = Network(params["W1"].T, params["b1"][:, None], params["W2"].T, params["b2"][:, None])
    loss, gW, gb = net.batch(x[:, :, None], t[:, :, None])
    return {"loss": float(loss), "gradients": {"W1": gW[0].T, "b1": gb[0].ravel(), "W2": gW[1].T, "b2": gb[1].ravel()}}


NETWORK = {"inputs": 4, "layers": [{"units": 5, "activation": "tanh"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y))",
           "bias": True, "l2": None, "optimizer": None}
