"""The bank of wordings and the worlds worded from it."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthesis.reader import worlds


def test_bank_is_sound_and_broad():
    bank = worlds.load_bank(strict=True)
    assert len(bank.topics) >= 60
    assert all(len(t.clauses) >= 6 and len(t.questions) >= 6 for t in bank.topics)


def test_strict_loading_names_the_flaw(tmp_path: Path):
    rows = 'label = ["fee"]\nclauses = ["The fee is {v}.", "Fee {v}", "{v} is due", "no value"]\n'
    text = f'[fee]\nkind = "money"\n{rows}questions = ["fee?", "what fee?", "cost?"]\n'
    (tmp_path / "topics_a.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="exactly once"):
        worlds.load_bank(tmp_path, strict=True)
    assert len(worlds.load_bank(tmp_path).flaws) == 1
