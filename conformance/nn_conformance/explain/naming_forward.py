"""From changed rules of the forward pass and of the loss to findings."""

from dataclasses import replace

from nn_conformance.cases import format as fmt
from nn_conformance.explain import forward_constants as fc
from nn_conformance.explain import forward_rules as fr
from nn_conformance.explain.loss_search import Added, Loss
from nn_conformance.explain.loss_terms import formula
from nn_conformance.explain.penalties import PENALTIES, USUAL
from nn_conformance.explain.record import Finding, of_slug
from nn_conformance.explain.trace import AFTER, Change

BLEMISH = 1e-9  # an ε below it changes nothing but losses of saturated units
ROUNDING = 1e-14  # an ε below it cannot be read off
LOSS_FACTORS = {
    "N": "loss-summed",
    "n": "loss-summed",
    "-1": "loss-sign",
    "2": "loss-half",
    "½": "loss-half",
    "1/N": "loss-averaged-twice",
    "1/ln 2": "log-two",
    "1/ln 10": "log-ten",
}
FEWER = ((("N", -1), ("n", 1)), (("n", 1), ("N", -1)))  # fewer rows, and still divided by all of them


def of_loss(network: fmt.Network, loss: Loss) -> list[Finding]:
    """The findings behind the losses."""
    found = [of_change(network, change) for change in loss.changes]
    fewer = any(change.fewer for change in loss.changes) and loss.factor.powers in FEWER
    if not loss.factor.is_one and not fewer:
        text = loss.factor.text()
        constants = {} if loss.factor.nice else {"factor": loss.factor.value}
        found.append(of_slug(LOSS_FACTORS.get(text, "loss-scaled"), f"L = {text}·L*", ("loss",), constants=constants))
    if loss.added and loss.added.name != "whole":
        found.append(_of_added(network, loss))
    return [replace(f, arrays=(*f.arrays, "loss")) if "loss" not in f.arrays else f for f in found]


def without_reduction(findings: list[Finding]) -> tuple[list[Finding], list[str]]:
    """Findings, of a network with one output, less a loss and gradients of another mean over outputs; and a note of it.

    With one output both means are the same, so that beside other mistakes this is none.
    """
    for factor, meant in (("C", "samples"), ("1/C", "elements")):
        loss = [f for f in findings if (f.slug, f.uses) == ("loss-scaled", f"L = {factor}·L*")]
        scale = [f for f in findings if (f.slot, f.variant) == ("scale", factor)]
        others = [f for f in findings if f not in (*loss, *scale)]
        if len(loss) == len(scale) == 1 and others:
            what = f"with C outputs the loss and all gradients are {factor} times the described ones"
            return others, [f"{what}, with one they are the same; write '{meant}' after the loss if that is meant"]
    return findings, []


def _of_added(network: fmt.Network, loss: Loss) -> Finding:
    """What is added to a loss."""
    name, factor, counts = loss.added or Added("constant")
    text, penalty = factor.text(), network.penalty
    described = "" if penalty is None else f"{penalty.strength:g}·{penalty.scaling}·"
    described = described and f"{described}{'(Σ W² + Σ b²)' if penalty and penalty.biases else 'Σ W²'}"
    constants = {name: factor.value}
    if name in ("clip", "floor"):
        return of_slug(
            "loss-clipped", f"p is kept from {text}", ("loss",), right="log p", constants={"bound": factor.value}
        )
    if name == "epsilon":
        if factor.value >= BLEMISH:
            return of_slug("log-epsilon", f"log(p + {text})", ("loss",), constants=constants)
        known = factor.value > ROUNDING
        uses = f"log(p + {text})" if known else "log(p + ε), with an ε that is no larger than rounding"
        right, constants = of_logits(network), constants if known else {}
        return Finding("stability", 0, f"the loss has {uses}", "log-epsilon", uses, right, ("loss",), constants)
    if name in ("terms", "tensors"):
        slug, described = ("loss-terms", "") if name == "terms" else ("penalty-miscounted", described)
        times = [f"{tensor} {_times(count)}" for tensor, count in counts if count or tensor[0] == "W"]
        uses = formula(counts) if name == "terms" else f"the penalty counts {', '.join(times)}"
        return of_slug(slug, uses, ("loss",), right=described, constants=dict(counts))
    if name in PENALTIES and penalty is not None:
        added = f"L = L* + {text}·{PENALTIES[name].formula}, L* without a penalty"
        uses = added if factor.value else "L*, without its penalty"
        same = (factor.value, bool(factor.powers)) == (_strength(penalty), "N" in penalty.scaling)
        slug = "penalty-scaled" if factor.value else "penalty-missing"
        slug = "penalty-of-biases" if same and name == "squares" else slug
        slug = "penalty-other" if factor.value and name not in USUAL else slug
        return of_slug(slug, uses, ("loss",), right=described, constants=constants)
    slug, uses = {
        "constant": ("loss-constant", f"L = L* + {text}"),
        "same": ("loss-the-same", f"L = {text}"),
    }.get(name, ("penalty-in-loss", f"L = L* + {text}·{PENALTIES[name].formula if name in PENALTIES else ''}"))
    return of_slug(slug, uses, ("loss",), constants=constants)


def _strength(penalty: fmt.Penalty) -> float:
    """What a penalty multiplies Σ W² by, but for N."""
    return penalty.strength * (0.5 if "2" in penalty.scaling else 1.0)


def _times(count: float) -> str:
    return {0.0: "not at all", 1.0: "once", 2.0: "twice"}.get(count, f"{count:g} times")


def of_logits(network: fmt.Network) -> str:
    """How a loss is computed without the logarithm of a probability."""
    binary = network.loss.kind == "binary_cross_entropy"
    formula = "max(z, 0) - zt + log(1+e^-|z|)" if binary else "max - z_t + log Σ e^(z-max)"
    return f"compute the loss from logits: {formula}"


def of_change(network: fmt.Network, change: Change) -> Finding:
    """A changed rule of the forward pass or of the loss's formula."""
    last, k = len(network.layers), change.layer
    where = f"layer {k}" if k else "every layer" if change.slot == "z" else "every hidden layer"
    if change.slot == "fit":
        return _of_constant(change, where)
    if change.slot in ("data", "loss"):
        rule = (fr.DATA if change.slot == "data" else fr.LOSSES)[change.name]
        place = "what is computed with" if change.slot == "data" else "the loss"
        return Finding(change.slot, 0, place, rule.slug, rule.formula, variant=change.name)
    if change.slot == "skip" or change.name == AFTER:
        skip = "its skip connection", "skip-left-out", "a = φ(z)", "a = φ(z) + input"
        own = skip if change.slot == "skip" else ("z", "bias-after", "a = φ(aW) + b", "a = φ(aW + b)")
        return Finding("forward", k, f"{where}, {own[0]}", *own[1:], variant=change.name)
    if change.slot in ("input", "bias"):
        of_input = change.slot == "input"
        below, bias = ("x" if change.name == "0" else f"a{change.name}", k) if of_input else ("a", change.name)
        pairs = (below, bias), (f"a{k - 1}" if of_input else "a", k)
        uses, right = (f"z = {one}·W{k} + b{other}" for one, other in pairs)
        place, slug = ("its input", "layer-input-other") if of_input else ("z", "bias-of-other-layer")
        return Finding("forward", k, f"{where}, {place}", slug, uses, right, variant=change.name)
    if change.slot == "z":
        rule = fr.PREACTIVATIONS[change.name]
        slug = "output-bias-left-out" if rule.slug == "bias-left-out" and k == last else rule.slug
        return Finding("forward", k, f"{where}, z", slug, rule.formula, "z = aW + b", variant=change.name)
    rule, kind = fr.ACTIVATIONS[change.name], network.layers[(k or 1) - 1].activation.kind
    right, slug = "a = z" if kind == "identity" else f"a = {kind}(z)", _activation_slug(network, change, rule.slug)
    return Finding("forward", k, f"{where}, the activation", slug, rule.formula, right, variant=change.name)


def _of_constant(change: Change, where: str) -> Finding:
    """A rule with a constant that was fitted."""
    name, _, constant = change.name.partition(":")
    family, of_data = fc.FAMILIES[name], name in fc.DATA
    place = "what is computed with" if of_data else f"{where}, the activation"
    uses, constants = family.formula.format(s=f"{float(constant):.6g}"), {"s": float(constant)}
    slot = "data" if of_data else "forward"
    return Finding(slot, change.layer, place, family.slug, uses, constants=constants, variant=name)


def _activation_slug(network: fmt.Network, change: Change, slug: str) -> str:
    last = change.layer == len(network.layers)
    chosen = [network.layers[change.layer - 1]] if change.layer else network.layers[:-1]
    described = chosen[0].activation.kind
    twice = change.name == "twice" or all(layer.activation.kind == change.name for layer in chosen)
    if last and change.name == "identity":
        return "output-activation-left-out"
    if twice:
        return "output-activation-twice" if last else "activation-twice"
    return "output-activation-added" if last and described == "identity" and slug == "activation-swapped" else slug
