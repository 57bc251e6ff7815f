"""Arb as an oracle: exact gradients by a tape over balls, every value correctly rounded.

It evaluates the description's formulas at 256 bits, and at twice as many until each value has one rounding to float64.
Answers in float32 are those float64 numbers rounded once more.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from nn_conformance.cases import format as fmt
from nn_conformance.cases.balls import NotCertifiedError, balls, certified
from nn_conformance.judge.target import Answer, Run, Training, Unsupported
from nn_conformance.oracles import formulas
from nn_conformance.oracles.tape import Variable, differentiate
from nn_reference.arithmetic import Array, Params
from nn_reference.network import LayerOutput
from nn_reference.optimizers import State

name = "arb"
slow_updates = True


def evaluate(network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
    """Each value is the float64 nearest to the exact one.

    Raises:
        Unsupported: a value that 32768 bits do not tell from its neighbour.
    """
    dtype = formulas.dtype_of(params)

    def compute() -> dict[str, Array]:
        outputs, value, found = differentiated(
            network, _balls(params), plain(x), plain(t), dtype, gradients=gradients, of_x=gradients
        )
        values = {f"z{k}": output.z.real for k, output in enumerate(outputs)}
        values |= {f"a{k}": output.a.real for k, output in enumerate(outputs)}
        return values | {"loss": value, **{f"gradient {name}": g for name, g in found.items()}}

    values = _rounded(compute)
    layers = [LayerOutput(*(values[f"{q}{k}"].astype(dtype) for q in "za")) for k in range(len(network.layers))]
    found = {name: values[f"gradient {name}"].astype(dtype) for name in (*params, "x")} if gradients else {}
    return Answer(values["loss"].astype(dtype).item(), found, layers)


def train(asked: Training) -> Run:
    """An exact run: nothing is rounded but what it returns.

    Raises:
        Unsupported: as `evaluate` does.
    """
    dtype = formulas.dtype_of(asked.params)

    def gradient(moving: Params, batch_x: Array, batch_t: Array) -> tuple[Any, Params]:
        return differentiated(asked.network, moving, batch_x, batch_t, dtype)[1:]

    def compute() -> dict[str, Array]:
        state = asked.state or State()
        own = State(state.step, {m: _balls(arrays) for m, arrays in state.moments.items()})
        exact = replace(asked, params=_balls(asked.params), x=plain(asked.x), t=plain(asked.t), state=own)
        losses, after = formulas.train(gradient, exact, lambda c: plain(np.array(c)).item())
        return {"losses": np.array(losses, dtype=object).reshape(len(losses)), **after}

    values = _rounded(compute)
    losses = values.pop("losses").astype(dtype).tolist()
    return Run(losses, {name: values[name].astype(dtype) for name in asked.params})


def plain(a: Array) -> Array:
    """Balls in an array whose operators defer to a variable's."""
    return np.asarray(balls(np.asarray(a, np.float64)))


def _balls(arrays: Mapping[str, Array]) -> Params:
    return {name: plain(a) for name, a in arrays.items()}


def differentiated(
    network: fmt.Network,
    params: Params,
    x: Array,
    t: Array,
    dtype: fmt.Dtype,
    *,
    gradients: bool = True,
    of_x: bool = False,
) -> tuple[list[LayerOutput], Any, Params]:
    """Outputs, loss and gradients as balls; with `of_x`, ∂L/∂x as ``x`` too."""
    variables = {name: Variable(p) for name, p in params.items()}
    wanted = variables | ({"x": Variable(x)} if of_x else {})
    outputs = formulas.forward(network, variables, wanted.get("x", x))
    value = formulas.loss(network, outputs[-1], t, dtype) + formulas.penalty(network, variables, len(x))
    return outputs, value.value.item(), differentiate(value, wanted) if gradients else {}


def _rounded(compute: Callable[[], Mapping[str, Any]]) -> Params:
    """Correctly rounded values; a ball around zero whose two ends are nearest to 0 is that, whatever it holds."""
    try:
        return certified(compute, tiny=True)[0]
    except NotCertifiedError as error:
        raise Unsupported(str(error)) from error
