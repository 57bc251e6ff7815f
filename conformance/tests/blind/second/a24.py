import numpy as np


class NeuralNet:
    def __init__(self, W1, b1, W2, b2, learning_rate):
        self.theta = [W1.copy(), b1.copy(), W2.copy(), b2.copy()]
        self.eta = learning_rate
        self.beta1, self.beta2, self.eps = 0.9, 0.999, 1e-8

    def gradient(self, X, y):
        W1, b1, W2, b2 = self.theta
        h = np.tanh(X @ W1 + b1)
        out = h @ W2 + b2
        d = (out - y) / X.shape[0]
        dh = d @ W2.T * (1 - h ** 2)
        return [X.T @ dh, dh.sum(axis=0), h.T @ d, d.sum(axis=0)]

    def fit(self, X, y, batches):
        m = [np.zeros_like(p) for p in self.theta]
        v = [np.zeros_like(p) for p in self.theta]
        t = 0
        for batch in batches:
            t += 1
            grads = self.gradient(X[batch], y[batch])
            for i, g in enumerate(grads):
                m[i] = self.beta1 * m[i] + (1 - self.beta1) * g
                v[i] = self.beta2 * v[i] + (1 - self.beta2) * np.square(g)
                m_hat = m[i] / (1 - self.beta1 ** t)
                v_hat = v[i] / (1 - self.beta1 ** t)
                self.theta[i] -= self.eta * m_hat / (np.sqrt(v_hat) + self.eps)
        return self


def train(params, x, t, lr, batches):
    net = NeuralNet(params["W1"], params["b1"], params["W2"], params["b2"], lr).fit(x, t, batches)
    return dict(zip(("W1", "b1", "W2", "b2"), net.theta))


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "tanh"}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y - t)**2) / (2*N)",
           "bias": True, "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}}
