"""A target in a child process, judged from its start to its end: what the command line reports of it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nn_conformance.diagnosis.diagnose import Diagnosis
from nn_conformance.fixtures.store import Store
from nn_conformance.judging import diagnoses_of, suggestion_for, undeclared
from nn_conformance.known import expect, of_file, unused
from nn_conformance.oracles import ORACLES
from nn_conformance.protocol.session import HARNESS, Session
from nn_conformance.protocol.target import ProtocolTarget
from nn_conformance.targets import Target
from nn_conformance.verdicts import Verdict, one_line
from nn_conformance.verification import PRINTED_FIGURES, Given, Outcome, Verification
from nn_reference.systems import SYSTEMS, get

# What code of another convention does; what crashes or hangs is not asked again.
CONVENTIONAL = {"mismatch", "answer", "wrong-names", "wrong-shape", "not-finite", "error"}
LAST_LINES = 5  # of stderr
Counter = Callable[[str, int], AbstractContextManager[Callable[[str], None]]]


@dataclass(frozen=True)
class Asked:
    """What to judge.

    Attributes:
        networks: names or ids; all if empty.
        oracles: judged beside it.
        large: whether documented cases of MNIST's size are judged too.
        known: a file of failures that are expected.
        restricted: whether the target is asked for no other networks than those named; a command that is asked for a
            variation of a network reads it from the request, and a function cannot.
    """

    networks: Sequence[str] = ()
    oracles: Sequence[Target] = ()
    large: bool = False
    known: Path | None = None
    restricted: bool = False


@dataclass
class Judgement:
    """What came of it.

    Attributes:
        session: the target's claims.
        name: the target's, on one line; no oracle has it.
        outcomes: by system, of the target and of oracles.
        others: verdicts of the harness and of the file of known failures.
        hint: which declaration would make it pass, if one would.
        diagnoses: by system, what is known of its failures there.
        left_out: how many systems have documented cases that are not judged for their size.
        stderr: the end of what it wrote there.
    """

    session: Session
    name: str
    others: list[Verdict]
    outcomes: list[Outcome] = field(default_factory=list)
    hint: str | None = None
    diagnoses: dict[str, Diagnosis] = field(default_factory=dict)
    left_out: int = 0
    stderr: str | None = None

    @property
    def about(self) -> str:
        """What it says of itself, in a line."""
        claim, started = self.session.claim, self.session.target.started
        if started is None:
            return self.name
        version = f" {one_line(started.version)[:40]}" if started.version else ""
        networks = one_line(", ".join(claim.systems))[:200] or "any network"
        return (
            f"{self.name}{version}: {networks}; {', '.join(claim.dtypes)}; {', '.join(started.does)}; "
            f"conventions: {one_line(claim.conventions.describe())}"
        )

    @property
    def not_claimed(self) -> dict[str, list[str]]:
        """Systems and precisions that nobody said it has."""
        claim = self.session.claim
        return {
            "systems": [system.id for system in SYSTEMS if not claim.covers(system.id)],
            "dtypes": [dtype for dtype in ("float32", "float64") if dtype not in claim.dtypes],
        }

    @property
    def last_words(self) -> list[str]:
        """The end of its stderr, if something went wrong that is no mismatch of numbers."""
        mine = [v for outcome in self.outcomes if outcome.target == self.name for v in outcome.verdicts]
        silent = all(v.failure in ("", "mismatch") for v in (*mine, *self.others))
        stderr = self.session.target.last_words if self.stderr is None else self.stderr
        lines = [one_line(line) for line in stderr.splitlines()]
        # Of a stack trace what went wrong, and not the way there.
        return [] if silent else [line for line in lines if line and not line.startswith("at ")][-LAST_LINES:]

    def as_json(self) -> dict[str, Any]:
        """Who was judged, for `json.dumps`."""
        claim, started = self.session.claim, self.session.target.started
        return {
            "name": self.name,
            "version": one_line(started.version) if started else None,
            "networks": [one_line(name) for name in claim.systems] or "any",
            "dtypes": list(claim.dtypes),
            "does": list(started.does) if started else [],
            "conventions": one_line(claim.conventions.describe()),
            "suggestion": self.hint,
            "diagnoses": {system: found.as_json() for system, found in self.diagnoses.items()},
            "not_claimed": self.not_claimed,
        }


def judge_target(target: ProtocolTarget, asked: Asked, counter: Counter) -> Judgement:
    """Start it, judge it on what it claims, stop it.

    Raises:
        InputError: it says why it cannot start; an unknown network; none that it claims.
        DataError: damaged fixtures or a file of known failures that is not of the form.
    """
    store = Store()
    known = () if asked.known is None else of_file(asked.known, store.ids)
    systems = [get(name) for name in asked.networks] or list(SYSTEMS)
    session = Session(target)
    begun = session.begin()
    name = f"{target.name} (target)" if target.name in (*ORACLES, PRINTED_FIGURES) else target.name
    judgement = Judgement(session, name, session.verdicts)
    if begun:
        claimed = session.claimed(systems)
        restricted = asked.restricted and bool(asked.networks or session.claim.systems)
        converted = session.judged(claimed if restricted else ())
        given = Given(converted, name, {system.id for system in claimed}, session.claim.dtypes, known)
        verification = Verification(store, asked.oracles, large=asked.large, given=given)
        with counter("verifying", len(claimed) * (1 + len(asked.oracles))) as advance:
            judgement.outcomes.extend(verification.run(claimed, advance))
        judgement.left_out = verification.left_out(claimed)
        by_system = {outcome.system: outcome.verdicts for outcome in judgement.outcomes if outcome.target == name}
        mine = [verdict for verdicts in by_system.values() for verdict in verdicts]
        session.check_claims(by_system)
        judgement.stderr = target.last_words
        failures = {v.failure for v in mine if v.status == "failed"}
        if failures and failures <= CONVENTIONAL:
            judgement.hint = suggestion_for(store, claimed, converted)
            if undeclared(judgement.hint):
                judgement.diagnoses = diagnoses_of(store, by_system, converted, session.dtypes)
        session.end()
        others = set(store.ids) - {v.id.split("::")[0] for v in mine} - {HARNESS}
        session.verdicts.extend(unused(known, [*mine, *session.verdicts], others))
    judgement.others = [expect(verdict, known) for verdict in session.verdicts]
    return judgement
