"""`iris-relu-adam` in plain NumPy: 4-10-3, ReLU, cross-entropy, Adam, full batch (document 000, task 1, in PyTorch).

    z1 = x W1ᵀ + b1,  a1 = max(z1, 0),  z2 = a1 W2ᵀ + b2,  p = softmax(z2),  L = -1/N Σ t log p
    dz2 = (p - t)/N,  dz1 = dz2 W2 where z1 > 0 and else 0,  dW = dzᵀ · (the layer's input),  db = Σ dz

N samples, D inputs, H hidden units, C classes. t is one-hot. dX is the gradient of L with respect to X.
The corrected version is the same network on features that are standardised with the training rows alone.
"""

import numpy as np


def log_softmax(z):
    """Log of softmax over the classes: z - log Σ eᶻ. The maximum is taken off first, so that nothing overflows."""
    shifted = z - z.max(axis=1, keepdims=True)  # (N, C)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (N, C)


def forward(params, x):
    """Pre-activation z and activation a of each layer; the last is linear, as the loss has the softmax."""
    # PyTorch holds weights as (units, inputs).
    z1 = x @ params["W1"].T + params["b1"]  # (N, D) (D, H) -> (N, H)
    a1 = np.maximum(z1, 0)  # (N, H)
    z2 = a1 @ params["W2"].T + params["b2"]  # (N, H) (H, C) -> (N, C)
    return [(z1, a1), (z2, z2)]


def loss_and_gradients(params, x, t):
    """Loss and gradients: cross-entropy, mean over the samples."""
    n = len(x)
    (z1, a1), (z2, _) = forward(params, x)  # (N, H), (N, H), (N, C)
    log_p = log_softmax(z2)  # (N, C)
    loss = -np.sum(t * log_p) / n

    dz2 = (np.exp(log_p) - t) / n  # (N, C)
    dW2 = dz2.T @ a1  # (C, N) (N, H) -> (C, H)
    db2 = dz2.sum(axis=0)  # (C,)

    da1 = dz2 @ params["W2"]  # (N, C) (C, H) -> (N, H)
    dz1 = da1 * (z1 > 0)  # (N, H)
    dW1 = dz1.T @ x  # (H, N) (N, D) -> (H, D)
    db1 = dz1.sum(axis=0)  # (H,)
    return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def fresh_state(params):
    """Adam's state before the first step: no steps, moments of zero."""
    m, v = ({name: np.zeros_like(p) for name, p in params.items()} for _ in "mv")
    return {"step": 0, "m": m, "v": v}


def step(params, state, x, t, learning_rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Update parameters and Adam's state in place, as PyTorch does; returns the loss before the update.

    m ← β₁m + (1 - β₁)g,  v ← β₂v + (1 - β₂)g²,  θ ← θ - lr · m̂/(√v̂ + ε),  m̂ = m/(1 - β₁ˢ),  v̂ = v/(1 - β₂ˢ) at step s
    """
    loss, gradients = loss_and_gradients(params, x, t)
    state["step"] += 1
    for name, g in gradients.items():
        m = state["m"][name] = beta1 * state["m"][name] + (1 - beta1) * g  # the parameter's shape, as all below
        v = state["v"][name] = beta2 * state["v"][name] + (1 - beta2) * g**2
        m_hat = m / (1 - beta1 ** state["step"])
        v_hat = v / (1 - beta2 ** state["step"])
        params[name] -= learning_rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return loss
