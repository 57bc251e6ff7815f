"""`homework`: one seeded evaluation of loss and gradients, 2-3-1 (document 002, part 1).

The output layer is a vector: W2 is (3,), b2 a scalar, the output (N,). Weights, inputs and labels come from one
generator, in this order: randn(3,2), zeros(3), randn(3), 0, rand(1000,2), randint(0,2,(1000,)).
"""

from functools import cache

import numpy as np
from numpy.random import RandomState

from nn_reference.activations import SIGMOID
from nn_reference.initializers import normal
from nn_reference.losses import SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD
from nn_reference.systems.base import Data, Figure, Recipe, System

SEED = 0
SAMPLES = 1000

NETWORK = Network(
    inputs=2,
    layers=(
        Dense(3, SIGMOID, layout="out,in"),
        Dense(1, SIGMOID, layout="out,in", vector=True),
    ),
    loss=SquaredError("samples", half=True),
)
INITIALIZER = normal(lambda z, fan_in, units: z, "N(0, 1), zero biases")


@cache
def load() -> Data:
    """x (1000, 2) from U[0, 1) and t (1000,) of 0 and 1, drawn after the weights; there is no test set."""
    rng = RandomState(SEED)
    INITIALIZER.draw(NETWORK, rng)
    x = rng.random_sample((SAMPLES, 2))
    t = rng.randint(low=0, high=2, size=(SAMPLES,)).astype(np.float64)
    return Data(x, t, x, t)


SYSTEMS = (
    System(
        name="homework",
        title="2-3-1 sigmoid network with seeded weights and data: one evaluation",
        document="002",
        network=NETWORK,
        initializer=INITIALIZER,
        load=load,
        preprocessing="inputs U[0, 1), labels 0 or 1, from the weights' own generator; judged on its training set",
        recipe=Recipe(SGD(learning_rate=0.0), epochs=0),
        precision="float64",
        seed=SEED,
        figures=(
            Figure("loss", "0.1332476222330792", note="In[7]"),
            Figure("gradient W1[0,0]", "0.00244596", note="In[8]"),
            Figure("gradient W1[0,1]", "0.00262019", note="In[8]"),
            Figure("gradient W1[1,0]", "-0.00030765", note="In[8]"),
            Figure("gradient W1[1,1]", "-0.00024188", note="In[8]"),
            Figure("gradient W1[2,0]", "-0.00034768", note="In[8]"),
            Figure("gradient W1[2,1]", "-0.000372", note="In[8]; its eighth digit is a 0, which NumPy does not print"),
            Figure("gradient W2[0]", "0.02216011", note="In[8]"),
            Figure("gradient W2[1]", "0.02433097", note="In[8]"),
            Figure("gradient W2[2]", "0.01797174", note="In[8]"),
            Figure("gradient b1[0]", "0.00492577", note="In[8]"),
            Figure("gradient b1[1]", "-0.00058023", note="In[8]"),
            Figure("gradient b1[2]", "-0.00065977", note="In[8]"),
            Figure("gradient b2", "0.029249230265318685", note="In[8]"),
            Figure("hint loss", "0.133", note="the task's text: close to"),
            Figure("hint gradient b1[0]", "0.00492", note="the task's text; misrounded, 0.00493 is nearer"),
            Figure("hint gradient b1[1]", "-0.000581", note="the task's text; misrounded, -0.00058 is nearer"),
            Figure("hint gradient b1[2]", "-0.00066", note="the task's text"),
        ),
        remarks=(
            "The printed b2 gradient, …318685, is one unit in the last place from the correctly rounded …31868: "
            "another right implementation may differ in the last one or two digits.",
        ),
    ),
)
