import numpy as np


class Neuralnet:
    """column vectors, one example at a time, momentum"""

    def __init__(self, weights, biases, momentum=0.9):
        self.W = weights
        self.b = biases
        self.mom = momentum
        self.vW = [0 * w for w in weights]
        self.vb = [0 * b for b in biases]

    @staticmethod
    def act(z):
        return np.tanh(z)

    def one_example(self, x, target):
        os = [x]
        for i in range(len(self.W)):
            net = self.W[i] @ os[-1] + self.b[i]
            os.append(net if i == len(self.W) - 1 else self.act(net))
        err = target - os[-1]
        gw, gb = [], []
        for i in reversed(range(len(self.W))):
            gw.insert(0, np.outer(err, os[i]))
            gb.insert(0, err)
            if i:
                err = (self.W[i].T @ err) * (1 + os[i]) * (1 - os[i])
        return gw, gb

    def learn(self, examples, eta):
        n = len(examples)
        up_w = [np.zeros(w.shape) for w in self.W]
        up_b = [np.zeros(b.shape) for b in self.b]
        for x, target in examples:
            gw, gb = self.one_example(x, target)
            for i in range(len(self.W)):
                up_w[i] += gw[i] / n
                up_b[i] += gb[i] / n
        for i in range(len(self.W)):
            self.vW[i] = self.mom * self.vW[i] + eta * up_w[i]
            self.vb[i] = self.mom * self.vb[i] + eta * up_b[i]
            self.W[i] += self.vW[i]
            self.b[i] += self.vb[i]


def train(params, x, t, lr, batches):
    L = len(params) // 2
    nn = Neuralnet([params["W%d" % i].T.copy() for i in range(1, L + 1)],
                   [params["b%d" % i].copy() for i in range(1, L + 1)])
    for batch in batches:
        nn.learn([(x[r], t[r]) for r in batch], lr)
    out = {}
    for i in range(1, L + 1):
        out["W%d" % i] = nn.W[i - 1].T
        out["b%d" % i] = nn.b[i - 1]
    return out


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "tanh"}, {"units": 4, "activation": "tanh"},
                                   {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": {"name": "momentum", "beta": 0.9, "formula": "v = beta*v + g; p -= lr*v"}}
