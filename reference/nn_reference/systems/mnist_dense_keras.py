"""`mnist-dense-keras`: 784-128-64-10, linear, ReLU, softmax, Adam (document 002, part 2)."""

from dataclasses import replace
from functools import partial

from nn_reference.activations import RELU, SOFTMAX
from nn_reference.initializers import keras_dense
from nn_reference.losses import CrossEntropy
from nn_reference.network import Dense, Network
from nn_reference.optimizers import Adam
from nn_reference.systems import images
from nn_reference.systems.base import Figure, Recipe, System, curve

ROW_NOTE = "In[19]"
LAYERS = (Dense(128), Dense(64, RELU), Dense(10, SOFTMAX))

DOCUMENTED = System(
    name="mnist-dense-keras",
    title="MNIST, 784-128-64-10, linear, ReLU, softmax, Adam",
    document="002",
    network=Network(784, LAYERS, CrossEntropy()),
    initializer=keras_dense(),
    load=partial(images.load_split, "mnist", images.unit, 0.2, 42),
    preprocessing="pixels x/255 in float32; 48,000 training rows of a split 8:2 with seed 42",
    recipe=Recipe(Adam(learning_rate=0.001, epsilon=1e-7, placement="keras"), epochs=10, batch_size=128, shuffle=True),
    precision="float32",
    start_note="not seeded in the document",
    figures=(
        *curve("training_loss", "0.3666 0.1510 0.1065 0.0798 0.0634 0.0515 0.0405 0.0337 0.0290 0.0240", note=ROW_NOTE),
        *curve(
            "training_accuracy", "0.8961 0.9563 0.9687 0.9760 0.9809 0.9845 0.9880 0.9898 0.9910 0.9930", note=ROW_NOTE
        ),
        *curve(
            "validation_loss", "0.2034 0.1423 0.1135 0.1019 0.1024 0.0939 0.0921 0.0986 0.0963 0.0954", note=ROW_NOTE
        ),
        *curve(
            "validation_accuracy",
            "0.9409 0.9584 0.9660 0.9686 0.9702 0.9711 0.9720 0.9735 0.9735 0.9749",
            note=ROW_NOTE,
        ),
        *curve("epoch_seconds", "4 2 3 1 1 1 1 2 1 2", note="In[19]; times are not judged"),
        *curve("step_milliseconds", "8 7 8 4 3 4 4 4 4 5", note="In[19]; times are not judged"),
        Figure("steps of an epoch", "375", note="In[19], in every epoch"),
        Figure("steps of an evaluation", "313", note="In[21] and In[22]"),
        Figure("evaluation_seconds", "0", note="In[21] and In[22]; times are not judged"),
        Figure("evaluation_step_milliseconds", "1", note="In[21] and In[22]; times are not judged"),
        Figure("test_loss", "0.0849", 10, "In[21]"),
        Figure("test_accuracy", "0.9754", 10, "In[21]"),
        Figure("test_accuracy", "0.9753999710083008", 10, "In[21]; the float32 nearest to 0.9754"),
        Figure("parameters dense", "100480", note="In[17]"),
        Figure("parameters dense_1", "8256", note="In[17]"),
        Figure("parameters dense_2", "650", note="In[17]"),
        Figure("parameters total", "109,386", note="In[17]"),
        Figure("parameters trainable", "109,386", note="In[17]"),
        Figure("parameters non-trainable", "0", note="In[17]"),
        Figure("output shape dense", "(None, 128)", note="In[17]"),
        Figure("output shape dense_1", "(None, 64)", note="In[17]"),
        Figure("output shape dense_2", "(None, 10)", note="In[17]"),
        Figure("activations named", "ReLU, softmax", note="question 2.3.1; `describe` says what each is for"),
        Figure("inputs", "784", note="question 2.5; `describe` says where the 100,480 come from"),
        Figure("predictions of test images 15-19", "5 9 7 3 4", note="In[22]; images 0-14 are not legible"),
        Figure(
            "labels of test images 20-49", "9 6 6 5 4 0 7 4 0 1 3 1 3 4 7 2 7 1 2 1 1 7 4 2 3 5 1 2 4 4", note="In[22]"
        ),
        Figure(
            "predictions of test images 20-49",
            "9 6 6 5 4 0 7 4 0 1 3 1 3 4 7 2 7 1 2 1 1 7 4 2 3 5 1 2 4 4",
            note="In[22]",
        ),
    ),
    remarks=(
        "This is what the document shows. Three of its lines break off amid a word at the page's edge, in column 70; two "
        "others go on behind it, and just what stands there contradicts what ran: that the first layer has no activation, "
        "and that a tenth of the rows is held back. So neither is known to be the author's.",
        "What ran held back a fifth, as the task says, and so do all versions here: all ten printed validation accuracies "
        "fit a k/12,000 and five fit no k/6,000, and 375 steps an epoch are 48,000 rows in batches of 128.",
        "Training rows are running means over the epoch, not values at its end.",
    ),
)
AS_RUN = replace(
    DOCUMENTED,
    version="as-run",
    title="MNIST, 784-128-64-10, ReLU, ReLU, softmax, Adam: what most likely ran",
    network=replace(DOCUMENTED.network, layers=(Dense(128, RELU), *LAYERS[1:])),
    remarks=(
        "The printed figures are judged by this version. ReLU in the first layer is inferred: epoch 2 prints a training "
        "loss of .1510, where three seeds of a ReLU have .150 to .151, of a tanh .163 to .166, and of no activation .178 "
        "to .184.",
        *DOCUMENTED.remarks[1:],
    ),
)

SYSTEMS = (
    DOCUMENTED,
    # The same network as AS_RUN. Its certified cases carry this id; nothing of the document's is mended in it.
    replace(AS_RUN, version="corrected", title="MNIST, 784-128-64-10, ReLU, ReLU, softmax, Adam"),
)
