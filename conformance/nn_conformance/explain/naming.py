"""From changed rules to findings: their place, slug and formulas."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from nn_conformance.explain import forward_rules as fr
from nn_conformance.explain.factors import Factor
from nn_conformance.explain.joint import Assignment, Group, penalty_of
from nn_conformance.explain.penalties import IN_PLACE
from nn_conformance.explain.record import Finding, every_array, of_slug
from nn_conformance.explain.search import Step, rule_of
from nn_conformance.explain.trace import Change, Trace

RIGHT = {
    "sigmoid": "a(1-a), a = σ(z)",
    "tanh": "1-a², a = tanh z",
    "relu": "(z > 0)",
    "identity": "1",
    "leaky_relu": "1 where z > 0, else the slope",
    "softmax": "softmax's Jacobian",
    "elu": "1 where z > 0, else α·e^z",
    "softplus": "σ(z)",
    "silu": "σ(z)(1 + z(1-σ(z)))",
    "gelu": "(1+τ)/2 + z/2·(1-τ²)·√(2/π)(1 + 3·0.044715z²)",
}
RIGHT_OF_SLOT = {
    "input": "the layer's input a",
    "samples": "every sample once",
    "back": "δWᵀ",
    "skip": "the sum of both",
}
DIFFERENT = 3  # whole multiples in as many arrays are no scales, but visits
# Of a factor: the slugs of powers of N and C, and of a constant, where all gradients have it, or all of the biases.
PARTS = {
    "all": {"N": "sum-for-mean", "1/N": "mean-twice", "C": "outputs-summed", "1/C": "mean-over-outputs", "-1": "sign"}
    | {"2": "factor-two", "½": "factor-two"},
    "b": {"N": "bias-summed", "1/N": "bias-averaged"},
}
GENERAL = {"all": "gradient-scaled", "b": "bias-scaled"}
BOTH = {("factor-two", "loss-half"): "half-in-both", ("sum-for-mean", "loss-summed"): "sum-in-both"}
CLIPS = {
    "all": "all gradients together to a norm of {}",
    "each": "each gradient to a norm of {}",
    "entries": "each entry to ±{}",
}


SHARES = ("bias·σ(1)", "bias·tanh 1")
ONE_SAMPLE = ("weights-of-one-sample", "overwritten", "bias-of-one-sample", "bias-of-last-sample")


def of_assignment(tr: Trace, assignment: Assignment, first_samples: int) -> list[Finding]:
    """The findings behind an assignment.

    Args:
        tr: any trace, for the network.
        assignment: of rules to arrays.
        first_samples: the size of the first batch that the target has seen.
    """
    ways = {array: set(way.edits) for array, way in assignment.ways.items()}
    found = []
    times = [way.factor for way in assignment.ways.values()]
    counts = {f.value for f in times if not f.powers and f.value == round(f.value) >= 1}
    if len(counts) >= DIFFERENT and all(not f.powers and f.value in counts for f in times) and not any(ways.values()):
        uses = ", ".join(f"{way.factor.value:g} times the right d{array}" for array, way in assignment.ways.items())
        return [of_slug("visited-again", uses, every_array(list(ways)))]
    for group in assignment.groups:
        edits = {(Step(group.kind, *place), group.name) for place in group.places}
        arrays = every_array([array for array, own in ways.items() if own & edits] or group.arrays)
        if group.places:
            found.append(_of_slot(tr, group, arrays))
        elif group.kind == "extra":
            alike = [[a for a in arrays if bool(penalty_of(tr, a[1:]).value) == own] for own in (True, False)]
            found += [of_penalty(tr, group, tuple(own)) for own in alike if own]
        elif group.kind == "zero":
            slug = {"below": "layer-detached", "all": "gradient-zero"}.get(group.scope, "layer-left-out")
            slug = "bias-zero" if all(a[1] == "b" for a in arrays) else slug
            unseen = tr.case.rate and slug == "bias-zero"  # of an update, the gradient is not seen
            slug, also = ("biases-not-updated", (slug,)) if unseen else (slug, ())
            found.append(Finding("gradient", group.layer, " and ".join(arrays), slug, "0", "", arrays, also=also))
        else:
            found.append(of_factor(group, arrays, first_samples))
    return _of_order(tr.last, assignment.groups, _of_last_use(merged([], found)))


def without_shares(found: list[Finding], changes: Sequence[Change]) -> list[Finding]:
    """The findings without factors of biases that follow from a forward pass in which these are multiplied."""
    shares = [fr.PREACTIVATIONS[c.name].of(np.zeros(1), np.ones(1))[0] + 1 for c in changes if c.name in SHARES]
    return [f for f in found if not any(np.isclose(f.constants.get("factor", np.nan), s, rtol=1e-5) for s in shares)]


def _of_last_use(found: list[Finding]) -> list[Finding]:
    """The findings, with one for what an engine makes of weights and units that are used several times, and keep one use."""
    back = next((f for f in found if f.slug == "grad-overwritten" and f.slot == "back"), None)
    sums = [f for f in found if f.slot == "sum" and f.slug in ONE_SAMPLE]
    if back is None or not sums:
        return found
    own = [*sums, back]
    place, uses = (" and ".join(getattr(f, part) for f in own) for part in ("place", "uses"))
    arrays = tuple(dict.fromkeys(a for f in own for a in f.arrays))
    return [replace(back, place=place, uses=uses, arrays=arrays), *(f for f in found if f not in own)]


def _of_order(last: int, groups: Sequence[Group], found: list[Finding]) -> list[Finding]:
    """The findings, with one for all layers that have what the layer of the same number from the other end has kept."""
    other = {}
    for g, k in [(group, k) for group in groups for k, _ in group.places]:
        numbered = int(g.name[1:]) + (g.kind == "input") if g.name[1:].isdecimal() else 0
        by_name = {"below": k - 1, "above": k + 1, "own a": k + 1, "a below": k - 1, "x": 1}
        other[g.kind, k] = by_name.get(g.name, numbered)
    layers = [k for k in range(1, last + 1) if 2 * k != last + 1]
    slots = [("input", k) for k in layers] + [("back", k) for k in layers if k > 1]
    if last < 3 or any(other.get(slot) != last + 1 - slot[1] for slot in slots):
        return found
    own = [f for f in found if f.slot in ("input", "back")]
    arrays = tuple(dict.fromkeys(a for f in own for a in f.arrays))
    return [of_slug("caches-reversed", arrays=arrays), *(f for f in found if f not in own)]


def _of_slot(tr: Trace, group: Group, arrays: tuple[str, ...]) -> Finding:
    layer, use = group.places[0]
    rule = rule_of(tr, Step(group.kind, layer, use), group.name)
    kinds = {tr.kind(k) for k, _ in group.places}
    right = RIGHT_OF_SLOT.get(group.kind, "")
    if group.kind == "derivative" and len(kinds) == 1:
        right = RIGHT.get(tr.kind(layer), "φ′(z)")
    if group.kind == "sum":
        right = "aᵀδ" if use == "W" else "db = δ.sum(axis=0)"
    if rule.slug == "leaky-slope" and kinds == {"leaky_relu"}:
        right = f"{tr.case.network.layers[layer - 1].activation.alpha:g} there"
    also, slug = [], rule.slug
    if group.kind == "derivative" and group.name == "1":
        also += ["relu-mask-inclusive"] if slug == "derivative-missing" and "relu" in kinds else []
        also += ["derivative-missing", "output-derivative-missing"] if group.scope == "everywhere" else []
        also += [slug] if group.scope == "use" else []
        slug = "derivative-in-one-use" if group.scope == "use" else slug
    also += ["softmax-diagonal"] if group.name == "right-class-only" else []  # of cross-entropy, the same numbers
    mixed = group.name.removeprefix("right+")
    constants = {"share": float(mixed.split("·")[0])} if mixed != group.name else {}
    also, place = [name for name in also if name != slug], _place(group)
    if slug == "engine-rule":
        # The same numbers come from a derivative that is written by hand, so that the layer is said.
        place, right = f"{place}, as by a wrong backward rule of {rule.formula.split(',')[0].removeprefix('in ')}", ""
    return Finding(
        group.kind, group.layer, place, slug, rule.formula, right, arrays, constants, tuple(also), variant=group.name
    )  # fmt: skip


def of_square(found: list[Finding]) -> list[list[Finding]]:
    """The findings; where the 2 of a square is missing, an engine that keeps one of two equal shares is another way to it."""
    half = next((f for f in found if f.slug == "factor-two" and f.variant == "½"), None)
    if half is None:
        return [found]
    uses, place = "one of the two equal shares of d·d, d = y-t", "engine, the backward rule of a product"
    share = of_slug("grad-overwritten", uses, half.arrays, place=place, right="their sum")
    return [found, [share if f is half else f for f in found]]


def _place(group: Group) -> str:
    layer, uses = group.layer, [use for _, use in group.places]
    number = layer or ""
    what = {
        "error": "error of the outputs",
        "derivative": "derivative of the activation",
        "samples": "samples that count",
        "skip": f"what comes back to layer {layer - 1}" if layer else "what comes back over skip connections",
        "back": f"what goes back through W{layer}" if layer else "what goes back through the weights",
        "input": f"what the error is multiplied by in dW{number}",
        "sum": f"where d{uses[0]}{number} is summed",
    }[group.kind]
    if group.scope in ("everywhere", "hidden"):
        return f"every {'hidden ' * (group.scope == 'hidden')}layer, {what}"
    only = ""
    if group.scope == "use" and group.kind in ("error", "derivative", "samples"):
        sent = f"the error that goes back to layer {layer - 1}"
        only = f", in {' and '.join(sent if use == 'down' else f'd{use}{layer}' for use in uses)} only"
    return f"layer {layer}, {what}{only}" if layer else what


def of_factor(group: Group, arrays: tuple[str, ...], first_samples: int) -> Finding:
    """A factor of some gradients."""
    factor = group.factor
    place = {
        "all": "the scale of every gradient",
        "W": "the scale of dW",
        "b": "the scale of db",
        "below": f"the scale of what comes to layer {group.layer}",
        "layer": f"layer {group.layer}, the scale of dW and db",
    }.get(group.scope, f"the scale of {' and '.join(arrays)}")
    text = with_rate(factor)
    others = [Factor(factor.value, powers).text() for powers in factor.others]
    uses = f"{text} times the right one" + (f" (or {' or '.join(others)}: the cases have the same)" if others else "")
    slug, also = _scale(factor, "b" if all(a[1] == "b" for a in arrays) else group.scope, first_samples)
    constants = {} if factor.nice else {"factor": factor.value}
    return Finding("scale", group.layer, place, slug, uses, "", arrays, constants, also, variant=text)


def with_rate(factor: Factor) -> str:
    """A factor's text, in which the rate is lr."""
    return re.sub(r"\br\b", "lr", factor.text())


def _scale(factor: Factor, scope: str, first_samples: int) -> tuple[str, tuple[str, ...]]:
    """The slug of a factor, and those of the parts that it is made of."""
    if (rate := dict(factor.powers).get("r")) in (-1, 1):
        return ("rate-constant" if rate == -1 else "rate-twice"), ()
    if factor.powers == (("N", 1),) and abs(factor.value * first_samples - 1) < 1e-9:
        return "first-batch-size", ()
    parts = [PARTS.get(scope, {}).get(part) for part in _parts(factor)]
    if len(parts) == 1 and parts[0] is not None:
        return parts[0], ()
    if set(parts) == {"sum-for-mean", "outputs-summed"}:  # a mean over samples and outputs, of which nothing is left
        return "sum-for-mean", ("outputs-summed",)
    if factor.value == -1 and not factor.powers:
        return "sign-of-part", ()
    return GENERAL.get(scope, "array-scaled"), tuple(part for part in parts if part)


def _parts(factor: Factor) -> Iterator[str]:
    """A factor as the texts of what it is made of: its powers, its sign, its size."""
    yield from (Factor(1.0, (power,)).text() for power in factor.powers)
    if factor.value < 0:
        yield "-1"
    if abs(factor.value) != 1:
        yield Factor(abs(factor.value)).text()


def of_penalty(tr: Trace, group: Group, arrays: tuple[str, ...]) -> Finding:
    """A multiple of the parameters in gradients, beside or in place of the described penalty's."""
    letters = {a[1] for a in arrays}
    of = "W" if letters == {"W"} else "b" if letters == {"b"} else "θ"
    described = penalty_of(tr, arrays[0][1:])
    what = {"W": of, "sign W": f"sign({of})"}.get(group.name, group.name.replace("W", of))
    uses = f"{with_rate(group.factor)}·{what} added" if group.factor.value else "none"
    right = f"{described.text()}·{of} added" if described.value else "no penalty"
    slug, also = "penalty-in-gradient", ("weight-decay",) if group.name == "W" else ()
    if tr.case.network.penalty is not None:
        also = ()
        slug = "penalty-missing" if not group.factor.value else "penalty-of-biases" if of == "b" else "penalty-scaled"
        slug = "penalty-other" if group.name in IN_PLACE else slug
    if (group.name, of) == ("W", "W") and dict(group.factor.powers).get("r") == -1 and group.factor.value > 0:
        slug = "decay-without-rate"
    place = f"the penalty in the gradient of {', '.join(a[1:] for a in arrays)}"
    place = place if described.value else "a penalty that is added to the gradient"
    return Finding("gradient", 0, place, slug, uses, right, arrays, {"lambda": group.factor.value}, also, variant=of)


def of_clip(clip: tuple[str, float]) -> Finding:
    """Gradients that are clipped."""
    name, bound = clip
    return of_slug("gradient-clipped", f"clips {CLIPS[name].format(f'{bound:.6g}')}", constants={"bound": bound})


def merged(of_the_loss: Sequence[Finding], of_gradients: Sequence[Finding]) -> list[Finding]:
    """Loss and gradients together: the same mistake in both is one."""
    found, left = list(of_the_loss), []
    for finding in of_gradients:
        same = next((f for f in found if f.slug == finding.slug or _same_factor(finding, f)), None)
        if same is None:
            left.append(finding)
            continue
        slug = BOTH.get((finding.slug, same.slug), finding.slug)
        place = f"{same.place} and {finding.place}" if same.place != finding.place else same.place
        uses = same.uses if same.uses == finding.uses else f"{same.uses}; {finding.uses}"
        arrays = (*same.arrays, *(a for a in finding.arrays if a not in same.arrays))
        found[found.index(same)] = replace(same, slug=slug, place=place, uses=uses, arrays=arrays)
    return found + left


def _same_factor(finding: Finding, loss: Finding) -> bool:
    same = loss.uses.removeprefix("L = ").split("·")[0] == finding.uses.split(" ")[0]
    return (finding.slug, loss.slug) in BOTH and same


def of_shapes(shapes: Mapping[str, str], known: set[str]) -> list[Finding]:
    """Gradients whose numbers could be read, and whose shapes are others."""
    slugs = {"transposed": "gradient-transposed", "one-number": "bias-grand-total", "unsummed": "bias-not-summed"}
    found: dict[str, list[str]] = {}
    for name, what in shapes.items():
        found.setdefault(slugs.get(what, "other-shape"), []).append(f"d{name}")
    return [
        of_slug(slug, arrays=tuple(sorted(arrays)), place=f"the shape of {' and '.join(sorted(arrays))}")
        for slug, arrays in found.items()
        if slug not in known
    ]
