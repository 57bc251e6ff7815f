"""Bad values: what cannot be declared, chosen or read is refused in one line that names it."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bad_input import SGD1, Arguments, line

from nn_conformance.replay import listed_files
from nn_reference import start_weights
from nn_reference.activations import SIGMOID, SOFTMAX, Softmax
from nn_reference.errors import DataError
from nn_reference.fixture_files import RESTORE, fixtures_root
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD, Adam
from nn_reference.preprocessing import normalized_pixels, one_hot, standardize, train_test_split
from nn_reference.pruning import magnitude_masks
from nn_reference.systems import Recipe, get

LAYER = Dense(2, SIGMOID)
VECTOR = Dense(1, SIGMOID, vector=True)
DECLARATIONS: list[tuple[Callable[..., object], tuple[Any, ...], Arguments, str]] = [
    (Adam, (), {"placement": "torhc"}, "placement: expected 'torch' or 'keras', got 'torhc', did you mean 'torch'?"),
    (Adam, (), {"beta1": 1.0}, "beta1: expected a finite number in [0, 1), got 1.0"),
    (Adam, (), {"epsilon": -1e-8}, "epsilon: expected a finite number ≥ 0, got -1e-08"),
    (Adam, ("0.1",), {}, "learning_rate: expected a finite number ≥ 0, got '0.1'"),
    (SGD, (float("nan"),), {}, "learning_rate: expected a finite number ≥ 0, got nan"),
    (SGD, (10**400,), {}, "learning_rate: expected a finite number ≥ 0, got int"),
    (SGD, (0.1,), {"momentum": float("inf")}, "momentum: expected a finite number ≥ 0, got inf"),
    (
        Softmax,
        (),
        {"derivative": "exat"},
        "derivative: expected 'exact' or 'diagonal', got 'exat', did you mean 'exact'?",
    ),
    *(
        (
            Softmax,
            (axis,),
            {},
            f"axis: expected -1 (the units of a sample) or -2 (the samples of a batch), got {axis!r}; ",
        )
        for axis in (0, -3, -1.0, None)
    ),
    (SquaredError, ("mean",), {}, "reduction: expected 'sum' or 'samples' or 'elements', got 'mean'"),
    (CrossEntropy, ("logits",), {}, "from_logits: expected True or False, got 'logits'"),
    (BinaryCrossEntropy, (), {"clip": 0.5}, "clip: expected a finite number in [0, 0.5), got 0.5"),
    (Dense, (0,), {}, "units: expected at least 1, got 0"),
    (Dense, (2, "relu"), {}, "activation: expected an Activation, as nn_reference.activations has them, got 'relu'"),
    (Dense, (2,), {"layout": "out_in"}, "layout: expected 'in,out' or 'out,in', got 'out_in', did you mean 'out,in'?"),
    (Dense, (2,), {"bias": 0.0}, "bias: expected True or False, got 0.0"),
    (Dense, (3,), {"vector": True}, "units: expected 1 in a vector layer, got 3"),
    (
        Dense,
        (1, SOFTMAX),
        {"vector": True},
        "activation: expected an elementwise one in a vector layer, which has no axis",
    ),
    (Network, (2, (), SquaredError("sum")), {}, "layers: expected at least one layer, got none"),
    (Network, (0, (LAYER,), SquaredError("sum")), {}, "inputs: expected at least 1, got 0"),
    (Network, (2, [2, 3], SquaredError("sum")), {}, "layers: expected a tuple of Dense layers, got [2, 3]"),
    (
        Network,
        (2, (VECTOR, LAYER), SquaredError("sum")),
        {},
        "layers[0]: expected a vector layer only as the last of 2",
    ),
    (Network, (2, (LAYER,), CrossEntropy), {}, "loss: expected a Loss, as nn_reference.losses has them, got "),
    (
        Network,
        (2, (VECTOR,), CrossEntropy()),
        {},
        "loss: expected one that needs no classes, as the last layer is a vect",
    ),
    (Recipe, (SGD1,), {"epochs": -1}, "epochs: expected at least 0, got -1"),
    (Recipe, (SGD1, 1), {"batch_size": 0}, "batch_size: expected at least 1, got 0"),
    (Recipe, (SGD1, 1), {"samples_per_epoch": 0}, "samples_per_epoch: expected at least 1, got 0"),
]
DATA: list[tuple[Callable[..., object], tuple[Any, ...], Arguments, str]] = [
    *((get("xor-sigmoid").start, (seed,), {}, "seed: expected an integer") for seed in (-1, 2**32, True)),
    *(
        (train_test_split, (10,), {"test_size": 0.5, "seed": seed}, f"seed: expected an integer, got {seed}")
        for seed in (None, 0.5)
    ),
    (train_test_split, (10,), {"test_size": "a", "seed": 0}, "test_size: expected a finite number, got 'a'"),
    (train_test_split, ("a",), {"test_size": 0.5, "seed": 0}, "n: expected an integer, got 'a'"),
    (standardize, ([["a"]],), {}, "x: expected a table of numbers, (N, D), got something else (could not convert"),
    (standardize, ([[1.0], [1.0, 2.0]],), {}, "x: expected a table of numbers, (N, D), got something else (setting"),
    (standardize, ([[1.0]],), {"fit_on": {}}, "fit_on: expected a table of numbers, (N, D), got something else ("),
    (one_hot, ([[0], [0, 1]], 2), {}, "labels: expected shape (N,), got rows of several lengths ("),
    (one_hot, ([0, 1], "3"), {}, "classes: expected an integer, got '3'"),
    (normalized_pixels, (np.zeros((1, 1, 1), np.uint8), "a", 1.0), {}, "mean: expected a finite number, got 'a'"),
    (normalized_pixels, (np.zeros((1, 1, 1), np.uint8), 0.0, None), {}, "std: expected a finite number, got None"),
]


@pytest.mark.parametrize(("function", "positional", "named", "complaint"), DECLARATIONS + DATA)
def test_wrong_value_is_refused_where_it_is_given(
    function: Callable[..., object], positional: tuple[Any, ...], named: Arguments, complaint: str
) -> None:
    """A word, number or flag that a declaration or the preprocessing cannot mean is refused at once, by name."""
    assert line(function, *positional, **named).startswith(complaint)


def test_infinite_outputs_are_clipped_like_others() -> None:
    """Binary cross-entropy from probabilities clips infinity to its bounds; NaN stays NaN."""
    loss, t = BinaryCrossEntropy(), np.array([[1.0, 0.0, 1.0]])
    for dtype in (np.float32, np.float64, np.complex128):
        infinite, far = (np.array([[size, -size, -size]], dtype) for size in (np.inf, 1e3))
        assert loss.value(infinite, t.astype(dtype)) == loss.value(far, t.astype(dtype))
        assert not loss.gradient(infinite, t.astype(dtype)).any()
        assert np.isnan(loss.value(infinite * np.nan, t.astype(dtype)))


@pytest.mark.parametrize("threshold", [-1.0, -1e-300, float("nan"), float("-inf")])
def test_threshold_is_a_number_from_zero_up(threshold: float) -> None:
    """A negative threshold, or NaN, is refused: NaN would keep nothing, without a word."""
    message = line(magnitude_masks, get("xor-sigmoid").start(), threshold)
    assert message == f"threshold: expected a number ≥ 0, got {threshold}"


def test_names_to_prune_are_parameters() -> None:
    """A name that is no parameter is refused with those that are."""
    assert line(magnitude_masks, get("xor-sigmoid").start(), 0.1, ["W1", "W9"]) == (
        "names: 'W9' is no parameter; expected some of W1, b1, W2, b2"
    )


@pytest.mark.parametrize("label", [-1, 3, 255])
def test_label_out_of_range_is_refused(label: int) -> None:
    """A label that is no class is refused with its index: as an index, -1 would mean the last class."""
    assert line(one_hot, np.array([0, label]), 3).startswith(f"labels[1]: expected an integer in 0..2, got {label}")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("mnist-rleu", "mnist-relu"),
        ("homwork", "homework"),
        ("XOR-tanh", "xor-tanh"),
        ("qqq", None),
        ("", None),
        (None, None),
    ],
    ids=["swapped", "dropped", "capitals", "nothing-near", "empty", "no-text"],
)
def test_unknown_network_is_refused_with_the_nearest(name: Any, nearest: str | None) -> None:
    """An unknown network is refused with the nearest name, or with all where none is near."""
    message = line(get, name)
    assert message.startswith(f"network: no network is named {name!r}")
    assert message.endswith(f", did you mean {nearest!r}?" if nearest else "mnist-relu, mnist-relu-torch")


@pytest.mark.parametrize("version", ["corrected", "qqq", ""])
def test_unknown_version_is_refused_with_those_there_are(version: str) -> None:
    """A version that a network does not have is refused with those that it has."""
    assert line(get, "homework", version) == f"version: homework has no version {version!r}; expected one of documented"
    assert line(get, "homework", "docmented") == (
        "version: homework has no version 'docmented', did you mean 'documented'?"
    )


@pytest.fixture
def weights_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights of `iris-relu-adam` in a folder of fixtures that a test may damage."""
    path = tmp_path / "weights" / "iris-relu-adam.json"
    path.parent.mkdir()
    for name in (path.name, "index.json"):
        shutil.copy(fixtures_root() / "weights" / name, path.parent / name)
    monkeypatch.setattr(start_weights, "fixtures_root", lambda: tmp_path)
    return path


def edited(**fields: object) -> Callable[[str], str]:
    """Replaces fields of W1."""

    def edit(text: str) -> str:
        content = json.loads(text)
        content["params"]["W1"] |= fields
        return json.dumps(content)

    return edit


NO_NUMBERS = hashlib.sha256(b"").hexdigest()
DAMAGE: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda text: "", "Expecting value"),
    "truncated": (lambda text: text[: len(text) // 2], "Expecting ',' delimiter"),
    "not-text": (lambda text: text.replace("PyTorch", "\udcff"), "codec can't decode"),
    "not-an-object": (lambda text: "[1]", "TypeError: "),
    "no-params": (lambda text: "{}", "KeyError: 'params'"),
    "no-digest": (lambda text: text.replace("sha256", "sha"), "KeyError: 'sha256'"),
    "changed-digit": (lambda text: text.replace("0.38226926", "0.38226923"), "digest: expected a43f431b0f7cd1d0"),
    "object": (edited(dtype="object"), "dtype: expected one of float32, float64, got 'object'"),
    "other-dtype": (edited(dtype="float64"), "digest: expected a43f431b0f7cd1d0"),
    "absurd-shape": (edited(shape=[10**9, 10**9]), "cannot reshape array of size 40 into shape"),
    "number-missing": (edited(data=[0.5] * 39), "cannot reshape array of size 39 into shape (10,4)"),
    "text-for-a-number": (edited(data=["x"] * 40), "could not convert string to float"),
    "no-numbers": (edited(data=[], shape=[0, 4], sha256=NO_NUMBERS[::-1]), f"got {NO_NUMBERS}"),
}


@pytest.mark.parametrize(("damage", "complaint"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_weights_are_refused(weights_file: Path, damage: Callable[[str], str], complaint: str) -> None:
    """Whatever is wrong with a file of weights is a DataError of one line: by the index, and by itself where that lists it."""
    weights_file.write_text(damage(weights_file.read_text("utf-8")), "utf-8", errors="surrogateescape")
    message = line(start_weights.load_params, "iris-relu-adam", error=DataError)
    assert re.match(r"weights/iris-relu-adam\.json: expected (2157 bytes|sha256 [0-9a-f]{64}), got ", message)
    listed_files.renew_index(weights_file.parent)
    message = line(start_weights.load_params, "iris-relu-adam", error=DataError)
    assert message.startswith("weights/iris-relu-adam.json: expected parameters, got ")
    assert message.endswith(f": {RESTORE}")
    assert complaint in message


def test_missing_weights_are_named(weights_file: Path) -> None:
    """A file of weights that is not there is a DataError with its name; the intact file loads."""
    assert start_weights.load_params("iris-relu-adam").keys() == {"W1", "b1", "W2", "b2"}
    weights_file.unlink()
    assert line(start_weights.load_params, "iris-relu-adam", error=DataError) == (
        f"weights/iris-relu-adam.json: expected a file, got none: {RESTORE}"
    )
