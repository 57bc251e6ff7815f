"""What kind of layer somebody has, in words, and the network that is built of it to judge it."""

from nn_conformance.cases.text import ACTIVATIONS, ALIASES, LOSS_ALIASES, LOSSES, parse, text_of
from nn_reference.errors import InputError
from nn_reference.validation import suggestion

DENSE = ("dense", "linear", "affine")
EXPECTED = "expected 'dense' with an activation, an activation alone, or a loss, such as 'softmax cross-entropy'"


def network_of(layer: str) -> str:
    """The line of a network of such layers: two with weights or without, one on the other, under Σ t·y; or one under a loss.

    >>> network_of("dense relu"), network_of("mse")
    ('5-4 relu-3 relu, linear', '5-3, squared-error')

    Raises:
        InputError: no such layer, with the word that is not known.
    """
    words = layer.lower().replace(",", " ").split()
    before, loss = parts_of(layer)
    if not words or (loss and before[:1] and before[0] in DENSE):
        raise InputError(
            f"layer: {EXPECTED}, got {layer!r:.60}{'; that is a network: 5-3 softmax, cross-entropy' * bool(words)}"
        )
    if loss:
        name = LOSS_ALIASES.get(loss[0], loss[0])
        if name == "cross-entropy" and "logits" not in loss:
            before = before or ["sigmoid"]  # probabilities that are nowhere exactly 0, as a softmax's may be
        elif name == "binary-cross-entropy" and "logits" not in loss:
            before, loss = ([], [*loss, "logits"]) if before == ["sigmoid"] else (["sigmoid"], loss)
        line = f"5-3 {' '.join(before)}, {' '.join(loss)}"
    else:
        kind = " ".join(before[before[0] in DENSE :])
        line = f"5-4 {kind}-3 {kind}, linear"
    try:
        return text_of(parse(line))
    except InputError as error:
        known = (*DENSE, *ACTIVATIONS, *ALIASES, *LOSSES, *LOSS_ALIASES)
        near = next(filter(None, (suggestion(word, known) for word in words if word not in known)), "")
        expected = f"{EXPECTED}{near}" if near else f"expected{str(error).partition('expected')[2]}"
        raise InputError(f"layer {layer!r:.60}: {expected}") from None


def parts_of(layer: str) -> tuple[list[str], list[str]]:
    """Its words before those of a loss, and those of the loss; the loss Σ t·y is no layer."""
    words = layer.lower().replace(",", " ").split()
    at = next((k for k, word in enumerate(words) if word in {*LOSSES, *LOSS_ALIASES} - {"linear"}), len(words))
    return words[:at], words[at:]
