"""A submission in a process of its own, as functions that this process judges like any others."""

import inspect
import json
import os
import re
import sys
import sysconfig
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from nn_conformance.adapt.updating import METHODS
from nn_conformance.grade import runner
from nn_conformance.judge.call import changed_arguments
from nn_conformance.judge.target import TargetError
from nn_conformance.judge.verdict import brief, one_line
from nn_conformance.protocol.child import Child
from nn_conformance.protocol.program import Limits
from nn_reference.errors import InputError

LONGEST = 16 << 20  # bytes of a reply: MNIST's largest gradients take 5 MB
PATIENCE = 6  # times the limit of one call: what all calls of a submission may take together
NO_ANSWER = TargetError("it wrote something else than an answer", "not-a-reply")
UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)  # of JSON that is none
ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")  # of an object in memory: another one in each run
# What is not linked to: this project, in whatever form it was installed, and files that extend `sys.path`.
HIDDEN = re.compile(r"_*(editable_*)?nn[_-](conformance|reference|maintain)|.*\.(pth|egg-link|pyc)$", re.IGNORECASE)


def link_packages(folder: Path) -> None:
    """Make a folder of links to every package that is installed beside this one, this project left out."""
    folder.mkdir()
    sites = sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(Path(np.__file__).parents[1])
    for site in dict.fromkeys(sites):
        for entry in sorted(Path(site).iterdir()):
            link = folder / entry.name
            if not HIDDEN.match(entry.name) and not link.is_symlink():
                link.symlink_to(entry)


class Submission:
    """A file in its process. Use it as a context manager: on leaving nothing of it is left running.

    After a crash, or a limit that was passed, it is not started again: each later call says the same.

    Args:
        file: in a folder of its own, which the submission may write to.
        packages: what `link_packages` has filled.
        limits: of each call, and of the start.

    Attributes:
        failure: how it ended before it was asked to.
    """

    def __init__(self, file: Path, packages: Path, limits: Limits) -> None:
        self.failure: TargetError | None = None
        self._limits, self._left = limits, limits.seconds * PATIENCE
        # The interpreter below a virtual environment does not find that environment's packages.
        python = getattr(sys, "_base_executable", None) or sys.executable
        text = inspect.getsource(runner)
        # None of our variables; and one thread, since others run beside it.
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "MPLBACKEND": "agg"}
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        environment |= dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR"), str(file.parent))
        self._child = Child(
            [python, "-s", "-S", "-P", "-B", "-c", text, *map(str, (file.parent, file.name, packages))],
            limits.memory,
            environment,
            file.parent,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()

    def defined(self) -> list["Remote"]:
        """What the file defines.

        Raises:
            TargetError: it cannot be imported, or did not end in time.
        """
        defined = self._exchange(b"", self._limits.start)["defined"]
        return [Remote(self, entry) for entry in defined]

    def call(self, name: str, method: str, *arguments: Any) -> Any:
        """What a function returns, or a method if one is named. Parameters change here as they did there.

        Raises:
            TargetError: it raised, passed a limit, crashed, or changed x or t.
        """
        request = {"name": name, "method": method, "arguments": [runner.encoded(np, value) for value in arguments]}
        reply = self._exchange(json.dumps(request).encode() + b"\n", self._limits.seconds)
        try:
            changed = {int(k): runner.decoded(np, now) for k, now in reply.get("changed", {}).items()}
            value = runner.decoded(np, reply["value"])
        except UNREADABLE:
            raise NO_ANSWER from None
        for k, now in changed.items():
            given = arguments[k]
            if not isinstance(given, dict) or not isinstance(now, dict):
                raise changed_arguments([("x", "t", "rate")[k - (not method)]])
            for key, a in now.items():
                if isinstance(a, np.ndarray) and key in given and given[key].shape == a.shape:
                    given[key][...] = a
                else:
                    given[key] = a
        return value

    def _exchange(self, line: bytes, seconds: float) -> dict[str, Any]:
        if self.failure is not None:
            raise self.failure
        started = time.monotonic()
        try:
            reply = json.loads(self._child.exchange(line, seconds=min(seconds, self._left), longest=LONGEST))
            if reply.keys() & {"value", "defined"}:
                return dict(reply)
            raised = reply["raised"]
        except TargetError as error:
            self.failure = error
            raise
        except UNREADABLE:
            self.failure = NO_ANSWER
            raise NO_ANSWER from None
        finally:
            self._left = max(self._left - (time.monotonic() - started), 0.0)
        text = brief(ADDRESS.sub("0x…", str(raised)))
        raise TargetError(text, "out-of-memory" if reply.get("memory") is True else "raised")


class Remote:
    """A function or class of a submission, with its signature and methods, and what it declares.

    Raises:
        TargetError: what stands there is no description of one.
    """

    def __init__(self, submission: Submission, entry: Any) -> None:
        try:
            self.__name__ = one_line(entry["name"])[:60]
            self.declared = None if entry["claim"] is None else dict(entry["claim"])
            self.__signature__ = inspect.Signature(
                [
                    inspect.Parameter(name, kind, default=None if default else inspect.Parameter.empty)
                    for name, kind, default in entry["arguments"]
                ]
            )
        except (KeyError, TypeError, ValueError):
            raise NO_ANSWER from None
        self._call = partial(submission.call, self.__name__)
        for method in METHODS if entry["holds"] else ():
            setattr(self, method, partial(self._call, method))
        required = [p for p in self.__signature__.parameters.values() if p.kind <= 1 and p.default is p.empty]
        self.fits = bool(entry["holds"]) or len(required) in (3, 4)  # (params, x, y), perhaps with a rate

    def __call__(self, *arguments: Any) -> Any:
        """What the function returns. Raises as `Submission.call` does."""
        return self._call("", *arguments)


def chosen(defined: Sequence[Remote], function: str) -> tuple[Remote, str]:
    """Which function is judged, and what is wrong with its name.

    Args:
        defined: by a submission.
        function: the name that a teacher asks for; empty for the only one that can be meant.

    Raises:
        InputError: none is there, or several are and none is named.
    """
    names = [remote.__name__ for remote in defined]
    if function in names:
        return defined[names.index(function)], ""
    fitting = [r for r in defined if r.declared is not None] or [r for r in defined if r.fits]
    wanted = f"a function {function}" if function else "one function of parameters, inputs and targets"
    got = ", ".join([remote.__name__ for remote in fitting or defined][:10]) or "no function"
    if len(fitting) != 1:
        several = "; name it with --function" if fitting and not function else ""
        raise InputError(f"expected {wanted}, got {got}{several}")
    return fitting[0], f"expected {wanted}, got {fitting[0].__name__}" if function else ""
