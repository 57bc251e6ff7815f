"""How a target's arrays and numbers differ from the fixtures' own: declared, so that a convention never looks like a bug.

Nothing here needs NumPy. `converted` applies a declaration, `explain.hint` finds the one that is missing.
"""

from typing import Annotated, Literal, TypeAlias, get_args, get_type_hints

import msgspec

from nn_conformance.cases import format as fmt
from nn_conformance.judge.verdict import one_line
from nn_reference.errors import InputError

Reduction: TypeAlias = Literal["sum", "samples", "elements"]
# What to assume where nothing is declared: as the case's own network description has it.
DESCRIBED = "described"
# A scale or a rate; a clip or an ε inside a logarithm; an ε of Adam.
Positive: TypeAlias = Annotated[float, msgspec.Meta(gt=0, lt=1e300)]
Inside: TypeAlias = Annotated[float, msgspec.Meta(gt=0, lt=0.5)]
Epsilon: TypeAlias = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class Conventions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a target does otherwise than the fixtures; every default is the fixtures' own way.

    Legend: N samples, D inputs, I inputs of a layer, O its outputs, C outputs of the last.

    Attributes:
        layout: of weights, (I, O) or (O, I); `described` as the network's description has it.
        samples: whether a sample is a row of x (N, D) and t (N, C), or a column of x (D, N) and t (C, N).
        batch: `one` where the target takes one sample at a time, as a row or a column; `vector` where that is x (D,)
            and t (C,). The samples' answers are then added up, or averaged, as the described loss has it.
        bias: `vector` (O,), `row` (1, O), `column` (O, 1); or folded into the weights as their `first` or `last` input.
        ones: whether x comes with the constant input 1 of a folded bias.
        output: whether a layer of one unit that is the last is a `vector`, W (I,), b (), t and a (N,), or a `matrix`
            as any other.
        labels: whether t has a row for each sample, or is the number of its class; of one output its own number.
        logits: whether a model of PyTorch or Keras leaves the last activation to its loss.
        names: ours to the target's, ``{"W1": "weights_hidden"}``; or for all layers, ``{"W": "weight{}", "b": "bias{}"}``.
        loss_factor: the target's loss is this times the described one.
        loss_reduction: over what the target's loss is a mean: nothing (`sum`), samples, or samples and outputs.
        gradient_factor: of the target's gradients likewise; as the loss's if None.
        gradient_reduction: of the target's gradients; as the loss's if None.
        negative_gradient: whether what it calls gradients is what is added to the parameters. Of what only updates it
            says nothing: a step has its sign.
        update_reduction: over what a step of the target is a mean, where its gradients are not; as these if None.
        log_clip: p is clipped to [log_clip, 1 - log_clip] inside the logarithms of the target's cross-entropy, of either
            kind; its gradients are those of the loss without that.
        log_epsilon: what the target adds to p there, likewise.
        rate: the target's own learning rate, whatever it is given.
        epsilon: the target's own ε of Adam, RMSProp and AdaGrad, whatever it is given.
        placement: where its ε stands, if that is a matter of its own: `torch`, beside √v̂; `keras`, beside √v.
        moments: whether moments can be `loaded`; of who starts `fresh`, first updates and whole runs are judged.
    """

    layout: Literal["described", "in,out", "out,in"] = "described"
    samples: Literal["rows", "columns"] = "rows"
    batch: Literal["many", "one", "vector"] = "many"
    bias: Literal["vector", "row", "column", "first", "last"] = "vector"
    ones: bool = False
    output: Literal["described", "vector", "matrix"] = "described"
    labels: Literal["one-hot", "integer"] = "one-hot"
    logits: bool = False
    names: dict[str, str] = {}
    loss_factor: Positive = 1.0
    loss_reduction: Literal["described", "sum", "samples", "elements"] = "described"
    gradient_factor: Positive | None = None
    gradient_reduction: Literal["described", "sum", "samples", "elements"] | None = None
    negative_gradient: bool = False
    update_reduction: Literal["described", "sum", "samples", "elements"] | None = None
    log_clip: Inside | None = None
    log_epsilon: Inside | None = None
    rate: Positive | None = None
    epsilon: Epsilon | None = None
    placement: Literal["described", "torch", "keras"] = "described"
    moments: Literal["loaded", "fresh"] = "loaded"

    def describe(self) -> str:
        """The declaration as it is written, without what is the fixtures' own way; for reports."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        changed = [name for name, value in given.items() if value != getattr(OURS, name)]
        return ", ".join(f"{name}={given[name]!r}" for name in changed) or "the fixtures' own"

    def name_of(self, ours: str) -> str:
        """The target's name of one of our parameters."""
        return self.names.get(ours) or self.names.get(ours[0], "").replace("{}", ours[1:]) or ours

    def loss_scale(self, loss: fmt.Loss, samples: int, outputs: int) -> float:
        """The target's loss over the described one."""
        return self.loss_factor * _ratio(loss, self.loss_reduction, samples, outputs)

    def gradient_scale(self, loss: fmt.Loss, samples: int, outputs: int) -> float:
        """The target's gradients over those of the described loss, with their sign."""
        size = self._size(self.gradient_reduction, loss, samples, outputs)
        return -size if self.negative_gradient else size

    def update_scale(self, loss: fmt.Loss, samples: int, outputs: int) -> float:
        """The target's step over that of gradient descent on the described loss."""
        reduction = self.gradient_reduction if self.update_reduction is None else self.update_reduction
        return self._size(reduction, loss, samples, outputs)

    def own_constants(self, optimizer: fmt.Optimizer) -> fmt.Optimizer:
        """An optimiser with the constants that the target has whatever it is given."""
        own: dict[str, object] = {} if self.rate is None else {"learning_rate": self.rate}
        if optimizer.epsilon is not None:
            own |= {} if self.epsilon is None else {"epsilon": self.epsilon}
            own |= {} if self.placement == DESCRIBED else {"placement": self.placement}
        return msgspec.structs.replace(optimizer, **own)

    def _size(self, reduction: str | None, loss: fmt.Loss, samples: int, outputs: int) -> float:
        factor = self.loss_factor if self.gradient_factor is None else self.gradient_factor
        return factor * _ratio(loss, self.loss_reduction if reduction is None else reduction, samples, outputs)


OURS = Conventions()


def declared(**given: object) -> Conventions:
    """A declaration from keywords.

    Raises:
        InputError: no such convention, or a value that it does not have.
    """
    try:
        return msgspec.convert(given, Conventions)
    except msgspec.ValidationError:
        for name, value in given.items():
            _check(name, value)
        raise


def _check(name: str, value: object) -> None:
    """Raises InputError: there is no such convention, or it has no such value; with what there is, and the nearest."""
    from nn_reference.validation import suggestion  # noqa: PLC0415 - NumPy, for a mistake alone

    names = Conventions.__struct_fields__
    if name not in names:
        raise InputError(f"conventions: there is no {name!r}{suggestion(name, names)}; there are {', '.join(names)}")
    try:
        msgspec.convert({name: value}, Conventions)
    except msgspec.ValidationError as error:
        words = [word for word in _values(get_type_hints(Conventions)[name]) if isinstance(word, str)]
        expected = str(error).partition(" - at")[0].replace("Expected `object`", "Expected `dict`").replace("`", "")
        given = one_line(f"{value!r}" if isinstance(value, str | dict) else f"{value}")[:60]
        expected = (
            f"expected {' or '.join(map(repr, words))}, got" if words else f"{expected[:1].lower()}{expected[1:]}:"
        )
        raise InputError(f"conventions: {name}: {expected} {given}{suggestion(value, words)}") from None


def _values(hint: object) -> list[object]:
    """What a literal type admits, also inside a union."""
    return [value for part in get_args(hint) for value in (_values(part) if get_args(part) else [part])]


def _ratio(loss: fmt.Loss, reduction: str, samples: int, outputs: int) -> float:
    """What a mean over something else is of the described loss."""
    if reduction == DESCRIBED:
        return 1.0
    count = {"sum": 1, "samples": samples, "elements": samples * outputs}
    return count[loss.reduction] / count[reduction]
