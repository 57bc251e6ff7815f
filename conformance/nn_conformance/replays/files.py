"""Files that are whole or not there: whoever is interrupted leaves the old one."""

import contextlib
import os
import tempfile
from pathlib import Path

from nn_reference.errors import InputError


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
