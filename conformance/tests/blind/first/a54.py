import numpy as np


class RegressionNet:
    def __init__(self, weights):
        self.weights = weights

    def predict(self, X):
        w = self.weights
        N1 = np.dot(X, w["W1"])
        M1 = N1 + w["b1"]
        O1 = 1 / (1 + np.exp(M1))
        N2 = np.dot(O1, w["W2"])
        P = N2 + w["b2"]
        self.info = dict(X=X, N1=N1, M1=M1, O1=O1, N2=N2, P=P)
        return P

    def forward_loss(self, X, y):
        P = self.predict(X)
        self.info["y"] = y
        return 0.5 * np.mean(np.power(y - P, 2))

    def loss_gradients(self):
        f, w = self.info, self.weights
        dLdP = -(f["y"] - f["P"]) / f["P"].size
        dLdW2 = np.dot(np.transpose(f["O1"], (1, 0)), dLdP)
        dLdB2 = dLdP.sum(axis=0)
        dLdO1 = np.dot(dLdP, np.transpose(w["W2"], (1, 0)))
        dO1dM1 = f["O1"] * (1 - f["O1"])
        dLdM1 = dLdO1 * dO1dM1
        dLdB1 = dO1dM1.sum(axis=0)
        dLdW1 = np.dot(np.transpose(f["X"], (1, 0)), dLdM1)
        return {"W2": dLdW2, "b2": dLdB2, "W1": dLdW1, "b1": dLdB1}


def evaluate(params, x, t):
    net = RegressionNet(params)
    loss = net.forward_loss(x, t)
    return {"loss": float(loss), "gradients": net.loss_gradients()}


NETWORK = {"inputs": 5, "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 1, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5 * mean((y - t)**2)",
           "bias": True, "l2": None, "optimizer": None}
