"""What a check says: an id, a status, an error with its limit, and where the limit comes from."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Literal

Status = Literal["passed", "failed"]


@dataclass(frozen=True)
class Verdict:
    """One check's outcome.

    Attributes:
        id: ``network/version::rung::quantity``, stable.
        status: `passed` or `failed`.
        error: what was measured, in the units of `limit`.
        limit: the largest error that passes; the smallest, if `at_least`.
        reason: what was compared with what, and where the limit comes from.
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
        return {**asdict(self), "error": self.error if isfinite(self.error) else str(self.error)}


def at_most(id_: str, error: float, limit: float, reason: str) -> Verdict:
    """Passed where error ≤ limit; NaN fails."""
    return Verdict(id_, "passed" if error <= limit else "failed", error, limit, reason)


def at_least(id_: str, error: float, limit: float, reason: str) -> Verdict:
    """Passed where error ≥ limit, for a disagreement that must be there; NaN fails."""
    return Verdict(id_, "passed" if error >= limit else "failed", error, limit, reason, at_least=True)


def counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many checks ran, passed and failed."""
    statuses = [verdict.status for verdict in verdicts]
    return {"ran": len(statuses), "passed": statuses.count("passed"), "failed": statuses.count("failed")}
