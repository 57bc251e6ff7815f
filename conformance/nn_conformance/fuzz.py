"""Networks that nobody chose: Hypothesis draws them, and shrinks one that fails to the smallest that still does.

What is right is the reference's, and how far honest arithmetic may be off is what balls of the precision's own bits say of
this very computation. Needs the extra `test`.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec
import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import HypothesisException

from nn_conformance.fixtures import format as fmt
from nn_conformance.running_error import Bounded, bounded
from nn_conformance.strategies import Problem, problems
from nn_conformance.targets import Target, TargetError, Unsupported
from nn_conformance.tolerances import norm
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError


@dataclass(frozen=True)
class Fuzzed:
    """What came of drawn networks.

    Attributes:
        drawn: how many there were.
        unsupported: how many the target said it cannot do.
        compared: how many said something: no kink, and well enough conditioned.
        failing: the smallest that fails; None if all passed.
        wrong: what is wrong there, one line for each quantity.
    """

    drawn: int
    unsupported: int
    compared: int
    failing: Problem | None
    wrong: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Whether some were compared, and none failed."""
        return self.compared > 0 and self.failing is None

    def snippet(self, spec: str = "") -> str:
        """The failing network as lines of Python that can be pasted; they ask the target too, if it is Python's."""
        return "" if self.failing is None else snippet(self.failing, self.wrong, spec)


def fuzz(
    target: Target, count: int, *, seed: int = 0, dtype: fmt.Dtype = "float64", like: Sequence[fmt.Network] = ()
) -> Fuzzed:
    """Draws networks, and compares loss, gradients and updates of each.

    Args:
        target: what is judged; it must take networks of any size.
        count: how many to draw; shrinking draws more.
        seed: the same one draws the same networks.
        dtype: the precision.
        like: whose layers and losses are drawn, in other sizes; any if empty.

    Raises:
        InputError: a count below 1.
    """
    if count < 1:
        raise InputError(f"fuzz: expected to draw at least 1 network, got {count}")
    counts = {"drawn": 0, "unsupported": 0, "compared": 0}
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
    @given(problems(like=like))
    def try_one(problem: Problem) -> None:
        counts["drawn"] += not last
        try:
            found = wrong(target, problem, dtype)
        except Unsupported:
            counts["unsupported"] += not last
            return
        counts["compared"] += found is not None and not last
        if found:
            last.append((problem, found))
            raise _FailedError

    with suppress(_FailedError, HypothesisException):  # the second where a target fails now and then
        try_one()
    failing, said = last[-1] if last else (None, [])
    return Fuzzed(counts["drawn"], counts["unsupported"], counts["compared"], failing, tuple(said))


def wrong(target: Target, problem: Problem, dtype: fmt.Dtype = "float64") -> list[str] | None:
    """One line for each quantity beyond its limit; None where balls say that rounding may explain everything.

    Raises:
        Unsupported: the target says so.
    """
    params = {name: p.astype(dtype) for name, p in problem.params.items()}
    x, t = problem.x.astype(dtype), problem.t.astype(dtype)
    try:
        limits = bounded(problem, dtype)
    except (ArithmeticError, ValueError):  # a ball across a kink: no one answer is right
        return None
    if not limits.sharp:
        return None
    found: dict[str, Array] = {}
    refused: list[Unsupported] = []
    for ask in (_evaluated, _trained):
        try:
            with np.errstate(all="ignore"):
                found |= ask(target, problem, dict(params), x.copy(), t.copy())
        except Unsupported as reason:
            refused.append(reason)
        except TargetError as error:
            return [str(error)]
        except Exception as error:  # noqa: BLE001 - whatever a target raises is a finding
            return [f"it raised {type(error).__name__}: {error}"]
    if not found:
        raise refused[0] if refused else Unsupported("it shows nothing that could be compared")
    return [line for name, value in found.items() if (line := _line(name, value, limits))]


def _evaluated(target: Target, problem: Problem, params: Params, x: Array, t: Array) -> dict[str, Array]:
    answer = target.evaluate(problem.network, params, x, t)
    _check_names("gradients", answer.gradients, problem.params)
    loss = {} if answer.loss is None else {"loss": np.asarray(answer.loss)}
    return {**loss, **{f"d{name}": g for name, g in answer.gradients.items()}}


def _trained(target: Target, problem: Problem, params: Params, x: Array, t: Array) -> dict[str, Array]:
    run = target.train(problem.network, problem.optimizer, params, x, t, problem.batches)
    _check_names("parameters", run.params, problem.params)
    return {f"{name} after {len(problem.batches)} updates": p for name, p in run.params.items()}


def _check_names(what: str, found: Params, expected: Params) -> None:
    if set(found) != set(expected):
        raise TargetError(f"{what}: expected {', '.join(expected)}, got {', '.join(map(str, found)) or 'none'}")


def _line(name: str, found: Array, limits: Bounded) -> str:
    key = name.split(" after ", 1)[0]
    expected, limit = limits.values[key], limits.limits[key]
    if np.shape(found) != expected.shape:
        return f"{name}: shape {np.shape(found)}, right is {expected.shape}"
    error = norm(np.asarray(found, np.float64) - expected)
    if error <= limit:
        return ""
    return f"{name}: {_digits(found)}, right is {_digits(expected)}"


def snippet(problem: Problem, said: tuple[str, ...] = (), spec: str = "") -> str:
    """Lines of Python that compute the right answer, and a target's where it is Python; in comments what was wrong."""
    layers = " → ".join(
        [str(problem.network.inputs), *(f"{layer.units} {layer.activation.kind}" for layer in problem.network.layers)]
    )
    arrays = {**problem.params, "x": problem.x, "t": problem.t}
    lines = [f"# {layers}, {problem.network.loss.kind}; {len(problem.x)} sample{'s' * (len(problem.x) > 1)}"]
    lines += [f"# {line}" for line in said]
    lines += ["import numpy as np", "import msgspec", "from nn_conformance.fixtures import format as fmt"]
    lines += ["from nn_conformance.oracles import reference", ""]
    lines.append(f"network = msgspec.json.decode({_json(problem.network)!r}, type=fmt.Network)")
    lines += [f"{name} = np.array({np.asarray(a).tolist()})" for name, a in arrays.items()]
    names = ", ".join(f"{name!r}: {name}" for name in problem.params)
    lines.append(f"params = {{{names}}}")
    ask = "evaluate(network, params, x, t)"
    if said and all(" after " in line for line in said):
        lines.append(f"optimizer = msgspec.json.decode({_json(problem.optimizer)!r}, type=fmt.Optimizer)")
        ask = f"train(network, optimizer, params, x, t, {problem.batches})"
    lines.append(f"print('right:', reference.{ask})")
    if spec and not spec.startswith("cmd:"):
        lines += ["from nn_conformance.doors import subject", "from nn_conformance.protocol.host import found", ""]
        lines.append(f"print('yours:', subject(found({spec!r}), ()).{ask})")
    return "\n".join(lines) + "\n"


def _json(described: fmt.Network | fmt.Optimizer) -> str:
    return msgspec.json.encode(described).decode()


def _digits(value: Array) -> str:
    text = np.array2string(np.asarray(value, np.float64), precision=6, threshold=8, max_line_width=10_000)
    return " ".join(text.split())


class _FailedError(Exception):
    """Tells Hypothesis that a network fails."""
