"""Verdicts by answering: what agrees, and how a stub that answers decides."""

from __future__ import annotations

import pytest

from labkit import feedback, prompts
from labkit.prompts import Passage

PAGE = [Passage("Lease", "Rent is due within 30 days.")]


class Stub:
    """Answers every question with the reply that belongs to a word in it."""

    def __init__(self, replies: dict[str, str]) -> None:
        self.replies, self.asked = replies, 0

    def generate(self, chats):
        self.asked += len(chats)
        return [next(r for word, r in self.replies.items() if word in chat[-1]["content"]) for chat in chats]


@pytest.mark.parametrize(
    ("given", "own", "wanted"),
    [
        ("thirty (30) days", "30 days [1]", 1.0),
        ("It is USD 2 million.", "USD 2,000,000 [1]", 1.0),
        ("30 days", "30 weeks [2]", 0.0),
        ("EUR 5 million", "EUR 5 [1]", 0.0),
        ("It is Liam Bianchi, as far as I can see.", "Liam Bianchi [1]", 1.0),
        ("Priya Xu", "Liam Bianchi [1]", 0.0),
        (prompts.REFUSAL, prompts.REFUSAL, 1.0),
        ("30 days", prompts.REFUSAL, 0.0),
        (prompts.REFUSAL, "30 days [1]", 0.0),
    ],
)
def test_answers_agree_when_they_say_the_same(given, own, wanted):
    assert feedback.agreement(given, prompts.parse_answer(own)) == wanted


def test_words_in_common_agree_in_part():
    assert 0 < feedback.agreement("Liam Varga", prompts.parse_answer("Liam Bianchi [1]")) < 0.99


def test_an_answer_is_right_when_the_judge_would_give_it():
    stub = Stub({"rent": "30 days [1]", "dog": prompts.REFUSAL})
    rows = [("When is the rent due?", PAGE, a) for a in ("thirty days", "40 days", prompts.REFUSAL)]
    rows += [("Whose dog is it?", PAGE, a) for a in ("30 days", prompts.REFUSAL)]
    assert feedback.judge_by_answering(stub, rows) == [True, False, False, False, True]
    assert stub.asked == 5
    with pytest.raises(ValueError, match="empty"):
        feedback.judge_by_answering(stub, [("", PAGE, "30 days")])


def test_the_better_answer_agrees_more_and_is_shorter():
    stub = Stub({"rent": "30 days [1]"})
    question = "When is the rent due?"
    rows = [(question, PAGE, "40 days", "30 days"), (question, PAGE, "30 days", prompts.REFUSAL)]
    rows += [(question, PAGE, "After a close look, 30 days", "30 days")]
    assert feedback.prefer_by_answering(stub, rows) == ["B", "A", "B"]
