"""The adapters climb the ladder in each language, as short as they are, and claim no more than they do."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from adapter_programs import command_for

from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import RUNGS, judge
from nn_conformance.protocol.program import Limits, ProtocolTarget
from nn_conformance.protocol.session import Session
from nn_conformance.protocol.smoke import smoke
from nn_conformance.subjects import requests_of, session_subject
from nn_reference.systems import System

ADAPTERS = Path(__file__).resolve().parents[1] / "adapters"
FILES = sorted(ADAPTERS.glob("*_adapter.*"))
STORE = Store()
# Differences of the own loss, and relations between calls, take many calls and show nothing of a language.
QUICK = {rung.name for rung in RUNGS} - {"own-loss", "metamorphic"}
# Every network and version; clips, pruning, kinks, logits of ±1000, a second call. Precisions take turns.
CASES = [
    *(case_id for case_id in STORE.ids if case_id.endswith("probe-rectangular")),
    "mnist-sigmoid-keras/probe-clipped",
    "fashion-pruning/probe-pruned",
    "fashion-pruning/corrected-probe-pruned",
    "mnist-relu/probe-kink",
    "mnist-relu-torch/probe-extreme",
    "xor-tanh/probe-twice",
]
# JAX compiles each network for each shape, which takes half a second: autograd through the mistakes of the documents.
FEW = ["mnist-relu-torch/probe-rectangular", "mnist-sigmoid-numpy/probe-rectangular"]
ALL = {"contract", "layer", "loss", "accuracy", "gradient", "second-call", "step", "pruning", "trajectory"}
# What each may leave out, and nothing else: by rung.
LEFT_OUT = {
    "numpy": set(),
    "node": {"pruning"},
    "plain_python": {"pruning"},
    "jax": {"pruning"},
    "c": {"layer", "accuracy", "pruning"},
}
NAMES = [
    "numpy",
    pytest.param("plain_python", marks=pytest.mark.slow),
    pytest.param("jax", marks=[pytest.mark.jax, pytest.mark.slow]),
    pytest.param("node", marks=[pytest.mark.node, pytest.mark.slow]),
    pytest.param("c", marks=pytest.mark.cc),
]


@pytest.fixture(scope="module")
def command_of(tmp_path_factory):
    """Program and arguments of an adapter, by its name."""
    folder = tmp_path_factory.mktemp("adapters")
    return cache(lambda name: command_for(file_of(name), folder))


def file_of(name):
    (file,) = ADAPTERS.glob(f"{name}_adapter.*")
    return file


@pytest.mark.parametrize("name", NAMES)
def test_no_false_alarm(command_of, name):
    """On every network that it claims, in the precisions that it has, an adapter passes; what it leaves out is known."""
    with ProtocolTarget(command_of(name), Limits(seconds=120.0)) as target:
        session = Session(target)
        assert session.begin()
        systems = session_subject(session).claimed(())
        claimed = {case for s in systems if isinstance(s, System) for case in STORE.of_system(s.id)}
        cases = [STORE.case(case_id) for case_id in (FEW if name == "jax" else CASES) if case_id in claimed]
        # Of the small networks, which are there for pieces that no documented network has, the case of their own sizes.
        small = [requests_of(s)[0].cases[0] for s in systems if not isinstance(s, System)]
        judged = session_subject(session).target
        verdicts = [
            verdict
            for k, case in enumerate([*cases, *(small[:1] if name == "jax" else small)])
            for verdict in judge(case, judged, session.dtypes[k % len(session.dtypes)], rungs=QUICK)
        ]
        session.end()
    assert [f"{v.id}: {v.reason}" for v in verdicts if v.status in {"failed", "blocked"}] == []
    assert [v.id for v in session.verdicts if v.status == "failed"] == []
    saturated = [v for v in verdicts if v.status == "unsupported" and v.reason.startswith("saturated")]
    unsupported = {v.id.split("::")[1] for v in verdicts if v.status == "unsupported" and v not in saturated}
    assert unsupported <= {*LEFT_OUT[name], "input-gradient"}  # no adapter gives ∂L/∂x
    passed = {v.id.split("::")[1] for v in verdicts if v.status == "passed"}
    assert passed >= {"contract", "loss", "gradient", "step", "trajectory"}
    # Where nothing is left out, everything was asked for.
    assert LEFT_OUT[name] or passed == ALL
    assert len(cases) >= (2 if name == "jax" else 7)


@pytest.mark.parametrize("name", NAMES)
def test_harness_is_sound(command_of, name):
    """Each adapter passes `smoke`: digits, one answer, a refusal of what is unknown; with `stop` or without it ends with code 0."""
    command = command_of(name)
    with ProtocolTarget(command, Limits(seconds=120.0)) as target:
        assert [line for step in smoke(target, "homework") if not step.passed for line in step.lines()] == []
    assert subprocess.run(command, stdin=subprocess.DEVNULL, timeout=120, check=False).returncode == 0  # noqa: S603


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_adapter_is_short(file):
    """At most 150 lines of 120 characters, and no package but the one that it is named for."""
    text = file.read_text("utf-8")
    assert len(text.splitlines()) <= 150
    assert max(map(len, text.splitlines())) <= 120
    imported = re.findall(r"""^(?:import|from) (\w+)|^import .* from "([^"]+)"|^#include <(\w+)""", text, re.MULTILINE)
    own = {"numpy": {"numpy"}, "jax": {"jax", "numpy"}}.get(file.name.removesuffix("_adapter.py"), set())
    foreign = {next(filter(None, names)) for names in imported} - sys.stdlib_module_names - own
    assert foreign <= {"node:readline", "ctype", "math", "stdio", "stdlib", "string"}
    assert imported


def test_every_adapter_is_judged():
    """Each adapter that there is, is among those that are put on the ladder."""
    assert {file.stem.removesuffix("_adapter") for file in FILES} == LEFT_OUT.keys()
