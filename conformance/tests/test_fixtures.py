"""The test vectors themselves: which there are, what they prove, which mistakes they show, and that they come out again."""

import json

import numpy as np
import pytest

from nn_conformance.cases.certification import Encoder, certify_case
from nn_conformance.cases.encoding import encode_document, signs
from nn_conformance.cases.families import build_network, build_optimizer, describe_network, describe_optimizer, family
from nn_conformance.cases.kinks import KinkError
from nn_conformance.cases.probes import probes
from nn_conformance.cases.proof import ProofError, prove_gradients
from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import RUNGS, judge
from nn_maintain.build import first_difference, unversioned_changes
from nn_maintain.documents import MASKS, build, described, drafts, summarize
from nn_maintain.mistakes import CATALOGUE
from nn_maintain.mistakes.mistaken import Mistaken
from nn_reference.activations import SIGMOID
from nn_reference.network import backpropagate
from nn_reference.pruning import apply_masks, magnitude_masks
from nn_reference.systems import SYSTEMS, get

STORE = Store()
CERTIFIED = {rung.name for rung in RUNGS} - {"own-loss", "metamorphic"}
EACH_SYSTEM = pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.id)


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


def shown(mistake, loaded):
    """Whether a case fails code with the mistake, on the rungs that compare with its expected values."""
    verdicts = judge(loaded, Mistaken(mistake), "float64", updates=5, rungs=CERTIFIED)
    return any(verdict.status == "failed" for verdict in verdicts)


def test_only_the_probe_made_for_it_shows_an_unshifted_softmax():
    """It needs the extreme logits: without them it survives."""
    (mistake,) = (mistake for mistake in CATALOGUE if mistake.slug == "softmax-unshifted")
    probes = [case_id for case_id in STORE.of_system("mnist-relu/documented") if "probe-" in case_id]

    assert [case_id for case_id in probes if shown(mistake, STORE.case(case_id))] == ["mnist-relu/probe-extreme"]


def given_arrays(loaded):
    """All that a case starts from: inputs, targets, parameters, and the states of its single steps."""
    yield from (loaded.x, loaded.t, *loaded.params.values())
    for k, step in enumerate(loaded.case.steps):
        for arrays in (step.params or {}, *(step.state.moments.values() if step.state else ())):
            yield from loaded.arrays(arrays, f"steps[{k}]").values()


def test_probes_start_from_float32_numbers():
    """Inputs, targets, parameters and given states of a probe are exactly representable in float32."""
    probed = [case_id for case_id in STORE.ids if "probe-" in case_id]

    assert len(probed) > 100
    for case_id in probed:
        for a in given_arrays(STORE.case(case_id)):
            assert np.array_equal(a, a.astype(np.float32).astype(np.float64)), case_id


def test_a_wrong_backward_formula_cannot_certify_itself():
    """Central differences refuse gradients of a network whose sigmoid rule is wrong by one part in 10^25."""
    from dataclasses import replace

    from flint import arb

    draft = next(probes(described(get("xor-sigmoid"))))
    off = replace(SIGMOID, backward=lambda z, a, da: da * (a * (1 - a)) * (1 + arb(10) ** -25))
    layers = tuple(replace(layer, activation=off) for layer in draft.network.layers)

    with pytest.raises(ProofError, match=r"W1\[0, 0\]: backpropagation gives"):
        prove_gradients(replace(draft.network, layers=layers), draft.params, draft.x, draft.t)


def test_an_accidental_kink_is_refused():
    """A pre-activation of exactly zero in a case that is not made for it stops the build."""
    from dataclasses import replace

    draft = next(d for d in probes(described(get("mnist-relu"))) if d.case == "probe-kink")

    with pytest.raises(KinkError, match="expected no pre-activation of exactly zero"):
        certify_case(replace(draft, flags=()), Encoder("x.safetensors"))


def test_any_slope_between_zero_and_one_is_right_at_a_kink():
    """The reference with slope s at the kinks differs from the expected gradients by s times the listed changes."""
    from nn_conformance.cases.kinks import with_slopes

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
    pruned = loaded.case.pruned
    masks = magnitude_masks(loaded.params, pruned.threshold, pruned.names)
    left = apply_masks(loaded.params, masks)
    after = loaded.arrays(pruned.after, "after")  # whose numbers the ladder compares with the reference's

    assert any(np.any(np.abs(p) == pruned.threshold) for p in loaded.params.values()), "a tie must be there"
    assert sum(int(mask.sum()) for mask in masks.values()) == pruned.kept
    assert all(np.array_equal(a, left[n]) for n, a in loaded.arrays(pruned.params, "pruned").items())
    regrown = any(np.any(after[name][~mask]) for name, mask in masks.items())
    assert regrown == (version == "documented")
    assert ("b1" in pruned.names) == (version == "documented")


def test_clip_bounds_are_those_of_each_precision():
    """1 - 1e-7 rounds to 1 - 2⁻²³ in float32, where a certain mistake costs 15.942; in float64 it costs 16.118."""
    by_dtype = STORE.case("mnist-sigmoid-keras/documented").case.by_dtype

    assert by_dtype["float32"].clip_upper == 1 - 2**-23
    assert [round(by_dtype[dtype].clip_cost, 3) for dtype in ("float32", "float64")] == [15.942, 16.118]


@pytest.mark.parametrize("case_id", [i for i in STORE.ids if i.endswith("probe-extreme")])
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


@pytest.mark.slow
@pytest.mark.parametrize("system_id", ["xor-tanh/documented", "homework/documented", "mnist-relu-torch/corrected"])
def test_probes_regenerate_bit_for_bit(system_id):
    """Building a probe again gives the bytes that are committed, but for the version of the generator."""
    for draft in drafts(get(system_id)):
        if draft.case in ("probe-square", "probe-one", "probe-partial"):
            case, _ = build(get(system_id), draft)
            committed = (STORE.root / f"{draft.id}.json").read_bytes()
            assert first_difference({draft.id: encode_document(case)}, {draft.id: committed}) is None


def test_a_difference_is_named():
    """Comparison says which file and field differ but for the generator; a quick one looks at the first five losses only."""
    made = {"a/b.json": b'{"x":{"y":[1,2]}}', "c/d.safetensors": b"1"}

    assert first_difference(made, made) is None
    by_version = [{"a/b.json": f'{{"generator":"{number}","loss":1}}'.encode()} for number in (1, 2)]
    assert first_difference(*by_version) is None
    assert (
        first_difference(made, {**made, "a/b.json": b'{"x":{"y":[1,3]}}'})
        == "a/b.json: x.y: expected [1, 2], got [1, 3]"
    )
    assert first_difference(made, {"a/b.json": made["a/b.json"]}) == "c/d.safetensors: expected the file, got none"
    long, short = ({"a/b.json": b'{"trajectory":{"losses":[1,2,3,4,5%s]}}' % more} for more in (b",6", b""))
    assert first_difference(long, short, quick=True) is None
    assert first_difference(long, short) is not None


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


def test_no_object_repeats_a_key():
    """In every JSON file that the index lists an object has each key once: parsers differ in which of two counts."""

    def once(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    for path in STORE.files:
        if path.endswith(".json"):
            json.loads(STORE.read(path), object_pairs_hook=once)
