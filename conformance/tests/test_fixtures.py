"""The test vectors themselves: which there are, what they prove, which mistakes they show, and that they come out again."""

from collections import Counter

import numpy as np
import pytest

from nn_conformance.fixtures.build import build
from nn_conformance.fixtures.documents_json import encode_document
from nn_conformance.fixtures.encoding import values
from nn_conformance.fixtures.families import (
    build_network,
    build_optimizer,
    describe_network,
    describe_optimizer,
    family,
)
from nn_conformance.fixtures.generate import _json_difference, drafts, first_difference
from nn_conformance.fixtures.kinks import KinkError
from nn_conformance.fixtures.probes import probes
from nn_conformance.fixtures.proof import ProofError, prove_gradients
from nn_conformance.fixtures.store import Store
from nn_conformance.fixtures.summaries import MASKS, signs, summarize
from nn_conformance.fixtures.versions import unversioned_changes
from nn_conformance.mistakes import CATALOGUE, applicable, killed
from nn_reference.activations import SIGMOID
from nn_reference.network import backpropagate, forward, loss_and_gradients
from nn_reference.optimizers import State
from nn_reference.pruning import apply_masks, magnitude_masks, masked_state
from nn_reference.systems import SYSTEMS, get
from nn_reference.training import train

STORE = Store()
SMALL = [case.id for case in STORE.index.cases if "probe-" in case.id]
DOCUMENTED = [case.id for case in STORE.index.cases if "probe-" not in case.id]
EACH_SYSTEM = pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.id)
# float64 against correctly rounded values, relative to a tensor's norm: units of 2⁻⁵³ times the root of 784, with room.
ROUNDING = 2000 * 2**-53


def close(found, expected, scale=None):
    """Norm of the difference within rounding of the norm; NaN is not close."""
    norm = np.linalg.norm(expected) if scale is None else scale
    return np.linalg.norm(np.asarray(found) - expected) <= ROUNDING * max(float(norm), 1e-300)


@EACH_SYSTEM
def test_every_system_has_its_cases(system):
    """A documented case of its own, and every probe of its family."""
    ids = STORE.of_system(system.id)

    assert ids[0] == f"{system.name}/{system.version}"
    probe_kinds = {case_id.split("probe-")[1] for case_id in ids if "probe-" in case_id}
    assert {"rectangular", "square", "one", "partial", "unbalanced", "twice", "saturated", "extreme"} <= probe_kinds
    assert ("kink" in probe_kinds) == any(layer.activation.name == "relu" for layer in system.network.layers)


def test_probes_are_shared_where_only_the_recipe_differs():
    """The tanh networks that differ in samples or rate share probes; the deeper one has its own."""
    assert family(get("mnist-tanh-512")).name == family(get("mnist-tanh-lr025")).name == "mnist-tanh"
    assert family(get("mnist-tanh-deeper")).name == "mnist-tanh-deeper"
    assert family(get("iris-sigmoid", "corrected")).id == "iris-sigmoid/documented"


@EACH_SYSTEM
def test_descriptions_build_the_network_that_they_describe(system):
    """Network and optimiser come back from their language-neutral description as they were."""
    assert build_network(describe_network(system.network)) == system.network
    assert build_optimizer(describe_optimizer(system.recipe.optimizer)) == system.recipe.optimizer


@pytest.mark.parametrize("case_id", STORE.ids)
def test_the_reference_meets_every_evaluation(case_id):
    """Every layer, the loss and every gradient in float64 agree with the certified values of every case."""
    loaded = STORE.case(case_id)
    case, network = loaded.case, build_network(loaded.case.network)
    params = {name: p.astype(np.float64) for name, p in loaded.params.items()}
    rows = slice(None) if case.rows is None else np.array(case.rows)
    with np.errstate(over="ignore"):
        loss, gradients = loss_and_gradients(network, params, loaded.x[rows], loaded.t[rows])

    assert close(loss, values([case.evaluation.loss], "float64")[0])
    for k, output in enumerate(forward(network, params, loaded.x[rows])):
        expected = case.evaluation.layers[k]
        assert close(output.z, loaded.array(expected.z, "z"))
        assert close(output.a, loaded.array(expected.a, "a"))
    for name, expected in loaded.arrays(case.evaluation.gradients, "gradients").items():
        # a(1-a) cancels where a is near 1: there, and where a sum is zero by structure, rounding is that of the terms.
        cancels = {"saturated", "extreme"} & set(case.flags) or name in case.evaluation.zero_by_structure
        scale = max(float(np.linalg.norm(expected)), 1.0) if cancels else None
        assert close(gradients[name], expected, scale), name


@pytest.mark.parametrize("case_id", [i for i in STORE.ids if STORE.case(i).case.steps])
def test_the_reference_meets_every_step(case_id):
    """From each given state, one update in float64 lands on the certified parameters, relative to the move."""
    loaded = STORE.case(case_id)
    case, network = loaded.case, build_network(loaded.case.network)
    optimizer = build_optimizer(case.optimizer)
    for k, step in enumerate(case.steps):
        before = loaded.params if step.params is None else loaded.arrays(step.params, f"steps[{k}].params")
        params = {name: p.astype(np.float64) for name, p in before.items()}
        state = optimizer.init(params)
        if step.state is not None:
            moments = {m: loaded.arrays(arrays, m) for m, arrays in step.state.moments.items()}
            state = State(
                step.state.step, {m: {n: a.copy() for n, a in arrays.items()} for m, arrays in moments.items()}
            )
        loss, gradients = backpropagate(network, params, loaded.x[step.rows], loaded.t[step.rows])
        optimizer.step(params, gradients, state)

        assert close(loss, values([step.loss], "float64")[0])
        for name, after in loaded.arrays(step.after or {}, f"steps[{k}].after").items():
            # Where a gradient is zero by structure nothing moves, and rounding is that of the parameter.
            move = max(float(np.linalg.norm(after - before[name])), 2**-52 * float(np.linalg.norm(after)), 1e-12)
            assert np.linalg.norm(params[name] - after) <= 1e-9 * move + 2**-52 * np.linalg.norm(after), name
        for name, summary in (step.after_summary or {}).items():
            found = summarize(params[name])
            assert found.indices == summary.indices
            assert close(values(found.entries, "float64"), values(summary.entries, "float64"))
            size = float(np.linalg.norm(params[name])) * np.sqrt(params[name].size)
            for one, other in zip([found.sum, *found.projections], [summary.sum, *summary.projections], strict=True):
                assert abs(one - other) <= ROUNDING * size


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case_id", [i for i in STORE.ids if STORE.case(i).case.trajectory])
def test_honest_runs_stay_in_their_band_up_to_the_horizon(case_id, dtype):
    """A free run of the reference stays within a third of the band at every step before the horizon."""
    loaded = STORE.case(case_id)
    case = loaded.case
    horizon = case.trajectory.horizons[dtype]
    if not horizon.steps:
        assert dtype == "float32"
        assert case.network.loss.clip is not None, "only a clip bound of another value may end a horizon at once"
        return
    params = {name: p.astype(dtype) for name, p in loaded.params.items()}
    batches = [np.array(batch) for batch in case.trajectory.batches[: horizon.steps]]
    network, optimizer = build_network(case.network), build_optimizer(case.optimizer)
    with np.errstate(over="ignore", invalid="ignore"):
        run = train(network, params, optimizer, batches, loaded.x.astype(dtype), loaded.t.astype(dtype))

    exact = values(case.trajectory.losses, "float64")[: horizon.steps]
    assert np.all(np.abs(np.array(run.losses, dtype=float) - exact) <= np.array(horizon.band) / 3)


@EACH_SYSTEM
def test_free_runs_are_long_enough(system):
    """At least a hundred updates for probes and small systems; some for those of MNIST's size."""
    for case_id in STORE.of_system(system.id):
        case = STORE.case(case_id).case
        if case.trajectory is not None:
            small = case.network.inputs < 784
            assert len(case.trajectory.losses) >= (100 if small else 10)
            assert set(case.trajectory.horizons) == {"float32", "float64"}


def test_iris_relu_adams_printed_accuracy_is_certified():
    """In exact arithmetic a hundred steps from the shipped weights give 29 of 30: document 000's 96.67 %."""
    trajectory = STORE.case("iris-relu-adam/documented").case.trajectory

    assert len(trajectory.losses) == 100
    assert trajectory.test_accuracy == 29 / 30


@EACH_SYSTEM
def test_every_mistake_is_shown_by_a_probe(system):
    """Each mistake of the first catalogue that the network can have is far from some probe's certified numbers."""
    cases = [STORE.case(case_id) for case_id in STORE.of_system(system.id) if "probe-" in case_id]

    survivors = [
        mistake.slug
        for mistake in applicable(system.network, system.recipe.optimizer)
        if not any(killed(mistake, loaded) for loaded in cases)
    ]

    assert survivors == []


def test_the_first_catalogue_has_more_than_twenty_mistakes():
    """Slugs are unique, and every mistake applies to some system."""
    slugs = Counter(mistake.slug for mistake in CATALOGUE)
    used = {m.slug for system in SYSTEMS for m in applicable(system.network, system.recipe.optimizer)}

    assert len(slugs) >= 20
    assert set(slugs.values()) == {1}
    assert used == set(slugs)


def test_only_the_probe_made_for_it_shows_some_mistakes():
    """A stale cache needs the second call, and an unshifted softmax the extreme logits: without them both survive."""
    cases = {
        case_id.split("probe-")[1]: STORE.case(case_id)
        for case_id in STORE.of_system("mnist-relu/documented")[1:]
        if "probe-" in case_id
    }
    needs = {
        mistake.slug: {kind for kind, loaded in cases.items() if killed(mistake, loaded)}
        for mistake in CATALOGUE
        if mistake.slug in ("stale-cache", "gradients-accumulate", "softmax-unshifted")
    }

    assert needs == {"stale-cache": {"twice"}, "gradients-accumulate": {"twice"}, "softmax-unshifted": {"extreme"}}


@pytest.mark.parametrize("loaded_id", SMALL)
def test_probes_start_from_float32_numbers(loaded_id):
    """Inputs, targets, parameters and given states of a probe are exactly representable in float32."""
    loaded = STORE.case(loaded_id)
    given = [loaded.x, loaded.t, *loaded.params.values()]
    for k, step in enumerate(loaded.case.steps):
        given += loaded.arrays(step.params or {}, f"steps[{k}]").values()
        for arrays in (step.state.moments if step.state else {}).values():
            given += loaded.arrays(arrays, f"steps[{k}]").values()

    assert all(np.array_equal(a, a.astype(np.float32).astype(np.float64)) for a in given)


def test_a_wrong_backward_formula_cannot_certify_itself():
    """Central differences refuse gradients of a network whose sigmoid rule is wrong by one part in 10^25."""
    from dataclasses import replace

    from flint import arb

    draft = next(probes(get("xor-sigmoid")))
    off = replace(SIGMOID, backward=lambda z, a, da: da * (a * (1 - a)) * (1 + arb(10) ** -25))
    layers = tuple(replace(layer, activation=off) for layer in draft.network.layers)

    with pytest.raises(ProofError, match=r"W1\[0, 0\]: backpropagation gives"):
        prove_gradients(replace(draft.network, layers=layers), draft.params, draft.x, draft.t)


def test_an_accidental_kink_is_refused():
    """A pre-activation of exactly zero in a case that is not made for it stops the build."""
    from dataclasses import replace

    draft = next(d for d in probes(get("mnist-relu")) if d.case == "probe-kink")

    with pytest.raises(KinkError, match="expected no pre-activation of exactly zero"):
        build(replace(draft, flags=()))


def test_any_slope_between_zero_and_one_is_right_at_a_kink():
    """The reference with slope s at the kinks differs from the expected gradients by s times the listed changes."""
    from nn_conformance.fixtures.kinks import with_slopes

    loaded = STORE.case("mnist-relu/probe-kink")
    network, kinks = build_network(loaded.case.network), loaded.case.evaluation.kinks
    slope = 0.25
    _, found = backpropagate(with_slopes(network, lambda _, z: (z == 0) * slope), loaded.params, loaded.x, loaded.t)
    expected = loaded.arrays(loaded.case.evaluation.gradients, "gradients")
    for kink in kinks:
        for name, change in loaded.arrays(kink.change, "change").items():
            expected[name] = expected[name] + slope * change

    assert len(kinks) >= 2
    assert all(np.allclose(found[name], expected[name], rtol=0, atol=1e-15) for name in expected)


@pytest.mark.parametrize("version", ["documented", "corrected"])
def test_pruning_is_as_the_document_or_its_correction_has_it(version):
    """|w| < ¼ goes, ties stay; the document prunes biases and moves pruned weights again, the correction does neither."""
    loaded = STORE.case(f"fashion-pruning/{'corrected-' if version == 'corrected' else ''}probe-pruned")
    pruned, optimizer = loaded.case.pruned, build_optimizer(loaded.case.optimizer)
    masks = magnitude_masks(loaded.params, pruned.threshold, pruned.names)
    left = apply_masks(loaded.params, masks)
    state = State(pruned.state.step, {m: loaded.arrays(a, m) for m, a in pruned.state.moments.items()})
    state = masked_state(state, masks) if pruned.keep_mask else state
    run = train(
        build_network(loaded.case.network), left, optimizer, [np.array(pruned.rows)], loaded.x, loaded.t,
        state=State(state.step, {m: {n: v.copy() for n, v in a.items()} for m, a in state.moments.items()}),
        masks=masks if pruned.keep_mask else None,
    )  # fmt: skip

    assert any(np.any(np.abs(p) == pruned.threshold) for p in loaded.params.values()), "a tie must be there"
    assert sum(int(mask.sum()) for mask in masks.values()) == pruned.kept
    assert all(np.array_equal(a, left[n]) for n, a in loaded.arrays(pruned.params, "pruned").items())
    for name, after in loaded.arrays(pruned.after, "after").items():
        assert np.allclose(run.params[name], after, rtol=0, atol=1e-12)
    regrown = any(np.any(loaded.arrays(pruned.after, "after")[name][~mask]) for name, mask in masks.items())
    assert regrown == (version == "documented")
    assert ("b1" in pruned.names) == (version == "documented")


def test_clip_bounds_are_those_of_each_precision():
    """1 - 1e-7 rounds to 1 - 2⁻²³ in float32, where a certain mistake costs 15.942; in float64 it costs 16.118."""
    by_dtype = STORE.case("mnist-sigmoid-keras/documented").case.by_dtype

    assert by_dtype["float32"].clip_upper == 1 - 2**-23
    assert [round(by_dtype[dtype].clip_cost, 3) for dtype in ("float32", "float64")] == [15.942, 16.118]


@pytest.mark.parametrize("case_id", [i for i in SMALL if i.endswith("probe-extreme")])
def test_extreme_probes_are_beyond_the_largest_exponent(case_id):
    """Some output lies beyond ±710 before its activation, where e^z overflows in float64; single outputs on both sides."""
    loaded = STORE.case(case_id)
    z = loaded.array(loaded.case.evaluation.layers[-1].z, "z")

    assert np.max(np.abs(z)) > 710
    if loaded.case.network.layers[-1].units == 1:
        assert z.min() < -710 < 710 < z.max()


def test_the_loss_between_float32s_clip_bounds_is_certified_too():
    """A clipped output costs less in float32, and the case says how much; float64's bounds give the loss itself."""
    case = STORE.case("mnist-sigmoid-keras/probe-clipped").case

    assert case.by_dtype["float64"].loss == case.evaluation.loss
    assert 0.001 < case.evaluation.loss - case.by_dtype["float32"].loss < 0.2


def test_overflow_is_an_expectation_of_its_own():
    """On raw pixels document 001's derivative overflows in float32 at once, in float64 soon: NaN in either."""
    by_dtype = STORE.case("mnist-sigmoid-numpy/documented").case.by_dtype

    assert by_dtype["float32"].nan_gradients
    assert [by_dtype[dtype].nan_within for dtype in ("float32", "float64")] == [100, 100]


def test_walsh_signs_are_the_parity_of_common_bits():
    """(-1)^(ones in i AND mask), which any language computes from the mask."""
    assert signs(8, 0b101).tolist() == [1, -1, 1, -1, -1, 1, -1, 1]
    assert len(set(MASKS)) == len(MASKS) >= 8


def test_a_wrong_entry_changes_a_summary():
    """Sum and projections of a large array move when any one entry does."""
    a = np.arange(1000.0).reshape(10, 100)
    b = a.copy()
    b[3, 14] += 1

    assert summarize(a).sum != summarize(b).sum
    assert all(one != other for one, other in zip(summarize(a).projections, summarize(b).projections, strict=True))


@pytest.mark.parametrize("name", ["xor-tanh", "homework", "mnist-relu-torch"])
def test_probes_regenerate_bit_for_bit(name):
    """Building a probe again gives the very bytes that are committed."""
    import msgspec

    for system in (s for s in SYSTEMS if s.name == name and family(s) is s):
        for draft in drafts(system):
            if draft.case in ("probe-square", "probe-one", "probe-partial"):
                case, _ = build(draft)
                committed = (STORE.root / f"{draft.id}.json").read_bytes()
                assert encode_document(msgspec.to_builtins(case)) == committed, draft.id


def test_a_difference_is_named():
    """Comparison says which file and field differ, and a quick one looks at the first five losses only."""
    made = {"a/b.json": b'{"x":{"y":[1,2]}}', "c/d.safetensors": b"1"}

    assert first_difference(made, made) is None
    assert (
        first_difference(made, {**made, "a/b.json": b'{"x":{"y":[1,3]}}'})
        == "a/b.json: x.y: expected [1, 2], got [1, 3]"
    )
    assert first_difference(made, {"a/b.json": made["a/b.json"]}) == "c/d.safetensors: expected the file, got none"
    long, short = {"trajectory": {"losses": [1, 2, 3, 4, 5, 6]}}, {"trajectory": {"losses": [1, 2, 3, 4, 5]}}
    assert _json_difference(long, short, "", quick=True) is None
    assert _json_difference(long, short, "", quick=False) is not None


def test_a_published_case_changes_only_with_a_new_version():
    """Another expectation under the same version is refused, and so is a case that is gone; a new version is not."""
    there = {"a/b.json": b'{"version":1,"loss":1,"provenance":{"generator":"1"}}', "index.json": b"{}"}

    assert unversioned_changes({"a/b.json": b'{"version":1,"loss":1,"provenance":{"generator":"2"}}'}, there) == []
    assert unversioned_changes({"a/b.json": b'{"version":1,"loss":2,"provenance":{}}'}, there) == ["a/b"]
    assert unversioned_changes({}, there) == ["a/b"]
    assert unversioned_changes({"a/b.json": b'{"version":2,"loss":2,"provenance":{}}'}, there) == []


def test_every_version_after_the_first_has_a_reason():
    """A case of version n lists n-1 reasons."""
    cases = [STORE.case(case_id).case for case_id in STORE.ids]

    assert [case.id for case in cases if case.version != 1 + len(case.changes)] == []
