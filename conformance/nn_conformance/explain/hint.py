"""Which convention is declared wrongly, where one is: the only single change of a declaration that lets a case pass."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast, get_args, get_type_hints

import msgspec

from nn_conformance.adapt.conventions import Conventions
from nn_conformance.adapt.converted import Converted
from nn_conformance.adapt.recovered import Recovered
from nn_conformance.cases import format as fmt
from nn_conformance.cases.store import LoadedCase
from nn_conformance.judge.call import Guarded, Safe
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.target import Answer, Run, Target, TargetError, Unsupported
from nn_conformance.judge.verdict import Verdict
from nn_reference.arithmetic import Array, Params
from nn_reference.optimizers import State

DOORS = "nn_conformance.adapt."
# Factors that a loss has by taste: with or without a ½.
FACTORS = (2.0, 0.5)
# What no loss and no gradient shows, or what has no few values; of a step alone, the gradients' own reduction says it.
SILENT = ("names", "update_reduction")
RUNGS = ("contract", "loss", "gradient")


@dataclass(frozen=True)
class Suggestion:
    """The declaration with which a target would be right.

    Attributes:
        convention: its name, a field of `Conventions`.
        declared: what is declared now.
        value: what would be right.
    """

    convention: str
    declared: Any
    value: Any

    @property
    def may_be_a_mistake(self) -> bool:
        """Of gradients of another scale or sign than that of a loss which is right, nobody knows which of both they are."""
        return self.convention.startswith("gradient")

    def __str__(self) -> str:
        name = self.convention
        return f"declared {name}={self.declared!r}: with {name}={self.value!r} loss and gradients are right"


def suggest(loaded: LoadedCase, target: Converted, dtype: fmt.Dtype) -> Suggestion | None:
    """The one change of the target's conventions with which its loss and gradients on a case are right, or None.

    The case must tell conventions apart: small, its sizes pairwise distinct, such as a network's `probe-rectangular`.
    The same numbers are asked for once, however many declarations would read them.

    Raises:
        DataError: a damaged case.
    """
    answers: dict[Any, Any] = {}

    def verdicts_under(conventions: Conventions) -> list[Verdict]:
        return judge(loaded, _under(target, conventions, answers), dtype, rungs=RUNGS, trusted=True)

    declared = verdicts_under(target.conventions)
    if _conforms(declared):
        return None
    found = [
        Suggestion(name, getattr(target.conventions, name), value)
        for name, value in _changes(target.conventions)
        if _conforms(verdicts_under(msgspec.structs.replace(target.conventions, **{name: value})))
    ]
    # Without a loss to see, its convention and that of the gradients are one. Who answers for several samples takes them:
    # that it would be right for each by itself is what a mistake in the mean looks like.
    lossless = any(v.rung == "loss" and v.status == "unsupported" for v in declared)
    takes_many = all(v.status != "failed" for v in declared if v.rung == "contract")
    found = [one for one in found if one.convention != "batch" or not takes_many]
    found = [one for one in found if not (lossless and one.convention.startswith("loss_"))] or found
    return found[0] if len(found) == 1 else None


def _changes(declared: Conventions) -> Iterator[tuple[str, Any]]:
    """Every other value of every convention that has a few."""
    hints = get_type_hints(Conventions)
    for name in declared.__struct_fields__:
        now = getattr(declared, name)
        if name.endswith("_factor"):
            yield from ((name, (now or 1.0) * factor) for factor in FACTORS)
        elif isinstance(now, bool):
            yield name, not now
        elif name not in SILENT:
            choices = [value for part in get_args(hints[name]) for value in (get_args(part) or (part,))]
            yield from ((name, value) for value in choices if isinstance(value, str) and value != now)


def _under(target: Converted, conventions: Conventions, answers: dict[Any, Any]) -> Converted:
    """The target as if it had declared something else; doors of ours look at the declaration themselves."""
    recovers = isinstance(target.inner, Recovered)
    inner = cast("Recovered", target.inner).inner if recovers else target.inner
    if isinstance(inner, Guarded) and type(inner.inner).__module__.startswith(DOORS):
        door = cast("Any", inner.inner)
        inner = Guarded(replace(door, conventions=conventions)) if hasattr(door, "conventions") else inner
    inner = Remembered(inner, answers, (conventions.logits, conventions.samples, conventions.batch))
    return replace(target, inner=Recovered(inner, conventions) if recovers else inner, conventions=conventions)


@dataclass(frozen=True)
class Remembered(Safe):
    """A target that is asked the same question once.

    Attributes:
        inner: the target, guarded.
        answers: by question, also of what was refused.
        read: what of a declaration the target itself looks at.
    """

    inner: Target
    answers: dict[Any, Any]
    read: tuple[Any, ...]

    @property
    def name(self) -> str:
        """The target's own."""
        return self.inner.name

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """As the target's."""
        key = ("evaluate", gradients, *self._question(network, params, x, t))
        return self._asked(key, lambda: self.inner.evaluate(network, params, x, t, gradients=gradients))

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
        """As the target's; asked of plain steps alone."""
        key = (optimizer.learning_rate, str(batches), *self._question(network, params, x, t))
        return self._asked(key, lambda: self.inner.train(network, optimizer, params, x, t, batches, state))

    def _question(self, network: fmt.Network, params: Params, x: Array, t: Array) -> tuple[Any, ...]:
        arrays = [*params.items(), ("x", x), ("t", t)]
        described = msgspec.json.encode(network)
        return (
            self.read,
            described,
            *((name, a.shape, a.dtype.str, a.flags.f_contiguous, a.tobytes()) for name, a in arrays),
        )

    def _asked(self, key: Any, ask: Any) -> Any:
        if key not in self.answers:
            try:
                self.answers[key] = ask()
            except (TargetError, Unsupported) as error:
                self.answers[key] = error
        if isinstance(self.answers[key], Exception):
            raise self.answers[key]
        return self.answers[key]


def _conforms(verdicts: Sequence[Verdict]) -> bool:
    shown = {verdict.status for verdict in verdicts if verdict.rung == "gradient"}
    return "passed" in shown and not any(verdict.status in ("failed", "blocked") for verdict in verdicts)
