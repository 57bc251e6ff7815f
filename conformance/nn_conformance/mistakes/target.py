"""A mistake as a target, so that the ladder judges it as it would judge somebody's implementation."""

from collections.abc import Sequence

import numpy as np

from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.families import build_network, build_optimizer
from nn_conformance.mistakes.catalogue import Mistake
from nn_conformance.mistakes.mutations import pruned
from nn_conformance.targets import Answer, Pruning, Run
from nn_reference.arithmetic import Array, Params
from nn_reference.network import backpropagate
from nn_reference.optimizers import State


class Mistaken:
    """The reference with one mistake; made anew for each case, as some mistakes remember.

    Attributes:
        name: the mistake's slug.
    """

    def __init__(self, mistake: Mistake) -> None:
        self.name, self.mistake = mistake.slug, mistake
        self._evaluate = mistake.calls() if mistake.calls else mistake.evaluate or backpropagate

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """As the mistake has it; the layers only where it is in them."""
        built = build_network(network)
        loss, found = self._evaluate(built, params, x, t)
        shown = self.mistake.layers(built, params, x) if self.mistake.layers else None
        return Answer(float(loss), {name: np.asarray(g) for name, g in found.items()} if gradients else {}, shown)

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
        """Updates with the mistaken gradients, or by the mistaken rule."""
        built, rule = build_network(network), build_optimizer(optimizer)
        if self.mistake.optimizer:
            rule = self.mistake.optimizer(rule)
        evaluate = self.mistake.calls() if self.mistake.calls else self.mistake.evaluate or backpropagate
        params = {name: p.copy() for name, p in params.items()}
        memory = rule.init(params)
        if state is not None:
            memory = State(state.step, {m: {n: a.copy() for n, a in of.items()} for m, of in state.moments.items()})
        losses = []
        for batch in batches:
            loss, found = evaluate(built, params, x[list(batch)], t[list(batch)])
            rule.step(params, {name: np.array(g) for name, g in found.items()}, memory)
            losses.append(float(loss))
        return Run(losses, params)

    def prune(
        self,
        network: fmt.Network,
        optimizer: fmt.Optimizer,
        params: Params,
        x: Array,
        t: Array,
        how: Pruning,
        state: State,
    ) -> tuple[Params, Params]:
        """As the mistake has it, or rightly."""
        rule = self.mistake.prune or pruned()
        return rule(build_network(network), build_optimizer(optimizer), params, x, t, how, state)
