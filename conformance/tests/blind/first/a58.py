class Scalar:
    """value, and for each parent the local derivative"""

    def __init__(self, value, parents=()):
        self.value = value
        self.parents = parents
        self.grad = 0.0

    def __add__(self, o):
        o = lift(o)
        return Scalar(self.value + o.value, ((self, 1.0), (o, 1.0)))

    def __sub__(self, o):
        o = lift(o)
        return Scalar(self.value - o.value, ((self, 1.0), (o, -1.0)))

    def __mul__(self, o):
        o = lift(o)
        return Scalar(self.value * o.value, ((self, o.value), (o, self.value)))

    def __truediv__(self, o):
        o = lift(o)
        return Scalar(self.value / o.value, ((self, 1 / o.value), (o, -self.value / o.value ** 2)))

    def relu(self):
        on = 1.0 if self.value > 0 else 0.0
        return Scalar(self.value * on, ((self, on),))


def lift(v):
    return v if isinstance(v, Scalar) else Scalar(float(v))


def backprop(root):
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((p, False) for p, _ in node.parents)
    root.grad = 1.0
    for node in reversed(order):
        for p, d in node.parents:
            p.grad += d * node.grad


def layer(inputs, W, b, relu):
    out = []
    for j in range(len(b)):
        z = b[j]
        for i, v in enumerate(inputs):
            z = z + W[i][j] * v
        out.append(z.relu() if relu else z)
    return out


def loss_of(rows, targets, weights):
    total = Scalar(0.0)
    for row, want in zip(rows, targets):
        h = row
        for k, (W, b) in enumerate(weights):
            h = layer(h, W, b, relu=k < len(weights) - 1)
        for y, w in zip(h, want):
            e = y - w
            total = total + e * e
    return total / (2 * len(rows))


def evaluate(params, x, t):
    import numpy as np
    n = len(params) // 2
    ws = [([[Scalar(float(v)) for v in r] for r in params["W%d" % k]], [Scalar(float(v)) for v in params["b%d" % k]])
          for k in range(1, n + 1)]
    loss = loss_of(x.tolist(), t.tolist(), ws)
    backprop(loss)
    grads = {}
    for k, (W, b) in enumerate(ws, 1):
        grads["W%d" % k] = np.array([[v.grad for v in r] for r in W])
        grads["b%d" % k] = np.array([v.grad for v in b])
    return {"loss": loss.value, "gradients": grads}


NETWORK = {"inputs": 2, "layers": [{"units": 4, "activation": "relu"}, {"units": 3, "activation": "relu"},
                                   {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y - t)**2) / (2*N)",
           "bias": True, "l2": None, "optimizer": None}
