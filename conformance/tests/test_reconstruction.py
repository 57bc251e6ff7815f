"""The reconstructed starts: they print what the document prints, and the solver that found them finds them again."""

import itertools
import re
import sys

import msgspec
import numpy as np
import pytest
import typer

from nn_conformance.cases.families import describe_network, describe_optimizer
from nn_conformance.judge.limits import norm, update_limit
from nn_conformance.judge.target import Training
from nn_conformance.replay import records
from nn_maintain import __main__ as commands
from nn_maintain.mistakes import CATALOGUE
from nn_maintain.mistakes.mistaken import Mistaken
from nn_maintain.studies import copies, reconstruction
from nn_maintain.studies import reconstruction as runs
from nn_maintain.studies.copies import LATE, NO_SLOPE
from nn_maintain.studies.levenberg import STEP, fit
from nn_reference.fixture_files import fixtures_root
from nn_reference.network import outputs_from
from nn_reference.start_weights import load_params
from nn_reference.systems import get

pytestmark = pytest.mark.numeric

SYSTEMS = ("xor-sigmoid", "xor-tanh")
FOLDER = fixtures_root() / "replays"
RECORD = records.read(reconstruction.NAME, reconstruction.Reconstructions)


@pytest.fixture(params=SYSTEMS)
def system(request):
    return get(request.param)


@pytest.fixture
def found(system):
    """What is committed of a system."""
    return RECORD.systems[system.id]


def first(found):
    return np.array(found.solutions[0].weights)


def test_every_printed_error_comes_out_digit_for_digit(system, found):
    """The weights that ship lie where the document draws from, and the reference's training prints all 32 errors."""
    params = load_params(found.weights)
    assert {name: p.shape for name, p in params.items()} == system.network.shapes
    assert all(p.dtype == np.float64 and (p >= -0.5).all() and (p < 0.5).all() for p in params.values())
    means, _ = copies.run(system, copies.flat(params), 32)
    assert [f"{error:f}" for error in means] == [figure.printed for figure in system.figures]
    assert np.array_equal(copies.flat(params), first(found))


def test_every_recorded_solution_prints_the_same(system, found):
    """Each is proven anew, in its canonical form, within the recorded residual, and leads where it says."""
    recorded = np.array([solution.weights for solution in found.solutions])
    assert len(runs.proven(system, recorded)) == len(recorded) == min(found.converged, runs.KEPT)
    assert np.array_equal([copies.canonical(system, w) for w in recorded], recorded)
    worst = np.abs(runs.residuals(system, recorded)).max(axis=1)
    # Four decimals are recorded; rounding moves an error by 1e-13 at most, 1e-7 units of its last digit.
    assert worst == pytest.approx([solution.residual for solution in found.solutions], abs=0.6e-4)
    assert (np.diff((runs.residuals(system, recorded) ** 2).sum(axis=1)) >= 0).all()  # the best fit first
    assert np.unique(recorded.round(6), axis=0).shape == recorded.shape


def test_the_training_goes_where_the_document_says(system, found):
    """Document 003 says of sigmoid that the error does not really reduce, of tanh that it works out."""
    targets = system.load().train_t[:, 0]
    for solution in found.solutions:
        right = (np.array(solution.outputs) > 0.5) == (targets > 0.5)
        assert right.all() == (system.name == "xor-tanh")


def outputs_of(system, weights):
    """The output of each row, (..., 4), of networks with weights (..., P)."""
    params = copies.with_axis(copies.shaped(system.network.shapes, weights))
    return outputs_from(system.network, params, system.load().train_x)[-1].a[..., 0]


def amplified_rounding(system, weights):
    """Bounds, to first order, of what rounding does to the last error and to the four outputs of a whole run.

    Each of an epoch's four updates may be off by `update_limit`, of a move no longer than the weights. What is off at the
    start of epoch k changes the end by the product of the Jacobians of the epochs from k on.
    """
    starts = [weights]
    for _ in range(system.recipe.epochs):
        starts.append(copies.trained(system, starts[-1], 1)[1])

    def derivatives(function, at):  # by complex steps in 13 directions, for all epochs at once: (epochs, values, 13)
        return function(np.array(at)[:, None] + 1j * STEP * np.eye(len(weights))).imag.swapaxes(-1, -2) / STEP

    jacobians = derivatives(lambda w: copies.trained(system, w, 1)[1], starts[:-1])
    (error,) = derivatives(lambda w: copies.trained(system, w, 1)[0], starts[-2:-1])
    (outputs,) = derivatives(lambda w: outputs_of(system, w), starts[-1:])
    to_end, bounds = np.concatenate([error, outputs @ jacobians[-1]]), np.zeros(5)
    for k in reversed(range(len(jacobians))):
        size = norm(starts[k])
        off = 4 * update_limit(size, size, describe_optimizer(system.recipe.optimizer), "float64", 4).value
        bounds += np.linalg.norm(to_end, axis=1) * off
        to_end = to_end @ jacobians[k - 1]
    return bounds


def test_where_a_solution_leads_is_recorded(system, found):
    """The error of epoch 1,000 and the outputs after it are the recorded ones, as near as rounding lets two runs be."""
    solution, again = found.solutions[0], runs.solution(system, first(found))
    bounds = 2 * amplified_rounding(system, first(found))

    assert bounds.max() < 1e-3  # or the comparison would say little
    assert abs(again.last_error - solution.last_error) <= bounds[0]
    assert (np.abs(np.subtract(again.outputs, solution.outputs)) <= bounds[1:]).all()


def test_equivalent_weights_train_alike(system, found):
    """Permuted units change no error, opposite signs only where the activation is odd; all have one canonical form."""
    weights = first(found)
    parts, others = copies.shaped(system.network.shapes, weights), []
    for order in map(list, itertools.permutations(range(3))):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            W1, b1, W2 = parts["W1"] * signs, parts["b1"] * signs, parts["W2"] * np.array(signs)[:, None]
            others.append(copies.flat({"W1": W1[:, order], "b1": b1[order], "W2": W2[order], "b2": parts["b2"]}))
    alike = (np.abs(runs.residuals(system, np.array(others))) < 0.5).all(axis=1)
    assert (
        alike.sum() == found.equivalent == copies.equivalent(system) == {"xor-sigmoid": 6, "xor-tanh": 48}[system.name]
    )
    assert {tuple(copies.canonical(system, w)) for w, same in zip(others, alike, strict=True) if same} == {
        tuple(weights)
    }


def test_how_many_directions_are_determined_is_what_the_jacobian_says(system, found):
    """The recorded singular values are those at the first solution."""
    values = runs.singular_values(system, first(found))
    # Three digits are recorded; what is below 1e-13 of the largest, 13 roundings' worth and some, is noise.
    assert values == pytest.approx(found.singular_values, rel=5.1e-3, abs=1e-13 * values[0])
    assert found.determined == sum(value > 1 for value in found.singular_values)


def test_ranges_hold_all_solutions(found):
    """Every weight of every recorded solution lies in its range, and every range inside [-0.5, 0.5)."""
    low, high = np.array(list(found.ranges.values())).T
    recorded = np.array([solution.weights for solution in found.solutions])
    assert list(found.ranges)[:2] == ["W1[0,0]", "W1[0,1]"]
    assert (low <= recorded).all()
    assert (recorded <= high).all()
    assert low.min() >= -0.5
    assert high.max() < 0.5
    assert found.explored >= found.converged


@pytest.mark.slow
def test_the_solver_comes_back(system, found):
    """From weights that are off by some ten-thousandths, and print other digits, it finds weights that print all."""
    off = first(found) + np.random.default_rng(1).uniform(-3e-4, 3e-4, (2, 13))
    assert all(copies.matches(system, w) < 32 for w in off)
    back = runs.proven(system, runs.settle(system, off, runs.SLACK, 15))
    assert len(back) == 2


def test_inside_the_dead_zone_nothing_moves():
    """A residual within its slack is none; one beyond it is brought to the edge."""
    starts = np.array([[0.3, 0.0], [2.0, -0.2]])
    settled = fit(lambda u: u * 1.0, starts, np.array([0.5, 0.25]), 40)
    assert settled == pytest.approx(np.array([[0.3, 0.0], [0.5, -0.2]]), abs=1e-9)
    assert np.array_equal(starts, [[0.3, 0.0], [2.0, -0.2]])  # what is passed in is not written to


def test_weights_outside_the_interval_are_refused():
    """A record with a weight that could not have been drawn is damaged."""
    document = msgspec.to_builtins(RECORD)
    document["systems"]["xor-tanh/documented"]["solutions"][0]["weights"][3] = 0.5
    with pytest.raises(msgspec.ValidationError, match=r"< 0\.5"):
        msgspec.convert(document, reconstruction.Reconstructions)


def test_only_xor_can_be_reconstructed(capsys, monkeypatch):
    """Another network is refused by name, in one line on standard error, with exit code 2."""
    monkeypatch.setattr(sys, "argv", ["nn_maintain", "reconstruct", "homework"])
    with pytest.raises(SystemExit) as ended:
        commands.main()
    assert ended.value.code == 2
    assert re.fullmatch(
        r"nn_maintain: network: expected xor-sigmoid or xor-tanh, .* got 'homework'\n", capsys.readouterr().err
    )


def test_a_start_that_leads_nowhere_is_said(capsys, monkeypatch):
    """Without a solution nothing is written, and the command says how many starts it tried."""
    monkeypatch.setattr(runs, "LEAST_SQUARES", 1)
    monkeypatch.setattr(runs, "REPAIR", 1)
    with pytest.raises(typer.Exit):
        commands.reconstruct("xor-tanh", 1, 0, None)
    assert "none of 1 random starts" in capsys.readouterr().out


def test_controls_ship_beside_the_solutions(system, found):
    """Four wrong networks were solved for from the same starts; xor-tanh needs its hidden derivative, xor-sigmoid does not."""
    figures = {control.mistake: control.figures for control in found.controls}
    assert list(figures) == [NO_SLOPE, LATE, "learning rate 0.11 for 0.1", "learning rate 0.101 for 0.1"]
    assert (figures[NO_SLOPE] == 32) == (system.name == "xor-sigmoid")
    assert all(0 <= count <= 32 for count in figures.values())
    assert {control.starts for control in found.controls} == {runs.CONTROL_STARTS}


@pytest.mark.parametrize(("mistake", "slug"), [(NO_SLOPE, "derivative-missing"), (LATE, "weights-updated-early")])
def test_a_control_makes_its_mistake_in_every_update(system, mistake, slug):
    """Four samples take the weights where the catalogue's mistake of that kind takes them, and not where right ones go."""
    weights, data = np.random.default_rng(4).uniform(-0.5, 0.5, 13), system.load()
    network, rule = describe_network(system.network), describe_optimizer(system.recipe.optimizer)
    start = copies.shaped(system.network.shapes, weights)
    wrong = Mistaken(next(mistake for mistake in CATALOGUE if mistake.slug == slug))
    run = wrong.train(Training(network, rule, start, data.train_x, data.train_t, [[0], [1], [2], [3]]))
    ours = copies.trained(system, weights, 1, mistake)[1]
    # Four updates of some 20 operations on numbers of size one, each rounding by 2⁻⁵³.
    assert np.abs(ours - copies.flat(run.params)).max() < 80 * 2**-53
    assert np.abs(ours - copies.trained(system, weights, 1)[1]).max() > 1e-6


def test_a_control_counts_the_figures_that_come_out(monkeypatch):
    """From a solution of the right network, and no iterations, each wrong network misses figures; all four are tried."""
    system = get("xor-tanh")
    monkeypatch.setattr(runs, "settle", lambda _, weights, *rest, **mistake: weights)
    made = list(runs.controls(system, first(RECORD.systems[system.id])[None]))
    assert len(made) == 4
    assert all(control.figures < 32 for control in made)


@pytest.mark.slow
def test_the_command_writes_what_it_found(capsys, monkeypatch, tmp_path):
    """From the solutions that ship, themselves not searched for again: record, weights, and what is printed."""
    monkeypatch.setattr(runs, "fitted", lambda system, _: first(RECORD.systems[system.id])[None])
    monkeypatch.setattr(runs, "push", lambda system, weights: weights[None])
    monkeypatch.setattr(runs, "controls", lambda system, *_: iter(RECORD.systems[system.id].controls))
    for name in SYSTEMS:
        commands.reconstruct(name, 1, 0, tmp_path)
    written = records.read("reconstruction", reconstruction.Reconstructions, tmp_path / "replays")
    assert list(written.systems) == [f"{name}/documented" for name in SYSTEMS]
    for name in SYSTEMS:
        system_id, ours = f"{name}/documented", tmp_path / "weights" / f"{name}-reconstructed.json"
        assert written.systems[system_id].solutions[0].weights == RECORD.systems[system_id].solutions[0].weights
        assert ours.read_bytes() == (fixtures_root() / "weights" / ours.name).read_bytes()
    assert "W1[1,2]" in capsys.readouterr().out
