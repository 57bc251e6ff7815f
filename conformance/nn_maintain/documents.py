"""The cases of the documented networks: each document's own sizes, data, starting weights and batch order, and the probes.

What only these cases have is added here to what `cases.certification` makes of any draft: rows of image datasets in place
of numbers, summaries of large arrays, pruning, a test accuracy, and the reasons for new versions.
"""

from collections.abc import Iterator
from dataclasses import replace
from math import fsum

import msgspec
import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.balls import balls, certified
from nn_conformance.cases.certification import Encoder, Tensors, certified_step, certify_case, to_float32
from nn_conformance.cases.drafts import Description, Draft, float32_twin, structural_zeros
from nn_conformance.cases.encoding import arrays_of, number, signs
from nn_conformance.cases.families import family
from nn_conformance.cases.horizons import exact_run
from nn_conformance.cases.probes import SAMPLES, draw, probes
from nn_reference.activations import SIGMOID_QUOTIENT
from nn_reference.arithmetic import Array
from nn_reference.network import predict
from nn_reference.optimizers import State
from nn_reference.preprocessing import train_test_split
from nn_reference.pruning import magnitude_masks
from nn_reference.systems import System
from nn_reference.training import accuracy

STEPS = 3
# Updates of the free run: as many as are within reach. One at a time and batches of eight are cheap.
SMALL_RUN, ONE_RUN, EIGHT_RUN, LARGE_RUN = 400, 50, 50, 10
QUICK_RUN = 5
SOURCES: dict[str, tuple[fmt.Dataset, fmt.Scaling]] = {
    "fashion-pruning": ("fashion-mnist", "half"),
    "mnist-sigmoid-numpy": ("mnist", "raw"),
    "mnist-sigmoid-torch": ("mnist", "mnist"),
}
# For document 001's network on raw pixels: `nn-conformance verify mnist-sigmoid-numpy` shows both for five seeds.
NAN_WITHIN, NAN_ACCURACY = 100, 0.098
THRESHOLD = 0.25  # of the pruning probe
# Odd, with scattered bits: neighbours, rows and columns change sign against each other.
MASKS = (
    0b1,
    0b10011,
    0b1101001,
    0b1011010011,
    0b110100110101,
    0b10110011010111,
    0b1101011100110101,
    0b111011010110101001,
)
SUMMARY_ENTRIES = 64
# Why a case changed: case id -> the reason for version 2, for version 3, ... What a case expects is for good, and a change
# of it a new version. Ids are never renumbered and never used again; a case that is withdrawn stays listed here.
CALM = (
    "smaller weights: the case was saturated as well, and so failed honest libraries for their clips and for overflow"
)
CALMED = (
    "iris-relu-adam/", "fashion-pruning/", "mnist-dense-keras/", "mnist-dense-keras/corrected-", "mnist-relu/",
    "mnist-relu-torch/", "mnist-relu-torch/corrected-",
)  # fmt: skip
CHANGES: dict[str, tuple[str, ...]] = {f"{place}probe-{kind}": (CALM,) for place in CALMED for kind in ("kink", "dead")}


def described(system: System) -> Description:
    """A documented network as a description."""
    return Description(
        name=system.name,
        id=system.id,
        network=system.network,
        optimizer=system.recipe.optimizer,
        document=system.document,
        prefix="corrected-" if system.version == "corrected" else "",
        own=False,
    )


def drafts(system: System, *, quick: bool = False) -> Iterator[Draft]:
    """A system's documented cases, and the probes that it is the first to need.

    `quick` cuts the long runs of the documented cases to five steps, for `--check` on many machines.
    """
    for draft in documented(system):
        yield replace(draft, batches=draft.batches[:QUICK_RUN], horizons=False) if quick else draft
    if family(system) is system:
        yield from probes(described(system))
    if system.recipe.pruning is not None:
        yield replace(
            draw(described(system), seed=14),
            case="probe-pruned",
            purpose="weights below, at and above the threshold, of either sign: |w| counts, a tie survives, and moments move",
            flags=("pruning",),
            steps=(tuple(range(SAMPLES)),),
        )


def build(system: System, draft: Draft) -> tuple[fmt.Case, Tensors]:
    """The published case of a draft, and the tensors that stand beside it.

    Raises:
        NotCertifiedError: a value without a unique rounding.
        ProofError: a gradient that central differences do not confirm.
    """
    encoder = Encoder(f"{system.name}.safetensors")
    case = certify_case(draft, encoder)
    reasons = CHANGES.get(draft.id, ())
    changes: dict[str, object] = {"changes": list(reasons), "version": 1 + len(reasons)}
    if "pruning" in draft.flags:
        changes["pruned"] = _pruned(system, draft, encoder)
        changes["provenance"] = msgspec.structs.replace(case.provenance, bits=encoder.bits)
    if draft.large:
        changes |= _from_dataset(system, case)
        after = [{name: summarize(encoder.value(p)) for name, p in (step.after or {}).items()} for step in case.steps]
        steps = zip(case.steps, after, strict=True)
        changes["steps"] = [msgspec.structs.replace(step, after=None, after_summary=summary) for step, summary in steps]
    # Where the free run is the document's whole training, its test accuracy is certified too.
    whole = not draft.large and system.version == "documented" and len(draft.batches) == system.recipe.epochs
    if case.trajectory is not None and whole:
        changes["trajectory"] = msgspec.structs.replace(case.trajectory, test_accuracy=_test_accuracy(system, draft))
    overflows = any(layer.activation is SIGMOID_QUOTIENT for layer in draft.network.layers)
    if draft.case.startswith("documented") and overflows:
        changes["by_dtype"] = {
            dtype: msgspec.structs.replace(
                case.by_dtype.get(dtype, fmt.ByDtype()), nan_within=NAN_WITHIN, accuracy=NAN_ACCURACY
            )
            for dtype in fmt.DTYPES
        }
    case = msgspec.structs.replace(case, **changes)
    beside = {array.sha256 for _, array in arrays_of(case) if array.file is not None}
    return case, {key: tensor for key, tensor in encoder.tensors.items() if key in beside}


def documented(system: System) -> Iterator[Draft]:
    """The case with the document's numbers; and its twin, rounded to float32, where those are no float32 numbers."""
    draft = _draft(system)
    yield draft
    if (twin := float32_twin(draft)) is not None:
        yield replace(twin, t=draft.t)  # labels, which are float32 numbers


def _draft(system: System) -> Draft:
    data, recipe = system.load(), system.recipe
    size = recipe.batch_size or len(data.train_x)
    updates = _updates(system, size) if recipe.epochs else 0
    # Full batches repeat; others follow the file, from its start again where it ends.
    per_epoch = -(-len(data.train_x) // size)
    used = min(len(data.train_x), size * min(max(updates, 1), per_epoch))
    batches = tuple(tuple(range(i * size, min((i + 1) * size, used))) for i in (k % per_epoch for k in range(updates)))
    images = system.network.inputs == 784
    return Draft(
        case=system.version,
        purpose=f"{'the network as document ' if system.version == 'documented' else 'the corrected network of document '}"
        f"{system.document} has it, on its own data",
        of=described(system),
        network=system.network,
        optimizer=recipe.optimizer,
        params=system.start(),
        x=data.train_x[:used],
        t=data.train_t[:used],
        flags=("documented",) if system.version == "documented" else ("corrected",),
        evaluated=tuple(range(min(size, used))) if used > size else None,
        steps=batches[:STEPS] if images else batches[:1],
        batches=batches,
        zeros=structural_zeros(system.network),
        inputs="the document's own",
        proven=False,
        large=images,
    )


def _updates(system: System, size: int) -> int:
    if system.network.inputs < 784:
        # All hundred full batches of `iris-relu-adam`; of the chaotic `iris-sigmoid` the first hundred and twenty.
        return SMALL_RUN if system.name.startswith("xor") else min(system.recipe.epochs, 120)
    return {1: ONE_RUN, 8: EIGHT_RUN}.get(size, LARGE_RUN)


def _from_dataset(system: System, case: fmt.Case) -> dict[str, fmt.Array]:
    """Rows of the training set of an image dataset in place of the numbers of x and t, with the digests of these."""
    dataset, scaling = SOURCES.get(system.name, ("mnist", "unit"))
    if system.version == "corrected" and scaling == "raw":
        scaling = "unit"
    split = system.name == "mnist-dense-keras"
    order = train_test_split(60_000, test_size=0.2, seed=42)[0] if split else np.arange(60_000)
    rows = order[: case.x.shape[0]].tolist()
    source = {"data": None, "file": None, "dataset": dataset, "part": "train", "rows": rows}
    return {
        "x": msgspec.structs.replace(case.x, **source, scaling=scaling),
        "t": msgspec.structs.replace(case.t, **source, scaling="one-hot"),
    }


def _test_accuracy(system: System, draft: Draft) -> float:
    data = system.load()

    def compute() -> dict[str, Array]:
        return {"outputs": predict(draft.network, exact_run(draft).params, balls(data.test_x))}

    return accuracy(certified(compute)[0]["outputs"], data.test_t)


def summarize(a: Array) -> fmt.Summary:
    """The correctly rounded sum and projections of the float64 values, and entries spread evenly over them."""
    flat = a.ravel()
    indices = np.unique(np.linspace(0, flat.size - 1, min(SUMMARY_ENTRIES, flat.size)).astype(int))
    return fmt.Summary(
        shape=list(a.shape),
        sum=number(fsum(flat)),
        masks=list(MASKS),
        projections=[number(fsum(flat * signs(flat.size, mask))) for mask in MASKS],
        indices=indices.tolist(),
        entries=[number(value) for value in flat[indices]],
    )


def _pruned(system: System, draft: Draft, encoder: Encoder) -> fmt.Pruned:
    """What pruning leaves, and one update after it from moments that are not zero."""
    assert system.recipe.pruning is not None  # noqa: S101 - only such systems have the probe
    plan = replace(system.recipe.pruning, threshold=THRESHOLD)
    rows = draft.steps[0]
    _, _, moments = certified_step(draft, encoder, draft.params, draft.optimizer.init(draft.params), rows)
    state = State(1, {m: to_float32(arrays) for m, arrays in moments.items()})
    left, start, masks = plan.apply(draft.network, draft.params, state)
    _, after, _ = certified_step(draft, encoder, left, start, rows, masks)
    names = list(draft.params) if plan.biases else [weights for weights, _ in draft.network.names]
    kept = sum(int(mask.sum()) for mask in magnitude_masks(draft.params, plan.threshold, names).values())
    return fmt.Pruned(
        threshold=plan.threshold,
        names=names,
        keep_mask=plan.keep_mask,
        kept=kept,
        params=encoder.arrays(left),
        rows=list(rows),
        state=encoder.state(state),
        after=encoder.arrays(after),
    )
