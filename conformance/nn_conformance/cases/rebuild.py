"""The whole build as a command: progress, the folder to go on from, writing or comparing."""

from pathlib import Path

from nn_conformance.cases.store import Store
from nn_conformance.cases.versions import unversioned_changes
from nn_conformance.report import console as render
from nn_reference.errors import InputError
from nn_reference.paths import fixtures_root


def rebuild(*, check: bool, quick: bool, jobs: int | None, work: Path | None) -> str | None:
    """Generates everything; writes it, or returns the first difference from what is there.

    Raises:
        InputError: a published case would change, or the folder cannot be written.
        NNReferenceError: a value that cannot be certified or proven. Nothing has been written then.
    """
    import pooch  # type: ignore[import-untyped]  # noqa: PLC0415 - only for the user's cache folder

    from nn_conformance.cases.generate import count, first_difference, generate, work_folder  # noqa: PLC0415 - slow to import

    folder = work_folder(work or Path(pooch.os_cache("nn-conformance")) / "build", quick=quick)
    with render.counter("building", count(quick=quick)) as advance:
        files = generate(folder, advance, quick=quick, jobs=jobs)
    root = fixtures_root()
    if check:
        there = {path: (root / path).read_bytes() for path in files if (root / path).is_file()}
        difference = first_difference(files, there, quick=quick)
        if difference is None:
            render.line(f"{len(files)} files regenerate {'as far as they were compared' if quick else 'bit for bit'}")
        return difference
    published = {path: (root / path).read_bytes() for path in _published(root)}
    if changed := unversioned_changes(files, published):
        raise InputError(
            f"fixtures build: {', '.join(changed[:3])}{' and others' if len(changed) > 3 else ''}: what a published case "
            "expects has changed, or the case is gone; give it a new version with a reason, in fixtures/versions.py"
        )
    try:
        for path, data in files.items():  # the index comes last
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
    except OSError as error:
        raise InputError(
            f"fixtures build: cannot write {error.filename}: {error.strerror}; build in a checkout"
        ) from None
    size = sum(map(len, files.values())) / 2**20
    render.line(f"{len(files)} files, {size:.1f} MiB, written to {root}")
    return None


def _published(root: Path) -> list[str]:
    """The files of the index that is there, if there is one."""
    return [file.path for file in Store(root).index.files] if (root / "index.json").is_file() else []
