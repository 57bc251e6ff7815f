"""Where image sets come from: a named folder, the fixtures, the cache, a download; and what is damaged is refused."""

import gzip
import hashlib
import http.server
import json
import socket
import struct
import sys
import threading
import tracemalloc
from dataclasses import asdict
from functools import partial

import numpy as np
import pooch
import pytest
from bad_input import line

from nn_reference import datasets
from nn_reference.datasets import FOLDER_VARIABLE, MIRROR_VARIABLE, DataFile, load_images
from nn_reference.errors import DataError

# An image set of 3 + 2 images of 2x2 pixels, in the form of the real ones.
TINY = {
    "train_images": np.arange(12, dtype=np.uint8).reshape(3, 2, 2),
    "train_labels": np.array([2, 0, 1], np.uint8),
    "test_images": np.arange(100, 108, dtype=np.uint8).reshape(2, 2, 2),
    "test_labels": np.array([1, 2], np.uint8),
}
NOWHERE = "http://nowhere.invalid"  # a top-level domain reserved never to exist (RFC 2606)


def idx(array):
    """The idx file of an array of bytes."""
    numbers = (0x0800 + array.ndim, *array.shape)
    return struct.pack(f">{len(numbers)}I", *numbers) + array.tobytes()


def write(folder, *, packed=True):
    """Write the tiny set into `folder`/mnist, and return `folder`."""
    (folder / "mnist").mkdir(parents=True)
    for what, array in TINY.items():
        name, data = (f"{what}.gz", gzip.compress(idx(array), mtime=0)) if packed else (what, idx(array))
        (folder / "mnist" / name).write_bytes(data)
    return folder


def assert_tiny(images):
    """`images` has the tiny set's values, and no one can write to them."""
    for what, expected in TINY.items():
        array = getattr(images, what)
        assert array.dtype == np.uint8
        assert not array.flags.writeable
        np.testing.assert_array_equal(array, expected)


refused = partial(line, load_images, "mnist", error=DataError)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Fixtures whose index describes the tiny set, but that ship none of it; an empty cache."""
    folder = tmp_path / "fixtures"
    (folder / "datasets").mkdir(parents=True)
    files = []
    for what, array in TINY.items():
        data = idx(array)
        digest, url = hashlib.sha256(data).hexdigest(), f"{NOWHERE}/{what}.gz"
        file = DataFile(f"{what}.gz", what, digest, len(data), array.shape, "uint8", url)
        files.append(asdict(file))
    index = json.dumps({"datasets": {"mnist": {"files": files}}})
    (folder / "datasets" / "index.json").write_text(index)
    monkeypatch.setattr(datasets, "fixtures_root", lambda: folder)
    monkeypatch.setattr(pooch, "os_cache", lambda _project: tmp_path / "cache")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
    return folder


class Handler(http.server.SimpleHTTPRequestHandler):
    """Remembers each request in place of printing it."""

    def log_request(self, *_):
        self.server.asked.append(self.path)

    def log_message(self, *_):
        """Keep quiet."""


@pytest.fixture
def mirror(root, monkeypatch):
    """A mirror of the tiny set, named by the environment; fixtures and cache lack it."""
    folder = write(root.parent / "mirror")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        server.folder, server.asked = folder, []
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        monkeypatch.setenv(MIRROR_VARIABLE, f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("packed", [True, False])
def test_named_folder_wins(root, mirror, tmp_path, *, packed):
    """A named folder is used, packed or not, before fixtures and cache, and nothing is fetched."""
    (root / "datasets" / "mnist").mkdir()
    (root / "datasets" / "mnist" / "train_images.gz").write_bytes(b"not this one")
    assert_tiny(load_images("mnist", folder=write(tmp_path / "mine", packed=packed)))
    assert mirror.asked == []


def test_argument_wins_over_environment(root, tmp_path, monkeypatch):
    """The environment names the folder where no argument does; set to nothing, it names none."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "nowhere"))
    assert_tiny(load_images("mnist", folder=write(tmp_path / "mine")))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "mine"))
    assert_tiny(load_images("mnist"))
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    write(root / "datasets")
    assert_tiny(load_images("mnist"))


def test_file_missing_from_named_folder_is_an_error(mirror, tmp_path):
    """A named folder that lacks a file is reported with that file, and nothing is fetched."""
    folder = write(tmp_path / "mine")
    (folder / "mnist" / "test_labels.gz").unlink()
    message = refused(folder=folder)
    assert "test_labels.gz" in message
    assert str(folder) in message
    assert FOLDER_VARIABLE in message
    assert mirror.asked == []


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda data: data[:-1], "a whole gzip file, got one that ends early"),
        (lambda data: data[:12], "a whole gzip file, got one that ends early"),
        (lambda _data: b"", "got none"),
        (lambda _data: b"<html>", "got 1013478509 27710"),
        (lambda _data: gzip.compress(idx(TINY["test_images"])), "3 2 2, got 2051 2 2 2"),
        (lambda _data: gzip.compress(idx(TINY["train_labels"])), "2051 3 2 2, got 2049 3"),
        (lambda data: gzip.compress(gzip.decompress(data)[:-1]), "28 bytes uncompressed, got 27"),
        (lambda data: gzip.compress(gzip.decompress(data) + b"\0"), "uncompressed, got more"),
        (lambda data: gzip.compress(gzip.decompress(data)[:-1] + b"\0"), "expected sha256"),
    ],
    ids=["cut", "cut-early", "empty", "web-page", "dimensions", "magic", "short", "long", "digest"],
)
def test_damage_is_named(root, damage, complaint):
    """Each kind of damage is told in its own words, with the file and the way out."""
    victim = write(root / "datasets") / "mnist" / "train_images.gz"
    victim.write_bytes(damage(victim.read_bytes()))
    message = refused()
    assert message.startswith(f"{victim}: expected ")
    assert complaint in message
    assert message.endswith("reinstall nn-conformance")


@pytest.mark.parametrize("packed", [True, False])
def test_huge_file_fills_no_memory(root, *, packed):
    """64 MB in place of 28 bytes, or 2 MB that are packed into as little (a gzip bomb), are refused in little memory."""
    victim = write(root / "datasets") / "mnist" / "train_images.gz"
    data = idx(TINY["train_images"]) + bytes(1 << (21 if packed else 26))
    victim.write_bytes(gzip.compress(data) if packed else data)
    del data
    tracemalloc.start()
    try:
        message = refused()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert ("28 bytes uncompressed, got more" if packed else "at most 4124 bytes, got 67108892") in message
    assert peak < 1 << 20


def test_unreadable_index_is_a_data_error(root):
    """An index that is no JSON, or not of our form, is reported as such."""
    for text in ("", "[]", '{"datasets": {"mnist": {"files": [{"name": "x", "shape": []}]}}}'):
        (root / "datasets" / "index.json").write_text(text)
        assert "an index of datasets" in refused()


def test_download_is_verified_and_kept(mirror, tmp_path):
    """What neither folder nor fixtures have is fetched once, and then found in the cache."""
    assert_tiny(load_images("mnist"))
    assert sorted(mirror.asked) == sorted(f"/mnist/{what}.gz" for what in TINY)
    datasets._load_images.cache_clear()
    assert_tiny(load_images("mnist"))
    assert len(mirror.asked) == len(TINY)
    kept = {path.name for path in (tmp_path / "cache" / "mnist").iterdir()}
    assert kept == {f"{what}.gz" for what in TINY}


def test_damaged_download_is_refused_and_removed(mirror, tmp_path):
    """A wrong file from the mirror never enters the cache, so that the next try is fresh."""
    served = mirror.folder / "mnist" / "train_images.gz"
    intact = served.read_bytes()
    served.write_bytes(gzip.compress(idx(TINY["train_images"] + np.uint8(1))))
    message = refused()
    assert "/mnist/train_images.gz: expected sha256" in message
    assert FOLDER_VARIABLE in message
    assert list((tmp_path / "cache" / "mnist").iterdir()) == []
    served.write_bytes(intact)
    assert_tiny(load_images("mnist"))


def test_damaged_cache_is_fetched_anew(mirror, tmp_path):
    """A file that went bad in the cache is replaced."""
    cached = write(tmp_path / "cache") / "mnist" / "test_images.gz"
    intact = cached.read_bytes()
    cached.write_bytes(intact[:-1])
    assert_tiny(load_images("mnist"))
    assert mirror.asked == ["/mnist/test_images.gz"]
    assert cached.read_bytes() == intact


def test_file_missing_from_the_mirror_is_reported(mirror):
    """A mirror that lacks the file is reported with its answer."""
    (mirror.folder / "mnist" / "train_images.gz").unlink()
    assert "404" in refused()


@pytest.mark.usefixtures("root")
def test_offline_names_address_and_way_out(monkeypatch):
    """Without a network, one line names the address and the folder that would do instead."""
    with socket.socket() as held:  # bound and not listening: connections are refused
        held.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{held.getsockname()[1]}"
        monkeypatch.setenv(MIRROR_VARIABLE, base)
        message = refused()
    assert message.startswith(f"{base}/mnist/train_images.gz: expected a download, got ")
    assert f"name a folder that has mnist/train_images.gz in {FOLDER_VARIABLE}" in message


@pytest.mark.usefixtures("root")
def test_silent_mirror_is_given_up(monkeypatch):
    """A mirror that takes the call and says nothing does not hold the user for ever."""
    monkeypatch.setattr(datasets, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(MIRROR_VARIABLE, f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "read timeout=0.05" in refused()


@pytest.mark.usefixtures("root")
def test_download_without_pooch_says_so(monkeypatch):
    """Where a download is needed and pooch is not installed, the error says so in one line."""
    monkeypatch.setitem(sys.modules, "pooch", None)
    message = refused()
    assert message.startswith(f"{NOWHERE}/train_images.gz: ")
    assert "pooch" in message
    assert FOLDER_VARIABLE in message


def test_unwritable_cache_is_a_data_error(mirror, tmp_path):
    """A cache that cannot be written is reported with its path, not with a traceback."""
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert str(tmp_path / "cache") in refused()
    assert mirror.asked == []
