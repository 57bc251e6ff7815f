"""Benchmarks: the tables of README.md beside this file, which says what is measured.

What is compared runs in turn in one process with one thread, and ratios are taken within each turn. Prints medians with
their quartiles. Parts: steps, gradients, certify, answer; all by default.
"""

import argparse
import json
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

HERE = Path(__file__).parent
README, RESULTS = HERE / "README.md", HERE / "results.json"
PARTS = {
    "steps": "A training step",
    "gradients": "Checking a gradient",
    "certify": "Certifying cases of a network",
    "answer": "Waiting for an answer",
}
PACKAGES = ("numpy", "torch", "tensorflow", "keras")
BEGIN, END = "<!-- results: written by measure.py --write -->", "<!-- end of results -->"


def main() -> None:
    """Measure the parts that are asked for, print their tables, and write them if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="one round each, without what takes minutes")
    parser.add_argument("--write", action="store_true", help="write results.json and README.md")
    parser.add_argument("--network", action="append", default=[], help="one of those of steps; all by default")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"PART: expected {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    if options.write and (options.quick or options.network):
        parser.error("--write: expected whole measurements, got --quick or --network beside it")
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for part in options.parts or PARTS:
        results[part] = {"machine": machine(), **vars(measured(part, options.network, quick=options.quick))}
        print(section(part, results[part]), flush=True)
    if options.write:
        RESULTS.write_text(json.dumps(results, ensure_ascii=False) + "\n", "utf-8")
        README.write_text(page(README.read_text("utf-8"), results), "utf-8")


def measured(part: str, networks: list[str], *, quick: bool) -> Any:
    """The table of one part; only it imports what it needs."""
    if part == "steps":
        import training_steps

        return training_steps.measure(networks, quick=quick)
    if part == "answer":
        import answers

        return answers.measure(quick=quick)
    import checks

    return getattr(checks, part)(quick=quick)


def machine() -> str:
    """Processor, cores and versions, in one line."""
    path = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", path.read_text("utf-8")) if path.exists() else []
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    processor = names[0] if names else platform.machine()
    return f"{processor}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}"


def page(text: str, results: dict[str, Any]) -> str:
    """The README with the tables of these results between its marks."""
    sections = "".join(f"\n{section(part, results[part])}" for part in PARTS if part in results)
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{sections}{END}", text, flags=re.DOTALL)


def section(part: str, result: dict[str, Any]) -> str:
    """A heading, the machine, a table and its notes in Markdown."""
    columns, rows = result["columns"], [[shown(cell) for cell in row] for row in result["rows"]]
    lines = [columns, ["---", *["--:"] * (len(columns) - 1)], *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    notes = "".join(f"\n- {note}" for note in result["notes"])
    return f"### {PARTS[part]}\n\n{result['machine']}.\n\n{table}\n{notes}\n"


def shown(cell: str | int | list[float]) -> str:
    """A name, a count, or a median with its quartiles, to three digits."""
    if not isinstance(cell, list):
        return cell if isinstance(cell, str) else f"{cell:,}"
    texts = [f"{value:.0f}" if value >= 100 else f"{value:.3g}" for value in cell]
    return texts[0] if len(set(texts)) == 1 else f"{texts[1]} ({texts[0]} to {texts[2]})"


if __name__ == "__main__":
    main()
