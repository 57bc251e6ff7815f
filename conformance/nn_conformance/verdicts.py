"""What a check says: an id, a status, an error with its limit, and where the limit comes from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from math import inf, isfinite, isnan, nan
from typing import Any, Literal, get_args

Status = Literal["passed", "failed", "blocked", "unsupported", "expected failure"]
LONGEST = 600  # characters of a reason
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class Verdict:
    """One check's outcome.

    Attributes:
        id: ``case::rung::quantity::dtype``, stable; of our own complex-step checks ``system::rung::quantity``.
        status: `passed`, `failed`, or `expected failure`; `blocked` by a failure before it; `unsupported` by the target.
        error: what was measured, in the units of `limit`; NaN where nothing was.
        limit: the largest error that passes; the smallest, if `at_least`.
        reason: what was compared with what, and where the limit comes from; or why nothing was.
        at_least: a disagreement that must be there.
        failure: the class of failure of what failed: `mismatch` of numbers, or a word for why there are none to compare.
    """

    id: str
    status: Status
    error: float
    limit: float
    reason: str
    at_least: bool = False
    failure: str = ""

    def __post_init__(self) -> None:
        """A target's words stand in reasons: whoever prints one prints one line, without anything that acts on a terminal."""
        if not self.reason.isprintable() or len(self.reason) > LONGEST:
            object.__setattr__(self, "reason", one_line(self.reason))

    @property
    def system(self) -> str:
        """``network/version``."""
        return self.id.split("::")[0]

    @property
    def rung(self) -> str:
        """The kind of check: `printed`, `gradient`, ..."""
        return self.id.split("::")[1]

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`, with the parts of the id apart; what has no number, or no such part, is None."""
        parts = dict(zip_longest(("case", "rung", "quantity", "dtype"), self.id.split("::")))
        values = {
            name: value if isfinite(value) else None for name, value in (("error", self.error), ("limit", self.limit))
        }
        return {"id": self.id, **parts, **asdict(self), **values, "failure": self.failure or None}

    @property
    def ratio(self) -> float:
        """Error over limit: at most 1 where it passed. Infinite where it failed without numbers; NaN where nothing ran."""
        if isnan(self.error):
            return inf if self.status == "failed" else nan
        if self.error == 0:
            return 0.0
        return self.error / self.limit if self.limit else inf


def one_line(text: str) -> str:
    """Without line breaks and what else acts on a terminal; cut where it is long."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:LONGEST]).split())


def silent(verdicts: Mapping[str, Sequence[Verdict]], *, named: bool) -> list[str]:
    """Systems of which nothing could be judged: to claim one and do nothing is not to pass.

    Args:
        verdicts: by system.
        named: whether systems are claimed by name. Who claims none must do something of one.
    """
    found = [name for name, mine in verdicts.items() if not any(v.status in ("passed", "failed") for v in mine)]
    return found if named or len(found) == len(verdicts) else []


def at_most(id_: str, error: float, limit: float, reason: str) -> Verdict:
    """Passed where error ≤ limit; NaN fails, and so does a limit that is not finite."""
    passed = error <= limit < inf
    failure = "" if passed else getattr(reason, "failure", "mismatch")
    return Verdict(id_, "passed" if passed else "failed", error, limit, str(reason), failure=failure)


def at_least(id_: str, error: float, limit: float, reason: str) -> Verdict:
    """Passed where error ≥ limit, for a disagreement that must be there; NaN fails."""
    passed = inf > error >= limit
    status: Status = "passed" if passed else "failed"
    return Verdict(id_, status, error, limit, reason, at_least=True, failure="" if passed else "mismatch")


def counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many checks there were, and how many of each status; `ran` are those that measured something."""
    statuses = [verdict.status for verdict in verdicts]
    each: dict[str, int] = {status: statuses.count(status) for status in STATUSES}
    return {"ran": len(statuses) - each["blocked"] - each["unsupported"], **each}
