"""New adapters start as skeletons that work and support nothing, and the README's walk leads from there to the ladder."""

import re
import subprocess
from pathlib import Path

import pytest
from adapter_programs import command_for

from nn_conformance.cli.new_adapter import EXTENSIONS, skeleton, write
from nn_conformance.protocol.program import ProtocolTarget
from nn_conformance.protocol.smoke import smoke
from nn_reference.errors import InputError

CHECKOUT = Path(__file__).resolve().parents[2]
LANGUAGES = ["python", pytest.param("javascript", marks=pytest.mark.node), pytest.param("c", marks=pytest.mark.cc)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_skeleton_passes_smoke_and_ends_with_stdin(tmp_path, language):
    """As written it starts, sends numbers back, refuses what is unknown, and stops; without `stop` it ends with code 0."""
    command = command_for(write(language, tmp_path / f"mine{EXTENSIONS[language]}", force=False), tmp_path)
    with ProtocolTarget(command) as target:
        steps = list(smoke(target, "xor-tanh"))
        assert target.name == "my engine"
    assert [line for step in steps for line in step.lines() if not step.passed] == []
    assert len(steps) == 5
    assert subprocess.run(command, stdin=subprocess.DEVNULL, timeout=60, check=False).returncode == 0  # noqa: S603


@pytest.mark.parametrize("language", EXTENSIONS)
def test_skeleton_says_what_to_do(tmp_path, language):
    """Each has the same four marks, and the commands to type, with its own name in them."""
    text = write(language, tmp_path / f"mine{EXTENSIONS[language]}", force=False).read_text("utf-8")
    assert re.findall(r"(?:^|/\*|#|//|^ +)\s*([1-4])\. [TWOG]", text, re.MULTILINE) == ["1", "2", "3", "4"]
    assert "FILE" not in text
    assert f"mine{EXTENSIONS[language]}" in text
    assert max(map(len, text.splitlines())) <= 130


def test_nothing_is_overwritten(tmp_path):
    """A file that is there stays as it is, unless it may be replaced."""
    file = tmp_path / "mine.py"
    file.write_text("mine", "utf-8")
    with pytest.raises(InputError, match="--force replaces it"):
        write("python", file, force=False)
    assert file.read_text("utf-8") == "mine"
    assert write("python", file, force=True).read_text("utf-8") == skeleton("python").replace("FILE", "mine.py")


def test_bad_arguments_are_named(command, tmp_path):
    """An unknown language, a folder that is not there, and the ending of another language are one line each."""
    assert (
        "--language javascript" in command("new-adapter", str(tmp_path / "mine.mjs"), "--language", "python").complaint
    )
    assert "there are python, javascript, c" in command("new-adapter", str(tmp_path / "mine.rs")).complaint
    assert not list(tmp_path.iterdir())
    assert "did you mean 'python'" in command("new-adapter", "--language", "pyton").complaint
    assert "expected 'python' or 'javascript' or 'c'" in command("new-adapter", "--language", "fortran").complaint
    assert "cannot write it" in command("new-adapter", str(tmp_path / "no" / "mine.py")).complaint
