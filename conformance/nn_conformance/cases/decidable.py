"""What nobody can be judged by: cases and updates in which honest arithmetic, the reference's, is beyond its limits."""

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.certification import Encoder
from nn_conformance.cases.drafts import Draft
from nn_conformance.judge import limits
from nn_reference.activations import SIGMOID
from nn_reference.arithmetic import Array
from nn_reference.losses import BinaryCrossEntropy
from nn_reference.network import LayerOutput, Network, backpropagate, forward
from nn_reference.optimizers import State


def beyond_limits(draft: Draft, case: fmt.Case, encoder: Encoder) -> str:
    """Where honest arithmetic, the reference's, is beyond its limits, as where float32 underflows: there nobody can be judged."""
    layers = [LayerOutput(encoder.value(layer.z), encoder.value(layer.a)) for layer in case.evaluation.layers]
    gradients = {name: encoder.value(g) for name, g in case.evaluation.gradients.items()}
    terms = limits.magnitudes(case.network, draft.params, layers, draft.x, draft.t)
    longest = limits.longest_sum(case.network, len(draft.x))
    for dtype in fmt.DTYPES:
        params = {name: p.astype(dtype) for name, p in draft.params.items()}
        x, t = draft.x.astype(dtype), draft.t.astype(dtype)
        with np.errstate(all="ignore"):
            found = backpropagate(draft.network, params, x, t)[1]
            outputs = forward(draft.network, params, x)
        checks = [
            (f"gradient {name}", found[name], g, limits.gradient_limit(g, terms[name], dtype, longest))
            for name, g in gradients.items()
        ]
        checks += [
            (f"a{k}", o.a, right.a, limits.value_limit(right.a, dtype, longest))
            for k, (o, right) in enumerate(zip(outputs, layers, strict=True), 1)
        ]
        for what, value, right, limit in checks:
            if not limits.norm(value.astype(np.float64) - right) <= limit.value:
                return f"{what}: in {dtype} honest arithmetic is beyond its limit there"
    return ""


def decidable(draft: Draft, case: fmt.Case, step: fmt.Step, encoder: Encoder) -> bool:
    """Whether honest gradients lead to an update within its limit: where a gradient's terms cancel, g/√v makes more of an error.

    Honest code needs at most a third of a gradient's limit, entry by entry. It must also be finite in float32, where updates
    that diverge make e^z of a sigmoid as a quotient overflow.
    """
    params = {name: encoder.value(p) for name, p in step.params.items()} if step.params else draft.params
    params = {name: p.astype(np.float64) for name, p in params.items()}
    rows, network = list(step.rows), draft.network
    x, t = draft.x[rows].astype(np.float64), draft.t[rows].astype(np.float64)
    narrow = {name: p.astype(np.float32) for name, p in params.items()}
    with np.errstate(all="ignore"):
        _, rounded = backpropagate(network, narrow, x.astype(np.float32), t.astype(np.float32))
    if not all(np.isfinite(g).all() for g in rounded.values()):
        return False
    if case.optimizer.kind == "sgd":
        return True
    _, gradients = backpropagate(network, params, x, t)
    terms = limits.magnitudes(case.network, params, forward(network, params, x), x, t)
    longest = limits.longest_sum(case.network, len(draft.x))
    ends = {}
    for sign in (-1, 0, 1):
        state, after = draft.optimizer.init(params), {name: p.copy() for name, p in params.items()}
        if step.state is not None:
            moments = {m: {k: encoder.value(a) for k, a in arrays.items()} for m, arrays in step.state.moments.items()}
            state = State(step.state.step, moments)
        error = {name: limits.honest_error(g, terms[name], "float64", longest) for name, g in gradients.items()}
        moved = {name: np.asarray(g + sign * error[name]) for name, g in gradients.items()}
        draft.optimizer.step(after, moved, state)
        ends[sign] = after
    for name, middle in ends[0].items():
        reach = limits.norm(np.maximum(np.abs(ends[-1][name] - middle), np.abs(ends[1][name] - middle)))
        limit = limits.update_limit(
            limits.norm(middle - params[name]), limits.norm(middle), case.optimizer, "float64", longest
        )
        if not reach <= limit.value:
            return False
    return True


def beyond_clip(network: Network, y: Array) -> bool:
    """Whether the clip of a sigmoid's cross-entropy acts: who computes the loss from logits has none, and is right too."""
    loss = network.loss
    if not isinstance(loss, BinaryCrossEntropy) or loss.from_logits or network.layers[-1].activation is not SIGMOID:
        return False
    return bool(((y <= loss.clip) | (y >= 1 - loss.clip)).any())
