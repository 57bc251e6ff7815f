"""`mnist-relu-torch` in plain NumPy: 784-300-10, ReLU, softmax over the batch, cross-entropy (document 004, in PyTorch).

    z1 = x W1ᵀ + b1,  a1 = max(z1, 0),  z2 = a1 W2ᵀ + b2,  y = softmax over the batch(z2),  p = softmax(y)
    L = -1/N Σ t log p
    dy = (p - t)/N,  dz2 = y · (dy - Σ over the batch of y·dy),  dz1 = dz2 W2 where z1 > 0 and else 0
    dW = dzᵀ · (the layer's input),  db = Σ dz

The corrected version has y = z2. Its gradient has dz2 = dy.
N samples, D inputs, H hidden units, C classes. t is one-hot. dX is the gradient of L with respect to X.
"""

import numpy as np


def log_softmax(z, axis):
    """Log of softmax along an axis: z - log Σ eᶻ. The maximum is taken off first, so that nothing overflows."""
    shifted = z - z.max(axis=axis, keepdims=True)  # (N, C)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))  # (N, C)


def forward(params, x, corrected=False):
    """Pre-activation z and activation a of each layer."""
    # PyTorch holds weights as (units, inputs).
    z1 = x @ params["W1"].T + params["b1"]  # (N, D) (D, H) -> (N, H)
    a1 = np.maximum(z1, 0)  # (N, H)
    z2 = a1 @ params["W2"].T + params["b2"]  # (N, H) (H, C) -> (N, C)
    # Document 004 normalises over axis 0, the samples, so that each output depends on the whole batch.
    y = z2 if corrected else np.exp(log_softmax(z2, axis=0))  # (N, C)
    return [(z1, a1), (z2, y)]


def loss_and_gradients(params, x, t, corrected=False):
    """Loss and gradients: cross-entropy, mean over the samples."""
    n = len(x)
    (z1, a1), (_, y) = forward(params, x, corrected)  # (N, H), (N, H), (N, C)
    # Cross-entropy takes logits: it has a softmax of its own, over the classes.
    log_p = log_softmax(y, axis=1)  # (N, C)
    loss = -np.sum(t * log_p) / n

    dy = (np.exp(log_p) - t) / n  # (N, C)
    dz2 = dy if corrected else y * (dy - np.sum(y * dy, axis=0))  # (N, C)
    dW2 = dz2.T @ a1  # (C, N) (N, H) -> (C, H)
    db2 = dz2.sum(axis=0)  # (C,)

    da1 = dz2 @ params["W2"]  # (N, C) (C, H) -> (N, H)
    dz1 = da1 * (z1 > 0)  # (N, H)
    dW1 = dz1.T @ x  # (H, N) (N, D) -> (H, D)
    db1 = dz1.sum(axis=0)  # (H,)
    return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def step(params, x, t, learning_rate=0.1, corrected=False):
    """Update the parameters in place with one batch; returns the loss before the update."""
    loss, gradients = loss_and_gradients(params, x, t, corrected)
    for name in params:
        params[name] -= learning_rate * gradients[name]
    return loss
