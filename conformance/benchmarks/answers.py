"""How long a user waits for an answer: each command in a process of its own, from its start to its end."""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from timing import Table, in_turn, quartiles, ratios, seconds

EXAMPLE = Path(__file__).parents[1] / "examples" / "doc002_functions.py"
RIGHT, WRONG = "dZ1 = dH * sigmoid(Z1) * (1 - sigmoid(Z1))", "dZ1 = dH * Z1 * (1 - Z1)"
TOOL = ("-m", "nn_conformance")
EMPTY = ("-c", "pass")


def measure(*, quick: bool) -> Table:
    """One row for each command, which runs in turn with an empty program."""
    with tempfile.TemporaryDirectory() as folder:
        text, wrong = EXAMPLE.read_text("utf-8"), Path(folder, "wrong.py")
        if RIGHT not in text:
            raise ValueError(f"{EXAMPLE.name}: expected the line {RIGHT!r}, which is to be made wrong")
        wrong.write_text(text.replace(RIGHT, WRONG), "utf-8")
        commands = {
            "`python -c pass`": EMPTY,
            "`import nn_conformance`": ("-c", "import nn_conformance"),
            "`--help`": (*TOOL, "--help"),
            "`verify` of a right function on one network": (*TOOL, "verify", f"{EXAMPLE}:implementation", "homework"),
            "`verify` of a wrong one, explained": (*TOOL, "verify", f"{wrong}:implementation", "homework"),
            "`verify` of the reference on all probes": (*TOOL, "verify", "python:nn_conformance.oracles.reference"),
            "`verify` of three oracles on all probes": (*TOOL, "verify"),
        }
        table = Table(["command", "ms", "over `python -c pass`"])
        for name, command in list(commands.items())[: -2 if quick else None]:
            # Once the bytecode is there, as in any installation; the checkout stays as it is.
            environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
            run = partial(_run, command, environment, int(str(wrong) in " ".join(command)))
            empty = partial(_run, EMPTY, environment, 0)
            times = in_turn({"empty": seconds(empty), "command": seconds(run)}, 1 if quick else 11)
            table.rows.append([name, quartiles(times["command"], 1e3), ratios(times, "command", "empty")])
    return table


def _run(command: tuple[str, ...], environment: dict[str, str], code: int) -> None:
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, check=False)  # noqa: S603 - ours
    if done.returncode != code:
        raise RuntimeError(f"{command[-2:]}: expected exit code {code}, got {done.returncode}: {done.stderr!r}")
