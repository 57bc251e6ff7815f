"""How the suite runs: what it may miss, what it says of itself, how it is spread over workers, how Hypothesis draws."""

import atexit
import gc
import importlib.metadata
import importlib.util
import itertools
import json
import os
import shutil
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest

# Each worker is one process for one core: more threads of OpenBLAS or PyTorch than that only wait for each other.
# Whoever sets the variable has it as it is; NumPy, which reads it when it is imported, has not been imported yet.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A collection walks through all that frameworks have loaded, which took a tenth of the time; tests leave few cycles.
gc.set_threshold(20_000, 20, 20)

# Hundreds of tests start Python. Where nothing may be written beside the sources, each start would compile every module
# that it imports: what the tests start has its bytecode in a folder of this run.
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
    BYTECODE = TemporaryDirectory(prefix="bytecode-")
    os.environ.setdefault("PYTHONPYCACHEPREFIX", BYTECODE.name)
    atexit.register(BYTECODE.cleanup)

# A script, for where the wheel alone is installed, which tox runs there; and programs by others, which have no doctests.
collect_ignore = ["check_wheel.py", "blind"]

# What each extra brings: distribution to module. A marker of the extra's name says that a test needs it.
EXTRAS = {
    "torch": {"torch": "torch"},
    "keras": {"keras": "keras", "tensorflow": "tensorflow"},
    "report": {"joblib": "joblib", "matplotlib": "matplotlib", "scipy": "scipy"},
    "notebook": {"ipykernel": "ipykernel", "nbclient": "nbclient"},
    "dask": {"distributed": "distributed"},
    "jax": {"jax": "jax"},
}
# What no package brings: marker to program and its name.
TOOLS = {"node": ("node", "Node.js"), "cc": ("cc", "a C compiler"), "browser": ("chromium", "Chromium")}

# The oracles whose verdicts are counted in the summary, and the distribution whose version stands beside each.
ORACLES = {"torch": "torch", "keras": "keras", "central": "", "complex-step": "", "arb": "python-flint"}
FRAMEWORKS = ("torch", "keras")  # they take seconds to import: one worker does that for each
COLLECTED = pytest.StashKey[set[str]]()
GROUPS = pytest.StashKey["TemporaryDirectory[str]"]()
EXAMPLES = {True: 100, False: 25}  # that Hypothesis draws for a property, by whether the slow tests are run
NEIGHBOURS = 16  # tests of one module that are handed out together, with what they have loaded


def missing(marker: str) -> list[str]:
    """What the marker's tests need and this machine has not; nothing is imported to find out."""
    if marker in TOOLS:
        program, name = TOOLS[marker]
        return [] if shutil.which(program) else [name]
    return [name for name, module in EXTRAS[marker].items() if importlib.util.find_spec(module) is None]


def reason(marker: str, absent: list[str]) -> str:
    """Why a test with the marker is skipped, and what mends that."""
    mend = f"there is no {TOOLS[marker][0]} on the path" if marker in TOOLS else f"the extra [{marker}] brings it"
    return f"{' and '.join(absent)} not installed; {mend}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Asks for the slow tests too."""
    parser.addoption(
        "--slow",
        action="store_true",
        help="run the slow tests too: every system where others take a few, and four times the examples",
    )


def pytest_report_header(config: pytest.Config) -> str:
    """Which NumPy, and which of the extras' packages, this run has; whether the slow tests are run."""
    absent = [name for marker in (*EXTRAS, *TOOLS) for name in missing(marker)]
    present = [name for packages in EXTRAS.values() for name in packages if name not in absent]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("numpy", *present)]
    return f"oracles: {', '.join(versions)}; missing: {', '.join(absent) or 'none'}; slow tests: {'run' if config.getoption('slow') else 'left to --slow'}"


def pytest_configure(config: pytest.Config) -> None:
    """Knows xdist's marker without xdist too; and draws no examples in the process that only hands out tests."""
    config.addinivalue_line("markers", "xdist_group(name): tests that one worker runs, because they share an import")
    if getattr(config.option, "dist", "no") == "no":
        settle_hypothesis(EXAMPLES[config.getoption("slow")])


def settle_hypothesis(examples: int) -> None:
    """How examples are drawn: with CI set, the same in every run, so that a red run is the change's doing; else new ones.

    Both print what repeats a failure, and neither judges times, which on a busy machine say nothing of the code.
    """
    import hypothesis

    plain = hypothesis.settings(
        hypothesis.settings.get_profile("default"),
        max_examples=examples,
        deadline=None,
        print_blob=True,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.register_profile("ci", plain, derandomize=True, database=None)
    hypothesis.settings.register_profile("local", plain, derandomize=False)
    hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the tests of what is not installed, and the slow ones; the summary counts them, with this reason."""
    if not config.getoption("slow"):
        for item in items:
            if item.get_closest_marker("slow") is not None:
                item.add_marker(pytest.mark.skip(reason="slow; --slow runs it"))
    for marker in (*EXTRAS, *TOOLS):
        if absent := missing(marker):
            skip = pytest.mark.skip(reason=reason(marker, absent))
            for item in items:
                if item.get_closest_marker(marker) is not None:
                    item.add_marker(skip)
    if hasattr(config, "workerinput"):
        groups = {item.nodeid: name for item in items if (name := group(item))}
        Path(config.workerinput["groups"], "groups.json").write_text(json.dumps(groups), "utf-8")


def group(item: pytest.Item) -> str | None:
    """The framework that a test needs, so that one worker alone imports it, or what else the test is marked with."""
    for framework in FRAMEWORKS:
        if item.get_closest_marker(framework) is not None:
            return framework
    marker = item.get_closest_marker("xdist_group")
    return None if marker is None else str(marker.args[0])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells each worker where to say which tests are a group: what it sends are ids, without markers."""
    if GROUPS not in node.config.stash:
        node.config.stash[GROUPS] = TemporaryDirectory()
        node.config.add_cleanup(node.config.stash[GROUPS].cleanup)
    node.workerinput["groups"] = node.config.stash[GROUPS].name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of a group go to one worker; the others go where there is room, a few at a time.

    xdist's own `--dist loadgroup` needs its name in pyproject.toml, which pytest without xdist refuses, and writes the
    groups into ids, which pytest 9.2 does not let it.
    """
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Grouped(LoadScopeScheduling):  # type: ignore[misc]
        def schedule(self) -> None:
            if self.collection is None:
                said = Path(config.stash[GROUPS].name, "groups.json")
                ids = next(iter(self.registered_collections.values()))
                # A worker that could not collect has said nothing: a file is missing, or a test module is broken.
                self.units = units(ids, json.loads(said.read_text("utf-8")) if said.exists() else {})
            super().schedule()

        def _split_scope(self, nodeid: str) -> str:
            return self.units[nodeid]

        def _assign_work_unit(self, node: Any) -> None:
            for framework in reversed(FRAMEWORKS):  # PyTorch to the first worker, Keras to the second, then the rest
                if framework in self.workqueue:
                    self.workqueue.move_to_end(framework, last=False)
            super()._assign_work_unit(node)

    return Grouped(config, log)


def units(ids: list[str], groups: dict[str, str]) -> dict[str, str]:
    """What is handed out together: a group, or up to so many tests of a module that are neighbours."""
    counts: Counter[str] = Counter()
    found = {}
    for nodeid in ids:
        module = nodeid.partition("::")[0]
        found[nodeid] = groups.get(nodeid) or f"{module} {counts[module] // NEIGHBOURS}"
        counts[module] += nodeid not in groups
    return found


def pytest_collection_finish(session: pytest.Session) -> None:
    """Remembers which heavy packages are there before any test has run."""
    session.config.stash[COLLECTED] = {
        "torch",
        "tensorflow",
        "keras",
        "sklearn",
        "matplotlib",
        "joblib",
    } & sys.modules.keys()


@pytest.fixture
def imported_by_collection(request):
    """The heavy packages that some test module imports when it is imported itself: each worker pays for them."""
    return request.config.stash[COLLECTED]


@pytest.fixture
def count_checks(record_property):
    """Counts the checks that an oracle's verdicts are, for the summary: its name and the verdicts, to the verdicts."""

    def count(oracle, verdicts):
        ran = sum(verdict.status not in ("blocked", "unsupported") for verdict in verdicts)
        record_property("oracle", oracle)
        record_property("checks", ran)
        return verdicts

    return count


def checks_by_oracle(terminalreporter: Any) -> Counter[str]:
    """How many checks of the ladder passed in tests that passed, by oracle."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        properties = list(report.user_properties) if report.when == "call" else []
        for (name, oracle), (_, checks) in itertools.pairwise(properties):
            if name == "oracle":
                counts[oracle] += checks
    return counts


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many checks each oracle passed; how many tests were skipped for each extra that is not there, and as slow."""
    counts, present = checks_by_oracle(terminalreporter), []
    for oracle, distribution in ORACLES.items():
        if oracle in counts:
            version = f" {importlib.metadata.version(distribution)}" if distribution else ""
            present.append(f"{oracle}{version} {counts[oracle]:,}")
    if present:
        terminalreporter.write_line(f"checks passed by each oracle: {', '.join(present)}", green=True)
    stats = terminalreporter.stats.get("skipped", [])
    if slow := sum("slow" in report.keywords for report in stats) * (not terminalreporter.config.getoption("slow")):
        terminalreporter.write_line(f"slow: {slow} tests skipped; --slow runs them", yellow=True)
    for marker in (*EXTRAS, *TOOLS):
        skipped = sum(marker in report.keywords for report in stats)
        if skipped and (absent := missing(marker)):
            terminalreporter.write_line(f"{marker}: {skipped} tests skipped, {reason(marker, absent)}", yellow=True)


# What would change a command's output, set by whoever runs the tests.
AMBIENT = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "TTY_COMPATIBLE", "PYTHONUNBUFFERED", "NN_CONFORMANCE_DATA")


class Done(NamedTuple):
    """How a command ended."""

    code: object
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """What a mistake of the user's is answered with: code 2, nothing on stdout, one printable line on stderr."""
        assert self.code == 2
        assert self.out == ""
        (line,) = self.err.splitlines()
        assert self.err == f"{line}\n"
        assert line.isprintable()
        assert line.startswith("nn-conformance: ")
        return line

    @property
    def json(self) -> Any:
        """Strict JSON: NaN and infinity are no numbers of it. ASCII, so that no encoding can spoil it."""

        def refuse(constant: str) -> None:
            raise AssertionError(constant)

        assert self.out.isascii()
        return json.loads(self.out, parse_constant=refuse)


@pytest.fixture
def command(monkeypatch, capsys):
    """The command in this process, where a test can patch what it runs: arguments, and what it was called as."""
    from nn_conformance.cli import main as cli

    for name in AMBIENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: "str | Path", program: str = "nn-conformance") -> Done:
        monkeypatch.setattr(sys, "argv", [program, *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return Done(left.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def small(monkeypatch):
    """A function of a system's id and fields of its recipe: replays then get that system, with few samples."""
    from replay_problems import shrunk

    return partial(shrunk, monkeypatch)
