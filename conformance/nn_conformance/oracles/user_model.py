"""What a user's model in PyTorch and one in Keras share: it is judged as it stands, with a case's parameters in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from nn_conformance.adapt.conventions import OURS, Conventions
from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import TargetError, Unsupported
from nn_reference.arithmetic import Params


@dataclass(frozen=True)
class UserModel:
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


def check_shapes(what: str, shapes: Sequence[tuple[int, ...]], params: Params) -> None:
    """The model, `what`, has parameters of a case's shapes.

    Raises:
        Unsupported: it has others.
    """
    if shapes != (expected := [p.shape for p in params.values()]):
        raise Unsupported(f"parameters of shapes {expected}: the {what} has {shapes}")


def check_output(output: Any, tensor: type[Any], samples: int, network: fmt.Network) -> None:
    """The model's output is a tensor of its framework, (N, C).

    Raises:
        TargetError: it is not.
    """
    expected = (samples, network.layers[-1].units)
    if not isinstance(output, tensor) or output.shape != expected:
        got = getattr(output, "shape", type(output).__name__)
        raise TargetError(f"output: expected {expected}, got {got}", "wrong-shape")
