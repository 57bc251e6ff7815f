"""`mnist-tanh` and its three modifications in plain NumPy: tanh layers, one sample at a time (document 003, chapter 1-2).

    a0 = x,  zk = a(k-1) Wk + bk,  ak = tanh(zk),  y = the last a,  L = mean of (y - t)² over samples and outputs
    dzk = dak · (1 - ak²),  dWk = a(k-1)ᵀ dzk,  dbk = Σ dzk,  da(k-1) = dzk Wkᵀ

N samples, D inputs, H units of a layer, I its inputs, C outputs. dX is the gradient of L with respect to X.
784-100-50-10 is `mnist-tanh`, `mnist-tanh-512` and `mnist-tanh-lr025`; 784-100-50-100-10 is `mnist-tanh-deeper`.
"""

import numpy as np


def forward(params, x):
    """Pre-activation z and activation a of each layer."""
    # Document 003 passes one sample at a time, as a row (1, D), and holds biases as rows (1, H).
    layers, a = [], x  # (N, D)
    for k in range(1, len(params) // 2 + 1):
        z = a @ params[f"W{k}"] + params[f"b{k}"]  # (N, I) (I, H) -> (N, H)
        a = np.tanh(z)  # (N, H)
        layers.append((z, a))
    return layers


def loss_and_gradients(params, x, t):
    """Loss and gradients, from the last layer to the first."""
    layers = forward(params, x)
    y = layers[-1][1]  # (N, C)
    # The mean over the outputs too, without ½.
    loss = np.mean((y - t) ** 2)

    gradients, da = {}, 2 * (y - t) / t.size  # (N, C)
    for k in range(len(layers), 0, -1):
        a = layers[k - 1][1]  # (N, H)
        below = layers[k - 2][1] if k > 1 else x  # (N, I)
        dz = da * (1 - a**2)  # (N, H)
        gradients[f"W{k}"] = below.T @ dz  # (I, N) (N, H) -> (I, H)
        gradients[f"b{k}"] = dz.sum(axis=0)  # (H,)
        da = dz @ params[f"W{k}"].T  # (N, H) (H, I) -> (N, I)
    return loss, gradients


def step(params, x, t, learning_rate=0.1):
    """Update the parameters in place; returns the loss before the update.

    An epoch of document 003 shuffles the row numbers and makes one step for each of the first 256 (512) only.
    `mnist-tanh-lr025` has the learning rate 0.25.
    """
    # Document 003 updates a layer while it goes back, after that layer's da: the same numbers.
    loss, gradients = loss_and_gradients(params, x, t)
    for name in params:
        params[name] -= learning_rate * gradients[name]
    return loss
