"""A Keras model as it stands: it is given a case's parameters, and `GradientTape` differentiates the case's loss of its output."""

from collections.abc import Sequence
from typing import Any, Self

import keras
import tensorflow as tf

from nn_conformance.cases import format as fmt
from nn_conformance.judge.target import Answer, Run, TargetError, Unsupported
from nn_conformance.oracles.door import Door
from nn_conformance.oracles.keras import MANY, described
from nn_reference.arithmetic import Array, Params
from nn_reference.optimizers import State


class Model(Door):
    """A model, which has the precision that it was made with, and keeps its weights."""

    base = keras.Model

    def evaluate(self, network: fmt.Network, params: Params, x: Array, t: Array, *, gradients: bool = True) -> Answer:
        """Loss and gradients of a batch.

        Raises:
            Unsupported: another precision or other shapes than the model has, or a loss that Keras has not.
            TargetError: its output is no (N, C).
        """
        with _Held(self.model(network), network, params, logits=self.conventions.logits) as held:
            if not gradients:
                return Answer(float(held.loss(x, t)))
            loss, derivatives = held.backward(x, t)
            return Answer(float(loss), {name: g.numpy() for name, g in zip(params, derivatives, strict=True)})

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
        rule, losses = described.rule_of(optimizer), []
        with _Held(self.model(network), network, params, logits=self.conventions.logits) as held:
            # A trace takes less time than it saves where there are many updates.
            backward = tf.function(held.backward) if len(batches) >= MANY else held.backward
            for rows in batches:
                loss, derivatives = backward(tf.constant(x[list(rows)]), tf.constant(t[list(rows)]))
                rule.apply(derivatives, held.variables)
                losses.append(float(loss))
            return Run(losses, {name: v.numpy() for name, v in zip(params, held.variables, strict=True)})


class _Held:
    """A model that holds a case's parameters, until it has its own again."""

    def __init__(self, model: Any, network: fmt.Network, params: Params, *, logits: bool) -> None:
        self.model, self.logits = model, logits
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
        self.loss_of = described.loss_of(network, dtype.name)

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
        if self.logits:
            output = described.activate(self.network.layers[-1].activation, output)
        return self.loss_of(tf.convert_to_tensor(t), output)

    def backward(self, x: Any, t: Any) -> tuple[Any, list[Any]]:
        """The loss, and its gradient by every variable."""
        with tf.GradientTape() as tape:
            loss = self.loss(x, t)
        values = [variable.value for variable in self.variables]
        return loss, tape.gradient(loss, values, unconnected_gradients="zero")
