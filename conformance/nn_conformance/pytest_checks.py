"""The checks of somebody's objects one by one, as pytest runs them: each by its id, with the verdicts of a case made once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nn_conformance.adapt.claims import Networks, names_of
from nn_conformance.cases import format as fmt
from nn_conformance.cases.store import LoadedCase, Store
from nn_conformance.judge.verdict import CheckId, Verdict
from nn_conformance.judge_run import JudgeRun
from nn_conformance.outcome import numbers
from nn_conformance.subjects import subject_of
from nn_reference.errors import InputError


class JudgedObject:
    """An object under pytest, and its run."""

    def __init__(self, obj: Any, networks: Sequence[str], store: Store) -> None:
        self.obj, self.networks = obj, networks
        subject = self.subject = subject_of(obj, networks)
        systems = subject.claimed(networks)
        self.run = JudgeRun(subject.target, systems, store, dtypes=subject.claim.dtypes, offers=subject.offers)
        self.told = False  # whether a failure has shown the explanation, which is of all of them

    def explanation(self) -> list[str]:
        """The declaration that would mend the failures, and, the first time, what is known of them."""
        lines = [] if self.run.suggestion is None else [str(self.run.suggestion)]
        if not self.told:
            self.told = True
            for system, explanation in self.run.explanations.items():
                lines += [f"{system}:", *explanation.lines()]
        return lines


@dataclass(frozen=True)
class Check:
    """One check of one object, on a case in a precision, by the ladder's id."""

    id: CheckId
    judged: JudgedObject
    loaded: LoadedCase
    dtype: fmt.Dtype

    @property
    def verdict(self) -> Verdict:
        """Its outcome; judges the case if it is the first of its checks."""
        return self.judged.run.verdicts(self.loaded, self.dtype)[self.id]

    @property
    def systems(self) -> list[str]:
        """Those that its case is one of, of the claimed ones."""
        run = self.judged.run
        return [s.id for s in run.systems if any(loaded.case.id == self.loaded.case.id for loaded, _ in run.pairs(s))]

    def __call__(self, obj: Any) -> None:
        """For pytest: passes, fails with what was found, or skips what the object does not do.

        Raises:
            InputError: another object than the check was made for.
        """
        if obj is not self.judged.obj:
            raise InputError(f"{self.id}: expected the object that the check was made for, got {type(obj).__name__}")
        self.settle()

    def settle(self) -> None:
        """The verdict as pytest has it."""
        import pytest  # noqa: PLC0415

        verdict = self.verdict
        if verdict.failed:
            lines = [f"{verdict.id}: {verdict.reason}", *filter(None, [numbers(verdict)])]
            lines += [f"conventions: {self.judged.subject.conventions}", *self.judged.explanation()]
            pytest.fail("\n".join(lines), pytrace=False)
        if verdict.status in ("blocked", "unsupported"):
            pytest.skip(f"{verdict.status}: {verdict.reason}")


def checks_of(obj: Any, networks: Networks = None, store: Store | None = None) -> list[Check]:
    """Every check of an object, in the order of the ladder.

    Raises:
        InputError: an unknown network, none that is claimed, or an object that is no target.
        DataError: damaged fixtures.
    """
    judged = JudgedObject(obj, names_of(networks), store or Store())
    return [Check(check, judged, *pair) for check, pair in judged.run.checks().items()]


def parametrize_with_checks(objects: Sequence[Any], networks: Networks = None) -> Any:
    """A mark for a test of `target` and `check`, which runs once for each check of each object, as scikit-learn's does.

        @parametrize_with_checks([implementation], "homework")
        def test_conforms(target, check):
            check(target)

    Args:
        objects: what `adapt.doors.opened` takes.
        networks: names or ids, lines or what `network` returns; what each object is marked with if None.
    """
    import pytest  # noqa: PLC0415

    store = Store()
    made = [(obj, check) for obj in objects for check in checks_of(obj, networks, store)]
    several = len(objects) > 1
    ids = [f"{check.judged.subject.name}::{check.id}" if several else str(check.id) for _, check in made]
    return pytest.mark.parametrize(("target", "check"), made, ids=ids)
