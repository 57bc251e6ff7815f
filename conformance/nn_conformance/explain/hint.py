"""Which conventions are declared wrongly, where some are: a change of the declaration, or two, that lets a case pass."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any, cast, get_args, get_type_hints

import msgspec
import numpy as np

from nn_conformance.adapt.conventions import DESCRIBED, Conventions, Reduction
from nn_conformance.adapt.converted import Converted
from nn_conformance.adapt.recovered import Recovered
from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network, build_optimizer
from nn_conformance.cases.store import LoadedCase
from nn_conformance.judge.call import Guarded, Safe
from nn_conformance.judge.climb import Climb
from nn_conformance.judge.evaluation import NO_GRADIENTS
from nn_conformance.judge.ladder import judge
from nn_conformance.judge.limits import norm, update_limit
from nn_conformance.judge.target import Answer, Run, Target, TargetError, Training, Unsupported
from nn_conformance.judge.verdict import Verdict
from nn_reference.arithmetic import Array, Params
from nn_reference.optimizers import State
from nn_reference.training import train

DOORS = ("nn_conformance.adapt.", "nn_conformance.oracles.")  # where the doors are
# Factors that a loss has by taste: with or without a ½.
FACTORS = (2.0, 0.5)
# What people add to a probability inside a logarithm, or clip it to; and the ε of optimisers.
SMALL = (1e-8, 1e-15, 1e-12, 1e-7, 1e-10, 1e-9, 1e-6, 1e-5, 1e-16, 1e-4)
IN_LOGARITHMS = ("log_epsilon", "log_clip")
# What no loss and no gradient shows, or what is measured; of a step alone, the gradients' own reduction says it.
SILENT = ("names", "update_reduction", "placement", "moments", *IN_LOGARITHMS, "rate", "epsilon")
SHAPES = ("layout", "samples", "batch", "bias", "ones", "output", "labels")
# Z = W X + b with a sample in each column, as many courses write it.
COLUMNS = {"layout": "out,in", "samples": "columns", "bias": "column"}
SCALES = ("factor", "reduction")
# Of these nobody knows whether they are conventions or mistakes.
DOUBTFUL = ("gradient", "negative", "log", "rate", "epsilon", "placement", "moments")
RUNGS = ("contract", "loss", "gradient")
MOST_PAIRS = 150  # of declarations that are tried together
ANSWERS = "it answers, though not rightly yet; what is wrong is said once that is declared"


@dataclass(frozen=True)
class Suggestion:
    """The declarations with which a target would be right.

    Attributes:
        declared: what is declared now, by convention.
        changes: what would be right; the first of several counts most.
        right: what is right then.
        loss_is_right: whether the loss is right as declared: of gradients alone, nobody knows which of both they are.
    """

    declared: Mapping[str, Any]
    changes: Mapping[str, Any]
    right: str = "loss and gradients are right"
    loss_is_right: bool = False

    @property
    def may_be_a_mistake(self) -> bool:
        """Where the loss is right, or more than one thing must change, nobody knows whether it is a convention."""
        return len(self.changes) > 1 or self.loss_is_right or next(iter(self.changes)).startswith(DOUBTFUL)

    def __str__(self) -> str:
        now, then = (" and ".join(f"{n}={v!r}" for n, v in of.items()) for of in (self.declared, self.changes))
        own_rate = "your step does not depend on lr; " * ("rate" in self.changes)
        line = ", ".join(f"{n}={v!r}" for n, v in self.changes.items())
        how = f"write @conforms(…, {line}), or the same in a program's conventions"
        return f"{own_rate}declared {now}: with {then} {self.right}; {how}"


def suggest(
    loaded: LoadedCase, target: Converted, dtype: fmt.Dtype, others: Sequence[LoadedCase] = ()
) -> Suggestion | None:
    """The change of the target's conventions, or the two, with which it is right on a case; or None.

    The case must tell conventions apart: small, its sizes pairwise distinct, such as a network's `probe-rectangular`.
    The same numbers are asked for once, however many declarations would read them.

    Args:
        loaded: the case.
        target: what is judged.
        dtype: the precision.
        others: cases on which it failed while loss and gradients of the first are right: by a clip or an ε that shows
            there, by a mean that is another with more outputs, or in their updates.

    Raises:
        DataError: a damaged case.
    """
    first = _Search(loaded, target, dtype)
    if not _conforms(first.declared):
        return first.single() or first.rate() or first.pair() or first.answering()
    for other in others:
        search = _Search(other, target, dtype)
        if _conforms(search.declared):
            suggestion = search.optimizer()
        elif not (suggestion := search.logarithm()) and (scales := search.scales()):
            # The first case must stay right; as its loss is right as declared, it may be a mistake all the same.
            suggestion = replace(scales, loss_is_right=True) if _conforms(first.verdicts(scales.changes)) else None
        if suggestion:
            return suggestion
    return None


class _Search:
    """Tries declarations of one target on one case."""

    def __init__(self, loaded: LoadedCase, target: Converted, dtype: fmt.Dtype) -> None:
        self.loaded, self.target, self.dtype, self.conventions = loaded, target, dtype, target.conventions
        self.answers: dict[Any, Any] = {}
        self.declared = self.verdicts({})

    def verdicts(self, changes: Mapping[str, Any], rungs: Sequence[str] = RUNGS) -> list[Verdict]:
        """Under a changed declaration."""
        conventions = msgspec.structs.replace(self.conventions, **changes)
        under = _under(self.target, conventions, self.answers)
        return judge(self.loaded, under, self.dtype, rungs=rungs, trusted=True)

    def right(self, changes: Mapping[str, Any]) -> bool:
        """Whether loss and gradients are right under a changed declaration."""
        return _conforms(self.verdicts(changes))

    def told(self, changes: Mapping[str, Any], **more: Any) -> Suggestion:
        """A changed declaration beside what is declared."""
        return Suggestion({name: getattr(self.conventions, name) for name in changes}, changes, **more)

    def single(self) -> Suggestion | None:
        """The only single change that is right."""
        changes = [*_changes(self.conventions), *self._in_logarithms()]
        found = [(name, value) for name, value in changes if self.right({name: value})]
        status = {rung: {v.status for v in self.declared if v.rung == rung} for rung in RUNGS}
        # Who answers for several samples takes them: that it would be right for each by itself is what a mistake in the
        # mean looks like. Without a loss to see, its convention and that of the gradients are one.
        if "failed" not in status["contract"]:
            found = [one for one in found if one[0] != "batch"]
        if "unsupported" in status["loss"]:
            found = [one for one in found if not one[0].startswith("loss_")] or found
        return self.told(dict(found), loss_is_right="passed" in status["loss"]) if len(found) == 1 else None

    def rate(self) -> Suggestion | None:
        """The rate of a step that is the same whatever rate it is asked for."""
        expected = Climb(self.loaded, self.target, self.dtype).expected
        if not isinstance(self.target.inner, Recovered):
            return None
        case, rows = self.loaded.case, [list(range(len(expected.x)))]
        params = {name: p.astype(self.dtype) for name, p in self.loaded.params.items()}
        x, t = expected.x.astype(self.dtype), expected.t.astype(self.dtype)
        try:
            slow, fast = (
                self.target.train(Training(case.network, fmt.Optimizer("sgd", rate), params, x, t, rows)).params
                for rate in (1.0, 4.0)
            )
        except (TargetError, Unsupported):
            return None
        if set(slow) != set(params) or any(not np.array_equal(slow[name], fast[name]) for name in params):
            return None
        moved = sum(float(np.sum((p - slow[name]) * expected.gradients[name])) for name, p in params.items())
        size = sum(float(np.sum(g * g)) for g in expected.gradients.values())
        own = {"rate": float(f"{moved / size:.5g}") if size else 0.0}
        return self.told(own) if own["rate"] > 0 and self.right(own) else None

    def pair(self) -> Suggestion | None:
        """Conventions of shapes that change together, where answers cannot be compared; otherwise scales."""
        if all(v.status != "failed" for v in self.declared if v.rung == "contract"):
            return self.scales()
        found = [pair for pair in self._pairs() if self.right(pair)]
        found = found or [columns for columns in (COLUMNS,) if self.right(columns)]
        return self.told(found[0]) if len(found) == 1 else None

    def answering(self) -> Suggestion | None:
        """The shapes with which a target answers that refuses the declared ones, where a mistake keeps it from being right."""
        refused = {v.failure for v in self.declared if v.failed and v.rung == "contract"}
        if not refused & {"raised", "wrong-shape"}:
            return None
        for options in ([{name: value} for name, value in self._shapes()], self._pairs(), [COLUMNS]):
            found = [changes for changes in options if self._answers(changes)]
            if found:
                return self.told(found[0], right=ANSWERS) if len(found) == 1 else None
        return None

    def _answers(self, changes: Mapping[str, Any]) -> bool:
        return {v.status for v in self.verdicts(changes, ("contract",))} == {"passed"}

    def _pairs(self) -> list[dict[str, Any]]:
        pairs = [dict(two) for two in combinations(self._shapes(), 2) if two[0][0] != two[1][0]]
        return pairs[:MOST_PAIRS]

    def _shapes(self) -> list[tuple[str, Any]]:
        return [change for change in _changes(self.conventions) if change[0] in SHAPES]

    def scales(self) -> Suggestion | None:
        """The scales of loss and of gradients."""
        loss = self._scale("loss", {})
        gradient = None if loss is None else self._scale("gradient", loss)
        if loss is None or gradient is None:
            return None
        changed = {n: v for n, v in (loss | gradient).items() if v != getattr(self.conventions, n)}
        return self.told(changed) if changed else None

    def _scale(self, of: str, others: Mapping[str, Any]) -> dict[str, Any] | None:
        """Factor and reduction with which the loss, or the gradients, are right: as declared, or as few of them as can be."""
        names, now = [f"{of}_{what}" for what in SCALES], self.conventions
        factor, reduction = (getattr(now, name) for name in names)
        options = product(
            dict.fromkeys((factor, *(n * (factor or 1.0) for n in (1.0, *FACTORS)))),
            dict.fromkeys((reduction, DESCRIBED, *get_args(Reduction))),
        )
        for option in sorted(options, key=lambda pair: (pair[0] != factor) + (pair[1] != reduction)):
            changes = dict(zip(names, option, strict=True))
            verdicts = self.verdicts({**others, **changes}, ("contract", of))
            if any(v.status == "passed" for v in verdicts if v.rung == of) and not _wrong(verdicts):
                return changes
        return None

    def logarithm(self) -> Suggestion | None:
        """What stands inside the target's logarithms: mostly a clip, as an ε changes every loss."""
        changes = ({name: value} for name, value in reversed([*self._in_logarithms()]))
        return next((self.told(change) for change in changes if self.right(change)), None)

    def _in_logarithms(self) -> Iterator[tuple[str, float]]:
        if self.loaded.case.network.loss.kind.endswith("cross_entropy"):
            yield from product(IN_LOGARITHMS, SMALL)

    def optimizer(self) -> Suggestion | None:
        """The constants of an optimiser, or fresh moments, with which the target's updates are the reference's."""
        climb, case = Climb(self.loaded, self.target, self.dtype), self.loaded.case
        asked, steps = case.optimizer, range(len(case.steps))
        if asked.kind == "sgd" and not asked.momentum:
            return None
        try:
            after = [climb.step(k).params for k in steps]
        except (TargetError, Unsupported):
            return None
        choices: list[dict[str, Any]] = [{"moments": "fresh"}]
        if asked.epsilon is not None:
            other = {"placement": "keras" if asked.placement == "torch" else "torch"}
            choices = [other, *(c | {"epsilon": e} for c in ({}, other) for e in (*SMALL, 0.0)), *choices]
        for changes in choices:
            fresh = "moments" in changes
            rule = asked if fresh else msgspec.structs.replace(asked, **changes)
            if all(_steps_by(climb, k, rule, after[k], fresh=fresh) for k in steps):
                return self.told(changes, right=f"the updates by {asked.kind} are right")
        return None


def _steps_by(climb: Climb, k: int, rule: fmt.Optimizer, after: Params, *, fresh: bool) -> bool:
    """Whether parameters after a step are what another rule makes of it."""
    step, before = climb.case.steps[k], climb.before(k)
    state = None if fresh or step.state is None else climb.state_of(step.state, f"steps[{k}].state")
    network, rows = build_network(climb.network), [np.array(step.rows)]
    wide = None if state is None else State(state.step, {m: _wide(of) for m, of in state.moments.items()})
    x, t = climb.loaded.x.astype(float), climb.loaded.t.astype(float)
    with np.errstate(all="ignore"):
        right = train(network, _wide(before), build_optimizer(rule), rows, x, t, state=wide).params
    for name, p in right.items():
        if climb.problem(name, after.get(name), p.shape):
            return False
        limit = update_limit(norm(p - before[name]), norm(p), rule, climb.dtype, climb.longest).value
        if not norm(after[name] - p) <= limit:
            return False
    return True


def _wide(arrays: Params) -> Params:
    return {name: np.asarray(a, np.float64) for name, a in arrays.items()}


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

    def train(self, asked: Training) -> Run:
        """As the target's; asked of plain steps alone."""
        question = self._question(asked.network, asked.params, asked.x, asked.t)
        key = (asked.optimizer.learning_rate, str(asked.batches), *question)
        return self._asked(key, lambda: self.inner.train(asked))

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
    gradients = {verdict.status for verdict in verdicts if verdict.rung == "gradient"}
    forward_only = any(v.reason == NO_GRADIENTS for v in verdicts)
    shown = gradients | {v.status for v in verdicts if v.rung == "loss" and forward_only}
    return "passed" in shown and not _wrong(verdicts)


def _wrong(verdicts: Sequence[Verdict]) -> bool:
    return any(verdict.status in ("failed", "blocked") for verdict in verdicts)
