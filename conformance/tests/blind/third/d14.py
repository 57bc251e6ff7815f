import numpy as np

C = np.sqrt(2 / np.pi)


class GELU:
    @staticmethod
    def value(x):
        return 0.5 * x * (1 + np.tanh(C * (x + 0.044715 * x ** 3)))

    @staticmethod
    def prime(x):
        u = np.tanh(C * (x + 0.044715 * x ** 3))
        return 0.5 * (1 + u) + 0.5 * x * (1 - u ** 2) * C * (1 + 0.044715 * x ** 2)


class Tanh:
    @staticmethod
    def value(x):
        return np.tanh(x)

    @staticmethod
    def prime(x):
        return 1 / np.cosh(x) ** 2


class Identity:
    @staticmethod
    def value(x):
        return x

    @staticmethod
    def prime(x):
        return np.ones_like(x)


class Net:
    def __init__(self, W, b, acts):
        self.W, self.b, self.acts = W, b, acts

    def loss_and_grad(self, x, t):
        zs, hs = [], [x]
        for W, b, f in zip(self.W, self.b, self.acts):
            zs.append(hs[-1] @ W + b)
            hs.append(f.value(zs[-1]))
        r = hs[-1] - t
        loss = 0.5 * np.mean(np.sum(r * r, axis=1))
        gW, gb = [None] * len(self.W), [None] * len(self.W)
        g = r / len(x)
        for k in range(len(self.W) - 1, -1, -1):
            g = g * self.acts[k].prime(zs[k])
            gW[k] = hs[k].T @ g
            gb[k] = g.sum(axis=0)
            g = g @ self.W[k].T
        return loss, gW, gb


def evaluate(params, x, t):
    net = Net([params[k] for k in ("W1", "W2", "W3")], [params[k] for k in ("b1", "b2", "b3")],
              [GELU, Tanh, Identity])
    loss, gW, gb = net.loss_and_grad(x, t)
    return loss, {"W1": gW[0], "b1": gb[0], "W2": gW[1], "b2": gb[1], "W3": gW[2], "b3": gb[2]}


NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "gelu"}, {"units": 4, "activation": "tanh"},
                                   {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "0.5*sum((y-t)**2) / N",
           "bias": True, "l2": None, "optimizer": None}
