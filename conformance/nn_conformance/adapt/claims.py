"""`conforms`: which networks an object says that it implements, and in which conventions. Nothing here needs NumPy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from nn_conformance.adapt.conventions import OURS, Conventions, declared
from nn_reference.errors import InputError

if TYPE_CHECKING:
    from nn_conformance.cases import format as fmt

MARK = "__nn_conformance__"
T = TypeVar("T")


@dataclass(frozen=True)
class Claim:
    """What is said of an object.

    Attributes:
        systems: names or ids of documented networks, with ``*`` for any part, or networks of their author's own, each a
            line such as ``3-5 relu-2 softmax, cross-entropy``; all documented ones if empty.
        conventions: what it does otherwise than the fixtures.
        dtypes: the precisions that it has.
        layer: what it is, such as ``dense relu``, where it is a layer and no network; `systems` then has the line of the
            network that is built of it.
        pieces: what it says that it has, of `adapt.pieces`: each is asked for, and may not be refused; None if it says
            nothing.
    """

    systems: tuple[str, ...] = ()
    conventions: Conventions = OURS
    dtypes: tuple[str, ...] = ("float32", "float64")
    layer: str = ""
    pieces: frozenset[str] | None = None

    def check(self) -> None:
        """Raises InputError for what names no network, with the nearest name, or the word of a line that is wrong."""
        from nn_conformance.cases.text import parse  # noqa: PLC0415 - they need NumPy
        from nn_reference.systems import SYSTEMS, get  # noqa: PLC0415 - likewise

        for name in self.systems:
            if is_own(name):
                parse(name)
            elif "*" not in name:
                get(name)
            elif not any(Claim((name,)).covers(system.id) for system in SYSTEMS):
                raise InputError(f"networks: expected some that are like {name!r}, got none; see nn-conformance list")

    def covers(self, system_id: str) -> bool:
        """Whether a system such as ``homework/documented`` is claimed; a plain name claims the documented version."""
        name, _, version = system_id.partition("/")
        return not self.systems or any(
            fnmatchcase(system_id, claimed)
            if "/" in claimed
            else fnmatchcase(name, claimed) and version == "documented"
            for claimed in self.systems
        )


def is_own(network: str) -> bool:
    """Whether a text is a network of its author's, a line or a JSON file, and not the name of a documented one."""
    return network[:1].isdigit() or network.endswith(".json")


def conforms(
    *systems: "str | fmt.Network",
    layer: str = "",
    dtypes: tuple[str, ...] = Claim.dtypes,
    pieces: tuple[str, ...] = (),
    **conventions: Any,
) -> Callable[[T], T]:
    """Says of a function, a class or a model that it implements documented networks; pytest then judges it.

    Args:
        systems: names that ``nn-conformance list`` prints, ``name/corrected`` for another version, ``*`` for any part;
            or networks of your own, as `network` reads them.
        layer: of a layer in place of a network what it is: ``dense relu``, ``relu``, ``softmax cross-entropy``.
        dtypes: the precisions that it has.
        pieces: optimisers that it has, as ``("adam torch",)``, and other pieces by the words of PROTOCOL.md; none of them
            may be refused.
        conventions: fields of `Conventions` in which it differs from the fixtures.

    Raises:
        InputError: a convention, a precision, a piece or a layer that does not exist, or an object that cannot hold a mark.
    """
    names = tuple(_name(system) for system in systems)
    if layer:
        from nn_conformance.adapt.layers import network_of  # noqa: PLC0415 - NumPy, for layers alone

        if names:
            raise InputError("conforms: expected networks or a layer, got both")
        names = (network_of(layer),)
    if not dtypes or not set(dtypes) <= set(Claim.dtypes):
        raise InputError(f"conforms: dtypes: expected some of {Claim.dtypes}, got {dtypes!r}")
    has = None
    if pieces:
        from nn_conformance.adapt.pieces import named  # noqa: PLC0415 - NumPy, for who names some

        has = named(pieces)
    claim = Claim(names, declared(**conventions), tuple(dtypes), layer, has)

    def mark(obj: T) -> T:
        try:
            setattr(obj, MARK, claim)
        except (AttributeError, TypeError):
            raise InputError(f"conforms: a {type(obj).__name__} cannot be marked; wrap it in a function") from None
        return obj

    return mark


Networks: TypeAlias = "str | fmt.Network | Sequence[str | fmt.Network] | None"


def names_of(networks: Networks) -> list[str]:
    """What a caller asks for, one or several, as names and lines; none for None. Raises as `conforms` does."""
    if networks is None:
        return []
    several = networks if isinstance(networks, Sequence) and not isinstance(networks, str) else [networks]
    return [_name(network, "networks: expected names, lines or networks, got {}") for network in several]


def _name(
    system: "str | fmt.Network", refusal: str = "conforms: expected names of networks, got {}; write @conforms(...)"
) -> str:
    """A name as it is; a network as its line.

    Raises:
        InputError: neither, or a line or file that is no network.
    """
    if isinstance(system, str) and not is_own(system):
        return system
    from nn_conformance.cases import format as fmt  # noqa: PLC0415 - NumPy, for networks of one's own alone
    from nn_conformance.cases.text import network, text_of  # noqa: PLC0415 - likewise

    if not isinstance(system, str | fmt.Network):
        raise InputError(refusal.format(type(system).__name__))
    return text_of(network(system))


def claim_of(obj: object) -> Claim | None:
    """What was said of the object itself, and not of its class."""
    found = getattr(obj, "__dict__", {}).get(MARK)
    return found if isinstance(found, Claim) else None
