"""Each picture draws the data that it names, says in words what it shows, and is the same file each time."""

import importlib.util
import subprocess
import sys
import xml.etree.ElementTree as ET  # our own files
from collections import Counter
from functools import cache
from io import BytesIO

import msgspec
import numpy as np
import pytest
from plot_problems import needs_matplotlib, runs_of
from spread import everyday
from typer.testing import CliRunner

from nn_conformance.cases.encoding import values
from nn_conformance.cli import plot as commands
from nn_conformance.cli.plot import app
from nn_conformance.replay import ledger, records
from nn_reference.datasets import load_images
from nn_reference.errors import InputError
from nn_reference.optimizers import State
from nn_reference.systems import get

SVG = "{http://www.w3.org/2000/svg}"


def pixels(ax):
    return np.asarray(ax.images[0].get_array())


def lines(ax):
    """Data by gid: x and y of each line that has one."""
    return {line.get_gid(): line.get_xydata().T for line in ax.lines if line.get_gid()}


@cache
def shared(kind):
    """One of each kind, for tests that only look at it."""
    return picture(kind)


def picture(name):
    """One of each kind, drawn anew."""
    from nn_conformance.plots.curves import draw_curves
    from nn_conformance.plots.image_grids import draw_predictions, draw_samples
    from nn_conformance.plots.permuted_runs import draw_permuted_runs
    from nn_conformance.plots.pruned_weights import draw_weights

    if name == "samples":
        return draw_samples(get("mnist-relu"))
    if name == "curves":
        system, runs = runs_of("mnist-dense-keras")
        return draw_curves(system, runs, "numpy")
    if name == "predictions":
        system, runs = runs_of("mnist-dense-keras")
        return draw_predictions(system, runs[0], "numpy")
    if name == "weights":
        system = get("fashion-pruning")
        return draw_weights(system, system.start(), State(), 1)
    return draw_permuted_runs(records.read(records.CHAOS, records.Chaos), 0.63)


KINDS = pytest.mark.parametrize("kind", everyday(["weights", "samples", "curves", "predictions", "chaos"], ["weights"]))
CURVES = ("mnist-dense-keras", "mnist-relu", "mnist-tanh", "xor-sigmoid", "iris-relu-adam")


# The files.


@needs_matplotlib
@KINDS
def test_svg_is_well_formed_and_the_same_each_time(kind):
    """Drawn anew or saved again, an SVG has the same bytes: no date, no random ids; its text is text."""
    from nn_conformance.plots.canvas import encoded

    drawn = shared(kind)
    first, second = encoded(drawn, "svg"), encoded(picture(kind), "svg")
    assert first == second
    assert encoded(drawn, "svg") == first
    root = ET.fromstring(first)  # noqa: S314 - our own file
    assert root.tag == f"{SVG}svg"
    assert root.find(f"{SVG}title").text == drawn.figure.get_suptitle()
    assert b"<dc:date>" not in first
    assert b"Matplotlib" not in first
    assert list(root.iter(f"{SVG}text"))


@needs_matplotlib
@KINDS
def test_png_is_whole_and_carries_its_caption(kind):
    """A PNG has the figure's size, and the caption in its metadata, not the program."""
    from PIL import Image

    from nn_conformance.plots.canvas import encoded

    drawn = shared(kind)
    with Image.open(BytesIO(encoded(drawn, "png"))) as picture_file:
        picture_file.load()  # which checks the checksums
        assert picture_file.format == "PNG"
        assert picture_file.size == tuple(np.round(drawn.figure.get_size_inches() * 150))
        assert picture_file.info["Description"] == drawn.caption
        assert "Software" not in picture_file.info


@needs_matplotlib
def test_a_users_settings_change_nothing():
    """What stands in somebody's matplotlibrc has no part in our files."""
    import matplotlib as mpl

    from nn_conformance.plots.canvas import encoded

    ours = encoded(shared("chaos"), "svg")
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 20, "svg.fonttype": "path"}):
        assert encoded(picture("chaos"), "svg") == ours


@needs_matplotlib
def test_no_window_and_no_global_figure(monkeypatch):
    """Pictures belong to no backend: they are drawn where pyplot cannot be imported."""
    import matplotlib as mpl

    monkeypatch.delattr(mpl, "pyplot", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError):
        from matplotlib import pyplot as plt  # noqa: F401
    assert picture("curves").caption


# What they show.


@needs_matplotlib
@pytest.mark.parametrize(
    ("name", "dataset"),
    everyday([("mnist-relu", "mnist"), ("fashion-pruning", "fashion-mnist")], ["fashion-pruning"]),
)
def test_samples_are_the_first_five_of_each_class(name, dataset):
    """Ten rows of five images, row k the first five training images of class k in the file's order, labelled so."""
    from nn_conformance.plots.image_grids import class_name, draw_samples

    images = load_images(dataset)
    all_axes = draw_samples(get(name)).figure.axes
    assert len(all_axes) == 50
    seen = [0] * 10
    expected = {}
    for image, label in zip(images.train_images, images.train_labels.tolist(), strict=True):
        if seen[label] < 5:
            expected[label, seen[label]] = image
            seen[label] += 1
        if seen == [5] * 10:
            break
    for k, ax in enumerate(all_axes):
        row, column = divmod(k, 5)
        assert ax.get_subplotspec().rowspan.start == row
        assert np.array_equal(pixels(ax), expected[row, column])
        assert ax.get_xlabel() == class_name(dataset, row)


@needs_matplotlib
@pytest.mark.parametrize("name", everyday(["mnist-dense-keras", "fashion-pruning"], ["fashion-pruning"]))
def test_predictions_stand_below_their_images(name):
    """The first fifty test images in order, each with truth and prediction; the wrong ones are marked, and counted."""
    from nn_conformance.plots.image_grids import class_name, draw_predictions

    dataset = "fashion-mnist" if name.startswith("fashion") else "mnist"
    images, (system, runs) = load_images(dataset), runs_of(name)
    truth = images.test_labels[:50].tolist()
    predicted = [(label + (k == 7)) % 10 for k, label in enumerate(truth)]
    drawn = draw_predictions(system, msgspec.structs.replace(runs[0], predictions=predicted), "numpy")
    assert len(drawn.figure.axes) == 50
    for k, ax in enumerate(drawn.figure.axes):
        assert np.array_equal(pixels(ax), images.test_images[k])
        expected = f"true: {class_name(dataset, truth[k])}\npredicted: {class_name(dataset, predicted[k])}"
        assert ax.get_xlabel() == expected + (" ✗" if k == 7 else "")
    assert "49 are classified rightly; not so image 7" in drawn.caption


@needs_matplotlib
@pytest.mark.parametrize("name", everyday(CURVES, ["mnist-dense-keras", "xor-sigmoid"]))
def test_curves_are_the_ledgers_under_the_printed_figures(name):
    """Each line is a column of the ledger; each marker a printed figure at its epoch; axes and caption say what is what."""
    from nn_conformance.plots.curves import draw_curves

    system, runs = runs_of(name)
    drawn = draw_curves(system, runs, "numpy")
    columns = [q for q in runs[0].rows if q.endswith(("loss", "accuracy"))]
    panels = {ax.get_ylabel(): lines(ax) for ax in drawn.figure.axes}
    assert set(panels) == {q.rpartition("_")[2] for q in columns}
    shown = {gid: data for panel in panels.values() for gid, data in panel.items()}
    for quantity in columns:
        x, y = shown.pop(quantity)
        assert quantity in panels[quantity.rpartition("_")[2]]
        assert np.array_equal(x, values(runs[0].rows["epoch"], "float64"))
        assert np.array_equal(y, values(runs[0].rows[quantity], "float64"))
    printed = {}
    for figure in system.figures:
        quantity = figure.quantity.removesuffix("_percent")
        if quantity in columns and figure.epoch is not None:
            scale = 100 if figure.quantity.endswith("_percent") else 1
            printed.setdefault(quantity, set()).add((figure.epoch, float(figure.printed) / scale))
    assert {gid.removeprefix("printed_"): set(zip(*xy.tolist(), strict=True)) for gid, xy in shown.items()} == printed
    assert drawn.figure.axes[-1].get_xlabel() == "epoch"
    assert f"{system.id}, NumPy, seed {runs[0].seed}" in drawn.caption
    assert f"{min(next(iter(printed.values())))[1]:g}" in drawn.caption


@needs_matplotlib
def test_other_seeds_are_drawn_and_counted():
    """Further runs are lines too, without a place in the legend, and the caption says how many."""
    from nn_conformance.plots.curves import draw_curves

    system, runs = runs_of("xor-tanh")
    drawn = draw_curves(system, [runs[0], runs[0], runs[0]], "numpy")
    (ax,) = drawn.figure.axes
    assert len([line for line in ax.lines if not line.get_gid()]) == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "training, printed"]
    assert "2 more seeds" in drawn.caption


@needs_matplotlib
def test_a_panel_without_a_number_is_left_out_and_said():
    """Where every loss is NaN there is one panel, for the accuracy, and the caption says why."""
    from nn_conformance.plots.curves import draw_curves

    drawn = draw_curves(*runs_of("mnist-sigmoid-numpy"), "numpy")
    assert [ax.get_ylabel() for ax in drawn.figure.axes] == ["accuracy"]
    assert "No loss is a number." in drawn.caption


@needs_matplotlib
def test_weights_before_and_after_pruning():
    """Both histograms count every parameter that they name, none of the second lies within the threshold."""
    from nn_conformance.plots.pruned_weights import draw_weights

    system = get("fashion-pruning")
    params = system.start()
    drawn = draw_weights(system, params, State(), 1)
    upper, lower = drawn.figure.axes
    flat = np.concatenate([p.ravel() for p in params.values()])
    kept = int(np.count_nonzero(np.abs(flat) >= np.float32(0.05)))
    counts = [ax.patches[0].get_data() for ax in (upper, lower)]
    assert [int(found.values.sum()) for found in counts] == [flat.size, kept]
    inner = (counts[1].edges[:-1] >= -0.0501) & (counts[1].edges[1:] <= 0.0501)
    assert inner.sum() == 20
    assert not counts[1].values[inner].any()
    assert counts[0].values[inner].all()
    assert f"{flat.size - kept:,} of {flat.size:,} parameters" in drawn.caption
    assert "after 1 of 10 epochs" in drawn.caption


def test_weights_are_those_of_the_replay():
    """What is trained for the histogram is what the replay trains: the same start, order and updates."""
    from nn_conformance.plots.pruned_weights import trained
    from nn_conformance.replay.task import Task, replay, weights_digest

    system = get("iris-relu-adam")
    params, state = trained(system, 100)
    assert weights_digest(params) == replay(Task(system.id)).weights
    assert state.step == 100
    with pytest.raises(InputError, match=r"^--epochs: expected an integer in 1\.\.100"):
        trained(system, 101)


@needs_matplotlib
def test_chaos_shows_exact_range_and_ends():
    """The exact curve, each precision's median and range, the first parting, and how many runs end where."""
    found, drawn = records.read(records.CHAOS, records.Chaos), shared("chaos")
    loss, accuracy, ends = drawn.figure.axes
    for ax, name in ((loss, "losses"), (accuracy, "accuracies")):
        shown = lines(ax)
        assert shown[f"exact_{name}"].tolist() == [found.epochs, getattr(found.exact, name)]
        assert set(shown["horizon"][0]) == {min(k for ensemble in found.ensembles.values() for k in ensemble.parted)}
        for dtype, ensemble in found.ensembles.items():
            spread = getattr(ensemble, name)
            assert shown[f"{dtype}_median"].tolist() == [found.epochs, spread.median]
            band = next(c for c in ax.collections if c.get_gid() == f"{dtype}_range").get_paths()[0].vertices
            assert (band[:, 1].min(), band[:, 1].max()) == (min(spread.minimum), max(spread.maximum))
    bars = {
        text.get_label(): {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in text}
        for text in ends.containers
    }
    assert bars == {dtype: dict(Counter(e.correct)) for dtype, e in found.ensembles.items()}
    marks = {line.get_label(): line.get_xdata()[0] for line in ends.lines}
    assert marks == {"exact": round(found.exact.accuracies[-1] * found.test_rows), "printed": 19}
    for dtype, ensemble in found.ensembles.items():
        assert f"{len(ensemble.correct)} runs in {dtype}" in drawn.caption
        assert (
            f"{len(set(ensemble.correct))} accuracies: {min(ensemble.correct) / found.test_rows:.2f}" in drawn.caption
        )
    assert "The document prints 0.63" in drawn.caption


@needs_matplotlib
def test_colours_are_told_apart_in_grey():
    """Curves of one panel differ in line style and marker as well as in colour."""
    from nn_conformance.plots.curves import STYLES
    from nn_conformance.plots.permuted_runs import STYLES as PRECISIONS

    together = [STYLES[part] for part in ("training", "validation", "test")]
    for of_feature in [*zip(*together, strict=True)][1:]:  # colour, line, marker
        assert len(set(of_feature)) == 3
    for of_feature in zip(*PRECISIONS.values(), strict=True):  # colour, line, hatch
        assert len(set(of_feature)) == 2


# The command.


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


@needs_matplotlib
@pytest.mark.parametrize("suffix", everyday(["png", "svg"], ["svg"]))
def test_command_writes_and_tells(tmp_path, suffix):
    """The file is where it was asked for, in the format that its name says, and the caption is printed."""
    path = tmp_path / "new" / f"curves.{suffix}"
    done = run("curves", "xor-tanh", "--out", str(path))
    assert done.exit_code == 0
    assert done.output.startswith(f"{path}: xor-tanh/documented, NumPy, seed 0. Loss from the first epoch to the last")
    assert path.read_bytes()[:5] in {b"\x89PNG\r", b"<?xml"}
    assert (path.read_bytes()[:5] == b"<?xml") == (suffix == "svg")


@needs_matplotlib
def test_command_names_the_file_itself(tmp_path, monkeypatch):
    """Without --out a PNG is named after network and picture."""
    monkeypatch.chdir(tmp_path)
    assert run("curves", "xor-tanh").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["xor-tanh-curves.png"]


@needs_matplotlib
def test_own_seed_comes_first(tmp_path):
    """Of several runs, the one from the document's own seed is the line, whatever its number."""
    system, (one, *_) = runs_of("iris-sigmoid")
    others = [msgspec.structs.replace(one, seed=seed) for seed in (0, 1, 42)]
    ledger.add(tmp_path, system, "numpy", system.precision, others)
    done = run("curves", "iris-sigmoid", "--from", str(tmp_path), "--out", str(tmp_path / "x.svg"))
    assert "NumPy, seed 42." in done.output
    assert "2 more seeds" in done.output


@needs_matplotlib
@pytest.mark.parametrize(("arguments", "expected"), [
    (["samples", "mnist-rlu", "--out", "new/x.png"], "did you mean 'mnist-relu'?"),
    (["samples", "homework"], "homework has no images"),
    (["predictions", "xor-tanh"], "xor-tanh has no images"),
    (["curves", "homework"], "homework has no training"),
    (["curves", "mnist-relu", "--with", "numpi"], "did you mean 'numpy'?"),
    (["curves", "mnist-relu", "--version", "corected"], "mnist-relu has no version 'corected'"),
    (["weights", "mnist-relu"], "mnist-relu is not pruned; expected fashion-pruning"),
    (["weights", "fashion-pruning", "--epochs", "11"], "--epochs: expected an integer in 1..10, got 11"),
    (["chaos", "mnist-relu"], "expected iris-sigmoid"),
    (["samples", "mnist-relu", "--out", "x.pgn"], "cannot tell the format of 'x.pgn', did you mean 'png'?"),
    (["samples", "mnist-relu", "--out", "x"], "expected one that ends in .png or .svg"),
])  # fmt: skip
def test_mistakes_are_one_line(arguments, expected, tmp_path, monkeypatch):
    """A wrong network, picture, version, framework or file name is one line with what is expected, and no folder is made."""
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert isinstance(done.exception, InputError)
    assert expected in str(done.exception)
    assert "\n" not in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_one_line_says_how_to_get_it(monkeypatch, tmp_path):
    """The extra `report` brings matplotlib, and every picture says so before anything is computed."""
    monkeypatch.chdir(tmp_path)
    find = importlib.util.find_spec
    hidden = lambda name, *rest: None if name == "matplotlib" else find(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    pictures = {"samples": "mnist-relu", "curves": "xor-tanh", "weights": "fashion-pruning", "chaos": "iris-sigmoid"}
    for arguments in pictures.items():
        done = run(*arguments)
        assert isinstance(done.exception, InputError)
        assert str(done.exception) == "plot: matplotlib not installed; pip install 'nn-conformance[report]' brings it"


def test_a_missing_ledger_is_told(monkeypatch, tmp_path):
    """Where nothing was replayed yet, one line says which command does, in which framework and version."""
    monkeypatch.setattr(commands, "_path", lambda *_: tmp_path / "x.png")
    done = run("curves", "mnist-relu", "--with", "torch", "--from", str(tmp_path))
    assert str(done.exception).endswith(
        "mnist-relu.documented.torch.json: no such ledger; nn-conformance replay mnist-relu --version documented "
        "--with torch --out DIR makes one, for --from DIR"
    )


def test_help_imports_nothing_heavy():
    """The commands' declarations need neither NumPy nor matplotlib."""
    code = "import sys, nn_conformance.cli.plot as c; print({'numpy', 'matplotlib', 'msgspec'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "set()\n"
