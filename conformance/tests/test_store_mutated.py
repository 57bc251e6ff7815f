"""Reading test vectors: whatever is done to a file, its numbers have their digests or it is refused in one line."""

import copy
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save
from small_store import FILE, GIVEN, ID, INTACT, TENSORS, container, with_x, write

from nn_conformance.cases.store import LoadedCase
from nn_conformance.judge.verdict import one_line
from nn_reference.errors import DataError


def either_way(root, case, arrays=None):
    """Reads what was mutated: each array has the digest that is asked of it, or the message is one line."""
    store, message = write(root, case, arrays), ""
    try:
        loaded = LoadedCase(store, store.record(ID))
        found = [(array, loaded.array(array, field)) for field, array in loaded.every_array()]
    except DataError as error:
        message, found = str(error), []
    assert message == one_line(message)
    assert message == "" or FILE in message
    for array, a in found:
        assert (a.dtype.name, list(a.shape)) == (array.dtype, array.shape)
        assert hashlib.sha256(a.tobytes()).hexdigest() == array.sha256


def mutate(raw, data):
    """Bytes flipped, cut out, doubled, moved or put in, up to four times."""
    mutated = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        i, j = sorted(data.draw(st.tuples(*[st.integers(0, len(mutated))] * 2)))
        kind = data.draw(st.sampled_from(["flip", "cut", "double", "move", "insert", "truncate"]))
        if kind == "flip" and i < len(mutated):
            mutated[i] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del mutated[i:j]
        elif kind == "double":
            mutated[i:i] = mutated[i:j][:1000]
        elif kind == "move":
            piece = mutated[i:j]
            del mutated[i:j]
            mutated[:0] = piece
        elif kind == "insert":
            mutated[i:i] = data.draw(st.one_of(st.binary(max_size=20), st.sampled_from(PIECES)))
        elif kind == "truncate":
            del mutated[i:]
    return bytes(mutated)


PIECES = [b"NaN", b"1e999", b"-0", b"[", b"{", b'"', b"\\u0000", b"null", b"99999999999999999999", b"\xff", b"\0" * 8]
JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([2**63, 10**30, -1, "nan", "-0", "inf", "float32", "\0", "\n", "\x1b[2J", "../../etc/passwd"]),
        st.floats(),
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=4,
)


def places(value):
    """(container, key) of everything inside a JSON document."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from places(value[key])


def rearrange(document, data):
    """Parts of a document replaced by others of it, by junk, or by nothing, up to three times."""
    document = copy.deepcopy(document)
    for _ in range(data.draw(st.integers(1, 3))):
        found = list(places(document))
        (inner, key), (other, other_key) = (found[data.draw(st.integers(0, len(found) - 1))] for _ in range(2))
        kind = data.draw(st.sampled_from(["swap", "copy", "junk", "drop", "rename"]))
        if kind == "copy":
            inner[key] = copy.deepcopy(other[other_key])
        elif kind == "swap":
            pair = copy.deepcopy(inner[key]), copy.deepcopy(other[other_key])
            other[other_key], inner[key] = pair
        elif kind == "junk":
            inner[key] = data.draw(JUNK)
        elif kind == "drop":
            del inner[key]
        elif isinstance(inner, dict):
            inner[data.draw(st.one_of(st.text(max_size=5), st.sampled_from(sorted(GIVEN))))] = inner.pop(key)
        if not list(places(document)):
            break
    return json.dumps(document).encode()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """One folder for all examples of a test: each writes all that it reads."""
    return tmp_path_factory.mktemp("scratch")


def with_mutated_header(data):
    """Tensors whose header is still JSON, but says something else."""
    whole = save(TENSORS)
    end = 8 + int.from_bytes(whole[:8], "little")
    return container(rearrange(json.loads(whole[8:end]), data), whole[end:])


# By what is mutated, the case and the file of arrays beside it.
MUTATED = {
    "bytes": lambda data: (mutate(INTACT, data),),
    "parts": lambda data: (rearrange(GIVEN, data),),
    "tensors": lambda data: (with_x(file="tiny.safetensors"), mutate(save(TENSORS), data)),
    "header": lambda data: (with_x(file="tiny.safetensors"), with_mutated_header(data)),
}


@pytest.mark.parametrize("what", ["bytes", *(pytest.param(name, marks=pytest.mark.slow) for name in [*MUTATED][1:])])
@given(data=st.data())
def test_what_is_mutated_is_read_right_or_refused(what, data, scratch):
    """Whatever happens to bytes, or to parts of valid JSON, nothing but verified numbers or one line comes of it, and no warning."""
    either_way(scratch, *MUTATED[what](data))
