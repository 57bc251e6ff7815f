"""What a gradient check says."""

from dataclasses import dataclass
from math import isnan, nan
from typing import Literal

from nn_conformance.judge.digits import told_apart
from nn_conformance.judge.verdict import printable

Status = Literal["passed", "failed", "undecided"]


@dataclass(frozen=True)
class Finding:
    """What was found of one tensor, or of the loss itself.

    Attributes:
        name: of the tensor; ``loss`` or ``gradients`` where those cannot be checked at all.
        status: `passed`, `failed`, or `undecided` where the loss does not let one tell. Undecided is never a pass.
        error: |claimed - measured slope| in the direction nearest to its limit, or farthest beyond it. NaN if nothing
            was measured, or nothing can rest on it.
        limit: the largest error that passes.
        reason: what was compared with what, and where the limit comes from; or why nothing was.
        smallest_entry: an entry further off than this is caught.
        smallest_factor: c times the right gradient is caught if abs(1 - 1/c) is more than this.
        cause: of a failure, as far as it shows from outside: a factor, a transpose, the entries; else empty.
    """

    name: str
    status: Status
    error: float
    limit: float
    reason: str
    smallest_entry: float = nan
    smallest_factor: float = nan
    cause: str = ""

    def __str__(self) -> str:
        error, limit = told_apart(self.error, self.limit, least=2)
        compared = "" if isnan(self.error) else f" (error {error}, limit {limit})"
        text = "; ".join(part for part in (self.cause, self.reason) if part)
        return printable(f"{self.name}: {self.status}{compared}: {text}")


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found; true if all of it passed.

    Attributes:
        findings: one for each tensor, in the order of `params`; or a single one, of the loss or the gradients.
        evaluations: how often the loss was called.
        seed: what the directions were drawn from.
    """

    findings: tuple[Finding, ...]
    evaluations: int
    seed: int

    @property
    def ok(self) -> bool:
        """Whether every tensor passed."""
        return all(finding.status == "passed" for finding in self.findings)

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return str(self)  # what a prompt shows is for people

    def _repr_html_(self) -> str:
        """For a notebook."""
        from nn_conformance.report.page import gradients  # noqa: PLC0415 - templates, for notebooks alone

        return gradients(self)

    def __str__(self) -> str:
        passed = sum(finding.status == "passed" for finding in self.findings)
        head = f"{passed} of {len(self.findings)} gradients passed ({self.evaluations} calls of the loss, seed {self.seed})"
        return "\n".join([head, *(f"  {finding}" for finding in self.findings)])
