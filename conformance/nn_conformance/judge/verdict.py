"""What a check says: an id, a status, an error with its limit, and where the limit comes from."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import inf, isfinite, isnan, nan
from typing import Any, Literal, NamedTuple, get_args

Status = Literal["passed", "failed", "blocked", "unsupported", "expected failure"]
LONGEST = 600  # characters of a reason
SAID = 400  # characters of a target's words that stand in a reason
STATUSES: tuple[Status, ...] = get_args(Status)


class CheckId(NamedTuple):
    """Which check: its text form, ``case::rung::quantity::dtype``, is stable.

    Attributes:
        case: a case's id; of printed figures a system's.
        rung: the kind of check: `gradient`, `step`, ...
        quantity: what is compared: `W1`, `loss`, ...
        dtype: the precision; empty where there is none.
    """

    case: str
    rung: str
    quantity: str
    dtype: str = ""

    def __str__(self) -> str:
        return "::".join(part for part in self if part)

    @classmethod
    def parse(cls, text: str) -> "CheckId":
        """A whole id from its text form.

        Raises:
            ValueError: it has fewer than three parts, or more than four.
        """
        parts = text.split("::")
        if not 3 <= len(parts) <= 4:
            raise ValueError(f"expected case::rung::quantity::dtype, got {text!r}")
        return cls(*parts)


@dataclass(frozen=True)
class Verdict:
    """One check's outcome.

    Attributes:
        check: which check.
        status: `passed`, `failed`, or `expected failure`; `blocked` by a failure before it; `unsupported` by the target.
        error: what was measured, in the units of `limit`; NaN where nothing was.
        limit: the largest error that passes; the smallest, if `at_least`.
        reason: what was compared with what, and where the limit comes from; or why nothing was.
        at_least: a disagreement that must be there.
        failure: the class of failure of what failed: `mismatch` of numbers, or a word for why there are none to compare.
        subject: what the failure is about, where it is about something by name: arguments, or an array.
        summary: the reason without its details, the same for all checks that have it; empty if it has none.
    """

    check: CheckId
    status: Status
    error: float
    limit: float
    reason: str
    at_least: bool = False
    failure: str = ""
    subject: tuple[str, ...] = ()
    summary: str = ""

    def __post_init__(self) -> None:
        """A target's words stand in reasons: whoever prints one prints one line, without anything that acts on a terminal."""
        for name in ("reason", "summary"):
            text = getattr(self, name)
            if not text.isprintable() or len(text) > LONGEST:
                object.__setattr__(self, name, one_line(text))

    @property
    def id(self) -> str:
        """The check's text form."""
        return str(self.check)

    @property
    def in_short(self) -> str:
        """The reason without its details."""
        return self.summary or self.reason

    @property
    def rung(self) -> str:
        """The kind of check."""
        return self.check.rung

    @property
    def failed(self) -> bool:
        """Whether the check failed, and was not expected to."""
        return self.status == "failed"

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`, with the parts of the id apart; what has no number, or no such part, is None."""
        values = {
            name: value if isfinite(value) else None for name, value in (("error", self.error), ("limit", self.limit))
        }
        record = {"id": self.id, **self.check._asdict(), **asdict(self), **values}
        del record["check"]
        return record | {
            "dtype": self.check.dtype or None,
            "failure": self.failure or None,
            "summary": self.summary or None,
        }

    @property
    def ratio(self) -> float:
        """Error over limit: at most 1 where it passed. Infinite where it failed without numbers; NaN where nothing ran."""
        if isnan(self.error):
            return inf if self.status == "failed" else nan
        if self.error == 0:
            return 0.0
        return self.error / self.limit if self.limit else inf


def printable(text: str) -> str:
    """Without what acts on how a text is shown, as controls and changes of direction do; line breaks are among them."""
    return "".join(c if c.isprintable() else " " for c in text)


def one_line(text: str) -> str:
    """Without line breaks and what else acts on a terminal; cut where it is long."""
    return " ".join(printable(text[:LONGEST]).split())


def brief(text: str) -> str:
    """What somebody else's code says, on one line and not too much of it; what is brief already stays as it is."""
    line = one_line(text)
    return line if len(line) <= SAID else f"{line[:SAID]}…"


def at_most(check: CheckId, error: float, limit: float, reason: str, summary: str = "") -> Verdict:
    """Passed where error ≤ limit; NaN fails, and so does a limit that is not finite."""
    passed = error <= limit < inf
    failure = "" if passed else "mismatch"
    return Verdict(check, "passed" if passed else "failed", error, limit, reason, failure=failure, summary=summary)


def at_least(check: CheckId, error: float, limit: float, reason: str) -> Verdict:
    """Passed where error ≥ limit, for a disagreement that must be there; NaN fails."""
    passed = inf > error >= limit
    status: Status = "passed" if passed else "failed"
    return Verdict(check, status, error, limit, reason, at_least=True, failure="" if passed else "mismatch")


def counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    """How many checks there were, and how many of each status; `ran` are those that measured something."""
    statuses = [verdict.status for verdict in verdicts]
    each: dict[str, int] = {status: statuses.count(status) for status in STATUSES}
    return {"ran": len(statuses) - each["blocked"] - each["unsupported"], **each}
