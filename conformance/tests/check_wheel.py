"""Does the installed wheel work on its own? Run by tox with the wheel's Python, away from the checkout.

`python -P check_wheel.py`, where nn-conformance is installed from a wheel without extras. A local server stands in for
the addresses from which MNIST is fetched.
"""

import contextlib
import http.server
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import nn_conformance
import nn_reference

CHECKOUT = Path(__file__).resolve().parents[2]
EXTRAS = ("torch", "tensorflow", "keras", "matplotlib", "pytest", "sklearn")
CARRIED = {
    "nn_reference/py.typed",
    "nn_conformance/py.typed",
    "nn_conformance/report/report.schema.json",
    "nn_conformance/report/templates/report.html",
    "nn_conformance/report/templates/style.css",
    "nn_reference/fixtures/datasets/index.json",
    "nn_reference/fixtures/datasets/iris/iris.csv",
    "nn_reference/fixtures/datasets/xor/xor.csv",
    "nn_reference/fixtures/weights/iris-relu-adam.json",
    "nn_reference/fixtures/weights/index.json",
    "nn_reference/fixtures/replays/index.json",
}


def check_contents() -> None:
    """The code comes from the wheel, with all its small data, without the large, and with no extra beside it."""
    for package in (nn_reference, nn_conformance):
        place = Path(str(package.__file__)).resolve()
        assert place.is_relative_to(sys.prefix), f"{place}: expected a module of {sys.prefix}"
        assert not place.is_relative_to(CHECKOUT), f"{place}: expected a module outside {CHECKOUT}"
    files = {file.as_posix() for file in importlib.metadata.files("nn-conformance") or ()}
    data = {path.relative_to(CHECKOUT) for path in CHECKOUT.glob("fixtures/**/*") if path.is_file()}
    small = {f"nn_reference/{path.as_posix()}" for path in data if path.suffix != ".gz"}
    absent = (CARRIED | small) - files
    assert not absent, f"the wheel lacks {sorted(absent)}"
    excess = [file for file in files if file.endswith(".gz") or "/tests/" in file]
    assert not excess, f"the wheel carries {excess}"
    plugins = {entry.value for entry in importlib.metadata.entry_points(group="pytest11")}
    assert "nn_conformance.pytest_plugin" in plugins, f"pytest would find no plugin, but {sorted(plugins)}"
    extras = [name for name in EXTRAS if importlib.util.find_spec(name) is not None]
    assert not extras, f"expected no extra to be installed, got {extras}"


@contextlib.contextmanager
def mirror() -> Iterator[str]:
    """The address of a server that has the checkout's datasets, up for as long as the context lasts."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing of each request."""

    handler = partial(Quiet, directory=str(CHECKOUT / "fixtures" / "datasets"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def run(*arguments: str, address: str, cache: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """What `nn-conformance ARGUMENTS` printed; its exit code is `code`, and nowhere is there a traceback."""
    command = shutil.which("nn-conformance", path=Path(sys.executable).parent)
    assert command, "the wheel installed no command nn-conformance"
    own = {"NN_CONFORMANCE_MIRROR": address, "XDG_CACHE_HOME": str(cache), "NO_PROXY": "127.0.0.1"}
    environment = {name: value for name, value in os.environ.items() if name != "NN_CONFORMANCE_DATA"} | own
    done = subprocess.run(  # noqa: S603 - our own command
        [command, *arguments], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    output = f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    assert done.returncode == code, f"expected exit code {code}, got\n{output}"
    assert "Traceback" not in done.stdout + done.stderr, output
    return done


def check_small(scratch: Path) -> None:
    """What needs no large data, as the probes do not, needs no network either."""
    with mirror() as address:
        pass  # an address at which nobody answers any more
    run("verify", address=address, cache=scratch / "unused")
    cache = scratch / "unused" / "nn-conformance"
    others = [path for path in cache.parent.rglob("*") if path.is_file() and cache / "certified" not in path.parents]
    assert not others, f"expected verify to keep cases certified on demand and nothing else, got {others}"


def check_own(scratch: Path) -> None:
    """A network of one's own is certified without any extra, and its files are sound."""
    with mirror() as address:
        pass
    folder = str(scratch / "own")
    run("fixtures", "make", "3-4 relu-2 softmax, cross-entropy", folder, address=address, cache=scratch / "made")
    run("fixtures", "check", folder, address=address, cache=scratch / "made")


def check_mnist(scratch: Path) -> None:
    """MNIST is fetched once, then read from the cache; with neither server nor cache, one line says what to do."""
    with mirror() as address:
        run("verify", "mnist-relu", "--all", address=address, cache=scratch / "cache")
    stored = [path.name for path in (scratch / "cache").rglob("*.gz")]
    assert len(stored) == 4, f"expected the four files of MNIST in the cache, got {stored}"
    run("verify", "mnist-relu", "--all", address=address, cache=scratch / "cache")
    lines = run("fixtures", "check", address=address, cache=scratch / "cache").stdout.splitlines()[1:]
    assert [line.split()[4] for line in lines] == ["fashion-mnist,"], (
        f"expected what is not here to be named, got {lines}"
    )
    lines = run("verify", "mnist-relu", "--all", address=address, cache=scratch / "empty", code=2).stderr.splitlines()
    assert len(lines) == 1, f"expected one line, got {lines}"
    assert address in lines[0], f"expected the address that did not answer, got {lines[0]}"
    assert "NN_CONFORMANCE_DATA" in lines[0], f"expected the way out, got {lines[0]}"


def main() -> None:
    """Every check in turn; the first that fails ends the run."""
    with tempfile.TemporaryDirectory() as scratch:
        for check in (
            check_contents,
            *(partial(each, Path(scratch)) for each in (check_small, check_own, check_mnist)),
        ):
            check()
    print(f"the wheel of nn-conformance {nn_conformance.__version__} works on its own")  # noqa: T201 - a script's last word


if __name__ == "__main__":
    main()
