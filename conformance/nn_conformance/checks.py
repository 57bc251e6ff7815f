"""The checks of somebody's objects one by one, as pytest runs them: each by its id, with the verdicts of a case made once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nn_conformance.claims import Claim, claim_of
from nn_conformance.doors import subject
from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.store import LoadedCase, Store
from nn_conformance.judging import cases, claimed, diagnoses_of, suggestion_for, undeclared, verdicts_of
from nn_conformance.ladder import check_ids, judge
from nn_conformance.verdicts import Verdict
from nn_reference.errors import InputError
from nn_reference.systems import System


class Judged:
    """An object, and what it is judged on."""

    def __init__(self, obj: Any, systems: Sequence[System], store: Store, *, named: bool) -> None:
        self.obj, self.systems, self.store, self.named = obj, systems, store, named
        self.target = subject(obj, systems)
        self.conventions = self.target.conventions.describe()
        self.told = False  # whether a failure has shown the diagnosis, which is of all of them

    @cached_property
    def suggestion(self) -> str:
        """The one declaration with which it would be right, or nothing."""
        return suggestion_for(self.store, self.systems, self.target) or ""

    @cached_property
    def diagnosis(self) -> list[str]:
        """What is known of its failures on the first system that has any, in lines; nothing where they are a convention."""
        if not undeclared(self.suggestion or None):
            return []
        for system in self.systems:
            mine = {system.id: list(verdicts_of(self.store, system, self.target))}
            if found := diagnoses_of(self.store, mine, self.target, self.target.dtypes):
                return [f"diagnosis of {system.id}:", *found[system.id].lines()]
        return []


@dataclass
class JudgedCase:
    """One case in one precision, whose checks share a climb."""

    judged: Judged
    loaded: LoadedCase
    dtype: fmt.Dtype

    @property
    def systems(self) -> list[str]:
        """Those that it is a case of, of the claimed ones."""
        judged = self.judged
        return [system.id for system in judged.systems if self.loaded.case.id in judged.store.of_system(system.id)]

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """By id."""
        found = judge(self.loaded, self.judged.target, self.dtype, trusted=True)
        return {verdict.id: verdict for verdict in found}


@dataclass(frozen=True)
class Check:
    """One check of one object.

    Attributes:
        id: the ladder's.
        case: what it is a check of.
    """

    id: str
    case: JudgedCase

    @property
    def judged(self) -> bool:
        """Whether its case has been judged already."""
        return "verdicts" in vars(self.case)

    @property
    def verdict(self) -> Verdict:
        """Its outcome; judges the case if it is the first of its checks."""
        return self.case.verdicts[self.id]

    def __call__(self, obj: Any) -> None:
        """For pytest: passes, fails with what was found, or skips what the object does not do.

        Raises:
            InputError: another object than the check was made for.
        """
        if obj is not self.case.judged.obj:
            raise InputError(f"{self.id}: expected the object that the check was made for, got {type(obj).__name__}")
        settle(self)


def checks_of(obj: Any, networks: str | Sequence[str] | None = None, store: Store | None = None) -> list[Check]:
    """Every check of an object, in the order of the ladder.

    Raises:
        InputError: an unknown network, or an object that is no target.
        DataError: damaged fixtures.
    """
    store = store or Store()
    claim = claim_of(obj) or Claim()
    judged = Judged(obj, claimed(claim, networks), store, named=bool(networks or claim.systems))
    return [
        Check(id_, case)
        for case in (JudgedCase(judged, *pair) for pair in cases(store, judged.systems, large=judged.target.fixed))
        for id_ in check_ids(case.loaded, case.dtype)
    ]


def parametrize_with_checks(objects: Sequence[Any], networks: str | Sequence[str] | None = None) -> Any:
    """A mark for a test of `target` and `check`, which runs once for each check of each object, as scikit-learn's does.

        @parametrize_with_checks([implementation], "homework")
        def test_conforms(target, check):
            check(target)

    Args:
        objects: what `as_target` takes.
        networks: names or ids; what each object is marked with if None.
    """
    import pytest  # noqa: PLC0415

    store = Store()
    made = [(obj, check) for obj in objects for check in checks_of(obj, networks, store)]
    several = len(objects) > 1
    ids = [f"{check.case.judged.target.name}::{check.id}" if several else check.id for _, check in made]
    return pytest.mark.parametrize(("target", "check"), made, ids=ids)


def settle(check: Check) -> None:
    """A verdict as pytest has it."""
    import pytest  # noqa: PLC0415

    verdict = check.verdict
    if verdict.status == "failed":
        judged = check.case.judged
        lines = [f"{verdict.id}: {verdict.reason}", f"error {verdict.error:.3g}, limit {verdict.limit:.3g}"]
        lines += [f"conventions: {judged.conventions}", judged.suggestion, *([] if judged.told else judged.diagnosis)]
        judged.told = True
        pytest.fail("\n".join(line for line in lines if line), pytrace=False)
    if verdict.status in ("blocked", "unsupported"):
        pytest.skip(f"{verdict.status}: {verdict.reason}")
    if verdict.status == "expected failure":
        pytest.xfail(verdict.reason)
