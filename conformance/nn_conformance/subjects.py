"""Who is judged: a target, and what it says of itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

from nn_conformance.adapt.claims import Claim, claim_of, is_own
from nn_conformance.adapt.converted import Converted
from nn_conformance.adapt.doors import as_target, conventions_of, converted
from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network, describe_network
from nn_conformance.cases.on_demand import certify
from nn_conformance.cases.store import LoadedCase, Store
from nn_conformance.cases.text import network, text_of
from nn_conformance.judge.call import guarded
from nn_conformance.judge.ladder import cases_of
from nn_conformance.judge.target import DOES
from nn_conformance.judge.verdict import one_line
from nn_conformance.oracles import ORACLES
from nn_conformance.protocol.session import Session
from nn_reference.errors import InputError
from nn_reference.network import Network
from nn_reference.systems import SYSTEMS, System, get

SYSTEM_IDS = tuple(system.id for system in SYSTEMS)
PRINTED_FIGURES = "printed"  # the column of what documents print; no target has the name


@dataclass(frozen=True)
class OwnNetwork:
    """A network of its author's own, where a documented one can stand too.

    Attributes:
        described: layers and loss.
    """

    described: fmt.Network

    @property
    def id(self) -> str:
        """Its line."""
        return text_of(self.described)

    @cached_property
    def network(self) -> Network:
        """As the reference computes it."""
        return build_network(self.described)

    @cached_property
    def cases(self) -> list[LoadedCase]:
        """Its probes and a case of its own sizes, certified."""
        return list(certify(self.described))


Judged: TypeAlias = System | OwnNetwork


def pairs_of(store: Store, system: Judged) -> Iterator[tuple[LoadedCase, fmt.Dtype]]:
    """Every case of a network, with each precision in which it is judged.

    Raises:
        DataError: a damaged case.
    """
    if isinstance(system, System):
        return cases_of(store, system.id)
    return ((loaded, dtype) for loaded in system.cases for dtype in fmt.DTYPES)


@dataclass(frozen=True)
class Subject:
    """A target, and what it says of itself.

    Attributes:
        target: converted to our conventions.
        claim: networks, conventions and precisions.
        does: `evaluate`, `train`, `prune`.
        version: its own.
        reads_networks: whether it computes whatever network it is asked for, as a program does and a function does not.
    """

    target: Converted
    claim: Claim
    does: Sequence[str] = ("evaluate", "train")
    version: str = ""
    reads_networks: bool = False

    @property
    def name(self) -> str:
        """What reports call it; no oracle has the name."""
        name = one_line(self.target.name)[:60] or "target"
        return f"{name} (target)" if name in (*ORACLES, PRINTED_FIGURES) else name

    def claimed(self, networks: Sequence[str]) -> list["Judged"]:
        """The networks that are named, or all, if they are claimed.

        Raises:
            InputError: a network that there is not, or none that is claimed.
        """
        self.claim.check()
        own = [name for name in self.claim.systems if is_own(name)]
        systems = [system for system in named_systems(networks or [*SYSTEM_IDS, *own]) if self._claims(system, own)]
        if not systems:
            claims = one_line(", ".join(self.claim.systems))
            raise InputError(f"networks: expected some that {self.name} claims, which are {claims}")
        return systems

    def _claims(self, system: "Judged", own: Sequence[str]) -> bool:
        return not self.claim.systems or system.id in own or self.claim.covers(system.id)

    def restricted(self, networks: Sequence[str]) -> "Subject":
        """Asked for no other networks than these, if they are what it claims, or all that it can have been written for.

        Raises as `claimed` does.
        """
        systems = self.claimed(networks)
        if not self.claim.systems and (self.reads_networks or not networks):
            return self
        described = tuple(describe_network(system.network) for system in systems)
        return replace(self, target=replace(self.target, networks=described))

    def line(self) -> str:
        """What it says of itself, in a line; of what did not start there is only the name."""
        if not self.does:
            return self.name
        version = f" {one_line(self.version)[:40]}" if self.version else ""
        networks = one_line(", ".join(self.claim.systems))[:200] or "any network"
        return (
            f"{self.name}{version}: {networks}; {', '.join(self.claim.dtypes)}; {', '.join(self.does)}; "
            f"conventions: {self.conventions}"
        )

    @property
    def conventions(self) -> str:
        """What it does otherwise than the fixtures."""
        return one_line(self.claim.conventions.describe())

    @property
    def not_claimed(self) -> dict[str, list[str]]:
        """Systems and precisions that nobody said it has."""
        return {
            "systems": []
            if any(map(is_own, self.claim.systems))
            else [s for s in SYSTEM_IDS if not self.claim.covers(s)],
            "dtypes": [dtype for dtype in fmt.DTYPES if dtype not in self.claim.dtypes],
        }


def subject_of(obj: Any, networks: Sequence[str] = ()) -> Subject:
    """An object of this process as the ladder judges it, asked for no other networks than these or those that it claims.

    Raises:
        InputError: it is no target, or claims a network that does not exist, or none of these.
    """
    claim = claim_of(obj) or Claim()
    claim.check()
    if isinstance(obj, Converted):
        return Subject(obj, Claim(conventions=obj.conventions, dtypes=tuple(obj.dtypes)))
    conventions, target = conventions_of(obj), guarded(as_target(obj))
    claim = Claim(claim.systems, conventions, claim.dtypes)
    subject = Subject(converted(target, conventions, (), claim.dtypes), claim, getattr(target, "does", DOES))
    return subject.restricted(networks)


def session_subject(session: Session, networks: Sequence[str] = ()) -> Subject:
    """A program that has started, as the ladder judges it. Raises as `Subject.claimed` does."""
    claim, started = session.claim, session.target.started
    does, version = (started.does, started.version) if started else ((), "")
    judged = converted(session.target, claim.conventions, (), claim.dtypes)
    subject = Subject(judged, claim, does, version, reads_networks=session.target.program)
    return subject.restricted(networks)


def named_systems(names: Sequence[str]) -> list["Judged"]:
    """The documented networks that are named, or all, and networks of one's own.

    Raises:
        InputError: a network that there is not.
    """
    return [OwnNetwork(network(name)) if is_own(name) else get(name) for name in names or SYSTEM_IDS]
