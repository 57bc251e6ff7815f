"""Cases of any network, certified when they are asked for, and kept in the user's cache folder.

What is made is a folder like `fixtures/`, named by the digest of all that it depends on: description, given numbers, and
the sources of what computes them. So a folder that is there is right, and a newer version makes its own.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import ArrayLike
from safetensors.numpy import save as save_tensors

import nn_conformance
import nn_reference
from nn_conformance.cases import format as fmt
from nn_conformance.cases.balls import NotCertifiedError
from nn_conformance.cases.certification import Encoder, certify_case
from nn_conformance.cases.decidable import beyond_limits, decidable
from nn_conformance.cases.drafts import Description, Draft, float32_twin, structural_zeros
from nn_conformance.cases.encoding import arrays_of, digest, encode_document
from nn_conformance.cases.export import Files, export, indexed
from nn_conformance.cases.families import build_network, build_optimizer
from nn_conformance.cases.kinks import KinkError
from nn_conformance.cases.probes import drawn_probes, own_probes, own_sizes
from nn_conformance.cases.sizes import further_sizes, updates
from nn_conformance.cases.store import MOST, LoadedCase, Store
from nn_conformance.cases.text import network as read_network
from nn_conformance.cases.text import text_of
from nn_conformance.judge.verdict import one_line
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
from nn_reference.training import train
from nn_reference.validation import check_batch, check_count

Wanted: TypeAlias = Literal["all", "sizes", "updates"]
SAMPLES = 8
ON_DEMAND = "network-"  # begins the ids of cases that are certified on demand
WIDTHS, DIGITS = 20, 8  # characters of the widths in such an id, and digits of the key
PLAIN = fmt.Optimizer("sgd", 0.5)
MOST_PARAMETERS = 1_000_000
BLOCKED = "blocked.json"  # beside the cases: what could not be certified, and why
SOURCES = ("cases", "judge/limits.py", "oracles/formulas.py", "oracles/tape.py", "oracles/arb.py")


class Certified(list[LoadedCase]):
    """The cases of a network.

    Attributes:
        folder: where they are, a folder like `fixtures/`.
        blocked: by case, why one that was asked for could not be certified.
    """

    def __init__(self, cases: Iterable[LoadedCase], folder: Path, blocked: Mapping[str, str]) -> None:
        super().__init__(cases)
        self.folder, self.blocked = folder, dict(blocked)


def certify(
    network: str | Path | fmt.Network,
    optimizer: fmt.Optimizer | None = None,
    *,
    x: ArrayLike | None = None,
    t: ArrayLike | None = None,
    params: Mapping[str, ArrayLike] | None = None,
    training: bool = False,
    samples: int = SAMPLES,
    probes: Wanted = "all",
) -> Certified:
    """The probes of a network and a case of its own sizes, or of given numbers: every value proven and correctly rounded.

    Args:
        network: a line, as `docs/networks.md` defines it, a JSON file, or a description.
        optimizer: of the single updates; plain gradient descent at 0.5 if None.
        x: inputs of the case of its own sizes, (N, D); drawn if None.
        t: targets beside x, (N, C), or (N,) for a vector layer.
        params: parameters of that case by name, ``W1``, ``b1``, …; drawn if None.
        training: whether free runs and their horizons are made too, which takes some seconds.
        samples: N where x is drawn.
        probes: all, and the case of its own sizes; or only those of sizes that published cases lack; or that of updates,
            by the optimiser with the constants that it has.

    Returns:
        The cases, the one of its own sizes first. What cannot be certified, such as given numbers at kinks of two layers,
        is missing, and its reason stands in `blocked`.

    Raises:
        InputError: a description that is none, or arrays that do not fit it.
    """
    described = read_network(network)
    for k, layer in enumerate(described.layers, 1):
        if layer.units == 1 and layer.activation.axis == "outputs":
            raise InputError(
                f"network: layer {k}: expected two units or more under a softmax, got one, which is 1 whatever its input; "
                "a sigmoid is what one output can have"
            )
    check_count("samples", samples, least=1, below=10_000)
    given = _given(described, x, t, params)
    key = _key(described, optimizer or PLAIN, given, training=training, samples=samples, probes=probes)
    folder = _cache() / hashlib.sha256(f"{key}{_sources()}".encode()).hexdigest()[:32]
    if not (folder / "index.json").is_file():
        name = _name(described, key)
        description = Description(
            name, text_of(described), build_network(described), build_optimizer(optimizer or PLAIN)
        )
        drafts = _drafts(description, given, training=training, samples=samples, probes=probes)
        files = _made(name, described, drafts)
        folder = _written(files, folder)
    store = Store(folder)
    (ids,) = store.index.systems.values()
    blocked = msgspec.json.decode((folder / BLOCKED).read_bytes(), type=dict[str, str])
    return Certified([store.case(case_id) for case_id in ids], folder, blocked)


def name_of(network: fmt.Network, optimizer: fmt.Optimizer | None, probes: Wanted) -> str:
    """What begins the ids of the cases that `certify` makes of these."""
    return _name(network, _key(network, optimizer or PLAIN, {}, training=False, samples=SAMPLES, probes=probes))


def _name(network: fmt.Network, key: str) -> str:
    """For example ``network-3-5-2-1d800c6b``: the widths, as far as there is room for them, and digits of the key."""
    widths = "-".join(str(width) for width in (network.inputs, *(layer.units for layer in network.layers)))
    return f"{ON_DEMAND}{widths[:WIDTHS].rstrip('-')}-{key[:DIGITS]}"


def make(certified: Certified, target: Path) -> list[Path]:
    """Writes the files of certified cases into a folder, for other languages; what is there of the same network is replaced.

    Raises:
        InputError: the folder cannot be written, or has the files of other cases.
    """
    store = Store(certified.folder)
    return export(store, target, store.ids, as_json=False)


def _given(
    described: fmt.Network, x: ArrayLike | None, t: ArrayLike | None, params: Mapping[str, ArrayLike] | None
) -> dict[str, Array]:
    """What the caller gives, as arrays by name that fit the network; x, t and parameters in float64."""
    if x is None and t is None and params is None:
        return {}
    if (x is None) != (t is None):
        raise InputError(f"{'x' if x is None else 't'}: expected an array beside {'t' if x is None else 'x'}, got None")
    network = build_network(described)
    drawn = own_sizes(Description("", "", network, build_optimizer(PLAIN)), SAMPLES)
    parameters = (
        drawn.params if params is None else {name: _floats(f"params[{name!r}]", p) for name, p in params.items()}
    )
    inputs, targets = (drawn.x, drawn.t) if x is None else (_floats("x", x), _floats("t", t))
    check_batch(network, parameters, inputs, targets)
    for name, p in parameters.items():
        if not np.isfinite(p).all():
            raise InputError(f"params[{name!r}]: expected finite numbers, got NaN or infinity")
    return {"x": inputs, "t": targets, **parameters}


def _floats(name: str, value: ArrayLike | None) -> Array:
    """An array of numbers in float64; float32 numbers stay what they are."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise InputError(f"{name}: expected an array of numbers, got rows of different lengths") from None
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name}: expected real numbers, got dtype {array.dtype}")
    if array.size > MOST:
        raise InputError(f"{name}: expected at most {MOST} numbers, got {array.size}")
    return array.astype(np.float64)


def _drafts(
    described: Description, given: Mapping[str, Array], *, training: bool, samples: int, probes: Wanted
) -> Iterator[Draft]:
    if probes == "sizes":
        yield from drawn_probes(described, further_sizes(described))
        return
    if probes == "updates":
        yield from drawn_probes(described, [updates])
        return
    own = own_sizes(described, samples)
    if given:
        params: Params = {name: given[name] for name in own.params}
        rows = tuple(range(len(given["x"])))
        own = replace(
            own,
            case="given",
            purpose="the network with its author's own numbers",
            x=given["x"],
            t=given["t"],
            params=params,
            steps=(rows,),
            zeros=structural_zeros(described.network, len(rows)),
            flags=("given", "kink"),
            inputs="given by its author",
        )
        yield own
        if (twin := float32_twin(own)) is not None:
            yield twin
    else:
        yield own
    for draft in (*own_probes(described), *drawn_probes(described, further_sizes(described))):
        yield _stable(draft) if training and draft.batches else replace(draft, batches=())


def _stable(draft: Draft) -> Draft:
    """With a learning rate at which the free run does not diverge: halved until its losses stay about where they began."""
    batches = [np.array(batch) for batch in draft.batches]
    for power in range(20):
        optimizer = replace(draft.optimizer, learning_rate=draft.optimizer.learning_rate * 2.0**-power)  # type: ignore[type-var]
        with np.errstate(all="ignore"):
            losses = np.abs(train(draft.network, draft.params, optimizer, batches, draft.x, draft.t).losses)
        if np.isfinite(losses).all() and losses.max() <= 4 * (losses[: len(set(draft.batches))].max() + 1):
            break
    return replace(draft, optimizer=optimizer)


def _made(name: str, described: fmt.Network, drafts: Iterable[Draft]) -> Files:
    """Every file of the folder by its path there."""
    size = build_network(described).size
    if size > MOST_PARAMETERS:
        raise InputError(f"network: expected at most {MOST_PARAMETERS:,} parameters to certify, got {size:,}")
    line = text_of(described)
    encoder = Encoder(f"{name}.safetensors")
    cases: list[fmt.Case] = []
    blocked: dict[str, str] = {}
    for draft in drafts:
        try:
            case = _certified(draft, encoder)
        except (NotCertifiedError, KinkError) as error:
            blocked[draft.case] = one_line(str(error))
            continue
        if draft.case.startswith("probe") and (reason := beyond_limits(draft, case, encoder)):
            blocked[draft.case] = reason
        else:
            steps = [step for step in case.steps if decidable(draft, case, step, encoder)]
            cases.append(msgspec.structs.replace(_kink_flag(case), steps=steps))
    files = {f"{case.id}.json": encode_document(case) for case in cases}
    used = {array.sha256 for case in cases for _, array in arrays_of(case) if array.file is not None}
    if tensors := {key: encoder.tensors[key] for key in sorted(used)}:
        files[f"arrays/{name}.safetensors"] = save_tensors(tensors)
    return indexed(files, cases, {line: [case.id for case in cases]}) | {BLOCKED: msgspec.json.encode(blocked)}


def _certified(draft: Draft, encoder: Encoder) -> fmt.Case:
    """The case; without updates where these have no certain values, as g/√v has none where g is zero by structure."""
    encoder.bits = 0
    try:
        return certify_case(draft, encoder)
    except NotCertifiedError:
        return certify_case(replace(draft, steps=(), batches=()), encoder)


def _kink_flag(case: fmt.Case) -> fmt.Case:
    """Given numbers may lie at a kink, and mostly do not: then the flag goes."""
    if case.evaluation.kinks or "given" not in case.flags:
        return case
    return msgspec.structs.replace(case, flags=[flag for flag in case.flags if flag != "kink"])


def _written(files: Files, folder: Path) -> Path:
    """The folder with the files, complete at once; a temporary one where the cache cannot be written."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    except OSError:
        part = folder = Path(tempfile.mkdtemp(prefix="nn-conformance-"))
    for path, data in files.items():
        (part / path).parent.mkdir(parents=True, exist_ok=True)
        (part / path).write_bytes(data)
    if part != folder:
        try:
            part.rename(folder)
        except OSError:  # another process was as fast
            shutil.rmtree(part, ignore_errors=True)
    return folder


def _key(described: fmt.Network, optimizer: fmt.Optimizer, given: Mapping[str, Array], **options: object) -> str:
    numbers = {name: (list(a.shape), digest(a)) for name, a in given.items()}
    chosen = [value for value in options.values() if value != "all"]  # ids of all are older than the choice
    what = msgspec.json.encode([described, optimizer, numbers, *chosen])
    return hashlib.sha256(what).hexdigest()


@cache
def _sources() -> str:
    """The digest of what computes the values, so that none of an older version is taken for a new one's."""
    package = Path(nn_conformance.__file__).parent
    paths = [Path(nn_reference.__file__).parent, *(package / source for source in SOURCES)]
    total = hashlib.sha256(nn_reference.__version__.encode())
    for source in sorted(file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path])):
        total.update(source.read_bytes())
    return total.hexdigest()


def _cache() -> Path:
    import pooch  # type: ignore[import-untyped]  # noqa: PLC0415 - only for the user's cache folder

    return Path(pooch.os_cache("nn-conformance")) / "certified"
