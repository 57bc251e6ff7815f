"""What a target has left behind: processes that have inherited a mark, or its number as an argument."""

import contextlib
import time
from pathlib import Path

from hostile import SLEEP


def processes(mark):
    """Command lines of those that are there, however far they have gone from who started them."""
    found = []
    signs = {"environ": mark.encode(), "cmdline": f"{SLEEP}.{mark.rpartition('-')[2]}".encode()}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(sign in (entry / file).read_bytes() for file, sign in signs.items()):
                found.append((entry / "cmdline").read_bytes())
    return found


def left_over(mark):
    """What is still there after the kernel has had time to clear away what was killed."""
    return until(lambda found: not found, mark)


def until(condition, mark):
    """The processes when they meet the condition, or after a time in which they should have on any machine."""
    deadline = time.monotonic() + 60
    while not condition(found := processes(mark)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found
