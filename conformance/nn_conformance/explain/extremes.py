"""What becomes of logits of some hundreds, where the right loss and gradients are finite."""

from dataclasses import replace

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.explain.asking import Asked, Asker, Limits, unwilling
from nn_conformance.explain.naming_forward import of_logits
from nn_conformance.explain.record import Finding, of_slug
from nn_conformance.explain.trace import Case

RAISED = {"domain error": "log-of-zero", "division by zero": "log-of-zero", "OverflowError": "exp-overflows"}
LOGITS = 1000.0  # where e^z overflows in either precision


def extremes(asker: Asker, one: Case, other: Case, dtype: fmt.Dtype, *, others: bool) -> list[Finding]:
    """What is wrong with large logits alone; `others` says whether there are mistakes beside it."""
    asked = [_of_tall(asker, tall, dtype) for tall in (_tall(one), _tall(other), _tall(one, -LOGITS))]
    endless = [answer for answer in asked if answer and not answer.finite]
    unshifted = bool(endless) and not _shifts(asker, one, dtype)
    found = {f.slug: f for answer in endless if (f := _endless(answer, unshifted=unshifted))}
    first, second, _ = asked
    if first and second and not endless and one.network.loss.clip is None and _logarithmic(one.network) and not others:
        bounded = _bounded(first, second)
        return [bounded] if bounded else []
    return list(found.values())


def _logarithmic(network: fmt.Network) -> bool:
    return network.loss.kind != "squared_error" or network.layers[-1].activation.kind == "softmax"


def _when(answer: Asked) -> tuple[float, str]:
    """The size of the logits, and how it is said."""
    size = float(np.abs(answer.case.right.z[-1]).max())
    return size, f"with logits as large as {size:.3g}"


def _endless(answer: Asked, *, unshifted: bool) -> Finding | None:
    """What raises, or is NaN or infinite."""
    network = answer.case.network
    if answer.error:
        slug = next((name for part, name in RAISED.items() if part in str(answer.error)), "")
        verb = str(answer.error)[:80]
    else:
        gradients = not all(np.isfinite(g).all() for g in answer.gradients.values())
        softmax = network.layers[-1].activation.kind == "softmax"
        exponent = ("softmax-unshifted" if unshifted else "log-of-zero") if softmax else "exp-overflows"
        slug = (exponent if gradients else "log-of-zero") if _logarithmic(network) else ""
        verb = f"the {'gradients are' if gradients else 'loss is'} NaN or infinite"
    stable = of_logits(network) if slug == "log-of-zero" else ""
    size, when = _when(answer)
    return Finding("stability", 0, verb, slug, verb, stable, (), {"logits": size}, (), when) if slug else None


def _shifts(asker: Asker, case: Case, dtype: fmt.Dtype) -> bool:
    """Whether gradients are finite where all logits are large and differ by little, as where softmax's maximum is subtracted."""
    bias = f"b{len(case.network.layers)}"
    if bias not in case.params or case.network.layers[-1].activation.kind != "softmax":
        return False
    raised = case.params | {bias: case.params[bias] + np.asarray(LOGITS, dtype)}
    return asker.ask(replace(case, params=raised)).finite


def _of_tall(asker: Asker, tall: Case, dtype: fmt.Dtype) -> Asked | None:
    """An answer to large logits that is not right; None if it is, or if the right one is not finite."""
    limits = Limits(tall, dtype)
    if not np.isfinite(limits.loss) or not all(np.isfinite(g).all() for g in limits.gradients.values()):
        return None
    asked, right = asker.ask(tall), float(limits.loss)
    off = asked.loss is not None and not abs(asked.loss - right) <= limits.of_loss(right)
    wrong = off or (not unwilling(asked) if asked.error else not asked.finite)
    return asked if wrong else None


def _bounded(first: Asked, second: Asked) -> Finding | None:
    """A loss that is the same for two cases whose right ones differ: p is kept away from 0."""
    network, loss = first.case.network, first.loss or 0.0
    if abs(loss - (second.loss or 0.0)) > 1e-6 * loss:
        return None
    outputs = network.layers[-1].units if network.loss.kind == "binary_cross_entropy" else 1
    zero = first.gradients and not any(np.any(g) for g in first.gradients.values())
    bound, slug = float(np.exp(-loss * outputs)), "probabilities-clipped" if zero else "loss-clipped"
    place, when = "the loss of probabilities near 0", _when(first)[1]
    uses, right = f"p is kept from {bound:.3g}", "the loss from logits"
    return of_slug(slug, uses, ("loss",), place=place, right=right, constants={"bound": bound}, when=when)


def _tall(case: Case, logits: float = LOGITS) -> Case:
    """The case with its last layer's weights so large that the right class has a probability of nearly nothing."""
    last = len(case.network.layers)
    size = float(np.abs(case.right.z[-1]).max())
    own = (f"W{last}", f"b{last}")
    grown = {n: p * np.asarray(logits / size, p.dtype) if n in own else p for n, p in case.params.items()}
    z = replace(case, params=grown).right.z[-1]
    t = np.zeros_like(z)
    if z.shape[1] > 1:
        t[np.arange(len(z)), z.argmin(axis=1)] = 1
    else:
        t[:] = z < 0
    return replace(case, params=grown, t=np.asarray(t.reshape(case.t.shape), case.t.dtype))
