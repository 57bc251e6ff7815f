"""`nn-conformance smoke`: the harness before what it implements."""

import sys
from pathlib import Path

import pytest

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
