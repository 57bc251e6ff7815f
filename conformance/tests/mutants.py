"""Mutants made of explain's own variants: the reference with one rule, or several, in place of the right ones.

They show that what the catalogue of variants has is caught and named, in every slot, layer and use; not that it has what
people do wrong: programs by others measure that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nn_conformance.adapt.claims import conforms
from nn_conformance.cases import format as fmt
from nn_conformance.cases.text import network as parsed
from nn_conformance.explain.asking import OTHER, Limits, draw, sized, some_widths
from nn_conformance.explain.fitting import Explained
from nn_conformance.explain.joint import Assignment, groups
from nn_conformance.explain.loss_search import value_of
from nn_conformance.explain.naming import of_assignment
from nn_conformance.explain.naming_forward import of_change
from nn_conformance.explain.search import Step, predict, rules, steps
from nn_conformance.explain.trace import Case, Change, Trace, described, names, possible, trace
from nn_conformance.judge.limits import norm
from nn_conformance.judge_run import BROKEN
from nn_conformance.run import judge

NETWORKS = (
    "3-1 sigmoid, bce",
    "4-3 softmax, cross-entropy",
    "3-4 sigmoid-2 sigmoid, squared-error",
    "3-4 tanh-1, squared-error",
    "3-5 relu-3 softmax, cross-entropy",
    "3-5 relu-4 relu-2 sigmoid, bce",
    "3-4 tanh-5 sigmoid-3 softmax, cross-entropy",
    "4-4 tanh skip-4 tanh skip-2, squared-error",
)
SIZES = (6, 1, 4)  # samples of the cases on which a mutant must differ to be no equivalent one


class Mistake(NamedTuple):
    """A variant in a place: of a slot of the backward pass, layer and use (0 and "" are all), or a change of the forward pass."""

    slot: str
    layer: int
    use: str
    name: str

    @property
    def forward(self) -> bool:
        """Whether it is a change of the forward pass or of the loss."""
        return self.use == "forward"

    def __str__(self) -> str:
        place = f"layer {self.layer}" if self.layer else "every layer"
        return f"{self.slot}, {place}{f', {self.use}' if self.use and not self.forward else ''}: {self.name}"


@dataclass(frozen=True)
class Mutant:
    """The reference with mistakes."""

    network: fmt.Network  # what it should compute
    mistakes: tuple[Mistake, ...]  # in different places

    def trace(self, case: Case) -> Trace:
        """Its forward pass."""
        return trace(case, tuple(Change(m.slot, m.layer, m.name) for m in self.mistakes if m.forward))

    def edits(self, tr: Trace, array: str) -> dict[Step, str]:
        """The rules on the way to an array."""
        return {
            step: m.name
            for m in self.mistakes
            for step in steps(tr, array)
            if not m.forward and m.slot == step.slot and m.layer in (0, step.layer) and m.use in ("", step.use)
        }

    def answer(self, case: Case) -> tuple[float, dict[str, Any]]:
        """Loss and gradients.

        Raises:
            ValueError: a rule that cannot be had at these sizes.
        """
        tr = self.trace(case)
        found = {name: predict(tr, name, self.edits(tr, name)) for name in names(case.network)}
        return value_of(tr), {name: described(case.network, name, g) for name, g in found.items()}

    def changes(self) -> bool:
        """Whether it changes a number beyond its limit on some case."""
        wide = sized(self.network, some_widths(self.network, OTHER))
        for case in (*(draw(self.network, n, 70 + n, "float64") for n in SIZES), draw(wide, 5, 80, "float64")):
            limits = Limits(case, "float64")
            loss, gradients = self.answer(case)
            right = {n: described(case.network, n, g) for n, g in limits.gradients.items()}
            near = [abs(loss - float(limits.loss)) <= limits.of_loss(float(limits.loss))]
            near += [norm(g - right[n]) <= limits.of(n, limits.gradients[n]) for n, g in gradients.items()]
            if not all(near):
                return True
        return False

    def slugs(self, mistake: Mistake) -> set[str]:
        """The names of one of its mistakes: by any is it named."""
        if mistake.forward:
            return {of_change(self.network, Change(mistake.slot, mistake.layer, mistake.name)).slug}
        tr, alone = self.trace(draw(self.network, 6, 1, "float64")), Mutant(self.network, (mistake,))
        ways = {a: Explained(a, tuple(alone.edits(tr, a).items())) for a in names(self.network)}
        found = of_assignment(tr, Assignment(ways, tuple(groups(tr, ways))), 6)
        return {slug for finding in found for slug in (finding.slug, *finding.also)}

    def target(self) -> Any:
        """As a function of somebody's."""

        def mutant(params: Mapping[str, Any], x: Any, t: Any) -> tuple[float, dict[str, Any]]:
            widths = [x.shape[1], *(np.shape(params[f"W{k}"])[-1] for k in range(1, len(self.network.layers) + 1))]
            return self.answer(Case(sized(self.network, widths), dict(params), x, t))

        return conforms(self.network, dtypes=("float64",))(mutant)


def mistakes(network: fmt.Network, *, common: bool = False) -> Iterator[Mistake]:
    """Every variant in every place of a network, one at a time; of `common` ones only those that are looked for together."""
    tr = trace(draw(network, 6, 1, "float64"))
    places: dict[tuple[str, str], dict[tuple[int, str], None]] = {}
    for array in names(network):
        for step in steps(tr, array):
            for name, rule in rules(tr, step).items():
                if not rule.answered and (rule.common or not common):
                    places.setdefault((step.slot, name), {})[step.layer, step.use] = None
    for (slot, name), where in places.items():
        layers = dict.fromkeys(layer for layer, _ in where)
        every = [*([0] if len(layers) > 1 else []), *layers] if slot != "sum" else []
        yield from (Mistake(slot, layer, "", name) for layer in every)
        yield from (Mistake(slot, layer, use, name) for layer, use in where if use)
    yield from (Mistake(change.slot, change.layer, "forward", change.name) for change in possible(network))


def several(network: fmt.Network, count: int, number: int, seed: int = 0) -> Iterator[Mutant]:
    """Drawn mutants with so many mistakes in different slots; rare ones are looked for alone, and are left out."""
    rng, every = np.random.default_rng([seed, count]), list(mistakes(network, common=True))
    while number:
        drawn = tuple(every[int(i)] for i in rng.integers(0, len(every), count))
        if len({mistake.slot for mistake in drawn}) == count:
            number -= 1
            yield Mutant(network, drawn)


def drawn(number: int, count: int = 1, seed: int = 0) -> list[Mutant]:
    """So many mutants of all networks together, with so many mistakes each; every single one if 0 are asked for."""
    networks = [parsed(line) for line in NETWORKS]
    if count > 1:
        share = -(-number // len(networks))
        return [mutant for network in networks for mutant in several(network, count, share, seed)][:number]
    every = [Mutant(network, (mistake,)) for network in networks for mistake in mistakes(network)]
    order = np.random.default_rng(seed).permutation(len(every))
    return [every[int(i)] for i in order[: number or len(every)]]


class Cell(NamedTuple):
    """What came of a mutant: `equivalent`, `impossible` at these sizes, `escaped`, `caught`, `named` or `the same numbers`.

    By another rule that makes every number as well, all its mistakes count as named.
    """

    mutant: Mutant
    verdict: str
    named: int = 0
    said: str = ""


def cell(mutant: Mutant) -> Cell:
    """Judged and explained as `verify` does it."""
    try:
        with np.errstate(all="ignore"):  # a mutant may take the logarithm of a negative output
            if not mutant.changes():
                return Cell(mutant, "equivalent")
    except ValueError:
        return Cell(mutant, "impossible")
    report = judge(mutant.target())
    explanations = list(report.explanations.values())
    if broken := [note for of in explanations for note in of.notes if note.startswith(BROKEN)]:
        raise RuntimeError(broken[0])
    slugs = {slug for explanation in explanations for slug in explanation.slugs}
    named = sum(not slugs.isdisjoint(mutant.slugs(mistake)) for mistake in mutant.mistakes)
    verdict = "caught"
    if report.ok:
        verdict = "escaped"
    elif named == len(mutant.mistakes):
        verdict = "named"
    elif named == 0 and any(explanation.confirmed and explanation.cases > 0 for explanation in explanations):
        verdict, named = "the same numbers", len(mutant.mistakes)
    return Cell(mutant, verdict, named, ", ".join(sorted(slugs)))
