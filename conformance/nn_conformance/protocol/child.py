"""A program that is not trusted, as a child: limits on time, memory and what it says, and an end to all that it started.

Every way to fail has a name of its own, which is the `failure` of the error that says so.

What a child starts may leave its group, its session, and the mark in its environment. In a process that starts nothing
else, as the command line, `adopt_orphans` has it come to this process all the same, on Linux, and `kill` ends it.
"""

import contextlib
import ctypes
import os
import re
import resource
import secrets
import select
import selectors
import signal
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from nn_conformance.targets import TargetError
from nn_reference.errors import InputError

MARK = "NN_CONFORMANCE_CHILD"  # in the environment of the child and of all that it starts
PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 36, 37  # linux/prctl.h
CPU_SECONDS = 3600  # for each core: ends what is left if this process is killed before it can
TICK = 0.05  # seconds between looks at whether it lives
GRACE = 0.5  # seconds to exit after it has closed what it answers through
TAIL = 4096  # bytes of stderr that are kept
CHUNK = 1 << 16
EXHAUSTED = re.compile(rb"MemoryError|bad_alloc|[Oo]ut of memory|[Cc]annot allocate memory")


class Child:
    """A process in a session of its own, spoken to in lines.

    Args:
        command: program and arguments; no shell reads them.
        memory: bytes that it may allocate.

    Raises:
        InputError: there is no such program, or it is none.
    """

    def __init__(self, command: Sequence[str], memory: int) -> None:
        self._before = _children()
        self._token = secrets.token_hex(8)
        self._received, self._tail = bytearray(), bytearray()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what it starts is what the user asked for
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
                env={**os.environ, MARK: self._token},
            )
        except (OSError, ValueError) as error:
            what = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"cmd: cannot start {command[0]!r}: {what}") from None
        self._streams = [s for s in (self._process.stdin, self._process.stdout, self._process.stderr) if s is not None]
        self._in, self._out, self._err = (stream.fileno() for stream in self._streams)
        LIVING.add(self._process.pid)
        _limit(self._process.pid, memory)
        self._selector = selectors.DefaultSelector()
        for fd in (self._in, self._out, self._err):
            os.set_blocking(fd, False)
        for fd in (self._out, self._err):
            self._selector.register(fd, selectors.EVENT_READ)

    @property
    def stderr(self) -> str:
        """The end of what it has written there."""
        return self._tail.decode("utf-8", "replace")

    def exchange(self, line: bytes, *, seconds: float, longest: int) -> bytes:
        """The line that it answers with, without its end.

        Raises:
            TargetError: there is none, none in time, none of that length; the name says how.
        """
        deadline, unsent = time.monotonic() + seconds, memoryview(line)
        self._selector.register(self._in, selectors.EVENT_WRITE)
        scanned, listening, exited = 0, True, False
        try:
            while (end := self._received.find(b"\n", scanned)) < 0:
                scanned = len(self._received)
                if scanned > longest:
                    raise TargetError(f"line too long: more than {longest} bytes without an end", "line-too-long")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise self._late(seconds)
                if exited or not listening:
                    raise self._ended()
                events = self._selector.select(min(left, TICK))
                ready = {key.fd for key, _ in events}
                if self._in in ready:
                    unsent = self._send(unsent)
                if self._err in ready:
                    self._hear()
                if self._out in ready:
                    listening = self._receive()
                # Others may hold its stdout open when it is gone. Nothing is ready, so all that it said is here.
                exited = not ready and self._exit() is not None
        finally:
            self._unregister(self._in)
        answer = bytes(self._received[:end])
        del self._received[: end + 1]
        if len(answer) > longest:
            raise TargetError(f"line too long: {len(answer)} bytes, at most {longest} expected", "line-too-long")
        return answer

    def finish(self, seconds: float) -> int | None:
        """Its exit code once its stdin is closed; None if it goes on after so many seconds."""
        with contextlib.suppress(OSError):
            self._streams[0].close()
        deadline = time.monotonic() + seconds
        while (code := self._exit()) is None and time.monotonic() < deadline:
            self._hear()
            time.sleep(TICK / 10)
        return code

    def kill(self) -> None:
        """Ends it and what it started, in whatever group; what has left its session and environment too, if adopted."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        LIVING.discard(self._process.pid)
        self._hear()
        for _ in range(100):  # what is being started while we look is found at the next look
            orphans = _orphans(self._before)
            if not (pids := {*_marked(self._token), *orphans}):
                break
            for pid in pids:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            for pid in orphans:  # nobody else waits for them
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(TICK / 50)
        self._selector.close()
        for stream in self._streams:
            with contextlib.suppress(OSError):
                stream.close()

    def _send(self, unsent: memoryview) -> memoryview:
        try:
            unsent = unsent[os.write(self._in, unsent[:CHUNK]) :] if unsent else unsent
        except BlockingIOError:
            return unsent
        except BrokenPipeError:
            if self._exit_soon() is None:
                raise TargetError("closed stdin: it reads no requests any more", "closed-stdin") from None
            unsent = unsent[:0]
        if not unsent:
            self._unregister(self._in)
        return unsent

    def _receive(self) -> bool:
        """Whether there may be more."""
        data = _read(self._out)
        if data == b"":
            self._unregister(self._out)
        self._received += data or b""
        return data != b""

    def _hear(self) -> None:
        data = _read(self._err)
        if data == b"":
            self._unregister(self._err)
        self._tail = (self._tail + (data or b""))[-TAIL:]

    def _unregister(self, fd: int) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(fd)

    def _late(self, seconds: float) -> TargetError:
        if self._received:
            return TargetError(
                f"half a line: {len(self._received)} bytes without an end in {seconds:g} s: {_start(self._received)}",
                "half-a-line",
            )
        poll = select.poll()
        poll.register(self._in, 0)
        if any(event & select.POLLERR for _, event in poll.poll(0)):
            return TargetError("closed stdin: it reads no requests any more", "closed-stdin")
        return TargetError(f"no answer in {seconds:g} s", "timeout")

    def _ended(self) -> TargetError:
        code = self._exit_soon()
        self._hear()
        if code is None:
            return TargetError("closed stdout: it runs on, and cannot answer any more", "closed-stdout")
        if self._received:
            return TargetError(
                f"half a line: {len(self._received)} bytes without an end, then it {_exited(code)}: {_start(self._received)}",
                "half-a-line",
            )
        if EXHAUSTED.search(self._tail):
            return TargetError(f"out of memory: it {_exited(code)} without answering", "out-of-memory")
        return TargetError(f"{_exited(code)} without answering", "crashed" if code < 0 else "exited")

    def _exit_soon(self) -> int | None:
        deadline = time.monotonic() + GRACE
        while (code := self._exit()) is None and time.monotonic() < deadline:
            time.sleep(TICK / 50)
        return code

    def _exit(self) -> int | None:
        """Its exit code, minus a signal; None while it runs. It stays a zombie until `kill`, so that its group is its own."""
        if self._process.returncode is not None:
            return self._process.returncode
        found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if found is None:
            return None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status


LIVING: set[int] = set()  # children that are not orphans


def adopt_orphans() -> None:
    """Has the kernel make this process the parent of orphans below it, where there is such a kernel.

    From then on `kill` ends every child of this process that has come since in another session, whoever started it.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _adopts() -> bool:
    """Whether it is so: the kernel knows."""
    found = ctypes.c_int(0)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(found), 0, 0, 0)
    return bool(found.value)


def _children() -> set[int]:
    """Processes whose parent this one is."""
    found: set[int] = set()
    for file in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError, ValueError):
            found.update(map(int, file.read_text().split()))
    return found


def _orphans(before: Collection[int]) -> set[int]:
    """Children that came since, and are in another session than this process, if orphans are adopted."""
    found = set()
    for pid in _children() - LIVING - set(before) if _adopts() else ():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) != os.getsid(0):
                found.add(pid)
    return found


def _limit(pid: int, memory: int) -> None:
    """Limits of the kernel, inherited by what it starts; only Linux can set those of another process.

    RLIMIT_DATA counts what can be written. RLIMIT_AS would count address space too, of which Node.js reserves 11 GB.
    """
    cores = os.cpu_count() or 1
    limits: Mapping[int, int] = {
        resource.RLIMIT_DATA: memory,
        resource.RLIMIT_CPU: CPU_SECONDS * cores,
        resource.RLIMIT_CORE: 0,
    }
    for which, value in limits.items():
        with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):  # it is gone, or has less
            resource.prlimit(pid, which, (value, value))


def _read(fd: int) -> bytes | None:
    """What is there; None if nothing yet, nothing at all after the end."""
    try:
        return os.read(fd, CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _marked(token: str) -> list[int]:
    """Processes whose environment has the token: whoever a child started, whatever group or session they are in."""
    mark, found = f"{MARK}={token}".encode(), []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in entry.read_bytes():
                found.append(int(entry.parent.name))
    return found


def _exited(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"crashed by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"crashed by signal {-code}"


def _start(data: bytes | bytearray) -> str:
    return repr(bytes(data[:40]).decode("utf-8", "replace"))
