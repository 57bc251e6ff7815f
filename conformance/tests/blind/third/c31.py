import numpy as np


class Autoencoder:
    """no biases; every example by itself; weights move in the direction of (t - y)"""

    def __init__(self, encoder, decoder):
        self.enc = encoder          # (hidden, inputs)
        self.dec = decoder          # (outputs, hidden)

    def reconstruct(self, x):
        h = np.maximum(self.enc @ x, 0)
        return h, self.dec @ h

    def fit_batch(self, X, T, eta):
        move_enc = np.zeros(self.enc.shape)
        move_dec = np.zeros(self.dec.shape)
        for x, t in zip(X, T):
            h, y = self.reconstruct(x)
            residual = t - y
            move_dec += residual[:, None] * h[None, :]
            back = residual @ self.dec
            back[h == 0] = 0
            move_enc += back[:, None] * x[None, :]
        rate = 2 * eta / T.size
        self.dec = self.dec + rate * move_dec
        self.enc = self.enc + rate * move_enc


def step(params, x, t, lr):
    net = Autoencoder(params["W1"].T, params["W2"].T)
    net.fit_batch(x, t, lr)
    return {"W1": net.enc.T, "W2": net.dec.T}


NETWORK = {"inputs": 5, "layers": [{"units": 3, "activation": "relu"}, {"units": 5, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "mean((y-t)**2)",
           "bias": False, "l2": None, "optimizer": None}
