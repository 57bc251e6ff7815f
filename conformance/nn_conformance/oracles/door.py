"""What the doors of PyTorch and Keras share: a user's model as it stands, which is given a case's parameters."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from nn_conformance.adapt.conventions import OURS, Conventions
from nn_conformance.cases import format as fmt


@dataclass(frozen=True)
class Door:
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
