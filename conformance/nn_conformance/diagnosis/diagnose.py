"""The diagnosis of a failing target on one system: where it is wrong, and which mistake makes exactly its numbers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nn_conformance.adapt.recovered import Recovered
from nn_conformance.cli.options import NAME
from nn_conformance.diagnosis.derivatives import recovered, used_derivative
from nn_conformance.diagnosis.kinds import kind
from nn_conformance.diagnosis.matching import Match, Matcher, Seen, look, merged, narrow
from nn_conformance.diagnosis.observation import Bench, Fault
from nn_conformance.diagnosis.relations import relations
from nn_conformance.judge.climb import Climb
from nn_conformance.judge.target import Target
from nn_conformance.judge.verdict import Verdict, one_line
from nn_conformance.mistakes.texts import text_of

SHOWN = 3  # names of a class, and relations


@dataclass(frozen=True)
class Diagnosis:
    """What is known of a failure.

    Attributes:
        kind: where it is wrong: backward only, on the second call, ...
        names: mistakes that make its numbers, each a slug or two together; several make the same numbers.
        cases: on how many cases they were compared.
        of: how many there are; on the others the target has no number to compare.
        shown: on how many of these the mistake makes something else than is right.
        ratio: the largest difference from the target, in units of the limit.
        partly: whether the names explain losses and gradients, and not what comes after.
        relations: how its numbers are related to the right ones, where no mistake makes them.
    """

    kind: str
    names: tuple[tuple[str, ...], ...] = ()
    cases: int = 0
    of: int = 0
    shown: int = 0
    ratio: float = 0.0
    partly: bool = False
    relations: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`, with the lines that people read."""
        return asdict(self) | {"lines": self.lines()}

    def lines(self) -> list[str]:
        """At most three, and the command that says more."""
        said = [f"{self.kind}."] if self.kind else []
        if self.names:
            first = self.names[0]
            what = "; and ".join(text_of(slug).what for slug in first)
            others = [" + ".join(name) for name in self.names[1 : 1 + SHOWN]]
            left = len(self.names) - 1 - len(others)
            same = (
                f", or {', '.join(others)}{f' and {left} more' if left else ''}: the same numbers here"
                if others
                else ""
            )
            said.append(f"{' + '.join(first)}{same}: {what}.")
            extent = "losses and gradients, not what comes after," if self.partly else "every number"
            said.append(
                f"That makes {extent} on {self.cases} of {self.of} cases{', and has none on the others' if self.cases < self.of else ''}, to {self.ratio:.2g} of the limit; "
                f"on {self.shown} of them the right ones are others."
            )
            return [*said, *(f"{NAME} explain {slug}" for slug in first)]
        if self.relations:
            return [*said, "; ".join(self.relations[:SHOWN])]
        return [*said, "No mistake of the catalogue makes these numbers, and no simple relation holds."] if said else []


def diagnose(climbs: Sequence[Climb], verdicts: Sequence[Verdict]) -> Diagnosis | None:
    """What is wrong with a target on one system; None if nothing failed.

    The target is asked only for what the ladder has not asked it: calls that were blocked.

    Args:
        climbs: of the target, on the cases that it was judged by.
        verdicts: what came of them.

    Raises:
        DataError: a damaged case.
    """
    failed = [verdict for verdict in verdicts if verdict.failed]
    if not failed:
        return None
    # The smallest first: on them most mistakes are ruled out, and some cost a call for each sample.
    climbs = sorted(climbs, key=lambda climb: climb.loaded.x.size)
    where = kind(verdicts, [climb.case for climb in climbs])
    dtype = "float64" if any(verdict.check.dtype == "float64" for verdict in failed) else "float32"
    with np.errstate(all="ignore"):
        benches = [(Bench(climb.loaded, dtype), climb) for climb in climbs if climb.dtype == dtype]
        seen = look((bench, bench.look(climb)) for bench, climb in benches)
        contract = [verdict.reason for verdict in failed if verdict.rung == "contract"]
        return _named(where, seen, contract, recovers=any(_recovers(climb.target) for climb in climbs))


def _recovers(target: Target) -> bool:
    return isinstance(getattr(target, "inner", None), Recovered)


def _named(where: str, seen: Sequence[Seen], contract: Sequence[str], *, recovers: bool) -> Diagnosis:
    if not seen or not any(one.wrong for one in seen):
        values = [value for one in seen for value in one.values.values()]
        faults = [one_line(value.text) for value in values if isinstance(value, Fault)] or contract
        right = ["every number that has one right value is right"] if values and not faults else []
        return Diagnosis(where, relations=tuple(faults[:1] or right))
    matcher = Matcher(seen, recovers=recovers)
    single = narrow(seen)
    if found := [single] if single else matcher.find():
        return _of(where, found, len(seen))
    if found := matcher.evaluation_only():
        return _of(where, found, len(seen), partly=True)
    if derivative := used_derivative(matcher):
        return Diagnosis(where, relations=(derivative,))
    related = relations(seen)
    unexplained = bool(related) and not any(relation.explains for relation in related)
    more = recovered(matcher.seen) if unexplained and not recovers else []
    return Diagnosis(where, relations=(*more, *map(str, related)))


def _of(where: str, found: Sequence[Match], of: int, *, partly: bool = False) -> Diagnosis:
    one = merged(found)
    # Two mistakes in either order are one name.
    names = dict.fromkeys(tuple(mistake.slug for mistake in match.mistakes) for match in found)
    unique = {frozenset(name): name for name in reversed(names)}
    return Diagnosis(where, tuple(reversed(unique.values())), one.cases, of, one.shown, one.ratio, partly)
