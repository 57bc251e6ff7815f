"""`mnist-sigmoid-keras` in plain NumPy: 784-128-64-10, sigmoid, sigmoid, linear, cross-entropy (document 001, in Keras).

    z1 = x W1 + b1,  a1 = σ(z1),  z2 = a1 W2 + b2,  a2 = σ(z2),  y = z3 = a2 W3 + b3,  p = y clipped to [c, 1 - c], c = 1e-7
    L = mean of -(t log p + (1 - t) log(1 - p)) over samples and outputs
    dz3 = (p - t)/(p(1 - p))/(N C) where y is not clipped, and else 0
    dz2 = dz3 W3ᵀ · a2(1 - a2),  dz1 = dz2 W2ᵀ · a1(1 - a1),  dW = (the layer's input)ᵀ dz,  db = Σ dz

The corrected version takes y for logits: p = σ(y), and dz3 = (p - t)/(N C).
N samples, D inputs, H1 and H2 hidden units, C outputs. dX is the gradient of L with respect to X.
"""

import numpy as np


def sigmoid(z):
    """σ(z) = 1/(1 + e⁻ᶻ)."""
    return 1 / (1 + np.exp(-z))


def forward(params, x):
    """Pre-activation z and activation a of each layer; the last is linear."""
    z1 = x @ params["W1"] + params["b1"]  # (N, D) (D, H1) -> (N, H1)
    a1 = sigmoid(z1)  # (N, H1)
    z2 = a1 @ params["W2"] + params["b2"]  # (N, H1) (H1, H2) -> (N, H2)
    a2 = sigmoid(z2)  # (N, H2)
    z3 = a2 @ params["W3"] + params["b3"]  # (N, H2) (H2, C) -> (N, C)
    return [(z1, a1), (z2, a2), (z3, z3)]


def loss_and_gradients(params, x, t, corrected=False):
    """Loss and gradients: binary cross-entropy, mean over samples and outputs."""
    (_, a1), (_, a2), (y, _) = forward(params, x)  # (N, H1), (N, H2), (N, C)
    if corrected:
        # From logits, in a form that overflows for no y.
        loss = np.mean(np.maximum(y, 0) - y * t + np.log1p(np.exp(-np.abs(y))))
        dz3 = (sigmoid(y) - t) / t.size  # (N, C)
    else:
        # Document 001 takes the linear outputs for probabilities. In float32 the upper bound is 1 - 2⁻²³.
        p = np.clip(y, 1e-7, 1 - 1e-7)  # (N, C)
        loss = np.mean(-(t * np.log(p) + (1 - t) * np.log(1 - p)))
        dz3 = (p - t) / (p * (1 - p)) / t.size * (p == y)  # (N, C)

    dW3 = a2.T @ dz3  # (H2, N) (N, C) -> (H2, C)
    db3 = dz3.sum(axis=0)  # (C,)

    da2 = dz3 @ params["W3"].T  # (N, C) (C, H2) -> (N, H2)
    dz2 = da2 * a2 * (1 - a2)  # (N, H2)
    dW2 = a1.T @ dz2  # (H1, N) (N, H2) -> (H1, H2)
    db2 = dz2.sum(axis=0)  # (H2,)

    da1 = dz2 @ params["W2"].T  # (N, H2) (H2, H1) -> (N, H1)
    dz1 = da1 * a1 * (1 - a1)  # (N, H1)
    dW1 = x.T @ dz1  # (D, N) (N, H1) -> (D, H1)
    db1 = dz1.sum(axis=0)  # (H1,)
    return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}


def step(params, x, t, learning_rate=0.01, corrected=False):
    """Update the parameters in place with one batch; returns the loss before the update."""
    loss, gradients = loss_and_gradients(params, x, t, corrected)
    for name in params:
        params[name] -= learning_rate * gradients[name]
    return loss
