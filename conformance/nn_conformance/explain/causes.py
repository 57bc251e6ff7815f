"""What makes gradients wrong and is no rule of a slot: clipping, a precision, differences, weights of classes, an engine's order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np

from nn_conformance.explain.asking import Asked, Asker, Limits
from nn_conformance.explain.factors import short
from nn_conformance.explain.fitting import Explained
from nn_conformance.explain.loss_search import value_of
from nn_conformance.explain.points import Point, wrong_arrays
from nn_conformance.explain.record import Finding, every_array, of_slug
from nn_conformance.explain.search import Edits, Step, applied, carried, delta, error_to, rule_of
from nn_conformance.explain.trace import Case, matrix, trace
from nn_conformance.judge.limits import ROUNDOFF, norm
from nn_reference.arithmetic import Array

LARGE = 5.0  # inputs from here on saturate units, where a lower precision errs by more than a limit allows for
TINY_ERROR = 1e-8  # of an array: float32 errs by more, and differences of losses with a small step by less
MOST_UNITS = 8  # whose subsets are tried
NUDGE = 2.0**-20  # relative
BENT = 1e-10  # of a gradient: its curvature on such a line is less, and what a lower precision rounds is more
STEPS = tuple(m * 10.0**-k for k in range(1, 9) for m in (1.0, 5.0))
EXACT = 1e-13  # no difference quotient is as near the right gradient: where one is, it shows nothing
# Parts of a derivative: what comes over one of two paths, where tanh and σ are made of exp, such as (e^2z - 1)/(e^2z + 1).
PATHS = {"tanh": ("1+a", "1-a", "a(1-a)", "1"), "sigmoid": ("a",)}
MOSTLY = 0.9  # of the entries
ROUGH = 0.2  # of a gradient: differences are near the right one, also those of a loss with seven digits
FEW = 60  # parameters: two losses are computed for each
Quotient = Callable[[float, float, float], float]  # of L(θ+h), L(θ) and L(θ-h), times h
CENTRAL: tuple[str, Quotient] = ("(L(θ+h) - L(θ-h))/2h", lambda up, _, down: (up - down) / 2)
FORWARD: tuple[str, Quotient] = ("(L(θ+h) - L(θ))/h", lambda up, middle, _: up - middle)
# How a difference is taken, and by how many h a parameter stays shifted after it.
WAYS = ((*CENTRAL, 0), (*FORWARD, 0), (*CENTRAL, -1), (*FORWARD, 1))


def clipped(points: Sequence[Point]) -> tuple[str, float] | None:
    """Whether right gradients are clipped: to a norm of all together or of each, or each entry; and to how much."""
    if all(p.zero(a) for p in points for a in p.asked.gradients):
        return None
    for name in ("all", "each", "entries"):
        bound = short(max(max(_sizes(name, p.asked.gradients)) for p in points), 1e-6)
        made = ((p, _clip(name, {a: p.limits.gradients[a] for a in p.asked.gradients}, bound)) for p in points)
        if all(p.makes(clip) for p, clip in made):
            return name, bound
    return None


def _sizes(name: str, arrays: Mapping[str, Array]) -> list[float]:
    if name == "all":
        return [float(np.sqrt(sum(norm(g) ** 2 for g in arrays.values())))]
    return [norm(g) if name == "each" else float(np.abs(g).max()) for g in arrays.values()]


def _clip(name: str, arrays: Mapping[str, Array], bound: float) -> dict[str, Array]:
    if name == "entries":
        return {a: np.clip(g, -bound, bound) for a, g in arrays.items()}
    whole = _sizes("all", arrays)[0]
    return {a: g * min(1.0, bound / max(whole if name == "all" else norm(g), 1e-300)) for a, g in arrays.items()}


def precision(points: Sequence[Point], slug: str, slack: float, least: float = 0.0) -> Finding | None:
    """Whether all is right but for the rounding of a lower precision.

    Args:
        points: in float64.
        slug: the mistake's name.
        slack: of float32's limits.
        least: so much of a gradient, and float32's limit of the loss, is exceeded in each case.
    """
    points = [p for p in points if np.abs(p.asked.case.x).max() < LARGE]
    if (
        all(p.all_right for p in points)
        or points[0].limits.dtype == "float32"
        or (not least and all(_by_differences(p) for p in points))
    ):
        return None
    for p in points:
        limits = Limits(p.asked.case, "float32")
        off = {a: norm(g - limits.gradients[a]) for a, g in p.asked.gradients.items()}
        if any(off[a] > slack * limits.of(a, g) for a, g in p.asked.gradients.items()):
            return None
        if least and not any(off[a] >= least * norm(g) for a, g in p.asked.gradients.items()):
            return None
        if p.asked.loss is not None:
            error, limit = abs(p.asked.loss - float(limits.loss)), limits.of_loss(p.asked.loss)
            if error > slack * limit or (least and error <= limit):
                return None
    return of_slug(slug)


def single_differences(points: Sequence[Point]) -> Finding | None:
    """Whether losses are right but for float32's rounding, and gradients but for what differences make of it."""
    for p in points:
        right = Limits(p.asked.case, "float32")
        if p.asked.loss is None or p.limits.dtype == "float32":
            return None
        error = abs(p.asked.loss - float(right.loss))
        if error > right.of_loss(p.asked.loss) or error <= p.limits.of_loss(p.asked.loss):
            return None
        for a, g in p.asked.gradients.items():
            wanted = right.gradients[a]
            off = norm(g - wanted)
            scaled = wanted * (float(np.vdot(g, wanted)) / max(norm(wanted) ** 2, 1e-300))
            # A factor leaves nothing beside it; noise does.
            if off > ROUGH * norm(wanted) or (wanted.size > 1 and norm(g - scaled) < off / 4):
                return None
    uses = "float32 somewhere; gradients by differences have three digits of it"
    return of_slug("single-precision", uses, ("loss", *every_array(list(points[0].asked.gradients))))


def smooth(asker: Asker, first: Asked) -> bool:
    """Whether gradients at three points of a short line lie on one, more nearly than the rounding of a lower precision."""
    case, along = first.case, [first]
    for k in (1, 2):
        nearby = {n: p * np.asarray(1 + k * NUDGE, p.dtype) for n, p in case.params.items()}
        along.append(asker.ask(replace(case, params=nearby)))
    if asker.accumulates or any(one.error is not None or set(one.gradients) != set(first.gradients) for one in along):
        return False
    a, b, c = (one.gradients for one in along)
    return all(norm(a[n] - 2 * b[n] + c[n]) <= BENT * norm(a[n]) for n in a)


def _by_differences(p: Point) -> bool:
    """Whether a loss is nearer than float32 comes, and gradients too: differences of losses are, with a small step."""
    loss, right = p.asked.loss, float(p.limits.loss)
    near = all(norm(g - p.limits.gradients[a]) <= TINY_ERROR * norm(g) for a, g in p.asked.gradients.items())
    return loss is not None and abs(loss - right) <= TINY_ERROR * abs(right) and near


def differences(points: Sequence[Point]) -> Finding | None:
    """Gradients by differences of losses: by one side only, with a large step, or at parameters that are not put back."""
    rough = [
        norm(g - p.limits.gradients[a]) / (norm(g) or 1.0) for p in points[:2] for a, g in p.asked.gradients.items()
    ]
    case = points[0].asked.case
    if not rough or not EXACT < max(rough) < ROUGH or sum(np.size(p) for p in case.params.values()) > FEW:
        return None
    arrays, names = every_array(list(points[0].asked.gradients)), list(case.params)
    for (formula, quotient, stays), h in product(WAYS, STEPS):
        for order in (names, names[::-1]) if stays else (names,):
            made = [(p, _differences(p.asked.case, quotient, h, stays, order)) for p in points[:2]]
            whole = 2 * h if formula == CENTRAL[0] else h
            if all(_near(p, own, h) and (_tells(p, own, h) or _whole(p, whole)) for p, own in made):
                uses, slug = f"{formula}, h = {h:g}", "parameter-left-shifted" if stays else "rough-differences"
                uses += f", and each parameter stays at θ{'+' if stays > 0 else '-'}h" if stays else ""
                return of_slug(slug, uses, arrays, constants={"h": h})
    return None


def _differences(case: Case, quotient: Quotient, h: float, stays: int, order: Sequence[str]) -> dict[str, Array]:
    """By matrices; a parameter stays shifted by so many h after its difference."""
    params = {n: np.array(p, np.float64) for n, p in case.params.items()}
    made = {}
    for name in order:
        p, g = params[name], np.zeros_like(params[name])
        for index in np.ndindex(p.shape):
            own = p[index]
            losses = []
            for shift in (h, 0.0, -h):
                p[index] = own + shift
                losses.append(value_of(trace(replace(case, params=params))))
            g[index] = quotient(*losses) / h
            p[index] = own + stays * h
        made[name] = matrix(case.network, name, g)
    return made


def _near(p: Point, made: Mapping[str, Array], h: float) -> bool:
    """Within the rounding of the losses over h, which is random, and of a tiny ε that the loss may have."""
    spread = _spread(p, h)
    return all(norm(g - made[a]) <= spread * np.sqrt(g.size) + 1e-9 * norm(g) for a, g in p.asked.gradients.items())


def _spread(p: Point, h: float) -> float:
    return 64 * ROUNDOFF["float64"] * (abs(value_of(p.trace)) + 1) / h


def _tells(p: Point, made: Mapping[str, Array], h: float) -> bool:
    """Whether differences err by more than the rounding of the losses."""
    return any(norm(g - p.limits.gradients[a]) > 4 * _spread(p, h) * np.sqrt(g.size) for a, g in made.items())


def _whole(p: Point, step: float) -> bool:
    """Whether each entry times the step is so many of the last digits of the loss, as a difference of two losses is."""
    last = np.spacing(abs(p.asked.loss if p.asked.loss is not None else value_of(p.trace))) / 2
    of = np.concatenate([g.ravel() for g in p.asked.gradients.values()]) * step / last
    return bool(np.mean(np.abs(of - np.round(of)) < 1e-3) > MOSTLY)


def weighted(points: Sequence[Point]) -> Finding | None:
    """Right gradients in which samples count by their class: left out, or with a weight of its own."""
    weights: dict[int, set[float]] = {}
    for p in points:
        if p.trace.t.shape[1] == 1 or p.trace.samples == 1:
            continue
        own = sample_weights(p)
        if own is None:
            return None
        for t, weight in zip(p.trace.t, own, strict=True):
            weights.setdefault(int(np.argmax(t)), set()).add(round(float(weight), 6))
    if len({next(iter(of)) for of in weights.values()}) < 2 or any(len(of) > 1 for of in weights.values()):
        return None
    times = {k: next(iter(of)) + 0.0 for k, of in sorted(weights.items()) if of != {1.0}}
    uses = ", ".join(f"class {k} counts {weight:g} times" for k, weight in times.items())
    constants = {f"class {k}": weight for k, weight in times.items()}
    return of_slug("samples-weighted", uses, every_array(list(points[0].asked.gradients)), constants=constants)


def sample_weights(p: Point) -> Array | None:
    """How often each sample counts in otherwise right gradients; None if they are not made so, or too few to tell."""
    arrays = list(p.asked.gradients)
    of_samples = [np.concatenate([_of_sample(p, a, n) for a in arrays]) for n in range(p.trace.samples)]
    got = np.concatenate([p.asked.gradients[a].ravel() / p.limit(a, p.asked.gradients[a]) for a in arrays])
    columns = np.stack(of_samples, axis=1)
    own, _, rank, _ = np.linalg.lstsq(columns, got, rcond=None)
    fits = rank == len(own) < len(got) and norm(got - columns @ own) <= 4 * len(arrays)
    return np.asarray(own) if fits else None


def _of_sample(p: Point, array: str, n: int) -> Array:
    """What one sample adds to a gradient, in units of the limit."""
    k = int(array[1:])
    own = delta(p.trace, k)[n]
    part = own if array[0] == "b" else np.outer(p.trace.a[k - 1][n], own)
    return np.asarray(part.ravel() / p.limit(array, p.asked.gradients[array]))


def lost(points: Sequence[Point], ways: Mapping[str, Sequence[Explained]]) -> tuple[Finding, list[str]] | None:
    """An engine in which a value that several units use has the gradient of some of them only, and the arrays below.

    Args:
        points: those of one sample tell.
        ways: what explains the arrays above.
    """
    wrong = wrong_arrays(points)
    open_ = [a[1:] for a in wrong if not ways.get(a[1:])]
    singles, k = [p for p in points if p.trace.samples == 1], max((int(a[1:]) for a in open_ if a[0] == "b"), default=0)
    if not singles or not 0 < k < singles[0].trace.last:
        return None
    tr = singles[0].trace
    above = [way.edits for way in ways.get(f"W{k + 1}", ())] or [()]
    bases = dict.fromkeys(edits for own in above for edits in (carried(tr, f"b{k}", own) or [()]))
    step = Step("derivative", k, "b")
    for base in (*bases, *((*base, (step, name)) for base in bases for name in PATHS.get(tr.kind(k), ()))):
        kept = [_kept_terms(p, k, base) for p in singles]
        numbers = [n for of in kept for n in of or ()]
        if None not in kept and len(numbers) > 1:
            which = "only one" if max(numbers) == 1 else "only some"
            formulas = [(step.layer, rule_of(tr, step, name).formula) for step, name in base]
            rules = "".join(f", and {text} in layer {layer}" for layer, text in formulas)
            uses = f"{which} of the terms of dL/da{k} from the units above{rules}"
            arrays, below = (tuple(a for a in wrong if (int(a[2:]) < k) is part) for part in (False, True))
            place = f"engine, what comes back through W{k + 1}"
            return of_slug("grad-overwritten", uses, arrays, place=place, right="their sum", layer=k + 1), list(below)
    return None


def _kept_terms(p: Point, k: int, edits: Edits) -> list[int] | None:
    """How many terms of δ_k, of one sample, make each entry of db_k that some of them make; None if they do not make all."""
    tr, array = p.trace, f"b{k}"
    try:
        g = error_to(tr, array, {step: (name,) for step, name in edits}, upto=Step("back", k + 1, "")).g[0, 0]
    except ValueError:  # a rule that this layer's activation does not have
        return None
    if len(g) > MOST_UNITS:
        return None
    own, ones = dict(edits).get(Step("derivative", k, "b")), np.ones((1, *tr.a[k].shape))
    states = error_to(tr, array, {})._replace(g=ones)
    terms = applied(tr, Step("derivative", k, "b"), own, states).g[0, 0][:, None] * tr.W[k + 1] * g
    chosen = np.array(list(product((1, 0), repeat=len(g)))[:-1])  # all of them first
    got = p.asked.gradients[array]
    near = np.abs(terms @ chosen.T - got[:, None]) <= p.limit(array, got)
    numbers = (chosen[near.argmax(axis=1)] * (terms != 0)).sum(axis=1)
    some = (numbers < (terms != 0).sum(axis=1)) & (got != 0)
    outer = np.outer(tr.a[k - 1][0], got)
    fits = near.any(axis=1).all() and norm(p.asked.gradients.get(f"W{k}", outer) - outer) <= 4 * p.limit(f"W{k}", outer)
    return [int(n) for n in numbers[some]] if fits else None
