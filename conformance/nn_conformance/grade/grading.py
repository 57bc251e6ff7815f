"""All submissions of a folder, side by side; none can harm another's marks."""

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from multiprocessing.util import get_temp_dir
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import cast

from nn_conformance.adapt.claims import MARK, Claim
from nn_conformance.adapt.conventions import declared
from nn_conformance.cases import format as fmt
from nn_conformance.grade.marks import Mark, mistakes_of, points_of, shown
from nn_conformance.grade.submission import Submission, chosen, link_packages
from nn_conformance.grade.weights import Settings
from nn_conformance.judge.call import described
from nn_conformance.judge.target import TargetError
from nn_conformance.judge.verdict import one_line
from nn_conformance.protocol.program import Limits
from nn_conformance.run import Counter, judge
from nn_reference.errors import InputError, NNReferenceError

PACKAGES = "packages"
LONGEST = 70  # bytes of the path of a folder in which a fork server can listen
LARGEST = 64 << 20  # bytes of a folder that is copied


@dataclass(frozen=True)
class Task:
    """A submission to grade: a file alone, or a file in a folder that is all its own; with a page of its own, or without."""

    name: str
    file: Path
    network: str
    settings: Settings
    limits: Limits
    whole_folder: bool = False
    page: bool = False


def submissions(folder: Path, file: str = "") -> list[tuple[str, Path, bool]]:
    """Name and file of each submission in a folder, and whether the file's folder belongs to it; by name.

    A submission is a Python file, or a folder with one; of several in a folder `file` names which. If the folder itself
    has a file of that name, it is the only submission.

    Raises:
        InputError: there is none.
    """
    if not folder.is_dir():
        raise InputError(f"grade: expected a folder of submissions, got {one_line(str(folder))}")
    if file and (folder / file).is_file():
        return [(one_line(folder.resolve().name), folder / file, True)]
    found = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name[0] in "._":
            continue
        if path.suffix == ".py" and path.is_file() and not file:
            found.append((one_line(path.stem), path, False))
        elif path.is_dir():
            files = [path / file] if file else [one for one in path.glob("*.py") if one.is_file()]
            # Where there are several, none is meant, which `_copied` reports.
            found.append((one_line(path.name), files[0] if len(files) == 1 else path / "*.py", True))
    if not found:
        raise InputError(f"grade: {one_line(str(folder))}: expected Python files, or folders with one, got none")
    return found


def grade(
    folder: Path,
    network: str,
    settings: Settings,
    *,
    file: str = "",
    jobs: int,
    limits: Limits,
    pages: bool,
    counter: Counter = lambda _, __: nullcontext(lambda _: None),
) -> list[Mark]:
    """The marks of all submissions, by name.

    Raises:
        InputError: there is no submission, or no process can be limited here.
    """
    if not hasattr(os, "fork"):
        raise InputError(f"grade: on {sys.platform} the process of a submission cannot be limited; use Linux or macOS")
    tasks = [
        Task(name, path, network, settings, limits, whole, pages) for name, path, whole in submissions(folder, file)
    ]
    with (
        TemporaryDirectory(prefix="nn-conformance-", ignore_cleanup_errors=True) as scratch,
        counter("grading", len(tasks)) as advance,
    ):
        marks: dict[int, Mark] = {}
        link_packages(Path(scratch) / PACKAGES)
        for number, mark in _side_by_side(tasks, Path(scratch), jobs):
            marks[number] = mark
            advance(mark.name)
    return [marks[number] for number in range(len(tasks))]


def _side_by_side(tasks: Sequence[Task], scratch: Path, jobs: int) -> Iterator[tuple[int, Mark]]:
    """Each mark with its number, as they come; each submission has a judge of its own, which it may take down with it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "nn_conformance.cli.main"])
    _listen_at_a_short_path()
    waiting = enumerate(tasks)
    running: dict[Connection, tuple[int, BaseProcess]] = {}
    try:
        while True:
            for number, task in islice(waiting, jobs - len(running)):
                marks, theirs = context.Pipe(duplex=False)
                process: BaseProcess = context.Process(target=_judge, args=(task, scratch, theirs), daemon=True)
                process.start()
                theirs.close()
                running[marks] = number, process
            if not running:
                return
            for marks in cast("list[Connection]", wait(list(running))):
                number, process = running.pop(marks)
                try:
                    mark = marks.recv()
                except EOFError:
                    mark = _failed(tasks[number], "not-graded", "the process that judged it was killed")
                process.join()
                if isinstance(mark, NNReferenceError):
                    raise mark
                yield number, mark
    finally:
        for _, process in running.values():
            process.terminate()
            process.join()


def _listen_at_a_short_path() -> None:
    """Let the fork server make its socket in /tmp where the folder for temporary files has a path too long for one."""
    if len(os.fsencode(tempfile.gettempdir())) > LONGEST:
        usual, tempfile.tempdir = tempfile.tempdir, "/tmp"  # noqa: S108 - of a folder that mkdtemp makes there
        try:
            get_temp_dir()  # which multiprocessing keeps
        finally:
            tempfile.tempdir = usual


def _judge(task: Task, scratch: Path, marks: Connection) -> None:
    """Send the mark of a submission; what is no fault of its own is sent as the error that it is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits for this one
    mark: Mark | NNReferenceError
    try:
        mark = graded(task, Path(mkdtemp(dir=scratch)), scratch / PACKAGES)
    except NNReferenceError as error:
        mark = error
    with suppress(BrokenPipeError):  # whoever waited for it was killed
        marks.send(mark)


def graded(task: Task, folder: Path, packages: Path) -> Mark:
    """The mark of one submission, which runs from a copy in a folder.

    Raises:
        NNReferenceError: something is wrong that is no fault of the submission, such as a damaged fixture.
    """
    try:
        with Submission(_copied(task, folder), packages, task.limits) as submission:
            return _judged(task, submission)
    except InputError as error:
        return _failed(task, "no-function", str(error))
    except TargetError as error:
        return _failed(task, "not-importable" if error.failure == "raised" else error.failure, str(error))
    except NNReferenceError:
        raise
    except Exception as error:  # noqa: BLE001 - one submission must not end the grading of the others
        return _failed(task, "not-graded", described(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _judged(task: Task, submission: Submission) -> Mark:
    settings = task.settings
    remote, misnamed = chosen(submission.defined(), settings.function)
    # The teacher's conventions, or those that the submission declares.
    given = dict(remote.declared or {})
    own = given.pop("dtypes", fmt.DTYPES)
    dtypes = tuple(dtype for dtype in fmt.DTYPES if dtype in own) or fmt.DTYPES
    conventions = declared(**(given if settings.conventions is None else settings.conventions))
    setattr(remote, MARK, Claim((), conventions, dtypes))
    report = judge(remote, task.network)
    mistakes, points = mistakes_of(report), points_of(report, settings.weights)
    if silent := [rung for rung, of in settings.weights.items() if of and not shown(report, rung)]:
        mistakes["not-shown"] = ", ".join(silent)
    if submission.failure is not None:
        mistakes = {submission.failure.failure: str(submission.failure)}
    if misnamed:
        mistakes = {"wrong-name": misnamed, **mistakes}
        points |= {rung: (0.0, of) for rung, (_, of) in points.items() if rung == "contract"}
    page = ""
    if task.page:
        from nn_conformance.report.page import html  # noqa: PLC0415 - Jinja and matplotlib, for pages alone

        page = html(report)
    return Mark(
        task.name,
        points,
        list(mistakes),
        [one_line(text) for text in mistakes.values()],
        settings.comments_on(mistakes),
        page,
        f"{report.name}; conventions: {report.conventions}",
    )


def _failed(task: Task, mistake: str, message: str) -> Mark:
    points = {rung: (0.0, of) for rung, of in task.settings.weights.items()}
    return Mark(task.name, points, [mistake], [one_line(message)], task.settings.comments_on([mistake]))


def _copied(task: Task, folder: Path) -> Path:
    """The submission in a folder of its own, where it finds no other one.

    Raises:
        InputError: there is no such file, or its folder is too large.
    """
    source = task.file.parent
    if not task.file.is_file():
        raise InputError(f"expected one file {task.file.name}, got {_listed(source)}")
    if not task.whole_folder:
        return Path(shutil.copyfile(task.file, folder / task.file.name))
    if sum(path.stat().st_size for path in source.rglob("*") if path.is_file()) > LARGEST:
        raise InputError(f"expected a folder of at most {LARGEST >> 20} MiB")
    shutil.copytree(source, folder, symlinks=True, dirs_exist_ok=True)
    return folder / task.file.name


def _listed(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return one_line(", ".join(names[:10])) or "none"
