"""`fixtures/README.md` says what the format is: its example runs, its tables are the types', and the schemas agree."""

import doctest
import json
import re
import sys
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import jsonschema
import msgspec
import numpy as np
import pytest

from nn_conformance.cases import format as fmt
from nn_conformance.cases.encoding import INLINE, signs
from nn_conformance.cases.schema import schema_bytes, schemas
from nn_conformance.cases.store import LARGEST, Store
from nn_reference.preprocessing import flatten_pixels, normalized_pixels, unit_pixels

STORE = Store()
VALIDATORS = {file.split(".")[0]: jsonschema.Draft202012Validator(schema) for file, schema in schemas().items()}
FIXTURES = STORE.root
README = (FIXTURES / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "pycon"]
RECORDS = {
    name: kind
    for name, kind in vars(fmt).items()
    if isinstance(kind, type) and issubclass(kind, fmt.Record) and kind is not fmt.Record
}
NETWORKS = sorted({case_id.split("/")[0] for case_id in STORE.ids})


def section(heading, page=README):
    """The text below a heading, up to the next of its level or a higher one; the heading stands there once."""
    (level,) = re.finditer(rf"^(#+) {re.escape(heading)}$", page, re.MULTILINE)
    below = page[level.end() :]
    end = re.search(rf"^#{{1,{len(level[1])}}} ", below, re.MULTILINE)
    return below[: end.start()] if end else below


def table(text):
    """The rows of the tables in a text, each a list of cells, without the headings."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    rows = [
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip("|"))]
        for line, below in zip(lines, [*lines, ""][1:], strict=True)
        if not line.startswith("|---") and not below.startswith("|---")
    ]
    return [[re.sub(r"^`([^`]+)`$", r"\1", cell) for cell in row] for row in rows]


def literals(annotation):
    """Every string of every Literal in an annotation."""
    if get_origin(annotation) is Literal:
        return {value for value in get_args(annotation) if isinstance(value, str)}
    inner = get_args(annotation) if get_origin(annotation) is not Annotated else get_args(annotation)[:1]
    return set().union(*(literals(part) for part in inner if not isinstance(part, str)))


@pytest.mark.parametrize("block", PYTHON, ids=range(len(PYTHON)))
def test_python_example_prints_what_is_shown(block, monkeypatch):
    """Each Python session of the page, run in its folder, prints what the page shows."""
    monkeypatch.chdir(FIXTURES)
    session = doctest.DocTestParser().get_doctest(block, {}, "README", "README.md", None)
    transcript = []
    doctest.DocTestRunner(verbose=False).run(session, out=transcript.append)
    assert session.examples
    assert not transcript, "".join(transcript)


def test_example_by_hand_needs_no_package():
    """The example that reads a case imports the standard library only, and has at most fifteen lines of code."""
    example = next(block for block in PYTHON if "probe-square" in block)
    imported = re.findall(r"^>>> import (.*)$", example, re.MULTILINE)
    modules = {name.strip() for line in imported for name in line.split(",")}

    assert modules <= set(sys.stdlib_module_names)
    assert "nn_" not in example
    assert len(re.findall(r"^(?:>>>|\.\.\.) ", example, re.MULTILINE)) <= 15


@pytest.mark.parametrize("name", RECORDS)
def test_every_field_is_documented_with_its_default(name):
    """The table of each type has its fields in their order, each with the default of the type."""
    rows = [(row[0], row[2]) for row in table(section(name, section("Every field")))]
    expected = []
    for field in msgspec.structs.fields(RECORDS[name]):
        if field.required:
            default = "required"
        elif field.default is None:
            default = "none"
        else:
            value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
            default = value if isinstance(value, str) else json.dumps(value)
        expected.append((field.name, default))

    assert rows == expected


def test_every_type_that_the_page_names_is_one():
    """The headings below the fields are the types, and the flags."""
    headings = re.findall(r"^### (.*)$", section("Every field"), re.MULTILINE)

    assert sorted(headings) == sorted([*RECORDS, "Flags"])


@pytest.mark.parametrize("name", RECORDS)
def test_every_name_of_the_format_is_documented(name):
    """Each kind, layout, reduction, scaling and other name that a field may have is on the page, in backticks."""
    hints = get_type_hints(RECORDS[name], include_extras=True)
    names = set().union(*(literals(hint) for hint in hints.values()))

    assert {value for value in names if f"`{value}`" not in README and f'`"{value}"`' not in README} == set()


@pytest.mark.parametrize(("heading", "names"), [
    ("Activations", literals(fmt.Activation.__annotations__["kind"])),
    ("Losses", literals(fmt.Loss.__annotations__["kind"])),
    ("Flags", {flag for case in STORE.index.cases for flag in case.flags}),
])  # fmt: skip
def test_tables_are_those_of_the_format(heading, names):
    """The tables of formulas have a row for each kind, that of flags for each that a case has, and no other."""
    assert {row[0] for row in table(section(heading))} == names


def test_optimisers_are_those_of_the_format():
    """The table of updates has both kinds and both placements."""
    rows = " ".join(row[0] for row in table(section("Optimisers")))
    hints = get_type_hints(fmt.Optimizer, include_extras=True)

    assert literals(hints["kind"]) | literals(hints["placement"]) <= set(re.findall(r"\w+", rows))


def test_formulas_of_the_scalings_give_the_pixels():
    """Each formula, computed operation by operation in float32, gives the reference's bits for every grey value."""
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    expected = {
        "raw": flatten_pixels(grey),
        "unit": unit_pixels(grey),
        "mnist": normalized_pixels(grey, 0.1307, 0.3081),
        "half": normalized_pixels(grey, 0.5, 0.5),
    }
    rows = dict(table(section("Numbers and arrays")))

    assert rows.keys() == expected.keys()
    for scaling, formula in rows.items():
        constants = re.sub(r"\d+(\.\d+)?", r"f(\g<0>)", formula)
        found = eval(constants, {"p": np.arange(256, dtype=np.float32), "f": np.float32})  # noqa: S307 - our own page
        assert found.dtype == np.float32
        assert np.array_equal(found, expected[scaling][0])


def test_example_of_a_projection_has_the_signs():
    """The worked example of a projection has the signs that the fixtures' projections have."""
    example = re.search(r"\n>>> (sum\(entry .*\))\n(-?\d+)\n", README)
    entries = [int(entry) for entry in re.search(r"\[([\d, ]+)\]", example[1])[1].split(",")]
    mask = int(re.search(r"i & (\d+)", example[1])[1])

    assert np.sum(signs(len(entries), mask) * entries) == int(example[2])


def test_probes_and_their_purposes_are_listed():
    """The table of probes has each kind that some system has, with the purpose that stands in its cases."""
    probes = {case.id.split("/")[1]: case.purpose for case in STORE.index.cases if "/probe-" in case.id}

    assert {row[0]: row[1] for row in table(section("The probes"))} == probes


def test_sizes_are_as_the_page_says():
    """No array in place has more numbers than the page says, and no file more bytes."""
    assert f"more than {INLINE} numbers" in README
    assert f"at most {LARGEST // 2**20} MiB" in README
    assert max(file.size for file in STORE.index.files) <= LARGEST
    for case_id in STORE.ids:
        for field, array in STORE.case(case_id).every_array():
            assert array.data is None or len(array.data) <= INLINE, f"{case_id}: {field}"


def test_export_is_as_the_page_says(command, tmp_path):
    """The command of the page writes cases, schemas and their index, and every array in place."""
    (line,) = [text.split() for language, text in BLOCKS if language == "sh"]
    assert line == ["nn-conformance", "fixtures", "export", "DIR", "--json"]
    done = command("fixtures", "export", str(tmp_path), "--json", "--network", "mnist-tanh-512")
    paths = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    cases = {f"{case_id}.json" for case_id in STORE.of_system("mnist-tanh-512/documented")}

    assert paths == cases | {f"schema/{file}" for file in schemas()} | {"index.json"}
    assert done == (0, f"{len(paths)} files written to {tmp_path}\n", "")
    for path in cases:
        text = (tmp_path / path).read_text("utf-8")
        assert text.count('"sha256"') == text.count('"data"') > 0


def test_committed_schemas_are_those_of_the_types():
    """Each schema in the fixtures is, byte for byte, what the types give, and there is no other file."""
    committed = {path.name: path.read_bytes() for path in (FIXTURES / "schema").iterdir()}

    assert committed == {file: schema_bytes(schema) for file, schema in schemas().items()}


@pytest.mark.parametrize("file", schemas())
def test_schemas_are_schemas(file):
    """Each schema is one by the rules of JSON Schema 2020-12, and names the format."""
    schema = json.loads((FIXTURES / "schema" / file).read_bytes())

    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert f"format {1 if file.startswith('index') else fmt.FORMAT}" in schema["title"]


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_every_case_fulfils_its_schema(network):
    """Each committed case is valid by the schema of a case, and its network by the schema of a network."""
    for case_id in STORE.ids:
        if case_id.startswith(f"{network}/"):
            document = json.loads((FIXTURES / f"{case_id}.json").read_bytes())
            VALIDATORS["case"].validate(document)
            VALIDATORS["network"].validate(document["network"])


def test_index_fulfils_its_schema():
    """The committed index is valid by its schema."""
    VALIDATORS["index"].validate(json.loads((FIXTURES / "index.json").read_bytes()))
