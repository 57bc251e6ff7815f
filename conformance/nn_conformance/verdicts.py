"""What a check says: an id, a status, an error with its limit, and where the limit comes from."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import inf, isfinite, isnan, nan
from typing import Any, Literal, get_args

Status = Literal["passed", "failed", "blocked", "unsupported", "expected failure"]
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
    """

    id: str
    status: Status
    error: float
    limit: float
    reason: str
    at_least: bool = False

    @property
    def system(self) -> str:
        """``network/version``."""
        return self.id.split("::")[0]

    @property
    def rung(self) -> str:
        """The kind of check: `printed`, `gradient`, ..."""
        return self.id.split("::")[1]

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`; an error of NaN or infinity becomes a string, since JSON has no number for it."""
        numbers = {name: getattr(self, name) for name in ("error", "limit")}
        return asdict(self) | {name: value if isfinite(value) else str(value) for name, value in numbers.items()}

    @property
    def ratio(self) -> float:
        """Error over limit: at most 1 where it passed. Infinite where it failed without numbers; NaN where nothing ran."""
        if isnan(self.error):
            return inf if self.status == "failed" else nan
        if self.error == 0:
            return 0.0
        return self.error / self.limit if self.limit else inf


def at_most(id_: str, error: float, limit: float, reason: str) -> Verdict:
    """Passed where error ≤ limit; NaN fails, and so does a limit that is not finite."""
    return Verdict(id_, "passed" if error <= limit < inf else "failed", error, limit, reason)


def at_least(id_: str, error: float, limit: float, reason: str) -> Verdict:
    """Passed where error ≥ limit, for a disagreement that must be there; NaN fails."""
    passed = inf > error >= limit
    return Verdict(id_, "passed" if passed else "failed", error, limit, reason, at_least=True)


def counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many checks there were, and how many of each status; `ran` are those that measured something."""
    statuses = [verdict.status for verdict in verdicts]
    each: dict[str, int] = {status: statuses.count(status) for status in STATUSES}
    return {"ran": len(statuses) - each["blocked"] - each["unsupported"], **each}
