"""`mnist-relu` and `mnist-relu-torch`: 784-300-10, batches of eight in file order (document 004)."""

from dataclasses import replace
from functools import partial
from math import sqrt

from nn_reference.activations import RELU, SOFTMAX, Softmax
from nn_reference.initializers import normal, torch_linear
from nn_reference.losses import CrossEntropy
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD
from nn_reference.systems import images
from nn_reference.systems.base import Defect, Figure, Recipe, System, curve

RECIPE = Recipe(SGD(learning_rate=0.1), epochs=20, batch_size=8)

NUMPY = System(
    name="mnist-relu",
    title="MNIST, 784-300-10, ReLU and softmax, by hand",
    document="004",
    network=Network(784, (Dense(300, RELU), Dense(10, SOFTMAX)), CrossEntropy()),
    initializer=normal(lambda z, fan_in, units: z / sqrt(fan_in), "N(0, 1)/√fan_in, zero biases"),
    load=partial(images.load, "mnist", images.unit),
    preprocessing="pixels x/255 in float32, weights in float64",
    recipe=RECIPE,
    precision="float64",
    start_note="not seeded in the document",
    figures=(
        *curve(
            "test_loss",
            """
            0.13110 0.10742 0.08901 0.09334 0.09268 0.09262 0.08351 0.08526 0.08262 0.07769
            0.07657 0.07518 0.07493 0.07419 0.07421 0.07414 0.07414 0.07420 0.07426 0.07432
            """,
            first=0,
        ),
        *curve(
            "training_loss",
            """
            0.11548 0.07491 0.04890 0.04165 0.03447 0.02946 0.01957 0.01612 0.01176 0.00662
            0.00439 0.00285 0.00225 0.00166 0.00130 0.00108 0.00092 0.00080 0.00071 0.00063
            """,
            first=0,
            note="over all 60,000 rows, at the end of the epoch",
        ),
        *curve(
            "test_accuracy",
            """
            0.95910 0.96750 0.97390 0.97250 0.97390 0.97480 0.97730 0.97590 0.97820 0.98050
            0.98040 0.98090 0.98140 0.98170 0.98210 0.98260 0.98260 0.98270 0.98280 0.98290
            """,
            first=0,
        ),
        *curve(
            "training_accuracy",
            """
            0.96355 0.97587 0.98418 0.98637 0.98858 0.99005 0.99320 0.99450 0.99603 0.99810
            0.99897 0.99945 0.99960 0.99980 0.99990 0.99993 0.99995 0.99997 0.99997 0.99998
            """,
            first=0,
            note="over all 60,000 rows, at the end of the epoch",
        ),
        Figure("test_loss", "0.07432", 19, "[7], result line"),
        Figure("training_loss", "0.00063", 19, "[7], result line"),
        Figure("test_accuracy", "0.98290", 19, "[7], result line"),
        Figure("training_accuracy", "0.99998", 19, "[7], result line"),
        Figure("test_accuracy", "0.9829", 19, "[8]"),
        Figure("elapsed_seconds", "209.64", 19, "[7], evaluations included; times are not judged"),
        Figure("label of test image 0", "7", note="[4]"),
    ),
    remarks=(
        "The document's softmax has no maximum shift, and its ReLU derivative overwrites the stored pre-activations: "
        "the same function as the stable form, so there is one version.",
    ),
)

TORCH_LAYERS = (Dense(300, RELU, layout="out,in"), Dense(10, Softmax(axis=-2), layout="out,in"))
TORCH = System(
    name="mnist-relu-torch",
    title="MNIST, 784-300-10, ReLU, softmax over the batch and then over the classes",
    document="004",
    network=Network(784, TORCH_LAYERS, CrossEntropy(from_logits=True)),
    initializer=torch_linear(),
    load=partial(images.load, "mnist", images.unit),
    preprocessing="pixels x/255 in float32",
    recipe=RECIPE,
    precision="float32",
    target_precision="float64",
    start_note="not seeded in the document",
    figures=(
        *curve(
            "training_accuracy",
            """
            0.86303 0.91177 0.93660 0.94922 0.95707 0.96230 0.96558 0.96803 0.96992 0.97185
            0.97352 0.97478 0.97560 0.97668 0.97740 0.97797 0.97867 0.97925 0.97980 0.98045
            """,
            first=0,
        ),
        *curve(
            "test_accuracy",
            """
            0.87100 0.91550 0.93850 0.95150 0.95760 0.96060 0.96430 0.96640 0.96840 0.97040
            0.97080 0.97210 0.97280 0.97330 0.97400 0.97480 0.97520 0.97500 0.97510 0.97540
            """,
            first=0,
        ),
        Figure("test_accuracy", "0.9754", 19, "[15]"),
        Figure("module layer1", "Linear(in_features=784, out_features=300, bias=True)", note="[10]"),
        Figure("module relu", "ReLU()", note="[10]"),
        Figure("module layer2", "Linear(in_features=300, out_features=10, bias=True)", note="[10]"),
        Figure("module softmax", "Softmax(dim=0)", note="[10]; the batch"),
        Figure("elapsed_seconds", "107.54059090000001", 19, "[14], evaluations included; times are not judged"),
    ),
    defects=(
        Defect(
            what="softmax over axis 0, the batch, then the softmax that is inside cross-entropy",
            effect="a sample's output depends on the rest of its batch; evaluation normalises over all rows; "
            "at a batch of one the gradient is exactly zero",
            mend="logits straight into cross-entropy",
        ),
    ),
    remarks=("The document's float64 targets promote its loss to float64; forward and weights are float32.",),
)

SYSTEMS = (
    NUMPY,
    TORCH,
    replace(
        TORCH,
        version="corrected",
        title="MNIST, 784-300-10, ReLU, logits straight into cross-entropy",
        network=replace(TORCH.network, layers=(TORCH_LAYERS[0], Dense(10, layout="out,in"))),
    ),
)
