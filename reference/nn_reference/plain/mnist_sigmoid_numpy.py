"""`mnist-sigmoid-numpy` in plain NumPy: 784-128-64-10, sigmoid, sigmoid, softmax, no biases (document 001, by hand).

    z1 = x W1ᵀ,  a1 = σ(z1),  z2 = a1 W2ᵀ,  a2 = σ(z2),  z3 = a2 W3ᵀ,  p = softmax(z3)
    L = mean of (p - t)² over samples and outputs
    dp = 2(p - t)/(N C),  dz3 = dp · p(1 - p),  dz2 = dz3 W3 · σ'(z2),  dz1 = dz2 W2 · σ'(z1),  dW = dzᵀ · (the layer's input)

dz3 has the diagonal of the softmax's Jacobian only: it is the gradient of no loss. The corrected version has all of it,
dz3 = p · (dp - Σ over the outputs of p·dp), pixels divided by 255, and the learning rate 0.1.
N samples, D inputs, H1 and H2 hidden units, C outputs. dX is the gradient of L with respect to X.
"""

import numpy as np


def sigmoid(z):
    """σ(z) = 1/(1 + e⁻ᶻ)."""
    return 1 / (1 + np.exp(-z))


def sigmoid_prime(z, corrected):
    """σ'(z)."""
    if corrected:
        return sigmoid(z) * (1 - sigmoid(z))
    # Document 001's form is the same function. It is inf/inf = NaN where e⁻ᶻ overflows, below z = -709.8 in float64.
    return np.exp(-z) / (np.exp(-z) + 1) ** 2


def softmax(z):
    """eᶻ / Σ eᶻ over the outputs of each sample, with the maximum taken off."""
    e = np.exp(z - z.max(axis=1, keepdims=True))  # (N, C)
    return e / e.sum(axis=1, keepdims=True)  # (N, C)


def forward(params, x):
    """Pre-activation z and activation a of each layer."""
    # Document 001 takes one sample at a time as a vector (D,), and weights of (units, inputs): W x. N is 1 there.
    z1 = x @ params["W1"].T  # (N, D) (D, H1) -> (N, H1)
    a1 = sigmoid(z1)  # (N, H1)
    z2 = a1 @ params["W2"].T  # (N, H1) (H1, H2) -> (N, H2)
    a2 = sigmoid(z2)  # (N, H2)
    z3 = a2 @ params["W3"].T  # (N, H2) (H2, C) -> (N, C)
    p = softmax(z3)  # (N, C)
    return [(z1, a1), (z2, a2), (z3, p)]


def loss_and_gradients(params, x, t, corrected=False):
    """Loss and gradients. Document 001 computes no loss: this is the one that its 2(p - t)/C belongs to."""
    (z1, a1), (z2, a2), (_, p) = forward(params, x)  # (N, H1) twice, (N, H2) twice, (N, C)
    loss = np.mean((p - t) ** 2)

    dp = 2 * (p - t) / t.size  # (N, C)
    # Document 001 has the diagonal of the Jacobian, the corrected version all of it.
    dz3 = p * (dp - np.sum(p * dp, axis=1, keepdims=True)) if corrected else dp * (p * (1 - p))  # (N, C)
    dW3 = dz3.T @ a2  # (C, N) (N, H2) -> (C, H2)

    da2 = dz3 @ params["W3"]  # (N, C) (C, H2) -> (N, H2)
    dz2 = da2 * sigmoid_prime(z2, corrected)  # (N, H2)
    dW2 = dz2.T @ a1  # (H2, N) (N, H1) -> (H2, H1)

    da1 = dz2 @ params["W2"]  # (N, H2) (H2, H1) -> (N, H1)
    dz1 = da1 * sigmoid_prime(z1, corrected)  # (N, H1)
    dW1 = dz1.T @ x  # (H1, N) (N, D) -> (H1, D)
    return loss, {"W1": dW1, "W2": dW2, "W3": dW3}


def step(params, x, t, learning_rate=0.001, corrected=False):
    """Update the parameters in place with one sample; returns the loss before the update."""
    loss, gradients = loss_and_gradients(params, x, t, corrected)
    for name in params:
        params[name] -= learning_rate * gradients[name]
    return loss
