"""`xor-sigmoid` and `xor-tanh`: 2-3-1, one sample at a time in order (document 003, chapter 1-1)."""

from functools import cache

from nn_reference import datasets
from nn_reference.activations import SIGMOID, TANH, Activation
from nn_reference.initializers import uniform
from nn_reference.losses import SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD
from nn_reference.systems.base import Data, Figure, Recipe, System, curve

RECIPE = Recipe(SGD(learning_rate=0.1), epochs=1000, batch_size=1)
ERROR_NOTE = "mean over the four samples, each before its own update; the print-out is cut after epoch 32"


@cache
def load() -> Data:
    """The truth table, x (4, 2) and t (4, 1), for training and test alike; float64."""
    table = datasets.load_xor()
    return Data(table.inputs, table.targets, table.inputs, table.targets)


def _system(name: str, activation: Activation, figures: tuple[Figure, ...]) -> System:
    return System(
        name=name,
        title=f"XOR, 2-3-1, {activation.name}, trained one sample at a time",
        document="003",
        network=Network(2, (Dense(3, activation), Dense(1, activation)), SquaredError("elements")),
        initializer=uniform(-0.5, 0.5),
        load=load,
        preprocessing="inputs and targets of 0 and 1 as they are",
        recipe=RECIPE,
        precision="float64",
        start_note="not seeded in the document",
        figures=figures,
    )


SYSTEMS = (
    _system(
        "xor-sigmoid",
        SIGMOID,
        curve(
            "training_loss",
            """
            0.263809 0.262578 0.261530 0.260640 0.259887 0.259250 0.258713 0.258261 0.257881 0.257562
            0.257294 0.257069 0.256881 0.256723 0.256591 0.256480 0.256387 0.256310 0.256245 0.256190
            0.256145 0.256107 0.256075 0.256048 0.256025 0.256006 0.255990 0.255977 0.255965 0.255956
            0.255947 0.255941
            """,
            note=ERROR_NOTE,
        ),
    ),
    _system(
        "xor-tanh",
        TANH,
        curve(
            "training_loss",
            """
            0.424803 0.324308 0.315148 0.311753 0.309534 0.307753 0.306207 0.304811 0.303522 0.302313
            0.301164 0.300061 0.298993 0.297950 0.296926 0.295914 0.294908 0.293904 0.292898 0.291886
            0.290867 0.289837 0.288794 0.287737 0.286663 0.285572 0.284462 0.283332 0.282182 0.281012
            0.279821 0.278608
            """,
            note=ERROR_NOTE,
        ),
    ),
)
