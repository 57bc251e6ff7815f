import numpy as np


class Op:
    def __init__(self, *inputs):
        self.inputs = inputs

    @classmethod
    def call(cls, *args):
        args = [a if isinstance(a, Var) else Var(a) for a in args]
        op = cls(*args)
        out = Var(op.forward(*[a.value for a in args]))
        out.creator = op
        return out


class Var:
    def __init__(self, value):
        self.value = np.asarray(value, dtype=float)
        self.grad = 0.0
        self.creator = None

    def __add__(self, o): return Add.call(self, o)
    def __mul__(self, o): return Mul.call(self, o)
    def __truediv__(self, o): return Div.call(self, o)
    def __matmul__(self, o): return MatMul.call(self, o)
    def __neg__(self): return Mul.call(self, -1.0)


def reduce_to(g, like):
    g = np.asarray(g)
    extra = g.ndim - like.ndim
    if extra > 0:
        g = g.sum(axis=tuple(range(extra)))
    axes = tuple(i for i, n in enumerate(like.shape) if n == 1)
    return g.sum(axis=axes, keepdims=True) if axes else g


class Add(Op):
    def forward(self, a, b): return a + b
    def backward(self, g, a, b): return reduce_to(g, a), reduce_to(g, b)


class Mul(Op):
    def forward(self, a, b): return a * b
    def backward(self, g, a, b): return reduce_to(g * b, a), reduce_to(g * a, b)


class Div(Op):
    def forward(self, a, b): return a / b
    def backward(self, g, a, b): return reduce_to(g / b, a), reduce_to(-g * a / b, b)


class MatMul(Op):
    def forward(self, a, b): return a @ b
    def backward(self, g, a, b): return g @ b.T, a.T @ g


class Exp(Op):
    def forward(self, a): return np.exp(a)
    def backward(self, g, a): return (g * np.exp(a),)


class Log(Op):
    def forward(self, a): return np.log(a)
    def backward(self, g, a): return (g / a,)


class Tanh(Op):
    def forward(self, a): return np.tanh(a)
    def backward(self, g, a): return (g * (1 - np.tanh(a) ** 2),)


class RowSum(Op):
    def forward(self, a): return a.sum(axis=1, keepdims=True)
    def backward(self, g, a): return (np.repeat(g, a.shape[1], axis=1),)


class Mean(Op):
    def forward(self, a): return a.mean()
    def backward(self, g, a): return (np.full(a.shape, g),)


def backward(var):
    order, seen = [], set()

    def walk(v):
        if id(v) in seen:
            return
        seen.add(id(v))
        if v.creator is not None:
            for i in v.creator.inputs:
                walk(i)
            order.append(v)
    walk(var)
    var.grad = np.ones_like(var.value)
    for v in order[::-1]:
        ins = v.creator.inputs
        for i, g in zip(ins, v.creator.backward(v.grad, *[i.value for i in ins])):
            i.grad = i.grad + g


def softmax(z):
    shift = Var(-z.value.max(axis=1, keepdims=True))
    e = Exp.call(z + shift)
    return e / RowSum.call(e)


def evaluate(params, x, t):
    P = {k: Var(v) for k, v in params.items()}
    n = len(params) // 2
    h = Var(x)
    for i in range(1, n):
        h = Tanh.call(h @ P["W%d" % i] + P["b%d" % i])
    y = softmax(h @ P["W%d" % n] + P["b%d" % n])
    loss = Mean.call(-RowSum.call(Log.call(y) * t))
    backward(loss)
    return float(loss.value), {k: v.grad for k, v in P.items()}


NETWORK = {"inputs": 3, "layers": [{"units": 4, "activation": "tanh"}, {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy", "loss_formula": "-sum(t*log(y)) / N",
           "bias": True, "l2": None, "optimizer": None}
