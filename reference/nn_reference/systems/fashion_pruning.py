"""`fashion-pruning`: 784-256-128-10, ReLU, Adam, then magnitude pruning and fine-tuning (document 000, task 3)."""

from dataclasses import replace
from functools import partial

from nn_reference.activations import RELU
from nn_reference.initializers import torch_linear
from nn_reference.losses import CrossEntropy
from nn_reference.network import Dense, Network
from nn_reference.optimizers import Adam
from nn_reference.systems import images
from nn_reference.systems.base import Defect, Figure, Pruning, Recipe, System

PRUNING = Pruning(threshold=0.05, fine_tune_epochs=5, biases=True, keep_mask=False)

DOCUMENTED = System(
    name="fashion-pruning",
    title="Fashion-MNIST, 784-256-128-10, ReLU, Adam, pruned at 0.05 and fine-tuned",
    document="000",
    network=Network(
        inputs=784,
        layers=(
            Dense(256, RELU, layout="out,in"),
            Dense(128, RELU, layout="out,in"),
            Dense(10, layout="out,in"),
        ),
        loss=CrossEntropy(from_logits=True),
    ),
    initializer=torch_linear(),
    load=partial(images.load, "fashion-mnist", images.half_normalized),
    preprocessing="pixels (x/255 - 0.5)/0.5 in float32",
    recipe=Recipe(Adam(learning_rate=0.001), epochs=10, batch_size=32, shuffle=True, pruning=PRUNING),
    precision="float32",
    seed=42,
    figures=(
        Figure("test_accuracy", "0.8786", 10, "In[51], before pruning"),
        Figure("test_accuracy_pruned", "0.8757", 10, "In[51], straight after pruning"),
        Figure("accuracy_difference_pruned", "-0.0029", 10, "In[51], pruned minus original"),
        Figure(
            "accuracy_difference_fine_tuned", "0.0089", 15, "In[52], fine-tuned minus original; printed without a plus"
        ),
    ),
    defects=(
        Defect(
            what="biases are pruned with the weights",
            effect="small biases are lost, and nothing is gained: there are 394 of them",
            mend="weight matrices only",
        ),
        Defect(
            what="no mask is kept",
            effect="fine-tuning regrows what was pruned, so the fine-tuned network is hardly sparse",
            mend="mask kept through gradient, Adam moments and weights",
        ),
    ),
)

SYSTEMS = (
    DOCUMENTED,
    replace(
        DOCUMENTED,
        version="corrected",
        title="Fashion-MNIST, 784-256-128-10, ReLU, Adam, weights pruned at 0.05, mask kept",
        recipe=replace(DOCUMENTED.recipe, pruning=replace(PRUNING, biases=False, keep_mask=True)),
    ),
)
