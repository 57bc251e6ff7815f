"""`new-adapter`: a skeleton in a language, which passes `smoke` as it is and is filled in from there."""

from pathlib import Path
from typing import Annotated

import typer

from nn_reference.errors import InputError

EXTENSIONS = {"python": ".py", "javascript": ".mjs", "c": ".c"}
BY_ENDING = {ending: language for language, ending in EXTENSIONS.items()}


def skeleton(language: str) -> str:
    """The text of a language's skeleton.

    Raises:
        InputError: a language for which there is none.
    """
    from importlib.resources import files

    from nn_reference.validation import check_choice

    check_choice("--language", language, EXTENSIONS)
    return files("nn_conformance").joinpath("skeletons", f"adapter{EXTENSIONS[language]}").read_text("utf-8")


def write(language: str, file: Path | None, *, force: bool) -> Path:
    """Write a skeleton, with its own name in its instructions; `adapter` with the language's ending if no file is named.

    Raises:
        InputError: no such language, a file that is there, unless it may be replaced, or one that cannot be written.
    """
    text = skeleton(language)
    path = file or Path(f"adapter{EXTENSIONS[language]}")
    if path.suffix not in ("", EXTENSIONS[language]):
        fitting = BY_ENDING.get(path.suffix)
        mend = f"--language {fitting}" if fitting else f"there are {', '.join(EXTENSIONS)}"
        raise InputError(
            f"{path}: expected a file that ends in {EXTENSIONS[language]}, for --language {language}; {mend}"
        )
    try:
        with path.open("w" if force else "x", encoding="utf-8", newline="\n") as out:
            out.write(text.replace("FILE", path.name))
    except FileExistsError:
        raise InputError(f"{path}: there is a file of that name; --force replaces it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot write it: {error.strerror}") from None
    return path


def new_adapter(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to write it, adapter.py if not given.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(metavar="|".join(EXTENSIONS), help="In which language; else by FILE's ending.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write an adapter, to be filled in.

    It is a harness that starts, and supports nothing yet, in your language.
    """
    language = language or BY_ENDING.get(file.suffix if file else "", "python")
    print(f"wrote {write(language, file, force=force)}; see its first lines for what comes next")
