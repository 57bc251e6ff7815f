"""New adapters start as skeletons that work and support nothing; `smoke` tries a harness before what it implements."""

import re
import subprocess
import sys
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


# `nn-conformance smoke`.

HOSTILE = Path(__file__).with_name("hostile.py")
STEPS = [
    "start",
    "echo-float64",
    "run: one evaluation or update, its shapes",
    "run: what is unknown is refused",
    "stop",
]


def test_a_harness_that_works_passes_each_step(command, tmp_path):
    """A function in a file: started, its numbers, one answer, a refusal, its end; wrong numbers are not smoke's business."""
    file = tmp_path / "ones.py"
    file.write_text(
        "import numpy as np\ndef ones(params, x, t):\n    return 1.0, {n: np.ones_like(p) for n, p in params.items()}\n"
    )

    done = command("smoke", f"{file}:ones")

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == ["ok   start", "ok   echo-float32", *(f"ok   {step}" for step in STEPS[1:])]


@pytest.mark.parametrize(
    ("name", "passed", "failed", "reason"),
    [
        ("prints-a-banner", 0, [STEPS[0]], "not-json: at start: not JSON: Welcome!"),
        ("loses-digits", 1, [STEPS[1]], "wrong-echo: echo: sent 0.3333333333333333, got back 0.33333333333333"),
        ("wrong-shape", 2, [STEPS[2]], "wrong-shape: gradient b2: expected shape (1,), got (1, 1)"),
        ("exits-1-at-stop", 4, [STEPS[4]], "exited: stopped with exit code 1, expected 0"),
    ],
)
def test_the_step_that_fails_is_printed_with_its_exchange(command, name, passed, failed, reason):
    """The first step that cannot work ends it; why, what was asked and what was answered stand below it."""
    done = command("smoke", f"cmd:{sys.executable} -S -E {HOSTILE} {name}", "--timeout", "30")
    lines = done.out.splitlines()

    assert done.code == 1
    assert [line[5:] for line in lines if line.startswith("ok")][:passed] == STEPS[:passed]
    assert [line[5:] for line in lines if line.startswith("FAIL")] == failed
    assert any(line.strip() == reason for line in lines)
    asked = next(line for line in lines if "asked:" in line)
    answered = next(line for line in lines if "answered:" in line)
    assert '{"seq":' in asked
    assert answered.strip() != "answered: nothing"
    assert len(asked) < 400


def test_words_of_a_program_without_quotes_are_no_network(command):
    """What stands after the program for want of quotes is refused as a network before anything is started."""
    assert "no network is named 'harness.mjs'" in command("smoke", f"cmd:{sys.executable}", "harness.mjs").complaint
