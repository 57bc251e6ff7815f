"""`nn-conformance explain` and `kills`. Imports nothing heavy: `--help` reads this."""

import json
from typing import Annotated

import typer

from nn_conformance.options import JsonOption, examples


def complete_slug(incomplete: str) -> list[str]:
    """Names of mistakes, for the shell."""
    from nn_conformance.mistakes.texts import texts

    return [slug for slug in texts() if slug.startswith(incomplete)]


def explain(
    slug: Annotated[
        str | None,
        typer.Argument(
            metavar="MISTAKE", help="A name that a report gives; without one, all.", autocompletion=complete_slug
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """What a mistake is, how it shows, why it happens, and how to mend it."""
    from msgspec import to_builtins

    from nn_conformance import render
    from nn_conformance.mistakes.texts import text_of, texts

    chosen = texts() if slug is None else {slug: text_of(slug)}
    if as_json:
        print(json.dumps({name: to_builtins(text) for name, text in chosen.items()}, indent=2))
        return
    if slug is None:
        width = max(map(len, chosen))
        for name, text in chosen.items():
            render.line(f"{name:<{width}}  {text.what}")
        return
    text = chosen[slug]
    for label, said in (
        (slug, text.what),
        ("shows as", text.formula),
        ("happens when", text.cause),
        ("mend", text.mend),
    ):
        render.line(f"{f'{label}:':<{max(len(slug) + 1, 13)}} {said}")


def register(app: typer.Typer) -> None:
    """The commands of diagnosis."""
    app.command("explain", epilog=examples("explain", "explain sum-for-mean"))(explain)
