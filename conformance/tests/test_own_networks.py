"""A network of one's own behind every door: what a name of a documented one can do, its line can do too."""

import pytest

from nn_conformance import network, verify
from nn_conformance.cases.on_demand import certify, make
from nn_conformance.pytest_checks import checks_of
from nn_reference.errors import InputError

LINE = "4-3 tanh-2 softmax, cross-entropy"
PROGRAM = """
import numpy as np
from nn_conformance import conforms, network

def half(params, x, t):
    h = np.tanh(x @ params["W1"] + params["b1"])
    e = np.exp(h @ params["W2"] + params["b2"])
    y = e / e.sum(axis=1, keepdims=True)
    d = (y - t) / len(x)
    d1 = d @ params["W2"].T  # the derivative of tanh is missing
    loss = -np.mean(np.log((y * t).sum(axis=1)))
    return loss, {"W1": x.T @ d1, "b1": d1.sum(axis=0), "W2": h.T @ d, "b2": d.sum(axis=0)}

@conforms(network("4-3 tanh-2 softmax, cross-entropy"))
def marked(params, x, t):
    return half(params, x, t)
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """The folder in which the wrong program is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(PROGRAM, "utf-8")


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("arguments", [("mine.py:half", "--network", LINE), ("mine.py:marked",)], ids=["line", "mark"])
def test_one_check_is_made_again_by_its_id(command, arguments):
    """An id that a report of a network of one's own gives is what `--only` takes, with the same verdict."""
    check = f"{certify(LINE)[0].case.id}::gradient::W1::float64"

    again = command("verify", *arguments, "--only", check)

    assert (again.code, again.err) == (1, "")
    assert again.out.startswith(f"failed (mismatch): {check}")


def test_the_id_of_a_case_is_that_of_its_description():
    """A case has the same id in a later version of the code: it is made of the network and the numbers alone."""
    assert certify(LINE)[0].case.id == "network-4-3-2-1d800c6b/own-sizes"


@pytest.mark.usefixtures("program")
def test_a_harness_is_tried_on_a_line(command):
    """`smoke` asks for a network of one's own where its line stands in place of a name."""
    assert command("smoke", "mine.py:marked", LINE).code == 0


def test_a_library_call_takes_what_network_returns():
    """`verify` and `checks_of` take a network as they take its line; something else is refused in one line."""
    namespace = {}
    exec(PROGRAM, namespace)  # noqa: S102 - our own
    half = namespace["half"]

    by_line, by_network = verify(half, LINE), verify(half, network(LINE))

    assert by_line.as_json() == by_network.as_json()
    assert [c.id for c in checks_of(half, network(LINE))] == [c.id for c in checks_of(half, [LINE])]
    with pytest.raises(InputError, match="networks: expected names, lines or networks, got int"):
        verify(half, 3)


def test_a_line_is_described(command):
    """`describe` takes a line with numbers in brackets and a skip; that each activation has its words, its table says."""
    done = command("describe", "2-2 leaky(0.2)-2 elu(0.5)-2 relu skip-2, squared-error")

    assert (done.code, done.err) == (0, "")


def test_a_folder_has_the_cases_of_one_network(tmp_path):
    """`make` may write the same network again, and refuses a folder that has another's."""
    make(certify(LINE), tmp_path)
    make(certify(LINE), tmp_path)

    with pytest.raises(InputError, match=r"DIR: expected a new folder.*network-4-3-2-1d800c6b"):
        make(certify("2-2, squared-error"), tmp_path)
