"""A program is asked for the pieces that it names alone, one of before for what it was asked before, and the rest is said."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from nn_conformance.adapt.pieces import OPTIMIZERS, PIECES, TODAY, asked_for, named, pieces_of, untested
from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.cases.store import Store
from nn_conformance.cases.text import parse
from nn_conformance.fuzz.drawn import fuzz
from nn_conformance.judge_run import JudgeRun
from nn_conformance.oracles import reference
from nn_conformance.protocol import messages
from nn_conformance.protocol.program import ProtocolTarget
from nn_conformance.protocol.session import Session
from nn_conformance.run import judge
from nn_conformance.subjects import OwnNetwork, named_systems, session_subject
from nn_reference.errors import InputError
from nn_reference.systems import SYSTEMS

HERE = Path(__file__).resolve().parent
ADAPTER = HERE.parent / "adapters" / "numpy_adapter.py"
ENGINE = [shutil.which("node") or "node", str(HERE / "engine_that_overwrites.mjs")]
NEW = ("skip", "penalty", "alpha", "dialect", "linear", "softplus", "silu", "gelu", "rmsprop", "adagrad")
DOCUMENTED = set().union(
    *(pieces_of(describe_network(s.network), describe_optimizer(s.recipe.optimizer)) for s in SYSTEMS)
)


class Recorded(ProtocolTarget):
    """A program whose requests are kept."""

    def __init__(self, command):
        super().__init__(command)
        self.requests = []

    def _exchange(self, request, *more):
        self.requests.append(messages.line(request).decode())
        return super()._exchange(request, *more)


@pytest.fixture
def adapter(tmp_path):
    """The adapter in NumPy, with other pieces in its reply to `start`, or without any."""

    def changed(pieces, edit=lambda source: source):
        source = ADAPTER.read_text("utf-8")
        field = ', "pieces": PIECES'
        assert field in source
        file = tmp_path / "adapter.py"
        file.write_text(edit(source.replace(field, "" if pieces is None else f', "pieces": {pieces!r}')), "utf-8")
        return Recorded([sys.executable, str(file)])

    return changed


def test_every_piece_is_asked_for():
    """Documented networks, which are within what was asked of old, and small ones show all; each small one brings some."""
    assert DOCUMENTED <= TODAY < set(PIECES)
    small = list(asked_for(PIECES, DOCUMENTED))
    shown = set(DOCUMENTED)
    for network, optimizer in small:
        brought = pieces_of(network, optimizer)
        assert not brought <= shown
        shown |= brought
    assert shown == set(PIECES)


@pytest.mark.parametrize(
    "words",
    [
        ("tanh", "squared_error sum", "skip"),
        ("relu", "softmax", "cross_entropy samples", "cross_entropy probabilities"),
    ],
    ids=["tanh", "softmax"],
)
def test_small_networks_are_made_of_what_there_is(words):
    """A program with few pieces, and no linear layer, is asked for networks of these alone."""
    has = named([*words, "momentum nesterov"])
    small = list(asked_for(has, ()))
    assert small
    for network, optimizer in small:
        assert pieces_of(network, optimizer) <= has
    assert set().union(*(pieces_of(*of) for of in small)) == has


def test_a_first_word_names_all_that_begin_with_it():
    """`adam` is both placements, a word that is no piece has a hint, and a kind that is not covered at all is one word."""
    assert named(["adam", "cross_entropy half"]) == {"adam torch", "adam keras", "cross_entropy half"}
    with pytest.raises(InputError, match="did you mean 'skip'"):
        named(["skp"])
    with pytest.raises(InputError, match=r"PROTOCOL\.md"):
        named([""])
    line = untested({*TODAY, "penalty 1/2"})
    assert "skip" in line.split(", ")
    assert {"penalty 1", "rmsprop", "momentum rate"} <= set(line.split(", "))
    assert untested(PIECES) == ""


def test_a_program_of_before_is_asked_nothing_new(adapter):
    """Without pieces neither judging nor drawn networks bring a word that requests did not have before."""
    with adapter(None) as target:
        session = Session(target)
        assert session.begin()
        subject = session_subject(session)
        assert [system.id for system in subject.claimed(())] == [system.id for system in SYSTEMS]
        run = JudgeRun(subject.target, named_systems(["homework", "iris-relu-adam"]), Store())
        assert not any(verdict.failed for system in run.systems for verdict in run.of_system(system))
        assert fuzz(subject.target, 10).right
        session.end()
    assert len(target.requests) > 100
    for line in target.requests:
        assert not [word for word in NEW if f'"{word}"' in line], line
        request = json.loads(line)
        loss = request.get("network", {}).get("loss", {})
        if "entropy" in loss.get("kind", ""):
            assert loss["reduction"] == ("samples" if loss["kind"] == "cross_entropy" else "elements")
            assert "half" not in loss


def test_a_program_without_a_piece_is_not_asked_for_it(adapter):
    """A line with a piece that is not named is refused in one line, and a mixed request is judged as far as it goes."""
    with adapter(["tanh", "identity", "squared_error", "sgd"]) as target, pytest.raises(InputError, match="got skip"):
        judge(target, "3-4 tanh-4 tanh skip-2, mse")
    with adapter(["tanh", "identity", "squared_error", "sgd"]) as target:
        report = judge(target, ["3-4 tanh-4 tanh skip-2, mse", "3-4 tanh-2, mse"])
    assert report.ok
    assert [of.system for of in report.outcomes] == ["3-4 tanh-2, squared-error"]
    assert [line.split(":")[0] for line in report.untested] == ["fan-out"]


def test_what_is_named_is_asked_for_and_may_not_be_refused(adapter):
    """A piece, and an optimiser, that a program names and refuses are failures; one that it does is judged."""
    has = ["sigmoid", "identity", "squared_error elements", "sgd", "momentum nesterov", "gelu"]

    def refuses(source):
        return source.replace('    "gelu": (', '    "other": (').replace(
            "    rate, kind,", '    optimizer.get("dialect") and {}["no dialects"]\n    rate, kind,'
        )

    with adapter(has, refuses) as target:
        report = judge(target)
    (claim,) = report.failed
    assert claim.failure == "claimed"
    assert "gelu" in claim.reason
    assert "momentum nesterov" in claim.reason
    with adapter(has) as target:
        report = judge(target)
    assert report.ok
    assert {of.system for of in report.outcomes} >= {
        "3-4 gelu-2, squared-error",
        "3-4-2, squared-error; momentum nesterov",
        "xor-sigmoid/documented",
    }
    assert "fan-out" in report.untested[0]
    assert "momentum classical" in report.untested[1]
    assert "momentum nesterov" not in report.untested[1]


def test_wrong_pieces_are_no_claim(adapter):
    """A misspelt piece, and an empty list, fail the start with a sentence."""
    for pieces, words in ((["tahn"], "did you mean 'tanh'"), ([], "claims nothing")):
        with adapter(pieces) as target:
            report = judge(target)
        (failed,) = report.failed
        assert failed.failure == "wrong-claim"
        assert words in failed.reason


@pytest.mark.node
def test_an_engine_that_overwrites_is_caught_once_it_names_skip():
    """Every chain passes and the report says that fan-out was not tested; with the piece it fails, and on nothing else."""
    with ProtocolTarget(ENGINE) as target:
        report = judge(target, ["xor-tanh", "3-4 tanh-2, mse"])
    assert report.ok
    assert "fan-out" in report.untested[0]
    with ProtocolTarget([*ENGINE, "skip"]) as target:
        report = judge(target)
    assert not any("fan-out" in line for line in report.untested)
    wrong = {of.system for of in report.outcomes if any(verdict.failed for verdict in of.verdicts)}
    assert wrong == {"3-4-4 skip-2, squared-error"}


@pytest.mark.parametrize("network", ["3-3 tanh skip-2, mse", pytest.param("homework", marks=pytest.mark.slow)])
def test_nothing_is_missed_of_what_is_no_program(network):
    """Of a function, which may be an engine, fan-out is not asked for and not missed."""
    assert not judge(reference, network).untested


def test_own_networks_name_their_optimizer():
    """The id of a network that is asked for by an optimiser has both."""
    system = OwnNetwork(parse("3-2, mse"), OPTIMIZERS["adam keras"])
    assert system.id == "3-2, squared-error; adam keras"
    assert isinstance(system.optimizer, fmt.Optimizer)
