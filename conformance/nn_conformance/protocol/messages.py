"""What goes over the wire: one JSON object a line, requests and replies, and the arrays in them.

Both sides import this: `target` writes requests and reads replies, `host` the other way round.
"""

from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Raw, Struct

from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import number, values
from nn_conformance.judge.target import Does, TargetError
from nn_reference.arithmetic import Array, Params

PROTOCOL = 1
ABSENT = Raw()
RANKS: tuple[Any, ...] = (fmt.Number, list[fmt.Number], list[list[fmt.Number]])


class Moments(Struct):
    """An optimiser's state: steps taken, and arrays by moment and name."""

    step: int
    moments: dict[str, dict[str, Raw]] = {}


class Request(Struct, omit_defaults=True):
    """Any request. Which fields it has depends on `verb` and `do`; a target ignores those that it does not know."""

    seq: int
    verb: str
    protocol: int = 0
    do: str = ""
    dtype: fmt.Dtype | None = None
    values: list[fmt.Number] | None = None
    network: fmt.Network | None = None
    optimizer: fmt.Optimizer | None = None
    params: dict[str, Raw] | None = None
    x: Raw = ABSENT
    t: Raw = ABSENT
    want: list[Literal["layers", "loss", "gradients"]] | None = None
    batches: list[list[int]] | None = None
    state: Moments | None = None
    threshold: float | None = None
    names: list[str] | None = None
    keep_mask: bool | None = None


class Head(Struct):
    """What each reply has."""

    seq: int
    status: Literal["ok", "unsupported", "error"]


class Reply(Struct, forbid_unknown_fields=True, tag_field="status", tag="ok"):
    """Done, with nothing to say: the reply to `stop`. The base of all others."""

    seq: int


class Unsupported(Reply, tag="unsupported"):
    """It cannot do this, and knows it."""

    reason: str


class Error(Reply, tag="error", omit_defaults=True):
    """It could do this, and failed; `failure` is the class of failure and `subject` what it is about, if it says so."""

    message: str
    failure: str = ""
    subject: list[str] = []


class Started(Reply, omit_defaults=True):
    """The reply to `start`: who it is, and what it claims."""

    protocol: int
    name: str
    dtypes: tuple[fmt.Dtype, ...] = ("float64",)
    networks: Literal["any"] | list[str] = "any"
    does: tuple[Does, ...] = ("evaluate",)
    version: str = ""
    conventions: Raw = Raw(b"{}")
    pieces: list[str] | None = None


class Echoed(Reply):
    """The numbers that it read."""

    values: list[fmt.Number]


class Layer(Struct, omit_defaults=True, forbid_unknown_fields=True):
    """Pre-activation and activation of a layer; without one that it does not show."""

    z: Raw = ABSENT
    a: Raw = ABSENT


class Evaluated(Reply, omit_defaults=True):
    """Loss, if it tells one; gradients where they were wanted and it has any; layers if it shows them."""

    loss: fmt.Number | None = None
    gradients: dict[str, Raw] | None = None
    layers: list[Layer] | None = None


class Trained(Reply, omit_defaults=True):
    """The parameters after the last update; the loss before each, if it tells them."""

    params: dict[str, Raw]
    losses: list[fmt.Number] | None = None


class Pruned(Reply):
    """The parameters after pruning, and after one update from there."""

    left: dict[str, Raw]
    after: dict[str, Raw]


def line(message: Struct) -> bytes:
    """A message as a line."""
    return msgspec.json.encode(message) + b"\n"


def encoded(a: Array) -> Raw:
    """An array as nested lists; each number the shortest decimal that gives the same float64 back.

    A float32 is written as the float64 that equals it, so that whoever computes in float64 reads the same number.
    """
    if a.dtype.kind == "i":  # numbers of classes
        return Raw(msgspec.json.encode(a.tolist()))
    plain = np.asarray(a, np.float64)
    if np.all(np.isfinite(plain)) and not np.any(np.signbit(plain) & (plain == 0)):
        return Raw(msgspec.json.encode(plain.tolist()))
    return Raw(msgspec.json.encode(_named(plain)))


def decoded(name: str, raw: Raw, dtype: fmt.Dtype) -> Array:
    """An array of rank 0, 1 or 2 from nested lists.

    Raises:
        TargetError: what stands there is no array of numbers, or its rows differ in length.
    """
    text = bytes(raw)
    head = text[:16].translate(None, b" \t\r\n")
    rank = len(head) - len(head.lstrip(b"["))
    if rank >= len(RANKS):
        raise TargetError(f"{name}: expected a number, a list or a list of rows, got lists {rank} deep", "wrong-shape")
    try:
        nested = msgspec.json.decode(text, type=RANKS[rank])
    except msgspec.ValidationError as error:
        ragged = "`array`" in str(error)
        raise TargetError(f"{name}: {error}", "wrong-shape" if ragged else "not-a-number") from None
    if rank == 2 and len({len(row) for row in nested}) > 1:
        lengths = sorted({len(row) for row in nested})
        raise TargetError(f"{name}: rows of {lengths[0]} to {lengths[-1]} numbers", "wrong-shape")
    if rank == 0:
        return values([nested], dtype).reshape(())
    return values(nested, dtype)


def all_decoded(what: str, raws: dict[str, Raw], dtype: fmt.Dtype) -> Params:
    """Arrays by name."""
    return {name: decoded(f"{what} {name}", raw, dtype) for name, raw in raws.items()}


def all_encoded(arrays: Params) -> dict[str, Raw]:
    """Arrays by name."""
    return {name: encoded(a) for name, a in arrays.items()}


def _named(a: Array) -> Any:
    return [_named(part) for part in a] if a.ndim else number(float(a))
