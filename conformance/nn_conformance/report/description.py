"""A documented network as plain data, for `describe --json` and for people."""

from dataclasses import asdict
from math import prod
from typing import Any

from nn_conformance.cases.families import build_network
from nn_conformance.cases.text import network as read_network
from nn_conformance.cases.text import text_of
from nn_reference.activations import Activation
from nn_reference.network import Network
from nn_reference.optimizers import Adam
from nn_reference.systems import SYSTEMS, VARIANTS, Recipe, System

PIXELS = 28  # height and width of the images
# What an activation is for, where it is one of the documents'.
PURPOSES = {
    "identity": "passes z on: in a hidden layer it makes one matrix of its weights and the next ones",
    "sigmoid": "squashes z into (0, 1); its slope is 1/4 at most, and goes to 0 where |z| is large",
    "tanh": "squashes z into (-1, 1); its slope is 1 at 0, and goes to 0 where |z| is large",
    "relu": "keeps what is positive; its slope is 1 there, so gradients do not shrink on their way back, and 0 elsewhere",
    "leaky_relu": "keeps what is positive and a small part of what is negative, so that no unit's slope is 0",
    "elu": "keeps what is positive and bends towards -α below, so that the mean of its outputs is nearer 0",
    "softplus": "log(1 + e^z), a ReLU without a kink; its slope is the sigmoid",
    "silu": "z times its sigmoid: like a ReLU, with a dip below 0 and no kink",
    "gelu": "z times the chance that a normal number is below z: like a ReLU, with a dip below 0 and no kink",
    "softmax": "turns the outputs into probabilities of the classes, which sum to 1",
}


def describe(system: System) -> dict[str, Any]:
    """Everything that is known of a system, JSON-ready; figures keep their digits as text."""
    depends_on = (  # what the count of the first layer's parameters depends on
        f"the first layer has {system.network.layers[0].units} weights for each of the image's {PIXELS} × {PIXELS} = "
        f"{system.network.inputs} pixels, so its count grows with height times width; the counts of the layers above do "
        "not depend on the image"
    )
    return {
        "id": system.id,
        "name": system.name,
        "version": system.version,
        "versions": versions(system.name),
        "title": system.title,
        "document": system.document,
        **_of_network(system.network),
        "depends_on": depends_on if system.network.inputs == PIXELS * PIXELS else "",
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


def describe_own(network: str) -> dict[str, Any]:
    """Layers, shapes and counts of an author's own network, JSON-ready.

    Raises:
        InputError: a line or a file that is none.
    """
    described = read_network(network)
    built = build_network(described)
    penalty = None if built.penalty is None else built.penalty.name
    return {"network": text_of(described), **_of_network(built), "loss": built.loss.name, "penalty": penalty}


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
    rule, pruning = recipe.optimizer, recipe.pruning
    adam = f", ε {rule.epsilon:g} as {rule.placement} places it" if isinstance(rule, Adam) else ""
    text = f"{'Adam' if adam else 'SGD'} (lr {rule.learning_rate:g}{adam}), {batch}, {order}{some}, {recipe.epochs:,} epochs"
    if pruning is None:
        return text
    what = "every parameter, biases too," if pruning.biases else "every weight"
    mask = "with the mask kept" if pruning.keep_mask else "without a mask"
    return (
        f"{text}; then {what} below {pruning.threshold:g} in magnitude set to 0, and {pruning.fine_tune_epochs} more epochs "
        f"{mask}"
    )


def _of_network(network: Network) -> dict[str, Any]:
    """Inputs, layers and the count of parameters."""
    layers: list[dict[str, Any]] = []
    for inputs, layer, (weights, bias) in zip(network.widths, network.layers, network.names, strict=False):
        shapes = {name: list(network.shapes[name]) for name in (weights, bias) if name is not None}
        layers.append(
            {
                "kind": "dense",
                "activation": _activation_text(layer.activation, skip=layer.skip),
                "output_shape": [None] if layer.vector else [None, layer.units],
                "weights_layout": "in" if layer.vector else layer.layout,
                "shapes": shapes,
                "parameters": sum(prod(shape) for shape in shapes.values()),
                "counted": f"{inputs} × {layer.units} weights"
                + f" and {layer.units} bias{'es' * (layer.units != 1)}" * layer.bias,
                "purpose": PURPOSES[layer.activation.name],
            }
        )
    parameters = sum(layer["parameters"] for layer in layers)
    return {"inputs": network.inputs, "layers": layers, "parameters": parameters}


def _activation_text(activation: Activation, *, skip: bool) -> str:
    where = {None: "", -1: "", -2: " over the batch"}[activation.axis]
    rule = "" if activation.derivative == "exact" else f" (backward: {activation.derivative})"
    alpha = "" if activation.alpha is None else f" ({activation.alpha:g})"
    return f"{activation.name}{alpha}{where}{rule}{' + input' if skip else ''}"
