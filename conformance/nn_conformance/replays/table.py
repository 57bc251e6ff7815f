"""`nn-conformance table`. Imports wait until it runs."""

from typing import Annotated

import typer

from nn_conformance.options import examples

EPILOG = examples("table", "table --write")


def table(
    write: Annotated[
        bool, typer.Option("--write", help="Into README.md and fixtures/replays of this checkout, with the schemas.")
    ] = False,
) -> None:
    """The table of truth: each printed figure, and its verdict.

    Made from the ledgers of replays: what a document prints, and what we have in its place. Without --write it prints a row for each network, in Markdown.
    """
    from nn_conformance.replays import truth_page
    from nn_conformance.replays.evidence import load
    from nn_conformance.replays.files import write as replace_file
    from nn_conformance.replays.record_files import schemas
    from nn_reference.errors import InputError
    from nn_reference.paths import fixtures_root

    evidence = load()
    if not write:
        print(truth_page.block(evidence))
        return
    readme = fixtures_root().parent / "README.md"
    if not readme.is_file():
        raise InputError(f"--write: expected a checkout, with {readme}; run it from one")
    new = truth_page.replaced(readme.read_text("utf-8"), truth_page.block(evidence), str(readme))
    replays = {"README.md": truth_page.page(evidence).encode(), **schemas()}
    for path, data in (
        (readme, new.encode()),
        *((fixtures_root() / "replays" / name, replays[name]) for name in replays),
    ):
        replace_file(path, data)
        print(f"{path} written")
