"""Starting weights of `xor-sigmoid` and `xor-tanh` from which all 32 printed errors come out, to the last digit.

The document draws 13 weights from U[-.5, .5) without a seed, and prints the mean error of each of 32 epochs to six
digits. Weights that give these digits were found by least squares through the whole run. They are *reconstructed*, not
the original ones: others print the same. `reconstruction_runs` finds them; this is the form of what is committed.

Weights are in the order W1 by rows, b1, W2, b2, and in one of their equivalent forms: a permutation of the hidden units
changes no error, nor do, where the activation is odd, opposite signs of all weights of a unit; so the weights out of
the hidden units rise, and are not negative where signs are free.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from nn_conformance.cases.format import Record

NAME = "reconstruction"

Count = Annotated[int, Meta(ge=0)]
Weights = Annotated[list[Annotated[float, Meta(ge=-0.5, lt=0.5)]], Meta(min_length=13, max_length=13)]


class Solution(Record, frozen=True):
    """Weights that print the same figures.

    `residual` is the largest distance of an error from its printed figure, in units of the last digit, `last_error` the
    error of the last epoch and `outputs` what the network says to the four inputs after it.
    """

    weights: Weights
    residual: Annotated[float, Meta(ge=0, le=0.5)]
    last_error: float
    outputs: list[float]


class Control(Record, frozen=True):
    """A wrong network, and how many printed figures come out at most, of so many random starts that were solved from."""

    mistake: str
    starts: Count
    figures: Count


class Reconstruction(Record, frozen=True):
    """What is known of the start of one system.

    `weights` names the file of the first solution in `weights/`, from which all `figures` come out. Of `starts` random
    starts, drawn with `seed`, so many `converged`; `solutions` has the first few, the best fit first. For each there
    are as many others as are `equivalent`, itself counted.

    `singular_values` are those of the errors' derivatives by the weights, at the first solution, in units of the last
    printed digit. Above 1 a weight's whole interval changes more than a digit along that direction: so many are
    `determined`. `ranges` has the least and the largest of each weight, in these solutions and in others that were
    found by pushing each weight up and down, `explored` in all: the true ranges are no narrower.

    `controls` are wrong networks for which starts were looked for in the same way. Where they print the figures too,
    that the figures come out says little for the network.
    """

    weights: str
    figures: Count
    seed: Count
    starts: Count
    converged: Count
    equivalent: Count
    singular_values: list[float]
    determined: Count
    explored: Count
    ranges: dict[str, Annotated[list[float], Meta(min_length=2, max_length=2)]]
    solutions: list[Solution]
    controls: list[Control] = field(default_factory=list)


class Reconstructions(Record, frozen=True):
    """Each system's by its id."""

    format: Literal[1]
    versions: dict[str, str]
    systems: dict[str, Reconstruction]
