"""The test vectors themselves: what they prove, that they come out again, and change only with a new version."""

import numpy as np
import pytest
from spread import everyday

from nn_conformance.cases.certification import Encoder, certify_case
from nn_conformance.cases.encoding import encode_document
from nn_conformance.cases.families import family
from nn_conformance.cases.kinks import KinkError
from nn_conformance.cases.probes import probes
from nn_conformance.cases.proof import ProofError, prove_gradients
from nn_conformance.cases.store import Store
from nn_maintain.build import first_difference, unversioned_changes
from nn_maintain.documents import build, described, drafts, summarize
from nn_reference.activations import SIGMOID
from nn_reference.systems import SYSTEMS, get

STORE = Store()
# Systems that are the first to need their probes; every day those with kinks, and with clips.
FIRST = [system.id for system in SYSTEMS if family(system) is system]
REBUILT = ("mnist-relu-torch/corrected", "mnist-sigmoid-keras/documented")


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


def test_probes_are_shared_where_only_the_recipe_differs():
    """The tanh networks that differ in samples or rate share probes; the deeper one has its own."""
    assert family(get("mnist-tanh-512")).name == family(get("mnist-tanh-lr025")).name == "mnist-tanh"
    assert family(get("mnist-tanh-deeper")).name == "mnist-tanh-deeper"
    assert family(get("iris-sigmoid", "corrected")).id == "iris-sigmoid/documented"


def test_a_wrong_entry_changes_a_summary():
    """Sum and projections of a large array move when any one entry does."""
    a = np.arange(1000.0).reshape(10, 100)
    b = a.copy()
    b[3, 14] += 1

    assert summarize(a).sum != summarize(b).sum
    assert all(one != other for one, other in zip(summarize(a).projections, summarize(b).projections, strict=True))


def test_clip_bounds_are_those_of_each_precision():
    """1 - 1e-7 rounds to 1 - 2⁻²³ in float32, where a certain mistake costs 15.942; in float64 it costs 16.118."""
    by_dtype = STORE.case("mnist-sigmoid-keras/documented").case.by_dtype

    assert by_dtype["float32"].clip_upper == 1 - 2**-23
    assert [round(by_dtype[dtype].clip_cost, 3) for dtype in ("float32", "float64")] == [15.942, 16.118]


def test_overflow_is_an_expectation_of_its_own():
    """On raw pixels document 001's derivative overflows in float32 at once, in float64 soon: NaN in either."""
    by_dtype = STORE.case("mnist-sigmoid-numpy/documented").case.by_dtype

    assert by_dtype["float32"].nan_gradients
    assert [by_dtype[dtype].nan_within for dtype in ("float32", "float64")] == [100, 100]


# Free runs and proofs of many numbers take long: of the first network alone, and with all tests.
LONG = ("probe-rectangular", "probe-partial")


@pytest.mark.parametrize("system_id", everyday(FIRST, REBUILT))
def test_probes_regenerate_bit_for_bit(system_id):
    """Building a probe again gives the bytes that are committed, but for the version of the generator."""
    for draft in drafts(get(system_id)):
        if draft.case.startswith("probe-") and (draft.case not in LONG or draft.id == "xor-tanh/probe-partial"):
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
