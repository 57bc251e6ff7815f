"""The check as a whole: the loss first, then names, shapes and dtypes, then the slopes."""

from collections.abc import Callable, Mapping, Sequence
from math import inf, log10, nan, sqrt
from typing import Any, TypeAlias

import numpy as np

from nn_conformance.gradcheck.cause import explain
from nn_conformance.gradcheck.findings import Finding, GradientReport
from nn_conformance.gradcheck.inputs import Structure, as_gradient, defects, named, parameters, rebuilt
from nn_conformance.gradcheck.line import Slope
from nn_conformance.gradcheck.subject import Subject, norm
from nn_conformance.gradcheck.tensor import Tensor
from nn_conformance.judge.digits import told_apart
from nn_reference.arithmetic import Params
from nn_reference.errors import InputError
from nn_reference.validation import check_count, shown

Loss: TypeAlias = Callable[[Any], Any]
Gradients: TypeAlias = Structure | Callable[[Any], Structure]

# From so many limits on a wrong slope is caught: a failure must show at a quarter of the step too, where rounding is four
# times as large, roughness no larger than that, and the slope that is measured may itself be off by both.
CERTAIN = 16.0
# From here on a gradient is too large to compute with.
HUGE = 1e150
# Digits of a loss of float64 parameters below which it is asked whether float32 is inside.
FEW_DIGITS = 9


def check_gradients(
    loss: Loss, params: Structure, gradients: Gradients, *, directions: int = 10, seed: int = 0
) -> GradientReport:
    """Whether `gradients` is the gradient of `loss` at `params`, from calls of `loss` alone.

    Each tensor is moved along directions of ±1, and the slope of the loss, by central differences, is compared with the
    one that the gradient claims. The step is found for each direction: it keeps clear of kinks, as of ReLU, and
    balances rounding against curvature. The limit of the error is what is seen of both at that step: the rounding of
    the loss, which is measured, over the step, and how much the slope changes with the step and from side to side.
    It does not grow with the number of entries, as in PyTorch's fast gradcheck and JAX's check_grads, which let an error
    of 100 % pass in large arrays; and it has no constant part, below which, as in PyTorch's slow one, small entries
    could be anything.

    An entry that is wrong by itself is caught if it is off by more than `smallest_entry`; if other entries are wrong as
    well, with a probability of at least 1 - 2^-directions. A gradient that is c times the right one is caught if
    |1 - 1/c| exceeds `smallest_factor`. In float64 these are about 1e-8, the first of them in units of the gradient's
    norm. In float32 they are 1e-3 and more, and much more where the loss has thousands of kinks: check in float64 where
    you can.

    Nothing passes that could not be seen. If the limit is more than a quarter of the gradient's norm, or, of a gradient
    of zero, more than a quarter of a hundredth of what is seen beside it (see `Tensor._visible`), the tensor is
    undecided: a gradient of another sign would have passed too. So it is of a loss that does not change at all, unless
    it is exactly 0: 1e16 and a network's loss do not change either.

    What it cannot see: a loss that is wrong itself, with the right gradient of that. For that there are the test vectors.

    Args:
        loss: takes what `params` is, and returns one number: a float, or an array or tensor of shape (). It must return
            the same for the same parameters, and must not change them. It is called about 80 times for each tensor.
        params: a dict of names to arrays, a sequence of arrays, or one array; float32 or float64, of any shapes.
        gradients: of the form, the shapes and the dtypes of `params`; or a function from parameters to that, which is
            called twice, and must give the same twice.
        directions: for each tensor. One of no more entries than that is checked entry by entry.
        seed: of the directions, from 0 on. The same seed checks along the same directions.

    Returns:
        A report: `ok`, a finding for each tensor, and as a text all of it. It is true if everything passed.

    Raises:
        InputError: an argument is not of the form above, or the loss returns no number. What the loss raises at
            `params` passes through; what it cannot compute nearby counts as NaN.

    >>> import numpy as np
    >>> x, t = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]]), np.array([1.0, 0.0, 2.0])
    >>> def loss(params):
    ...     return np.mean((x @ params["w"] - t) ** 2)
    >>> params = {"w": np.array([0.3, -0.2])}
    >>> gradients = {"w": 2 * x.T @ (x @ params["w"] - t)}  # the 1/3 of the mean is missing
    >>> report = check_gradients(loss, params, gradients)
    >>> report.ok
    False
    >>> report.findings[0].cause  # doctest: +ELLIPSIS
    'it is 3.000000... times the right one everywhere'
    >>> check_gradients(loss, params, {"w": gradients["w"] / 3}).ok
    True
    """
    if not callable(loss):
        raise InputError(f"loss: expected a function of the parameters, got {shown(loss)}")
    check_count("directions", directions, least=1)
    check_count("seed", seed)
    subject = Subject(loss, parameters(params), params)
    findings = _findings(subject, gradients, directions, seed)
    return GradientReport(findings, subject.evaluations, seed)


def _findings(subject: Subject, gradients: Gradients, directions: int, seed: int) -> tuple[Finding, ...]:
    rng = np.random.default_rng(seed)
    if objection := subject.objection(rng):
        return (_unmeasured("loss", objection),)
    given, objection = _given(subject, gradients)
    if objection:
        return (_unmeasured("gradients", objection),)
    refused = defects(subject.params, given)
    sound = {name: p for name, p in subject.params.items() if name not in refused}
    claims = {name: as_gradient(given[name], p).astype(np.float64) for name, p in sound.items()}
    found = {name: _unmeasured(name, text) for name, text in refused.items()}
    norms = {name: norm(claim) for name, claim in claims.items()}
    # One that is too large to compute with must not make the others look like zero.
    largest = max((size for size in norms.values() if size < HUGE), default=0.0)
    measured = 0.0
    # The largest first: beside what was measured of it, one of zero can be seen to be zero.
    for k, name in sorted(enumerate(claims), key=lambda entry: -norms[entry[1]]):
        tensor = Tensor(subject, name, claims[name], largest, measured, directions)
        slopes = tensor.slopes(np.random.default_rng([seed, k]))
        found[name] = _finding(tensor, slopes, claims)
        measured = max(measured, tensor.measured_norm(slopes))
    if objection := subject.changed():
        return (_unmeasured("loss", objection),)
    return tuple(found[name] for name in (subject.params | found))


def _given(subject: Subject, gradients: Gradients) -> tuple[Mapping[str, object], str]:
    """The gradients by name; with an objection if they are a function that spoils its arguments, or its next answer."""
    if not callable(gradients):
        return named("gradients", gradients, subject.like), ""
    given = named("gradients", gradients(rebuilt(subject.params, subject.like)), subject.like)
    first = {name: g.copy() if isinstance(g, np.ndarray) else g for name, g in given.items()}  # it may fill them again
    if changed := subject.changed():
        return first, changed.replace("it changes", "their function changes")
    second = named("gradients", gradients(rebuilt(subject.params, subject.like)), subject.like)
    unlike = [name for name, a in first.items() if _differ(a, second.get(name), sqrt(subject.roundoff))]
    why = "a second call gives another gradient of {!r}: are they added up, or is the batch random?"
    return first, why.format(unlike[0]) if unlike else ""


def _differ(a: object, b: object, part: float) -> bool:
    """Whether two arrays of numbers differ by more than that part of the first."""
    if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.dtype.kind == b.dtype.kind == "f"):
        return False
    return a.shape != b.shape or not (np.array_equal(a, b, equal_nan=True) or norm(b - a) <= part * norm(a))


def _finding(tensor: Tensor, slopes: Sequence[Slope], claims: Params) -> Finding:
    decided = [slope for slope in slopes if not slope.objection]
    objections = [slope.objection for slope in slopes if slope.objection]
    failed = any(slope.wrong for slope in decided)
    if not failed and len(decided) < tensor.needed:
        better = "" if tensor.wide else "; float64, where the code can, shows more"
        reason = f"in {len(objections)} of {len(slopes)} directions, {objections[0]}{better}"
        return Finding(tensor.name, "undecided", nan, nan, reason)
    worst = max(decided, key=lambda slope: slope.error / slope.limit if slope.limit else slope.error)
    random = decided if tensor.by_entry else decided[1:]
    entry = CERTAIN * max((slope.limit for slope in random), default=inf)
    factor = CERTAIN * min(slope.limit / abs(slope.claimed) if slope.claimed else inf for slope in decided)
    digits = int(-log10(tensor.subject.noise))
    inside = " (is float32 inside?)" if tensor.wide and digits < FEW_DIGITS else ""
    limit = (
        f"limit: rounding {worst.rounding:.1g} of a loss with {digits} digits{inside}, curvature {worst.roughness:.1g}, "
        f"at steps of {worst.step:.1g}"
    )
    if failed:
        claimed, measured = told_apart(worst.claimed, worst.measured)
        reason = f"slope claimed {claimed}, measured {measured}; {limit}"
        cause = explain(tensor, decided, claims)
        return Finding(tensor.name, "failed", worst.error, worst.limit, reason, entry, factor, cause)
    reason = f"an entry off by {entry:.1g}, or the whole by {factor:.1g} of itself, would show; {limit}"
    return Finding(tensor.name, "passed", worst.error, worst.limit, reason, entry, factor)


def _unmeasured(name: str, reason: str) -> Finding:
    """A failure that is seen before any slope is measured."""
    return Finding(name, "failed", nan, nan, reason)
