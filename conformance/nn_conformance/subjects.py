"""Who is judged: a target, and what it says of itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, TypeAlias

from nn_conformance.adapt.claims import Claim, claim_of, is_own
from nn_conformance.adapt.converted import Converted
from nn_conformance.adapt.doors import converted, opened
from nn_conformance.adapt.pieces import FAN_OUT, OPTIMIZERS, TODAY, asked_for, optimizers, pieces_of, untested
from nn_conformance.adapt.recovered import Recovered
from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network, describe_network, describe_optimizer
from nn_conformance.cases.on_demand import PLAIN, Wanted, certify, name_of
from nn_conformance.cases.probes import PROBE_EPSILON
from nn_conformance.cases.store import LoadedCase, Store
from nn_conformance.cases.text import network, text_of
from nn_conformance.judge.call import guarded
from nn_conformance.judge.ladder import in_precisions
from nn_conformance.judge.target import DOES, Target
from nn_conformance.judge.verdict import one_line
from nn_conformance.oracles import ORACLES
from nn_conformance.protocol.session import Session
from nn_reference.errors import InputError
from nn_reference.network import Network
from nn_reference.systems import SYSTEMS, System, get

# Constants that float32 does not hold. ε is large: with 1e-8 nobody can tell where it stands; and β₂ is not 0.999, whose
# 1 - β₂ᵗ keeps so few digits that an honest step is off by nearly half its limit.
OFFERED = optimizers((0.1, 0.1, 0.01), 0.9, (0.9, 0.99), PROBE_EPSILON)
OTHER_SIZES = "other sizes than its own: sums and means over samples or outputs that agree there, and transposes"
SYSTEM_IDS = tuple(system.id for system in SYSTEMS)
PRINTED_FIGURES = "printed"  # the column of what documents print; no target has the name


@dataclass(frozen=True)
class OwnNetwork:
    """A network of its author's own, where a documented one can stand too.

    Attributes:
        described: layers and loss.
        optimizer: of its updates; plain gradient descent if None.
    """

    described: fmt.Network
    optimizer: fmt.Optimizer | None = None

    @property
    def id(self) -> str:
        """Its line, and what it is updated by."""
        return "; ".join([text_of(self.described), *pieces_of(optimizer=self.optimizer)])

    @cached_property
    def network(self) -> Network:
        """As the reference computes it."""
        return build_network(self.described)


@dataclass(frozen=True)
class Request:
    """Cases of a network that are certified on demand; the arguments are those of `certify`."""

    network: Network
    optimizer: fmt.Optimizer | None = None
    probes: Wanted = "sizes"

    @property
    def name(self) -> str:
        """What begins their ids; known before anything is certified."""
        return name_of(describe_network(self.network), self.optimizer, self.probes)

    @property
    @cache  # noqa: B019 - one for each network of a run
    def cases(self) -> list[LoadedCase]:
        """Certified, and read once."""
        return list(certify(describe_network(self.network), self.optimizer, probes=self.probes))


Judged: TypeAlias = System | OwnNetwork
Offers: TypeAlias = Sequence[tuple[fmt.Optimizer, bool]]  # and whether each is claimed


def pairs_of(
    store: Store, system: Judged, offers: Offers = (), *, sizes: bool = True
) -> Iterator[tuple[LoadedCase, fmt.Dtype]]:
    """Every case of a network, with each precision in which it is judged; with other `sizes` than the published ones too.

    Raises:
        DataError: a damaged case.
    """
    if isinstance(system, System):
        yield from in_precisions(store.cases(system.id))
    of_sizes, *offered = requests_of(system, offers)
    for request in [of_sizes, *offered] if sizes or isinstance(system, OwnNetwork) else offered:
        yield from in_precisions(request.cases)


def requests_of(system: Judged, offers: Offers = ()) -> list[Request]:
    """What is certified on demand for a network, and for it under each optimiser that a target offers."""
    first = Request(system.network)
    if isinstance(system, OwnNetwork):
        first = Request(system.network, system.optimizer, "all")
    return [first, *(Request(system.network, optimizer, "updates") for optimizer, _ in offers)]


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

    def claimed(self, networks: Sequence[str]) -> list[Judged]:
        """The networks that are named, or all, if they are claimed.

        Raises:
            InputError: a network that there is not, or none that is claimed.
        """
        others = sorted((self.claim.pieces or frozenset()) & (OPTIMIZERS.keys() - {"sgd"}))
        if others and isinstance(self.target.inner, Recovered):
            raise InputError(
                f"pieces: a step by itself is judged as plain gradient descent, got {others[0]!r}; a class with evaluate "
                "and train can be judged by it (conformance/docs/students.md has an example)"
            )
        own = [name for name in self.claim.systems if is_own(name)]
        systems = named_systems(networks or [*SYSTEM_IDS, *own])
        systems = [system for system in systems if system.id in own or self.claim.covers(system.id)]
        has = self.target.pieces
        if has is not None:
            lacking = set().union(*map(pieces_of_system, systems)) - set(has)
            systems = [system for system in systems if pieces_of_system(system) <= set(has)]
            if self.claim.pieces is not None and not networks and not self.claim.systems:
                wanted = set(has) - (set() if "train" in self.does else set(OPTIMIZERS))
                systems += [OwnNetwork(*small) for small in asked_for(wanted, self._covered(systems))]
            if lacking and not systems:
                raise InputError(
                    f"networks: expected pieces that {self.name} names when it starts, got {', '.join(sorted(lacking))}; "
                    "add them to its `pieces` if it has them (PROTOCOL.md)"
                )
        if not systems:
            claims = one_line(", ".join(self.claim.systems))
            raise InputError(f"networks: expected some that {self.name} claims, which are {claims}")
        return systems

    def untested(self, systems: Sequence[Judged], networks: Sequence[str]) -> list[str]:
        """What verdicts on these networks leave unseen, a line each; all pieces of a program that was asked for all."""
        asked = self._covered(systems)
        lines = [OTHER_SIZES] if self.target.fixed else []
        lines += [FAN_OUT] if self.reads_networks and "skip" not in asked else []
        everything = self.reads_networks and not networks and not self.claim.systems
        left = untested({*asked, "skip"}) if everything else ""
        return [*lines, *([f"pieces that it does not name: {left}"] if left else [])]

    def _covered(self, systems: Sequence[Judged]) -> set[str]:
        """The pieces of networks, and of the optimisers by which they are updated."""
        pieces: set[str] = set().union(*map(pieces_of_system, systems))
        for system in systems if "train" in self.does else ():
            if isinstance(system, OwnNetwork):
                pieces |= pieces_of(optimizer=system.optimizer or PLAIN)
            else:
                pieces |= pieces_of(optimizer=describe_optimizer(system.recipe.optimizer))
        return pieces

    @property
    def offers(self) -> list[tuple[fmt.Optimizer, bool]]:
        """The optimisers that it is asked for on every network, with its own constants, and whether it says that it has them.

        Who trains is asked for the usual ones; whose gradients are recovered from its steps, for a step alone.
        """
        usual = ("sgd",) if isinstance(self.target.inner, Recovered) else ("sgd", "momentum classical", "adam torch")
        has = self.target.pieces
        # A program that names optimisers is asked for each by a small network of its own.
        claimed = [piece for piece in OFFERED if piece in (self.claim.pieces or ()) and has is None]
        # One that names nothing is asked for what its networks were trained by, as ever.
        silent = self.reads_networks and self.claim.pieces is None
        trained = [p for p in usual if "train" in self.does and not silent and (has is None or p in has)]
        asked = dict.fromkeys([*trained, *claimed])
        return [(self.claim.conventions.own_constants(OFFERED[piece]), piece in claimed) for piece in asked]

    def restricted(self, networks: Sequence[str]) -> "Subject":
        """Asked for no other networks than these, if they are what it claims, or all that it can have been written for.

        A function of parameters is not told the network, so it cannot follow a change of its loss. Raises as `claimed` does.
        """
        systems = self.claimed(networks)
        told = self.reads_networks or (not networks and "train" in self.does)
        if not self.claim.systems and told:
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
    target, conventions = opened(obj)
    target, claim = guarded(target), replace(claim, conventions=conventions)
    return Subject(_judged(target, claim), claim, getattr(target, "does", DOES)).restricted(networks)


def session_subject(session: Session, networks: Sequence[str] = ()) -> Subject:
    """A program that has started, as the ladder judges it. Raises as `Subject.claimed` does."""
    claim, target = session.claim, session.target
    does, version = (target.started.does, target.started.version) if target.started else ((), "")
    named = TODAY if claim.pieces is None else claim.pieces
    judged = replace(_judged(target, claim), pieces=named) if target.program else _judged(target, claim)
    return Subject(judged, claim, does, version, reads_networks=target.program).restricted(networks)


def _judged(target: Target, claim: Claim) -> Converted:
    """The target in our conventions, asked for the pieces that it names and no others, unless it names only optimisers."""
    pieces = claim.pieces if (claim.pieces or set()) - set(OPTIMIZERS) else None
    return replace(converted(target, claim.conventions, (), claim.dtypes), pieces=pieces)


def pieces_of_system(system: Judged) -> set[str]:
    """The pieces of its network."""
    return pieces_of(describe_network(system.network))


def named_systems(names: Sequence[str]) -> list[Judged]:
    """The documented networks that are named, or all, and networks of one's own.

    Raises:
        InputError: a network that there is not.
    """
    return [OwnNetwork(network(name)) if is_own(name) else get(name) for name in names or SYSTEM_IDS]
