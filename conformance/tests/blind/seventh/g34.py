# Layer_Dense / Activation / Optimizer_Adam, following the book chapter by chapter
import numpy as np

NETWORK = {"inputs": 4,
           "layers": [{"units": 6, "activation": "relu"}, {"units": 5, "activation": "relu"},
                      {"units": 3, "activation": "softmax"}],
           "loss": "cross_entropy",
           "loss_formula": "-sum(t*log(y))/N",
           "bias": True, "l2": None,
           "optimizer": {"name": "adam", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}}


class Layer_Dense:
    def __init__(self, weights, biases):
        self.weights = weights.copy()
        self.biases = biases.reshape(1, -1).copy()

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class Activation_ReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0


class Activation_Softmax_Loss_CategoricalCrossentropy:
    def forward(self, inputs):
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        y_true = np.argmax(y_true, axis=1)
        self.dinputs = dvalues.copy()
        self.dinputs[range(samples), y_true] -= 1
        self.dinputs = self.dinputs / samples


class Optimizer_Adam:
    def __init__(self, learning_rate=0.001, epsilon=1e-8, beta_1=0.9, beta_2=0.999):
        self.learning_rate = learning_rate
        self.iterations = 0
        self.epsilon, self.beta_1, self.beta_2 = epsilon, beta_1, beta_2

    def update_params(self, layer):
        if not hasattr(layer, "weight_cache"):
            layer.weight_momentums = np.zeros_like(layer.weights)
            layer.weight_cache = np.zeros_like(layer.weights)
            layer.bias_momentums = np.zeros_like(layer.biases)
            layer.bias_cache = np.zeros_like(layer.biases)
        step = self.iterations + 1
        # Update momentum with current gradients
        layer.weight_momentums = self.beta_1 * layer.weight_momentums + (1 - self.beta_1) * layer.dweights
        layer.bias_momentums = self.beta_1 * layer.bias_momentums + (1 - self.beta_1) * layer.dbiases
        # Get corrected momentum
        layer.weight_momentums = layer.weight_momentums / (1 - self.beta_1 ** step)
        layer.bias_momentums = layer.bias_momentums / (1 - self.beta_1 ** step)
        # Update cache with squared current gradients
        layer.weight_cache = self.beta_2 * layer.weight_cache + (1 - self.beta_2) * layer.dweights ** 2
        layer.bias_cache = self.beta_2 * layer.bias_cache + (1 - self.beta_2) * layer.dbiases ** 2
        # Get corrected cache
        layer.weight_cache = layer.weight_cache / (1 - self.beta_2 ** step)
        layer.bias_cache = layer.bias_cache / (1 - self.beta_2 ** step)
        layer.weights += -self.learning_rate * layer.weight_momentums / \
            (np.sqrt(layer.weight_cache) + self.epsilon)
        layer.biases += -self.learning_rate * layer.bias_momentums / \
            (np.sqrt(layer.bias_cache) + self.epsilon)

    def post_update_params(self):
        self.iterations += 1


def train(params, x, t, lr, batches):
    dense1 = Layer_Dense(params["W1"], params["b1"])
    dense2 = Layer_Dense(params["W2"], params["b2"])
    dense3 = Layer_Dense(params["W3"], params["b3"])
    act1, act2 = Activation_ReLU(), Activation_ReLU()
    loss_activation = Activation_Softmax_Loss_CategoricalCrossentropy()
    optimizer = Optimizer_Adam(learning_rate=lr)
    for rows in batches:
        dense1.forward(x[rows])
        act1.forward(dense1.output)
        dense2.forward(act1.output)
        act2.forward(dense2.output)
        dense3.forward(act2.output)
        loss_activation.forward(dense3.output)

        loss_activation.backward(loss_activation.output, t[rows])
        dense3.backward(loss_activation.dinputs)
        act2.backward(dense3.dinputs)
        dense2.backward(act2.dinputs)
        act1.backward(dense2.dinputs)
        dense1.backward(act1.dinputs)

        optimizer.update_params(dense1)
        optimizer.update_params(dense2)
        optimizer.update_params(dense3)
        optimizer.post_update_params()
    return {"W1": dense1.weights, "b1": dense1.biases[0], "W2": dense2.weights, "b2": dense2.biases[0],
            "W3": dense3.weights, "b3": dense3.biases[0]}


if __name__ == "__main__":
    # ---- self-check: plain forward pass, central differences, plain update rules ----
    expected = {1: set(), 2: {"W1", "W2", "W3", "b1", "b2", "b3"}, 4: {"W1", "W2", "W3", "b1", "b2", "b3"}}

    def f(z, layer):
        a = layer["activation"]
        if a == "linear":
            return z
        if a == "relu":
            return np.where(z > 0, z, 0.0)
        if a == "leaky_relu":
            return np.where(z > 0, z, layer["slope"] * z)
        if a == "elu":
            return np.where(z > 0, z, layer["alpha"] * (np.exp(z) - 1))
        if a == "sigmoid":
            return 1 / (1 + np.exp(-z))
        if a == "tanh":
            return np.tanh(z)
        if a == "softplus":
            return np.log(1 + np.exp(z))
        if a == "silu":
            return z / (1 + np.exp(-z))
        if a == "gelu":
            return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z ** 3)))
        if a == "softmax":
            e = np.exp(z - z.max(1, keepdims=True))
            return e / e.sum(1, keepdims=True)
        raise ValueError(a)

    def right_loss(p, x, t):
        y = x
        for l, layer in enumerate(NETWORK["layers"], 1):
            y = f(y @ p["W%d" % l] + p["b%d" % l], layer)
        N, C = t.shape
        names = {"y": y, "t": t, "N": N, "C": C, "sum": np.sum, "mean": np.mean, "log": np.log}
        loss = eval(NETWORK["loss_formula"], dict(names))
        if NETWORK["l2"]:
            w2 = sum(np.sum(v ** 2) for k, v in p.items() if k[0] == "W")
            loss += eval(NETWORK["l2"]["formula"].replace("lambda", "lam"),
                         {"lam": NETWORK["l2"]["lambda"], "N": N, "sumW2": w2})
        return float(loss)

    def right_grads(p, x, t, h=1e-5):
        g = {}
        for k in p:
            g[k] = np.zeros_like(p[k])
            for i in np.ndindex(p[k].shape):
                q = {n: v.copy() for n, v in p.items()}
                q[k][i] += h
                up = right_loss(q, x, t)
                q[k][i] -= 2 * h
                g[k][i] = (up - right_loss(q, x, t)) / (2 * h)
        return g

    def differs(a, b):
        a, b = np.asarray(a, float), np.asarray(b, float)
        assert a.shape == b.shape, (a.shape, b.shape)
        d = np.max(np.abs(a - b))
        assert d < 1e-6 or d > 1e-4 or np.isnan(d), d
        return not d < 1e-6

    def problem(seed, widths, n):
        r = np.random.default_rng(seed)
        p = {}
        for l in range(1, len(widths)):
            p["W%d" % l] = r.normal(size=(widths[l - 1], widths[l])) * 0.8
            p["b%d" % l] = r.normal(size=widths[l]) * 0.4
        x = r.normal(size=(n, widths[0]))
        c = widths[-1]
        if NETWORK["loss"] == "cross_entropy":
            t = np.eye(c)[r.integers(0, c, n)]
        elif NETWORK["loss"] == "binary_cross_entropy":
            t = r.integers(0, 2, (n, c)).astype(float)
        else:
            t = r.normal(size=(n, c))
        return p, x, t

    own = [NETWORK["inputs"]] + [layer["units"] for layer in NETWORK["layers"]]
    n_layers = len(NETWORK["layers"])
    copy = lambda p: {k: v.copy() for k, v in p.items()}

    def right_train(p, x, t, lr, batches):
        opt = NETWORK["optimizer"]
        p = copy(p)
        m = {k: np.zeros_like(v) for k, v in p.items()}
        v = {k: np.zeros_like(q) for k, q in p.items()}
        if opt.get("batch") == 1:
            batches = [[i] for b in batches for i in b]
        for count, rows in enumerate(batches, 1):
            g = right_grads(p, x[rows], t[rows])
            for k in p:
                if opt["name"] == "sgd":
                    p[k] = p[k] - lr * g[k]
                elif opt["name"] == "momentum" and "+ lr*g" in opt["rule"]:
                    v[k] = opt["beta"] * v[k] + lr * g[k]
                    p[k] = p[k] - v[k]
                elif opt["name"] == "momentum":
                    v[k] = opt["beta"] * v[k] + (1 - opt["beta"]) * g[k]
                    p[k] = p[k] - lr * v[k]
                elif opt["name"] == "rmsprop":
                    v[k] = opt["rho"] * v[k] + (1 - opt["rho"]) * g[k] ** 2
                    p[k] = p[k] - lr * g[k] / (np.sqrt(v[k]) + opt["eps"])
                elif opt["name"] == "adam":
                    m[k] = opt["beta1"] * m[k] + (1 - opt["beta1"]) * g[k]
                    v[k] = opt["beta2"] * v[k] + (1 - opt["beta2"]) * g[k] ** 2
                    mh = m[k] / (1 - opt["beta1"] ** count)
                    vh = v[k] / (1 - opt["beta2"] ** count)
                    p[k] = p[k] - lr * mh / (np.sqrt(vh) + opt["eps"])
        return p

    batches = [[3, 7, 1, 10], [0, 5, 2], [11, 4, 8, 9, 6], [7, 0, 11, 2]]
    for seed, widths in ((1, own), (2, [5, 3, 6, 4][:n_layers + 1]), (3, [2, 7, 4, 3][:n_layers + 1])):
        p, x, t = problem(seed, widths, 12)
        for k in (1, 2, 4):
            got = train(copy(p), x.copy(), t.copy(), 0.05, batches[:k])
            ref = right_train(p, x, t, 0.05, batches[:k])
            assert set(got) == set(p)
            found = {n for n in p if differs(got[n], ref[n])}
            assert found == expected[k], (widths, k, sorted(found))
    print("ok: after 1, 2, 4 batches differs in", [sorted(expected[k]) for k in (1, 2, 4)])
