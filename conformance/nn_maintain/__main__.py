"""`python -m nn_maintain …`: commands for whoever maintains the project, in a checkout."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from nn_conformance.cases.store import Store
from nn_conformance.oracles import load
from nn_conformance.report import console
from nn_maintain import audit as auditing
from nn_maintain import kills as killing

app = typer.Typer(
    name="nn_maintain", help="Maintain nn-conformance.", rich_markup_mode=None, pretty_exceptions_enable=False
)
HERE = Path(__file__).parent


@app.command("kills")
def kills(
    networks: Annotated[
        list[str] | None, typer.Argument(metavar="[NETWORK]...", help="Rows of the matrix; without any, all.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Compare with the matrix that was measured last.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write the matrix.")] = False,
) -> None:
    """Make every mistake on every network: is it caught, and named?

    The exit code is 0 if each is caught and at least 97 of 100 are named; with --check, if each cell is as before.
    """
    store = Store()
    rows = list(killing.networks(store))
    if unknown := [name for name in networks or () if name not in rows]:
        raise typer.BadParameter(f"the matrix has no row {unknown[0]!r}; expected one of {', '.join(rows)}")
    with console.counter("killing", len(networks or rows)) as advance:
        matrix = killing.kill_matrix(store, networks or None, advance)
    counts = killing.summary(matrix)
    console.line(f"{counts['cells']} cells: {counts['caught']} caught, {counts['named']} named")
    for system, row in matrix.items():
        for slug, cell in row.items():
            if not cell["caught"] or slug not in cell["named"]:
                names = ", ".join(cell["named"]) or "nothing"
                console.line(f"  {system} {slug}: caught on {cell['caught']} of {cell['of']}, named {names}")
    sound = counts["caught"] == counts["cells"] and counts["named"] >= 0.97 * counts["cells"]
    if write:
        killing.write({**({} if not networks else killing.committed()), **matrix}, HERE / "kills.json")
    if check:
        stored = killing.committed()
        changed = [name for name in matrix if matrix[name] != stored.get(name)]
        sound &= not changed
        console.line(f"differs from kills.json in: {', '.join(changed)}" if changed else "as in kills.json")
    if not sound:
        raise typer.Exit(1)


@app.command("audit")
def audit(
    with_: Annotated[
        list[str] | None, typer.Option("--with", metavar="ORACLE", help="Count this oracle as honest too.")
    ] = None,
    stored: Annotated[bool, typer.Option("--committed", help="Print the table that was measured last.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Measure each limit: honest code below it, mistakes beyond.

    The exit code is 0 if honest code needs at most a third of each limit and the nearest mistake is ten times beyond it.
    """
    if stored:
        rows = auditing.committed()
    else:
        store = Store()
        systems = list(store.index.systems)
        targets = [load(name) for name in dict.fromkeys(("reference", *(with_ or ())))]
        with console.counter("auditing", len(systems)) as advance:
            rows = auditing.audit(store, systems, targets, advance)
    if as_json:
        typer.echo(json.dumps([row.as_json() for row in rows], indent=2))
    else:
        _print_audit(rows)
    if not stored and not all(row.sound for row in rows):
        raise typer.Exit(1)


def _print_audit(rows: list[auditing.Row]) -> None:
    out = console.console()
    table = console.new_table(
        "rung", "precision", "honest", "worst on", "nearest mistake", "off by", "shows on", "limit"
    )
    for row in rows:
        table.add_row(
            row.rung,
            row.dtype,
            f"{row.honest.ratio:.3f}",
            escape(f"{row.honest.check.split('::')[0]} ({row.honest.who})") if row.honest.ratio else "exact",
            row.mistaken.who,
            f"{row.mistaken.ratio:.3g}",
            escape(row.mistaken.check.split("::")[0]),
            "[green]sound[/]" if row.sound else "[red]unsound[/]",
        )
    out.print(table)
    out.print("errors over their limits: honest code may need a third, the nearest mistake must be ten times beyond")
    if unsound := [f"{row.rung} in {row.dtype}" for row in rows if not row.sound]:
        out.print(f"unsound: {', '.join(unsound)}")


if __name__ == "__main__":
    app()
