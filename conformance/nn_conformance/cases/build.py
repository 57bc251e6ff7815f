"""The generator: the reference on balls, rounded correctly, proven and encoded as a case.

Every value is named by its path in the case, such as ``evaluation/gradients/W1``, from the moment it is computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.balls import balls, certified
from nn_conformance.cases.drafts import Draft, Source
from nn_conformance.cases.encoding import INLINE, digest, dtype_name, inline, number
from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.cases.horizons import trajectory
from nn_conformance.cases.kinks import find_kinks, kink_changes
from nn_conformance.cases.overflow import by_dtype
from nn_conformance.cases.proof import prove_gradients
from nn_conformance.cases.summaries import summarize
from nn_conformance.cases.versions import CHANGES
from nn_reference import __version__
from nn_reference.arithmetic import Array, Params
from nn_reference.network import backpropagate, forward
from nn_reference.optimizers import State
from nn_reference.pruning import Masks, apply_masks, magnitude_masks
from nn_reference.training import accuracy

Values = dict[str, Array]
Tensors = dict[str, Array]  # by digest

PENDING = "pending.safetensors"


@dataclass
class Encoder:
    """Turns arrays into JSON, and keeps those that are too large for it; remembers the precision that was needed."""

    tensors: Tensors = field(default_factory=dict)
    bits: int = 0

    def array(self, a: Array) -> fmt.Array:
        """In place, or by its digest in a file that is chosen when all cases are there."""
        if a.size <= INLINE:
            return inline(a)
        self.tensors[digest(a)] = a
        return fmt.Array(dtype=dtype_name(a), shape=list(a.shape), sha256=digest(a), file=PENDING)

    def arrays(self, arrays: Params) -> dict[str, fmt.Array]:
        """Each under its own name."""
        return {name: self.array(a) for name, a in arrays.items()}


def build(draft: Draft) -> tuple[fmt.Case, Tensors]:
    """The case with every expected value, and the tensors that stand beside it.

    Raises:
        NotCertifiedError: a value without a unique rounding.
        ProofError: a gradient that central differences do not confirm.
    """
    encoder = Encoder()
    rows = slice(None) if draft.evaluated is None else np.array(draft.evaluated)
    x, t = draft.x[rows], draft.t[rows]
    evaluation = _evaluation(draft, encoder, "evaluation", x, t)
    second = None
    if draft.second is not None:
        second = fmt.SecondCall(
            encoder.array(draft.second[0]),
            encoder.array(draft.second[1]),
            _evaluation(draft, encoder, "second_call/evaluation", *draft.second),
        )
    steps = _steps(draft, encoder)
    probe, changes = draft.case.startswith("probe-"), CHANGES.get(draft.id, ())
    return fmt.Case(
        format=2 if draft.of.own else 1,
        id=draft.id,
        version=1 + len(changes),
        system=draft.of.id,
        purpose=draft.purpose,
        flags=list(draft.flags),
        network=describe_network(draft.network),
        optimizer=describe_optimizer(draft.optimizer),
        x=_images(draft.source, draft.x, draft.source.scaling) if draft.source else encoder.array(draft.x),
        t=_images(draft.source, draft.t, "one-hot") if draft.source else encoder.array(draft.t),
        params=encoder.arrays(draft.params),
        evaluation=evaluation,
        rows=None if draft.evaluated is None else list(draft.evaluated),
        second_call=second,
        steps=steps,
        trajectory=trajectory(draft) if draft.batches else None,
        pruned=_pruned(draft, encoder),
        by_dtype=by_dtype(draft, x, t),
        changes=list(changes),
        provenance=fmt.Provenance(
            document=draft.of.document,
            inputs=draft.inputs
            or ("multiples of 1/16 or small integers, exact in float32" if probe else "the document's own"),
            values="certified: the reference on balls, each value correctly rounded to float64",
            generator=f"nn-conformance {__version__}",
            bits=encoder.bits,
            proof=_proof(draft, x, t, encoder.bits) if probe or draft.of.own else None,
        ),
    ), encoder.tensors


def _proof(draft: Draft, x: Array, t: Array, bits: int) -> str:
    """What was proven: where the values need more bits, differences of them do too."""
    if draft.of.own:
        return prove_gradients(draft.network, draft.params, x, t, of_x=True, bits=bits)
    return prove_gradients(draft.network, draft.params, x, t)


def _evaluation(draft: Draft, encoder: Encoder, path: str, x: Array, t: Array) -> fmt.Evaluation:
    def compute() -> Values:
        params, bx, bt = {name: balls(p) for name, p in draft.params.items()}, balls(x), balls(t)
        loss, gradients = backpropagate(draft.network, params, bx, bt, of_x=draft.of.own)
        values = {f"{path}/loss": np.asarray(loss, dtype=object)}
        values |= {f"{path}/gradients/{name}": g for name, g in gradients.items()}
        for k, output in enumerate(forward(draft.network, params, bx), 1):
            values |= {f"{path}/layers/{k}/z": output.z, f"{path}/layers/{k}/a": output.a}
        return values

    values, bits = certified(compute, zeros={f"{path}/gradients/{name}" for name in draft.zeros}, tiny=draft.of.own)
    encoder.bits = max(encoder.bits, bits)
    layers = len(draft.network.layers)
    y = values[f"{path}/layers/{layers}/a"]
    kinks = find_kinks(draft, [values[f"{path}/layers/{k}/z"] for k in range(1, layers + 1)])
    return fmt.Evaluation(
        layers=[
            fmt.LayerOutput(*(encoder.array(values[f"{path}/layers/{k}/{q}"]) for q in "za"))
            for k in range(1, layers + 1)
        ],
        loss=number(values[f"{path}/loss"].item()),
        gradients=encoder.arrays({name: values[f"{path}/gradients/{name}"] for name in draft.params}),
        accuracy=accuracy(y, t) if y.ndim == 2 and y.shape[1] > 1 else None,
        zero_by_structure={
            name: why
            for name, why in draft.zeros.items()
            if (values.get(f"{path}/gradients/{name}", np.ones(())) == 0).any()
        },
        kinks=kink_changes(draft, x, t, kinks),
        gradient_x=encoder.array(values[f"{path}/gradients/x"]) if draft.of.own else None,
    )


def _steps(draft: Draft, encoder: Encoder) -> list[fmt.Step]:
    """Single updates. Large systems start each from the case's parameters; small ones from where the last one led.

    There the state is rounded to float32 before it is given, so that every implementation starts from it exactly.
    """
    steps, chained = [], draft.source is None
    params, state = draft.params, draft.optimizer.init(draft.params)
    for k, rows in enumerate(draft.steps):
        loss, after, moments = _step(draft, encoder, params, state, rows)
        given = chained and k > 0
        steps.append(
            fmt.Step(
                rows=list(rows),
                loss=number(loss),
                params=encoder.arrays(params) if given else None,
                state=_state(encoder, state) if given else None,
                after=encoder.arrays(after) if chained else None,
                after_summary=None if chained else {name: summarize(p) for name, p in after.items()},
            )
        )
        if chained:
            params, state = _float32(after), State(k + 1, {m: _float32(arrays) for m, arrays in moments.items()})
    return steps


def _step(
    draft: Draft, encoder: Encoder, params: Params, state: State, rows: Sequence[int], masks: Masks | None = None
) -> tuple[float, Params, dict[str, Params]]:
    """Loss before the update, parameters and moments after it, from float parameters and moments."""

    def compute() -> Values:
        exact = {name: balls(p) for name, p in params.items()}
        moving = State(state.step, {m: {name: balls(a) for name, a in v.items()} for m, v in state.moments.items()})
        batch = np.array(rows)
        loss, gradients = backpropagate(draft.network, exact, balls(draft.x[batch]), balls(draft.t[batch]))
        if masks is not None:
            gradients = apply_masks(gradients, masks)
        draft.optimizer.step(exact, gradients, moving)
        values = {"loss": np.asarray(loss, dtype=object)} | {f"after/{name}": p for name, p in exact.items()}
        # Moments matter only where a next step starts from them.
        for moment, arrays in moving.moments.items() if draft.source is None else ():
            values |= {f"{moment}/{name}": a for name, a in arrays.items()}
        return values

    values, bits = certified(compute, tiny=draft.of.own)
    encoder.bits = max(encoder.bits, bits)
    kept = state.moments if draft.source is None else ()
    moments = {m: {name: values[f"{m}/{name}"] for name in params} for m in kept}
    return values["loss"].item(), {name: values[f"after/{name}"] for name in params}, moments


def _state(encoder: Encoder, state: State) -> fmt.State:
    return fmt.State(state.step, {m: encoder.arrays(arrays) for m, arrays in state.moments.items()})


def _pruned(draft: Draft, encoder: Encoder) -> fmt.Pruned | None:
    """What pruning leaves, and one update after it from moments that are not zero."""
    if draft.of.pruning is None or draft.threshold is None:
        return None
    plan = replace(draft.of.pruning, threshold=draft.threshold)
    _, _, moments = _step(draft, encoder, draft.params, draft.optimizer.init(draft.params), draft.steps[0])
    state = State(1, {m: _float32(arrays) for m, arrays in moments.items()})
    left, start, masks = plan.apply(draft.network, draft.params, state)
    _, after, _ = _step(draft, encoder, left, start, draft.steps[0], masks)
    names = list(draft.params) if plan.biases else [weights for weights, _ in draft.network.names]
    kept = sum(int(mask.sum()) for mask in magnitude_masks(draft.params, plan.threshold, names).values())
    return fmt.Pruned(
        threshold=plan.threshold,
        names=names,
        keep_mask=plan.keep_mask,
        kept=kept,
        params=encoder.arrays(left),
        rows=list(draft.steps[0]),
        state=_state(encoder, state),
        after=encoder.arrays(after),
    )


def _images(source: Source, a: Array, scaling: fmt.Scaling) -> fmt.Array:
    """Rows of a dataset instead of numbers; the digest is of the array that they give."""
    return fmt.Array(
        dtype=dtype_name(a),
        shape=list(a.shape),
        sha256=digest(a),
        dataset=source.dataset,
        part="train",
        scaling=scaling,
        rows=list(source.rows),
    )


def _float32(arrays: Params) -> Params:
    """Rounded to float32, held in float64."""
    return {name: a.astype(np.float32).astype(np.float64) for name, a in arrays.items()}
