"""`mnist-dense-keras` in plain NumPy: 784-128-64-10, linear, ReLU, softmax, Adam (document 002, part 2, in Keras).

    z1 = x W1 + b1,  a1 = z1,  z2 = a1 W2 + b2,  a2 = max(z2, 0),  z3 = a2 W3 + b3,  p = softmax(z3),  L = -1/N Σ t log p
    dz3 = (p - t)/N,  dz2 = dz3 W3ᵀ where z2 > 0,  dz1 = dz2 W2ᵀ,  dW = (the layer's input)ᵀ dz,  db = Σ dz

The corrected version has a1 = max(z1, 0), and so dz1 = dz2 W2ᵀ where z1 > 0.
N samples, D inputs, H1 and H2 hidden units, C classes. t is one-hot. dX is the gradient of L with respect to X.
"""

import numpy as np


def log_softmax(z):
    """Log of softmax over the classes: z - log Σ eᶻ. The maximum is taken off first, so that nothing overflows."""
    shifted = z - z.max(axis=1, keepdims=True)  # (N, C)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (N, C)


def forward(params, x, corrected=False):
    """Pre-activation z and activation a of each layer."""
    z1 = x @ params["W1"] + params["b1"]  # (N, D) (D, H1) -> (N, H1)
    # The code that document 002 shows has no activation here.
    a1 = np.maximum(z1, 0) if corrected else z1  # (N, H1)
    z2 = a1 @ params["W2"] + params["b2"]  # (N, H1) (H1, H2) -> (N, H2)
    a2 = np.maximum(z2, 0)  # (N, H2)
    z3 = a2 @ params["W3"] + params["b3"]  # (N, H2) (H2, C) -> (N, C)
    p = np.exp(log_softmax(z3))  # (N, C)
    return [(z1, a1), (z2, a2), (z3, p)]


def loss_and_gradients(params, x, t, corrected=False):
    """Loss and gradients: cross-entropy, mean over the samples."""
    n = len(x)
    (z1, a1), (z2, a2), (z3, p) = forward(params, x, corrected)  # (N, H1) twice, (N, H2) twice, (N, C) twice
    loss = -np.sum(t * log_softmax(z3)) / n

    dz3 = (p - t) / n  # (N, C)
    dW3 = a2.T @ dz3  # (H2, N) (N, C) -> (H2, C)
    db3 = dz3.sum(axis=0)  # (C,)

    da2 = dz3 @ params["W3"].T  # (N, C) (C, H2) -> (N, H2)
    dz2 = da2 * (z2 > 0)  # (N, H2)
    dW2 = a1.T @ dz2  # (H1, N) (N, H2) -> (H1, H2)
    db2 = dz2.sum(axis=0)  # (H2,)

    da1 = dz2 @ params["W2"].T  # (N, H2) (H2, H1) -> (N, H1)
    dz1 = da1 * (z1 > 0) if corrected else da1  # (N, H1)
    dW1 = x.T @ dz1  # (D, N) (N, H1) -> (D, H1)
    db1 = dz1.sum(axis=0)  # (H1,)
    return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}


def fresh_state(params):
    """Adam's state before the first step: no steps, moments of zero."""
    m, v = ({name: np.zeros_like(p) for name, p in params.items()} for _ in "mv")
    return {"step": 0, "m": m, "v": v}


def step(params, state, x, t, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-7, corrected=False):
    """Update parameters and Adam's state in place, as Keras does; returns the loss before the update.

    m ← β₁m + (1 - β₁)g,  v ← β₂v + (1 - β₂)g²,  θ ← θ - lr · √(1 - β₂ˢ)/(1 - β₁ˢ) · m/(√v + ε) at step s
    """
    # ε is beside √v, and not beside the corrected root as in PyTorch: Keras's own form.
    loss, gradients = loss_and_gradients(params, x, t, corrected)
    state["step"] += 1
    rate = learning_rate * (1 - beta2 ** state["step"]) ** 0.5 / (1 - beta1 ** state["step"])
    for name, g in gradients.items():
        m = state["m"][name] = beta1 * state["m"][name] + (1 - beta1) * g  # the parameter's shape, as all below
        v = state["v"][name] = beta2 * state["v"][name] + (1 - beta2) * g**2
        params[name] -= rate * m / (np.sqrt(v) + epsilon)
    return loss
