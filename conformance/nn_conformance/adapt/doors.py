"""Objects as targets: functions, classes that update themselves, modules of PyTorch, models of Keras.

The doors of a framework are in `oracles`. It is looked for among what is imported already: no object of it can be there
otherwise.
"""

import sys
from collections.abc import Callable, Collection
from typing import Any, Literal

from msgspec.structs import asdict, replace

from nn_conformance.adapt.claims import Claim, claim_of, conforms
from nn_conformance.adapt.conventions import DESCRIBED, Conventions
from nn_conformance.adapt.converted import Converted
from nn_conformance.adapt.functions import Function
from nn_conformance.adapt.layers import Layer
from nn_conformance.adapt.recovered import Recovered
from nn_conformance.adapt.signatures import NETWORK, arguments_of, class_wrapper, ordered, placed, roles_of, wrapper
from nn_conformance.adapt.updating import METHODS, Holding, Updating
from nn_conformance.cases import format as fmt
from nn_conformance.cases.text import network as parsed
from nn_conformance.judge.call import guarded, made
from nn_conformance.judge.target import Target
from nn_reference.errors import InputError
from nn_reference.systems import SYSTEMS

# The base class of each framework's models, and how its dense layers hold their weights.
MODELS = {"torch": ("nn", "Module"), "keras": ("Model",)}
ARGUMENTS = ("params", "x", "t")
FUNCTION = "expected a function (params, x, y), or (params, x, y, lr) that updates"
LAYOUTS: dict[str, Literal["in,out", "out,in"]] = {"torch": "out,in", "keras": "in,out"}
EXPECTED = (
    "expected a function (params, x, y) or (params, x, y, lr), an object with set_weights, step and get_weights, "
    "an nn.Module, a Keras model, or a target with evaluate and train"
)


def opened(obj: Any) -> tuple[Target, Conventions]:
    """The object as a target in its own conventions, and these: what it is marked with, and what its framework has.

    Args:
        obj: a function ``(params, x, y)`` that returns loss and gradients; a function ``(params, x, y, lr)`` that
            updates; an object, or a class without arguments, with `set_weights(params)`, `step(x, y, lr)` and
            `get_weights()`; an `nn.Module` or a Keras model, or a function ``(sizes)`` that makes one; or a target.

    Raises:
        InputError: it is none of these, or what of it runs already raised.
    """
    return made(lambda: _opened(obj))


def _opened(obj: Any) -> tuple[Any, Conventions]:
    name, claim = getattr(obj, "__name__", None) or type(obj).__name__, claim_of(obj) or Claim()
    conventions = claim.conventions
    if claim.layer:
        return obj if isinstance(obj, Layer) else Layer.of(obj, name, claim.layer, conventions), conventions
    if framework := framework_of(obj):
        return _framework_target(framework, obj, name, conventions)
    if all(callable(getattr(obj, method, None)) for method in METHODS):
        return Holding(obj if isinstance(obj, type) else lambda: obj, name, conventions), conventions
    if all(callable(getattr(obj, method, None)) for method in ("evaluate", "train")):
        return obj() if isinstance(obj, type) else obj, conventions
    if not callable(obj) or isinstance(obj, type):
        cls = obj if isinstance(obj, type) else type(obj)
        if line := class_wrapper(cls):
            raise InputError(
                f"{name}: expected an object with set_weights, step and get_weights; judge a wrapper in its place: {line}"
            )
        raise InputError(f"{name}: {EXPECTED}; got {'a class' if cls is obj else cls.__name__}")
    if len(arguments_of(obj)) == 1:
        return _framework_target(_framework_made(obj, name, claim), obj, name, conventions)
    return _of_function(obj, name, conventions), conventions


def _of_function(function: Callable[..., Any], name: str, conventions: Conventions) -> Any:
    arguments = arguments_of(function)
    roles = roles_of(arguments, NETWORK)
    if places := placed(arguments, ARGUMENTS):
        return Function(ordered(function, places, ARGUMENTS), name)
    if sorted(roles) == ["params", "x"]:
        forward = ordered(function, roles, ("params", "x"))
        return Function(lambda params, x, _: forward(params, x), name)
    if "rate" in roles and (places := placed(arguments, (*ARGUMENTS, "rate"))):
        update = ordered(function, places, (*ARGUMENTS, "rate"))
        return Holding(lambda: Updating(update), name, conventions)
    mend = wrapper(function)
    raise InputError(f"{name}: {FUNCTION}; got {name}({', '.join(arguments)}){f'; {mend}' if mend else ''}")


def layered(obj: Any, layer: str) -> Layer:
    """An object as the layer that such words say it is, in the conventions that it is marked with.

    Raises:
        InputError: no such layer, or an object that is none.
    """
    claim = claim_of(obj) or Claim()
    name = getattr(obj, "__name__", type(obj).__name__)
    target = made(lambda: Layer.of(obj, name, layer, claim.conventions))
    return conforms(layer=layer, dtypes=claim.dtypes, **asdict(claim.conventions))(target)


def converted(
    target: Target, conventions: Conventions, networks: Collection[fmt.Network], dtypes: Collection[str]
) -> Converted:
    """A target in its own conventions as the ladder judges it; what only updates has its gradients recovered."""
    inner = guarded(target)
    if "evaluate" not in getattr(inner, "does", ("evaluate",)):
        inner = Recovered(inner, conventions)
    return Converted(inner, conventions, networks, dtypes)


def framework_of(obj: Any) -> str | None:
    """`torch` or `keras`, of an object or a class of these; a framework that is not imported is not asked."""
    for framework, path in MODELS.items():
        base: Any = sys.modules.get(framework)
        for part in path:
            base = getattr(base, part, None)
        if isinstance(base, type) and (isinstance(obj, base) or (isinstance(obj, type) and issubclass(obj, base))):
            return framework
    return None


def _framework_made(make: Callable[..., Any], name: str, claim: Claim) -> str:
    widths = next((system.network.widths for system in SYSTEMS if claim.covers(system.id)), None)
    if widths is None:
        described = parsed(claim.systems[0])
        widths = (described.inputs, *(layer.units for layer in described.layers))
    made = make(widths)
    framework = framework_of(made)
    if framework is None:
        raise InputError(f"{name}(sizes): expected it to make an nn.Module or a Keras model, got {type(made).__name__}")
    return framework


def _framework_target(framework: str, obj: Any, name: str, given: Conventions) -> tuple[Target, Conventions]:
    layout = LAYOUTS[framework] if given.layout == DESCRIBED else given.layout
    own = replace(given, layout=layout, output="matrix" if given.output == DESCRIBED else given.output)
    if framework == "torch":
        from nn_conformance.oracles.pytorch import Module  # noqa: PLC0415

        return Module(obj, name, own), own
    from nn_conformance.oracles.keras import Model  # noqa: PLC0415

    return Model(obj, name, own), own
