"""`fashion-pruning` in plain NumPy: 784-256-128-10, ReLU, cross-entropy, Adam, then pruning (document 000, task 3).

    z1 = x W1ᵀ + b1,  a1 = max(z1, 0),  z2 = a1 W2ᵀ + b2,  a2 = max(z2, 0),  z3 = a2 W3ᵀ + b3,  p = softmax(z3)
    L = -1/N Σ t log p
    dz3 = (p - t)/N,  dz2 = dz3 W3 where z2 > 0,  dz1 = dz2 W2 where z1 > 0,  dW = dzᵀ · (the layer's input),  db = Σ dz

N samples, D inputs, H1 and H2 hidden units, C classes. t is one-hot. dX is the gradient of L with respect to X.
"""

import numpy as np


def log_softmax(z):
    """Log of softmax over the classes: z - log Σ eᶻ. The maximum is taken off first, so that nothing overflows."""
    shifted = z - z.max(axis=1, keepdims=True)  # (N, C)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))  # (N, C)


def forward(params, x):
    """Pre-activation z and activation a of each layer; the last is linear, as the loss has the softmax."""
    # PyTorch holds weights as (units, inputs).
    z1 = x @ params["W1"].T + params["b1"]  # (N, D) (D, H1) -> (N, H1)
    a1 = np.maximum(z1, 0)  # (N, H1)
    z2 = a1 @ params["W2"].T + params["b2"]  # (N, H1) (H1, H2) -> (N, H2)
    a2 = np.maximum(z2, 0)  # (N, H2)
    z3 = a2 @ params["W3"].T + params["b3"]  # (N, H2) (H2, C) -> (N, C)
    return [(z1, a1), (z2, a2), (z3, z3)]


def loss_and_gradients(params, x, t):
    """Loss and gradients: cross-entropy, mean over the samples."""
    n = len(x)
    (z1, a1), (z2, a2), (z3, _) = forward(params, x)  # (N, H1) twice, (N, H2) twice, (N, C)
    log_p = log_softmax(z3)  # (N, C)
    loss = -np.sum(t * log_p) / n

    dz3 = (np.exp(log_p) - t) / n  # (N, C)
    dW3 = dz3.T @ a2  # (C, N) (N, H2) -> (C, H2)
    db3 = dz3.sum(axis=0)  # (C,)

    da2 = dz3 @ params["W3"]  # (N, C) (C, H2) -> (N, H2)
    dz2 = da2 * (z2 > 0)  # (N, H2)
    dW2 = dz2.T @ a1  # (H2, N) (N, H1) -> (H2, H1)
    db2 = dz2.sum(axis=0)  # (H2,)

    da1 = dz2 @ params["W2"]  # (N, H2) (H2, H1) -> (N, H1)
    dz1 = da1 * (z1 > 0)  # (N, H1)
    dW1 = dz1.T @ x  # (H1, N) (N, D) -> (H1, D)
    db1 = dz1.sum(axis=0)  # (H1,)
    return loss, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}


def fresh_state(params):
    """Adam's state before the first step: no steps, moments of zero."""
    m, v = ({name: np.zeros_like(p) for name, p in params.items()} for _ in "mv")
    return {"step": 0, "m": m, "v": v}


def step(params, state, x, t, masks=None, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """Update parameters and Adam's state in place, as PyTorch does; returns the loss before the update.

    m ← β₁m + (1 - β₁)g,  v ← β₂v + (1 - β₂)g²,  θ ← θ - lr · m̂/(√v̂ + ε),  m̂ = m/(1 - β₁ˢ),  v̂ = v/(1 - β₂ˢ) at step s
    """
    loss, gradients = loss_and_gradients(params, x, t)
    for name, mask in (masks or {}).items():  # the corrected version's, after pruning
        gradients[name] = np.where(mask, gradients[name], 0)
    state["step"] += 1
    for name, g in gradients.items():
        m = state["m"][name] = beta1 * state["m"][name] + (1 - beta1) * g  # the parameter's shape, as all below
        v = state["v"][name] = beta2 * state["v"][name] + (1 - beta2) * g**2
        m_hat = m / (1 - beta1 ** state["step"])
        v_hat = v / (1 - beta2 ** state["step"])
        params[name] -= learning_rate * m_hat / (np.sqrt(v_hat) + epsilon)
    return loss


def prune(params, state, threshold=0.05, corrected=False):
    """Set what is smaller than the threshold to 0, in place; returns the masks with which `step` goes on.

    Document 000 prunes biases too, leaves the moments alone and keeps no mask, so that fine-tuning moves what was pruned.
    The corrected version prunes the weight matrices only, and their moments, and keeps the masks.
    """
    masks = {name: np.abs(p) >= threshold for name, p in params.items() if not corrected or name.startswith("W")}
    for name, mask in masks.items():
        params[name][~mask] = 0
        if corrected:
            state["m"][name][~mask] = 0
            state["v"][name][~mask] = 0
    return masks if corrected else None
