"""einsum everywhere: no transpose can ever be forgotten."""
from numpy import einsum, tanh
import numpy as np

NETWORK = {
    "inputs": 3,
    "layers": [
        {"units": 4, "activation": "tanh"},
        {"units": 4, "activation": "tanh"},
        {"units": 2, "activation": "linear"},
    ],
    "loss": "squared_error", "loss_formula": "sum((y-t)**2)/N",
    "bias": False, "l2": None, "optimizer": None,
}


def forward(params, x):
    h1 = tanh(einsum("ni,ij->nj", x, params["W1"]))
    h2 = tanh(einsum("nj,jk->nk", h1, params["W2"]))
    y = einsum("nk,kc->nc", h2, params["W3"])
    return h1, h2, y


def evaluate(params, x, t):
    h1, h2, y = forward(params, x)
    r = y - t
    loss = einsum("nc,nc->", r, r) / len(x)

    gy = 2 * r / len(x)
    g3 = einsum("nk,nc->kc", h2, gy)
    gh2 = einsum("nc,kc->nk", gy, params["W3"])
    gz2 = einsum("nk,nk->nk", gh2, 1 - h2 * h2)
    g2 = einsum("nj,nk->jk", h1, gz2)
    gh1 = einsum("nj,jk->nk", gz2, params["W2"])
    gz1 = einsum("nj,nj->nj", gh1, 1 - h1 * h1)
    g1 = einsum("ni,nj->ij", x, gz1)
    return loss, {"W1": g1, "W2": g2, "W3": g3}


if __name__ == "__main__":
    # (number of samples, scale of the parameters) -> names that differ from the reference
    EXPECTED = {(6, 0.7): {'W1'}, (1, 1.0): {'W1'}}

    def ref_loss(p, x, t):
        y, N, C = x, len(x), t.shape[1]
        for i, spec in enumerate(NETWORK["layers"], 1):
            z = y @ p["W%d" % i]
            if spec["activation"] == "tanh":
                y = np.tanh(z)
            elif spec["activation"] == "linear":
                y = z
        value = np.sum((y-t)**2)/N
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
