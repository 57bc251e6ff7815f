"""A Keras model as it stands: it is given a case's parameters, and `GradientTape` differentiates the case's loss of its output."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import keras
import tensorflow as tf

from nn_conformance.adapt.conventions import OURS, Conventions
from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Answer, Run, TargetError, Unsupported
from nn_conformance.oracles import keras as oracle
from nn_reference.arithmetic import Array, Params
from nn_reference.optimizers import State


@dataclass(frozen=True)
class Model:
    """A model, whose weights in their order are W1, b1, W2, b2, …; or what makes one from sizes such as (4, 10, 3).

    Its output is that of the last layer, or with `logits` what that layer's activation is applied to. It has the precision that it was made with, and keeps its weights.
    """

    made: Any
    name: str
    conventions: Conventions = OURS
    kept: dict[tuple[int, ...], Any] = field(default_factory=dict)

    @property
    def fixed(self) -> bool:
        """Whether it is made already, and not what makes one."""
        return isinstance(self.made, keras.Model)

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """Loss and gradients of a batch.

        Raises:
            Unsupported: another precision or other shapes than the model has, or a loss that Keras has not.
            TargetError: its output is no (N, C).
        """
        with _Held(self._model(network), network, params, self.conventions) as held:
            if not gradients:
                return Answer(float(held.loss(x, t)))
            loss, found = held.backward(x, t)
            return Answer(float(loss), {name: g.numpy() for name, g in zip(params, found, strict=True)})

    def train(
        self,
        network: fmt.Network,
        optimizer: fmt.Optimizer,
        params: Params,
        x: Array,
        t: Array,
        batches: Sequence[Sequence[int]],
        state: State | None = None,
    ) -> Run:
        """One update for each batch by the case's optimiser in Keras. Raises as `evaluate` does."""
        if state is not None and state.moments:
            raise Unsupported("an optimiser that goes on from given moments")
        rule, losses = oracle.rule_of(optimizer), []
        with _Held(self._model(network), network, params, self.conventions) as held:
            # A trace takes less time than it saves where there are many updates.
            backward = tf.function(held.backward) if len(batches) >= oracle.MANY else held.backward
            for rows in batches:
                loss, found = backward(tf.constant(x[list(rows)]), tf.constant(t[list(rows)]))
                rule.apply(found, held.variables)
                losses.append(float(loss))
            return Run(losses, {name: v.numpy() for name, v in zip(params, held.variables, strict=True)})

    def _model(self, network: fmt.Network) -> Any:
        """The model, or the one that was made for these sizes."""
        sizes = (network.inputs, *(layer.units for layer in network.layers))
        if not isinstance(self.made, keras.Model) and sizes not in self.kept:
            self.kept[sizes] = self.made(sizes)
        return self.kept.get(sizes, self.made)


class _Held:
    """A model that holds a case's parameters, until it has its own again."""

    def __init__(self, model: Any, network: fmt.Network, params: Params, conventions: Conventions) -> None:
        self.model, self.conventions = model, conventions
        if not self.model.built:
            self.model.build((None, network.inputs))
        self.network, self.params, self.variables = network, params, self.model.trainable_variables
        self.before = [variable.numpy() for variable in self.variables]
        shapes, expected = [v.shape for v in self.before], [p.shape for p in params.values()]
        if shapes != expected:
            raise Unsupported(f"parameters of shapes {expected}: the model has {shapes}")
        dtype, own = next(iter(params.values())).dtype, self.before[0].dtype
        if dtype != own:
            raise Unsupported(f"{dtype}: the model has {own}")
        self.loss_of = oracle.loss_of(network, dtype.name)

    def __enter__(self) -> Self:
        self._assign(list(self.params.values()))
        return self

    def __exit__(self, *_: object) -> None:
        self._assign(self.before)

    def _assign(self, values: Sequence[Array]) -> None:
        for variable, value in zip(self.variables, values, strict=True):
            variable.assign(value)

    def loss(self, x: Any, t: Any) -> Any:
        """The case's loss of the model's output."""
        output, expected = self.model(tf.convert_to_tensor(x)), (x.shape[0], self.network.layers[-1].units)
        if getattr(output, "shape", None) != expected:
            raise TargetError(f"output: expected {expected}, got {getattr(output, 'shape', type(output).__name__)}")
        if self.conventions.logits:
            output = oracle.activate(self.network.layers[-1].activation, output)
        return self.loss_of(tf.convert_to_tensor(t), output)

    def backward(self, x: Any, t: Any) -> tuple[Any, list[Any]]:
        """The loss, and its gradient by every variable."""
        with tf.GradientTape() as tape:
            loss = self.loss(x, t)
        values = [variable.value for variable in self.variables]
        return loss, tape.gradient(loss, values, unconnected_gradients="zero")
