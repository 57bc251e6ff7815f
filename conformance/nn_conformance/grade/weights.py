"""A teacher's file: which function is judged, in which conventions, and how many points each rung is worth."""

from collections.abc import Iterable
from math import inf
from pathlib import Path
from typing import Any

import msgspec

from nn_conformance.adapt.conventions import declared
from nn_conformance.grade.marks import comments
from nn_conformance.judge.ladder import RUNGS
from nn_reference.errors import InputError
from nn_reference.validation import suggestion

DEFAULT = {"contract": 10.0, "loss": 30.0, "gradient": 60.0}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a teacher decides.

    Attributes:
        function: the name that each submission must use; empty for the only one that can be meant.
        weights: points for each rung; a rung that is not here gives none.
        conventions: of every submission, whatever it declares; what each declares if None.
        comments: by mistake, in place of ours.
    """

    function: str = ""
    weights: dict[str, float] = msgspec.field(default_factory=DEFAULT.copy)
    conventions: dict[str, Any] | None = None
    comments: dict[str, str] = {}

    def comments_on(self, mistakes: Iterable[str]) -> list[str]:
        """What is said of each to everyone who makes it."""
        plain = "It does not answer as the exercise asks: see the message."
        return [self.comments.get(mistake) or comments().get(mistake, plain) for mistake in mistakes]

    def check(self) -> None:
        """Raises InputError for a name that there is not, or points that are none."""
        for table, names, known in (
            ("weights", self.weights, [rung.name for rung in RUNGS]),
            ("comments", self.comments, list(comments())),
        ):
            for name in names:
                if name not in known:
                    raise InputError(f"{table}: there is no {name!r}{suggestion(name, known)}")
        if not 0 < sum(self.weights.values()) < inf or min(self.weights.values()) < 0:
            raise InputError("weights: expected numbers from 0 on, of which one is above 0")
        declared(**self.conventions or {})


def of_file(path: Path) -> Settings:
    """Read a file.

    Raises:
        InputError: it cannot be read, is no TOML, or names something that there is not.
    """
    try:
        settings = msgspec.toml.decode(path.read_text("utf-8"), type=Settings)
        settings.check()
    except OSError as error:
        raise InputError(f"--weights {path}: {error.strerror}") from None
    except (ValueError, InputError) as error:  # also of msgspec and of text that is not UTF-8
        raise InputError(f"--weights {path}: {error}") from None
    return settings
