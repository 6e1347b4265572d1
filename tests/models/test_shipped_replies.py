"""Replies that come with the course: written from what was asked, looked up, left aside, forced to show wrong rows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reading import lead
from synthesis.checked import write_checked
from synthesis.shipped_replies import read_asked, write_file

from labkit import models, paths
from labkit.models import shipped_replies
from labkit.prompts import Passage, answer_messages

PASSAGES = [
    Passage("Lease of the north hall", "The rent is EUR 900 a month. The term is three years."),
    Passage("Supply of paper", "Paper arrives in ten days. Invoices fall due after 30 days."),
]
QUESTIONS = ("How long is the term of the lease?", "When do invoices for the paper fall due?", "Who audits the books?")
CHATS = [answer_messages(question, PASSAGES) for question in QUESTIONS]


@pytest.fixture
def shipped(tmp_path, monkeypatch) -> Path:
    """An empty folder of shipped results, an empty cache, nothing counted."""
    (tmp_path / "data" / "results").mkdir(parents=True)
    monkeypatch.setenv("LABKIT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LABKIT_ASKED", str(tmp_path / "asked"))
    monkeypatch.delenv("LABKIT_LIVE", raising=False)
    monkeypatch.setattr(shipped_replies, "tally", shipped_replies.Tally())
    shipped_replies._rows.cache_clear()
    yield tmp_path / "data" / "results"
    shipped_replies._rows.cache_clear()


def ship(results: Path, lesson: str = "03") -> Path:
    """Ship what was asked so far, and forget what was kept and counted."""
    asked = read_asked(results.parents[1] / "asked")
    file = write_file(lesson, asked, results)
    paths.check_folder(results)
    for store in (results.parents[1] / "cache").iterdir():
        store.unlink()
    shipped_replies.tally.__init__()
    return file


def counts() -> tuple[int, int, int]:
    tally = shipped_replies.tally
    return tally.shipped, tally.kept, tally.computed


def test_what_was_asked_is_written_and_looked_up(shipped, reader):
    replies = reader.generate(CHATS)
    likely = reader.log_likelihood(CHATS, replies)
    assert counts() == (0, 0, 6)
    file = ship(shipped)
    head, rows = shipped_replies.read_file(shipped, f"replies/{file.name}")
    assert head["models"] == [reader.fingerprint] and len(head["made"]) == 1
    assert len(rows) == 6 and rows == sorted(rows)
    assert reader.generate(CHATS) == replies
    assert (reader.log_likelihood(CHATS, replies) == likely).all()
    assert counts() == (6, 0, 0) and shipped_replies.tally.seconds == 0
    assert str(shipped_replies.tally).startswith("6 replies came with the course, 0 were kept")


def test_what_is_not_shipped_is_computed_once_and_kept(shipped, reader):
    reader.generate(CHATS[:1])
    ship(shipped)
    first = reader.generate([CHATS[0], CHATS[1], CHATS[1]])
    assert counts() == (1, 0, 1) and first[1] == first[2]
    assert reader.generate(CHATS[:2]) == first[:2]
    assert counts() == (2, 1, 1) and shipped_replies.tally.seconds > 0


@pytest.mark.parametrize("how", ["setting", "block"])
def test_everything_can_be_computed_live(shipped, reader, monkeypatch, how):
    reader.generate(CHATS[:1])
    file = ship(shipped)
    plant(file, shipped, lambda row: [row[0], "planted"])
    assert reader.generate(CHATS[:1]) == ["planted"]
    if how == "setting":
        monkeypatch.setenv("LABKIT_LIVE", "1")
        assert "three years" in reader.generate(CHATS[:1])[0]
        return
    for computed in (1, 2):  # not even what was just kept is read
        with shipped_replies.live():
            assert shipped_replies.is_live() and "three years" in reader.generate(CHATS[:1])[0]
        assert counts() == (1, 0, computed)
    assert not shipped_replies.is_live() and reader.generate(CHATS[:1]) == ["planted"]


def test_another_model_or_decoding_gets_no_shipped_reply(shipped, reader):
    reader.generate(CHATS[:1])
    ship(shipped)
    reader.generate(CHATS[:1], max_new_tokens=4)
    replace(reader, fingerprint="another").generate(CHATS[:1])
    replace(reader, fingerprint=None).generate(CHATS[:1])
    assert counts() == (0, 0, 3)


def test_no_row_stands_in_two_files(shipped, reader):
    reader.generate(CHATS[:2])
    ship(shipped, "03")
    reader.generate(CHATS)
    ship(shipped, "04")
    files = [shipped_replies.read_file(shipped, f"replies/{name}.jsonl.xz")[1] for name in ("03", "04")]
    assert [len(rows) for rows in files] == [2, 1]
    assert {row[0] for row in files[0]}.isdisjoint(row[0] for row in files[1])
    # Written anew from the same, a file is the same.
    before = (shipped / "replies/04.jsonl.xz").read_bytes()
    assert ship(shipped, "04").read_bytes() == before


def test_a_damaged_file_of_replies_is_refused(shipped, reader):
    reader.generate(CHATS[:1])
    file = ship(shipped)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ValueError, match="checksum does not match"):
        reader.generate(CHATS[:1])


def plant(file: Path, results: Path, change) -> None:
    """Change each row of a file of replies, as if it had been shipped like that."""
    import lzma

    head, rows = shipped_replies.read_file(results, f"replies/{file.name}")
    lines = [json.dumps(line) for line in (head, *(change(row) for row in rows))]
    write_checked(f"replies/{file.name}", lzma.compress("\n".join(lines).encode()), results)
    shipped_replies._rows.cache_clear()


def test_planted_wrong_rows_are_far_from_what_the_model_chooses(reader):
    reader: models.Generator = replace(reader, fingerprint=None)
    replies, texts = reader.generate(CHATS), [reader.text(chat) for chat in CHATS]

    def gaps(rows):
        written = [reader.reply_text(c, r) for c, r in zip(CHATS, rows, strict=True)]
        return np.array(reader.forced(list(zip(texts, written, strict=True)), lead))

    # Of two equally likely tokens a batch may choose the other one; half a logit is more than bf16 moves them.
    assert gaps(replies).max() < 0.5
    planted = [replies[1], replies[2], "three years [1]"], [r.replace("[", "[1") for r in replies[:2]] + ["ten days"]
    assert all(gap > 1 for rows in planted for gap in gaps(rows)), [gaps(rows) for rows in planted]
