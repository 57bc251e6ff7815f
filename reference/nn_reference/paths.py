"""Where the fixtures are, in a checkout and in an installed wheel."""

from pathlib import Path

from nn_reference.errors import FixturesNotFoundError

# A folder called "fixtures" proves nothing; one with this file in it is ours.
MARKER = Path("datasets", "index.json")


def fixtures_root() -> Path:
    """The absolute path of `fixtures/`.

    A wheel carries the folder inside the package; a checkout, and so an editable install, has it
    beside `reference/`.

    Raises:
        FixturesNotFoundError: neither place has it.
    """
    package = Path(__file__).resolve().parent
    places = (package / "fixtures", package.parents[1] / "fixtures")
    for place in places:
        if (place / MARKER).is_file():
            return place
    raise FixturesNotFoundError(
        f"fixtures: expected {MARKER.as_posix()} in {places[0]} or {places[1]}, got neither: "
        "reinstall nn-conformance, or run it from a complete checkout"
    )
