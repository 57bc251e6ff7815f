import numpy as np


class NN:
    def __init__(self, sizes):
        self.W = [np.random.randn(i, j) for i, j in zip(sizes[:-1], sizes[1:])]
        self.B = [np.random.randn(j) for j in sizes[1:]]

    def sig(self, v):
        return 1 / (1 + np.exp(-v))

    def sig_prime(self, out):
        return out * (1 - out)

    def run(self, v):
        outs = [v]
        for w, b in zip(self.W, self.B):
            v = self.sig(v @ w + b)
            outs.append(v)
        return outs

    def grads(self, xs, ys):
        dW = [np.zeros_like(w) for w in self.W]
        dB = [np.zeros_like(b) for b in self.B]
        loss = 0.0
        for v, y in zip(xs, ys):
            outs = self.run(v)
            err = outs[-1] - y
            loss += np.sum(err ** 2)
            delta = err * self.sig_prime(outs[-1])
            for l in reversed(range(len(self.W))):
                dW[l] += np.outer(outs[l], delta)
                dB[l] += np.sum(delta)
                delta = (self.W[l] @ delta) * self.sig_prime(self.sig(outs[l]))
        n = len(xs)
        return loss / n, [d / n for d in dW], [d / n for d in dB]


NETWORK = {'inputs': 3,
 'layers': [{'units': 4, 'activation': 'sigmoid'}, {'units': 2, 'activation': 'sigmoid'}],
 'loss': 'squared_error',
 'loss_formula': '0.5*sum((y-t)**2)/N',
 'bias': True,
 'l2': None,
 'optimizer': None}


def evaluate(params, x, t):
    nn = NN([x.shape[1], params["W1"].shape[1], t.shape[1]])
    nn.W = [params["W1"].copy(), params["W2"].copy()]
    nn.B = [params["b1"].copy(), params["b2"].copy()]
    loss, dW, dB = nn.grads(list(x), list(t))
    return {"loss": float(loss), "gradients": {"W1": dW[0], "W2": dW[1], "b1": dB[0], "b2": dB[1]}}
