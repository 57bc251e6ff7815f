"""Mistakes as a target, so that the ladder judges them as it would judge somebody's implementation."""

from dataclasses import replace
from functools import partial

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network, build_optimizer
from nn_conformance.judge.target import Answer, Pruning, Run, Training
from nn_conformance.oracles import reference
from nn_maintain.mistakes.catalogue import Mistake
from nn_maintain.mistakes.changes import Evaluate, loss_of, right
from nn_reference.arithmetic import Array, Params, copied
from nn_reference.optimizers import Optimizer


class Mistaken:
    """The reference with one mistake, or with several; made anew for each case, as some mistakes remember.

    Attributes:
        name: the mistakes' slugs.
        mistakes: which.
    """

    def __init__(self, *mistakes: Mistake) -> None:
        self.name, self.mistakes = " and ".join(mistake.slug for mistake in mistakes), mistakes
        self._evaluate = self._changed()

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """As the mistakes have it."""
        answer = self._evaluate(build_network(network), params, x, t)
        return replace(answer, loss=loss_of(answer), gradients=answer.gradients if gradients else {})

    def train(self, asked: Training) -> Run:
        """Updates with the mistaken gradients, or by the mistaken rule."""
        built, rule = build_network(asked.network), self._rule(asked.optimizer)
        evaluate = self._changed(rule)
        params = copied(asked.params)
        memory = rule.init(params) if asked.state is None else asked.state.mapped(copied)
        losses = []
        for batch in asked.batches:
            answer = evaluate(built, params, asked.x[list(batch)], asked.t[list(batch)])
            rule.step(params, {name: np.array(g) for name, g in answer.gradients.items()}, memory)
            losses.append(loss_of(answer))
        return Run(losses, params)

    def prune(self, asked: Training, how: Pruning) -> tuple[Params, Params]:
        """As the first mistake of pruning has it, or rightly."""
        rule = next((mistake.prune for mistake in self.mistakes if mistake.prune), reference.prune)
        return rule(asked, how)

    def _rule(self, optimizer: fmt.Optimizer) -> Optimizer:
        rule = build_optimizer(optimizer)
        for mistake in self.mistakes:
            rule = mistake.optimizer(rule) if mistake.optimizer else rule
        return rule

    def _changed(self, rule: Optimizer | None = None) -> Evaluate:
        """The evaluation with all mistakes, the first of them outermost; in training if there is an optimiser."""
        evaluate: Evaluate = right
        for mistake in reversed(self.mistakes):
            change = mistake.anew() if mistake.anew else mistake.change
            if mistake.training and rule:
                change = mistake.training(rule)
            evaluate = partial(change, evaluate) if change else evaluate
        return evaluate
