"""`nn-conformance plot ...`. Imports wait for the command that needs them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nn_conformance.cli.options import NetworkArgument, VersionOption, examples, help_if_alone

if TYPE_CHECKING:
    from nn_conformance.plots.canvas import Picture
    from nn_conformance.replay.ledger import Run
    from nn_reference.systems import System

app = typer.Typer(
    help="The documents' pictures, and our own, as PNG or SVG.",
    epilog=examples("plot samples mnist-relu", "plot curves mnist-dense-keras --out curves.svg"),
    rich_markup_mode=None,
    callback=help_if_alone,
    invoke_without_command=True,
)

OutOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Ends in .png or .svg; NETWORK-PICTURE.png by default."),
]
FromOption = Annotated[
    Path | None,
    typer.Option("--from", metavar="DIR", help="The ledgers that `replay --out DIR` made; those that ship by default."),
]
WithOption = Annotated[str, typer.Option("--with", metavar="numpy|torch|keras", help="Whose replay.")]


@app.command("samples", epilog=examples("plot samples fashion-pruning --out samples.svg"))
def plot_samples(network: NetworkArgument, out: OutOption = None) -> None:
    """Five training samples of each class, a row for each class."""
    path = _path(network, "samples", out)
    from nn_conformance.plots.image_grids import draw_samples
    from nn_reference.systems import get

    _save(draw_samples(get(network)), path)


@app.command("curves", epilog=examples("plot curves mnist-relu", "plot curves mnist-sigmoid-keras --with keras"))
def plot_curves(
    network: NetworkArgument,
    version: VersionOption = "documented",
    with_: WithOption = "numpy",
    from_: FromOption = None,
    out: OutOption = None,
) -> None:
    """Loss and accuracy of each epoch, the printed ones over them.

    From ledgers: a line for the first run, pale ones for its other seeds.
    """
    path = _path(network, "curves", out)
    from nn_conformance.plots.curves import draw_curves

    system, runs = _runs(network, version, with_, from_)
    _save(draw_curves(system, runs, with_), path)


@app.command("predictions", epilog=examples("plot predictions mnist-dense-keras"))
def plot_predictions(
    network: NetworkArgument,
    version: VersionOption = "documented",
    with_: WithOption = "numpy",
    from_: FromOption = None,
    out: OutOption = None,
) -> None:
    """The first fifty test images, with truth and prediction."""
    path = _path(network, "predictions", out)
    from nn_conformance.plots.image_grids import draw_predictions

    system, runs = _runs(network, version, with_, from_)
    _save(draw_predictions(system, runs[0], with_), path)


@app.command("weights", epilog=examples("plot weights fashion-pruning", "plot weights fashion-pruning --epochs 1"))
def plot_weights(
    network: NetworkArgument,
    version: VersionOption = "documented",
    epochs: Annotated[int | None, typer.Option(min=1, help="Train so many epochs; all by default.")] = None,
    out: OutOption = None,
) -> None:
    """The weights of a network before and after pruning.

    Ledgers hold no weights, so the network is trained first.
    """
    path = _path(network, "weights", out)
    from nn_conformance.plots.pruned_weights import draw_weights, pruning_of, trained
    from nn_conformance.report import console as render
    from nn_reference.systems import get

    system = get(network, version)
    pruning_of(system)  # told before minutes of training
    count = system.recipe.epochs if epochs is None else epochs
    with render.counter(f"training {system.id}", count) as advance:
        params, state = trained(system, count, advance)
    _save(draw_weights(system, params, state, count), path)


@app.command("chaos", epilog=examples("plot chaos iris-sigmoid --out chaos.svg"))
def plot_chaos(network: NetworkArgument, out: OutOption = None) -> None:
    """The exact run beside floating-point runs with permuted rows.

    Loss and accuracy over the epochs, and where the runs end.
    """
    path = _path(network, "chaos", out)
    from nn_conformance.plots.permuted_runs import draw_permuted_runs
    from nn_conformance.replay import records
    from nn_reference.errors import InputError
    from nn_reference.systems import get

    system, recorded = get(network), records.read(records.CHAOS, records.Chaos)
    if recorded.system != system.id:
        raise InputError(f"network: the chaos of {system.id} is not recorded; expected iris-sigmoid")
    printed = [float(figure.printed) for figure in system.figures if figure.quantity == "test_accuracy"]
    _save(draw_permuted_runs(recorded, *printed[:1]), path)


def _path(network: str, picture: str, out: Path | None) -> Path:
    """Where to write; wrong names, and folders, are told before anything is computed."""
    from nn_conformance.extras import check_installed
    from nn_conformance.plots.canvas import NEEDS, check_path
    from nn_conformance.replay.listed_files import check_folder
    from nn_reference.systems import get

    name = get(network).name
    path = out or Path(f"{name}-{picture}.png")
    check_path(path)
    check_installed(*NEEDS)
    check_folder(path.parent)
    return path


def _runs(network: str, version: str, framework: str, folder: Path | None) -> "tuple[System, list[Run]]":
    """The runs of a ledger, the one from the document's own seed first."""
    from nn_conformance.replay import ledger
    from nn_conformance.replay.listed_files import is_there
    from nn_conformance.replay.task import own_seed
    from nn_reference.errors import InputError
    from nn_reference.fixture_files import fixtures_root
    from nn_reference.systems import get
    from nn_reference.validation import check_choice

    system = get(network, version)
    check_choice("--with", framework, ledger.FRAMEWORKS)
    folder = folder or fixtures_root() / "replays"
    path = folder / ledger.file_name(system, framework, system.precision)
    if not is_there(path):
        others = f"{system.name} --version {version} --with {framework} --out DIR"
        raise InputError(f"{path}: no such ledger; nn-conformance replay {others} makes one, for --from DIR")
    return system, sorted(ledger.read(path).runs, key=lambda run: (run.seed != own_seed(system), run.seed))


def _save(picture: "Picture", path: Path) -> None:
    from nn_conformance.plots.canvas import check_path, encoded
    from nn_conformance.replay.listed_files import write

    write(path, encoded(picture, check_path(path)))
    print(f"{path}: {picture.caption}")
