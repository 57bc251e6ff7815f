"""How the suite runs: what it may miss, what it says of itself, and how Hypothesis draws."""

import importlib.metadata
import importlib.util
import os

import hypothesis
import pytest

collect_ignore = ["check_wheel.py"]  # a script, for where the wheel alone is installed: tox runs it there

# The packages that bring each oracle: distribution to module. A marker of the oracle's name says that a test needs it.
ORACLES = {
    "torch": {"torch": "torch"},
    "keras": {"keras": "keras", "tensorflow": "tensorflow"},
    "certify": {"python-flint": "flint"},
}

# With CI set, every run draws the same examples, so that a red run is the change's doing; elsewhere each run draws new
# ones. Both print what repeats a failure, and neither judges times, which on a busy machine say nothing of the code.
PLAIN = hypothesis.settings(
    hypothesis.settings.get_profile("default"),
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile("ci", PLAIN, derandomize=True, database=None)
hypothesis.settings.register_profile("local", PLAIN, derandomize=False)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


def missing(oracle: str) -> list[str]:
    """Distributions that the oracle needs and that are not installed; nothing is imported to find out."""
    return [name for name, module in ORACLES[oracle].items() if importlib.util.find_spec(module) is None]


def pytest_report_header() -> str:
    """Which NumPy and which oracles this run has."""
    absent = [name for oracle in ORACLES for name in missing(oracle)]
    present = [name for packages in ORACLES.values() for name in packages if name not in absent]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("numpy", *present)]
    return f"oracles: {', '.join(versions)}; missing: {', '.join(absent) or 'none'}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of an oracle that is not installed; the summary counts them, with this reason."""
    for oracle in ORACLES:
        if absent := missing(oracle):
            skip = pytest.mark.skip(reason=f"{' and '.join(absent)} not installed; the extra [{oracle}] brings it")
            for item in items:
                if item.get_closest_marker(oracle) is not None:
                    item.add_marker(skip)
