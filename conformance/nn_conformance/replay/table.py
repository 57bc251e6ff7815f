"""`nn-conformance table`. Imports wait until it runs."""

from pathlib import Path
from typing import Annotated

import typer

from nn_conformance.cli.options import JsonOption, examples

EPILOG = examples("table", "table --json --from ledgers", "table --write")


def table(
    write: Annotated[
        bool, typer.Option("--write", help="Into README.md and fixtures/replays of this checkout, with the schemas.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="Judge by the ledgers of this folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The table of truth: each printed figure, and its verdict.

    Made from the ledgers of replays: what a document prints, and what we have in its place. Without --write it prints a row for each network, in Markdown.
    """
    import json

    from nn_conformance.replay import truth, truth_page
    from nn_conformance.replay.evidence import load
    from nn_conformance.replay.files import replace
    from nn_conformance.replay.files import write as write_file
    from nn_conformance.replay.record_files import schemas
    from nn_reference.errors import InputError
    from nn_reference.paths import fixtures_root

    if write and folder is not None:
        raise InputError("--write: the pages are made from the ledgers that ship; leave --from out")
    evidence = load(folder)
    if as_json:
        print(json.dumps(truth.as_json(evidence), indent=2, ensure_ascii=True))
    elif not write:
        print(truth_page.block(evidence))
    if not write:
        return
    readme = fixtures_root().parent / "README.md"
    if not readme.is_file():
        raise InputError(f"--write: expected a checkout, with {readme}; run it from one")
    new = truth_page.replaced(readme.read_text("utf-8"), truth_page.block(evidence), str(readme))
    write_file(readme, new.encode())
    print(f"{readme} written")
    for name, data in {"README.md": truth_page.page(evidence).encode(), **schemas()}.items():
        path = fixtures_root() / "replays" / name
        replace(path, data)
        print(f"{path} written")
