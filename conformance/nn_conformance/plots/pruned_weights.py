"""The weights of a network before and after it is pruned, as a histogram. Ledgers hold no weights: they are trained anew."""

from collections.abc import Callable
from itertools import islice

import numpy as np

from nn_conformance.plots.canvas import BLUE, ORANGE, Picture, axes, styled
from nn_conformance.replay.task import order, own_seed, start, trainer_of
from nn_reference.arithmetic import Params
from nn_reference.errors import InputError
from nn_reference.optimizers import State
from nn_reference.systems import Pruning, System
from nn_reference.validation import check_count

WIDTH = 0.005  # of a bin, so that a threshold of 0.05 lies between two
REACH = 0.3  # what is beyond ±REACH is in the last bins


def pruning_of(system: System) -> Pruning:
    """How the network is pruned.

    Raises:
        InputError: it is not.
    """
    if system.recipe.pruning is None:
        raise InputError(f"network: {system.name} is not pruned; expected fashion-pruning")
    return system.recipe.pruning


def trained(system: System, epochs: int, advance: Callable[[str], None] = lambda _: None) -> tuple[Params, State]:
    """Parameters and optimiser state after so many of the recipe's epochs, in NumPy, from the document's own seed."""
    check_count("--epochs", epochs, least=1, below=system.recipe.epochs + 1)
    seed = own_seed(system)
    data = system.load().astype(system.precision)
    ready = trainer_of("numpy", system, data, start(system, seed, system.precision))
    for batches in islice(order(system, len(data.train_x), seed), epochs):
        ready.train(batches)
        advance("epoch")
    return ready.params(), ready.state()


@styled()
def draw_weights(system: System, params: Params, state: State, epochs: int) -> Picture:
    """Two histograms with the same bins: all parameters before pruning, and those that are not zero after it.

    Raises:
        InputError: the network is not pruned.
    """
    pruning = pruning_of(system)
    pruned, _, _ = pruning.apply(system.network, params, state)
    before, after = (np.concatenate([p.ravel() for p in of.values()]) for of in (params, pruned))
    title = f"{system.id}: weights before and after pruning at {pruning.threshold:g}"
    figure, (upper, lower) = axes(2, 1, (7.5, 6.5), title)
    edges = np.linspace(-REACH, REACH, round(2 * REACH / WIDTH) + 1)
    zeros = int(np.count_nonzero(after == 0))
    for ax, a, colour, label in (
        (upper, before, BLUE, f"before: {before.size:,} parameters"),
        (lower, after[after != 0], ORANGE, f"after: {after.size - zeros:,} that are not zero"),
    ):
        counts, _ = np.histogram(np.clip(a, -REACH, REACH), edges)
        ax.stairs(counts, edges, fill=True, color=colour, label=label)
        ax.set_ylabel("parameters")
        ax.set_xlim(-REACH, REACH)
        ax.legend(loc="upper right")
    lower.text(0, 0.5, f"{zeros:,}\nare zero", transform=lower.get_xaxis_transform(), ha="center", va="center")
    lower.set_xlabel("value")
    caption = (
        f"{title}, after {epochs} of {system.recipe.epochs} epochs in NumPy from seed {own_seed(system)}. "
        f"{zeros:,} of {before.size:,} parameters ({zeros / before.size:.1%}) are set to zero, and a gap is left between "
        f"-{pruning.threshold:g} and {pruning.threshold:g}; what lies beyond ±{REACH:g} is in the outermost bins."
    )
    return Picture(figure, caption)
