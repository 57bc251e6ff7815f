"""`mnist-relu` in plain NumPy: 784-300-10, ReLU, softmax, batches of eight (document 004).

    z1 = x W1 + b1,  a1 = max(z1, 0),  z2 = a1 W2 + b2,  p = softmax(z2),  L = -1/N Σ t log p
    dz2 = (p - t)/N,  dz1 = dz2 W2ᵀ where z1 > 0 and else 0,  dW = (the layer's input)ᵀ dz,  db = Σ dz

N samples, D inputs, H hidden units, C classes. t is one-hot. dX is the gradient of L with respect to X.
"""

import numpy as np


def log_softmax(z):
    """Log of softmax over the classes: z - log Σ eᶻ."""
    # Document 004 computes eᶻ/Σ eᶻ as it stands. The maximum is taken off here: the same function, without overflow.
    shifted = z - z.max(axis=1, keepdims=True)  # (N, C)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (N, C)


def forward(params, x):
    """Pre-activation z and activation a of each layer."""
    # Document 004 holds biases as rows (1, H).
    z1 = x @ params["W1"] + params["b1"]  # (N, D) (D, H) -> (N, H)
    a1 = np.maximum(z1, 0)  # (N, H)
    z2 = a1 @ params["W2"] + params["b2"]  # (N, H) (H, C) -> (N, C)
    p = np.exp(log_softmax(z2))  # (N, C)
    return [(z1, a1), (z2, p)]


def loss_and_gradients(params, x, t):
    """Loss and gradients: cross-entropy, mean over the samples."""
    n = len(x)
    (z1, a1), (z2, p) = forward(params, x)  # (N, H), (N, H), (N, C), (N, C)
    loss = -np.sum(t * log_softmax(z2)) / n

    dz2 = (p - t) / n  # (N, C)
    dW2 = a1.T @ dz2  # (H, N) (N, C) -> (H, C)
    db2 = dz2.sum(axis=0)  # (C,)

    da1 = dz2 @ params["W2"].T  # (N, C) (C, H) -> (N, H)
    dz1 = da1 * (z1 > 0)  # (N, H)
    dW1 = x.T @ dz1  # (D, N) (N, H) -> (D, H)
    db1 = dz1.sum(axis=0)  # (H,)
    return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def step(params, x, t, learning_rate=0.1):
    """Update the parameters in place with one batch; returns the loss before the update."""
    loss, gradients = loss_and_gradients(params, x, t)
    for name in params:
        params[name] -= learning_rate * gradients[name]
    return loss
