"""Files that are whole or not there: whoever is interrupted leaves the old one."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nn_reference.errors import InputError

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]


def check_folder(folder: Path, name: str = "--out") -> None:
    """A file can be written there, which is better told before hours of work than after them; `name` is the option's.

    Raises:
        InputError: it cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"{name} {folder}: cannot be written ({error.strerror}); name another folder") from None


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Whoever else wants the folder for itself waits: of two that read, merge and write, one would lose its part.

    Raises:
        InputError: the system has no such locks.
    """
    if fcntl is None:
        raise InputError(f"{folder}: cannot be locked on this system; use Linux or macOS, or write to another file")
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write(path: Path, data: bytes) -> None:
    """Replaces the file in one step.

    Raises:
        InputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); name another folder") from None
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(part).chmod(0o644)  # mkstemp's files are for their owner alone
        Path(part).replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            Path(part).unlink()
        if isinstance(error, OSError):
            raise InputError(
                f"{path}: cannot be written ({error.strerror}); make room, or name another folder"
            ) from None
        raise
