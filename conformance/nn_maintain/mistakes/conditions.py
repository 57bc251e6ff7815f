"""What networks have that a mistake may need."""

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_network


def properties(network: fmt.Network, optimizer: fmt.Optimizer, pruned: fmt.Pruned | None = None) -> set[str]:
    """Of a network with its optimiser, and with what is pruned of it; the words are those of a mistake's `needs`."""
    loss, hidden, output = network.loss, {layer.activation.kind for layer in network.layers[:-1]}, network.layers[-1]
    last, classes = output.activation, output.units > 1
    fused = build_network(network).loss_takes_logits_of_softmax
    binary, exact = loss.kind == "binary_cross_entropy", (last.axis, last.backward) == ("outputs", "exact")
    has = {
        "biases": network.layers[0].bias,
        "hidden": bool(hidden & {"sigmoid", "tanh", "relu"}),
        # A matrix of a single column fits only as its transpose.
        "matrix above": any(not layer.vector and layer.units > 1 for layer in network.layers[1:]),
        "matrix output": not output.vector,
        "one output": not classes,
        "classes": classes,
        "logarithm": loss.kind in ("cross_entropy", "binary_cross_entropy"),
        "mean": loss.kind != "squared_error" or loss.reduction != "sum",
        "mean over outputs": (binary or loss.reduction == "elements") and classes,
        "squashed output": loss.kind == "squared_error" and last.kind != "identity",
        "fused softmax": fused,
        "unfused softmax": last.kind == "softmax" and exact and not fused,
        # The whole gradient with respect to the outputs' z: softmax or logits with the loss made for them.
        "p - t": fused or (loss.from_logits and last.kind == "identity"),
        "pruned": pruned is not None,
        "masked": pruned is not None and pruned.keep_mask,
    }
    kinds = {f"hidden {kind}" for kind in hidden} | {f"{last.kind} output", loss.kind, optimizer.kind}
    return kinds | {name for name, there in has.items() if there}
