"""The measurement of breadth on a tiny model: what each adapter sees, the figures written, and that it goes on."""

from __future__ import annotations

import json

import pytest
from synthesis.reader import breadth, train, worlds
from tiny_model import tiny_folder

from labkit import paths


@pytest.mark.parametrize("wordings", breadth.WORDINGS)
def test_an_adapter_sees_so_many_wordings_and_none_that_is_held_out(wordings):
    topics = worlds.load_bank(files=worlds.NEW_TOPICS).topics
    made = [breadth.Draw(wordings, "1/1/0")(i) for i in range(150)]
    clauses, questions = ({pair[side] for g in made for pair in g.wordings} - {""} for side in (0, 1))
    assert clauses <= {c for t in topics for c in t.clauses[:wordings]} and len(clauses) > 4 * wordings
    assert questions <= {q for t in topics for q in t.questions[:wordings]} and len(questions) > 4 * wordings
    assert all(len(g.passages) == 1 for g in made)


def test_new_wordings_are_the_same_questions_for_every_adapter():
    both = [breadth.draw(breadth.bank(n, (True, True)), "breadth/7", 1, True) for n in (0, *breadth.WORDINGS)]
    assert all(group == both[0] for group in both)
    clause, question = both[0].wordings[0]
    topics = worlds.load_bank(files=worlds.NEW_TOPICS).topics
    assert clause in {"", *(c for t in topics for c in t.held_clauses)}
    assert question in {"", *(q for t in topics for q in t.held_questions)}


def test_adapters_are_trained_once_and_on_as_many_tokens(tmp_path, monkeypatch):
    base = tiny_folder(tmp_path / "model")
    given = [
        "--minutes",
        "0.02",
        "--questions",
        "18",
        "--base",
        str(base),
        "--out",
        str(tmp_path),
        "--to",
        str(tmp_path),
    ]
    breadth.main(given)
    figures = json.loads(paths.read_checked("breadth.json", tmp_path))
    assert [row["wordings"] for row in figures["rows"]] == [0, 1, 4, 16]
    assert set(figures["rows"][0]) == {"wordings", "both"} and set(figures["rows"][1]) == {"wordings", *breadth.CELLS}
    cells = [cell for row in figures["rows"] for name, cell in row.items() if name != "wordings"]
    assert all(cell["n"] == 18 and 0 <= cell["low"] <= cell["value"] <= cell["high"] <= 1 for cell in cells)
    assert figures["topics"] == 13 and -1 <= figures["gain"]["value"] <= 1
    done = [json.loads((tmp_path / f"0.02 minutes/{n}/adapter/training.json").read_text()) for n in breadth.WORDINGS]
    assert {run["sittings"][0]["tokens"] for run in done} == {figures["tokens"]}
    monkeypatch.setattr(train.Run, "train", lambda *_, **__: pytest.fail("trained again"))
    breadth.main(given)
    assert json.loads(paths.read_checked("breadth.json", tmp_path)) == figures
