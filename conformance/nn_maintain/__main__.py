"""`python -m nn_maintain …`: commands for whoever maintains the project, in a checkout."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from nn_conformance.cases.encoding import digest, numbers
from nn_conformance.cases.integrity import FOLDERS
from nn_conformance.cases.store import Store
from nn_conformance.oracles import load
from nn_conformance.replay.listed_files import check_folder, renew_index, replace, write
from nn_conformance.replay.records import CHAOS, VERDICTS
from nn_conformance.replay.task import versions
from nn_conformance.report import console
from nn_maintain import audit as auditing
from nn_maintain import build as building
from nn_maintain import kills as killing
from nn_maintain import measured, pages
from nn_maintain import testers as testing
from nn_maintain.markdown import render
from nn_maintain.studies import chaos_runs, reconstruction
from nn_maintain.studies.copies import shaped
from nn_maintain.truth import evidence, markdown_page
from nn_maintain.truth import rows as truth
from nn_maintain.truth.rulings import Judge
from nn_reference.errors import InputError, NNReferenceError
from nn_reference.fixture_files import fixtures_root
from nn_reference.systems import System, get

app = typer.Typer(
    name="nn_maintain", help="Maintain nn-conformance.", rich_markup_mode=None, pretty_exceptions_enable=False
)
app.command("picture")(pages.draw)
app.command("pages")(pages.write)
app.command("build")(building.rebuild)

RECONSTRUCTED = ("xor-sigmoid", "xor-tanh")
OutOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write the record below this folder, as `fixtures` has it.")
]
WriteOption = Annotated[bool, typer.Option("--write", help="Write the table that ships.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command("kills")
def kills(
    networks: Annotated[
        list[str] | None, typer.Argument(metavar="[NETWORK]...", help="Rows of the matrix; without any, all.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Compare with the matrix that was measured last.")] = False,
    write: WriteOption = False,
) -> None:
    """Make every mistake on every network: is it caught, and named?

    The exit code is 0 if each is caught and at least 97 of 100 are named; with --check, if each cell is as before.
    """
    store = Store()
    rows = list(killing.networks(store))
    if unknown := [name for name in networks or () if name not in rows]:
        raise typer.BadParameter(f"the matrix has no row {unknown[0]!r}; expected one of {', '.join(rows)}")
    matrix = killing.kill_matrix(store, networks or ())
    counts = killing.summary(matrix)
    typer.echo(render("kills.txt", matrix=matrix, counts=counts), nl=False)
    sound = counts["caught"] == counts["cells"] and counts["named"] >= 0.97 * counts["cells"]
    if write:
        measured.write("kills", {**(killing.committed() if networks else {}), **matrix})
    if check:
        stored = killing.committed()
        changed = [name for name in matrix if matrix[name] != stored.get(name)]
        sound &= not changed
        console.line(f"differs from kills.json in: {', '.join(changed)}" if changed else "as in kills.json")
    if not sound:
        raise typer.Exit(1)


@app.command("testers")
def compare_testers(write: WriteOption = False) -> None:
    """Judge every planted mistake by gradient checkers that people use; needs the extras torch and jax."""
    store = Store()
    table = testing.measure(store)
    for line in testing.markdown(table, testing.differentiable(store)):
        console.line(line)
    if write:
        measured.write("testers", table)


@app.command("audit")
def audit(
    with_: Annotated[
        list[str] | None, typer.Option("--with", metavar="ORACLE", help="Count this oracle as honest too.")
    ] = None,
    stored: Annotated[bool, typer.Option("--committed", help="Print the table that was measured last.")] = False,
    as_json: JsonOption = False,
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
    typer.echo(json.dumps(auditing.as_json(rows), indent=2) if as_json else render("audit.txt", rows=rows).rstrip())
    if not stored and not all(row.sound for row in rows):
        raise typer.Exit(1)


@app.command("table")
def table(
    to_checkout: Annotated[
        bool, typer.Option("--write", help="Into the pages of this checkout, with the schemas.")
    ] = False,
    folder: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="Judge by the ledgers of this folder.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """The table of truth: each printed figure, and its verdict.

    Made from the ledgers of replays: what a document prints, and what we have in its place. Without --write it prints a
    row for each network, in Markdown.
    """
    if to_checkout and folder is not None:
        raise InputError("--write: the pages are made from the ledgers that ship; leave --from out")
    judge = Judge(evidence.load(folder))
    rows = truth.tables(judge)
    if as_json:
        typer.echo(json.dumps(truth.as_json(rows), indent=2))
    elif not to_checkout:
        typer.echo(markdown_page.block(rows))
    if to_checkout:
        _write_pages(judge, rows)


def _write_pages(judge: Judge, rows: dict[str, list[truth.Row]]) -> None:
    docs_page = fixtures_root().parent / "conformance" / "docs" / "replays.md"
    text = markdown_page.replaced(docs_page.read_text("utf-8"), markdown_page.block(rows), str(docs_page))
    write(docs_page, text.encode())
    typer.echo(f"{docs_page} written")
    made = {"README.md": markdown_page.page(judge, rows).encode(), **evidence.schemas()}
    for name, data in (made | {f"{VERDICTS}.json": evidence.encoded(truth.verdicts(rows))}).items():
        path = fixtures_root() / "replays" / name
        replace(path, data)
        typer.echo(f"{path} written")


@app.command("index")
def index() -> None:
    """List the ledgers and weights of this checkout anew, and name what has changed: what is there now is right."""
    for folder in FOLDERS:
        changed = renew_index(fixtures_root() / folder)
        console.line(f"{folder}/index.json: {', '.join(changed) or 'nothing has changed'}")


@app.command("reconstruct")
def reconstruct(
    network: Annotated[str, typer.Argument(metavar="NETWORK", help=" or ".join(RECONSTRUCTED))],
    starts: Annotated[int, typer.Option(min=1, help="How many random starts.")] = 64,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="What they are drawn with.")] = 0,
    out: OutOption = None,
) -> None:
    """Solve for starting weights that print the document's errors.

    All of them, to the last digit; beside it the same is tried with wrong networks, as controls. Minutes. The exit code
    is 1 if no start leads to any.
    """
    if network not in RECONSTRUCTED:
        raise InputError(
            f"network: expected {' or '.join(RECONSTRUCTED)}, which printed errors of an unknown start, got {network!r}"
        )
    system = get(network)
    if out is not None:
        check_folder(out)
    solved = reconstruction.reconstruct_start(system, starts, seed)
    if solved is None:
        console.line(
            f"{system.id}: none of {starts} random starts leads to weights that print the {len(system.figures)} errors"
        )
        raise typer.Exit(1)
    if out is not None:
        _write_reconstruction(system, solved, out)
    sys.stdout.write(render("reconstruction.txt", found=solved, system=system))


@app.command("chaos")
def chaos(
    epochs: Annotated[int, typer.Option(min=1, help="How far.")] = 10_000,
    runs: Annotated[int, typer.Option(min=1, help="How many runs in each precision.")] = 100,
    out: OutOption = None,
) -> None:
    """Follow iris-sigmoid exactly, beside runs with permuted rows.

    The exact run is proven. It takes half an hour.
    """
    if out is not None:
        check_folder(out)
    found = chaos_runs.measure(chaos_runs.measured_epochs(epochs), runs)
    if out is not None:
        replace(out / "replays" / f"{CHAOS}.json", evidence.encoded(found))
    ends = {dtype: sorted(Counter(of.correct).items()) for dtype, of in found.ensembles.items()}
    sys.stdout.write(render("chaos.txt", found=found, ends=ends))


def _write_reconstruction(system: System, solved: reconstruction.Reconstruction, out: Path) -> None:
    def merged() -> bytes:
        old = evidence.record(out / "replays", reconstruction.NAME, reconstruction.Reconstructions)
        systems = dict(sorted(((old.systems if old else {}) | {system.id: solved}).items()))
        return evidence.encoded(reconstruction.Reconstructions(1, versions("numpy"), systems))

    replace(out / "replays" / f"{reconstruction.NAME}.json", merged)
    params = shaped(system.network.shapes, np.array(solved.solutions[0].weights))
    about = (
        f"reconstructed, not original: weights from which {system.name} prints the document's {solved.figures} errors"
    )
    arrays = {
        name: {"dtype": p.dtype.name, "shape": list(p.shape), "data": numbers(p), "sha256": digest(p)}
        for name, p in params.items()
    }
    document = json.dumps({"about": about, "params": arrays}, indent=1)
    replace(out / "weights" / f"{solved.weights}.json", f"{document}\n".encode())


def main() -> None:
    """Runs the command; a mistake of the user's is one line, and exit code 2."""
    try:
        app()
    except NNReferenceError as error:
        typer.echo(f"nn_maintain: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
