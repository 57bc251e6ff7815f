"""`verify` as a library call, and what the command and pytest show of somebody's object: verdicts, counts, conventions."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nn_conformance.claims import Claim, claim_of
from nn_conformance.converted import Converted
from nn_conformance.diagnosis.diagnose import Diagnosis, diagnose
from nn_conformance.doors import subject
from nn_conformance.fixtures import format as fmt
from nn_conformance.fixtures.store import LoadedCase, Store
from nn_conformance.ladder import cases_of, judge
from nn_conformance.suggestions import suggest
from nn_conformance.targets import Target
from nn_conformance.verdicts import Verdict, counts, silent
from nn_conformance.verification import SMALL
from nn_reference.errors import InputError
from nn_reference.systems import SYSTEMS, System, get

DIAGNOSED = 3  # systems that are diagnosed, of those that fail: one mistake mostly shows in all of them
TELLING = "probe-rectangular"  # the probe whose sizes all differ: it tells conventions apart


@dataclass(frozen=True)
class Report:
    """What came of judging one object. It is true if something passed, nothing failed and nothing claimed is missing.

    Attributes:
        name: of the object.
        conventions: what it declares otherwise than the fixtures.
        verdicts: one for each check.
        suggestion: the one declaration with which it would be right, where there is one.
        diagnoses: by system, what is known of the failures there.
        silent: systems that were asked for or claimed by name, and of which nothing could be judged.
    """

    name: str
    conventions: str
    verdicts: Sequence[Verdict]
    suggestion: str | None = None
    diagnoses: Mapping[str, Diagnosis] = field(default_factory=dict)
    silent: Sequence[str] = ()

    @property
    def failed(self) -> list[Verdict]:
        """The checks that failed."""
        return [verdict for verdict in self.verdicts if verdict.status == "failed"]

    @property
    def ok(self) -> bool:
        """Whether something passed, nothing failed, and no system is silent."""
        return not self.failed and not self.silent and any(verdict.status == "passed" for verdict in self.verdicts)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        numbers = ", ".join(f"{count} {status}" for status, count in counts(self.verdicts).items() if count)
        lines = [f"{self.name}: {numbers}", f"conventions: {self.conventions}"]
        lines += [f"{verdict.id}: {verdict.reason}" for verdict in self.failed]
        lines += [f"{system}: nothing of it could be judged" for system in self.silent]
        lines += [self.suggestion] if self.suggestion else []
        lines += [line for found in self.diagnoses.values() for line in found.lines()]
        return "\n".join(lines)


def verify(
    obj: Any, networks: str | Sequence[str] | None = None, *, large: bool = False, store: Store | None = None
) -> Report:
    """Judge an object in this process.

    Args:
        obj: what `as_target` takes.
        networks: names or ids, as ``homework`` or ``mnist-relu-torch/corrected``; what it is marked with if None.
        large: whether documented cases of MNIST's size are judged too, and not only their probes; they are where the
            object has one size.
        store: the fixtures; those that ship if None.

    Raises:
        InputError: an unknown network, none at all, or an object that is no target.
        DataError: damaged fixtures.

    >>> from nn_conformance.oracles import reference
    >>> report = verify(reference, "homework")
    >>> report.ok, report.conventions
    (True, "the fixtures' own")
    """
    claim = claim_of(obj) or Claim()
    systems = claimed(claim, networks)
    target, store = subject(obj, systems), store or Store()
    large = large or target.fixed
    by_system = {system.id: list(verdicts_of(store, system, target, large=large)) for system in systems}
    verdicts = {verdict.id: verdict for mine in by_system.values() for verdict in mine}
    failed = any(verdict.status == "failed" for verdict in verdicts.values())
    hint = suggestion_for(store, systems, target) if failed else None
    diagnoses = diagnoses_of(store, by_system, target, target.dtypes) if failed and undeclared(hint) else {}
    missing = silent(by_system, named=bool(networks or claim.systems))
    return Report(target.name, target.conventions.describe(), list(verdicts.values()), hint, diagnoses, missing)


def verdicts_of(store: Store, system: System, target: Target, *, large: bool = False) -> Iterator[Verdict]:
    """Of every check of a system that `cases` has."""
    for loaded, dtype in cases(store, [system], large=large):
        yield from judge(loaded, target, dtype, trusted=True)


def undeclared(hint: str | None) -> bool:
    """Whether there may be a mistake: a convention that is declared wrongly is none.

    But of gradients of another scale or sign than that of a loss which is right, nobody knows which of both they are.
    """
    return hint is None or "gradient" in hint.partition("=")[0]


def diagnoses_of(
    store: Store, verdicts: Mapping[str, Sequence[Verdict]], target: Target, dtypes: Collection[str]
) -> dict[str, Diagnosis]:
    """What is known of the failures on the first systems that have any."""
    failing = [name for name, mine in verdicts.items() if any(verdict.status == "failed" for verdict in mine)]
    found = {}
    for name in failing[:DIAGNOSED]:
        pairs = [(loaded, dtype) for loaded, dtype in cases(store, [get(*name.split("/"))]) if dtype in dtypes]
        if diagnosis := diagnose(pairs, target, verdicts[name]):
            found[name] = diagnosis
    return found


def claimed(claim: Claim, networks: str | Sequence[str] | None = None) -> list[System]:
    """The systems that an object is judged on.

    Raises:
        InputError: a network that does not exist, or none.
    """
    if networks is None:
        claim.check()
        found = [system for system in SYSTEMS if claim.covers(system.id)]
    else:
        found = [get(name) for name in ([networks] if isinstance(networks, str) else networks)]
    if not found:
        raise InputError(f"networks: expected at least one, got {networks or claim.systems!r}; see nn-conformance list")
    return found


def cases(store: Store, systems: Sequence[System], *, large: bool = False) -> Iterator[tuple[LoadedCase, fmt.Dtype]]:
    """Every case of the systems, once, with each precision in which it is judged."""
    seen = set()
    for system in systems:
        for loaded, dtype in cases_of(store, system.id):
            documented = bool({"documented", "corrected"} & set(loaded.case.flags))
            if (loaded.case.id, dtype) not in seen and (large or not documented or system.network.size <= SMALL):
                seen.add((loaded.case.id, dtype))
                yield loaded, dtype


def suggestion_for(store: Store, systems: Sequence[System], target: Converted) -> str | None:
    """The declaration that would make the first system right, if one would."""
    telling = [pair for pair in cases(store, systems[:1]) if pair[0].case.id.endswith(TELLING)]
    found = (suggest(loaded, target, dtype) for loaded, dtype in telling if dtype in target.dtypes)
    return next((text for text in found if text), None)
