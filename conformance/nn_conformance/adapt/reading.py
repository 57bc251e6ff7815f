"""A network read off a PyTorch module or a Keras model as it stands: its layers from what it calls, its loss from the caller.

PyTorch's own tracer says what a module calls, and with what; a Keras model says it itself. What a line can say is read:
dense layers, activations, a flattened input, dropout that is off, and a skip connection. Of anything else the first layer
is named, with what to do.
"""

import inspect
from typing import Any, NoReturn

from nn_conformance.adapt.doors import framework_of
from nn_conformance.cases import format as fmt
from nn_conformance.cases.text import LOSSES, parse, text_of
from nn_conformance.cases.text import network as read_text
from nn_conformance.judge.call import made
from nn_reference.errors import InputError

# What frameworks call activations, by what a line does; of classes and functions, without capitals and underlines.
KNOWN = {name: name for name in ("relu", "sigmoid", "tanh", "softplus", "elu", "silu", "gelu", "softmax")}
KNOWN |= {"swish": "silu", "leakyrelu": "leaky", "linear": "identity", "identity": "identity"}
PASSED = ("flatten", "dropout", "inputlayer", "view", "reshape", "alphadropout")
ADDED = ("add", "iadd")
SLOPES = {"leaky": ("negative_slope", 0.01), "elu": ("alpha", 1.0)}
# Losses by their names in frameworks, without capitals and underlines.
NAMED_LOSSES = dict.fromkeys(("mse", "mseloss", "meansquarederror"), "mse")
NAMED_LOSSES |= dict.fromkeys(("categoricalcrossentropy", "sparsecategoricalcrossentropy"), "cross-entropy")
NAMED_LOSSES |= {"crossentropyloss": "cross-entropy logits", "bcewithlogitsloss": "bce logits"}
NAMED_LOSSES |= {"bceloss": "bce", "binarycrossentropy": "bce"}
MEND = "or describe its network in a line, as in verify(model, '3-5 relu-2, mse')"
READ = "dense layers, activations, Flatten, Dropout that is off, and sums of a layer's activation and its input"


def network(source: Any, loss: Any = None) -> fmt.Network:
    """A network from its line, from a JSON file of the schema `network.schema.json`, or from a model as it stands.

    Args:
        source: the line, as `docs/networks.md` defines it; a path, or a text that ends in ``.json``; a network already; or
            an `nn.Module` or a Keras model.
        loss: of a model: the words of a line, as ``cross-entropy logits``, or the framework's own object. What a Keras
            model is compiled with if None.

    Raises:
        InputError: a word that does not belong where it stands, layers that do not fit, a file that is no network, a model
            without a loss, or one with a layer that a line cannot say.

    >>> network("3-4 relu-2 softmax, cross-entropy").layers[0].units
    4
    """
    framework = framework_of(source)
    if framework is None or isinstance(source, type):
        if loss is not None:
            raise InputError("loss: expected it in the line, as in '3-5 relu-2, mse'; it goes beside a model alone")
        return read_text(source)
    layers = _Layers(type(source).__name__)
    read = _of_torch if framework == "torch" else _of_keras
    read(source, layers)
    if not layers.layers:
        layers.refuse("its forward pass", "no dense layer")
    line = "-".join([str(layers.inputs), *layers.layers])
    words = _loss_words(getattr(source, "loss", None) if loss is None and framework == "keras" else loss, line)
    return parse(f"{line}, {words}")


def read_off(model: Any, loss: Any = None) -> list[str]:
    """The line of a model as it stands; none of what is no model. Raises as `network` does."""
    return [text_of(network(model, loss))] if framework_of(model) and not isinstance(model, type) else []


class _Layers:
    """Dense layers as they are called; values are numbered, and a chain goes on from the last alone.

    Attributes:
        below: the value that the newest layer was given, which a skip connection may add to its activation.
        open: whether the last value is a dense layer's, without an activation so far.
        used: the parameters, in the order of their layers.
    """

    def __init__(self, model: str) -> None:
        self.model, self.inputs, self.last, self.below, self.open = model, 0, 0, 0, False
        self.layers: list[str] = []
        self.used: list[Any] = []

    def dense(self, where: str, value: Any, inputs: int, units: int, *, bias: bool) -> Any:
        self.check(where, value)
        self.inputs = self.inputs or inputs
        self.layers.append(f"{units}{'' if bias else ' no-bias'}")
        self.below, self.last, self.open = self.last, self.last + 1, True
        return self.last

    def activate(self, where: str, value: Any, name: str, alpha: float | None = None) -> Any:
        self.check(where, value)
        if name == "identity":
            return value
        if not self.open:
            self.refuse(where, "an activation of something else than a dense layer's output")
        width, *words = self.layers[-1].split()
        self.layers[-1] = " ".join([width, name + (f"({alpha!r})" if alpha is not None else ""), *words])
        self.last, self.open = self.last + 1, False
        return self.last

    def add(self, where: str, values: Any) -> Any:
        if len(values) != 2 or set(values) != {self.last, self.below} or self.last == self.below:
            self.refuse(where, "a sum of other values than a layer's activation and its input")
        self.layers[-1] += " skip"
        self.last, self.open = self.last + 1, False
        return self.last

    def check(self, where: str, value: Any) -> None:
        if value != self.last:
            self.refuse(where, "a value that a chain of layers would not use there")

    def refuse(
        self, where: str, what: str, mend: str = "judge the model without it, or its gradients by check_gradients"
    ) -> NoReturn:
        raise InputError(f"{self.model}: {where}: expected {READ}, got {what}; {mend}")


def _of_torch(model: Any, layers: _Layers) -> None:
    import torch  # noqa: PLC0415 - a model of it is here
    from torch import fx  # noqa: PLC0415 - likewise

    try:
        graph = made(lambda: fx.symbolic_trace(model)).graph
    except InputError:  # whatever the forward pass does with what stands for its input
        layers.refuse(
            "its forward pass", "one that cannot be traced", f"write it without conditions on its input, {MEND}"
        )
    modules, values = dict(model.named_modules()), dict[Any, Any]()
    for node in graph.nodes:
        arguments = [values.get(argument) for argument in node.args if isinstance(argument, fx.Node)]
        value = arguments[0] if arguments else None
        if node.op == "placeholder":
            values[node] = layers.last
        elif node.op == "call_module" and isinstance(module := modules[node.target], torch.nn.Linear):
            bias = module.bias is not None
            values[node] = layers.dense(node.target, value, module.in_features, module.out_features, bias=bias)
            layers.used += [module.weight, *([module.bias] if bias else [])]
        elif node.op == "output":
            layers.check("its output", value)
        elif node.op == "call_module":
            values[node] = _called(layers, node.target, module, type(module).__name__, vars(module), value)
        else:
            name = node.target if isinstance(node.target, str) else node.target.__name__
            given = {**_positional(node), **node.kwargs}
            if _plain(name) in ADDED:
                values[node] = layers.add(name, arguments)
            elif value is not None and name not in ("size", "getattr"):
                values[node] = _called(layers, name, None, name, given, value)
    own = list(model.parameters())
    if len(own) != len(layers.used) or any(a is not b for a, b in zip(own, layers.used, strict=True)):
        layers.refuse("its parameters", "others", f"declare layers in the order of their calls, {MEND}")


def _positional(node: Any) -> dict[str, Any]:
    """Arguments of a function beside the first, by name."""
    try:
        names = list(inspect.signature(node.target).parameters)
    except (TypeError, ValueError):  # of a method, or written in C
        names = ["input", "dim"]
    return dict(zip(names[1:], node.args[1:], strict=False))


def _called(layers: _Layers, where: str, module: Any, name: str, given: Any, value: Any) -> Any:
    """What an activation, or what changes nothing here, makes of a value."""
    plain = _plain(name)
    where = where if module is None else f"{where} ({name})"
    if plain in PASSED:
        if "dropout" in plain and getattr(module, "training", given.get("training", True)):
            layers.refuse(where, "one that is on, and random", "call model.eval() first")
        layers.check(where, value)
        return value
    if plain not in KNOWN:
        layers.refuse(where, name)
    other = {word: given.get(word) for word in ("max_value", "threshold") if plain == "relu"}
    other |= {"beta": given.get("beta", 1) - 1} if plain == "softplus" else {}
    if any(other.values()):
        layers.refuse(where, f"a {name} with {' and '.join(other)}")
    if plain == "gelu" and given.get("approximate", False) not in ("tanh", True):
        mend = "its tanh form is GELU(approximate='tanh'), in Keras approximate=True"
        layers.refuse(where, "GELU by the error function", mend)
    if plain == "softmax" and given.get("dim", given.get("axis", -1)) not in (1, -1):
        layers.refuse(where, "a softmax over another axis than the outputs", "write dim=1")
    attribute, usual = SLOPES.get(KNOWN[plain], ("", None))
    alpha = given.get(attribute, usual)
    return layers.activate(where, value, KNOWN[plain], None if alpha is None else float(alpha))


def _of_keras(model: Any, layers: _Layers) -> None:
    import keras  # noqa: PLC0415 - a model of it is here

    if not isinstance(model, keras.Sequential | keras.src.models.Functional):
        layers.refuse("it", "a model with its own call", f"build it of layers, {MEND}")
    if not model.built:
        layers.refuse("it", "a model that does not know its inputs", "call model.build((None, 4)) for four")
    values: dict[int, Any] = {}
    functional = model._functional if isinstance(model, keras.Sequential) else model  # noqa: SLF001 - it has no other name
    for layer in functional.operations:
        where, name, first = layer.name, type(layer).__name__, isinstance(layer, keras.layers.InputLayer)
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        given = [layers.last] if first else [values.get(id(tensor)) for tensor in inputs]
        value = given[0]
        if any(getattr(layer, f"{what}_regularizer", None) for what in ("kernel", "bias", "activity")):
            layers.refuse(where, "a regularizer", "take it out, and write l2 0.01 into a line")
        if isinstance(layer, keras.layers.Dense):
            value = layers.dense(where, value, layer.kernel.shape[0], layer.units, bias=layer.use_bias)
            value = _activation(layers, where, layer.activation, value)
        elif isinstance(layer, keras.layers.Activation):
            value = _activation(layers, where, layer.activation, value)
        elif _plain(name) in ADDED:
            value = layers.add(where, given)
        elif _plain(name) != "dropout":
            value = _called(layers, where, layer, name, vars(layer), value)
        values[id(layer.output)] = value
    layers.check("its output", value)


def _activation(layers: _Layers, where: str, function: Any, value: Any) -> Any:
    name = getattr(function, "__name__", type(function).__name__)
    usual = {"negative_slope": 0.2} if _plain(name) == "leakyrelu" else {}
    return _called(layers, where, None, name, usual | getattr(function, "__dict__", {}), value)


def _loss_words(loss: Any, line: str) -> str:
    """A loss in the words of a line, from these or from a framework's object or name."""
    if loss is None:
        raise InputError(
            f"loss: expected that of the model beside it, as network(model, loss='cross-entropy logits'), got none "
            f"(--loss on the command line); there are {', '.join(LOSSES)}; its layers are {line}"
        )
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    words = NAMED_LOSSES.get(_plain(name), loss)
    if not isinstance(words, str):
        raise InputError(f"loss: expected words such as 'mse sum', or one of {', '.join(NAMED_LOSSES)}, got {name}")
    logits, total = getattr(loss, "from_logits", False), getattr(loss, "reduction", "") == "sum"
    return f"{words}{' logits' * bool(logits)}{' sum' * total}"


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
