"""The exercises of lesson 00: a right answer is accepted, a wrong one gets a hint, and never the answer."""

from __future__ import annotations

import pytest
from labkit.exercises.dev_archive import FIRST_CONTRACT, first_question
from labkit.exercises.lesson_00 import REPLIES

from labkit import corpus, metrics
from labkit.exercises import EXERCISES
from labkit.replies import parse_answer


def test_the_right_replies_are_those_that_the_score_counts():
    accepted = first_question().accepted()
    right = [k for k, reply in REPLIES.items() if metrics.exact_match(parse_answer(reply).text, accepted)]
    judge = EXERCISES["00.1"]
    assert 0 < len(right) < len(REPLIES)
    assert judge("".join(right)) is None
    assert judge(", ".join(right).upper()) is None
    assert "At least one more" in judge(right[0])
    assert "does not count" in judge("".join(REPLIES))
    assert "letters" in judge(2)
    assert "letters" in judge("xyz")


def test_the_interest_is_judged_by_the_contract_itself():
    record = next(r for r in corpus.contract_records() if r["id"] == FIRST_CONTRACT)
    interest = next(c for c in record["clauses"] if c["category"] == "late_interest")
    judge = EXERCISES["00.2"]
    assert judge(f"{interest['surface']} [1]") is None
    assert interest["value"] not in judge("99% [1]")
    assert judge("I don't know.")
    assert "reply" in judge(42)


def right_verdict(reply: str, accepted: list[str]) -> str:
    answer = parse_answer(reply)
    if answer.refused:
        return "refused" if accepted else "right"
    return "right" if metrics.exact_match(answer.text, accepted) else "wrong"


def by_letters(reply: str, accepted: list[str]) -> str:
    answer = parse_answer(reply)
    return "refused" if answer.refused and accepted else "right" if answer.text in accepted else "wrong"


def always_refused(reply: str, accepted: list[str]) -> str:
    answer = parse_answer(reply)
    return "refused" if answer.refused else "right" if metrics.exact_match(answer.text, accepted) else "wrong"


def with_citation(reply: str, accepted: list[str]) -> str:
    return "right" if reply in accepted else "wrong"


def in_one_wording(reply: str, accepted: list[str]) -> str:
    if reply == "I don't know.":
        return "refused" if accepted else "right"
    return "right" if metrics.exact_match(parse_answer(reply).text, accepted) else "wrong"


def test_a_verdict_that_tells_refusals_from_answers_is_right():
    assert EXERCISES["00.3"](right_verdict) is None


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (by_letters, "as values"),
        (always_refused, "no answer"),
        (with_citation, "citation"),
        (in_one_wording, "many ways"),
        (lambda reply, accepted: True, "must be"),
        ("verdict", "function itself"),
    ],
)
def test_each_way_to_get_a_verdict_wrong_has_its_hint(function, hint: str):
    assert hint in EXERCISES["00.3"](function)


def test_only_contracts_that_training_never_saw_tell():
    judge = EXERCISES["00.4"]
    assert judge(" B ") is None
    assert len({judge(letter) for letter in "ACDE"}) == 4
