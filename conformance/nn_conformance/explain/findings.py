"""From changed rules to findings: their place, slug and formulas."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from nn_conformance.cases import format as fmt
from nn_conformance.explain import forwards
from nn_conformance.explain.calls import of_logits
from nn_conformance.explain.factors import Factor
from nn_conformance.explain.joint import Assignment, Group, penalty_of
from nn_conformance.explain.losses import PENALTIES, ROWS, Loss
from nn_conformance.explain.paths import Step, rule_of
from nn_conformance.explain.record import Finding
from nn_conformance.explain.trace import Change, Trace

RIGHT = {
    "sigmoid": "a(1-a), a = σ(z)",
    "tanh": "1-a², a = tanh z",
    "relu": "(z > 0)",
    "identity": "1",
    "leaky_relu": "1 where z > 0, else the slope",
    "softmax": "softmax's Jacobian",
}
RIGHT_OF_SLOT = {"input": "the layer's input a", "samples": "every sample once", "back": "δWᵀ"}


def of_assignment(tr: Trace, assignment: Assignment, first_samples: int) -> list[Finding]:
    """The findings behind an assignment.

    Args:
        tr: any trace, for the network.
        assignment: of rules to arrays.
        first_samples: the size of the first batch that the target has seen.
    """
    found = []
    for group in assignment.groups:
        if group.kind in ("factor", "zero", "extra"):
            found.append(_of_factor(tr, group, first_samples))
        else:
            arrays = tuple(
                a
                for a, way in assignment.ways.items()
                if any(
                    s.slot == group.kind and n == group.name and (s.layer, s.use) in group.places for s, n in way.edits
                )
            )
            found.append(_of_slot(tr, group, arrays))
    return found


def _of_slot(tr: Trace, group: Group, arrays: tuple[str, ...]) -> Finding:
    layer, use = group.places[0]
    rule = rule_of(tr, Step(group.kind, layer, use), group.name)
    kinds = {tr.kind(k) for k, _ in group.places}
    right = (
        RIGHT[tr.kind(layer)] if group.kind == "derivative" and len(kinds) == 1 else RIGHT_OF_SLOT.get(group.kind, "")
    )
    if kinds == {"leaky_relu"} and rule.slug == "leaky-slope":
        right = f"{tr.case.network.layers[layer - 1].activation.alpha:g} there"
    if group.kind == "sum":
        right = "aᵀδ" if use == "W" else "db = δ.sum(axis=0)"
    also: list[str] = []
    if rule.slug == "derivative-missing" and "relu" in kinds:
        also.append("relu-mask-inclusive")
    if group.kind == "derivative" and group.name == "1" and group.scope == "everywhere":
        also += ["derivative-missing", "output-derivative-missing"]
    slug = rule.slug
    if group.kind == "derivative" and group.name == "1" and group.scope == "use":
        slug, also = "derivative-in-one-use", [*also, rule.slug]
    constants = {}
    if group.name.startswith("right+"):
        constants = {"share": float(group.name[len("right+") :].split("·")[0])}
    return Finding(
        group.kind,
        group.layer,
        _place(group),
        slug,
        rule.formula,
        right,
        _ordered(arrays),
        constants,
        tuple(a for a in also if a != slug),
    )


def _place(group: Group) -> str:
    layer, uses = group.layer, [use for _, use in group.places]
    what = {
        "error": "error of the outputs",
        "derivative": "derivative of the activation",
        "samples": "samples that count",
        "back": f"what goes back through W{layer}" if layer else "what goes back through the weights",
        "input": f"what the error is multiplied by in dW{layer}",
        "sum": f"where d{uses[0]}{layer} is summed",
    }[group.kind]
    if group.scope in ("everywhere", "hidden"):
        every = "every layer" if group.scope == "everywhere" else "every hidden layer"
        what = (
            f"where d{uses[0]} is summed"
            if group.kind == "sum"
            else what
            if group.kind != "input"
            else "what the error is multiplied by in dW"
        )
        return f"{every}, {what}"
    only = ""
    if group.scope == "use" and group.kind in ("error", "derivative", "samples"):
        names = [
            f"the error that goes back to layer {layer - 1}" if use == "down" else f"d{use}{layer}" for use in uses
        ]
        only = f", in {' and '.join(names)} only"
    return f"layer {layer}, {what}{only}" if layer else what


def _ordered(arrays: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"d{a}" for a in sorted(arrays, key=lambda a: (int(a[1:]), a)))


def _of_factor(tr: Trace, group: Group, first_samples: int) -> Finding:
    arrays = _ordered(group.arrays)
    if group.kind == "zero":
        slug = {"below": "layer-detached", "b": "bias-zero", "all": "gradient-zero"}.get(group.scope)
        slug = slug or ("bias-zero" if all(a[1] == "b" for a in arrays) else "layer-left-out")
        return Finding("gradient", group.layer, f"{' and '.join(arrays)}", slug, "0", "", arrays)
    if group.kind == "extra":
        return _of_penalty(tr, group, arrays)
    slug, also = _scale(group, tr, first_samples)
    places = {
        "all": "the scale of every gradient",
        "W": "the scale of dW",
        "b": "the scale of db",
        "below": f"the scale of what comes to layer {group.layer}",
        "layer": f"layer {group.layer}, the scale of dW and db",
    }
    place = places.get(group.scope, f"the scale of {' and '.join(arrays)}")
    text = group.factor.text()
    if "r" in dict(group.factor.powers):
        text = text.replace("/r", "/lr")
    others = [Factor(group.factor.value, powers).text() for powers in group.factor.others]
    uses = f"{text} times the right one" + (f" (or {' or '.join(others)}: the cases have the same)" if others else "")
    return Finding(
        "scale",
        group.layer,
        place,
        slug,
        uses,
        "",
        arrays,
        {} if group.factor.nice else {"factor": group.factor.value},
        also,
    )


def _of_penalty(tr: Trace, group: Group, arrays: tuple[str, ...]) -> Finding:
    letters = {a[0] for a in group.arrays}
    of = "W" if letters == {"W"} else "b" if letters == {"b"} else "θ"
    described = penalty_of(tr, group.arrays[0])
    uses = f"{group.factor.text()}·{of if group.name == 'W' else f'sign({of})'} added" if group.factor.value else "none"
    right = f"{described.text()}·{of} added" if described.value else "no penalty"
    slug, also = "penalty-in-gradient", ("weight-decay",) if group.name == "W" else ()
    if tr.case.network.penalty is not None:
        also = ()
        slug = "penalty-missing" if not group.factor.value else "penalty-of-biases" if of == "b" else "penalty-scaled"
    place = f"the penalty in the gradient of {', '.join(a[1:] for a in arrays)}"
    place = place if described.value else "a penalty that is added to the gradient"
    return Finding("gradient", 0, place, slug, uses, right, arrays, {"lambda": group.factor.value}, also)


def _scale(group: Group, tr: Trace, first_samples: int) -> tuple[str, tuple[str, ...]]:
    """The slug of a factor, and those of the parts that it is made of."""
    factor = group.factor
    if "r" in dict(factor.powers):
        return "rate-constant", ()
    if factor.powers == (("N", 1),) and abs(factor.value * first_samples - 1) < 1e-9:
        return "first-batch-size", ()
    scope = "b" if all(a[0] == "b" for a in group.arrays) else group.scope
    parts = list(_parts(factor, scope))
    general = "gradient-scaled" if scope == "all" else "bias-scaled" if scope == "b" else "array-scaled"
    del tr
    if len(parts) == 1 and parts[0] is not None:
        return parts[0], ()
    return general, tuple(p for p in parts if p)


def _parts(factor: Factor, scope: str) -> Iterator[str | None]:
    """The slug of each part of a factor; None for one that has no name."""
    powers = dict(factor.powers)
    if scope == "b":
        n = powers.pop("N", 0)
        yield from {1: ["bias-summed"], -1: ["bias-averaged"]}.get(n, [] if n == 0 else [None])
    elif scope == "all":
        n, c = powers.pop("N", 0), powers.pop("C", 0)
        yield from {1: ["sum-for-mean"], -1: ["mean-twice"]}.get(n, [] if n == 0 else [None])
        yield from {1: ["outputs-summed"], -1: ["mean-over-outputs"]}.get(c, [] if c == 0 else [None])
    if powers:
        yield None
    if factor.value < 0:
        yield "sign" if scope == "all" else None
    if abs(factor.value) != 1:
        yield "factor-two" if scope == "all" and abs(factor.value) in (2.0, 0.5) else None


BLEMISH = 1e-9  # an ε below it changes nothing but losses of saturated units
ROUNDING = 1e-14  # an ε below it cannot be read off

# Fewer rows, and still divided by all of them.
FEWER = ((("N", -1), ("n", 1)), (("n", 1), ("N", -1)))


def of_loss(network: fmt.Network, loss: Loss) -> list[Finding]:
    """The findings behind the losses."""
    found = [of_change(network, change) for change in loss.changes]
    whole = (
        any(change.slot == "data" and change.name.startswith(ROWS) for change in loss.changes)
        and loss.factor.powers in FEWER
    )
    if not loss.factor.is_one and not whole:
        f = loss.factor
        slug = {
            (1.0, (("N", 1),)): "loss-summed",
            (1.0, (("n", 1),)): "loss-summed",
            (-1.0, ()): "loss-sign",
            (2.0, ()): "loss-half",
            (0.5, ()): "loss-half",
            (1.0, (("N", -1),)): "loss-averaged-twice",
        }.get((f.value, f.powers), "loss-scaled")
        slug = {"1/ln 2": "log-two", "1/ln 10": "log-ten"}.get(f.text(), slug)
        found.append(
            Finding(
                "loss", 0, "the loss", slug, f"L = {f.text()}·L*", "", ("loss",), {} if f.nice else {"factor": f.value}
            )
        )
    if loss.added and loss.added[0] != "whole":
        name, factor = loss.added
        text = factor.text()
        slug, uses = {
            "constant": ("loss-constant", f"L = L* + {text}"),
            "same": ("loss-the-same", f"L = {text}"),
            "square": ("penalty-in-loss", f"L = L* + {text}·Σ W²"),
            "squares": ("penalty-in-loss", f"L = L* + {text}·(Σ W² + Σ b²)"),
            "magnitude": ("penalty-in-loss", f"L = L* + {text}·Σ|W|"),
            "epsilon": ("log-epsilon", f"log(p + {text})"),
        }[name]
        if name == "epsilon" and factor.value < BLEMISH:
            uses = uses if factor.value > ROUNDING else "log(p + ε), with an ε that is no larger than rounding"
            constants = {name: factor.value} if factor.value > ROUNDING else {}
            found.append(
                Finding("stability", 0, f"the loss has {uses}", slug, uses, of_logits(network), ("loss",), constants)
            )
            return [f if "loss" in f.arrays else replace(f, arrays=(*f.arrays, "loss")) for f in found]
        right, penalty = "", network.penalty
        if penalty is not None and name in PENALTIES:
            slug = "penalty-scaled" if factor.value else "penalty-missing"
            uses = f"{uses}, L* without a penalty" if factor.value else "L*, without its penalty"
            right = f"{penalty.strength:g}·{penalty.scaling}·{'(Σ W² + Σ b²)' if penalty.biases else 'Σ W²'}"
        found.append(Finding("loss", 0, "the loss", slug, uses, right, ("loss",), {name: factor.value}))
    return [replace(f, arrays=(*f.arrays, "loss")) if "loss" not in f.arrays else f for f in found]


def of_change(network: fmt.Network, change: Change) -> Finding:
    """A changed rule of the forward pass or of the loss's formula."""
    last = len(network.layers)
    if change.slot == "data":
        variant = forwards.DATA[change.name]
        return Finding("data", 0, "what is computed with", variant.slug, variant.formula)
    if change.slot == "loss":
        variant = forwards.LOSSES[change.name]
        return Finding("loss", 0, "the loss", variant.slug, variant.formula)
    where = f"layer {change.layer}" if change.layer else "every layer" if change.slot == "z" else "every hidden layer"
    if change.slot == "z":
        variant = forwards.PREACTIVATIONS[change.name]
        slug = "output-bias-left-out" if variant.slug == "bias-left-out" and change.layer == last else variant.slug
        return Finding("forward", change.layer, f"{where}, z", slug, variant.formula, "z = aW + b")
    variant = forwards.ACTIVATIONS[change.name]
    kind = network.layers[(change.layer or 1) - 1].activation.kind
    return Finding(
        "forward",
        change.layer,
        f"{where}, the activation",
        _activation_slug(network, change, variant.slug),
        variant.formula,
        f"a = {kind}(z)" if kind != "identity" else "a = z",
    )


def _activation_slug(network: fmt.Network, change: Change, slug: str) -> str:
    chosen = [network.layers[change.layer - 1]] if change.layer else network.layers[:-1]
    described = chosen[0].activation.kind
    own = all(layer.activation.kind == change.name for layer in chosen)
    if change.layer == len(network.layers):
        if change.name == "identity":
            return "output-activation-left-out"
        if change.name == "twice" or own:
            return "output-activation-twice"
        if change.name.startswith("softmax ") and described == "softmax":
            return slug
        if described == "identity" and slug == "activation-swapped":
            return "output-activation-added"
        return slug
    return "activation-twice" if change.name == "twice" or own else slug


CLIPS = {
    "all": "all gradients together to a norm of {}",
    "each": "each gradient to a norm of {}",
    "entries": "each entry to ±{}",
}


def of_clip(clip: tuple[str, float]) -> Finding:
    """Gradients that are clipped."""
    name, bound = clip
    return Finding(
        "gradient",
        0,
        "after the backward pass",
        "gradient-clipped",
        f"clips {CLIPS[name].format(f'{bound:.6g}')}",
        "no clipping",
        (),
        {"bound": bound},
    )


BOTH = {("factor-two", "loss-half"): "half-in-both", ("sum-for-mean", "loss-summed"): "sum-in-both"}


def merged(of_the_loss: Sequence[Finding], of_gradients: Sequence[Finding]) -> list[Finding]:
    """Loss and gradients together: the same mistake in both is one."""
    found, left = list(of_the_loss), []
    for finding in of_gradients:
        same = next(
            (
                f
                for f in found
                if f.slug == finding.slug or ((finding.slug, f.slug) in BOTH and _same_scale(finding, f))
            ),
            None,
        )
        if same is None:
            left.append(finding)
            continue
        slug = BOTH.get((finding.slug, same.slug), finding.slug)
        place = f"{same.place} and {finding.place}" if same.place != finding.place else same.place
        uses = same.uses if same.uses == finding.uses else f"{same.uses}; {finding.uses}"
        found[found.index(same)] = replace(
            same,
            slug=slug,
            place=place,
            uses=uses,
            arrays=(*same.arrays, *(a for a in finding.arrays if a not in same.arrays)),
        )
    return found + left


def _same_scale(finding: Finding, loss: Finding) -> bool:
    return loss.uses.removeprefix("L = ").split("·")[0] == finding.uses.split(" ")[0]
