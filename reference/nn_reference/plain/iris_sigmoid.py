"""`iris-sigmoid` in plain NumPy: 4-5-3, sigmoid, no biases, full batch (document 000, task 1).

    z1 = x W1,  a1 = σ(z1),  z2 = a1 W2,  y = σ(z2),  L = ½ Σ (y - t)²
    dz2 = (y - t) · y(1 - y),  dz1 = dz2 W2ᵀ · a1(1 - a1),  dW = (the layer's input)ᵀ dz

N samples, D inputs, H hidden units, C outputs. dX is the gradient of L with respect to X.
The corrected version is the same network on standardised features.
"""

import numpy as np


def sigmoid(z):
    """σ(z) = 1/(1 + e⁻ᶻ)."""
    return 1 / (1 + np.exp(-z))


def forward(params, x):
    """Pre-activation z and activation a of each layer."""
    z1 = x @ params["W1"]  # (N, D) (D, H) -> (N, H)
    a1 = sigmoid(z1)  # (N, H)
    z2 = a1 @ params["W2"]  # (N, H) (H, C) -> (N, C)
    y = sigmoid(z2)  # (N, C)
    return [(z1, a1), (z2, y)]


def loss_and_gradients(params, x, t):
    """Loss and gradients: sums over the batch, no mean."""
    (_, a1), (_, y) = forward(params, x)  # (N, H), (N, C)
    # Document 000 computes no loss. Its update is along the gradient of this one.
    loss = np.sum((y - t) ** 2) / 2

    dz2 = (y - t) * y * (1 - y)  # (N, C)
    dW2 = a1.T @ dz2  # (H, N) (N, C) -> (H, C)

    da1 = dz2 @ params["W2"].T  # (N, C) (C, H) -> (N, H)
    dz1 = da1 * a1 * (1 - a1)  # (N, H)
    dW1 = x.T @ dz1  # (D, N) (N, H) -> (D, H)
    return loss, {"W1": dW1, "W2": dW2}


def step(params, x, t, learning_rate=0.1):
    """Update the parameters in place with all rows of x; returns the loss before the update."""
    # Document 000 takes the error as t - y, and adds.
    loss, gradients = loss_and_gradients(params, x, t)
    for name in params:
        params[name] -= learning_rate * gradients[name]
    return loss
