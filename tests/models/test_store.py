"""One store on disk for replies, scores and vectors: locked, damaged, of another schema, read-only, used by two."""

from __future__ import annotations

import os
import random
import resource
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from permissions import open_to_all

from labkit import models
from labkit.models import store as store_module


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    """The store's file, in an empty folder."""
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(models.Store, "wait", 0.2)
    return tmp_path / store_module.FILE


class Network:
    """Embeds a text as its length and ones; counts what it was asked."""

    def __init__(self, width: int) -> None:
        self.width, self.asked = width, 0

    def get_embedding_dimension(self) -> int:
        return self.width

    def encode(self, texts, **_):
        self.asked += len(texts)
        vectors = np.ones((len(texts), self.width), dtype=np.float32)
        vectors[:, 0] = [len(t) for t in texts]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def set_aside(file: Path) -> list[Path]:
    return sorted(p for p in file.parent.iterdir() if p.name.startswith("damaged-"))


def test_what_was_put_is_got_by_name_tag_and_content(file):
    store = models.Store("things", "a")
    store.put(["x", "", "ü" * 5000], [b"1", b"", bytes(5000)])
    assert store.get(["ü" * 5000, "y", "", "x", "x"]) == [bytes(5000), None, b"", b"1", b"1"]
    assert models.Store("things", "b").get(["x"]) == models.Store("others", "a").get(["x"]) == [None]
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_twenty_thousand_vectors_are_read_in_well_under_a_second(file):
    texts, store = [f"text {i}" for i in range(20_000)], models.Store("vectors", "m")
    store.put(texts, [bytes(384 * 4)] * len(texts))
    start = time.perf_counter()
    found = store.get(texts)
    taken = time.perf_counter() - start
    assert all(found) and taken < 0.9, taken


def _scrambled_pages(whole: bytes) -> bytes:
    """The first page, with schema and root, is left: opening works, reading does not."""
    return whole[:4096] + random.Random(0).randbytes(len(whole) - 4096)


DAMAGE = {
    "no database": lambda whole: b"no database at all" * 100,
    "cut in half": lambda whole: whole[: len(whole) // 2 + 100],
    "a later page": _scrambled_pages,
    "the schema": lambda whole: whole[:100] + random.Random(0).randbytes(3996) + whole[4096:],
    "a header alone": lambda whole: whole[:50],
}


@pytest.mark.parametrize("kind", list(DAMAGE))
def test_a_damaged_file_is_set_aside_and_begun_anew(file, kind):
    texts, store = [f"text {i}" for i in range(300)], models.Store("things", "a")
    store.put(texts, [t.encode() * 50 for t in texts])
    file.write_bytes(DAMAGE[kind](file.read_bytes()))
    damaged = file.read_bytes()
    found = store.get(texts)
    assert all(value in (None, t.encode() * 50) for t, value in zip(texts, found, strict=True)) and None in found
    store.put(texts, [b"new"] * 300)
    assert store.get(texts) == [b"new"] * 300
    assert [p.read_bytes() for p in set_aside(file)] == [damaged]


def test_a_value_of_which_a_byte_was_changed_is_not_given(file):
    store = models.Store("replies", "a")
    store.put(["x", "y"], [b"within 30 days", b"another"])
    file.write_bytes(file.read_bytes().replace(b"within 30 days", b"within 90 days"))
    assert store.get(["x", "y"]) == [None, b"another"]


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE TABLE results (key BLOB PRIMARY KEY, value BLOB)",
        "CREATE TABLE results (id INTEGER, text TEXT, made TEXT, model TEXT)",
        "CREATE VIEW results AS SELECT 1 AS key, 2 AS value",
        "CREATE TABLE results (key BLOB PRIMARY KEY, value BLOB, crc INTEGER, more TEXT NOT NULL)",
    ],
)
def test_a_file_of_another_schema_is_set_aside(file, schema):
    connection = sqlite3.connect(file)
    connection.execute(schema)
    connection.commit()
    connection.close()
    store = models.Store("things", "a")
    store.put(["x"], [b"1"])
    assert store.get(["x"]) == [b"1"] and len(set_aside(file)) == 1


@pytest.mark.parametrize("lock", ["EXCLUSIVE", "IMMEDIATE"])
def test_a_locked_file_is_waited_for_then_done_without_and_never_deleted(file, lock):
    models.Store("things", "a").put(["x"], [b"1"])
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute(f"BEGIN {lock}")
    inode, start = file.stat().st_ino, time.perf_counter()
    network = Network(4)
    with pytest.warns(UserWarning, match="not kept, for the store cannot be used: database is locked"):
        vectors = models.Embedder(lambda: network, "m").encode(["a", "bb", "a"])
    assert vectors.shape == (3, 4) and network.asked == 2
    assert 0.2 < time.perf_counter() - start < 5
    holder.execute("COMMIT")
    holder.close()
    assert file.stat().st_ino == inode and not set_aside(file)
    assert models.Store("things", "a").get(["x"]) == [b"1"]


def test_a_lock_that_is_given_up_in_time_costs_nothing(file, monkeypatch):
    monkeypatch.setattr(models.Store, "wait", 30.0)
    store = models.Store("things", "a")
    store.put(["x"], [b"1"])
    code = (
        "import sqlite3, sys, time\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('BEGIN EXCLUSIVE')\nprint('held', flush=True)\ntime.sleep(1)\nc.execute('COMMIT')\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline().strip() == b"held"
        assert store.get(["x"]) == [b"1"]
        store.put(["y"], [b"2"])
    assert store.get(["y"]) == [b"2"] and not set_aside(file)


def test_vectors_of_another_width_are_made_anew(file):
    texts = ["a", "bb", "ccc"]
    for width in (4, 8, 3):
        network = Network(width)
        assert models.Embedder(lambda network=network: network, "m").encode(texts).shape == (3, width)
        assert network.asked == 3
    again = Network(3)
    assert models.Embedder(lambda: again, "m").encode(texts).shape == (3, 3) and again.asked == 0


def test_scores_and_texts_that_cannot_be_read_are_made_anew(file):
    store = models.Store("things", "a")
    for damaged in (b"\xff\xfe", b"no number", b"", b"1.0.0"):
        store.put(["x"], [damaged])
        result = store_module.remembered(store, ["x"], lambda i: [2.5], float, lambda v: repr(v).encode())
        assert result == [2.5] and store.get(["x"]) == [b"2.5"]
    store.put(["x"], [b"\xff"])
    assert store_module.remembered(store, ["x"], lambda i: ["new"], bytes.decode, str.encode) == ["new"]


def _as_nobody(file: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code as a user who may not write to the folder."""
    if os.geteuid() != 0:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    drop = "import os\nimport labkit.models, sqlite3\nos.setgid(65534); os.setuid(65534)\n"
    return subprocess.run([sys.executable, "-c", drop + code], capture_output=True, text=True)


ANSWERS = """
from labkit import models
store = models.Store("things", "a")
store.put(["y"], [b"2"])
print(store.get(["x", "y"]))
"""


@pytest.mark.parametrize("whole", [True, False])
def test_a_read_only_store_answers_without_keeping(file, tmp_path_factory, whole):
    models.Store("things", "a").put(["x"], [b"1"])
    if not whole:
        file.write_bytes(b"no database" * 1000)
    open_to_all(file.parent)
    file.parent.chmod(0o555)
    file.chmod(0o444)
    before = file.read_bytes()
    done = _as_nobody(file, ANSWERS)
    file.parent.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ("[b'1', None]" if whole else "[None, None]")
    assert "not kept" in done.stderr and file.read_bytes() == before


def test_a_folder_in_place_of_the_file_or_a_file_in_place_of_the_folder(file, monkeypatch):
    file.mkdir()
    store = models.Store("things", "a")
    with pytest.warns(UserWarning, match="not kept"):
        store.put(["x"], [b"1"])
    with pytest.warns(UserWarning, match="not kept"):
        assert store.get(["x"]) == [None]
    (file.parent / "plain").write_text("")
    monkeypatch.setenv("LABKIT_CACHE", str(file.parent / "plain"))
    with pytest.warns(UserWarning, match="not kept"):
        assert store.get(["x"]) == [None]


def test_a_full_disk_keeps_nothing_and_harms_nothing(file):
    models.Store("things", "a").put(["x"], [b"1"])
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size, limit[1]))
    try:
        with pytest.warns(UserWarning, match="not kept"):
            models.Store("things", "a").put(["y"], [bytes(100_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert models.Store("things", "a").get(["x", "y"]) == [b"1", None] and not set_aside(file)


def test_two_processes_at_once_lose_nothing(file):
    code = (
        "import sys\nfrom labkit import models\nmodels.Store.wait = 60\n"
        "for i in range(60):\n"
        "    models.Store('things', 'a').put([f'{sys.argv[1]} {i}', f'both {i}'], [b'1' * 3000, b'2' * 3000])\n"
    )
    with (
        subprocess.Popen([sys.executable, "-c", code, "one"]) as one,
        subprocess.Popen([sys.executable, "-c", code, "two"]) as two,
    ):
        assert one.wait(120) == two.wait(120) == 0
    names = [f"{name} {i}" for name in ("one", "two", "both") for i in range(60)]
    assert None not in models.Store("things", "a").get(names) and not set_aside(file)


def test_two_processes_that_find_the_file_damaged_begin_it_anew(file):
    file.write_bytes(b"no database at all" * 100)
    code = (
        "import sys\nfrom labkit import models\nmodels.Store.wait = 60\n"
        "for i in range(20):\n    models.Store('things', 'a').put([f'{sys.argv[1]} {i}'], [b'1'])\n"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("one", "two", "three")]
    assert [run.wait(120) for run in runs] == [0, 0, 0]
    found = models.Store("things", "a").get([f"{n} {i}" for n in ("one", "two", "three") for i in range(1, 20)])
    assert None not in found and len(set_aside(file)) == 1


def test_replies_scores_and_vectors_lie_in_one_file(file, reader, embedder):
    from labkit.prompts import answer_messages

    class Encoder:
        def predict(self, pairs, **_):
            return np.arange(len(pairs), dtype=np.float32)

    reader.generate([answer_messages("Who pays?", [])], max_new_tokens=2)
    models.Reranker(Encoder, "r", fingerprint="r").score([("a", "b"), ("c", "d")])
    models.Embedder(lambda: Network(4), "m").encode(["a", "b"])
    assert [p.name for p in file.parent.iterdir()] == [file.name]
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM results").fetchone() == (5,)

    def refuse():
        raise AssertionError("scored again")

    assert models.Reranker(refuse, "r", fingerprint="r").score([("c", "d"), ("a", "b")]).tolist() == [1.0, 0.0]
