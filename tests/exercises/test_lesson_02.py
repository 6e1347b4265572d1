"""The judges of lesson 02: right answers, typical wrong ones, and hints that do not give the answer away."""

from __future__ import annotations

import numpy as np
import pytest

from labkit import corpus
from labkit.exercises import EXERCISES, lesson_02


def test_a_wrong_title_is_judged_by_measuring(monkeypatch: pytest.MonkeyPatch):
    judge = EXERCISES["02.1"]
    figures = {"wrong": 0.04, "none": 0.1}
    monkeypatch.setattr(lesson_02, "_with_headers", lambda headers: "wrong" if headers else "none")
    monkeypatch.setattr(lesson_02, "evidence", figures.__getitem__)
    assert judge(" C ") is None
    assert judge("a") == judge("b") and "measure both" in judge("a")
    assert "letter" in judge("d") and "letter" in judge(0.04)
    figures["wrong"] = 0.105
    assert judge("b") is None and judge("a") and judge("c")
    figures["wrong"] = 0.2
    assert judge("a") is None and judge("b") and judge("c")


def test_wrong_titles_go_to_the_clauses_of_the_document_before(monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(lesson_02, "_with_headers", asked.append)
    monkeypatch.setattr(lesson_02, "evidence", lambda index: 0.0)
    EXERCISES["02.1"]("b")
    headers, nothing = asked
    archive = corpus.load_documents("dev")
    assert headers[archive[0].id] == archive[1].title and headers[archive[-1].id] == archive[0].title
    assert nothing is None and len(headers) == len(archive)


def test_longer_headers_are_told_from_those_of_the_lesson(monkeypatch: pytest.MonkeyPatch):
    judge = EXERCISES["02.2"]
    monkeypatch.setattr(lesson_02, "_with_headers", lambda headers: "long")
    monkeypatch.setattr(lesson_02, "dense", lambda: "lesson")
    monkeypatch.setattr(lesson_02, "evidence", {"long": 0.25, "lesson": 0.28}.__getitem__)
    assert judge(0.2504) is None
    assert "as they were" in judge(0.28)
    assert "joined=False" in judge(0.1)


def right(question, passages, embed):
    return embed([question, *passages]).mean(axis=0)


WRONG = {
    "no part": lambda q, passages, embed: embed(passages or [q]).mean(axis=0),
    "question alone": lambda q, passages, embed: embed([q])[0],
    "as all the passages together": lambda q, passages, embed: (
        embed([q])[0] + (embed(passages).mean(axis=0) if passages else 0)
    ),
    "only the first": lambda q, passages, embed: embed([q, *passages[:1]]).mean(axis=0),
    "do not all count the same": lambda q, passages, embed: embed([q, q, q, *passages]).mean(axis=0),
    "one vector": lambda q, passages, embed: embed([q, *passages]),
    "Without any passage": lambda q, passages, embed: (
        embed([q, *passages]).mean(axis=0) if passages else np.full(16, np.nan)
    ),
}


def test_a_mean_of_question_and_passages_is_right_at_any_length():
    judge = EXERCISES["02.3"]
    assert judge(right) is None
    assert judge(lambda *given: 7 * right(*given)) is None
    assert judge(lambda *given: list(right(*given))) is None


@pytest.mark.parametrize("said", WRONG)
def test_another_vector_gets_the_hint_that_it_needs(said: str):
    assert said in EXERCISES["02.3"](WRONG[said])


def test_a_text_in_place_of_a_list_is_explained(capsys: pytest.CaptureFixture[str]):
    from labkit import exercises

    exercises.check("02.3", lambda q, passages, embed: embed(q))
    assert "takes a list of texts" in capsys.readouterr().out


def test_a_followup_must_be_a_question_of_its_own(monkeypatch: pytest.MonkeyPatch):
    judge = EXERCISES["02.4"]
    question = [q for q in corpus.load_questions("dev") if q.followup][1]
    monkeypatch.setattr(lesson_02, "dense", lambda: None)
    monkeypatch.setattr(lesson_02, "found", lambda index, text, evidence: text == question.standalone)
    assert judge(question.standalone) is None
    assert "earlier question" in judge(question.followup["history"][0]["content"])
    assert "name the contract" in judge(question.question)
    assert "question mark" in judge("the extension period") and "question mark" in judge(3)
    assert all(question.standalone not in judge(text) for text in ("x?", "x"))


def test_the_cheaper_bridge_is_the_one_that_is_built_less_often():
    judge = EXERCISES["02.5"]
    assert judge(" B ") is None
    assert len({judge(letter) for letter in "acde"}) == 4
    assert not any("HyDE" in judge(letter) for letter in "acde")
