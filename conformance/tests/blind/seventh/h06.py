"""tinytensor: reverse mode autodiff over numpy arrays in about 100 lines."""
import numpy as np

NETWORK = {"inputs": 3,
           "layers": [{"units": 6, "activation": "relu"}, {"units": 4, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y)) / N",
           "bias": True,
           "l2": None,
           "optimizer": None}


def unbroadcast(grad, shape):
    """Reduce grad to the shape the operand had before numpy broadcast it."""
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    return grad


class Tensor:
    def __init__(self, data, parents=(), backward_fn=None):
        self.data = np.asarray(data, dtype=np.float64)
        self.grad = None
        self.parents = parents
        self.backward_fn = backward_fn

    def accumulate(self, g):
        g = unbroadcast(np.asarray(g), self.data.shape)
        self.grad = g if self.grad is None else self.grad + g

    def __add__(self, o):
        return Tensor(self.data + o.data, (self, o), lambda g: (g, g))

    def __mul__(self, o):
        return Tensor(self.data * o.data, (self, o), lambda g: (g * o.data, g * self.data))

    def __truediv__(self, o):
        return Tensor(self.data / o.data, (self, o),
                      lambda g: (g / o.data, -g * self.data / o.data ** 2))

    def __matmul__(self, o):
        return Tensor(self.data @ o.data, (self, o),
                      lambda g: (g @ o.data.T, self.data.T @ g))

    def relu(self):
        return Tensor(np.maximum(self.data, 0), (self,), lambda g: (g * (self.data > 0),))

    def exp(self):
        out = np.exp(self.data)
        return Tensor(out, (self,), lambda g: (g * out,))

    def log(self):
        return Tensor(np.log(self.data), (self,), lambda g: (g / self.data,))

    def sum(self, axis=None, keepdims=False):
        return Tensor(self.data.sum(axis=axis, keepdims=keepdims), (self,),
                      lambda g: (g * np.ones_like(self.data),))

    def backward(self):
        topo, seen = [], set()

        def visit(node):
            if id(node) in seen:
                return
            seen.add(id(node))
            for p in node.parents:
                visit(p)
            topo.append(node)
        visit(self)
        self.grad = np.ones_like(self.data)
        for node in reversed(topo):
            if node.backward_fn is None:
                continue
            for p, g in zip(node.parents, node.backward_fn(node.grad)):
                p.accumulate(g)


def softmax(z):
    shift = Tensor(-z.data.max(axis=1, keepdims=True))
    e = (z + shift).exp()
    return e / e.sum(axis=1, keepdims=True)


def evaluate(params, x, t):
    p = {k: Tensor(v) for k, v in params.items()}
    h = (Tensor(x) @ p["W1"] + p["b1"]).relu()
    y = softmax(h @ p["W2"] + p["b2"])
    loss = (Tensor(t) * y.log()).sum() * Tensor(-1.0 / len(x))
    loss.backward()
    return float(loss.data), {k: v.grad for k, v in p.items()}


if __name__ == "__main__":
    # ---- self-check: plain forward pass and central differences at other widths
    def _act(z, layer):
        kind = layer["activation"]
        if kind == "softmax":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        return {"relu": lambda: np.maximum(z, 0),
                "leaky_relu": lambda: np.where(z > 0, z, layer.get("slope", 0) * z),
                "elu": lambda: np.where(z > 0, z, layer.get("alpha", 0) * (np.exp(np.minimum(z, 0)) - 1)),
                "sigmoid": lambda: 1 / (1 + np.exp(-z)),
                "tanh": lambda: np.tanh(z),
                "softplus": lambda: np.log(1 + np.exp(z)),
                "silu": lambda: z / (1 + np.exp(-z)),
                "gelu": lambda: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z ** 3))),
                "linear": lambda: z}[kind]()

    def _loss(p, x, t):
        y = x
        for i, layer in enumerate(NETWORK["layers"], 1):
            y = _act(y @ p[f"W{i}"] + p[f"b{i}"], layer)
        env = {"y": y, "t": t, "N": len(x), "C": t.shape[1], "sum": np.sum, "mean": np.mean, "log": np.log}
        value = eval(NETWORK["loss_formula"], dict(env))
        if NETWORK["l2"]:
            env["lam"] = NETWORK["l2"]["lambda"]
            env["sumW2"] = sum((p[k] ** 2).sum() for k in p if k.startswith("W"))
            value = value + eval(NETWORK["l2"]["formula"].replace("lambda", "lam"), env)
        return float(value)

    def _numgrad(p, x, t, h=1e-5):
        out = {}
        for k in p:
            out[k] = np.zeros(p[k].shape)
            for i in np.ndindex(*p[k].shape):
                q = {n: v.copy() for n, v in p.items()}
                q[k][i] += h
                up = _loss(q, x, t)
                q[k][i] -= 2 * h
                out[k][i] = (up - _loss(q, x, t)) / (2 * h)
        return out

    def _make(seed, widths, n):
        r = np.random.default_rng(seed)
        p = {}
        for i in range(1, len(widths)):
            p[f"W{i}"] = r.normal(size=(widths[i - 1], widths[i])) * 0.7
            p[f"b{i}"] = r.normal(size=widths[i]) * 0.5
        x = r.normal(size=(n, widths[0]))
        if NETWORK["loss"] == "cross_entropy":
            t = np.eye(widths[-1])[r.integers(0, widths[-1], n)]
        elif NETWORK["loss"] == "binary_cross_entropy":
            t = r.integers(0, 2, (n, widths[-1])).astype(float)
        else:
            t = r.uniform(0, 1, (n, widths[-1]))
        return p, x, t

    def _differs(got, want):
        assert np.shape(got) == np.shape(want), (np.shape(got), np.shape(want))
        return bool(np.max(np.abs(np.asarray(got) - want)) > 1e-5 * max(1.0, np.max(np.abs(want))))

    def _copy(p):
        return {k: v.copy() for k, v in p.items()}

    _units = [NETWORK["inputs"]] + [layer["units"] for layer in NETWORK["layers"]]
    for _seed, _widths, _n in ((0, [u + 1 + i % 2 for i, u in enumerate(_units)], 9),
                               (1, [max(2, u - 1) + (i == len(_units) - 1) for i, u in enumerate(_units)], 11)):
        p, x, t = _make(_seed, _widths, _n)
        loss, grads = evaluate(_copy(p), x.copy(), t.copy())
        ref = _numgrad(p, x, t)
        assert set(grads) == set(p)
        assert _differs(loss, _loss(p, x, t)) == False, ("loss", loss, _loss(p, x, t))
        wrong = [k for k in p if _differs(grads[k], ref[k])]
        assert wrong == ['W1', 'b1', 'W2', 'b2'], wrong
    print("ok")
