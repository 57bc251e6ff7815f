"""A documented network as plain data, for `describe --json` and for people."""

from dataclasses import asdict
from math import prod
from typing import Any

from nn_reference.activations import Activation
from nn_reference.optimizers import Adam, Optimizer
from nn_reference.systems import SYSTEMS, VARIANTS, Pruning, Recipe, System


def describe(system: System) -> dict[str, Any]:
    """Everything that is known of a system, JSON-ready; figures keep their digits as text."""
    layers = _layers(system)
    return {
        "id": system.id,
        "name": system.name,
        "version": system.version,
        "versions": versions(system.name),
        "title": system.title,
        "document": system.document,
        "inputs": system.network.inputs,
        "layers": layers,
        "parameters": sum(layer["parameters"] for layer in layers),
        "loss": system.network.loss.name,
        "precision": system.precision,
        "initial_weights": system.initializer.description,
        "seed": system.seed,
        "start_note": system.start_note,
        "preprocessing": system.preprocessing,
        "recipe": recipe_text(system.recipe),
        "figures": [asdict(figure) for figure in system.figures],
        "defects": [asdict(defect) for defect in system.defects],
        "remarks": list(system.remarks),
    }


def versions(name: str) -> list[str]:
    """The versions that a network has: documented, corrected where it has a defect, and those that are only trained."""
    return [system.version for system in (*SYSTEMS, *VARIANTS) if system.name == name]


def recipe_text(recipe: Recipe) -> str:
    """Optimiser, batches, order, epochs, in one line."""
    if not recipe.epochs:
        return "one evaluation of loss and gradients, no training"
    batch = "full batch" if recipe.batch_size is None else f"batch {recipe.batch_size}"
    order = "shuffled anew each epoch" if recipe.shuffle else "file order"
    some = f", the first {recipe.samples_per_epoch} of the order" if recipe.samples_per_epoch else ""
    text = f"{_optimizer_text(recipe.optimizer)}, {batch}, {order}{some}, {recipe.epochs:,} epochs"
    return text if recipe.pruning is None else f"{text}; then {_pruning_text(recipe.pruning)}"


def _layers(system: System) -> list[dict[str, Any]]:
    network = system.network
    rows = []
    for layer, (weights, bias) in zip(network.layers, network.names, strict=True):
        shapes = {name: list(network.shapes[name]) for name in (weights, bias) if name is not None}
        rows.append(
            {
                "kind": "dense",
                "activation": _activation_text(layer.activation),
                "output_shape": [None] if layer.vector else [None, layer.units],
                "weights_layout": "in" if layer.vector else layer.layout,
                "shapes": shapes,
                "parameters": sum(prod(shape) for shape in shapes.values()),
            }
        )
    return rows


def _activation_text(activation: Activation) -> str:
    where = {None: "", -1: "", -2: " over the batch"}[activation.axis]
    rule = "" if activation.derivative == "exact" else f" (backward: {activation.derivative})"
    return f"{activation.name}{where}{rule}"


def _optimizer_text(optimizer: Optimizer) -> str:
    if isinstance(optimizer, Adam):
        return f"Adam (lr {optimizer.learning_rate:g}, ε {optimizer.epsilon:g} as {optimizer.placement} places it)"
    return f"SGD (lr {optimizer.learning_rate:g})"


def _pruning_text(pruning: Pruning) -> str:
    what = "every parameter, biases too," if pruning.biases else "every weight"
    mask = "with the mask kept" if pruning.keep_mask else "without a mask"
    return (
        f"{what} below {pruning.threshold:g} in magnitude set to 0, and {pruning.fine_tune_epochs} more epochs {mask}"
    )
