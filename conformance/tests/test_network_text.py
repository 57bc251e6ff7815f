"""The text form of a network: every network has a line, the page's examples are read, and errors point at the word."""

import re
from pathlib import Path

import hypothesis
import msgspec
import pytest

import nn_conformance
from nn_conformance.cases.families import describe_network
from nn_conformance.cases.text import ACTIVATIONS, ALIASES, LAYER_WORDS, LOSS_ALIASES, LOSSES, parse, text_of
from nn_conformance.fuzz.strategies import networks
from nn_reference.errors import InputError
from nn_reference.systems import SYSTEMS

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "networks.md").read_text("utf-8")
EXAMPLES = re.findall(r"^\| `([^`]+)` \|", PAGE.split("## Examples")[1].split("## ")[0], re.MULTILINE)


@hypothesis.given(networks())
def test_every_network_has_a_line_that_is_read_as_it(network):
    """A drawn network of any pieces prints as a line that parses to the same network."""
    assert parse(text_of(network)) == network


@pytest.mark.parametrize("line", EXAMPLES)
def test_examples_of_the_page_are_canonical(line):
    """Each example of the page is read, and prints back as it stands."""
    assert text_of(parse(line)) == line


def test_the_page_names_every_word():
    """Activations, losses, options and their other names all stand on the page."""
    words = {*ACTIVATIONS, *ALIASES, *LAYER_WORDS, *LOSSES, *LOSS_ALIASES, "logits", "half", "biases"}

    assert {word for word in words if f"`{word}" not in PAGE and f" {word}`" not in PAGE} == set()
    assert EXAMPLES


def test_examples_that_name_a_documented_network_are_it():
    """A line of which the page says that it is a documented network is that network."""
    named = re.findall(r"^\| `([^`]+)` \| the documented network `([^`]+)`", PAGE, re.MULTILINE)
    documented = {system.name: system.network for system in SYSTEMS if system.version == "documented"}

    assert len(named) == 3
    for line, name in named:
        assert parse(line) == describe_network(documented[name])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("3-5 rleu-2, mse", "at character 5: .* got 'rleu', did you mean 'relu'\\?"),
        ("3-5 relu-2", "at character 11: expected .*',' and a loss, got the end"),
        ("3-5 relu-2 softmax cross-entropy", "at character 20: expected .*',' and a loss, got 'cross-entropy'"),
        ("3-5 relu-2, crossentropy", "at character 13: .* did you mean 'cross-entropy'"),
        ("3-5 relu-2, cross-entropy", "at character 11: expected sigmoid, softplus or softmax .* cross-entropy logits"),
        ("3-5 relu-4 skip-2, mse", r"layers\[1\]: expected skip only .* got 4 units on 5 inputs in layer 2 of 3"),
        ("", "at character 1: expected the number of inputs"),
        ("3-", "at character 3: expected a layer's number of units"),
        ("0-3, mse", "from 1 to 10000, got '0'"),
        ("3-99999999999999999999, mse", "from 1 to 10000"),
        ("3-5-2, mse, l3 0.1", "at character 13: expected an option \\(l2, no-bias, out-in\\), got 'l3'"),
        ("3-5-2, mse, l2", "expected l2's strength, such as 0.01, got the end"),
        ("3-5 leaky(x)-2, mse", "at character 11: expected leaky's number"),
        ("3-5 leaky(2)-2, mse", "slope: expected a finite number in \\[0, 1\\)"),
        ("3-5 relu(2)-2, mse", "expected no brackets after relu"),
        ("3-5 softmax(bach)-2, mse", "did you mean 'batch'"),
        ("3-5, mse logits", "expected an option of mse"),
        ("3→5", "at character 2: expected a number, a word"),
        ("3-5 vector, mse", "units: expected 1 in a vector layer, got 5"),
        ("1" * 2000, "at most 1000 characters"),
        ("-".join(["3"] * 12) + ", mse", "at most 10 layers, got 11"),
    ],
)
def test_errors_point_at_the_word(line, message):
    """A line that is none is refused in one line that names place, expectation and the nearest word."""
    with pytest.raises(InputError, match=message) as caught:
        parse(line)

    assert "\n" not in str(caught.value)


@hypothesis.given(hypothesis.strategies.text("0123456789- ,()/.relusoftmax²N\n\\", max_size=40))
def test_no_text_raises_anything_else(text):
    """Whatever is written, it is a network or an InputError."""
    try:
        parse(text)
    except InputError:
        return


def test_a_file_of_the_schema_is_a_network(tmp_path):
    """`network` reads JSON as the test vectors have it; what is none is one line with the path."""
    described = parse("3-4 elu(0.5)-2, mse, l2 0.1/N")
    path = tmp_path / "mine.json"
    path.write_bytes(msgspec.json.encode(described))

    assert nn_conformance.network(path) == nn_conformance.network(str(path)) == described
    assert nn_conformance.network(described) == described
    path.write_text("{}", "utf-8")
    with pytest.raises(InputError, match=r"expected a network of the schema in .*mine\.json"):
        nn_conformance.network(path)
    with pytest.raises(InputError, match="cannot read"):
        nn_conformance.network("none.json")
    with pytest.raises(InputError, match="expected a line, a path or a Network, got int"):
        nn_conformance.network(3)
