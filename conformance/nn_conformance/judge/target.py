"""What can be judged: anything that evaluates a described network and updates its weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, TypeAlias, get_args, runtime_checkable

from nn_conformance.cases import format as fmt
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import NNReferenceError
from nn_reference.network import LayerOutput
from nn_reference.optimizers import State


class Unsupported(NNReferenceError):  # noqa: N818 - an answer, not an error
    """A target says that it cannot do this; the message is the reason."""


def not_done(what: str) -> Unsupported:
    """What to raise where a target is asked for what it does not claim to do: `evaluate`, `train` or `prune`."""
    return Unsupported(f"it does not say that it can {what}")


Does: TypeAlias = Literal["evaluate", "train", "prune"]
DOES: tuple[Does, ...] = get_args(Does)  # what a target may say that it does
# Classes of failure: the words that stand beside a failed check, and that a file of known failures may name.
FAILURES = (
    "mismatch",  # of numbers: the only one that has a size
    *("answer", "wrong-names", "wrong-shape", "wrong-dtype", "not-finite", "not-a-number"),  # none to compare
    *("raised", "arguments", "error", "claimed"),  # what it did instead
    *("crashed", "exited", "out-of-memory", "hung-at-start", "timeout", "given-up", "ignored-stop"),  # a child
    *("closed-stdin", "closed-stdout", "half-a-line", "line-too-long"),  # its streams
    *("not-json", "not-a-reply", "wrong-seq", "wrong-protocol", "wrong-echo", "wrong-claim"),  # its words
    *("known-passed", "known-otherwise", "known-unused"),  # not as a file of known failures has it
)
# Those that a target may name of itself: of an answer, and of what it did instead.
SAYABLE = (*FAILURES[FAILURES.index("answer") : FAILURES.index("claimed")], "out-of-memory")


class TargetError(Exception):
    """A target raised, changed what it was given, or returned what is no answer.

    Attributes:
        failure: the class of failure, one of `FAILURES`; it stands in reports and in files of known failures.
        subject: what the failure is about, where it is about something by name: arguments, or an array.
    """

    def __init__(self, message: str, failure: str = "answer", subject: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.failure, self.subject = failure, tuple(subject)


class Shown(NamedTuple):
    """What a target shows of a layer: z and a as `LayerOutput` has them; None for what it does not show."""

    z: Array | None = None
    a: Array | None = None


@dataclass(frozen=True)
class Answer:
    """What a call returned.

    Attributes:
        loss: of the batch; None where the target does not show it.
        gradients: of every parameter, by name and of its shape; where the target has it ∂L/∂x too, (N, D), as ``x``.
            Empty where they were not asked for, and of a target that has a forward pass alone.
        layers: z and a of every layer, from the first; None where the target does not show them.
        uncertainty: for gradients that do not come from the loss by arithmetic alone, as difference quotients do not:
            by name, a bound of the norm of their error beyond rounding. Only our own oracles and converters may say this.
    """

    loss: float | None
    gradients: Params = field(default_factory=dict)
    layers: Sequence[LayerOutput | Shown] | None = None
    uncertainty: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """Losses before each update, None where the target does not show them, and the parameters after the last."""

    losses: Sequence[float] | None
    params: Params
    uncertainty: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """What a target is asked to train.

    Attributes:
        network: what is computed.
        optimizer: what moves the parameters.
        params: before the first update, by name.
        x: all samples, (N, D).
        t: their targets, (N, C).
        batches: the rows of x and t of each update.
        state: of the optimiser; None if it is fresh.
    """

    network: fmt.Network
    optimizer: fmt.Optimizer
    params: Params
    x: Array
    t: Array
    batches: Sequence[Sequence[int]]
    state: State | None = None


@runtime_checkable
class Target(Protocol):
    """Evaluates and trains, in the parameters' dtype. A module of functions can be one.

    Arrays that a target is given are the caller's: a target must not change them.
    """

    @property
    def name(self) -> str:
        """What it is called in reports."""

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """Outputs, loss and gradients of a batch; without gradients only what they are not needed for.

        Raises:
            Unsupported: the target cannot express the network.
        """

    def train(self, asked: Training) -> Run:
        """One update for each batch of rows.

        Raises:
            Unsupported: the target cannot express the network or the optimiser.
        """


@dataclass(frozen=True)
class Pruning:
    """Entries of `names` below `threshold` in magnitude become 0; with `keep_mask` gradients and moments too.

    A target that prunes has `prune(asked, how)`, of a `Training` and a `Pruning`, which returns the parameters after
    pruning, and after one update from there with all rows of x, the only batch.
    """

    threshold: float
    names: Sequence[str]
    keep_mask: bool
