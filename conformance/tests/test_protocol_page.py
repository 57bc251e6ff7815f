"""PROTOCOL.md, the schemas, the transcript, the runner and an adapter all say the same of the protocol."""

import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import msgspec
import numpy as np
import pytest

from nn_conformance.adapt.pieces import PIECES
from nn_conformance.cases import format as fmt
from nn_conformance.cases.schema import schemas
from nn_conformance.cases.store import Store
from nn_conformance.judge.target import SAYABLE
from nn_conformance.protocol import messages
from nn_conformance.protocol.messages import PROTOCOL, Request, all_encoded, encoded
from nn_conformance.protocol.program import RESTARTS, Limits

# Of the page, the number in words that a limit has.
WORDS = {5: "five"}
HERE = files("nn_conformance.protocol")
PAGE = HERE.joinpath("PROTOCOL.md").read_text("utf-8")
REQUESTS, REPLIES = (
    json.loads(HERE.joinpath(f"{name}.schema.json").read_text("utf-8")) for name in ("requests", "replies")
)
LINES = HERE.joinpath("transcript.jsonl").read_text("utf-8").splitlines()
TRANSCRIPT = [
    (json.loads(asked), json.loads(answered)) for asked, answered in zip(LINES[::2], LINES[1::2], strict=True)
]
KINDS = [asked.get("do", asked["verb"]) for asked, _ in TRANSCRIPT]
REPLY_TYPES = {"start": messages.Started, "echo": messages.Echoed, "evaluate": messages.Evaluated,
               "train": messages.Trained, "prune": messages.Pruned, "stop": messages.Reply,
               "unsupported": messages.Unsupported, "error": messages.Error}  # fmt: skip
# What a reply may be beside the transcript's, and what it may not.
MALFORMED = [
    {"seq": 1, "status": "fine"},
    {"seq": 1, "status": "ok", "protocol": 1, "name": "x", "dtype": ["float64"]},
    {"seq": 1, "status": "ok", "protocol": 1, "name": "x", "dtypes": ["float16"]},
    {"seq": 1, "status": "ok", "values": ["0.1"]},
    {"seq": 1, "status": "ok", "values": [None]},
    {"seq": 1, "status": "unsupported"},
    {"status": "ok"},
]


def refused(schema, document, kind=None):
    """What a schema, or one of its definitions, has against a document."""
    chosen = schema if kind is None else {**schema["$defs"][kind], "$defs": schema["$defs"]}
    return [error.message for error in jsonschema.Draft202012Validator(chosen).iter_errors(document)]


def test_schemas_are_schemas():
    """Both are valid JSON Schemas of 2020-12, of the runner's version of the protocol."""
    for schema in (REQUESTS, REPLIES):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert f"protocol {PROTOCOL}" in schema["title"]


@pytest.mark.parametrize("k", range(len(TRANSCRIPT)), ids=KINDS)
def test_transcript_is_as_the_schemas_have_it(k):
    """Each request and reply is valid as what it is, and readable by the runner; what nobody knows is refused by both."""
    asked, answered = TRANSCRIPT[k]
    assert asked["seq"] == answered["seq"] == k + 1
    if KINDS[k] == "dance":
        assert refused(REQUESTS, asked)
        assert answered["status"] == "unsupported"
    else:
        assert refused(REQUESTS, asked) == []
        assert refused(REQUESTS, asked, KINDS[k]) == []
        assert answered["status"] == "ok"
    kind = KINDS[k] if answered["status"] == "ok" else answered["status"]
    assert refused(REPLIES, answered) == []
    assert refused(REPLIES, answered, kind) == []
    assert msgspec.json.decode(LINES[2 * k + 1], type=REPLY_TYPES[kind]).seq == k + 1
    # A target must ignore what it does not know, and so must the schema; in a reply it is a mistake.
    assert bool(refused(REQUESTS, {**asked, "hint": 1})) is (KINDS[k] == "dance")
    assert refused(REPLIES, {**answered, "hint": 1})


def test_schemas_and_runner_know_the_same_kinds():
    """Start comes first, stop last, and all that can be asked between them; a reply names the classes of failure that are taken over."""
    assert KINDS[0] == "start"
    assert KINDS[-1] == "stop"
    assert {ref["$ref"].rpartition("/")[2] for ref in REQUESTS["oneOf"]} == set(KINDS) - {"dance"}
    assert {ref["$ref"].rpartition("/")[2] for ref in REPLIES["anyOf"]} == REPLY_TYPES.keys()
    assert set(REPLIES["$defs"]["error"]["properties"]["failure"]["enum"]) == set(SAYABLE)


BEFORE = Path(__file__).with_name("transcript_before_pieces.jsonl").read_text("utf-8").splitlines()
ADAPTER = (Path(__file__).resolve().parents[1] / "adapters" / "numpy_adapter.py").read_text("utf-8")
OLDER = ADAPTER.replace(', "pieces": PIECES', "").replace('"version": "2"', '"version": "1"')


@pytest.mark.parametrize(("lines", "source"), [(LINES, ADAPTER), (BEFORE, OLDER)], ids=["today", "before pieces"])
def test_adapter_answers_as_the_transcript_does(tmp_path, lines, source):
    """The adapter in NumPy, asked the same, replies the same, numbers to 1e-12; one that names no pieces, as it did before."""
    (tmp_path / "adapter.py").write_text(source, "utf-8")
    asked = "".join(f"{line}\n" for line in lines[::2])
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(tmp_path / "adapter.py")],
        input=asked,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    replies = done.stdout.splitlines()
    assert len(replies) == len(lines[1::2])
    for found, expected in zip(replies, lines[1::2], strict=True):
        same(json.loads(found), json.loads(expected))


def same(found, expected):
    """Equal, but for the last digits of numbers: another processor's exp may round them otherwise."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            same(found[name], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif isinstance(expected, float):
        # The numbers are of size 1 and a few sums long: 1e-12 is a thousand times their rounding.
        assert np.isclose(found, expected, rtol=1e-12, atol=1e-12) or found == expected
    else:
        assert found == expected


def test_malformed_replies_are_refused():
    """Misspelt, missing and mistyped fields are in no reply's schema."""
    assert [document for document in MALFORMED if not refused(REPLIES, document)] == []


@pytest.mark.parametrize("do", ["evaluate", "train"])
def test_the_runners_requests_are_as_the_schema_has_them(do):
    """What the runner writes is valid, with moments, a vector layer and numbers that JSON has no names for."""
    loaded = Store().case("homework/probe-rectangular")
    x = np.where(loaded.x == loaded.x.max(), -np.inf, loaded.x)
    state = messages.Moments(3, {"v": all_encoded(loaded.params)})
    request = Request(7, "run", do=do, dtype="float64", network=loaded.case.network, params=all_encoded(loaded.params),
                      x=encoded(x), t=encoded(loaded.t))  # fmt: skip
    if do == "train":
        request.optimizer, request.batches, request.state = loaded.case.optimizer, [[0, 1], [2]], state
    else:
        request.want = ["layers", "loss", "gradients"]
    document = json.loads(messages.line(request))
    assert refused(REQUESTS, document, do) == []
    assert "-inf" in json.dumps(document)
    del document["network"]
    assert refused(REQUESTS, document, do)


def test_networks_are_described_as_in_the_fixtures():
    """The definitions of a network and an optimiser are those of the test vectors, word for word."""
    network, case = schemas()["network.schema.json"]["$defs"], schemas()["case.schema.json"]["$defs"]
    for name in (*network, "Optimizer"):
        assert REQUESTS["$defs"][name] == case[name], name
    assert REQUESTS["$defs"]["dtype"]["enum"] == list(fmt.DTYPES)


def test_page_names_every_field():
    """Each field that a reply may have, and each that a request has, is explained; and the version is the runner's."""
    named = set(re.findall(r"`(\w+)`", PAGE))
    kinds = {ref["$ref"].rpartition("/")[2]: schema for schema in (REQUESTS, REPLIES)
             for ref in schema.get("oneOf", schema.get("anyOf"))}  # fmt: skip
    fields = {field for kind, schema in kinds.items() for field in schema["$defs"][kind]["properties"]}
    assert fields - named == set()
    assert f"version {PROTOCOL}\n" in PAGE


def test_pieces_are_those_of_the_runner():
    """The schema has each piece and each first word, and the page names every word of them."""
    words = {word for piece in PIECES for word in (piece, piece.split()[0])}
    assert set(REPLIES["$defs"]["start"]["properties"]["pieces"]["items"]["enum"]) == words
    named = set(re.findall(r"`([\w/ ]+)`", PAGE))
    assert {part for piece in PIECES for part in piece.split()} <= named
    assert refused(REPLIES, {"seq": 1, "status": "ok", "protocol": 1, "name": "x", "pieces": ["tahn"]}, "start")


def test_page_shows_valid_messages():
    """The messages that the page shows in full are valid."""
    shown = [json.loads(line) for line in re.findall(r"^    (\{.*\})$", PAGE, re.MULTILINE)]
    assert len(shown) == 4
    for document in shown:
        assert refused(REQUESTS if "verb" in document else REPLIES, document) == []


def test_limits_are_as_the_page_says():
    """Seconds, memory and restarts of the page are those of the runner."""
    text = " ".join(PAGE.split())
    assert f"({Limits().seconds:g} seconds for a small request, `--timeout`)" in text
    assert f"({Limits().memory >> 20} MiB of data, `--memory`)" in text
    assert f"{WORDS[RESTARTS]} times at most" in text
