"""Bad values: what cannot be declared, chosen or read is refused in one line that names it."""

import hashlib
import json
import re
import shutil
from functools import partial

import numpy as np
import pytest
from bad_input import SGD1, line

from nn_conformance.replay import listed_files
from nn_reference import start_weights
from nn_reference.activations import SIGMOID, SOFTMAX, Softmax
from nn_reference.datasets import load_images
from nn_reference.errors import DataError
from nn_reference.fixture_files import RESTORE, fixtures_root
from nn_reference.losses import BinaryCrossEntropy, CrossEntropy, SquaredError
from nn_reference.network import Dense, Network
from nn_reference.optimizers import SGD, Adam
from nn_reference.preprocessing import (
    flatten_pixels,
    normalized_pixels,
    one_hot,
    standardize,
    train_test_split,
    unit_pixels,
)
from nn_reference.pruning import magnitude_masks
from nn_reference.systems import Recipe, get

LAYER = Dense(2, SIGMOID)
VECTOR = Dense(1, SIGMOID, vector=True)
GREYS = np.arange(256, dtype=np.uint8).reshape(2, 8, 16)
PREPARE = (flatten_pixels, unit_pixels, partial(normalized_pixels, mean=0.5, std=0.5))
XOR = get("xor-sigmoid")
NAN, INF = float("nan"), float("inf")
AXIS = "axis: expected -1 (the units of a sample) or -2 (the samples of a batch), got"
TABLE = "expected a table of numbers, (N, D), got something else ("
DECLARATIONS = [
    (partial(Adam, placement="torhc"), "placement: expected 'torch' or 'keras', got 'torhc', did you mean 'torch'?"),
    (partial(Adam, beta1=1.0), "beta1: expected a finite number in [0, 1), got 1.0"),
    (partial(Adam, epsilon=-1e-8), "epsilon: expected a finite number ≥ 0, got -1e-08"),
    (partial(Adam, "0.1"), "learning_rate: expected a finite number ≥ 0, got '0.1'"),
    (partial(SGD, NAN), "learning_rate: expected a finite number ≥ 0, got nan"),
    (partial(SGD, 10**400), "learning_rate: expected a finite number ≥ 0, got int"),
    (partial(SGD, 0.1, momentum=INF), "momentum: expected a finite number ≥ 0, got inf"),
    (
        partial(Softmax, derivative="exat"),
        "derivative: expected 'exact' or 'diagonal', got 'exat', did you mean 'exact'?",
    ),
    *((partial(Softmax, axis), f"{AXIS} {axis!r}; ") for axis in (0, -3, -1.0, None)),
    (partial(SquaredError, "mean"), "reduction: expected 'sum' or 'samples' or 'elements', got 'mean'"),
    (partial(CrossEntropy, "logits"), "from_logits: expected True or False, got 'logits'"),
    (partial(BinaryCrossEntropy, clip=0.5), "clip: expected a finite number in [0, 0.5), got 0.5"),
    (partial(Dense, 0), "units: expected at least 1, got 0"),
    (partial(Dense, 2, "relu"), "activation: expected an Activation, as nn_reference.activations has them, got 'relu'"),
    (partial(Dense, 2, layout="out_in"), "layout: expected 'in,out' or 'out,in', got 'out_in', did you mean 'out,in'?"),
    (partial(Dense, 2, bias=0.0), "bias: expected True or False, got 0.0"),
    (partial(Dense, 3, vector=True), "units: expected 1 in a vector layer, got 3"),
    (
        partial(Dense, 1, SOFTMAX, vector=True),
        "activation: expected an elementwise one in a vector layer, which has no",
    ),
    (partial(Network, 2, (), SquaredError("sum")), "layers: expected at least one layer, got none"),
    (partial(Network, 0, (LAYER,), SquaredError("sum")), "inputs: expected at least 1, got 0"),
    (partial(Network, 2, [2, 3], SquaredError("sum")), "layers: expected a tuple of Dense layers, got [2, 3]"),
    (
        partial(Network, 2, (VECTOR, LAYER), SquaredError("sum")),
        "layers[0]: expected a vector layer only as the last of 2",
    ),
    (partial(Network, 2, (LAYER,), CrossEntropy), "loss: expected a Loss, as nn_reference.losses has them, got "),
    (
        partial(Network, 2, (VECTOR,), CrossEntropy()),
        "loss: expected one that needs no classes, as the last layer is a",
    ),
    (partial(Recipe, SGD1, epochs=-1), "epochs: expected at least 0, got -1"),
    (partial(Recipe, SGD1, 1, batch_size=0), "batch_size: expected at least 1, got 0"),
    (partial(Recipe, SGD1, 1, samples_per_epoch=0), "samples_per_epoch: expected at least 1, got 0"),
]
halves = partial(train_test_split, test_size=0.5)
PIXELS = "images: expected uint8 (N, rows, columns), got"
DATA = [
    *((partial(XOR.start, seed), "seed: expected an integer") for seed in (-1, 2**32, True)),
    (partial(halves, 10, seed=None), "seed: expected an integer, got None"),
    (partial(halves, 10, seed=0.5), "seed: expected an integer, got 0.5"),
    (partial(halves, 10, seed=-1), "seed: expected an integer in 0..4294967295, got -1"),
    (partial(halves, "a", seed=0), "n: expected an integer, got 'a'"),
    *((partial(halves, n, seed=0), f"n: expected a row for each side of test_size=0.5, got {n} rows") for n in (0, 1)),
    (partial(train_test_split, 10, test_size="a", seed=0), "test_size: expected a finite number, got 'a'"),
    (partial(train_test_split, 10, test_size=NAN, seed=0), "test_size: expected a finite number, got nan"),
    (partial(train_test_split, 10, test_size=0.0, seed=0), "test_size: expected a fraction between 0 and 1, got 0.0"),
    (partial(train_test_split, 10, test_size=1.0, seed=0), "test_size: expected a fraction between 0 and 1, got 1.0"),
    (partial(standardize, [["a"]]), f"x: {TABLE}could not convert"),
    (partial(standardize, [[1.0], [1.0, 2.0]]), f"x: {TABLE}setting"),
    (partial(standardize, [[1.0]], fit_on={}), f"fit_on: {TABLE}"),
    (partial(standardize, [1.0, 2.0]), "x: expected shape (N, D) with N > 0, got (2,)"),
    (partial(standardize, [[1.0, 2.0]], fit_on=np.empty((0, 2))), "fit_on: expected shape (N, D) with N > 0"),
    (partial(standardize, [[1.0, 2.0]], fit_on=[[1.0]]), "fit_on: expected 2 columns like x, got 1"),
    (partial(standardize, [[1.0], [NAN]]), "x[1, 0]: expected a finite number, got nan"),
    (partial(standardize, [[1.0]], fit_on=[[INF]]), "fit_on[0, 0]: expected a finite number, got inf"),
    (partial(one_hot, [[0], [0, 1]], 2), "labels: expected shape (N,), got rows of several lengths ("),
    (partial(one_hot, [[0], [1]], 2), "labels: expected shape (N,), got (2, 1): use labels.ravel()"),
    (partial(one_hot, [0, -1], 3), "labels[1]: expected an integer in 0..2, got -1"),  # as an index: the last class
    (partial(one_hot, [0, 1, 3], 3), "labels[2]: expected an integer in 0..2, got 3"),
    (partial(one_hot, np.array([1, 255], np.uint8), 10), "labels[1]: expected an integer in 0..9, got 255"),
    (partial(one_hot, [1.5, 0.0], 3), "labels: expected integers, got float64 (labels[0] = 1.5)"),
    (partial(one_hot, [True, False], 2), "labels: expected integers, got bool"),
    (partial(one_hot, [], 3), "labels: expected integers, got float64 (no labels)"),
    (partial(one_hot, [0, 1], "3"), "classes: expected an integer, got '3'"),
    (partial(one_hot, [0], 0), "classes: expected at least 1, got 0"),
    (partial(normalized_pixels, GREYS, "a", 1.0), "mean: expected a finite number, got 'a'"),
    (partial(normalized_pixels, GREYS, NAN, 0.5), "mean: expected a finite number, got nan"),
    (partial(normalized_pixels, GREYS, 0.0, None), "std: expected a finite number, got None"),
    (partial(normalized_pixels, GREYS, 0.0, INF), "std: expected a finite number, got inf"),
    (partial(normalized_pixels, GREYS, 0.0, 0.0), "std: expected a finite number above 0 in float32, got 0.0"),
    (partial(normalized_pixels, GREYS, 0.0, 1e-50), "std: expected a finite number above 0 in float32, got 1e-50"),
    *((partial(prepare, GREYS / 255), f"{PIXELS} float64 (2, 8, 16)") for prepare in PREPARE),
    *((partial(prepare, GREYS[0]), f"{PIXELS} uint8 (8, 16)") for prepare in PREPARE),
    (partial(magnitude_masks, XOR.start(), NAN), "threshold: expected a number ≥ 0, got nan"),  # it would keep nothing
    (partial(magnitude_masks, XOR.start(), -1e-300), "threshold: expected a number ≥ 0, got -1e-300"),
    (
        partial(magnitude_masks, XOR.start(), 0.1, ["W9"]),
        "names: 'W9' is no parameter; expected some of W1, b1, W2, b2",
    ),
    (partial(load_images, "cifar"), "name: expected one of mnist, fashion-mnist, got 'cifar'"),
]


@pytest.mark.parametrize(
    ("version", "hint"), [("docmented", ", did you mean 'documented'?"), ("qqq", "; expected one of documented")]
)
def test_an_unknown_version_is_refused_with_the_nearest(version, hint):
    """A version that a network does not have is refused with the nearest, or with those that it has."""
    assert line(get, "homework", version) == f"version: homework has no version {version!r}{hint}"


@pytest.mark.parametrize(("call", "complaint"), DECLARATIONS + DATA)
def test_wrong_value_is_refused_where_it_is_given(call, complaint):
    """A word, number or flag that a declaration or the preprocessing cannot mean is refused at once, by name."""
    assert line(call).startswith(complaint)


def test_infinite_outputs_are_clipped_like_others():
    """Binary cross-entropy from probabilities clips infinity to its bounds; NaN stays NaN."""
    loss, t = BinaryCrossEntropy(), np.array([[1.0, 0.0, 1.0]])
    for dtype in (np.float32, np.float64, np.complex128):
        infinite, far = (np.array([[size, -size, -size]], dtype) for size in (np.inf, 1e3))
        assert loss.value(infinite, t.astype(dtype)) == loss.value(far, t.astype(dtype))
        assert not loss.gradient(infinite, t.astype(dtype)).any()
        assert np.isnan(loss.value(infinite * np.nan, t.astype(dtype)))


@pytest.fixture
def weights_file(tmp_path, monkeypatch):
    """The weights of `iris-relu-adam` in a folder of fixtures that a test may damage."""
    path = tmp_path / "weights" / "iris-relu-adam.json"
    path.parent.mkdir()
    for name in (path.name, "index.json"):
        shutil.copy(fixtures_root() / "weights" / name, path.parent / name)
    monkeypatch.setattr(start_weights, "fixtures_root", lambda: tmp_path)
    return path


def edited(**fields):
    """Replaces fields of W1."""

    def edit(text):
        content = json.loads(text)
        content["params"]["W1"] |= fields
        return json.dumps(content)

    return edit


NO_NUMBERS = hashlib.sha256(b"").hexdigest()
DAMAGE = {
    "empty": (lambda text: "", "Expecting value"),
    "truncated": (lambda text: text[: len(text) // 2], "Expecting ',' delimiter"),
    "not-text": (lambda text: text.replace("PyTorch", "\udcff"), "codec can't decode"),
    "no-params": (lambda text: "{}", "KeyError: 'params'"),
    "changed-digit": (lambda text: text.replace("0.38226926", "0.38226923"), "digest: expected a43f431b0f7cd1d0"),
    "object": (edited(dtype="object"), "dtype: expected one of float32, float64, got 'object'"),
    "other-dtype": (edited(dtype="float64"), "digest: expected a43f431b0f7cd1d0"),
    "text-for-a-number": (edited(data=["x"] * 40), "could not convert string to float"),
    "no-numbers": (edited(data=[], shape=[0, 4], sha256=NO_NUMBERS[::-1]), f"got {NO_NUMBERS}"),
}


@pytest.mark.parametrize(("damage", "complaint"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_weights_are_refused(weights_file, damage, complaint):
    """Whatever is wrong with a file of weights is a DataError of one line: by the index, and by itself where that lists it."""
    weights_file.write_text(damage(weights_file.read_text("utf-8")), "utf-8", errors="surrogateescape")
    message = line(start_weights.load_params, "iris-relu-adam", error=DataError)
    assert re.match(r"weights/iris-relu-adam\.json: expected (2157 bytes|sha256 [0-9a-f]{64}), got ", message)
    listed_files.renew_index(weights_file.parent)
    message = line(start_weights.load_params, "iris-relu-adam", error=DataError)
    assert message.startswith("weights/iris-relu-adam.json: expected parameters, got ")
    assert message.endswith(f": {RESTORE}")
    assert complaint in message


def test_missing_weights_are_named(weights_file):
    """A file of weights that is not there is a DataError with its name; the intact file loads."""
    assert start_weights.load_params("iris-relu-adam").keys() == {"W1", "b1", "W2", "b2"}
    weights_file.unlink()
    assert line(start_weights.load_params, "iris-relu-adam", error=DataError) == (
        f"weights/iris-relu-adam.json: expected a file, got none: {RESTORE}"
    )
