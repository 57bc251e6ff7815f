"""The chaos of `iris-sigmoid`: the enclosure is a proof, and the record is what it and the floating-point runs say."""

import numpy as np
import pytest
from flint import arb

from nn_conformance.cases.balls import balls, precision
from nn_conformance.cases.encoding import values
from nn_conformance.cases.store import Store
from nn_conformance.replay import records
from nn_conformance.replay.records import Exact
from nn_maintain import __main__ as commands
from nn_maintain.studies import chaos_runs
from nn_maintain.studies.copies import shaped
from nn_maintain.studies.enclosure import Box, advance, hessian, start
from nn_maintain.studies.levenberg import STEP
from nn_reference.errors import UndecidedError
from nn_reference.fixture_files import fixtures_root
from nn_reference.network import backpropagate
from nn_reference.training import train

pytestmark = pytest.mark.numeric

SYSTEM = chaos_runs.SYSTEM
DATA = SYSTEM.load()
FOLDER = fixtures_root() / "replays"
RECORD = records.read(records.CHAOS, records.Chaos)


def enclosed(bits, epochs):
    """The box after so many epochs."""
    box = start(SYSTEM.start())
    for _ in range(epochs):
        box = advance(SYSTEM, box, bits)
    return box


def plain(bits, epochs):
    """The weights (P,) after so many epochs by the reference itself, in plain balls."""
    with precision(bits):
        start = {name: balls(p) for name, p in SYSTEM.start().items()}
        rows = [slice(0, len(DATA.train_x))] * epochs
        ended = train(SYSTEM.network, start, SYSTEM.recipe.optimizer, rows, balls(DATA.train_x), balls(DATA.train_t))
        return np.concatenate([p.ravel() for p in ended.params.values()])


def certified():
    """The trajectory of the documented case."""
    return Store().case(SYSTEM.id).case.trajectory


def test_the_exact_losses_are_the_certified_ones():
    """As far as the test vectors go, every loss is theirs to the last bit."""
    trajectory = certified()
    steps = len(trajectory.losses)
    assert RECORD.epochs[:steps] == list(range(steps))
    assert RECORD.exact.losses[:steps] == trajectory.losses


def test_the_exact_run_is_followed_anew():
    """The first epochs come out of the code as they stand in the record, with fewer bits."""
    epochs = list(range(9))
    found = chaos_runs.follow_exactly(epochs, 160)
    assert found.losses == RECORD.exact.losses[:9]
    assert found.accuracies == RECORD.exact.accuracies[:9]
    assert found.radii_log2[0] == "-inf"
    # The radii shrink with the bits: another 1,840 of these, less one for what 64-bit bounds add.
    rise = values(found.radii_log2[1:], "float64") - values(RECORD.exact.radii_log2[1:9], "float64")
    assert rise == pytest.approx(RECORD.exact.bits - 160, abs=1)


def test_the_box_contains_the_exact_weights():
    """Each weight of a run in many more bits lies in its ball, and not at its centre."""
    box = enclosed(120, 8)
    true = plain(1000, 8)
    with precision(120):
        found = box.weights()
    with precision(2000):
        assert all(ball.contains(weight) for ball, weight in zip(found, true, strict=True))
        assert max(ball.rad() for ball in found) < arb(2) ** -90
        # A box that forgets what rounding adds would hold none of them.
        forgetful = Box(box.centre, box.basis, box.radii * 0).weights()
        assert not any(ball.contains(weight) for ball, weight in zip(forgetful, true, strict=True))


def test_the_second_derivatives_are_those_of_the_reference():
    """Against the reference's gradients by complex step, at weights of either sign."""
    weights = np.random.default_rng(0).normal(size=35)
    shapes = SYSTEM.network.shapes

    def gradient(theta):
        _, gradients = backpropagate(SYSTEM.network, shaped(shapes, theta), DATA.train_x, DATA.train_t)
        return np.concatenate([g.ravel() for g in gradients.values()])

    expected = np.array([gradient(weights + 1j * STEP * e).imag / STEP for e in np.eye(35)])
    found = hessian(shaped(shapes, weights), DATA.train_x, DATA.train_t)
    # Two sums of 120 terms, each the product of some ten factors of at most 10: 2·130 roundings of the largest term.
    limit = 260 * 2**-53 * max(np.abs(expected).max(), 120.0)
    assert np.abs(found - expected).max() <= limit
    assert np.abs(found - found.T).max() <= limit


def test_the_record_says_what_plain_balls_need():
    """They give up in the middle, and their bits for all epochs follow from what an epoch costs them."""
    found = chaos_runs.follow_in_plain_balls(60)
    assert found.bits == 60
    assert 10 < found.epochs < 20
    assert RECORD.plain.bits_per_epoch == pytest.approx(found.bits_per_epoch, rel=0.15)
    assert RECORD.plain.epochs < 1000
    assert RECORD.plain.bits_needed == pytest.approx(RECORD.plain.bits_per_epoch * SYSTEM.recipe.epochs, abs=10)


def test_too_few_bits_are_said():
    """Where the box is too wide to round a loss, the message names the epoch and asks for more bits."""
    with pytest.raises(UndecidedError, match=r"after \d+ epochs is not certain: take more than 56 bits"):
        chaos_runs.follow_exactly([0, 1, 2, 3], 56)


def test_equal_outputs_have_no_largest():
    """A row whose two largest outputs overlap is not told, however small the overlap."""
    sharp, blurred = arb(0.5), arb(0.5, 1e-30)
    assert chaos_runs.all_told(np.array([[sharp, arb(0.25), arb(0.75)]], dtype=object))
    assert not chaos_runs.all_told(np.array([[sharp, arb(0.25), blurred]], dtype=object))


def test_runs_agree_within_the_horizon_and_part_beyond_it():
    """A permuted run keeps to the certified band to its end, and is more than a hundredth away before epoch 400."""
    epochs = chaos_runs.measured_epochs(chaos_runs.DENSE - 1)
    trajectory = certified()
    horizon = trajectory.horizons["float64"]
    exact = values(trajectory.losses, "float64")[: horizon.steps]
    runs = [chaos_runs.follow("float64", epochs, run)[0] for run in range(3)]
    for losses in runs:
        assert (np.abs(losses[: horizon.steps] - exact) <= horizon.band).all()
        assert horizon.steps <= chaos_runs.parting(epochs, RECORD.exact, losses) < chaos_runs.DENSE - 1
    # They differ from one another, too: the permutations were applied.
    assert len({losses[horizon.steps - 1] for losses in runs}) == 3


def test_parting_is_the_first_time_beyond_a_hundredth():
    """Not the last, nor the largest; a run that never parts is given its last epoch, however far the exact one goes."""
    exact = Exact(bits=1, losses=[100.0, 100.0, 100.0, 100.0], accuracies=[], radii_log2=[])
    assert chaos_runs.parting([0, 1, 5, 9], exact, np.array([100.0, 100.9, 98.9, 100.0])) == 5
    assert chaos_runs.parting([0, 1, 5, 9], exact, np.array([100.0, 100.9, 99.1, 100.0])) == 9


def test_all_lists_are_over_the_same_epochs():
    """Each epoch at first, then every twentieth, to the recipe's last; exact and ensembles alike."""
    assert RECORD.epochs == chaos_runs.measured_epochs(SYSTEM.recipe.epochs)
    assert RECORD.epochs[-1] == SYSTEM.recipe.epochs
    series = [RECORD.exact.losses, RECORD.exact.accuracies, RECORD.exact.radii_log2]
    for ensemble in RECORD.ensembles.values():
        for spread in (ensemble.losses, ensemble.accuracies):
            series += [spread.minimum, spread.median, spread.maximum]
            assert (np.array(spread.minimum) <= spread.median).all()
            assert (np.array(spread.median) <= spread.maximum).all()
    assert {len(one) for one in series} == {len(RECORD.epochs)}


def test_the_command_prints_and_writes(capsys, monkeypatch, tmp_path):
    """A few epochs and two runs of each precision: a record that can be read, and a line for each precision."""
    monkeypatch.setattr(chaos_runs, "BITS", 160)
    monkeypatch.setattr(chaos_runs, "PLAIN_BITS", 40)
    commands.chaos(3, 2, tmp_path)
    found = records.read(records.CHAOS, records.Chaos, tmp_path / "replays")
    assert found.exact.losses == RECORD.exact.losses[:4]
    assert [len(ensemble.correct) for ensemble in found.ensembles.values()] == [2, 2]
    printed = capsys.readouterr().out
    assert "exact for 3 epochs" in printed
    assert "float32" in printed
