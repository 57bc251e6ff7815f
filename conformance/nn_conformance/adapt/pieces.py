"""Pieces of networks and optimisers: what a program says that it has, what it is asked for, and what that leaves untested.

A piece has the words of a network's description: ``gelu``, ``cross_entropy half``, ``penalty 1/N``, ``momentum nesterov``.
A first word alone names all pieces that begin with it.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from itertools import product, zip_longest
from typing import get_args

import msgspec

from nn_conformance.cases import format as fmt
from nn_conformance.cases.text import ACTIVATIONS, LOSSES, REDUCTIONS, parse
from nn_reference.errors import InputError
from nn_reference.validation import suggestion

FORMS = ("probabilities", "logits")
DIALECTS: tuple[fmt.Dialect, ...] = get_args(fmt.Dialect)


def optimizers(
    rates: tuple[float, float, float], momentum: float, betas: tuple[float, float], epsilon: float
) -> dict[str, fmt.Optimizer]:
    """Every optimiser by its piece; the rates are those of plain descent, of momentum, and of the adaptive ones."""
    plain, heavy, adaptive = rates
    found = {"sgd": fmt.Optimizer("sgd", plain)}
    found |= {f"momentum {word}": fmt.Optimizer("sgd", heavy, momentum=momentum, dialect=word) for word in DIALECTS}
    own = {"adam": {"beta1": betas[0], "beta2": betas[1]}, "rmsprop": {"beta2": betas[1]}, "adagrad": {}}
    for kind, place in product(own, ("torch", "keras")):
        given = {"kind": kind, "learning_rate": adaptive, "epsilon": epsilon, "placement": place, **own[kind]}
        found[f"{kind} {place}"] = msgspec.convert(given, fmt.Optimizer)
    return found


# With constants that float32 holds; with a small ε nobody can tell where it stands.
OPTIMIZERS = optimizers((0.5, 0.25, 2**-4), 0.875, (0.75, 0.875), 2**-7)
OF_LOSSES = [
    f"{loss.kind} {word}"
    for loss in LOSSES.values()
    for word in (*REDUCTIONS, "half", *(FORMS if loss.kind.endswith("entropy") else ()))
]
PENALTIES = [f"penalty {word}" for word in ("1", "1/2", "1/N", "1/2N", "biases")]
KINDS = [*(plain.kind for plain in ACTIVATIONS.values()), "batch_softmax", "diagonal_softmax"]
PIECES: tuple[str, ...] = (*KINDS, *OF_LOSSES, *PENALTIES, "skip", *OPTIMIZERS)
# What a program that names none is asked for: what format 1 has.
TODAY = frozenset(
    {"identity", "sigmoid", "tanh", "relu", "softmax", "batch_softmax", "diagonal_softmax"}
    | {piece for piece in PIECES if piece.startswith("squared_error") or piece.endswith(FORMS)}
    | {"cross_entropy samples", "binary_cross_entropy elements"}
    | {"sgd", "momentum classical", "adam torch", "adam keras"}
)
FAN_OUT = (
    "fan-out: a chain of layers uses each value once, so what overwrites a gradient where it should add passes (skip)"
)


def named(words: Iterable[str]) -> frozenset[str]:
    """All pieces that are named, each by itself or by its first word.

    Raises:
        InputError: no such piece.
    """
    pieces: set[str] = set()
    for word in words:
        of_word = {piece for piece in PIECES if f"{piece} ".startswith(f"{word} ")}
        if not of_word:
            known = dict.fromkeys((*PIECES, *(piece.split()[0] for piece in PIECES)))
            hint = suggestion(word, known) or "; PROTOCOL.md has a list of them"
            raise InputError(f"pieces: expected names of pieces, got {word!r:.60}{hint}")
        pieces |= of_word
    return frozenset(pieces)


def pieces_of(network: fmt.Network | None = None, optimizer: fmt.Optimizer | None = None) -> set[str]:
    """The pieces of a network, of an optimiser, or of both."""
    pieces: set[str] = set()
    if network is not None:
        pieces |= {of_activation(layer.activation) for layer in network.layers} | of_loss(network.loss)
        pieces |= {"skip"} if any(layer.skip for layer in network.layers) else set()
        if (penalty := network.penalty) is not None:
            pieces |= {f"penalty {penalty.scaling}"} | ({"penalty biases"} if penalty.biases else set())
    if optimizer is not None:
        dialect = f"momentum {optimizer.dialect}" if optimizer.momentum else "sgd"
        pieces.add(dialect if optimizer.kind == "sgd" else f"{optimizer.kind} {optimizer.placement}")
    return pieces


def of_loss(loss: fmt.Loss) -> set[str]:
    """The pieces of a loss: its reduction, its half, and what it takes."""
    entropy = loss.kind.endswith("entropy")
    words = [loss.reduction, *(["half"] if loss.half else []), *([FORMS[loss.from_logits]] if entropy else [])]
    return {f"{loss.kind} {word}" for word in words}


def of_activation(activation: fmt.Activation) -> str:
    """The piece that an activation is."""
    if activation.axis == "batch":
        return "batch_softmax"
    return "diagonal_softmax" if activation.backward == "diagonal" else activation.kind


def asked_for(has: Collection[str], elsewhere: Collection[str]) -> Iterator[tuple[fmt.Network, fmt.Optimizer | None]]:
    """Small networks, made of what there is, that show each piece which is not shown `elsewhere`; each with its optimiser.

    The optimiser is None where plain gradient descent will do.
    """
    left = set(has) - set(elsewhere)
    optimizers = [optimizer for piece, optimizer in OPTIMIZERS.items() if piece in left]
    chosen: list[fmt.Network] = []
    base: list[fmt.Network] = []
    for network in _small_networks(has):
        base = base or [network]
        if pieces_of(network) & left:
            chosen.append(network)
            left -= pieces_of(network)
    yield from zip_longest(chosen + base * (len(optimizers) - len(chosen)), optimizers if base else ())


def _small_networks(has: Collection[str]) -> Iterator[fmt.Network]:
    """Networks of these pieces: the plainest first, then those that differ from it in one piece, with every piece."""

    def made(line: str) -> Iterator[fmt.Network]:
        with suppress(InputError):  # a loss that is undefined on that last layer
            if pieces_of(network := parse(line)) <= set(has):
                yield network

    plain = [f"squared-error{word}" for word in ("", " samples", " sum")]
    plain += ["cross-entropy", "binary-cross-entropy", "cross-entropy logits", "binary-cross-entropy logits", "linear"]
    for hidden, last, loss in product(("tanh", *ACTIVATIONS), ("", " {}", " softmax", " sigmoid"), plain):
        after = f"-2{last.format(hidden)}, {loss}"
        if any(made(f"3-4 {hidden}{after}")):
            break
    else:
        return
    yield from made(f"3-4 {hidden}{after}")
    yield from made(f"3-4 {hidden}-4 {hidden} skip{after}")
    for activation in ACTIVATIONS:
        yield from made(f"3-4 {activation}{after}")
    for name, form, words in product(LOSSES, ("", " logits"), ("half sum", "samples", "elements", "sum", "half")):
        probabilities = (" softmax", " sigmoid") if name == "cross-entropy" else (" sigmoid", " softmax")
        for last in probabilities if "entropy" in name and not form else ("", f" {hidden}"):
            yield from made(f"3-4 {hidden}-2{last}, {name}{form} {words}")
    for over, biases in product(("", "/2", "/N", "/2N"), ("", " biases")):
        yield from made(f"3-4 {hidden}{after}, l2 0.125{over}{biases}")


def untested(covered: Collection[str]) -> str:
    """The pieces that are not among those, but for mistakes of documents; by the first word if no other begins with it."""
    there = {piece.split()[0] for piece in covered}
    left = [piece for piece in PIECES if piece not in covered and not piece.endswith("_softmax")]
    return ", ".join(dict.fromkeys(piece if piece.split()[0] in there else piece.split()[0] for piece in left))
