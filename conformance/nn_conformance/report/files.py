"""Files that a report is written to: the same results give the same bytes."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from nn_conformance.judge.verdict import Verdict
from nn_conformance.outcome import FORMAT, Report
from nn_conformance.replay.listed_files import check_folder, write
from nn_conformance.report import page
from nn_reference.errors import InputError

MARK = f'{{\n  "report": {FORMAT},'  # how a report's JSON begins: what begins otherwise is not overwritten with one

ENDINGS = {"html": (".html", ".htm"), "json": (".json",), "junit": (".xml",), "markdown": (".md", "")}


@dataclass(frozen=True)
class Files:
    """Where a report goes in each form; None where it is not asked for in that form."""

    html: Path | None = None
    json: Path | None = None
    junit: Path | None = None
    markdown: Path | None = None

    def check(self) -> None:
        """Nothing, if all can be written: better told before a run than after it.

        Raises:
            InputError: a folder in a file's place or that cannot be written; a file that is there and has another
                form's ending, as somebody's program has; or a JSON file that is no report.
        """
        for name, path in self._wanted():
            if path.is_dir():
                raise InputError(f"--{name} {path}: expected a file, got a folder")
            check_folder(path.parent, f"--{name}")
            endings = ENDINGS[name]
            if path.is_file() and path.stat().st_size and path.suffix.lower() not in endings:
                raise InputError(
                    f"--{name} {path}: is there, does not end in {endings[0]}, and would be lost; name another file"
                )
            if name == "json" and path.is_file() and not path.read_bytes().startswith(MARK.encode()):
                raise InputError(
                    f"--json {path}: is no report, and would be lost; name another file, and a network's before --json"
                )

    def write(self, report: Report, spec: str = "") -> list[Path]:
        """Every form that is asked for, and which files these are; `spec` is how the command line names the target.

        Raises:
            InputError: a file that cannot be written.
        """
        forms = {
            "html": lambda: page.html(report, spec).encode(),
            "json": lambda: as_text(report.as_json()).encode(),
            "junit": lambda: junit(report),
            "markdown": lambda: page.markdown(report, spec).encode(),
        }
        for name, path in self._wanted():
            write(path, forms[name]())
        return [path for _, path in self._wanted()]

    def __bool__(self) -> bool:
        return bool(self._wanted())

    def _wanted(self) -> list[tuple[str, Path]]:
        paths = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return [(name, path) for name, path in paths if path is not None]


def as_text(value: Any) -> str:
    """JSON as it is printed and written."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def junit(report: Report) -> bytes:
    """A test for each check, a suite for each target, as continuous integration reads them."""
    root = ET.Element("testsuites", name="nn-conformance")
    for target in dict.fromkeys(target for target, _ in report.unique):
        verdicts = [verdict for (name, _), verdict in report.unique.items() if name == target]
        skipped = [verdict for verdict in verdicts if verdict.status in ("blocked", "unsupported")]
        suite = ET.SubElement(
            root, "testsuite", name=target, tests=str(len(verdicts)), errors="0", time="0",
            failures=str(sum(verdict.failed for verdict in verdicts)), skipped=str(len(skipped)),
        )  # fmt: skip
        for verdict in verdicts:
            _test(suite, target, verdict)
    ET.indent(root)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _test(suite: ET.Element, target: str, verdict: Verdict) -> None:
    case, *rest = (part for part in verdict.check if part)
    test = ET.SubElement(suite, "testcase", classname=f"{target}.{case}", name="::".join(rest), time="0")
    if verdict.failed:
        ET.SubElement(test, "failure", type=verdict.failure, message=verdict.reason).text = verdict.id
    elif verdict.status in ("blocked", "unsupported"):
        ET.SubElement(test, "skipped", message=f"{verdict.status}: {verdict.reason}")
