"""A program that is not trusted, as a child: limits on time, memory and what it says, and an end to all that it started.

Every way to fail has a name of its own, which is the `failure` of the error that says so.

Between this process and the program is `guard.py`, which sets the limits and ends the program with all that it started,
when it is told to or when this process is gone, however that came to be.
"""

import contextlib
import importlib.util
import os
import re
import select
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from nn_conformance.judge.target import TargetError
from nn_reference.errors import InputError

GUARD = Path(__file__).with_name("guard.py")
GRACE = 2.0  # seconds to exit after it has closed what it answers through
PATIENCE = 10.0  # seconds for the guard to end everything: more than it takes before it gives up
TAIL = 4096  # bytes of stderr that are kept
CHUNK = 1 << 16
EXHAUSTED = re.compile(rb"MemoryError|bad_alloc|[Oo]ut of memory|[Cc]annot allocate memory")


def unlimited() -> str:
    """One line that says what is not limited on this system; nothing on Linux, and where no target can be started."""
    limited = Path(f"/proc/self/task/{os.getpid()}/children").exists() and importlib.util.find_spec("resource")
    if limited or not hasattr(os, "fork"):
        return ""
    return f"on {sys.platform}, a target's memory is not limited, and what it starts in another session may outlive it"


class Child:
    """A process in a session of its own, spoken to in lines.

    Args:
        command: program and arguments; no shell reads them.
        memory: bytes of data that it may allocate, and that it may hold together with all that it started.
        environment: its variables; ours if None.
        folder: where it runs; where we do if None.

    Raises:
        InputError: there can be no such process.
    """

    def __init__(
        self,
        command: Sequence[str],
        memory: int,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        if not hasattr(os, "fork"):
            raise InputError(
                f"target: on {sys.platform} a process of its own cannot be limited, so none is started; "
                "call nn_conformance.verify from Python, or use Linux or macOS"
            )
        self._command, self._memory = command, memory
        self._received, self._tail = bytearray(), bytearray()
        self._end: tuple[str, int] | None = None  # how it ended, and its code
        self._socket, theirs = socket.socketpair()
        with theirs:
            guard = [sys.executable, "-I", "-S", str(GUARD), *map(str, (os.getpid(), theirs.fileno(), memory))]
            try:
                self._guard = subprocess.Popen(  # noqa: S603 - what it starts is what the user asked for
                    [*guard, *command],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    bufsize=0,
                    start_new_session=True,
                    pass_fds=[theirs.fileno()],
                    env=environment,
                    cwd=folder,
                )
            except (OSError, ValueError) as error:
                self._socket.close()
                raise self._cannot_start(error.strerror if isinstance(error, OSError) else error) from None
        self._streams = [s for s in (self._guard.stdin, self._guard.stdout, self._guard.stderr) if s is not None]
        self._in, self._out, self._err = (stream.fileno() for stream in self._streams)
        self._selector = selectors.DefaultSelector()
        for fd in (self._in, self._out, self._err):
            os.set_blocking(fd, False)
        for fd in (self._out, self._err, self._socket.fileno()):
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
                ready = self._attend(left if self._end is None else 0)
                if self._in in ready:
                    unsent = self._send(unsent)
                if self._out in ready:
                    data = self._read(self._out)
                    listening = data != b""
                    self._received += data or b""
                # Others may hold its stdout open when it is gone. Nothing is ready, so all that it said is here.
                exited = not ready and self._end is not None
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
        self._unregister(self._out)
        deadline = time.monotonic() + seconds
        while self._end is None and (left := deadline - time.monotonic()) > 0:
            self._attend(left)
        return None if self._end is None else self._end[1]

    def kill(self) -> None:
        """End it and what it started."""
        with contextlib.suppress(OSError):  # which a guard that is stopped or gone causes
            self._socket.settimeout(PATIENCE)
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(CHUNK):  # it ends when the guard exits, which has then ended everything
                pass
        self._guard.kill()
        self._guard.wait()
        self._hear()
        self._selector.close()
        self._socket.close()
        for stream in self._streams:
            with contextlib.suppress(OSError):
                stream.close()

    def _attend(self, seconds: float) -> set[int]:
        """Descriptors that are ready within that time; stderr and what the guard says are read."""
        ready = {key.fd for key, _ in self._selector.select(seconds)}
        if self._err in ready:
            self._hear()
        if self._socket.fileno() in ready:
            self._learn()
        return ready

    def _learn(self) -> None:
        """Read how it ended."""
        what, _, code = self._socket.recv(CHUNK).split(b"\n")[0].decode().partition(" ")
        self._unregister(self._socket.fileno())
        # A guard that says nothing was killed, and the target with it.
        self._end = (what, int(code)) if what else ("exited", -signal.SIGKILL)

    def _send(self, unsent: memoryview) -> memoryview:
        try:
            unsent = unsent[os.write(self._in, unsent[:CHUNK]) :] if unsent else unsent
        except BlockingIOError:
            return unsent
        except BrokenPipeError:
            if not self._ends_soon():
                raise TargetError("closed stdin: it reads no requests any more", "closed-stdin") from None
            unsent = unsent[:0]
        if not unsent:
            self._unregister(self._in)
        return unsent

    def _hear(self) -> None:
        self._tail = (self._tail + (self._read(self._err) or b""))[-TAIL:]

    def _read(self, fd: int) -> bytes | None:
        """What is there; None if nothing yet, nothing at all after the end, which is waited for no more."""
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self._unregister(fd)
        return data

    def _unregister(self, fd: int) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(fd)

    def _late(self, seconds: float) -> TargetError:
        if self._received:
            return self._half_a_line(f" in {seconds:g} s")
        poll = select.poll()
        poll.register(self._in, 0)
        if any(event & select.POLLERR for _, event in poll.poll(0)):
            return TargetError("closed stdin: it reads no requests any more", "closed-stdin")
        return TargetError(f"no answer in {seconds:g} s", "timeout")

    def _half_a_line(self, how: str) -> TargetError:
        start = repr(bytes(self._received[:40]).decode("utf-8", "replace"))
        return TargetError(f"half a line: {len(self._received)} bytes without an end{how}: {start}", "half-a-line")

    def _ended(self) -> TargetError | InputError:
        if not self._ends_soon() or self._end is None:
            return TargetError("closed stdout: it runs on, and cannot answer any more", "closed-stdout")
        self._hear()
        what, code = self._end
        if what == "failed":
            return self._cannot_start(os.strerror(code))
        if what == "memory":
            most = f"{self._memory >> 20} MiB"
            return TargetError(f"out of memory: with what it started it held more than {most}", "out-of-memory")
        if self._received:
            return self._half_a_line(f", then it {_exited(code)}")
        if EXHAUSTED.search(self._tail):
            return TargetError(f"out of memory: it {_exited(code)} without answering", "out-of-memory")
        return TargetError(f"{_exited(code)} without answering", "crashed" if code < 0 else "exited")

    def _ends_soon(self) -> bool:
        if self._end is None:
            self._socket.settimeout(GRACE)
            with contextlib.suppress(TimeoutError):
                self._learn()
        return self._end is not None

    def _cannot_start(self, reason: object) -> InputError:
        return InputError(f"cmd: cannot start {self._command[0]!r}: {reason}")


def _exited(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"crashed by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"crashed by signal {-code}"
