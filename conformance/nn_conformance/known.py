"""Known deviations: checks that a target is expected to fail, by which cause, and how far that cause goes."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib.resources import files
from math import inf, isnan

import msgspec

from nn_conformance.verdicts import Verdict
from nn_reference.errors import DataError


class Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One deviation.

    Attributes:
        target: whose it is.
        checks: which checks fail by it: an id, with ``*`` for any part.
        reason: the cause.
        at_most: the largest ratio of error to limit that the cause explains.
    """

    target: str
    checks: str
    reason: str
    at_most: float

    def matches(self, id_: str) -> bool:
        """Whether the check is one of those."""
        return fnmatchcase(id_, self.checks)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    known: list[Known] = []


def shipped(target: str) -> list[Known]:
    """The deviations of an oracle of ours that were found, measured and traced to their cause."""
    text = files("nn_conformance.oracles").joinpath("known.toml").read_text("utf-8")
    return [entry for entry in parse(text, "oracles/known.toml") if entry.target == target]


def parse(text: str, where: str) -> list[Known]:
    """The entries of a TOML file.

    Raises:
        DataError: no TOML, or not of this form.
    """
    try:
        known = msgspec.convert(tomllib.loads(text), _File).known
        if not all(1 < entry.at_most < inf for entry in known):
            raise ValueError("at_most must be a finite number above 1")  # noqa: TRY301 - one message for all
    except ValueError as error:  # tomllib's and msgspec's are ValueErrors
        raise DataError(
            f"{where}: expected [[known]] tables of target, checks, reason and at_most, got: {error}"
        ) from None
    return known


def expect(verdict: Verdict, known: Sequence[Known]) -> Verdict:
    """The verdict, given what is known: an expected failure, or a failure where one was expected and none came."""
    mine = [entry for entry in known if entry.matches(verdict.id)]
    if not mine or verdict.status not in ("passed", "failed"):
        return verdict
    entry = mine[0]
    if len(mine) > 1:
        return replace(verdict, status="failed", reason=f"expected by {len(mine)} entries, where one must do")
    if verdict.at_least or isnan(verdict.error):  # no size, so nothing that a cause could explain
        return verdict
    if verdict.status == "passed":
        return replace(verdict, status="failed", reason=f"expected to fail, and passed: {entry.reason}")
    if not verdict.ratio <= entry.at_most:
        beyond = f"error is {verdict.ratio:.3g} times the limit, and what is known explains {entry.at_most:g}"
        return replace(verdict, reason=f"{beyond}: {entry.reason}; {verdict.reason}")
    return replace(verdict, status="expected failure", reason=f"{entry.reason}; {verdict.reason}")
