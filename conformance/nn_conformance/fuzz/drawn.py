"""Networks that nobody chose: Hypothesis draws them, and shrinks one that fails to the smallest that still does.

They are judged by the ladder's limits, as `running_error` has them. Needs the extra `test`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec
import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import HypothesisException

from nn_conformance.adapt.pieces import OPTIMIZERS, PIECES, pieces_of
from nn_conformance.cases import format as fmt
from nn_conformance.fuzz.rounding import Bounded, bounded
from nn_conformance.fuzz.strategies import Problem, problems
from nn_conformance.judge.call import guarded
from nn_conformance.judge.digits import told_apart
from nn_conformance.judge.limits import norm
from nn_conformance.judge.target import Target, TargetError, Training, Unsupported
from nn_conformance.judge.update_rungs import check_named
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError


@dataclass(frozen=True)
class Fuzzed:
    """What came of drawn networks.

    Attributes:
        drawn: how many there were.
        unsupported: how many the target said it cannot do.
        compared: how many said something: no kink, and well enough conditioned.
        loss_alone: in how many of these the target gave neither gradients nor updates.
        pieces: of each activation, loss and optimiser that could be drawn, in how many networks it was, and in how many
            of those that were compared.
        failing: the smallest that fails; None if all passed.
        wrong: what is wrong there, one line for each quantity.
    """

    drawn: int
    unsupported: int
    compared: int
    loss_alone: int
    pieces: Mapping[str, tuple[int, int]]
    failing: Problem | None
    wrong: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Whether some were compared, and none failed."""
        return self.compared > 0 and self.failing is None

    def __str__(self) -> str:
        """What was drawn and what came of it, in two lines."""
        networks = "network" if self.drawn == 1 else "networks"
        unsupported = f", {self.unsupported} of them unsupported" if self.unsupported else ""
        agree = "all agree" if self.failing is None else "one that fails is below"
        agree = agree if self.compared else "nothing could be compared"
        agree += f"; in {self.loss_alone} the loss alone was compared" if self.loss_alone else ""
        each = ", ".join(f"{name} {compared} of {drawn}" for name, (drawn, compared) in self.pieces.items() if drawn)
        return (
            f"{self.drawn} {networks} drawn{unsupported}; {agree}\n  compared {self.compared} of {self.drawn}: {each}"
        )

    def snippet(self, spec: str = "") -> str:
        """The failing network as lines of Python: the right answer, and the target's if that is Python's.

        Comments say what was wrong. Empty if nothing failed.
        """
        if (problem := self.failing) is None:
            return ""
        units = (f"{layer.units} {layer.activation.kind}" for layer in problem.network.layers)
        head = f"{' → '.join([str(problem.network.inputs), *units])}, {problem.network.loss.kind}"
        lines = [
            f"# {head}; {len(problem.x)} sample{'s' * (len(problem.x) > 1)}",
            *(f"# {line}" for line in self.wrong),
            "import numpy as np",
            "import msgspec",
            "from nn_conformance.cases import format as fmt",
            "from nn_conformance.oracles import reference",
            "",
            f"network = msgspec.json.decode({_json(problem.network)!r}, type=fmt.Network)",
        ]
        arrays = {**problem.params, "x": problem.x, "t": problem.t}
        lines += [f"{name} = np.array({np.asarray(a).tolist()})" for name, a in arrays.items()]
        lines.append(f"params = {{{', '.join(f'{name!r}: {name}' for name in problem.params)}}}")
        ask = "evaluate(network, params, x, t)"
        if self.wrong and all(" after " in line for line in self.wrong):
            lines.append(f"optimizer = msgspec.json.decode({_json(problem.optimizer)!r}, type=fmt.Optimizer)")
            lines.append("from nn_conformance.judge.target import Training")
            ask = f"train(Training(network, optimizer, params, x, t, {problem.batches}))"
        lines.append(f"print('right:', reference.{ask})")
        if spec and not spec.startswith("cmd:"):
            lines += ["from nn_conformance.protocol.host import found"]
            lines += ["from nn_conformance.subjects import subject_of", ""]
            lines.append(f"print('yours:', subject_of(found({spec!r})).target.{ask})")
        return "\n".join(lines) + "\n"


def fuzz(
    target: Target, count: int, *, seed: int = 0, dtype: fmt.Dtype = "float64", like: Sequence[fmt.Network] = ()
) -> Fuzzed:
    """Draws networks, and compares loss, gradients and updates of each.

    Args:
        target: what is judged; it must take networks of any size. Of one with `pieces` only these are drawn.
        count: how many to draw; shrinking draws more.
        seed: the same one draws the same networks.
        dtype: the precision.
        like: whose layers and losses are drawn, in other sizes; any if empty.

    Raises:
        InputError: a count below 1.
    """
    if count < 1:
        raise InputError(f"fuzz: expected to draw at least 1 network, got {count}")
    has = getattr(target, "pieces", None) or PIECES
    counts = {"drawn": 0, "unsupported": 0, "compared": 0, "loss alone": 0}
    drawn, compared = Counter[str](), Counter[str]()
    last: list[tuple[Problem, list[str]]] = []

    @seeded(seed)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
    )
    @given(problems(like=like, has=has))
    def try_one(problem: Problem) -> None:
        shrinking = bool(last)
        counts["drawn"] += not shrinking
        drawn.update(() if shrinking else pieces_of(problem.network, problem.optimizer))
        try:
            found = judged(target, problem, dtype)
        except Unsupported:
            counts["unsupported"] += not shrinking
            return
        if found and not shrinking:
            counts["compared"] += 1
            counts["loss alone"] += set(found) == {"loss"}
            updated = any(" after " in name for name in found)
            compared.update(pieces_of(problem.network, problem.optimizer if updated else None))
        if wrong := [line for line in found.values() if line]:
            last.append((problem, wrong))
            raise _FailedError

    with suppress(_FailedError, HypothesisException):  # the second where a target fails now and then
        try_one()
    failing, said = last[-1] if last else (None, [])
    of_like = set(OPTIMIZERS).union(*map(pieces_of, like)) if like else set(PIECES)
    of_each = {piece: (drawn[piece], compared[piece]) for piece in PIECES if piece in of_like & set(has)}
    of_networks = (counts["drawn"], counts["unsupported"], counts["compared"], counts["loss alone"])
    return Fuzzed(*of_networks, of_each, failing, tuple(said))


def judged(target: Target, problem: Problem, dtype: fmt.Dtype = "float64") -> dict[str, str]:
    """By quantity that was compared what is wrong with it, in a line, or an empty text; none where rounding may explain all.

    Raises:
        Unsupported: the target says so.
    """
    params = {name: p.astype(dtype) for name, p in problem.params.items()}
    x, t = problem.x.astype(dtype), problem.t.astype(dtype)
    try:
        limits = bounded(problem, dtype)
    except ArithmeticError:  # a kink, where no one answer is right, or out of range
        return {}
    found: dict[str, Array] = {}
    refused: list[Unsupported] = []
    for ask in (_evaluated, _trained):
        try:
            found |= ask(guarded(target), problem, params, x, t)
        except Unsupported as reason:
            refused.append(reason)
        except TargetError as error:
            return {"answer": str(error)}
    if not found:
        raise refused[0] if refused else Unsupported("it shows nothing that could be compared")
    shown, lines = limits.shown, {name: _line(name, a, limits) for name, a in found.items()}
    return {name: line for name, line in lines.items() if line or name.split(" after ", 1)[0] in shown}


def _evaluated(target: Target, problem: Problem, params: Params, x: Array, t: Array) -> dict[str, Array]:
    answer = target.evaluate(problem.network, params, x, t)
    if answer.gradients:
        check_named("gradients", {n: g for n, g in answer.gradients.items() if n != "x"}, problem.params)
    loss = {} if answer.loss is None else {"loss": np.asarray(answer.loss)}
    return {**loss, **{f"d{name}": g for name, g in answer.gradients.items()}}


def _trained(target: Target, problem: Problem, params: Params, x: Array, t: Array) -> dict[str, Array]:
    run = target.train(Training(problem.network, problem.optimizer, params, x, t, problem.batches))
    check_named("parameters", run.params, problem.params)
    return {f"{name} after {len(problem.batches)} updates": p for name, p in run.params.items()}


def _line(name: str, found: Array, limits: Bounded) -> str:
    key = name.split(" after ", 1)[0]
    expected, limit = limits.values[key], limits.limits[key]
    if np.shape(found) != expected.shape:
        return f"{name}: shape {np.shape(found)}, right is {expected.shape}"
    errors = np.abs(np.asarray(found, np.float64) - expected)
    if (error := norm(errors)) <= limit.value or not np.isfinite(limit.value):
        return ""
    worst = np.unravel_index(np.argmax(errors), expected.shape)
    entry = f"[{', '.join(map(str, worst))}]" if worst else ""
    value, right = told_apart(np.asarray(found)[worst], expected[worst])
    off, most = told_apart(error, limit.value, least=2)
    return f"{name}{entry}: {value}, right is {right} (error {off}, limit {most}: {limit.reason})"


def _json(described: fmt.Network | fmt.Optimizer) -> str:
    return msgspec.json.encode(described).decode()


class _FailedError(Exception):
    """Tells Hypothesis that a network fails."""
