"""A model's network is read off it as it stands, or one line says which layer cannot be read and what to do."""

import re

import pytest

from nn_conformance import conforms, network, verify
from nn_conformance.cases.text import text_of
from nn_reference.errors import InputError


def torch_models():
    """By the line that is read, a module and its loss."""
    from torch import nn
    from torch.nn import functional

    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.last = nn.Linear(4, 5), nn.Linear(5, 5, bias=False), nn.Linear(5, 2)

        def forward(self, x):
            h = functional.leaky_relu(self.first(x.view(x.size(0), -1)), 0.25)
            h = self.second(h).tanh() + h
            return functional.softmax(self.last(functional.dropout(h, training=False)), dim=1)

    plain = nn.Sequential(nn.Flatten(), nn.Linear(4, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3))
    return {
        "4-5 relu-3, cross-entropy logits": (plain.eval(), nn.CrossEntropyLoss()),
        "4-5 gelu-3 sigmoid, binary-cross-entropy": (
            nn.Sequential(nn.Linear(4, 5), nn.GELU(approximate="tanh"), nn.Linear(5, 3), nn.Sigmoid()),
            "bce",
        ),
        "4-5 elu(0.5)-3, squared-error sum": (
            nn.Sequential(nn.Linear(4, 5), nn.ELU(0.5), nn.Linear(5, 3)),
            nn.MSELoss(reduction="sum"),
        ),
        "4-5 leaky(0.25)-5 tanh skip no-bias-2 softmax, cross-entropy": (Skip(), "cross-entropy"),
    }


def unreadable():
    """By what the line that refuses it says, a module."""
    import torch
    from torch import nn

    class Odd(nn.Module):
        def __init__(self, forward):
            super().__init__()
            self.second, self.first, self.passes = nn.Linear(5, 5), nn.Linear(4, 5), forward

        def forward(self, x):
            return self.passes(self, x)

    def leaves(self, x):
        raise SystemExit(0)

    return {
        r"1 \(BatchNorm1d\)": nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3)),
        r"0 \(Conv2d\)": nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(5, 3)),
        r"1 \(Dropout\).*model\.eval\(\)": nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.5), nn.Linear(5, 3)),
        r"approximate='tanh'": nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 3)),
        "with beta": nn.Sequential(nn.Linear(4, 5), nn.Softplus(beta=2), nn.Linear(5, 3)),
        "write dim=1": nn.Sequential(nn.Linear(4, 5), nn.Softmax(dim=0)),
        "no dense layer": nn.Sequential(nn.Flatten()),
        "in the order of their calls": Odd(lambda self, x: self.second(self.first(x))),
        "mul": Odd(lambda self, x: self.first(x) * 2),
        "a sum of": Odd(lambda self, x: self.second(self.first(x)) + 1),
        "that a chain": Odd(lambda self, x: (self.first(x), self.second(torch.relu(self.first(x))))[0]),
        "conditions on its input": Odd(lambda self, x: self.first(x) if x.sum() > 0 else x),
        "cannot be traced": Odd(leaves),
    }


@pytest.mark.torch
def test_modules_are_read_off():
    """Sequential modules and forward passes of one's own give their line, in canonical form, and it parses to the same."""
    for line, (module, loss) in torch_models().items():
        read = network(module, loss)
        assert text_of(read) == line
        assert network(line) == read


@pytest.mark.torch
def test_what_cannot_be_read_is_one_line():
    """The layer is named, with what to do; nothing else escapes, whatever the forward pass does."""
    for words, module in unreadable().items():
        with pytest.raises(InputError) as caught:
            network(module, "mse")
        assert re.search(words, str(caught.value)), caught.value
        assert "\n" not in str(caught.value)


@pytest.mark.torch
def test_a_module_is_judged_on_its_own_network():
    """Without a network it is judged on the one that is read off it; a wrong output fails there."""
    from torch import nn

    class Half(nn.Sequential):
        def forward(self, x):
            return super().forward(x)

    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    report = verify(module, loss="mse")
    assert report
    assert [of.system for of in report.outcomes] == ["4-5 tanh-3, squared-error"]
    with pytest.raises(InputError, match="loss: expected that of the model"):
        verify(module)
    wrong = Half(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    wrong[1].forward = lambda z: z * 0.5
    report = verify(conforms(network(module, "mse"))(wrong))
    assert not report


@pytest.fixture
def module_file(tmp_path):
    """A file with a module."""
    file = tmp_path / "mine.py"
    file.write_text("from torch import nn\nmodel = nn.Sequential(nn.Linear(3, 2))\n", "utf-8")
    return f"{file}:model"


@pytest.mark.torch
def test_the_command_asks_for_a_modules_loss(command, module_file):
    """Without `--loss` one line asks for it and shows the layers; beside a network, or without a target, it is refused."""
    asked = command("verify", module_file).complaint
    assert "--loss on the command line" in asked
    assert "its layers are 3-2" in asked
    assert "got networks" in command("verify", module_file, "xor-tanh", "--loss", "mse").complaint
    assert "got none" in command("verify", "--loss", "mse").complaint


@pytest.mark.slow
@pytest.mark.torch
def test_the_command_reads_a_module_off(command, module_file):
    """`verify FILE:model --loss` judges it on the network that is read off it."""
    judged = command("verify", module_file, "--loss", "cross-entropy logits")
    assert judged.code == 0
    assert "3-2, cross-entropy logits" in judged.out


@pytest.mark.keras
def test_keras_models_are_read_off():
    """Sequential and functional models give their line, with the loss that they are compiled with or that is given."""
    import keras
    from keras import layers

    plain = keras.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(5, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )
    plain.compile(loss="categorical_crossentropy")
    assert text_of(network(plain)) == "4-5 relu-3 softmax, cross-entropy"
    plain.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True, reduction="sum"))
    assert text_of(network(plain)) == "4-5 relu-3 softmax, cross-entropy logits sum"
    given = layers.Input((2, 2))
    first = layers.LeakyReLU(0.25)(layers.Dense(5, use_bias=False)(layers.Flatten()(given)))
    second = layers.Add()([first, layers.Dense(5, activation="tanh")(first)])
    model = keras.Model(given, layers.Dense(1, activation="sigmoid")(second))
    assert text_of(network(model, "bce")) == "4-5 leaky(0.25) no-bias-5 tanh skip-1 sigmoid, binary-cross-entropy"


@pytest.mark.keras
def test_what_cannot_be_read_off_keras_is_one_line():
    """Layers, activations, regularizers and models of other kinds are named, with what to do."""
    import keras
    from keras import layers

    class Own(keras.Model):
        def call(self, x):
            return x

    def sequential(*parts):
        return keras.Sequential([layers.Input((4,)), layers.Dense(5), *parts, layers.Dense(2)])

    models = {
        "BatchNormalization": sequential(layers.BatchNormalization()),
        "approximate": sequential(layers.Activation("gelu")),
        "max_value": sequential(layers.ReLU(max_value=6)),
        "regularizer": sequential(layers.Dense(3, kernel_regularizer="l2")),
        "its own call": Own(),
        "model.build": keras.Sequential([layers.Dense(2)]),
    }
    for words, model in models.items():
        with pytest.raises(InputError, match=words) as caught:
            network(model, "mse")
        assert "\n" not in str(caught.value)


def test_a_loss_is_for_models_alone():
    """Beside a line, which has one, a loss is refused."""
    with pytest.raises(InputError, match="in the line"):
        network("3-2, mse", "mse")
