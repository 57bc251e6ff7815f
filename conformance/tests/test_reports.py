"""Reports as files: their order, their schema, the same bytes for the same results, and what hostile texts change."""

import contextlib
import io
import json
import re
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import count, pairwise
from xml.etree import ElementTree as ET

import jsonschema
import numpy as np
import pytest
from homework import homework, right, wrong
from report_problems import Outline

from nn_conformance import check_gradients, conforms, judge_run
from nn_conformance.explain import Explanation
from nn_conformance.judge.known import Known
from nn_conformance.judge.verdict import CheckId, Verdict, one_line
from nn_conformance.oracles import load
from nn_conformance.outcome import Outcome
from nn_conformance.report import page, terminal
from nn_conformance.report.files import as_text, junit
from nn_conformance.run import judge

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "{{ 7 * 7 }}{% raw %}",
    "](javascript:alert(1)) **bold** `code` | cell <b>",
    "&lt;b&gt; ]]> <!-- -->",
    "\u202egnp.exe\u2066",
    "a\nb\r\n::error::c\u2028d",
    "[red]markup[/] :bug: [/]",
    "::stop-commands::x",
    "../../../etc/passwd\0",
    "</style></title></textarea>",
)
# Drawing takes most of the time, and markup alone could spoil a picture: of that one text each day.
DRAWN = [
    pytest.param(text, True, marks=[] if "script" in text else pytest.mark.slow) for text in HOSTILE if "<" in text
]
PICTURES = page.pictures.installed()
SPEC = "my homework.py:implementation"


@pytest.fixture(scope="module")
def report():
    """Of a wrong implementation, with an oracle beside it."""
    return judge(wrong, "homework", oracles=[load("reference")])


@pytest.fixture(scope="module")
def text(report):
    """Its page."""
    return page.html(report, SPEC)


def position(text, *parts):
    """Where each part first stands."""
    return [text.index(part) for part in parts]


def test_the_page_begins_with_the_answer(text):
    """The order: the answer, what a pass does not show, the matrix, each finding with the command that runs it again."""
    places = position(text, "<h1>", "z(1-z)", "What this does not show", "Networks and rungs</h2>", "Findings</h2>")

    assert places == sorted(places)
    command = "nn-conformance verify 'my homework.py:implementation' --only homework/documented::gradient::W1::float64"
    assert command in text.replace("&#39;", "'")


def test_what_could_make_a_pass_meaningless_is_said(monkeypatch):
    """What was not claimed, which oracles ran, what was expected to fail and what was not tested stand in every report."""
    known = [
        Known("homework/*::gradient::W1::*", "the derivative", 1e17),
        Known("homework/*::gradient::b1::*", "it too", 1e17),
    ]
    function = conforms("homework", dtypes=("float64",))(homework(lambda z, a: z * (1 - z)))
    monkeypatch.setattr(judge_run, "explain", lambda *_, **__: Explanation())  # which takes time
    monkeypatch.setattr(judge_run, "suggest", lambda *_, **__: None)  # likewise
    report = judge(function, oracles=[load("reference")], known=known)
    kinds = {caveat.kind: caveat.text for caveat in report.caveats}

    assert {"not claimed", "oracles", "expected to fail", "not tested"} <= set(kinds)
    assert "all but homework/documented" in kinds["not claimed"]
    assert "float32" in kinds["not claimed"]
    assert "reference" in kinds["oracles"]
    for text in (page.html(report), page.markdown(report)):
        assert all(kind in text for kind in kinds)


def test_the_matrix_has_a_row_for_each_network_and_a_column_for_each_rung(report, text):
    """Rows and columns of the first table are headed, and the failed rung says how many checks failed."""
    outline = Outline(text)
    heads = [attrs.get("scope") for tag, attrs in outline.elements if tag == "th"]
    failed = sum(v.failed and v.rung == "gradient" for v in report.verdicts)

    assert None not in heads
    assert {"network", "contract", "loss", "gradient", "homework/documented"} <= set(outline.texts["th"])
    assert any(cell.startswith(f"✗ {failed} of ") for cell in outline.texts["td"])


def headings_in_order(outline):
    levels = [int(tag[1]) for tag in outline.tags if re.fullmatch("h[1-6]", tag)]
    return levels[0] == 1 and levels.count(1) == 1 and all(b - a <= 1 for a, b in pairwise(levels))


@pytest.mark.parametrize("pictures", [pytest.param(True, marks=pytest.mark.report), False])
def test_headings_and_tables_are_in_order(report, text, monkeypatch, pictures):
    """Headings skip no level, each table has a caption, every element is closed, and there is no script; without pictures too."""
    monkeypatch.setattr(page.pictures, "installed", lambda: False)
    outline = Outline(text if pictures else page.html(report))

    assert headings_in_order(outline)
    assert outline.tags.count("table") == outline.tags.count("caption") > 0
    assert outline.unbalanced == []
    assert not {"script", "link", "iframe", "object", "form"} & set(outline.tags)
    assert not [name for _, attrs in outline.elements for name in attrs if name.startswith("on")]
    assert ("svg" in outline.tags) == pictures


def test_nothing_of_the_page_is_elsewhere(text):
    """No attribute and no style asks for another file: references are to places of the page, and images are data."""
    outline = Outline(text)
    references = [attrs[name] for _, attrs in outline.elements for name in ("src", "href") if name in attrs]
    places = {attrs["id"] for _, attrs in outline.elements if "id" in attrs}

    assert all(reference.startswith(("#", "data:image/png;base64,")) for reference in references)
    assert {reference[1:] for reference in references if reference.startswith("#")} <= places
    assert re.findall(r"url\((?!#)|@import", text) == []


@pytest.mark.report
def test_a_wrong_derivative_is_drawn_over_the_right_one(text):
    """The finding's picture names the formula that was used and the right one, and each wrong array has a picture of errors."""
    assert "Derivative of sigmoid, layer 1, over z: used: z(1-z); right: a(1-a)" in text
    assert "Error of each entry of gradient W1 (3×2)" in text


def test_the_same_results_give_the_same_bytes(report, text):
    """Two runs of the same target give the same page, JSON, XML and Markdown, byte for byte."""
    again = judge(wrong, "homework", oracles=[load("reference")])

    assert page.html(again, SPEC) == text
    for form in (page.markdown, junit, lambda report: as_text(report.as_json())):
        assert form(report) == form(again)


@pytest.fixture(scope="module")
def schema():
    """The schema of reports in JSON, which is itself valid."""
    schema = json.loads(files("nn_conformance.report").joinpath("report.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="module")
def conforming():
    """A report of a right implementation."""
    return judge(right, "homework")


def test_json_is_of_its_schema(schema, report, conforming):
    """A report of a right target, of a wrong one, of one that raises and of oracles is valid, as it is written."""
    raised, of_oracles = judge(lambda params, x, t: 1 / 0, "homework"), judge(None, "homework", oracles=[load("plain")])

    for made in (conforming, report, raised, of_oracles):
        assert list(schema.iter_errors(json.loads(as_text(made.as_json())))) == []


def test_the_schema_refuses_what_is_no_report(schema, report):
    """A verdict with another status, a missing part and an unknown one are refused."""
    document = json.loads(as_text(report.as_json()))

    for spoilt in (
        document | {"verdicts": [document["verdicts"][0] | {"status": "fine"}]},
        {name: value for name, value in document.items() if name != "counts"},
        document | {"more": 1},
    ):
        assert list(schema.iter_errors(spoilt))


def test_junit_has_a_test_for_each_check(report):
    """A suite for each target with as many tests, failures and skipped tests as it has such verdicts."""
    root = ET.fromstring(junit(report))  # noqa: S314 - ours
    tests = root.findall("testsuite/testcase")

    assert len(tests) == len(report.verdicts)
    assert len(root.findall(".//failure")) == len(report.failed)
    assert sum(int(suite.get("failures")) for suite in root) == len(report.failed)
    skipped = [v for v in report.verdicts if v.status in ("blocked", "unsupported")]
    assert len(root.findall(".//skipped")) == sum(int(suite.get("skipped")) for suite in root) == len(skipped)


def named(text):
    """A report in which a text stands wherever somebody else's text can."""

    def implementation(params, x, t):
        raise ValueError(text)

    implementation.__name__ = one_line(text)  # a name that is not printable is refused
    report = judge(implementation, "homework")
    explanation = Explanation(notes=[text], aside=[text], unexplained=[text], blind=[text], right=[text])
    check = CheckId("homework/documented", "gradient", "W1", "float64")
    expected = Verdict(check, "expected failure", 2.0, 1.0, text, summary=text)
    return replace(
        report,
        subject=replace(report.subject, version=text),
        explanations={"homework/documented": explanation},
        last_words=[text],
        outcomes=[*report.outcomes, Outcome("homework/documented", one_line(f"{text} beside"), [expected])],
    )


@cache
def written(text, *, pictures):
    """What a report with a text in it is in each form, and its elements as a page."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        patch.setattr(page.pictures, "installed", lambda: pictures and PICTURES)
        patch.setattr(
            judge_run, "suggest", lambda *_, **__: None
        )  # no convention makes it right, which takes time to see
        report = named(text)
        terminal.show(report)
        forms = {"html": page.html(report), "markdown": page.markdown(report), "junit": junit(report).decode()}
    forms |= {"json": json.dumps(report.as_json()), "terminal": printed.getvalue()}
    return forms, [(tag, sorted(attrs)) for tag, attrs in Outline(forms["html"]).elements]


def shape(forms):
    """What of the forms no text may change: elements of the XML, beginnings and cells of Markdown's lines, how many are printed."""
    lines = [(line[:2], len(re.findall(r"(?<!\\)\|", line))) for line in forms["markdown"].splitlines()]
    return [element.tag for element in ET.fromstring(forms["junit"]).iter()], lines, forms["terminal"].count("\n")  # noqa: S314 - ours


@pytest.mark.parametrize(("text", "pictures"), [*((text, False) for text in HOSTILE), *DRAWN], ids=count())
def test_hostile_texts_change_nothing(text, pictures):
    """Names and messages with markup, scripts or escapes leave every format as it is with harmless ones, but for the words."""
    (harmless, outline), (hostile, changed) = (written(of, pictures=pictures) for of in ("harmless", text))

    assert changed == outline
    assert shape(hostile) == shape(harmless)
    assert "<" not in hostile["markdown"]
    assert not re.search(r"(?<!\\)[`\[]", hostile["markdown"])
    for form in hostile.values():
        assert form.replace("\n", "").isprintable()
    assert not [line for line in hostile["terminal"].splitlines() if line.lstrip().startswith("::")]


def test_a_target_without_a_mistake_has_no_findings(conforming):
    """The page of what conforms says so, and has no part for findings."""
    text = page.html(conforming)

    assert "<h1>right: conforms</h1>" in text
    assert "Findings" not in text


def test_a_report_is_shown_by_a_notebook(report):
    """Its HTML is the part of the page that a cell can hold, with its own style; so is that of a gradient check."""
    checked = check_gradients(lambda p: float(p["<b>"] @ p["<b>"]), {"<b>": np.ones(2)}, {"<b>": np.ones(2)})

    for shown in (report._repr_html_(), checked._repr_html_()):
        outline = Outline(shown)
        assert not {"html", "body", "script", "b"} & set(outline.tags)
        assert {"style", "table", "caption"} <= set(outline.tags)
        assert outline.unbalanced == []
    assert "half" in checked._repr_html_() or "0.5000" in checked._repr_html_()


@pytest.mark.parametrize("pictures", [pytest.param(True, marks=pytest.mark.report), False])
def test_a_replay_is_a_page(command, monkeypatch, tmp_path, pictures):
    """What came of the run is first, then what it does not show, then the document's figures, all of it in one file."""
    monkeypatch.setattr(page.pictures, "installed", lambda: pictures)
    path = tmp_path / "replay.html"
    assert command("replay", "xor-tanh", "--epochs", "20", "--html", str(path)).code == 0
    text = path.read_text("utf-8")
    outline = Outline(text)

    places = position(
        text, "<h1>", "kept to them", "What this does not show", "figures, and ours</h2>", "The runs</h2>"
    )
    assert places == sorted(places)
    assert "have 20 of the document&#39;s" in text
    assert "nn-conformance replay xor-tanh --version documented --with numpy --dtype float64 --epochs 20" in text
    assert headings_in_order(outline)
    assert outline.unbalanced == []
    assert outline.tags.count("img") == pictures
