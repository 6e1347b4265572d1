"""The exercises of lesson 05: right answers are accepted, wrong ones get their hint, and never the answer."""

from __future__ import annotations

import pytest

from labkit.exercises import EXERCISES, lesson_05


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures in place of measurements over the dev archive."""
    gains = dict(zip(lesson_05.KINDS, (0.1, 0.2, 0.3, 0.0, 0.4), strict=True))
    monkeypatch.setattr(lesson_05, "_gains", lambda: gains)


def test_the_kind_that_gains_most(measured):
    judge = EXERCISES["05.1"]
    assert judge(" List ") is None
    assert "Another kind" in judge("multihop")
    assert "one of these kinds" in judge("summarise")
    assert "list" not in judge("lookup")


def test_strangers_are_counted_with_the_new_closeness():
    judge = EXERCISES["05.2"]
    errors, strangers = lesson_05._strangers_linked(0.6)
    usual = lesson_05._strangers_linked(0.88)[1]
    assert usual < strangers < errors
    assert judge(strangers) is None
    assert judge(str(strangers)) is None
    assert "Nothing has changed" in judge(usual)
    assert "typing errors" in judge(errors)
    assert "second line" in judge(-1)


def _top(facts, company):
    seen = [company]
    while True:
        above = [thing for relation, thing in facts.get(seen[-1], []) if relation == "parent company"]
        if not above or above[0] in seen:
            return seen[-1]
        seen.append(above[0])


def _parent(facts, company):
    return next((thing for relation, thing in facts[company] if relation == "parent company"), company)


def _endless(facts, company):
    while (above := _parent(facts, company)) is not None:
        if above == company:
            return company
        company = above


def _recursive(facts, company):
    for relation, thing in facts.get(company, []):
        if relation == "parent company":
            return _recursive(facts, thing)
    return company


def _any_relation(facts, company):
    while facts.get(company):
        company = facts[company][-1][1]
    return company


def _closed(facts, company):
    seen = []
    while company not in seen:
        seen.append(company)
        company = _parent(facts, company)
    return company


def test_the_top_of_a_group_is_judged_by_what_it_finds():
    judge = EXERCISES["05.3"]
    assert judge(_top) is None
    assert "One step up" in judge(_parent)
    assert "never comes to an end" in judge(_endless)
    assert "never comes to an end" in judge(_recursive)
    assert judge(_any_relation) is not None
    assert "circle" in judge(_closed)
    assert "nothing" in judge(lambda facts, company: None)
    assert "itself" in judge("Fen")


def test_extraction_of_what_is_asked_about():
    judge = EXERCISES["05.4"]
    assert judge(" C.") is None
    assert len({judge(letter) for letter in "abd"}) == 3
    assert "letters" in judge("e")


def test_the_questions_are_those_of_the_lesson():
    asked = lesson_05._asked()
    assert {q.task for q in asked} == set(lesson_05.KINDS)
    assert all(q.followup is None for q in asked)
