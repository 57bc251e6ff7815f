"""`nn-conformance fixtures ...`. Imports wait for the command that needs them."""

from pathlib import Path
from typing import Annotated

import typer

from nn_conformance.cli.options import (
    EXIT_NONCONFORMING,
    JsonOption,
    complete_network,
    examples,
    help_if_alone,
    print_json,
)

app = typer.Typer(
    help="The certified test vectors: list, show, export, make, check.",
    epilog=examples("fixtures list", "fixtures show homework/probe-square", "fixtures check"),
    rich_markup_mode=None,
    callback=help_if_alone,
    invoke_without_command=True,
)


def _complete_case(incomplete: str) -> list[str]:
    from nn_conformance.cases.store import Store

    return [case_id for case_id in Store().ids if case_id.startswith(incomplete)]


NetworkOption = Annotated[
    str | None, typer.Option("--network", help="Only what this network is judged by.", autocompletion=complete_network)
]


@app.command("list", epilog=examples("fixtures list --network xor-tanh"))
def list_cases(
    network: NetworkOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every case, with what it is there for."""
    from msgspec import to_builtins

    from nn_conformance.cases.store import Store

    chosen = _chosen(network)
    rows = [case for case in Store().index.cases if case.id in chosen]
    if as_json:
        print_json(to_builtins(rows))
        return
    from nn_conformance.report import case_text

    case_text.cases(rows)


@app.command("show", epilog=examples("fixtures show homework/probe-square"))
def show_case(
    case_id: Annotated[
        str, typer.Argument(metavar="ID", help="An id that `fixtures list` prints.", autocompletion=_complete_case)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the file as it is.")] = False,
) -> None:
    """One case, with what it expects.

    Network, sizes, loss and gradients, steps, horizons, provenance.
    """
    from nn_conformance.cases.store import Store

    store = Store()
    loaded = store.case(case_id)
    for field, array in loaded.every_array():
        if array.dataset is None:  # images may have to be fetched, and are not shown
            loaded.array(array, field)
    if as_json:
        print((store.root / f"{case_id}.json").read_text("utf-8"), end="")
        return
    from nn_conformance.report import case_text

    case_text.case(loaded)


@app.command("export", epilog=examples("fixtures export vectors --network homework --json"))
def export_cases(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if need be.")],
    network: NetworkOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write every array out: no safetensors, no datasets.")
    ] = False,
) -> None:
    """Copy the cases and their schemas into a folder."""
    from nn_conformance.cases.export import export
    from nn_conformance.cases.store import Store
    from nn_conformance.report import console as render

    ids = sorted(_chosen(network))
    with render.counter("exporting", len(ids)) as advance:
        written = export(Store(), directory, ids, as_json=as_json, progress=advance)
    print(f"{len(written)} files written to {directory}")


@app.command("make", epilog=examples("fixtures make '3-5 relu-2 softmax, cross-entropy' vectors"))
def make_cases(
    description: Annotated[str, typer.Argument(metavar="DESCRIPTION", help="A network in one line, or a JSON file.")],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if need be.")],
    optimizer: Annotated[
        str, typer.Option(metavar="JSON", help="An optimiser as a case has it; plain gradient descent by default.")
    ] = "",
    training: Annotated[bool, typer.Option("--training", help="Free runs and their horizons too.")] = False,
) -> None:
    """Certify a network of your own, and write its cases as files for any language."""
    import msgspec

    from nn_conformance.cases import format as fmt
    from nn_conformance.cases.on_demand import certify, make
    from nn_conformance.judge.verdict import one_line
    from nn_reference.errors import InputError

    try:
        rule = msgspec.json.decode(optimizer, type=fmt.Optimizer) if optimizer else None
    except ValueError as error:
        raise InputError(one_line(f"--optimizer: expected an optimiser as JSON, got {optimizer!r}: {error}")) from None
    certified = certify(description, rule, training=training)
    written = make(certified, directory)
    for case, reason in certified.blocked.items():
        print(f"left out: {case}: {reason}")
    print(f"{len(certified)} cases in {len(written)} files written to {directory}")


@app.command("check", epilog=examples("fixtures check", "fixtures check vectors"))
def check_files(
    directory: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="An exported folder; the own fixtures by default.")
    ] = None,
) -> None:
    """Check every file and number against its digest.

    Cases and arrays, and of the own fixtures ledgers, starting weights and datasets. Nothing is downloaded: images that
    are not here are named. One line for each problem, and exit code 1 if there is one.
    """
    from nn_conformance.cases.integrity import check, listed
    from nn_conformance.cases.store import Store
    from nn_reference.errors import InputError

    if directory is not None and not (directory / "index.json").is_file():
        raise InputError(f"DIR: expected a folder with an index.json, as `fixtures export` makes it, got {directory}")
    store = Store(directory)
    absent: set[str] = set()
    problems = list(check(store, absent))
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} problem{'s' if len(problems) > 1 else ''}")
        raise typer.Exit(EXIT_NONCONFORMING)
    print(f"{len(listed(store))} files and {len(store.index.cases)} cases are as the index says")
    for name in sorted(absent):
        print(
            f"not checked: arrays of {name}, whose images are not here; they are downloaded when a network needs them"
        )


def _chosen(network: str | None) -> set[str]:
    from nn_conformance.cases.store import Store
    from nn_reference.systems import SYSTEMS, get

    store = Store()
    if network is None:
        return set(store.ids)
    name = get(network).name
    return {case_id for system in SYSTEMS if system.name == name for case_id in store.of_system(system.id)}
