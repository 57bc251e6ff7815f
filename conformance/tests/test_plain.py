"""The plain NumPy files: they read alone, pass the ladder, print what the documents print, and a wrong line is caught."""

import ast
import importlib
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
from spread import everyday

import nn_reference.plain
from nn_conformance.cases import format as fmt
from nn_conformance.cases.families import describe_network
from nn_conformance.cases.store import Store
from nn_conformance.judge.ladder import in_precisions, judge
from nn_conformance.judge.target import Pruning, Training, Unsupported
from nn_conformance.oracles import plain
from nn_reference.__main__ import TEXTS, main
from nn_reference.optimizers import State
from nn_reference.systems import SYSTEMS, get

STORE = Store()
FOLDER = Path(nn_reference.plain.__file__).parent
FILES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
CODES = dict(zip((system.id for system in SYSTEMS), plain.CODES, strict=True))
# Every day each file in one system, and the lines of three: Adam, pruning, and a rule that fits no loss.
FIRST = {code.file: system_id for system_id, code in reversed(CODES.items())}
# Why a check is not answered: the relation that scales a loss asks for another one; or the document does not do that.
NOT_ANSWERED = (
    "gives no ∂L/∂x",
    "no document has a network of this shape",
    "as its document has none",
    "saturated",
    "too small to be seen above the rounding of the loss",  # of own-loss, where a gradient nearly vanishes
)


def source(file):
    return (FOLDER / f"{file}.py").read_text("utf-8")


def functions(file):
    """The functions of a file, by name."""
    return {node.name: node for node in ast.parse(source(file)).body if isinstance(node, ast.FunctionDef)}


def probes(system_id, *kinds):
    """Those of a system's probes whose names end so."""
    return [STORE.case(case_id) for case_id in STORE.of_system(system_id) if case_id.endswith(kinds)]


def example(system_id):
    """Parameters, x and t of the probe whose sizes all differ, in float64."""
    (case,) = probes(system_id, "probe-rectangular")
    return {name: p.astype(np.float64) for name, p in case.params.items()}, case.x, case.t


@pytest.mark.parametrize("file", FILES)
def test_a_file_needs_numpy_alone(file):
    """The only module that a file imports is NumPy."""
    imports = [node for node in ast.walk(ast.parse(source(file))) if isinstance(node, ast.Import | ast.ImportFrom)]

    assert [ast.unparse(node) for node in imports] == ["import numpy as np"]
    assert "__import__" not in source(file)
    assert "importlib" not in source(file)


@pytest.mark.parametrize("file", FILES)
def test_functions_are_short_and_show_shapes(file):
    """No body is longer than 40 lines; in both passes a shape stands beside each line that makes an array."""
    lines = source(file).splitlines()

    assert len(lines) <= 100
    assert re.search(r"document 00[0-4]", source(file))
    for name, function in functions(file).items():
        assert ast.get_docstring(function)
        assert function.end_lineno - function.body[0].lineno < 40, name
        if name in {"forward", "loss_and_gradients"}:
            for node in ast.walk(function):
                target = ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else "n"
                assert target in {"n", "loss", "layers", "log_p, p"} or "# (" in lines[node.lineno - 1], (name, target)


def test_every_system_has_its_code():
    """Each of the 24 systems has a file, each file a system; it makes updates if the document trains."""
    assert {code.file for code in CODES.values()} == set(FILES)
    for system in SYSTEMS:
        module = importlib.import_module(f"nn_reference.plain.{CODES[system.id].file}")
        assert hasattr(module, "step") == (system.recipe.epochs > 0)
        assert hasattr(module, "prune") == (system.recipe.pruning is not None)


@pytest.mark.parametrize("system_id", everyday(CODES, FIRST.values()))
def test_each_code_passes_the_ladder(request, system_id, monkeypatch):
    """Alone, on every case of its system, those on images with --slow, in both precisions; most checks are answered."""
    monkeypatch.setattr(plain, "CODES", [CODES[system_id]])
    large = request.config.getoption("slow")
    judged = [pair for pair in in_precisions(STORE.cases(system_id)) if large or pair[0].case.network.inputs < 784]
    verdicts = [verdict for loaded, dtype in judged for verdict in judge(loaded, plain, dtype, updates=10)]

    assert [(v.id, v.reason) for v in verdicts if v.status not in {"passed", "unsupported"}] == []
    unanswered = [v for v in verdicts if v.status == "unsupported"]
    assert [v.reason for v in unanswered if not any(words in v.reason for words in NOT_ANSWERED)] == []
    answered = {v.rung for v in verdicts if v.status == "passed"}
    assert answered >= {"contract", "layer", "loss", "gradient", "second-call"}
    assert ("step" in answered) == ("trajectory" in answered) == (get(system_id).recipe.epochs > 0)
    assert ("pruning" in answered) == (get(system_id).recipe.pruning is not None)


def test_homework_prints_what_the_document_prints(capsys):
    """Loss and gradients stand as in document 002; sums of 1000 terms may differ by 1000 roundings on other processors."""
    assert main(["homework"]) == 0
    loss, *gradients, last = capsys.readouterr().out.splitlines()

    assert float(loss) == pytest.approx(0.1332476222330792, rel=1000 * 2**-53, abs=0)
    assert gradients == [
        "{  'W1': array([[ 0.00244596,  0.00262019],",
        "                [-0.00030765, -0.00024188],",
        "                [-0.00034768, -0.000372  ]]),",
        "    'W2': array([0.02216011, 0.02433097, 0.01797174]),",
        "    'b1': array([ 0.00492577, -0.00058023, -0.00065977]),",
    ]
    assert re.fullmatch(r"    'b2': 0\.0\d+}", last)
    # Its terms have either sign; none is larger than 1/4000.
    assert float(last.split()[1].rstrip("}")) == pytest.approx(0.029249230265318685, rel=0, abs=1000 * 2**-53 / 4)


@pytest.mark.parametrize(("name", "figures"), [
    ("xor-sigmoid", [f.printed for f in get("xor-sigmoid").figures]),
    ("xor-tanh", [f.printed for f in get("xor-tanh").figures]),
    ("iris-relu-adam", [f"{get('iris-relu-adam').figures[0].printed}%"]),
])  # fmt: skip
def test_runs_print_what_the_documents_print(name, figures, capsys):
    """Each printed figure of a short run comes out of the plain code, digit for digit."""
    assert main([name]) == 0
    assert [re.split("[= ]", line)[-1] for line in capsys.readouterr().out.splitlines()] == figures


def test_without_a_name_the_names_are_listed(capsys):
    """What can be printed is listed, one name a line, with exit code 0."""
    assert main([]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == list(TEXTS)


@pytest.mark.parametrize("words", [["homewrok"], ["homework", "xor-tanh"], ["\x1b[31m\nhomework"]])
def test_a_wrong_name_is_one_line(words, capsys):
    """Another name, or two, is one line on stderr that lists the names, with exit code 2."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\n")
    assert err[:-1].isprintable()
    assert all(name in err for name in TEXTS)


def test_what_no_document_has_is_unsupported():
    """Another loss, momentum, and a pruning of some arrays are refused with the reason."""
    network = describe_network(get("xor-tanh").network)
    params, x, t = example("xor-tanh/documented")
    other = msgspec.structs.replace(network, loss=msgspec.structs.replace(network.loss, half=True))
    momentum = fmt.Optimizer(kind="sgd", learning_rate=0.1, momentum=0.9)

    with pytest.raises(Unsupported, match="no document has"):
        plain.evaluate(other, params, x, t)
    with pytest.raises(Unsupported, match="no document has"):
        plain.train(Training(network, momentum, params, x, t, [[0]]))

    params, x, t = example("fashion-pruning/documented")
    (case,) = probes("fashion-pruning/documented", "probe-pruned")
    state = State(0, {moment: {name: 0 * p for name, p in params.items()} for moment in "mv"})
    with pytest.raises(Unsupported, match="the document prunes"):
        plain.prune(
            Training(case.case.network, case.case.optimizer, params, x, t, [range(len(x))], state),
            Pruning(0.05, ["W1"], keep_mask=False),
        )
