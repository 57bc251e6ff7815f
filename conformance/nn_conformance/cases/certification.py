"""The expected values of a case: the reference on balls, rounded correctly, proven and encoded.

Every value is named by its path in the case, such as ``evaluation/gradients/W1``, from the moment it is computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.balls import START_BITS, balls, certified
from nn_conformance.cases.drafts import Draft
from nn_conformance.cases.encoding import INLINE, digest, dtype_name, inline, number, values
from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.cases.horizons import trajectory
from nn_conformance.cases.kinks import find_kinks, kink_change
from nn_conformance.cases.overflow import by_dtype
from nn_conformance.cases.proof import prove_gradients
from nn_reference import __version__
from nn_reference.arithmetic import Array, Params
from nn_reference.network import backpropagate, forward
from nn_reference.optimizers import State
from nn_reference.pruning import Masks, apply_masks
from nn_reference.training import accuracy

Tensors = dict[str, Array]  # by digest
FLOAT32_MAX = float(np.finfo(np.float32).max)


@dataclass
class Encoder:
    """Turns arrays into records, and keeps those that are too large for JSON; remembers the precision that was needed.

    Attributes:
        file: the safetensors file in which the large arrays will be.
        tensors: the large arrays.
        bits: the largest working precision of a value.
    """

    file: str
    tensors: Tensors = field(default_factory=dict)
    bits: int = 0

    def array(self, a: Array) -> fmt.Array:
        """In place, or by its digest in the file."""
        if a.size <= INLINE:
            return inline(a)
        self.tensors[digest(a)] = a
        return fmt.Array(dtype=dtype_name(a), shape=list(a.shape), sha256=digest(a), file=self.file)

    def arrays(self, arrays: Params) -> dict[str, fmt.Array]:
        """Each under its own name."""
        return {name: self.array(a) for name, a in arrays.items()}

    def state(self, state: State) -> fmt.State:
        """An optimiser's state."""
        return fmt.State(state.step, {m: self.arrays(arrays) for m, arrays in state.moments.items()})

    def value(self, array: fmt.Array) -> Array:
        """The inverse of `array`."""
        if array.data is None:
            return self.tensors[array.sha256]
        return values(array.data, array.dtype).reshape(array.shape)


def certify_case(draft: Draft, encoder: Encoder) -> fmt.Case:
    """The case with every expected value; its large arrays are then in the encoder.

    Raises:
        NotCertifiedError: a value without a unique rounding.
        KinkError: pre-activations of exactly zero where the case should have none.
        ProofError: a gradient that central differences, or the tape, do not confirm.
    """
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
    steps, proof = _steps(draft, encoder), None
    if draft.proven:  # where the values need more bits, differences of them do too
        bits = encoder.bits if draft.of.own else START_BITS
        proof = prove_gradients(draft.network, draft.params, x, t, of_x=draft.of.own, bits=bits)
    return fmt.Case(
        format=2 if draft.of.own else 1,
        id=draft.id,
        version=1,
        system=draft.of.id,
        purpose=draft.purpose,
        flags=list(draft.flags),
        network=describe_network(draft.network),
        optimizer=describe_optimizer(draft.optimizer),
        x=encoder.array(draft.x),
        t=encoder.array(draft.t),
        params=encoder.arrays(draft.params),
        evaluation=evaluation,
        rows=None if draft.evaluated is None else list(draft.evaluated),
        second_call=second,
        steps=steps,
        trajectory=trajectory(draft) if draft.batches else None,
        by_dtype=by_dtype(draft, x, t),
        provenance=fmt.Provenance(
            document=draft.of.document,
            inputs=draft.inputs,
            values="certified: the reference on balls, each value correctly rounded to float64",
            generator=f"nn-conformance {__version__}",
            bits=encoder.bits,
            proof=proof,
        ),
    )


def certified_step(
    draft: Draft, encoder: Encoder, params: Params, state: State, rows: Sequence[int], masks: Masks | None = None
) -> tuple[float, Params, dict[str, Params]]:
    """Loss before the update, parameters and moments after it, from float parameters and moments.

    Raises:
        NotCertifiedError: a value without a unique rounding.
    """

    def compute() -> Params:
        exact = {name: balls(p) for name, p in params.items()}
        moving = state.mapped(lambda arrays: {name: balls(a) for name, a in arrays.items()})
        batch = np.array(rows)
        loss, gradients = backpropagate(draft.network, exact, balls(draft.x[batch]), balls(draft.t[batch]))
        if masks is not None:
            gradients = apply_masks(gradients, masks)
        draft.optimizer.step(exact, gradients, moving)
        values = {"loss": np.asarray(loss, dtype=object)} | {f"after/{name}": p for name, p in exact.items()}
        # Moments matter only where a next step starts from them.
        for moment, arrays in {} if draft.large else moving.moments.items():
            values |= {f"{moment}/{name}": a for name, a in arrays.items()}
        return values

    values, bits = certified(compute, tiny=draft.of.own)
    encoder.bits = max(encoder.bits, bits)
    kept = () if draft.large else state.moments
    moments = {m: {name: values[f"{m}/{name}"] for name in params} for m in kept}
    return values["loss"].item(), {name: values[f"after/{name}"] for name in params}, moments


def to_float32(arrays: Params) -> Params:
    """Each array rounded to float32, held in float64."""
    return {name: a.astype(np.float32).astype(np.float64) for name, a in arrays.items()}


def _evaluation(draft: Draft, encoder: Encoder, path: str, x: Array, t: Array) -> fmt.Evaluation:
    def compute() -> Params:
        params, bx, bt = {name: balls(p) for name, p in draft.params.items()}, balls(x), balls(t)
        loss, gradients = backpropagate(draft.network, params, bx, bt, of_x=draft.of.own)
        values = {f"{path}/loss": np.asarray(loss, dtype=object)}
        values |= {f"{path}/gradients/{name}": g for name, g in gradients.items()}
        for k, output in enumerate(forward(draft.network, params, bx), 1):
            values |= {f"{path}/layers/{k}/z": output.z, f"{path}/layers/{k}/a": output.a}
        return values

    values, bits = certified(compute, zeros={f"{path}/gradients/{name}" for name in draft.zeros}, tiny=draft.of.own)
    encoder.bits = max(encoder.bits, bits)
    layers = [{q: values[f"{path}/layers/{k}/{q}"] for q in "za"} for k in range(1, len(draft.network.layers) + 1)]
    gradients = {name: values[f"{path}/gradients/{name}"] for name in (*draft.params, *(["x"] if draft.of.own else []))}
    y = layers[-1]["a"]
    kinks = find_kinks(draft, [layer["z"] for layer in layers])
    return fmt.Evaluation(
        layers=[fmt.LayerOutput(**encoder.arrays(layer)) for layer in layers],
        loss=number(values[f"{path}/loss"].item()),
        gradients=encoder.arrays({name: gradients[name] for name in draft.params}),
        accuracy=accuracy(y, t) if y.ndim == 2 and y.shape[1] > 1 else None,
        zero_by_structure={
            name: why for name, why in draft.zeros.items() if name in gradients and (gradients[name] == 0).any()
        },
        kinks=[kink_change(draft, x, t, kink) for kink in kinks],
        gradient_x=encoder.array(gradients["x"]) if draft.of.own else None,
    )


def _steps(draft: Draft, encoder: Encoder) -> list[fmt.Step]:
    """Single updates. Large networks start each from the case's parameters; small ones from where the last one led.

    There the state is rounded to float32 before it is given, so that every implementation starts from it exactly.
    """
    steps = []
    params, state = draft.params, draft.optimizer.init(draft.params)
    for k, rows in enumerate(draft.steps):
        loss, after, moments = certified_step(draft, encoder, params, state, rows)
        if draft.of.own and max(abs(loss), *(np.max(np.abs(p)) for p in after.values())) > FLOAT32_MAX:
            break  # updates that diverge: float32 has no number for what follows
        given = k > 0 and not draft.large
        steps.append(
            fmt.Step(
                rows=list(rows),
                loss=number(loss),
                params=encoder.arrays(params) if given else None,
                state=encoder.state(state) if given else None,
                after=encoder.arrays(after),
            )
        )
        if not draft.large:
            params, state = to_float32(after), State(k + 1, {m: to_float32(arrays) for m, arrays in moments.items()})
    return steps
