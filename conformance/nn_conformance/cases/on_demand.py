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

import msgspec
import numpy as np
from numpy.typing import ArrayLike
from safetensors.numpy import save as save_tensors

import nn_conformance
import nn_reference
from nn_conformance.cases import format as fmt
from nn_conformance.cases.balls import NotCertifiedError
from nn_conformance.cases.build import Tensors, build
from nn_conformance.cases.documents_json import encode_document
from nn_conformance.cases.drafts import Description, Draft, structural_zeros
from nn_conformance.cases.encoding import digest, values
from nn_conformance.cases.families import build_network, build_optimizer
from nn_conformance.cases.generate import Files, indexed, with_files
from nn_conformance.cases.kinks import KinkError
from nn_conformance.cases.probes import own_probes, own_sizes
from nn_conformance.cases.store import MOST, LoadedCase, Store
from nn_conformance.cases.text import network as read_network
from nn_conformance.cases.text import text_of
from nn_conformance.judge.limits import gradient_limit, longest_sum, magnitudes, norm, value_limit
from nn_conformance.judge.verdict import one_line
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
from nn_reference.network import LayerOutput, Network, backpropagate, forward
from nn_reference.training import train
from nn_reference.validation import check_batch, check_count, check_params

SAMPLES = 8
PLAIN = fmt.Optimizer("sgd", 0.5)
MOST_PARAMETERS = 1_000_000
BLOCKED = "blocked.json"  # beside the cases: what could not be certified, and why
SOURCES = ("cases", "oracles/formulas.py", "oracles/tape.py", "oracles/arb.py")


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
    key = _key(described, optimizer or PLAIN, given, training=training, samples=samples)
    folder = _cache() / hashlib.sha256(f"{key}{_sources()}".encode()).hexdigest()[:32]
    if not (folder / "index.json").is_file():
        files = _made(f"network-{key[:12]}", described, optimizer or PLAIN, given, training=training, samples=samples)
        folder = _written(files, folder)
    return _loaded(folder)


def make(certified: Certified, target: Path) -> list[Path]:
    """Copies the files of certified cases into a folder, for other languages; what is there of the same network is replaced.

    Raises:
        InputError: the folder cannot be written, or has the files of other cases.
    """
    written = []
    own = {path.parent.name for path in certified.folder.glob("*/*.json")} | {"schema"}
    if others := sorted({path.parent.name for path in target.glob("*/*.json")} - own):
        raise InputError(
            f"DIR: expected a new folder, got {target}, which has the cases of {one_line(others[0])}; name another"
        )
    try:
        for source in sorted(path for path in certified.folder.rglob("*") if path.is_file() and path.name != BLOCKED):
            place = target / source.relative_to(certified.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)
            written.append(place)
    except OSError as error:
        raise InputError(
            one_line(
                f"DIR: cannot write {error.filename or target}: {error.strerror}; name a folder that can be written"
            )
        ) from None
    return written


def _given(
    described: fmt.Network, x: ArrayLike | None, t: ArrayLike | None, params: Mapping[str, ArrayLike] | None
) -> dict[str, Array]:
    """What the caller gives, as arrays by name that fit the network; x, t and parameters in float64."""
    if x is None and t is None and params is None:
        return {}
    if (x is None) != (t is None):
        raise InputError(f"{'x' if x is None else 't'}: expected an array beside {'t' if x is None else 'x'}, got None")
    network = build_network(described)
    drawn = own_sizes(_description(network, "", "", build_optimizer(PLAIN)), SAMPLES)
    parameters = (
        drawn.params if params is None else {name: _floats(f"params[{name!r}]", p) for name, p in params.items()}
    )
    check_params(network.shapes, parameters)
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


def _description(network: Network, name: str, line: str, optimizer: object) -> Description:
    return Description(name=name, id=line, network=network, optimizer=optimizer)  # type: ignore[arg-type]


def _drafts(described: Description, given: Mapping[str, Array], *, training: bool, samples: int) -> Iterator[Draft]:
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
        rounded = {name: a.astype(np.float32).astype(np.float64) for name, a in given.items()}
        if any(not np.array_equal(a, rounded[name]) for name, a in given.items()):
            purpose = f"{own.purpose}; first rounded to float32, for those who compute in it"
            twin = {name: rounded[name] for name in params}
            flags = (*own.flags, "float32-twin")
            yield replace(
                own, case="given-float32", purpose=purpose, x=rounded["x"], t=rounded["t"], params=twin, flags=flags
            )
    else:
        yield own
    for draft in own_probes(described):
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


def _made(
    name: str,
    described: fmt.Network,
    optimizer: fmt.Optimizer,
    given: Mapping[str, Array],
    *,
    training: bool,
    samples: int,
) -> Files:
    """Every file of the folder by its path there."""
    network = build_network(described)
    if network.size > MOST_PARAMETERS:
        raise InputError(f"network: expected at most {MOST_PARAMETERS:,} parameters to certify, got {network.size:,}")
    line = text_of(described)
    built: list[tuple[fmt.Case, Tensors]] = []
    blocked: dict[str, str] = {}
    for draft in _drafts(
        _description(network, name, line, build_optimizer(optimizer)), given, training=training, samples=samples
    ):
        try:
            case, arrays = _built(draft)
        except (NotCertifiedError, KinkError) as error:
            blocked[draft.case] = one_line(str(error))
            continue
        if draft.case.startswith("probe") and (reason := _beyond_limits(draft, case, arrays)):
            blocked[draft.case] = reason
        else:
            built.append((case, arrays))
    tensors: Tensors = {}
    for _, own in built:
        tensors |= own
    owner = dict.fromkeys(tensors, f"{name}.safetensors")
    cases = [_kink_flag(case) for case, _ in built]
    files = {f"{case.id}.json": encode_document(with_files(msgspec.to_builtins(case), owner)) for case in cases}
    if tensors:
        files[f"arrays/{name}.safetensors"] = save_tensors(dict(sorted(tensors.items())))
    return indexed(files, cases, {line: [case.id for case in cases]}) | {BLOCKED: msgspec.json.encode(blocked)}


def _built(draft: Draft) -> tuple[fmt.Case, Tensors]:
    """The case; without updates where these have no certain values, as g/√v has none where g is zero by structure."""
    try:
        return build(draft)
    except NotCertifiedError:
        return build(replace(draft, steps=(), batches=()))


def _beyond_limits(draft: Draft, case: fmt.Case, arrays: Tensors) -> str:
    """Where honest arithmetic, the reference's, is beyond its limits, as where float32 underflows: there nobody can be judged."""

    def certified(array: fmt.Array) -> Array:
        return arrays[array.sha256] if array.data is None else values(array.data, array.dtype).reshape(array.shape)

    layers = [LayerOutput(certified(layer.z), certified(layer.a)) for layer in case.evaluation.layers]
    gradients = {name: certified(g) for name, g in case.evaluation.gradients.items()}
    terms = magnitudes(case.network, draft.params, layers, draft.x, draft.t)
    longest = longest_sum(case.network, len(draft.x))
    for dtype in fmt.DTYPES:
        params = {name: p.astype(dtype) for name, p in draft.params.items()}
        x, t = draft.x.astype(dtype), draft.t.astype(dtype)
        with np.errstate(all="ignore"):
            found = backpropagate(draft.network, params, x, t)[1]
            outputs = forward(draft.network, params, x)
        checks = [
            (f"gradient {name}", found[name], g, gradient_limit(g, terms[name], dtype, longest))
            for name, g in gradients.items()
        ]
        checks += [
            (f"a{k}", o.a, right.a, value_limit(right.a, dtype, longest))
            for k, (o, right) in enumerate(zip(outputs, layers, strict=True), 1)
        ]
        for what, value, right, limit in checks:
            if not norm(value.astype(np.float64) - right) <= limit.value:
                return f"{what}: in {dtype} honest arithmetic is beyond its limit there"
    return ""


def _kink_flag(case: fmt.Case) -> fmt.Case:
    """Given numbers may lie at a kink, and mostly do not: then the flag goes."""
    if case.evaluation.kinks or "given" not in case.flags:
        return case
    return msgspec.structs.replace(case, flags=[flag for flag in case.flags if flag != "kink"])


def _loaded(folder: Path) -> Certified:
    store = Store(folder)
    blocked = msgspec.json.decode((folder / BLOCKED).read_bytes(), type=dict[str, str])
    (ids,) = store.index.systems.values()
    return Certified([store.case(case_id) for case_id in ids], folder, blocked)


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


def _key(
    described: fmt.Network, optimizer: fmt.Optimizer, given: Mapping[str, Array], *, training: bool, samples: int
) -> str:
    numbers = {name: (list(a.shape), digest(a)) for name, a in given.items()}
    what = msgspec.json.encode([described, optimizer, numbers, training, samples])
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
