"""`nn-conformance explain` and `kills`. Imports nothing heavy: `--help` reads this."""

import json
from typing import Annotated

import typer

from nn_conformance.options import EXIT_NONCONFORMING, JsonOption, examples


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


def kills(
    networks: Annotated[
        list[str] | None, typer.Argument(metavar="NETWORK", help="Rows of the matrix; without any, all.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Compare with the matrix that ships.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the matrix that ships; for whoever adds a mistake.")] = False,
) -> None:
    """Make every mistake on every network: is it caught, and named?

    The exit code is 0 if each is caught and at least 95 of 100 are named; with --check, if the matrix is the one that ships.
    """
    from pathlib import Path

    import nn_conformance
    from nn_conformance import render
    from nn_conformance.diagnosis import kills as killing
    from nn_conformance.fixtures.store import Store
    from nn_reference.errors import InputError
    from nn_reference.validation import suggestion

    store = Store()
    rows = list(killing.networks(store))
    for name in networks or ():
        if name not in rows:
            raise InputError(f"network: the matrix has no row {name!r}{suggestion(name, rows) or f'; expected one of {chr(44).join(rows)}'}")
    if write and networks:
        raise InputError("kills: expected --write or names of networks, got both")
    with render.counter("killing", len(networks or rows)) as advance:
        matrix = killing.kill_matrix(store, networks or None, advance)
    found = killing.summary(matrix)
    render.line(
        f"{found['cells']} cells: {found['caught']} caught, {found['named']} named, "
        f"{found['alone']} of them by one name, the others by the class of those with the same numbers"
    )
    for system, row in matrix.items():
        for slug, cell in row.items():
            if not cell["caught"] or slug not in cell["named"]:
                render.line(f"  {system} {slug}: caught on {cell['caught']} of {cell['of']}, named {', '.join(cell['named']) or 'nothing'}")
    sound = found["caught"] == found["cells"] and found["named"] >= 0.95 * found["cells"]
    if write:
        killing.write(matrix, Path(nn_conformance.__file__).parent / "kills.json")
    if check:
        stored = killing.committed()
        changed = [name for name in matrix if matrix[name] != stored.get(name)]
        sound &= not changed and (bool(networks) or list(stored) == list(matrix))
        render.line(f"differs from kills.json in: {', '.join(changed)}" if changed else "as in kills.json")
    if not sound:
        raise typer.Exit(EXIT_NONCONFORMING)


def register(app: typer.Typer) -> None:
    """The commands of diagnosis."""
    app.command("explain", epilog=examples("explain", "explain sum-for-mean"))(explain)
    app.command("kills", epilog=examples("kills", "kills homework/documented --check"))(kills)
