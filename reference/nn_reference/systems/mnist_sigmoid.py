"""`mnist-sigmoid-numpy`, `-torch`, `-keras`: 784-128-64-10 three times over, each with its own defect (document 001)."""

from dataclasses import replace
from functools import partial
from math import sqrt

from nn_reference.activations import SIGMOID, SIGMOID_QUOTIENT, SOFTMAX, Activation, Softmax
from nn_reference.initializers import keras_dense, normal, torch_linear
from nn_reference.losses import BinaryCrossEntropy, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD
from nn_reference.systems import images
from nn_reference.systems.base import Defect, Figure, Recipe, System, curve


def _numpy_network(hidden: Activation, output: Activation) -> Network:
    layers = tuple(
        Dense(units, activation, bias=False, layout="out,in")
        for units, activation in ((128, hidden), (64, hidden), (10, output))
    )
    return Network(784, layers, SquaredError("elements"))


NUMPY = System(
    name="mnist-sigmoid-numpy",
    title="MNIST, 784-128-64-10, sigmoid and softmax, no biases, by hand",
    document="001",
    # `update 2(ŷ-y)/10 · s(1-s)`: mean squared error through the diagonal of the softmax Jacobian.
    network=_numpy_network(SIGMOID_QUOTIENT, Softmax(derivative="diagonal")),
    initializer=normal(lambda z, fan_in, units: z * sqrt(1 / units), "N(0, 1)·√(1/units)"),
    load=partial(images.load, "mnist", images.raw),
    preprocessing="raw pixels, 0 to 255, as float32",
    recipe=Recipe(SGD(learning_rate=0.001), epochs=10, batch_size=1),
    precision="float64",
    start_note="not seeded in the document",
    figures=(
        *curve("test_accuracy_percent", " ".join(["9.80"] * 10), note="In[7]; 980 of 10,000 digits are zeros"),
        *curve(
            "elapsed_seconds",
            "58.89 110.74 164.93 227.78 308.95 366.96 423.12 478.40 531.47 584.20",
            note="In[7]; times are not judged",
        ),
        Figure(
            "warnings",
            "its derivative, sigmoid, its derivative, its derivative",
            note="In[7]; the source lines of four warnings, in their order",
        ),
        Figure("stated_accuracy_percent", "0", note="the text: sometimes stuck at"),
        Figure("stated_accuracy_percent", "5-10", note="the text: other times"),
        Figure("stated_accuracy_percent", "22", note="the text: jumps from"),
        Figure("stated_accuracy_percent", "94.5", note="the text: jumps to"),
    ),
    defects=(
        Defect(
            what="raw 0-255 pixels",
            effect="pre-activations below -709.8 at once",
            mend="pixels divided by 255",
        ),
        Defect(
            what="sigmoid's derivative as e^-x/(e^-x+1)²",
            effect="inf/inf for x < -709.8: every weight is NaN within the first hundred samples, whatever the seed; "
            "argmax of ten NaN is 0, hence 9.80 %",
            mend="a(1-a)",
        ),
        Defect(
            what="only the diagonal of the softmax Jacobian",
            effect="the update is the gradient of no loss",
            mend="the full Jacobian: the gradient of the mean of ten squared errors",
        ),
        Defect(
            what="learning rate 0.001",
            effect="hardly anything is learned once the rest is mended",
            mend="learning rate 0.1",
        ),
    ),
    remarks=(
        "Its gradient disagrees with finite differences of the squared error, and must.",
        "In exact arithmetic nothing overflows: NaN is a property of the precision, not of the function.",
    ),
)

IN_3 = replace(
    NUMPY,
    version="in-3",
    title="MNIST, 784-128-64-10, sigmoid and softmax, no biases, by hand, on the rows of cell In[3]",
    load=partial(images.load_all_split, "mnist", images.unit, 0.15, 42),
    preprocessing="pixels x/255 in float32; 59,500 training and 10,500 test rows of all 70,000, split 85:15 with seed 42",
    figures=(),
    defects=NUMPY.defects[1:],
    remarks=(
        "Cell In[3] prepares these rows for the class of cell In[6]; no print-out of their training is shown. The text's "
        "sentence on other accuracies is judged by this version and by the documented one.",
    ),
)

TORCH_LAYERS = (
    Dense(128, SIGMOID, layout="out,in"),
    Dense(64, SIGMOID, layout="out,in"),
    Dense(10, SOFTMAX, layout="out,in"),
)
TORCH = System(
    name="mnist-sigmoid-torch",
    title="MNIST, 784-128-64-10, sigmoid, softmax squashed again by its loss",
    document="001",
    network=Network(784, TORCH_LAYERS, BinaryCrossEntropy(from_logits=True)),
    initializer=torch_linear(),
    load=partial(images.load, "mnist", images.mnist_normalized),
    preprocessing="pixels (x/255 - 0.1307)/0.3081 in float32",
    recipe=Recipe(SGD(learning_rate=0.001), epochs=10, batch_size=1),
    precision="float32",
    target_precision="float64",
    start_note="not seeded in the document",
    figures=(
        *curve(
            "last_sample_loss",
            """
            0.733536759763956 0.733870442211628 0.7341575577855111 0.7344085946679115 0.7346328251063824
            0.7348380081355572 0.7350303806364537 0.7352157883346081 0.7354001797735691 0.7355900779366493
            """,
            note="In[11]; the loss of the last sample, before its update",
        ),
        *curve(
            "elapsed_seconds",
            "106.74 208.85 313.31 414.67 531.90 640.99 745.80 853.56 960.11 1064.04",
            note="In[11]; times are not judged",
        ),
    ),
    defects=(
        Defect(
            what="binary cross-entropy from logits, applied to a softmax output",
            effect="the second sigmoid sees only [0, 1]: the loss hardly moves from ln(1+e^0.1) - 0.01 = 0.7344",
            mend="linear outputs into the loss from logits",
        ),
    ),
    remarks=("The document's float64 target promotes its loss to float64; forward and weights are float32.",),
)

KERAS_LAYERS = (Dense(128, SIGMOID), Dense(64, SIGMOID), Dense(10))
KERAS = System(
    name="mnist-sigmoid-keras",
    title="MNIST, 784-128-64-10, sigmoid, linear outputs taken for probabilities",
    document="001",
    network=Network(784, KERAS_LAYERS, BinaryCrossEntropy()),
    initializer=keras_dense(),
    load=partial(images.load, "mnist", images.unit),
    preprocessing="pixels x/255 in float32",
    recipe=Recipe(SGD(learning_rate=0.01), epochs=10, batch_size=32, shuffle=True),
    precision="float32",
    start_note="not seeded in the document",
    figures=(
        *curve(
            "training_accuracy",
            "0.2804 0.3876 0.1017 0.1037 0.1002 0.1024 0.1021 0.1018",
            note="In[15]; the mean of running means; the print-out is cut after epoch 8",
        ),
        *curve(
            "training_loss",
            "0.9254 1.2635 6.6720 6.6729 6.6728 6.6691 6.6643 6.6777",
            note="In[15]; the mean of running means; the print-out is cut after epoch 8",
        ),
        *curve("epoch_seconds", "6 6 10 9 10 6 11 4", note="In[15]; times are not judged"),
        *curve("step_milliseconds", "2 3 3 3 5 3 3 2", note="In[15]; times are not judged"),
        Figure("steps of an epoch", "1875", note="In[15], in every epoch"),
    ),
    defects=(
        Defect(
            what="binary cross-entropy from probabilities, applied to linear outputs",
            effect="an output outside [1e-7, 1-1e-7] is clipped and has gradient 0: training collapses to a plateau",
            mend="from_logits=True",
        ),
    ),
    remarks=(
        "Early versions of Keras 3, one of which the document ran, print no epoch's mean: their progress bar averages "
        "the metrics over the batches, and these are means so far already. On the plateau hardly a weight moves, and an "
        "epoch's mean hardly changes; the printed numbers do, since they depend on the order of the batches.",
    ),
)

SYSTEMS = (
    NUMPY,
    replace(
        NUMPY,
        version="corrected",
        network=_numpy_network(SIGMOID, SOFTMAX),
        load=partial(images.load, "mnist", images.unit),
        preprocessing="pixels x/255 in float32",
        recipe=replace(NUMPY.recipe, optimizer=SGD(learning_rate=0.1)),
        remarks=(),
    ),
    TORCH,
    replace(
        TORCH,
        version="corrected",
        title="MNIST, 784-128-64-10, sigmoid, logits into binary cross-entropy",
        network=replace(TORCH.network, layers=(*TORCH_LAYERS[:2], Dense(10, layout="out,in"))),
    ),
    KERAS,
    replace(
        KERAS,
        version="corrected",
        title="MNIST, 784-128-64-10, sigmoid, linear outputs taken for logits",
        network=replace(KERAS.network, loss=BinaryCrossEntropy(from_logits=True)),
    ),
)
