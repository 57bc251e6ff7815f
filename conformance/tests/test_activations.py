"""Activations: every table that has them all."""

from typing import get_args

import pytest

from nn_conformance.adapt import reading
from nn_conformance.cases import families
from nn_conformance.cases import format as fmt
from nn_conformance.explain import naming
from nn_conformance.judge import limits
from nn_conformance.oracles import formulas
from nn_conformance.report import description

KINDS = set(get_args(fmt.Activation.__annotations__["kind"]))
# What each activation of the format needs, by the module that has it; what is `leaky` in a line is leaky_relu.
TABLES = {
    "families": {*families.ELEMENTWISE, *families.BENT, "softmax"},
    "formulas": {*formulas.ELEMENTWISE, "softmax"},
    "limits": set(limits.SLOPES),
    "naming": set(naming.RIGHT),
    "description": set(description.PURPOSES),
    "reading": {{"leaky": "leaky_relu"}.get(kind, kind) for kind in reading.KNOWN.values()},
}


@pytest.mark.parametrize("name", TABLES)
def test_every_activation_is_in_every_table(name):
    """What the format admits can be built, computed, judged, described, named and read off a model."""
    assert TABLES[name] == KINDS
