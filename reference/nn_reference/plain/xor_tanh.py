"""`xor-tanh` in plain NumPy: 2-3-1, tanh, one sample at a time (document 003, chapter 1-1).

    z1 = x W1 + b1,  a1 = tanh(z1),  z2 = a1 W2 + b2,  y = tanh(z2),  L = mean of (y - t)² over samples and outputs
    dz2 = 2(y - t)/(N C) · (1 - y²),  dz1 = dz2 W2ᵀ · (1 - a1²),  dW = (the layer's input)ᵀ dz,  db = Σ dz

N samples, D inputs, H hidden units, C outputs. dX is the gradient of L with respect to X.
"""

import numpy as np


def forward(params, x):
    """Pre-activation z and activation a of each layer."""
    # Document 003 passes one sample at a time, as a row (1, D), and holds biases as rows (1, H).
    z1 = x @ params["W1"] + params["b1"]  # (N, D) (D, H) -> (N, H)
    a1 = np.tanh(z1)  # (N, H)
    z2 = a1 @ params["W2"] + params["b2"]  # (N, H) (H, C) -> (N, C)
    y = np.tanh(z2)  # (N, C)
    return [(z1, a1), (z2, y)]


def loss_and_gradients(params, x, t):
    """Loss and gradients."""
    (_, a1), (_, y) = forward(params, x)  # (N, H), (N, C)
    # The mean over the outputs too, without ½.
    loss = np.mean((y - t) ** 2)

    dy = 2 * (y - t) / t.size  # (N, C)
    dz2 = dy * (1 - y**2)  # (N, C)
    dW2 = a1.T @ dz2  # (H, N) (N, C) -> (H, C)
    db2 = dz2.sum(axis=0)  # (C,)

    da1 = dz2 @ params["W2"].T  # (N, C) (C, H) -> (N, H)
    dz1 = da1 * (1 - a1**2)  # (N, H)
    dW1 = x.T @ dz1  # (D, N) (N, H) -> (D, H)
    db1 = dz1.sum(axis=0)  # (H,)
    return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def step(params, x, t, learning_rate=0.1):
    """Update the parameters in place; returns the loss before the update. An epoch is one step for each row, in order."""
    loss, gradients = loss_and_gradients(params, x, t)
    for name in params:
        params[name] -= learning_rate * gradients[name]
    return loss
