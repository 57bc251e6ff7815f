"""The project's own rules, where a machine can tell."""

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_test_states_its_property():
    """Each test function has a docstring of one paragraph that ends a sentence."""
    for path in Path(__file__).parent.glob("test_*.py"):
        functions = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)]
        tests = {node.name: ast.get_docstring(node) or "" for node in functions if node.name.startswith("test_")}
        vague = [name for name, text in tests.items() if not text.endswith(".") or "\n\n" in text]
        assert vague == [], path.name


def test_the_reference_does_not_import_the_tool():
    """Arrows point one way: fixtures, reference, tool; and only what computes in balls imports python-flint."""
    certifying = set()
    for path in (*(ROOT / "reference").rglob("*.py"), *(ROOT / "conformance" / "nn_conformance").rglob("*.py")):
        imported = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
        if path.is_relative_to(ROOT / "reference"):
            assert not imported & {"nn_conformance", "flint", "torch", "tensorflow", "keras"}, path
        if "flint" in imported:
            certifying.add("/".join(path.parts[-2:]))

    assert certifying == {"cases/balls.py", "cases/proof.py"}


def test_versions_agree():
    """The version of the package is that of the distribution and has an entry in the change log."""
    import nn_conformance

    declared = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)

    assert declared is not None
    assert declared.group(1) == nn_conformance.__version__
    assert f"## [{nn_conformance.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_every_folder_of_fixtures_is_in_the_wheel():
    """What lies in fixtures/ is listed for the wheel, but for the images."""
    listed = (ROOT / "pyproject.toml").read_text("utf-8")
    present = {path.relative_to(ROOT).as_posix() for path in (ROOT / "fixtures").iterdir() if path.name != "datasets"}

    assert {path for path in present if f'"{path}" = ' not in listed} == set()


def test_what_the_guide_for_contributors_names_is_there():
    """Each path and module that CONTRIBUTING.md names exists."""
    named = re.findall(r"`([\w./-]+/[\w./-]*)`", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))

    assert len(named) > 30
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_no_two_modules_share_a_name():
    """A module's name says which one it is, whatever folder it is in."""
    paths = [path.relative_to(ROOT) for room in ("reference", "conformance") for path in (ROOT / room).rglob("*.py")]
    names = [path.name for path in paths if "tests" not in path.parts and not path.stem.startswith("__")]

    assert len(names) > 200
    assert [name for name, count in Counter(names).items() if count > 1] == []
