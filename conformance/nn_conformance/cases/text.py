"""A network in one line: ``3-5 relu-4 relu-2 softmax, cross-entropy``. `docs/networks.md` defines the form.

`parse` reads it, `text_of` prints it canonically, so that parse(text_of(network)) is the network again. An error names the
word and its place, what was expected there, and the nearest known word.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network
from nn_conformance.judge.verdict import one_line
from nn_reference.errors import InputError
from nn_reference.validation import suggestion

LONGEST, LARGEST = 1000, 100_000  # characters of a line, bytes of a file
# A sign or a dot belongs to a number; a hyphen before a digit parts two layers, elsewhere it is part of a word.
TOKEN = re.compile(
    r"\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)(?![A-Za-z])|(/\s*(?:2N|N|2))|([A-Za-z²]\w*(?:-[A-Za-z]\w*)*)|([-,()]))"
)
ACTIVATIONS: dict[str, fmt.Activation] = {
    "identity": fmt.Activation("identity"),
    "sigmoid": fmt.Activation("sigmoid"),
    "tanh": fmt.Activation("tanh"),
    "relu": fmt.Activation("relu"),
    "leaky": fmt.Activation("leaky_relu", alpha=0.01),
    "elu": fmt.Activation("elu", alpha=1.0),
    "softplus": fmt.Activation("softplus"),
    "silu": fmt.Activation("silu"),
    "gelu": fmt.Activation("gelu"),
    "softmax": fmt.Activation("softmax", axis="outputs"),
}
ALIASES = {"linear": "identity", "logistic": "sigmoid", "leaky-relu": "leaky", "leakyrelu": "leaky", "swish": "silu"}
# Words in brackets after an activation, and what they change.
VARIANTS: dict[tuple[str, str], dict[str, str]] = {
    ("softmax", "batch"): {"axis": "batch"},
    ("softmax", "diagonal"): {"backward": "diagonal"},
    ("sigmoid", "quotient"): {"backward": "quotient"},
}
LAYER_WORDS: dict[str, dict[str, Any]] = {
    "skip": {"skip": True},
    "vector": {"vector": True},
    "no-bias": {"bias": False},
    "out-in": {"layout": "out,in"},
}
FOR_ALL = ("no-bias", "out-in")
# Each loss with the reduction that `mean` stands for, which is also the one that is not written.
LOSSES: dict[str, fmt.Loss] = {
    "squared-error": fmt.Loss("squared_error", "elements"),
    "cross-entropy": fmt.Loss("cross_entropy", "samples"),
    "binary-cross-entropy": fmt.Loss("binary_cross_entropy", "elements", clip=1e-7),
    "linear": fmt.Loss("linear", "sum"),
}
LOSS_ALIASES = {"mse": "squared-error", "bce": "binary-cross-entropy"}
REDUCTIONS = ("sum", "samples", "elements")
POSITIVE = ("sigmoid", "softplus", "softmax")  # what a logarithm can be taken of
MEMBERS: Callable[[fmt.Record], dict[str, Any]] = msgspec.structs.asdict


@dataclass(frozen=True)
class Token:
    """A piece of the text: `number`, `scaling`, `word`, a sign for itself, or `end`; `place` is its first character, from 1."""

    kind: str
    text: str
    place: int


def network(source: str | Path | fmt.Network) -> fmt.Network:
    """A network as `adapt.reading.network` reads it, but from no model."""
    if isinstance(source, fmt.Network):
        return _checked(source, None)
    if isinstance(source, Path) or (isinstance(source, str) and source.endswith(".json")):
        return _checked(_read(Path(source)), None)
    if not isinstance(source, str):
        raise InputError(f"network: expected a line, a path or a Network, got {type(source).__name__}")
    return parse(source)


def parse(text: str) -> fmt.Network:
    """The network that a line describes.

    Raises:
        InputError: a word that does not belong where it stands, or layers that do not fit each other.
    """
    if len(text) > LONGEST:
        raise InputError(f"network: expected at most {LONGEST} characters, got {len(text)}")
    return _Parser(text).network()


def text_of(network: fmt.Network) -> str:
    """The canonical line: what is usual is left out."""
    common = [word for word in FOR_ALL if all(_has(layer, word) for layer in network.layers)]
    layers = "-".join([str(network.inputs), *(_layer_text(layer, common) for layer in network.layers)])
    options = [_loss_text(network.loss)]
    if (penalty := network.penalty) is not None:
        over = penalty.scaling.removeprefix("1")
        options.append(f"l2 {_number(penalty.strength)}{over}{' biases' if penalty.biases else ''}")
    return ", ".join([layers, *options, *common])


class _Parser:
    """One pass over the tokens, one method for each rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.tokens = list(_tokens(text))
        self.at = 0

    def network(self) -> fmt.Network:
        """WIDTH { - LAYER } , LOSS { , OPTION }."""
        inputs = self._width("the number of inputs")
        layers = []
        self._sign("-", "and a first layer, as in 3-5 relu")
        while True:
            layers.append(self._layer())
            if self._next.kind != "-":
                break
            self.at += 1
        last = self._next
        self._sign(",", "and a loss", ", ".join(LAYER_WORDS))
        loss = self._loss()
        penalty = None
        while self._next.kind == ",":
            self.at += 1
            option = self._word("an option", ("l2", *FOR_ALL))
            if option.text == "l2":
                penalty = self._penalty()
            else:
                layers = [msgspec.structs.replace(layer, **LAYER_WORDS[option.text]) for layer in layers]
        if self._next.kind != "end":
            _refuse(self._next, "a comma and an option, or the end", ("l2", *FOR_ALL))
        return _checked(fmt.Network(inputs, layers, loss, penalty), last)

    @property
    def _next(self) -> Token:
        return self.tokens[self.at]

    def _take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def _sign(self, sign: str, what: str, words: str = "") -> None:
        if self._next.kind != sign:
            expected = f"{sign!r} {what}"
            _refuse(self._next, f"{words}, or {expected}" if words else expected, words.split(", ") if words else ())
        self.at += 1

    def _width(self, what: str) -> int:
        token = self._take()
        if token.kind != "number" or not token.text.isdigit() or not 1 <= int(token.text[:9]) <= 10_000:
            _refuse(token, f"{what}, from 1 to 10000", ())
        return int(token.text)

    def _layer(self) -> fmt.Layer:
        """WIDTH [ ACTIVATION ] { WORD }; without an activation it is the identity."""
        units = self._width("a layer's number of units")
        activation, words = ACTIVATIONS["identity"], dict[str, Any]()
        known = (*ACTIVATIONS, *ALIASES)
        if self._next.kind == "word" and self._next.text not in LAYER_WORDS:
            token = self._word("an activation", known, also=LAYER_WORDS)
            activation = self._variant(ALIASES.get(token.text, token.text))
        while self._next.text.lower() in LAYER_WORDS:
            words |= LAYER_WORDS[self._take().text.lower()]
        return msgspec.convert(
            {"units": units, "activation": activation, "bias": True, "layout": "in,out", **words}, fmt.Layer
        )

    def _variant(self, name: str) -> fmt.Activation:
        """What stands in brackets after an activation: a number for α, or a word."""
        plain = ACTIVATIONS[name]
        if self._next.kind != "(":
            return plain
        self.at += 1
        token = self._take()
        if plain.alpha is not None:
            activation = msgspec.structs.replace(plain, alpha=_float(token, f"{name}'s number"))
        else:
            words = [word for kind, word in VARIANTS if kind == name]
            if (name, token.text) not in VARIANTS:
                _refuse(token, " or ".join(words) or f"no brackets after {name}", words)
            activation = msgspec.structs.replace(plain, **VARIANTS[name, token.text])
        self._sign(")", f"after {token.text}")
        return activation

    def _loss(self) -> fmt.Loss:
        """LOSS { logits | half | sum | samples | elements | mean | clip(NUMBER) }."""
        name = self._word("a loss", (*LOSSES, *LOSS_ALIASES))
        usual = LOSSES[LOSS_ALIASES.get(name.text, name.text)]
        loss = usual
        entropy = usual.kind.endswith("entropy")
        words = (*(("logits",) if entropy else ()), "half", "mean", *REDUCTIONS, *(("clip",) if usual.clip else ()))
        while self._next.kind == "word":
            word = self._word(f"an option of {name.text}", words).text
            if word == "logits":
                loss = msgspec.structs.replace(loss, from_logits=True, clip=None)
            elif word == "half":
                loss = msgspec.structs.replace(loss, half=True)
            elif word == "clip":
                self._sign("(", "and a number")
                loss = msgspec.structs.replace(loss, clip=_float(self._take(), "the clip"))
                self._sign(")", "after the clip")
            else:
                loss = msgspec.structs.replace(loss, reduction=usual.reduction if word == "mean" else word)
        return loss

    def _penalty(self) -> fmt.Penalty:
        """NUMBER [ /2 | /N | /2N ] [ biases ]."""
        strength, scaling = _float(self._take(), "l2's strength"), "1"
        if self._next.kind == "scaling":
            scaling += self._take().text.replace(" ", "")
        biases = self._next.kind == "word" and bool(self._word("biases", ("biases",)))
        return msgspec.convert({"strength": strength, "scaling": scaling, "biases": biases}, fmt.Penalty)

    def _word(self, what: str, known: Iterable[str], also: Iterable[str] = ()) -> Token:
        """The next token, a word of `known`; capitals do not count."""
        token = self._take()
        lower = Token(token.kind, token.text.lower(), token.place)
        if token.kind != "word" or lower.text not in known:
            _refuse(token, f"{what} ({', '.join(dict.fromkeys((*known, *also)))})", (*known, *also))
        return lower


def _tokens(text: str) -> Iterator[Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = TOKEN.match(text, at)
        if match is None:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            word = re.match(r"\S+", text[place:])
            _refuse(Token("", word[0] if word else "", place + 1), "a number, a word, '-', ',' or brackets", ())
        kinds = zip(("number", "scaling", "word", "sign"), match.groups(), strict=True)
        kind, found = next((kind, group) for kind, group in kinds if group is not None)
        yield Token(found if kind == "sign" else kind, found, match.end() - len(found) + 1)
        at = match.end()
    yield Token("end", "", end + 1)


def _float(token: Token, what: str) -> float:
    if token.kind != "number":
        _refuse(token, f"{what}, such as 0.01", ())
    return float(token.text)


def _read(path: Path) -> fmt.Network:
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(one_line(f"network: expected at most {LARGEST} bytes, got more in {path}"))
        return msgspec.json.decode(path.read_bytes(), type=fmt.Network)
    except OSError as error:
        raise InputError(one_line(f"network: cannot read {path}: {error.strerror}")) from None
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise InputError(one_line(f"network: expected a network of the schema in {path}, got {error}")) from None


def _checked(described: fmt.Network, comma: Token | None) -> fmt.Network:
    """The network, if its layers and its loss fit."""
    if len(described.layers) > 10:
        raise InputError(f"network: expected at most 10 layers, got {len(described.layers)}")
    last, loss = described.layers[-1].activation, described.loss
    logarithm = loss.kind == "cross_entropy" and not loss.from_logits
    if logarithm and last.kind not in POSITIVE:
        raise InputError(
            f"network: {f'at character {comma.place}: ' if comma else ''}expected {', '.join(POSITIVE[:-1])} or {POSITIVE[-1]} on the last layer "
            f"for a cross-entropy of probabilities, got {last.kind}; or write cross-entropy logits"
        )
    build_network(described)  # whatever else its parts refuse
    return described


def _refuse(token: Token, expected: str, known: Collection[str]) -> NoReturn:
    got = f"{token.text!r}" if token.text else "the end"
    raise InputError(
        one_line(f"network: at character {token.place}: expected {expected}, got {got}{suggestion(token.text, known)}")
    )


def _layer_text(layer: fmt.Layer, common: Collection[str]) -> str:
    activation = layer.activation
    words = [str(layer.units)]
    if activation.kind != "identity":
        name = next(name for name, plain in ACTIVATIONS.items() if plain.kind == activation.kind)
        inside = [
            word
            for (kind, word), changes in VARIANTS.items()
            if kind == name and MEMBERS(activation).items() >= changes.items()
        ]
        inside += [_number(activation.alpha)] if activation.alpha is not None else []
        words.append(name + (f"({inside[0]})" if inside else ""))
    words += [word for word in LAYER_WORDS if _has(layer, word) and word not in common]
    return " ".join(words)


def _has(layer: fmt.Layer, word: str) -> bool:
    return MEMBERS(layer).items() >= LAYER_WORDS[word].items()


def _loss_text(loss: fmt.Loss) -> str:
    name, usual = next((name, usual) for name, usual in LOSSES.items() if usual.kind == loss.kind)
    words = [name, *(["logits"] if loss.from_logits else []), *(["half"] if loss.half else [])]
    words += [loss.reduction] if loss.reduction != usual.reduction else []
    if loss.clip is not None and loss.clip != usual.clip:
        words.append(f"clip({_number(loss.clip)})")
    return " ".join(words)


def _number(value: float) -> str:
    """The shortest decimal that gives the number back."""
    return repr(float(value)).removesuffix(".0")
