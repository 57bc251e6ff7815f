"""A layer as a target: two functions, or an object, that go forward and backward; or a loss with its slope.

A network is built of the layer, two of them, one on the other, so that what one hands back as dx reaches the dW of the
other; its loss is Σ t·y, whose slope is t. Weights that an activation or a loss has not are ours.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias, cast

import msgspec
import numpy as np

from nn_conformance.adapt.arrays import Layers
from nn_conformance.adapt.conventions import OURS, Conventions
from nn_conformance.adapt.functions import as_array, as_number, by_parameter, differentiated
from nn_conformance.adapt.signatures import BACKWARD, LAYER, arguments_of, call_of, roles_of
from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import build_activation, build_network
from nn_conformance.cases.text import ACTIVATIONS, ALIASES, LOSS_ALIASES, LOSSES, parse, text_of
from nn_conformance.judge.call import changed_arguments, unchanged
from nn_conformance.judge.target import Answer, Shown, TargetError
from nn_reference.arithmetic import Array, Params
from nn_reference.errors import InputError
from nn_reference.validation import suggestion

DENSE = ("dense", "linear", "affine")
EXPECTED = "expected 'dense' with an activation, an activation alone, or a loss, such as 'softmax cross-entropy'"
Call = Callable[..., Any]
GOES_BACK = ("dout", "cache", "x", "out", "W", "b")
FORWARDS = ("forward", "forward_propagation", "forward_pass")
BACKWARDS = ("backward", "backward_propagation", "backward_pass")
# For a layer that updates itself: its step is then far above the rounding of its weights, and rounds nothing itself.
RATE = 2.0**30
HOLDERS = {"W": LAYER["W"], "b": LAYER["b"]}
WRAPPER = "class Judged: forward = staticmethod(lambda x, W, b: …); backward = staticmethod(lambda dout, cache: …)"


def network_of(layer: str) -> str:
    """The line of a network of such layers: two with weights or without, one on the other, under Σ t·y; or one under a loss.

    >>> network_of("dense relu"), network_of("mse")
    ('5-4 relu-3 relu, linear', '5-3, squared-error')

    Raises:
        InputError: no such layer, with the word that is not known.
    """
    words = layer.lower().replace(",", " ").split()
    before, loss = parts_of(layer)
    if not words or (loss and before[:1] and before[0] in DENSE):
        raise InputError(
            f"layer: {EXPECTED}, got {layer!r:.60}{'; that is a network: 5-3 softmax, cross-entropy' * bool(words)}"
        )
    if loss:
        name = LOSS_ALIASES.get(loss[0], loss[0])
        if name == "cross-entropy" and "logits" not in loss:
            before = before or ["sigmoid"]  # probabilities that are nowhere exactly 0, as a softmax's may be
        elif name == "binary-cross-entropy" and "logits" not in loss:
            before, loss = ([], [*loss, "logits"]) if before == ["sigmoid"] else (["sigmoid"], loss)
        line = f"5-3 {' '.join(before)}, {' '.join(loss)}"
    else:
        kind = " ".join(before[before[0] in DENSE :])
        line = f"5-4 {kind}-3 {kind}, linear"
    try:
        return text_of(parse(line))
    except InputError as error:
        known = (*DENSE, *ACTIVATIONS, *ALIASES, *LOSSES, *LOSS_ALIASES)
        near = next(filter(None, (suggestion(word, known) for word in words if word not in known)), "")
        expected = f"{EXPECTED}{near}" if near else f"expected{str(error).partition('expected')[2]}"
        raise InputError(f"layer {layer!r:.60}: {expected}") from None


def parts_of(layer: str) -> tuple[list[str], list[str]]:
    """Its words before those of a loss, and those of the loss; the loss Σ t·y is no layer."""
    words = layer.lower().replace(",", " ").split()
    at = next((k for k, word in enumerate(words) if word in {*LOSSES, *LOSS_ALIASES} - {"linear"}), len(words))
    return words[:at], words[at:]


class Calls(NamedTuple):
    """What is called of a layer; `held` is the object that keeps weights and gradients, if it is one that does."""

    forward: Call
    backward: Call | None
    held: Any = None


LayerPass: TypeAlias = "tuple[Calls, dict[str, Any]]"


@dataclass
class Layer:
    """A layer as a target of the networks that `network_of` builds of it.

    Attributes:
        obj: what it is: a function, with its backward beside it in its module; a pair of both; an object, a class or a
            module with `forward` and, if it has one, `backward`.
        weighted: whether it has weights; those of others are ours.
        loss: whether it is a loss.
        of_scores: whether a loss takes what comes before the last activation.
        conventions: which axis of x is that of the samples.
        kept: the objects that were made, by their place in the network and their sizes; and the order of what backward returns.
    """

    obj: Any
    name: str
    weighted: bool
    loss: bool
    of_scores: bool
    conventions: Conventions = OURS
    kept: dict[Any, Any] = field(default_factory=dict)
    does = ("evaluate",)

    @classmethod
    def of(cls, obj: Any, name: str, layer: str, conventions: Conventions) -> "Layer":
        """The layer that such words say it is.

        Raises:
            InputError: it has no forward pass, or one that takes what is not known.
        """
        if conventions.bias in ("first", "last"):
            raise InputError(f"{name}: expected a layer with a bias of its own, got bias={conventions.bias!r}; wrap it")
        before, loss = parts_of(layer)
        made = cls(obj, name, before[:1] != [] and before[0] in DENSE, bool(loss), bool(before), conventions)
        calls = made._calls(0, np.ones((5, 4)), np.ones(4))
        made._order(calls.forward, ("x",) if calls.held is not None and not loss else made.given)
        if calls.backward is not None and not loss:
            made._order(calls.backward, (*GOES_BACK, "rate") if calls.held is not None else GOES_BACK)
        return made

    @property
    def given(self) -> tuple[str, ...]:
        """What its forward function takes."""
        return ("x", "t") if self.loss else ("x", "W", "b") if self.weighted else ("x",)

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """Outputs and loss of a batch, and the gradients if the layer has a backward pass.

        Raises:
            TargetError: an array of another shape than a layer has, or something else.
        """
        if self.loss:
            return self._of_loss(network, params, x, t)
        if self.weighted and "order" not in self.kept:
            self._learn_order(network, x.dtype)
        passes = self._forward(network, params, x)
        y = passes[-1][1]["out"]
        loss, shown = float(np.sum(t * y)), [Shown(a=given["out"]) for _, given in passes]
        if not gradients or passes[0][0].backward is None:
            return Answer(loss, layers=shown)
        found = self._backward(passes, t.astype(x.dtype))
        # A declared scale is that of dW and db: what goes down is not divided by N where these are.
        scale = self.conventions.gradient_scale(network.loss, len(self._flat(x)), network.layers[-1].units)
        return Answer(loss, found | {"x": np.asarray(found["x"] * scale, x.dtype)} if scale != 1 else found, shown)

    def _forward(self, network: fmt.Network, params: Params, x: Array) -> list[LayerPass]:
        """What is called of each layer, with all that its backward pass may want; `below` is the input of its weights."""
        passes: list[LayerPass] = []
        for k, layer in enumerate(network.layers, 1):
            weights: dict[str, Any] = {"W": params[f"W{k}"], "b": params.get(f"b{k}")}
            calls = self._calls(k, **weights)
            given = {**weights, "below": x, "x": x if self.weighted else self._dense(x, **weights)}
            result = self._on_unchanged(calls, given)
            out, *cache = result if isinstance(result, tuple) else (result, given["x"])
            x = as_array(f"layer {k}: output", out, x.dtype)
            expected = self._flat(np.empty((len(self._flat(given["x"])), layer.units))).shape
            if x.shape != expected:
                words = f"layer {k}: output: expected shape {expected}, got {x.shape}"
                raise TargetError(words, "wrong-shape", [f"a{k}"])
            passes.append((calls, {**given, "out": x, "cache": cache[0] if len(cache) == 1 else cache}))
        return passes

    def _backward(self, passes: Sequence[LayerPass], g: Array) -> Params:
        """Every gradient, from g of the last output; and that of x."""
        found: Params = {}
        for k, (calls, given) in reversed(list(enumerate(passes, 1))):
            # A copy: a backward pass may change its dout, as textbooks do.
            of_layer = self._called_back(calls, {**given, "dout": g.copy("K")})
            dx = as_array(f"layer {k}: dx", of_layer.pop("x", ()), g.dtype)
            if dx.shape != given["x"].shape:
                words = f"layer {k}: dx: expected shape {given['x'].shape}, got {dx.shape}"
                raise TargetError(words, "wrong-shape", ["x"])
            if not self.weighted:
                of_layer, dx = self._dense_back(given, dx)
            of_layer = {f"{name}{k}": as_array(f"layer {k}: d{name}", a, g.dtype) for name, a in of_layer.items()}
            found, g = of_layer | found, dx
        return found | {"x": g}

    def _learn_order(self, network: fmt.Network, dtype: "np.dtype[Any]") -> None:
        """In what order its backward pass returns dx, dW and db, from a call in which all sizes differ."""
        self.kept["order"] = [0, 1, 2]
        layers = [msgspec.structs.replace(layer, units=n) for layer, n in zip(network.layers, (4, 3), strict=True)]
        network = msgspec.structs.replace(network, inputs=5, layers=layers)
        arrays = Layers(network, self.conventions)
        params = {name: np.ones(shape, dtype) for name, shape in build_network(network).shapes.items()}
        with suppress(Exception):  # whatever it raises, it raises again when it is asked
            self.evaluate(network, arrays.given(params), *arrays.batch(np.ones((7, 5), dtype), np.ones((7, 3), dtype)))

    def _of_loss(self, network: fmt.Network, params: Params, x: Array, t: Array) -> Answer:
        activation = build_activation(network.layers[0].activation)
        weights: dict[str, Any] = {"W": params["W1"], "b": params.get("b1")}
        calls, z = self._calls(1, **weights), self._dense(x, **weights)
        given = z if self.of_scores else self._flat(activation.forward(self._flat(z)))
        result = self._on_unchanged(calls._replace(held=None), {"x": given, "t": t})
        loss, slope = (result[0], result[1]) if isinstance(result, tuple) else (result, None)
        if slope is not None and np.size(loss) != 1 and np.size(slope) == 1:
            loss, slope = slope, loss
        if slope is None and calls.backward is not None:
            slope = self._called(calls.backward, ("x", "t", "cache", "dout"), {"x": given, "t": t, "cache": None})
        if slope is None or (np.size(slope) == 1 and np.size(given) > 1):
            return Answer(as_number("loss", loss))
        dy = as_array("dx", slope, x.dtype)
        if dy.shape != given.shape:
            raise TargetError(f"dx: expected shape {given.shape}, got {dy.shape}", "wrong-shape", ["x"])
        dz = dy if self.of_scores else self._flat(activation.backward(self._flat(z), self._flat(given), self._flat(dy)))
        found, of_x = self._dense_back({**weights, "below": x}, dz)
        return Answer(as_number("loss", loss), {**{f"{name}1": g for name, g in found.items()}, "x": of_x})

    def _on_unchanged(self, calls: Calls, given: dict[str, Any]) -> Any:
        """What the forward pass returns; its x must stay as it is."""
        before = given["x"].copy("K")
        result = self._called(calls.forward, self.given if calls.held is None else ("x",), given)
        if not unchanged(given["x"], before):
            raise changed_arguments(["x"])
        return result

    def _called_back(self, calls: Calls, given: dict[str, Any]) -> dict[str, Any]:
        """What a layer hands back: dx by ``x``, and dW and db if it has weights."""
        names = ["x", *(name for name in "Wb" if self.weighted and given[name] is not None)]
        held, backward = calls.held, cast("Call", calls.backward)
        expected = GOES_BACK if held is None else (*GOES_BACK, "rate")
        if callable(zero := getattr(held, "zero_grad", None)):
            zero()
        result = self._called(backward, expected, {**given, "rate": RATE})
        if held is not None and self.weighted and "rate" in self._order(backward, expected):
            after = _held(self.name, held, dict.fromkeys(names[1:]))
            return {"x": result, **{name: (given[name] - after[name]) / RATE for name in names[1:]}}
        if held is not None and len(names) > 1 and not isinstance(result, tuple | Mapping):
            return {"x": result, **{role: of[key] for role, of, key in _slots(held, "grads", differentiated)}}
        if isinstance(result, Mapping):
            return by_parameter({key: g for key, g in result.items() if g is not None}, names)
        arrays = list(result) if isinstance(result, tuple | list) and len(names) > 1 else [result]
        shapes = [given[name].shape for name in names]
        order = self.kept.get("order", range(len(names)))
        if len(set(shapes)) == len(names) and sorted(map(np.shape, arrays)) == sorted(shapes):
            order = self.kept["order"] = [shapes.index(np.shape(array)) for array in arrays]
        return {names[place]: array for place, array in zip(order, arrays, strict=False)}

    def _calls(self, k: int, W: Array, b: Array | None) -> Calls:
        """What is called of the layer number k, which holds these weights if it is an object."""
        obj = self.obj
        if isinstance(obj, tuple | list):
            return Calls(obj[0], obj[1] if len(obj) > 1 else None)
        if not any(hasattr(obj, name) for name in FORWARDS):
            if not callable(obj) or isinstance(obj, type):
                raise InputError(
                    f"{self.name}: expected a layer: a function, or an object with forward and backward; write {WRAPPER}"
                )
            return Calls(obj, _beside(obj))
        if isinstance(obj, ModuleType):
            return _both(obj)
        key = (k, W.shape) if isinstance(obj, type) else k
        sizes = W.shape[::-1] if self.conventions.layout == "out,in" else W.shape
        if key not in self.kept:
            self.kept[key] = _made(obj, sizes, W, b) if isinstance(obj, type) else obj if k <= 1 else copy.deepcopy(obj)
        held = self.kept[key]
        calls = _both(held)
        if self.loss or (self.weighted and "W" in roles_of(arguments_of(calls.forward), LAYER)):
            return calls
        if self.weighted:
            _held(self.name, held, {"W": W} if b is None else {"W": W, "b": b})
        return calls._replace(held=held)

    def _called(self, function: Call, expected: Sequence[str], given: Mapping[str, Any]) -> Any:
        """A function of what it takes, by the names of its arguments, and else by their place among the expected ones."""
        return function(*(given.get(role) for role in self._order(function, expected)))

    def _order(self, function: Call, expected: Sequence[str]) -> list[str]:
        try:
            names = arguments_of(function)
        except InputError:  # what is compiled, as np.tanh
            return [expected[0]]
        back = "dout" in expected
        roles = roles_of(names, BACKWARD if back else LAYER)
        left = [role for role in (expected[:2] if back else expected) if role not in roles]
        places = [role if role in expected else left.pop(0) if left and not role else "" for role in roles]
        if "" in places or (back and not self.loss and "dout" not in places):
            taken, kind = ("dout, cache", "backward") if back else (", ".join(expected), "forward")
            here = (
                {"dout": "dout", "cache": "cache", "x": "cache"} if back else dict(zip(expected, expected, strict=True))
            )
            factor = "dout * " if back and "dout" not in places else ""
            raise InputError(
                f"{self.name}: expected {kind}({taken}), got {call_of(function, names, names)}; "
                f"judge a wrapper in its place: def judged_{kind}({taken}): return {factor}{call_of(function, names, [here.get(place, '') for place in places])}"
            )
        return places

    def _flat(self, a: Array) -> Array:
        """Between (N, C) and what the layer has, either way."""
        if self.conventions.batch == "vector":
            return a[None] if a.ndim == 1 else a[0]
        return a.T if self.conventions.samples == "columns" else a

    def _dense(self, x: Array, W: Array, b: Array | None) -> Array:
        """x W + b of weights that are ours."""
        return self._flat(self._flat(x) @ W + (0 if b is None else b))

    def _dense_back(self, given: Mapping[str, Any], dz: Array) -> tuple[dict[str, Array], Array]:
        """Their gradients, and that of x."""
        x, dz = self._flat(given["below"]), self._flat(dz)
        return {"W": x.T @ dz, **({} if given["b"] is None else {"b": dz.sum(axis=0)})}, self._flat(dz @ given["W"].T)


def _both(obj: Any) -> Calls:
    """The two methods or functions of an object, whatever of their usual names they have."""
    both = (next((getattr(obj, n) for n in names if hasattr(obj, n)), None) for names in (FORWARDS, BACKWARDS))
    return Calls(*cast("tuple[Call, Call | None]", tuple(both)))


def _beside(function: Call) -> Call | None:
    """The backward of a forward function, by its name in the same module: relu_forward and relu_backward, relu and relu_backward."""
    name, module = getattr(function, "__name__", ""), getattr(function, "__globals__", {})
    form = name.replace("forward", "{}") if "forward" in name else f"{name}_{{}}"
    return next((module[other] for word in BACKWARDS if callable(module.get(other := form.format(word)))), None)


def _made(cls: type, sizes: tuple[int, ...], W: Array, b: Array | None) -> Any:
    """An object of a class: of its weights, if it asks for them by name, of two sizes, or of nothing."""
    names = arguments_of(cls)
    if roles_of(names, HOLDERS) == ["W", "b"]:
        return cls(W.copy(), None if b is None else b.copy())
    if len(names) not in (0, 2):
        call = call_of(cls, names, [""] * len(names))
        raise InputError(
            f"{cls.__name__}: expected a class of no arguments, of two sizes, or of W and b, got {cls.__name__}({', '.join(names)}); "
            f"judge an object: {call}"
        )
    return cls(*sizes) if names else cls()


def _held(name: str, held: Any, arrays: Mapping[str, Array | None]) -> dict[str, Any]:
    """What an object has as its weights, by attributes or in its dict or list `params`; given arrays, it gets copies of these."""
    found = {}
    for role, holder, key in _slots(held, "params", str.lower):
        if (array := arrays.get(role)) is not None:
            holder[key] = array.copy()
        found[role] = holder[key]
    if missing := arrays.keys() - found.keys():
        got = ", ".join(vars(held)) or "none"
        raise InputError(
            f"{name}: expected an attribute for its {min(missing)}, such as {min(missing)}, got {got}; write {WRAPPER}"
        )
    return found


def _slots(held: Any, inside: str, word_of: Callable[[str], str]) -> list[tuple[str, Any, Any]]:
    """Where an object keeps its W and b, or their gradients: the role, what holds it, and by which key."""
    roles = {word: role for role, words in HOLDERS.items() for word in words}
    found = [(roles[word], vars(held), key) for key in vars(held) if (word := word_of(key)) in roles]
    match getattr(held, inside, None):
        case dict() as within:
            words = {key: differentiated(key) or str(key).lower() for key in within}
            found += [(roles[word], within, key) for key, word in words.items() if word in roles]
        case list() as within:
            found += list(zip("Wb", [within] * 2, range(len(within)), strict=False))
    return found
