"""Files that a report is written to: the same results give the same bytes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from nn_conformance.judge.verdict import Verdict
from nn_conformance.outcome import FORMAT, Report
from nn_conformance.replay.listed_files import check_folder
from nn_conformance.report import page
from nn_reference.errors import InputError

MARK = f'{{\n  "report": {FORMAT},'  # how a report's JSON begins: what begins otherwise is not overwritten with one

ENDINGS = {"html": (".html", ".htm"), "json": (".json",), "junit": (".xml",), "markdown": (".md", "")}


def check(paths: Mapping[str, Path]) -> None:
    """Nothing, if a report can be written to each path in its form: better told before a run than after it.

    Raises:
        InputError: a folder in a file's place or that cannot be written; a file that is there and has another form's
            ending, as somebody's program has; or a JSON file that is no report.
    """
    for form, path in paths.items():
        if path.is_dir():
            raise InputError(f"--{form} {path}: expected a file, got a folder")
        check_folder(path.parent, f"--{form}")
        endings = ENDINGS[form]
        if path.is_file() and path.stat().st_size and path.suffix.lower() not in endings:
            raise InputError(
                f"--{form} {path}: is there, does not end in {endings[0]}, and would be lost; name another file"
            )
        if form == "json" and path.is_file() and not path.read_bytes().startswith(MARK.encode()):
            raise InputError(
                f"--json {path}: is no report, and would be lost; name another file, and a network's before --json"
            )


def written(report: Report, form: str, spec: str) -> bytes:
    """A report in a form; `spec` is how the command line names the target."""
    match form:
        case "html":
            return page.html(report, spec).encode()
        case "json":
            return as_text(report.as_json()).encode()
        case "junit":
            return junit(report)
    return page.markdown(report, spec).encode()


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
