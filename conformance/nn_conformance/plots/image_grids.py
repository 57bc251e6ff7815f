"""Grids of images, 10×5: five training samples of each class; the first fifty test images with truth and prediction."""

import numpy as np

from nn_conformance.plots.canvas import ORANGE, Picture, axes, image, listed, styled
from nn_conformance.replay.ledger import TITLES, Run
from nn_reference.datasets import Images, ImageSet, load_images
from nn_reference.errors import InputError
from nn_reference.systems import System

ROWS, COLUMNS = 10, 5
SIZE = (6.5, 12.5)  # inches
CLOTHES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip


@styled()
def draw_samples(system: System) -> Picture:
    """A row for each class: its first five training images, in the file's order.

    Raises:
        InputError: the network has no images.
    """
    name, images = _images(system)
    called = "Fashion-MNIST" if name == "fashion-mnist" else "MNIST"
    figure, all_axes = axes(ROWS, COLUMNS, SIZE, f"{called}: five training samples of each class")
    for row in range(ROWS):
        chosen = np.flatnonzero(images.train_labels == row)[:COLUMNS]
        for ax, k in zip(all_axes[row * COLUMNS :], chosen, strict=False):
            image(ax, images.train_images[k], class_name(name, int(images.train_labels[k])))
    caption = (
        f"Fifty images of {called} in ten rows, one for each class: its first five training samples in the "
        "file's order."
    )
    return Picture(figure, caption)


@styled()
def draw_predictions(system: System, run: Run, framework: str) -> Picture:
    """The first fifty test images, each with its class and the one that a trained network predicts.

    Raises:
        InputError: the network has no images.
    """
    name, images = _images(system)
    title = f"{system.id}, {TITLES[framework]}, seed {run.seed}: the first fifty test images"
    figure, all_axes = axes(ROWS, COLUMNS, SIZE, title)
    wrong = []
    for k, (ax, predicted) in enumerate(zip(all_axes, run.predictions, strict=True)):
        truth = int(images.test_labels[k])
        right = predicted == truth
        text = f"true: {class_name(name, truth)}\npredicted: {class_name(name, predicted)}"
        image(ax, images.test_images[k], text if right else f"{text} ✗", colour="black" if right else ORANGE)
        if not right:
            wrong.append(f"image {k} ({class_name(name, truth)} taken for {class_name(name, predicted)})")
    caption = f"{title}. {len(run.predictions) - len(wrong)} are classified rightly"
    if wrong:
        caption += f"; not so {listed(wrong) if len(wrong) <= COLUMNS else f'{len(wrong)}, marked ✗'}"
    return Picture(figure, f"{caption}.")


def class_name(name: ImageSet, label: int) -> str:
    """A digit, or a piece of clothing."""
    return CLOTHES[label] if name == "fashion-mnist" else str(label)


def _images(system: System) -> tuple[ImageSet, Images]:
    if system.network.inputs != 784:
        raise InputError(f"network: {system.name} has no images; expected one of MNIST or Fashion-MNIST")
    name: ImageSet = "fashion-mnist" if system.name.startswith("fashion") else "mnist"
    return name, load_images(name)
