"""`mnist-sigmoid-torch` in plain NumPy: 784-128-64-10, sigmoid, sigmoid, softmax, squashed again (document 001, in PyTorch).

    z1 = x W1ᵀ + b1,  a1 = σ(z1),  z2 = a1 W2ᵀ + b2,  a2 = σ(z2),  z3 = a2 W3ᵀ + b3,  y = softmax(z3)
    L = mean of -(t log σ(y) + (1 - t) log(1 - σ(y))) over samples and outputs
    dy = (σ(y) - t)/(N C),  dz3 = y · (dy - Σ over the outputs of y·dy)
    dz2 = dz3 W3 · a2(1 - a2),  dz1 = dz2 W2 · a1(1 - a1),  dW = dzᵀ · (the layer's input),  db = Σ dz

The corrected version has y = z3. Its gradient has dz3 = dy.
N samples, D inputs, H1 and H2 hidden units, C outputs. dX is the gradient of L with respect to X.
"""

import numpy as np


def sigmoid(z):
    """σ(z) = 1/(1 + e⁻ᶻ)."""
    return 1 / (1 + np.exp(-z))


def softmax(z):
    """eᶻ / Σ eᶻ over the outputs of each sample, with the maximum taken off."""
    e = np.exp(z - z.max(axis=1, keepdims=True))  # (N, C)
    return e / e.sum(axis=1, keepdims=True)  # (N, C)


def forward(params, x, corrected=False):
    """Pre-activation z and activation a of each layer."""
    # PyTorch holds weights as (units, inputs). Document 001 passes one sample at a time, as a vector (D,).
    z1 = x @ params["W1"].T + params["b1"]  # (N, D) (D, H1) -> (N, H1)
    a1 = sigmoid(z1)  # (N, H1)
    z2 = a1 @ params["W2"].T + params["b2"]  # (N, H1) (H1, H2) -> (N, H2)
    a2 = sigmoid(z2)  # (N, H2)
    z3 = a2 @ params["W3"].T + params["b3"]  # (N, H2) (H2, C) -> (N, C)
    y = z3 if corrected else softmax(z3)  # (N, C)
    return [(z1, a1), (z2, a2), (z3, y)]


def loss_and_gradients(params, x, t, corrected=False):
    """Loss and gradients: binary cross-entropy from logits, mean over samples and outputs."""
    (_, a1), (_, a2), (_, y) = forward(params, x, corrected)  # (N, H1), (N, H2), (N, C)
    # The loss squashes y by a sigmoid of its own. This form of it overflows for no y.
    loss = np.mean(np.maximum(y, 0) - y * t + np.log1p(np.exp(-np.abs(y))))

    dy = (sigmoid(y) - t) / t.size  # (N, C)
    dz3 = dy if corrected else y * (dy - np.sum(y * dy, axis=1, keepdims=True))  # (N, C)
    dW3 = dz3.T @ a2  # (C, N) (N, H2) -> (C, H2)
    db3 = dz3.sum(axis=0)  # (C,)

    da2 = dz3 @ params["W3"]  # (N, C) (C, H2) -> (N, H2)
    dz2 = da2 * a2 * (1 - a2)  # (N, H2)
    dW2 = dz2.T @ a1  # (H2, N) (N, H1) -> (H2, H1)
    db2 = dz2.sum(axis=0)  # (H2,)

    da1 = dz2 @ params["W2"]  # (N, H2) (H2, H1) -> (N, H1)
    dz1 = da1 * a1 * (1 - a1)  # (N, H1)
    dW1 = dz1.T @ x  # (H1, N) (N, D) -> (H1, D)
    db1 = dz1.sum(axis=0)  # (H1,)
    return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}


def step(params, x, t, learning_rate=0.001, corrected=False):
    """Update the parameters in place with one sample; returns the loss before the update."""
    loss, gradients = loss_and_gradients(params, x, t, corrected)
    for name in params:
        params[name] -= learning_rate * gradients[name]
    return loss
