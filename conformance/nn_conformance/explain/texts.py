"""What is said of each mistake."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from nn_reference.errors import InputError
from nn_reference.validation import suggestion


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One mistake in words.

    Attributes:
        what: what is computed instead, in one line.
        formula: the same in symbols.
        cause: why it happens.
        mend: what to write instead.
    """

    what: str
    formula: str
    cause: str
    mend: str


@cache
def grouped() -> dict[str, dict[str, Text]]:
    """By what the mistake is in, and slug."""
    return msgspec.convert(_table("texts.toml"), dict[str, dict[str, Text]])


@cache
def texts() -> dict[str, Text]:
    """By slug, group after group."""
    return {slug: text for group in grouped().values() for slug, text in group.items()}


@cache
def places() -> dict[str, dict[str, str]]:
    """Of mistakes that have one place, by slug: `slot` and `place`; `uses` and `right`, where they are always the same."""
    return _table("places.toml")


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files("nn_conformance.explain").joinpath(name).read_text("utf-8"))


def text_of(slug: str) -> Text:
    """What is said of one.

    Raises:
        InputError: an unknown slug, with the nearest one.
    """
    if slug not in texts():
        hint = suggestion(slug, texts()) or "; `explain` without a name lists them"
        raise InputError(f"mistake: none is named {slug!r}{hint}")
    return texts()[slug]
