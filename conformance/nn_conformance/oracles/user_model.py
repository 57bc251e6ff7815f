"""A user's model in PyTorch or Keras as it stands: it is given a case's parameters, and its framework differentiates it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from nn_conformance.adapt.conventions import OURS, Conventions
from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Answer, Run, TargetError, Unsupported
from nn_reference.arithmetic import Array, Params
from nn_reference.optimizers import State


@dataclass(frozen=True)
class Held(ABC):
    """A model while it has a case's parameters.

    Attributes:
        model: what the user made.
        variables: its parameters in the framework, by the case's names.
        network: the case's.
        logits: whether its output is what the last layer's activation is applied to.
    """

    model: Any
    variables: dict[str, Any]
    network: fmt.Network
    logits: bool

    @abstractmethod
    def loss(self, x: Any, t: Any) -> Any:
        """The case's loss of the model's output.

        Raises:
            Unsupported: a loss that the framework has not.
            TargetError: the output is no (N, C).
        """

    @abstractmethod
    def backward(self, x: Any, t: Any) -> tuple[Any, Sequence[Any]]:
        """The loss, and its gradient by every variable."""

    @abstractmethod
    def updating(self, optimizer: fmt.Optimizer, state: State | None, updates: int) -> Callable[[Array, Array], Any]:
        """A function that returns the loss of a batch and updates the variables; `updates` is how often it is called."""

    @abstractmethod
    def params(self) -> Params:
        """A copy of the parameters."""

    def number(self, loss: Any) -> float:
        """A loss without its framework."""
        return float(loss)

    def checked(self, output: Any, samples: int, kind: type[Any]) -> Any:
        """The model's output, if it is a tensor of the framework's `kind` with the shape (N, C)."""
        expected = (samples, self.network.layers[-1].units)
        if not isinstance(output, kind) or output.shape != expected:
            got = getattr(output, "shape", type(output).__name__)
            raise TargetError(f"output: expected {expected}, got {got}", "wrong-shape")
        return output


@dataclass(frozen=True)
class UserModel(ABC):
    """A model, whose parameters in their order are W1, b1, W2, b2, …; or what makes one from sizes such as (4, 10, 3).

    Its output is that of the last layer, or with `logits` what that layer's activation is applied to.

    Attributes:
        base: the framework's class of models.
    """

    made: Any
    name: str
    conventions: Conventions = OURS
    kept: dict[tuple[int, ...], Any] = field(default_factory=dict)
    base: ClassVar[type]

    @property
    def fixed(self) -> bool:
        """Whether it is made already, and not what makes one."""
        return isinstance(self.made, self.base)

    def model(self, network: fmt.Network) -> Any:
        """The model, or the one that was made for these sizes."""
        sizes = (network.inputs, *(layer.units for layer in network.layers))
        if not self.fixed and sizes not in self.kept:
            self.kept[sizes] = self.made(sizes)
        return self.kept.get(sizes, self.made)

    @abstractmethod
    def held(self, network: fmt.Network, params: Params) -> AbstractContextManager[Held]:
        """The model with a case's parameters; after `with` it has its own again.

        Raises:
            Unsupported: parameters of other shapes than the model has, or of a precision that it cannot have.
        """

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """Loss and gradients of a batch. Raises as `held` and `Held.loss` do."""
        with self.held(network, params) as held:
            if not gradients:
                return Answer(held.number(held.loss(x, t)))
            loss, derivatives = held.backward(x, t)
            return Answer(held.number(loss), {name: g.numpy() for name, g in zip(params, derivatives, strict=True)})

    def train(
        self,
        network: fmt.Network,
        optimizer: fmt.Optimizer,
        params: Params,
        x: Array,
        t: Array,
        batches: Sequence[Sequence[int]],
        state: State | None = None,
    ) -> Run:
        """One update for each batch by the framework's own optimiser. Raises as `evaluate` does."""
        with self.held(network, params) as held:
            update = held.updating(optimizer, state, len(batches))
            losses = [held.number(update(x[list(rows)], t[list(rows)])) for rows in batches]
            return Run(losses, held.params())


def check_shapes(model: str, shapes: Sequence[tuple[int, ...]], params: Params) -> None:
    """The model, a ``module`` or a ``model``, has parameters of a case's shapes.

    Raises:
        Unsupported: it has others.
    """
    if shapes != (expected := [p.shape for p in params.values()]):
        raise Unsupported(f"parameters of shapes {expected}: the {model} has {shapes}")
