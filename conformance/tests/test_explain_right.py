"""Right code is not explained, whatever its optimiser, its precision and its reduction."""

import itertools

import pytest
from courses import Trainer
from explain_problems import AMPLE
from spread import WHOLE

from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.cases.text import network
from nn_conformance.explain import explain
from nn_maintain.mistakes.mistaken import Mistaken
from nn_reference.systems import SYSTEMS

OPTIMIZERS = [
    *(fmt.Optimizer("sgd", 0.125, momentum=0.5, dialect=d) for d in ("classical", "rate", "nesterov", "averaged")),
    fmt.Optimizer("rmsprop", 0.125, beta2=0.5, epsilon=1e-8, placement="torch"),
    fmt.Optimizer("adagrad", 0.125, epsilon=1e-8, placement="torch"),
    *(fmt.Optimizer("adam", 0.1, beta1=0.9, beta2=0.99, epsilon=1e-7, placement=p) for p in ("torch", "keras")),
]
LINES = ("3-4 tanh-3 softmax, cross-entropy", "3-4 tanh-2 sigmoid, bce", "3-4 tanh-2, squared-error")
# Every documented network in either precision, every optimiser, and every loss whatever it is divided by.
RIGHT = [
    *(
        pytest.param(
            describe_network(system.network), describe_optimizer(system.recipe.optimizer), dtype,
            id=f"{system.id}-{dtype}", marks=() if system.name in WHOLE and dtype == "float64" else pytest.mark.slow,
        )
        for system, dtype in itertools.product(SYSTEMS, fmt.DTYPES)
    ),
    *(
        pytest.param(network(LINES[2]), o, "float64", id=f"{o.kind}-{o.dialect}-{o.placement}")
        for o in OPTIMIZERS
    ),
    *(
        pytest.param(network(f"{line} {reduction}"), None, "float64", id=f"{line} {reduction}")
        for line, reduction in itertools.product(LINES, ("sum", "elements", "half samples"))
    ),
]  # fmt: skip


@pytest.mark.parametrize(("described", "optimizer", "dtype"), RIGHT)
def test_the_reference_is_not_explained(described, optimizer, dtype):
    """The reference itself has no mistake, in either precision, by any rule of updates and under any loss."""
    explanation = explain(Mistaken(), described, optimizer, dtype, budget=AMPLE)
    assert not explanation.slugs
    assert not explanation.unexplained


@pytest.mark.parametrize(
    ("described", "done", "slug"),
    [
        ("classical", "averaged", "momentum-averaged"),
        ("classical", "nesterov", "momentum-nesterov"),
        ("averaged", "classical", "momentum-summed"),
        ("nesterov", "classical", "momentum-summed"),
    ],
)
def test_another_dialect_of_momentum_is_named(described, done, slug):
    """A target with another dialect than the described one is told which it has."""
    optimizer = fmt.Optimizer("sgd", 0.125, momentum=0.5, dialect=described)
    explanation = explain(
        Trainer(lambda _: {"dialect": done}), network("3-4 tanh-2, squared-error"), optimizer, budget=AMPLE
    )
    assert explanation.slugs == {slug}
