import math
import numpy as np


def relu(v):
    return v if v > 0 else 0.0


class NN:
    def __init__(self, w, b):
        self.w, self.b = w, b

    def feedforward(self, x):
        self.outs, self.nets = [x], []
        for l in range(len(self.w)):
            nets = [self.b[l][j] + sum(self.w[l][i][j] * self.outs[-1][i] for i in range(len(self.outs[-1])))
                    for j in range(len(self.b[l]))]
            self.nets.append(nets)
            if l < len(self.w) - 1:
                self.outs.append([relu(v) for v in nets])
            else:
                self.outs.append([1.0 / (1.0 + math.exp(-v)) for v in nets])
        return self.outs[-1]

    def loss(self, t):
        return -sum(tk * math.log(yk) + (1 - tk) * math.log(1 - yk) for yk, tk in zip(self.outs[-1], t))

    def backprop(self, t, gw, gb):
        y = self.outs[-1]
        deltas = [(yk - tk) * yk * (1 - yk) for yk, tk in zip(y, t)]
        for l in range(len(self.w) - 1, -1, -1):
            for j, d in enumerate(deltas):
                for i, a in enumerate(self.outs[l]):
                    gw[l][i][j] += d * a
                gb[l][j] += d
            if l > 0:
                deltas = [sum(self.w[l][i][j] * deltas[j] for j in range(len(deltas)))
                          * (1.0 if self.nets[l - 1][i] > 0 else 0.1)
                          for i in range(len(self.outs[l]))]


def evaluate(params, x, t):
    L = len(params) // 2
    w = [params["W%d" % (l + 1)].tolist() for l in range(L)]
    b = [params["b%d" % (l + 1)].tolist() for l in range(L)]
    gw = [[[0.0] * len(r) for r in m] for m in w]
    gb = [[0.0] * len(r) for r in b]
    net, total = NN(w, b), 0.0
    for row, target in zip(x.tolist(), t.tolist()):
        net.feedforward(row)
        total += net.loss(target)
        net.backprop(target, gw, gb)
    grads = {}
    for l in range(L):
        grads["W%d" % (l + 1)], grads["b%d" % (l + 1)] = np.array(gw[l]), np.array(gb[l])
    return {"loss": total, "gradients": grads}


NETWORK = {"inputs": 2,
           "layers": [{"units": 4, "activation": "relu"}, {"units": 3, "activation": "relu"},
                      {"units": 1, "activation": "sigmoid"}],
           "loss": "binary_cross_entropy", "loss_formula": "-sum(t*log(y) + (1-t)*log(1-y))",
           "bias": True, "l2": None, "optimizer": None}
