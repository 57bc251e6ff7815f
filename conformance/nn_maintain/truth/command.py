"""`python -m nn_maintain table`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from nn_conformance.replay.listed_files import replace, write
from nn_conformance.replay.records import VERDICTS
from nn_maintain import record_files
from nn_maintain.truth import markdown_page, rows
from nn_maintain.truth.evidence import load
from nn_maintain.truth.rulings import Judge
from nn_reference.errors import InputError
from nn_reference.fixture_files import fixtures_root


def table(
    to_checkout: Annotated[
        bool, typer.Option("--write", help="Into the pages of this checkout, with the schemas.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="Judge by the ledgers of this folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """The table of truth: each printed figure, and its verdict.

    Made from the ledgers of replays: what a document prints, and what we have in its place. Without --write it prints a
    row for each network, in Markdown.
    """
    if to_checkout and folder is not None:
        raise InputError("--write: the pages are made from the ledgers that ship; leave --from out")
    judge = Judge(load(folder))
    table_of = rows.tables(judge)
    if as_json:
        typer.echo(json.dumps(rows.as_json(table_of), indent=2))
    elif not to_checkout:
        typer.echo(markdown_page.block(table_of))
    if not to_checkout:
        return
    docs_page = fixtures_root().parent / "conformance" / "docs" / "replays.md"
    if not docs_page.is_file():
        raise InputError(f"--write: expected a checkout, with {docs_page}; run it from one")
    text = markdown_page.replaced(docs_page.read_text("utf-8"), markdown_page.block(table_of), str(docs_page))
    write(docs_page, text.encode())
    typer.echo(f"{docs_page} written")
    made = {
        "README.md": markdown_page.page(judge, table_of).encode(),
        f"{VERDICTS}.json": record_files.encoded(rows.verdicts(table_of)),
        **record_files.schemas(),
    }
    for name, data in made.items():
        path = fixtures_root() / "replays" / name
        replace(path, data)
        typer.echo(f"{path} written")
