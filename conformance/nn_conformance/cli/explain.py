"""`nn-conformance explain`. Imports nothing heavy: `--help` reads this."""

from typing import Annotated

import typer

from nn_conformance.cli.options import JsonOption, print_json


def explain(
    slug: Annotated[
        str | None,
        typer.Argument(
            metavar="MISTAKE|WORD",
            help="A name that a report gives, or a word: lists the mistakes that have it; without one, all.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """What a mistake is, how it shows, and how to mend it."""
    from msgspec import to_builtins

    from nn_conformance.explain.texts import grouped, text_of, texts
    from nn_conformance.report import console as render

    catalogue, word = texts(), (slug or "").lower()
    listed = {name: text for name, text in catalogue.items() if word in f"{name} {text.what}".lower()}
    one = slug is not None and (slug in catalogue or not listed)
    chosen = {slug: text_of(slug)} if slug is not None and one else listed
    if as_json:
        print_json({name: to_builtins(text) for name, text in chosen.items()})
        return
    if slug is None or not one:
        width = max(map(len, listed))
        for group, of_group in grouped().items():
            names = [name for name in of_group if name in listed]
            if names:
                render.line(f"{group}:")
            for name in names:
                render.line(f"  {name:<{width}}  {listed[name].what}")
        if slug is None and render.console().is_terminal:
            render.line(
                "explain NAME says why it happens and how to mend it; explain WORD lists those that have the word"
            )
        return
    text = chosen[slug]
    for label, said in (
        (slug, text.what),
        ("shows as", text.formula),
        ("happens when", text.cause),
        ("mend", text.mend),
    ):
        render.line(f"{f'{label}:':<{max(len(slug) + 1, 13)}} {said}")
