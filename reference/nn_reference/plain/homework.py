"""`homework` in plain NumPy: 2-3-1, sigmoid, one evaluation (document 002, part 1).

    z1 = x W1ᵀ + b1,  a1 = σ(z1),  z2 = a1 W2 + b2,  y = σ(z2),  L = 1/(2N) Σ (y - t)²
    dz2 = (y - t)/N · y(1 - y),  dz1 = dz2 W2 · a1(1 - a1),  dW = dzᵀ · (the layer's input),  db = Σ dz

N samples, D inputs, H hidden units. dX is the gradient of L with respect to X.
"""

import numpy as np


def sigmoid(z):
    """σ(z) = 1/(1 + e⁻ᶻ)."""
    return 1 / (1 + np.exp(-z))


def forward(params, x):
    """Pre-activation z and activation a of each layer."""
    # Document 002 holds W1 as (units, inputs). Its one output has no axis: W2 is (H,), b2 a scalar.
    z1 = x @ params["W1"].T + params["b1"]  # (N, D) (D, H) -> (N, H)
    a1 = sigmoid(z1)  # (N, H)
    z2 = a1 @ params["W2"] + params["b2"]  # (N, H) (H,) -> (N,)
    y = sigmoid(z2)  # (N,)
    return [(z1, a1), (z2, y)]


def loss_and_gradients(params, x, t):
    """Loss and gradients, in the order of operations that gives document 002's digits."""
    n = len(x)
    (_, a1), (_, y) = forward(params, x)  # (N, H), (N,)
    # The mean over the samples, with ½.
    loss = 1 / (2 * n) * np.sum((y - t) ** 2)

    dy = 1 / n * (y - t)  # (N,)
    dz2 = dy * (y * (1 - y))  # (N,)
    dW2 = a1.T @ dz2  # (H, N) (N,) -> (H,)
    db2 = dz2.sum()  # ()

    da1 = np.outer(dz2, params["W2"])  # (N, H)
    dz1 = da1 * (a1 * (1 - a1))  # (N, H)
    dW1 = dz1.T @ x  # (H, N) (N, D) -> (H, D)
    db1 = dz1.sum(axis=0)  # (H,)
    return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def draw():
    """The document's parameters, inputs (1000, 2) and labels (1000,): one generator, seed 0, in this order."""
    rng = np.random.RandomState(0)
    W1 = rng.standard_normal((3, 2))
    b1 = np.zeros(3)
    W2 = rng.standard_normal(3)
    b2 = np.zeros(())
    x = rng.random_sample((1000, 2))
    t = rng.randint(0, 2, 1000)
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}, x, t
