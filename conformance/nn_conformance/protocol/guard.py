"""A process between the runner and a target: it limits the target, and ends it with all that it started.

`child.py` runs this file as a script. It imports little, since each import delays the target by milliseconds.

On Linux the guard adopts every orphan below it, whatever group, session or environment that is in. So everything that
the target started stays below the guard, and the guard can count its memory and end it. It does so when the runner
closes its end of the socket between them, which the kernel does for a runner that is killed. Elsewhere the guard knows
the target's process group alone.
"""

import ctypes
import os
import select
import sys
import time

try:
    import resource
except ImportError:  # Python was built without it
    resource = None  # type: ignore[assignment]

# `signal` has these, and takes 4 ms to import: POSIX's numbers, and SIGXFSZ of Linux and macOS.
SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGPIPE, SIGTERM, SIGXFSZ = 1, 2, 3, 9, 13, 15, 25
DEFAULT, IGNORED = 0, 1
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
TICK = 0.05  # seconds between looks at its memory
PATIENCE = 5.0  # seconds for the kernel to end what is killed; what is not ours cannot be
CHILDREN = "/proc/{0}/task/{1}/children"
KNOWS_DESCENDANTS = os.path.exists(CHILDREN.format("self", os.getpid()))

libc = ctypes.CDLL(None)
libc.signal.argtypes, libc.signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p


def main(parent: int, runner: int, memory: int, command: list[str]) -> None:
    """Start the command, and end it when the runner closes its end of a socket, or is gone.

    `parent` is the runner's process, `runner` a descriptor of our end. One line is written there about the target's end, of which the first counts: `failed ERRNO` if it cannot be started,
    `memory -9` if it held too much, `exited CODE`, where a signal is a negative code.
    """
    os.set_inheritable(runner, False)  # noqa: FBT003 - it has no name
    if sys.platform == "linux":
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # A signal that is meant for every process of ours may end the target, but not the guard before it.
    before = {number: libc.signal(number, IGNORED) for number in (SIGHUP, SIGINT, SIGQUIT, SIGTERM)}
    target = os.fork()
    if target == 0:
        start(runner, memory, command, before)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # or nobody would see that the target has closed its own
        os.dup2(null, fd)
    poll = select.poll()
    poll.register(runner, select.POLLIN)
    exit_ = watched(target)
    if exit_ is not None:
        poll.register(exit_, select.POLLIN)
    # The parent is looked at too, since a process that the runner has forked holds the socket open.
    while os.getppid() == parent:
        ready = [fd for fd, _ in poll.poll(TICK * 1000)]
        if runner in ready:  # it never writes, so this is the end
            break
        if exit_ in ready:
            poll.unregister(exit_)
        reap(target, runner)
        pids = descendants()
        if too_much(pids, memory):
            say(runner, "memory", -SIGKILL)
            kill(pids)
    end(target, runner)


def start(runner: int, memory: int, command: list[str], signals: dict[int, int | None]) -> None:
    """Become the target, in a session of its own."""
    try:
        os.setsid()
        if sys.platform == "linux":
            libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)  # should the guard itself be killed
        # RLIMIT_DATA counts what can be written. RLIMIT_AS would count address space too, of which Node.js reserves
        # 11 GB; and with any RLIMIT_FSIZE .NET and Erlang do not start.
        limits = {} if resource is None else {resource.RLIMIT_DATA: memory, resource.RLIMIT_CORE: 0}
        for which, most in limits.items():
            try:
                resource.setrlimit(which, (most, most))
            except (OSError, ValueError):  # it has less already
                pass
        for number, action in {**signals, SIGPIPE: DEFAULT, SIGXFSZ: DEFAULT}.items():  # Python ignores these two
            libc.signal(number, action)
        os.execvp(command[0], command)
    except OSError as error:
        say(runner, "failed", error.errno or 0)
    finally:
        os._exit(127)


def watched(pid: int) -> int | None:
    """A descriptor that is ready when the process has ended; without one its end is seen at the next tick."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, or older than 5.3
        return None


def say(runner: int, what: str, number: int) -> None:
    """A line to the runner, if it is there."""
    try:
        os.write(runner, f"{what} {number}\n".encode())
    except OSError:
        pass


def reap(target: int, runner: int) -> bool:
    """Wait for those that have ended, and say how the target did; whether there are others."""
    try:
        while (pid_and_status := os.waitpid(-1, os.WNOHANG))[0]:
            if pid_and_status[0] == target:
                say(runner, "exited", os.waitstatus_to_exitcode(pid_and_status[1]))
    except ChildProcessError:
        return False
    return True


def descendants() -> list[int]:
    """All processes below this one."""
    pids, new = [], children("self")
    while new:
        pids += new
        new = [child for pid in new for child in children(pid)]
    return pids


def children(pid: int | str) -> list[int]:
    """Processes whose parent this is; a process has a list of them for each of its threads."""
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(CHILDREN.format(pid, thread), "rb") as file:
                found += [int(child) for child in file.read().split()]
    except OSError:  # it is gone, or this is not Linux
        pass
    return found


def too_much(pids: list[int], memory: int) -> bool:
    """Whether these processes together hold more bytes than that of data and of shared memory.

    What is resident is a bound that costs little; what several share is taken apart only beyond it.
    """
    pages = sum(int(number) for pid in pids for number in read(pid, "statm").split()[1:2])
    if pages * os.sysconf("SC_PAGESIZE") <= memory:
        return False
    rows = [row.split() for pid in pids for row in read(pid, "smaps_rollup").splitlines()]
    return sum(int(row[1]) << 10 for row in rows if row[0] in {b"Pss_Anon:", b"Pss_Shmem:"}) > memory


def read(pid: int, name: str) -> bytes:
    """A file of the kernel's about a process; nothing if it is gone."""
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:
        return b""


def kill(pids: list[int]) -> None:
    """End these processes; those of another user cannot be."""
    for pid in pids:
        try:
            os.kill(pid, SIGKILL)
        except OSError:
            pass


def end(target: int, runner: int) -> None:
    """End the target and what it started; what is being started meanwhile is seen at the next look."""
    deadline = time.monotonic() + PATIENCE
    kill(descendants() if KNOWS_DESCENDANTS else [-target])
    while reap(target, runner) and time.monotonic() < deadline:
        time.sleep(0.001)
        kill(descendants())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
