"""My NeuralNetwork.java in Python. No matrix library needed!"""
import math
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [{"units": 4, "activation": "sigmoid"}, {"units": 2, "activation": "sigmoid"}],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/(2*N)",
    "bias": True, "l2": None, "optimizer": None,
}


class NeuralNetwork:
    def __init__(self, numInput, numHidden, numOutput):
        self.numInput = numInput
        self.numHidden = numHidden
        self.numOutput = numOutput
        self.hidden = np.zeros(numHidden)
        self.output = np.zeros(numOutput)
        self.gradIH = np.zeros((numInput, numHidden))
        self.gradHB = np.zeros(numHidden)
        self.gradHO = np.zeros((numHidden, numOutput))
        self.gradOB = np.zeros(numOutput)

    def setWeights(self, ih, hb, ho, ob):
        self.ih, self.hb, self.ho, self.ob = ih, hb, ho, ob

    def activation(self, v):
        return 1.0 / (1.0 + math.exp(-v))

    def computeOutputs(self, values):
        for j in range(self.numHidden):
            total = self.hb[j]
            for i in range(self.numInput):
                total += values[i] * self.ih[i][j]
            self.hidden[j] = self.activation(total)
        for k in range(self.numOutput):
            total = self.ob[k]
            for j in range(self.numHidden):
                total += self.hidden[j] * self.ho[j][k]
            self.output[k] = self.activation(total)

    def accumulate(self, values, target):
        oSignals = [0.0] * self.numOutput
        hSignals = [0.0] * self.numHidden
        for k in range(self.numOutput):
            derivative = self.output[k] * (1 - self.output[k])
            oSignals[k] = (self.output[k] - target[k]) * derivative
        total = 0.0
        for j in range(self.numHidden):
            for k in range(self.numOutput):
                total += oSignals[k] * self.ho[j][k]
            derivative = self.hidden[j] * (1 - self.hidden[j])
            hSignals[j] = total * derivative
        for j in range(self.numHidden):
            for k in range(self.numOutput):
                self.gradHO[j][k] += oSignals[k] * self.hidden[j]
            for i in range(self.numInput):
                self.gradIH[i][j] += hSignals[j] * values[i]
            self.gradHB[j] += hSignals[j]
        for k in range(self.numOutput):
            self.gradOB[k] += oSignals[k]


def evaluate(params, x, t):
    nn = NeuralNetwork(params["W1"].shape[0], params["W1"].shape[1], params["W2"].shape[1])
    nn.setWeights(params["W1"], params["b1"], params["W2"], params["b2"])
    sse = 0.0
    for n in range(len(x)):
        nn.computeOutputs(x[n])
        for k in range(nn.numOutput):
            sse += (nn.output[k] - t[n][k]) ** 2
        nn.accumulate(x[n], t[n])
    N = len(x)
    return sse / (2 * N), {"W1": nn.gradIH / N, "b1": nn.gradHB / N,
                           "W2": nn.gradHO / N, "b2": nn.gradOB / N}


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(5, 1.0): {'W1', 'b1'}, (1, 1.0): {'W1', 'b1'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i] + p["b%d" % i]
            y = 1 / (1 + np.exp(-z))
        value = np.sum((y-t)**2)/(2*N)
        return value

    def ref_grad(p, x, t, h=1e-5):
        g = {k: np.zeros_like(v) for k, v in p.items()}
        for k in p:
            for i in np.ndindex(p[k].shape):
                hi = {n: v.copy() for n, v in p.items()}
                lo = {n: v.copy() for n, v in p.items()}
                hi[k][i] += h
                lo[k][i] -= h
                g[k][i] = (ref_loss(hi, x, t) - ref_loss(lo, x, t)) / (2 * h)
        return g

    for key, names in EXPECTED.items():
        N, scale = key
        rng = np.random.default_rng(3)
        p, d = {}, NETWORK["inputs"]
        for i, spec in enumerate(NETWORK["layers"], 1):
            p["W%d" % i] = scale * rng.normal(size=(d, spec["units"]))
            p["b%d" % i] = scale * rng.normal(size=spec["units"])
            d = spec["units"]
        x = rng.normal(size=(N, NETWORK["inputs"]))
        t = rng.normal(size=(N, d))
        args = [{k: v.copy() for k, v in p.items()}, x.copy(), t.copy()]
        loss, got = evaluate(*args)
        again = evaluate({k: v.copy() for k, v in p.items()}, x.copy(), t.copy())[1]
        right = ref_grad(p, x, t)
        got, right = dict(got, loss=loss), dict(right, loss=ref_loss(p, x, t))
        assert set(got) == set(right) and all(np.shape(got[k]) == np.shape(right[k]) for k in right)
        differ = {k for k in right if not np.allclose(got[k], right[k], rtol=1e-6, atol=1e-6)}
        differ |= {"again" for k in again if not np.array_equal(again[k], got[k])}
        differ |= {"params" for k in p if not np.array_equal(p[k], args[0][k])}
        differ |= {n for n, u, w in (("x", x, args[1]), ("t", t, args[2])) if not np.array_equal(u, w)}
        assert differ == names, (key, differ)
    print("confirmed", EXPECTED)
