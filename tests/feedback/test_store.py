"""The store of judgements: what is judged stays, whoever kills, copies, damages or shares the file."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from labkit import prompts
from labkit.feedback import Comparison, Judgement, Store, store
from labkit.prompts import Passage

PAGE = (Passage("Lease", "Rent is due within 30 days."),)


def comparison(number: int, **changes) -> Comparison:
    return replace(Comparison(f"c{number}", f"When is rent {number} due?", PAGE, ("30 days [1]", "60 days")), **changes)


@pytest.fixture
def kept(tmp_path) -> Store:
    made = Store(tmp_path / "judgements.sqlite")
    made.add([comparison(n) for n in range(4)])
    return made


def test_what_is_added_comes_back_equal(kept):
    own = comparison(9, sources=("sft", "dpo"), messages=({"role": "user", "content": "Rent \N{EURO SIGN}?"},))
    kept.add([own])
    assert kept.comparisons() == [*map(comparison, range(4)), own] == Store(kept.path).comparisons()
    assert list(comparison(0).messages) == prompts.answer_messages("When is rent 0 due?", PAGE)
    given = [kept.judge("c0", "ann", "first", left=1), kept.judge("c1", "bob", "both_bad", edited="thirty days")]
    assert given == Store(kept.path).judgements()
    assert kept.judgements("bob") == given[1:]
    assert [c.id for c in kept.pending("ann")] == ["c1", "c2", "c3", "c9"]


def test_a_second_judgement_replaces_the_first_and_undo_brings_it_back(kept):
    first, second = kept.judge("c0", "ann", "first"), kept.judge("c0", "ann", "tie")
    other = kept.judge("c0", "bob", "second")
    assert kept.judgements() == [second, other]
    assert kept.undo("ann") == second
    assert kept.judgements() == [first, other]
    assert kept.undo("ann") == first
    assert kept.undo("ann") is None
    assert Store(kept.path).judgements() == [other]


def test_undo_takes_the_last_click_though_the_clock_was_set_back(kept, monkeypatch):
    kept.judge("c0", "ann", "first")

    class Earlier(store.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2001, 1, 1, tzinfo=tz)

    monkeypatch.setattr(store, "datetime", Earlier)
    last = kept.judge("c1", "ann", "first")
    assert kept.undo("ann") == last


@pytest.mark.parametrize(("verdict", "left", "chose_left"), [
    ("first", 0, True), ("first", 1, False), ("second", 0, False), ("second", 1, True), ("tie", 0, None),
    ("both_bad", 1, None),
])  # fmt: skip
def test_the_side_that_was_chosen(verdict, left, chose_left):
    assert Judgement("c0", "ann", verdict, left).chose_left is chose_left


def test_bad_judgements_are_refused_and_leave_nothing(kept):
    for wrong in (
        ("c0", "ann", "left"), ("c0", "", "first"), ("c0", "ann", "first", 2), ("none", "ann", "first"),
        ("c0", "ann", "first", 0, " "),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"verdict|needs a rater|no comparison|is empty"):
            kept.judge(*wrong)
    with pytest.raises(ValueError, match="not in UTC"):
        Judgement("c0", "ann", "first", at="2026-08-01T10:00:00")
    assert kept.judgements() == []
    for wrong in ({"id": ""}, {"answers": ("one",)}, {"answers": (None, "one")}, {"question": ""}):
        with pytest.raises(ValueError, match="needs an id"):
            comparison(0, **wrong)


def test_adding_again_changes_nothing_and_another_content_is_refused(kept):
    given = Judgement("c0", "judge", "first")
    for _ in range(2):
        kept.add([comparison(0), comparison(5)], [given])
    assert [c.id for c in kept.comparisons()] == ["c0", "c1", "c2", "c3", "c5"]
    assert kept.judgements() == [given]
    with pytest.raises(ValueError, match=r"something else under .*'c0'"):
        kept.add([comparison(6), comparison(0, answers=("a", "b"))])
    with pytest.raises(ValueError, match=r"something else under .*'judge'"):
        kept.add([comparison(6)], [replace(given, verdict="second")])
    assert len(kept.comparisons()) == 5


def test_export_and_import_give_the_same_store(kept, tmp_path):
    kept.judge("c0", "ann", "first", edited="drei\N{LINE SEPARATOR}\N{LATIN SMALL LETTER SHARP S}\nTage")
    kept.judge("c0", "ann", "second")
    kept.judge("c1", "bob", "tie", left=1)
    kept.export_jsonl(tmp_path / "all.jsonl")
    other = Store(tmp_path / "other.sqlite")
    for _ in range(2):
        other.import_jsonl(tmp_path / "all.jsonl")
        assert (other.comparisons(), other.judgements()) == (kept.comparisons(), kept.judgements())
    other.export_jsonl(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "all.jsonl").read_bytes()
    assert other.undo("ann").verdict == "second"
    assert other.judgements("ann")[0].verdict == "first"


@pytest.mark.parametrize("damage", [
    "{", '["c0"]', '{"judgement": {"comparison": "c0", "rater": "ann", "verdict": "left"}}', '{"judgement": 5}',
    '{"comparison": {"id": "c8"}}', '{"verdict": {}}', "\udcff", "{}",
])  # fmt: skip
def test_a_damaged_line_is_named_and_nothing_imported(kept, tmp_path, damage):
    kept.judge("c0", "ann", "first")
    kept.export_jsonl(tmp_path / "all.jsonl")
    lines = (tmp_path / "all.jsonl").read_bytes().splitlines(keepends=True)
    lines.insert(2, damage.encode(errors="surrogateescape") + b"\n")
    (tmp_path / "all.jsonl").write_bytes(b"".join(lines))
    other = Store(tmp_path / "other.sqlite")
    with pytest.raises(ValueError, match=r"Line 3 of .* is damaged"):
        other.import_jsonl(tmp_path / "all.jsonl")
    assert (other.comparisons(), other.judgements()) == ([], [])


def test_a_judgement_of_an_unknown_comparison_is_not_imported(kept, tmp_path):
    rows = [{"comparison": store.asdict(comparison(7))}, {"judgement": store.asdict(Judgement("c8", "ann", "tie"))}]
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(ValueError, match="no comparison 'c8'"):
        kept.import_jsonl(tmp_path / "all.jsonl")
    assert len(kept.comparisons()) == 4


def _files_that_are_no_store(folder):
    (folder / "notes.sqlite").write_text("judgements of the week, " * 100, encoding="utf-8")
    yield folder / "notes.sqlite", "cannot be used"
    with sqlite3.connect(folder / "music.sqlite") as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    yield folder / "music.sqlite", "another program's"
    for version in (store.VERSION - 1, store.VERSION + 1):
        Store(folder / f"{version}.sqlite")
        with sqlite3.connect(folder / f"{version}.sqlite") as connection:
            connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
        yield folder / f"{version}.sqlite", f"of version {version}, this labkit reads version {store.VERSION}"


def test_what_is_no_store_of_this_version_is_refused_and_stays_as_it_is(tmp_path):
    for path, message in _files_that_are_no_store(tmp_path):
        before = path.read_bytes()
        with pytest.raises(ValueError, match=message):
            Store(path)
        assert path.read_bytes() == before


def test_a_store_that_cannot_be_used_says_so(kept, tmp_path):
    with pytest.raises(ValueError, match="cannot be used"):
        Store(tmp_path)
    kept.wait = 0.1
    with sqlite3.connect(kept.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ValueError, match=r"locked.*nothing was saved"):
            kept.judge("c0", "ann", "first")
    other.close()
    kept.judge("c0", "ann", "first")
    kept.path.unlink()
    with pytest.raises(ValueError, match="cannot be used"):
        kept.judge("c1", "ann", "first")
    assert not kept.path.exists()


JUDGE = """
import sys, time
from labkit.feedback import Store
kept = Store(sys.argv[1])
for n in range(int(sys.argv[3])):
    kept.judge(f"c{n % 4}", f"{sys.argv[2]}-{n}", "first")
    print(n, flush=True)
time.sleep(60 if sys.argv[2] == "killed" else 0)
"""


def judging(kept, *arguments):
    return subprocess.Popen([sys.executable, "-c", JUDGE, str(kept.path), *arguments], stdout=subprocess.PIPE)


def test_a_kill_right_after_a_click_loses_none(kept):
    for clicks in (1, 2, 7):
        process = judging(kept, "killed", "10000")
        said = [process.stdout.readline() for _ in range(clicks)]
        process.kill()
        rest = process.stdout.read().split(b"\n")
        assert process.wait() == -signal.SIGKILL
        said = len(said) + len(rest) - 1
        there = Store(kept.path).judgements()
        # A click may be on the disk and the word that it is not yet said.
        assert len(there) - said in (0, 1)
        assert {f"killed-{n}" for n in range(said)} <= {judgement.rater for judgement in there}
        while kept.undo(f"killed-{said}") or any(kept.undo(f"killed-{n}") for n in range(said)):
            pass
    with sqlite3.connect(kept.path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_two_processes_lose_none_of_2000_judgements(kept):
    processes = [judging(kept, name, "1000") for name in ("one", "two")]
    for process in processes:
        process.communicate(timeout=600)
    assert [process.returncode for process in processes] == [0, 0]
    raters = {judgement.rater for judgement in kept.judgements()}
    assert raters == {f"{name}-{n}" for name in ("one", "two") for n in range(1000)}


def test_two_processes_may_make_one_store_at_once(tmp_path):
    code = "import sys; from labkit.feedback import Store; print(len(Store(sys.argv[1]).comparisons()))"
    for number in range(3):
        command = [sys.executable, "-c", code, str(tmp_path / f"{number}.sqlite")]
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
        assert [process.communicate(timeout=600)[0].strip() for process in processes] == [b"0"] * 3
