"""What is said of each mistake: today's texts and those of variants that came after them."""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec

from nn_conformance.mistakes.texts import Text
from nn_conformance.mistakes.texts import texts as catalogue
from nn_reference.errors import InputError
from nn_reference.validation import suggestion


@cache
def texts() -> dict[str, Text]:
    """By slug."""
    own = tomllib.loads(files("nn_conformance.explain").joinpath("texts.toml").read_text("utf-8"))
    return {**catalogue(), **msgspec.convert(own, dict[str, Text])}


def text_of(slug: str) -> Text:
    """What is said of one.

    Raises:
        InputError: an unknown slug, with the nearest one.
    """
    if slug not in texts():
        raise InputError(f"mistake: none is named {slug!r}{suggestion(slug, texts()) or ''}")
    return texts()[slug]
