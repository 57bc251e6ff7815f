import numpy as np

NETWORK = {"inputs": 3, "layers": [{"units": 5, "activation": "elu", "alpha": 0.5}, {"units": 3, "activation": "elu", "alpha": 0.5}, {"units": 2, "activation": "linear"}],
           "loss": "squared_error", "loss_formula": "sum((y-t)**2)/(N*C)", "bias": True, "l2": None, "optimizer": None}

ALPHA = 0.5


def affine_forward(x, w, b):
    return x.dot(w) + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return dout.dot(w.T), x.T.dot(dout), dout.sum(axis=0)


def elu_forward(x):
    out = np.where(x > 0, x, ALPHA * np.expm1(np.minimum(x, 0)))
    return out, (x, out)


def elu_backward(dout, cache):
    x, out = cache
    return dout * np.where(x > 0, 1.0, out + 1.0)


def mse_loss(pred, target):
    diff = pred - target
    return np.mean(diff ** 2), 2 * diff / diff.size


def evaluate(params, x, t):
    h1, c1 = affine_forward(x, params["W1"], params["b1"])
    a1, e1 = elu_forward(h1)
    h2, c2 = affine_forward(a1, params["W2"], params["b2"])
    a2, e2 = elu_forward(h2)
    out, c3 = affine_forward(a2, params["W3"], params["b3"])
    loss, dout = mse_loss(out, t)
    grads = {}
    da2, grads["W3"], grads["b3"] = affine_backward(dout, c3)
    da1, grads["W2"], grads["b2"] = affine_backward(elu_backward(da2, e2), c2)
    _, grads["W1"], grads["b1"] = affine_backward(elu_backward(da1, e1), c1)
    return loss, grads


if __name__ == "__main__":
    # Independent check: a plain forward pass, central differences, and the update rule in the textbook's words.
    def _activation(spec, z):
        name = spec["activation"]
        if name == "softmax":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        return {
            "relu": lambda: np.maximum(z, 0), "leaky_relu": lambda: np.where(z > 0, z, spec.get("slope", 0) * z),
            "elu": lambda: np.where(z > 0, z, spec.get("alpha", 1) * (np.exp(np.minimum(z, 0)) - 1)),
            "sigmoid": lambda: 1 / (1 + np.exp(-z)), "tanh": lambda: np.tanh(z), "softplus": lambda: np.log(1 + np.exp(z)),
            "silu": lambda: z / (1 + np.exp(-z)), "linear": lambda: z,
            "gelu": lambda: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z ** 3))),
        }[name]()

    def _loss(p, x, t):
        y = x
        for i, spec in enumerate(NETWORK["layers"], 1):
            y = y @ p[f"W{i}"]
            if NETWORK["bias"]:
                y = y + p[f"b{i}"]
            y = _activation(spec, y)
        names = {"y": y, "t": t, "N": len(x), "C": t.shape[1], "sum": np.sum, "log": np.log, "mean": np.mean, "abs": np.abs, "maximum": np.maximum}
        value = eval(NETWORK["loss_formula"], names)
        if NETWORK["l2"]:
            names.update(lam=NETWORK["l2"]["lambda"], sumW2=sum(np.sum(v ** 2) for k, v in p.items() if k[0] == "W"))
            value = value + eval(NETWORK["l2"]["formula"].replace("lambda", "lam"), names)
        return float(value)

    def _gradient(p, x, t, h=1e-5):
        p = {k: v.copy() for k, v in p.items()}
        grads = {}
        for k, v in p.items():
            grads[k] = np.zeros_like(v)
            for i in np.ndindex(v.shape):
                keep = v[i]
                v[i] = keep + h
                up = _loss(p, x, t)
                v[i] = keep - h
                grads[k][i] = (up - _loss(p, x, t)) / (2 * h)
                v[i] = keep
        return grads

    def _train(p, x, t, lr, batches):
        o = NETWORK["optimizer"] or {"name": "sgd"}
        p = {k: v.copy() for k, v in p.items()}
        m = {k: np.zeros_like(v) for k, v in p.items()}
        s = {k: np.zeros_like(v) for k, v in p.items()}
        if o.get("batch") == 1:
            batches = [[row] for batch in batches for row in batch]
        for count, batch in enumerate(batches, 1):
            g = _gradient(p, x[batch], t[batch])
            for k in p:
                if o["name"] == "sgd":
                    p[k] = p[k] - lr * g[k]
                elif o["name"] == "momentum" and "lr*g" in o["rule"]:
                    m[k] = o["beta"] * m[k] + lr * g[k]
                    p[k] = p[k] - m[k]
                elif o["name"] == "momentum":
                    m[k] = o["beta"] * m[k] + (1 - o["beta"]) * g[k]
                    p[k] = p[k] - lr * m[k]
                elif o["name"] == "rmsprop":
                    s[k] = o["rho"] * s[k] + (1 - o["rho"]) * g[k] ** 2
                    p[k] = p[k] - lr * g[k] / (np.sqrt(s[k]) + o["eps"])
                else:
                    m[k] = o["beta1"] * m[k] + (1 - o["beta1"]) * g[k]
                    s[k] = o["beta2"] * s[k] + (1 - o["beta2"]) * g[k] ** 2
                    mhat, vhat = m[k] / (1 - o["beta1"] ** count), s[k] / (1 - o["beta2"] ** count)
                    p[k] = p[k] - lr * mhat / (np.sqrt(vhat) + o["eps"])
        return p

    def _error(got, want):
        got, want = np.asarray(got, dtype=float), np.asarray(want, dtype=float)
        assert got.shape == want.shape, (got.shape, want.shape)
        return np.max(np.abs(got - want)) / (np.max(np.abs(want)) + 1e-12)

    # (widths, samples, seed, what is expected to be wrong)
    for widths, n, seed, expected in [
        ([3, 5, 3, 2], 7, 100, ['W1', 'W2', 'b1', 'b2']),
        ([2, 4, 6, 1], 5, 101, ['W1', 'W2', 'b1', 'b2']),
    ]:
        rng = np.random.default_rng(seed)
        given = {}
        for i, (fan_in, units) in enumerate(zip(widths, widths[1:]), 1):
            given[f"W{i}"] = rng.normal(size=(fan_in, units)) * 0.8
            if NETWORK["bias"]:
                given[f"b{i}"] = rng.normal(size=units) * 0.5
        x, c = rng.normal(size=(n, widths[0])), widths[-1]
        t = {"cross_entropy": lambda: np.eye(c)[rng.integers(0, c, n)], "binary_cross_entropy": lambda: rng.integers(0, 2, (n, c)).astype(float),
             "squared_error": lambda: rng.uniform(0.1, 0.9, size=(n, c))}[NETWORK["loss"]]()
        params, x_given, t_given = {k: v.copy() for k, v in given.items()}, x.copy(), t.copy()
        errors = {}
        for which in ("", " (second call)"):
            loss, grads = evaluate(params, x_given, t_given)
            assert set(grads) == set(given)
            errors["loss" + which] = _error(loss, _loss(given, x, t))
            right = _gradient(given, x, t)
            for k in given:
                errors[k + which] = _error(grads[k], right[k])
        for k in [k for k in errors if "second" in k]:
            # a second call must say the same as the first
            assert abs(errors[k] - errors[k[:-14]]) < 1e-9, k
            del errors[k]
        errors["argument params"] = max(_error(params[k], given[k]) for k in given)
        errors["argument x"], errors["argument t"] = _error(x_given, x), _error(t_given, t)
        wrong = {k for k, e in errors.items() if not e < 1e-4}
        assert wrong == set(expected), (wrong, errors)
        assert all(e < 2e-6 for k, e in errors.items() if k not in wrong), errors
    print("ok: differs from the right numbers as expected")
