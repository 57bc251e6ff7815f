"""Objects as targets: functions, classes that update themselves, modules of PyTorch, models of Keras.

Modules: `functions`, `updating`, `torch_modules`, `keras_models`. A framework is looked for among what is imported
already: no object of it can be there otherwise.
"""

import inspect
import sys
from collections.abc import Callable, Collection
from typing import Any, Literal, cast

from msgspec.structs import replace

from nn_conformance.adapt.claims import Claim, claim_of, conforms
from nn_conformance.adapt.conventions import DESCRIBED, Conventions
from nn_conformance.adapt.converted import Converted
from nn_conformance.adapt.functions import Function
from nn_conformance.adapt.recovered import Recovered
from nn_conformance.adapt.updating import METHODS, Holding, Updating
from nn_conformance.cases import format as fmt
from nn_conformance.judge.call import guarded, made
from nn_conformance.judge.target import Target
from nn_reference.errors import InputError
from nn_reference.systems import SYSTEMS

__all__ = ["as_target", "claim_of", "conforms", "conventions_of", "converted", "framework_of"]

# The fourth parameter of a function that updates, if it has a default; without one it needs no certain name.
RATES = ("lr", "learning_rate", "rate", "eta", "alpha", "step_size")
# The base class of each framework's models, and how its dense layers hold their weights.
MODELS = {"torch": ("nn", "Module"), "keras": ("Model",)}
LAYOUTS: dict[str, Literal["in,out", "out,in"]] = {"torch": "out,in", "keras": "in,out"}
EXPECTED = (
    "expected a function (params, x, y) or (params, x, y, lr), an object with set_weights, step and get_weights, "
    "an nn.Module, a Keras model, or a target with evaluate and train"
)


def as_target(obj: Any, *, name: str | None = None, conventions: Conventions | None = None) -> Target:
    """The object as a target in its own conventions.

    Args:
        obj: a function ``(params, x, y)`` that returns loss and gradients; a function ``(params, x, y, lr)`` that
            updates; an object, or a class without arguments, with `set_weights(params)`, `step(x, y, lr)` and
            `get_weights()`; an `nn.Module` or a Keras model, or a function ``(sizes)`` that makes one; or a target.
        name: what it is called in reports; its own name if None.
        conventions: in place of those that it is marked with.

    Raises:
        InputError: it is none of these, or what of it runs already raised.
    """
    return made(lambda: _as_target(obj, name, conventions or (claim_of(obj) or Claim()).conventions))


def _as_target(obj: Any, name: str | None, conventions: Conventions) -> Target:
    name = name or getattr(obj, "__name__", None) or type(obj).__name__
    if framework := framework_of(obj):
        return _framework_target(framework, obj, name, conventions)
    if all(callable(getattr(obj, method, None)) for method in METHODS):
        return Holding(obj if isinstance(obj, type) else lambda: obj, name, conventions)
    if all(callable(getattr(obj, method, None)) for method in ("evaluate", "train")):
        return cast("Target", obj() if isinstance(obj, type) else obj)
    if not callable(obj) or isinstance(obj, type):
        raise InputError(f"{name}: {EXPECTED}; got {'a class' if isinstance(obj, type) else type(obj).__name__}")
    arguments = _positional(obj)
    if len(arguments) == 1:
        return _framework_target(_framework_made(obj, name), obj, name, conventions)
    if len(arguments) == 3:
        return Function(obj, name)
    if len(arguments) == 4:
        return Updating(obj, name, conventions)
    raise InputError(f"{name}: {EXPECTED}; got {name}({', '.join(arguments)})")


def conventions_of(obj: Any) -> Conventions:
    """What it is marked with; of a framework's model also what that framework has. Raises as `as_target` does."""
    return made(lambda: _conventions_of(obj))


def _conventions_of(obj: Any) -> Conventions:
    given = (claim_of(obj) or Claim()).conventions
    framework = framework_of(obj)
    if framework is None and inspect.isfunction(obj) and len(_positional(obj)) == 1:
        framework = _framework_made(obj, obj.__name__)
    if framework is None:
        return given
    layout = LAYOUTS[framework] if given.layout == DESCRIBED else given.layout
    return replace(given, layout=layout, output="matrix" if given.output == DESCRIBED else given.output)


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


def _framework_made(make: Callable[..., Any], name: str) -> str:
    claim = claim_of(make) or Claim()
    claimed = next(system for system in SYSTEMS if claim.covers(system.id))
    made = make(claimed.network.widths)
    framework = framework_of(made)
    if framework is None:
        raise InputError(f"{name}(sizes): expected it to make an nn.Module or a Keras model, got {type(made).__name__}")
    return framework


def _framework_target(framework: str, obj: Any, name: str, conventions: Conventions) -> Target:
    if framework == "torch":
        from nn_conformance.adapt.torch_modules import Module  # noqa: PLC0415

        return Module(obj, name, conventions)
    from nn_conformance.adapt.keras_models import Model  # noqa: PLC0415

    return Model(obj, name, conventions)


def _positional(function: Callable[..., Any]) -> list[str]:
    """The names of the arguments that are given by position; options, which have a default, are none, but for a rate."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise InputError(f"{function!r:.60}: {EXPECTED}; it has no signature that can be read") from None
    taken = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [p.name for k, p in enumerate(taken) if p.default is p.empty or (k == 3 and p.name in RATES)]
