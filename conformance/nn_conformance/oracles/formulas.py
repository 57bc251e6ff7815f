"""Forward pass, losses and optimisers once more, written from `fixtures/README.md` alone. There is no backward pass here.

The oracles that differentiate for themselves (complex step, central differences, Arb's tape) stand on this, and share no
formula with the reference. Only operators, exp, log, log1p, tanh, and the methods sum, swapaxes and `real` are used, so
the same lines run on floats, on complex numbers with a tangent in their imaginary part, and on `tape.Variable`. A branch
is chosen by the value alone, and a mask is multiplied: a product has a derivative everywhere.

Legend: P copies of a batch, N samples, C units; z and a are ([P,] N, C), or ([P,] N) for a vector layer.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Training
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import UndecidedError
from nn_reference.network import LayerOutput
from nn_reference.optimizers import State

GELU = 0.7978845608028654, 0.044715  # the float64 nearest to √(2/π), and the cubic term's factor
Numbers: TypeAlias = Any  # a float or complex array, or a `tape.Variable`
Gradient: TypeAlias = Callable[[Params, Array, Array], tuple[Any, Params]]


def dtype_of(params: Params) -> fmt.Dtype:
    """The precision of the parameters."""
    return "float32" if params["W1"].dtype == np.float32 else "float64"


def forward(network: fmt.Network, params: Mapping[str, Numbers], x: Numbers) -> list[LayerOutput]:
    """Every layer's z and a, of x (N, D)."""
    outputs: list[LayerOutput] = []
    a = x
    for k, layer in enumerate(network.layers, 1):
        z = preactivation(layer, a, params[f"W{k}"], params.get(f"b{k}"))
        a = through(layer, z, a)
        outputs.append(LayerOutput(z, a))
    return outputs


def through(layer: fmt.Layer, z: Numbers, below: Numbers, held: Array | None = None) -> Numbers:
    """A layer's a, of its z and, for a skip connection, of its input; `held` as `activate` has it."""
    a = activate(layer.activation, z, held)
    return a + below if layer.skip else a


def preactivation(layer: fmt.Layer, a: Numbers, weights: Numbers, bias: Numbers | None) -> Numbers:
    """a W + b, or a Wᵀ + b where W is (units, inputs)."""
    z = a @ (weights.swapaxes(0, 1) if layer.layout == "out,in" and not layer.vector else weights)
    return z + bias if layer.bias else z


def activate(activation: fmt.Activation, z: Numbers, held: Array | None = None) -> Numbers:
    """φ(z). Where the backward rule is not the derivative, a function that has that rule: see `_softmax`.

    Args:
        activation: its description.
        z: pre-activation.
        held: z as it was before anything was perturbed, for such a rule; z's own value if None.
    """
    if activation.kind != "softmax":
        return ELEMENTWISE[activation.kind](z, activation.alpha)
    others = None if activation.backward == "exact" else z.real if held is None else held
    if activation.axis == "outputs":
        return _softmax(z, others)
    return _softmax(z.swapaxes(-1, -2), None if others is None else others.swapaxes(-1, -2)).swapaxes(-1, -2)


def _leaky_relu(z: Numbers, alpha: float) -> Numbers:
    right = above(z, 0)
    return z * right + z * ~right * alpha


def _elu(z: Numbers, alpha: float) -> Numbers:
    """With e^z - 1 as 2·tanh(z/2) / (1 - tanh(z/2)), which does not cancel."""
    right = above(z, 0)
    half = np.tanh(z * ~right / 2)
    return z * right + half * 2 / (1 - half) * alpha


def _softplus(z: Numbers) -> Numbers:
    size, right = _magnitude(z)
    return z * right + _log1p(np.exp(-size))


def _log1p(z: Numbers) -> Numbers:
    """log(1 + z) of a small z: NumPy's of a complex one would lose its digits."""
    if z.dtype.kind != "c":
        return np.log1p(z)
    return np.log1p(z.real) + 1j * (z.imag / (1 + z.real)).astype(z.real.dtype)


def _sigmoid(z: Numbers) -> Numbers:
    """1 / (1 + e^-z), or e^z / (e^z + 1) where z < 0: of e^-|z|, which does not overflow."""
    size, right = _magnitude(z)
    e = np.exp(-size)
    return (right + ~right * e) / (1 + e)


ELEMENTWISE: Mapping[str, Callable[..., Numbers]] = {
    "identity": lambda z, _: z,
    "relu": lambda z, _: z * above(z, 0),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "tanh": lambda z, _: np.tanh(z),
    "sigmoid": lambda z, _: _sigmoid(z),
    "softplus": lambda z, _: _softplus(z),
    "silu": lambda z, _: z * _sigmoid(z),
    "gelu": lambda z, _: z / 2 * (1 + np.tanh((z + z * z * z * GELU[1]) * GELU[0])),
}


def loss(network: fmt.Network, output: LayerOutput, t: Array, dtype: fmt.Dtype) -> Any:
    """L without its penalty of the last layer's z and a; `dtype` is the precision whose clip bounds hold, whatever the arithmetic."""
    return loss_terms(network, output, t, dtype).sum() / loss_count(network.loss, t)


def penalty_terms(penalty: fmt.Penalty, params: Mapping[str, Numbers], samples: Any) -> dict[str, Numbers]:
    """What each entry of each penalised parameter adds to the loss of so many samples."""
    divisor = {"1": 1, "1/2": 2, "1/N": samples, "1/2N": 2 * samples}[penalty.scaling]
    taken = {name: p for name, p in params.items() if penalty.biases or name.startswith("W")}
    return {name: p * p * penalty.strength / divisor for name, p in taken.items()}


def penalty(network: fmt.Network, params: Mapping[str, Numbers], samples: int) -> Any:
    """What the penalty adds to the loss; 0 without one."""
    terms = {} if network.penalty is None else penalty_terms(network.penalty, params, samples)
    return sum(each.sum() for each in terms.values())


def loss_count(described: fmt.Loss, t: Array) -> int:
    """What the sum of `loss_terms` is divided by: 1, N or N·C, doubled for a half."""
    count = {"sum": 1, "samples": t.shape[0], "elements": t.size}[described.reduction]
    return 2 * count if described.half else count


def loss_terms(network: fmt.Network, output: LayerOutput, t: Array, dtype: fmt.Dtype) -> Numbers:
    """The loss before its sum, of z's shape."""
    described, y = network.loss, output.a
    match described.kind:
        case "squared_error":
            return (y - t) * (y - t)
        case "linear":
            return y * t
        case "cross_entropy":
            return -_log_likelihood(network, output, t)
        case "binary_cross_entropy":
            if described.from_logits:
                size, right = _magnitude(y)
                return y * right - y * t + _log1p(np.exp(-size))
            p = _clipped(y, described.clip or 0.0, dtype)
            return -(t * np.log(p) + (1 - t) * np.log1p(-p))


def of_softmax(network: fmt.Network) -> bool:
    """Whether the loss is the cross-entropy of a softmax over the outputs, which is computed from its logits."""
    last = network.layers[-1].activation
    softmax = (last.kind, last.axis, last.backward) == ("softmax", "outputs", "exact")
    return network.loss.kind == "cross_entropy" and softmax and not network.loss.from_logits


def _log_likelihood(network: fmt.Network, output: LayerOutput, t: Array) -> Numbers:
    y = output.a
    if network.loss.from_logits:
        return t * _log_softmax(y)
    if of_softmax(network):
        return t * _log_softmax(output.z)
    with np.errstate(divide="ignore"):  # 0·log 0 is 0: an output without a target counts as 1
        return t * np.log(y * (t != 0) + (t == 0))


def above(z: Numbers, bound: float) -> Any:
    """Where z > bound, by its value. A ball that contains the bound and more raises UndecidedError."""
    found = z.real > bound
    if z.dtype == object and not np.all(found | (z.real <= bound)):
        raise UndecidedError(f"expected a ball on one side of {bound}, got one that lies across it")
    return found


def _magnitude(z: Numbers) -> tuple[Numbers, Any]:
    """|z|, and where z counts as positive. What is made of it here holds for either choice, so balls need not be decided."""
    right = z.real >= 0
    return z * right - z * ~right, right


def _softmax(z: Numbers, held: Array | None) -> Numbers:
    """e^z / Σ e^z over the last axis. With `held`, the other terms of the sum are those of it, and constants.

    Then ∂a_k/∂z_k = a_k(1 - a_k) is all there is: the diagonal of the Jacobian.
    """
    shift = z.real.max(axis=-1, keepdims=True)
    e = np.exp(z - shift)
    if held is None:
        return e / e.sum(axis=-1, keepdims=True)
    # Summed without the term itself, and not subtracted from the whole: that would leave rounding.
    others = (np.exp(held - shift)[..., None, :] * ~np.eye(z.shape[-1], dtype=bool)).sum(axis=-1)
    return e / (e + others)


def _log_softmax(z: Numbers) -> Numbers:
    """z - log Σ e^z, shifted so that the largest term is 1."""
    shifted = z - z.real.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def clip_bounds(clip: float, dtype: fmt.Dtype) -> tuple[float, float]:
    """The numbers of a precision that are nearest to clip and 1 - clip."""
    kind = np.dtype(dtype).type
    return float(kind(clip)), float(kind(1 - clip))


def _clipped(y: Numbers, clip: float, dtype: fmt.Dtype) -> Numbers:
    """Y between the bounds; at a bound it is a constant."""
    low, high = clip_bounds(clip, dtype)
    below, beyond = above(-y, -low), above(y, high)
    return y * ~(below | beyond) + (low * below + high * beyond).astype(y.dtype)


def train(gradient: Gradient, asked: Training, exact: Callable[[float], Any] = float) -> tuple[list[Any], Params]:
    """Losses before each update, and the parameters after the last, whatever `gradient` computes them by."""
    losses, params, state = [], asked.params, asked.state or State()
    for rows in asked.batches:
        value, found = gradient(params, asked.x[list(rows)], asked.t[list(rows)])
        params, state = update(asked.optimizer, params, found, state, exact)
        losses.append(value)
    return losses, params


def update(
    optimizer: fmt.Optimizer, params: Params, gradients: Params, state: State, exact: Callable[[float], Any] = float
) -> tuple[Params, State]:
    """Parameters and state after one step; what is given is not changed.

    Args:
        optimizer: its description.
        params: before the step.
        gradients: of the same shapes.
        state: steps taken, and moments; those that it lacks are 0.
        exact: makes a constant a number of the parameters' arithmetic.
    """
    after, moved = {}, State(state.step + 1)
    for name, p in params.items():
        before = {m: arrays[name] for m, arrays in state.moments.items()}
        move, moments = _move(optimizer, gradients[name], before, moved.step, exact)
        after[name] = np.asarray(p - move, dtype=p.dtype)
        for m, array in moments.items():
            moved.moments.setdefault(m, {})[name] = array
    return after, moved


def _move(
    optimizer: fmt.Optimizer, g: Array, before: Mapping[str, Array], s: int, exact: Callable[[float], Any]
) -> tuple[Array, dict[str, Array]]:
    """What step s takes off one parameter, and the moments after it."""
    rate = exact(optimizer.learning_rate)
    if optimizer.kind == "sgd":
        return _accelerated(optimizer, g, before, rate, exact(optimizer.momentum))
    beta1, beta2, epsilon = (exact(value or 0.0) for value in (optimizer.beta1, optimizer.beta2, optimizer.epsilon))
    if optimizer.kind in ("rmsprop", "adagrad"):
        share = (beta2, 1 - beta2) if optimizer.kind == "rmsprop" else (exact(1.0), exact(1.0))
        v = before.get("v", 0) * share[0] + g * g * share[1]
        size = np.sqrt(v) + epsilon if optimizer.placement == "torch" else np.sqrt(v + epsilon)
        return g / size * rate, {"v": v}
    m = before.get("m", 0) * beta1 + g * (1 - beta1)
    v = before.get("v", 0) * beta2 + g * g * (1 - beta2)
    if optimizer.placement == "torch":
        size = np.sqrt(v / (1 - beta2**s)) + epsilon
    else:
        size = (np.sqrt(v) + epsilon) / (1 - beta2**s) ** exact(0.5)
    return m / size * (rate / (1 - beta1**s)), {"m": m, "v": v}


def _accelerated(
    optimizer: fmt.Optimizer, g: Array, before: Mapping[str, Array], rate: Any, momentum: Any
) -> tuple[Array, dict[str, Array]]:
    """Plain gradient descent, or momentum in its dialect."""
    if not optimizer.momentum:
        return g * rate, {}
    v = before.get("v", 0) * momentum
    match optimizer.dialect:
        case "classical":
            v = v + g
            return v * rate, {"v": v}
        case "rate":
            v = v + g * rate
            return v, {"v": v}
        case "nesterov":
            v = v + g
            return (g + v * momentum) * rate, {"v": v}
        case "averaged":
            v = v + g * (1 - momentum)
            return v * rate, {"v": v}
