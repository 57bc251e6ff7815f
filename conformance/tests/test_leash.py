"""A target ends with its runner, however that ends; its memory is counted with its children's; other systems say what they lack."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hostile import MARK, SLEEP
from leftovers import left_over, until
from spread import everyday

from nn_conformance.judge.target import TargetError
from nn_conformance.protocol import guard
from nn_conformance.protocol.child import Child, unlimited
from nn_conformance.protocol.program import Limits, ProtocolTarget, command_of
from nn_reference.errors import InputError

HOSTILE = Path(__file__).with_name("hostile.py")
MEMORY = 256 << 20


@pytest.fixture
def mark():
    """Of no other process."""
    return f"{MARK}=leash-{time.monotonic_ns()}"


def sleeper(mark):
    """A command that is found by its argument."""
    return ["sleep", f"{SLEEP}.{mark.rpartition('-')[2]}"]


def sleeps(found):
    """Whether a sleeper is among the processes."""
    return any(line.startswith(b"sleep\0") for line in found)


@pytest.mark.parametrize(
    "name", everyday(["SIGINT", "SIGTERM", "SIGKILL", "SIGHUP", "SIGQUIT"], ["SIGTERM", "SIGKILL"])
)
def test_nothing_outlives_the_runner(name, mark):
    """Whatever signal ends the command, its target ends, with a process that has left group, session and environment."""
    number = getattr(signal, name)
    words = ["nn-conformance", "verify", f"cmd:{sys.executable} -S -E {HOSTILE} leaves-a-stranger-at-start"]
    # A shell's background job starts with SIGINT and SIGQUIT ignored, that of `nohup` with SIGHUP; SIGQUIT would leave a core.
    ours = "import resource, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    ours += "[signal.signal(n, signal.SIG_DFL) for n in (signal.SIGHUP, signal.SIGQUIT)]; "
    ours += f"resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); import sys; sys.argv = {words!r}; "
    program = [sys.executable, "-c", f"{ours}from nn_conformance.cli.main import main; main()"]
    with subprocess.Popen(  # noqa: S603 - our own command
        program, env={**os.environ, **dict([mark.split("=")])}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        assert sleeps(until(sleeps, mark))
        run.send_signal(number)
        code = run.wait(60)

    assert code in (128 + number, -number)  # which a shell shows alike; Python ends so if it was building a class
    assert left_over(mark) == []


# It forks a process that holds everything open, and is gone. The number comes through stdin, so that no argument has it.
FORKING = """
import os, sys
from nn_conformance.protocol.child import Child
child = Child(["sleep", sys.stdin.readline().strip()], 1 << 30)
if os.fork() == 0:
    sys.stdin.read()
os._exit(0)
"""


def test_a_fork_of_the_runner_does_not_keep_the_target(mark):
    """When the runner is gone, its target ends, although another process still holds what the runner held."""
    with subprocess.Popen([sys.executable, "-c", FORKING], stdin=subprocess.PIPE, text=True) as run:  # noqa: S603
        run.stdin.write(f"{sleeper(mark)[1]}\n")
        run.stdin.flush()
        assert run.wait(60) == 0
        assert left_over(mark) == []


def test_a_target_outlives_the_thread_that_started_it():
    """A target that was started in a thread answers when that thread has ended."""
    target = ProtocolTarget([sys.executable, "-S", "-E", str(HOSTILE), "floods-stderr"], Limits(60.0))
    thread = threading.Thread(target=target.__enter__)
    thread.start()
    thread.join()
    try:
        assert target.start().name == "hostile"
    finally:
        target.kill()


def test_a_target_ends_with_its_guard(mark):
    """If the process between the runner and the target is killed, the target ends, and that is a crash."""
    child = Child(sleeper(mark), MEMORY)
    try:
        assert sleeps(until(sleeps, mark))
        os.kill(child._guard.pid, signal.SIGKILL)
        with pytest.raises(TargetError, match="signal 9") as raised:
            child.exchange(b"{}\n", seconds=60, longest=100)
        assert raised.value.failure == "crashed"
    finally:
        child.kill()
    assert left_over(mark) == []


def test_signals_of_a_target_are_as_the_runner_has_them():
    """What the guard ignores, and what Python ignores, is not ignored in the target: SIGPIPE ends it."""
    child = Child(["/bin/sh", "-c", "read line; grep SigIgn: /proc/self/status"], MEMORY)
    own = Path("/proc/self/status").read_text("utf-8").split("SigIgn:")[1].split()[0]
    try:
        answer = child.exchange(b"{}\n", seconds=60, longest=100)
    finally:
        child.kill()
    ignored = int(own, 16) & ~(1 << (signal.SIGPIPE - 1)) & ~(1 << (signal.SIGXFSZ - 1))
    assert int(answer.split()[1], 16) == ignored


def test_what_cannot_be_executed_is_refused(tmp_path):
    """A file that may be executed and is no program is one line, which says so."""
    file = tmp_path / "program"
    file.write_bytes(b"\0")
    file.chmod(0o755)
    with (
        ProtocolTarget(command_of(f"cmd:{file}")) as target,
        pytest.raises(InputError, match=r"cannot start .*: [Ee]xec"),
    ):
        target.start()


# 64 MiB that four processes share until one of them writes.
SHARING = """
import os, sys
hoard = b"1" * (64 << 20)
pids = [os.getpid()]
for _ in range(3):
    if (pid := os.fork()) == 0:
        break
    pids.append(pid)
else:
    print(*pids, flush=True)
sys.stdin.read()
"""


def test_shared_pages_are_counted_once():
    """Processes that share 64 MiB hold 64 MiB, and what each has for itself: more than 60, and less than 120."""
    command = [sys.executable, "-S", "-E", "-c", SHARING]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:  # noqa: S603
        pids = [int(pid) for pid in run.stdout.readline().split()]
        found = [guard.too_much(pids, most << 20) for most in (60, 120)]
        pages = sum(int(guard.read(pid, "statm").split()[1]) for pid in pids)
        run.stdin.close()
    assert pages * os.sysconf("SC_PAGESIZE") > 240 << 20  # so that it is not by the bound
    assert found == [True, False]


@pytest.mark.parametrize("code", ["from nn_conformance.oracles.reference import evaluate", "raise ValueError"])
def test_host_ends_with_stdin(tmp_path, code):
    """When stdin ends, the host of a Python file ends with code 0, whether the file can be imported or not."""
    file = tmp_path / "engine.py"
    file.write_text(code, "utf-8")
    command = command_of(f"{file}:evaluate")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)  # noqa: S603
    assert (done.returncode, done.stdout) == (0, b"")


# A system as Windows is: what POSIX alone has cannot be imported, or is not there.
ELSEWHERE = """
import os, signal, subprocess, sys
for name in ("resource", "fcntl", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("fork", "killpg", "setsid", "getsid", "getpgid", "getppid", "waitid", "waitpid", "WNOHANG", "set_blocking"):
    delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGQUIT", "SIGPIPE"):
    delattr(signal, name)
"""
RUN = """
from nn_conformance.cli.main import main
for line in {lines!r}:
    sys.argv = line
    try:
        main()
    except SystemExit as ended:
        print(line, ended.code)
"""
JUDGING = """
import nn_conformance
from nn_conformance.oracles import reference
print("right" if nn_conformance.verify(reference, "xor-tanh") else "wrong")
"""


def test_where_no_target_can_be_limited_all_else_works():
    """Without limits, process groups and locks of files calls and commands work, and a target's process is refused."""
    lines = [["nn-conformance", *words] for words in (["list"], ["--help"], ["verify", "xor-tanh"])]
    refused = ["nn-conformance", "verify", f"cmd:{sys.executable} -c 0"]
    command = [sys.executable, "-c", ELSEWHERE + JUDGING + RUN.format(lines=[*lines, refused])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)  # noqa: S603
    out, err = done.stdout, done.stderr
    assert out.startswith("right\n")
    codes = [*(f"{line} 0" for line in lines), f"{refused} 2"]
    assert [line for line in out.splitlines() if line.startswith("['nn-")] == codes
    assert err.count("\n") == 1
    assert "cannot be limited" in err
    assert "nn_conformance.verify" in err


def test_what_is_not_limited_is_said(command, monkeypatch):
    """Where the kernel does not count memory, one line on stderr says so, and the target is judged; here it says nothing."""
    words = ["smoke", f"cmd:{sys.executable} -S -E {HOSTILE} floods-stderr", "xor-sigmoid"]
    assert (unlimited(), command(*words).err) == ("", "")
    monkeypatch.setitem(sys.modules, "resource", None)
    done = command(*words)
    assert done.code == 0
    assert done.err == f"nn-conformance: {unlimited()}\n"
    assert "memory is not limited" in done.err
