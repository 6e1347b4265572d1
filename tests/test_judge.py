"""Verdicts by answering: what agrees, and how a stub that answers decides."""

from __future__ import annotations

import pytest

from labkit import judge, prompts
from labkit.prompts import Passage
from labkit.replies import parse_answer

PAGE = [Passage("Lease", "Rent is due within 30 days.")]


class Stub:
    """Answers every question with the reply that belongs to a word in it."""

    def __init__(self, replies: dict[str, str]) -> None:
        self.replies, self.asked = replies, 0

    def generate(self, chats, max_new_tokens=None):
        self.asked += len(chats)
        return [next(r for word, r in self.replies.items() if word in chat[-1]["content"]) for chat in chats]


SAME = [
    ("thirty (30) days", "30 days [1]"),
    ("It is USD 2 million.", "USD 2,000,000 [1]"),
    ("USD 2.01 million", "USD 2,010,000 [1]"),
    ("twenty-five", "25 [1]"),
    ("5 per cent", "5% [1]"),
    ("It is Liam Bianchi, as far as I can see.", "Liam Bianchi [1]"),
    ("After a close look, Liam Bianchi.", "Liam Bianchi [1]"),
    ("April 3, 2025", "3 April 2025 [1]"),
    ("5% ; 6 %", "5% [1]; 6% [2]"),
    ("1 year", "twelve (12) months [1]"),
    ("1.2m USD", "USD 1,200,000 [1]"),
    ("10 to 20 days", "10\N{EN DASH}20 days [1]"),
    (prompts.REFUSAL, prompts.REFUSAL),
]


OTHER = [
    ("30 days", "30 weeks [2]"),
    ("EUR 5 million", "EUR 5 [1]"),
    ("EUR 5", "USD 5 [1]"),
    ("10-20 days", "10-30 days [1]"),
    ("EUR 5; USD 6", "EUR 5 [1]; USD 7 [1]"),
    ("EUR 5", "EUR 5 [1]; EUR 7 [2]"),
    ("USD 10 per day", "10 days [1]"),
    ("2 % per month", "2 % per year [1]"),
    ("5% of USD 100", "5% of USD 200 [1]"),
    ("7 days", "7 banking days [1]"),
    ("7 banking days", "7 business days [1]"),
    ("21 DEC 2025", "21 DEC 2026 [1]"),
    ("NDA 12", "NDA 13 [1]"),
    ("twenty-five", "five [1]"),
    ("1 year 6 months", "1 year [1]"),
    ("not Liam Bianchi", "Liam Bianchi [1]"),
    ("Liam Bianchi or Priya Xu", "Liam Bianchi [1]"),
    ("Priya Xu", "Liam Bianchi [1]"),
    ("at least 30 days", "30 days [1]"),
    ("-5%", "5% [1]"),
    ("C#", "C [1]"),
    ("Schedule A", "Schedule [1]"),
    ("30 days", prompts.REFUSAL),
    (prompts.REFUSAL, "30 days [1]"),
]


@pytest.mark.parametrize(("given", "own"), SAME)
def test_answers_agree_when_they_say_the_same(given, own):
    assert judge.agreement(given, parse_answer(own)) == 1.0


@pytest.mark.parametrize(("given", "own"), OTHER)
def test_answers_do_not_agree_when_they_say_something_else(given, own):
    assert judge.agreement(given, parse_answer(own)) < 1.0


def test_words_in_common_agree_in_part():
    assert 0 < judge.agreement("Liam Varga", parse_answer("Liam Bianchi [1]")) < 1


def test_an_answer_is_right_when_the_judge_would_give_it():
    stub = Stub({"rent": "30 days [1]", "dog": prompts.REFUSAL})
    rows = [("When is the rent due?", PAGE, a) for a in ("thirty days", "40 days", prompts.REFUSAL)]
    rows += [("Whose dog is it?", PAGE, a) for a in ("30 days", prompts.REFUSAL)]
    assert judge.judge_by_answering(stub, rows) == [True, False, False, False, True]
    assert stub.asked == 5
    with pytest.raises(ValueError, match="empty"):
        judge.judge_by_answering(stub, [("", PAGE, "30 days")])


def test_the_better_answer_agrees_more_and_is_shorter():
    stub = Stub({"rent": "30 days [1]"})
    question = "When is the rent due?"
    rows = [(question, PAGE, "40 days", "30 days"), (question, PAGE, "30 days", prompts.REFUSAL)]
    rows += [(question, PAGE, "After a close look, 30 days", "30 days")]
    assert judge.prefer_by_answering(stub, rows) == ["B", "A", "B"]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("30 days", "30 days"),
        ("40 days", "50 days"),
        ("thirty", prompts.REFUSAL),
        ("40 days", "whenever it suits the tenant best"),
    ],
)
def test_a_tie_is_no_preference(a, b):
    row = ("When is the rent due?", PAGE, a, b)
    assert judge.prefer_by_answering(Stub({"rent": "30 days [1]"}), [row, (*row[:2], b, a)]) == [None, None]


def test_the_likelier_answer_is_better_whatever_its_place_and_length_counts_only_when_asked(reader):
    question = "When is the rent due?"
    long = "30 days, and that is all that the passage says of the rent [1]"
    rows = [(question, PAGE, "30 days [1]", "Liam Bianchi [1]"), (question, PAGE, "30 days [1]", "30 days [1]")]
    rows += [(question, PAGE, "Liam Bianchi [1]", long)]
    swapped = [(*row[:2], row[3], row[2]) for row in rows]
    assert judge.prefer_by_likelihood(reader, rows) == ["A", None, "B"]
    assert judge.prefer_by_likelihood(reader, swapped) == ["B", None, "A"]
    asked = [prompts.answer_messages(question, PAGE)] * 2
    each = reader.log_likelihood(asked, rows[2][2:])
    counts = [len(reader.tokenizer(reader.reply_text(asked[0], a))["input_ids"]) for a in rows[2][2:]]
    whole = each * counts
    assert judge.prefer_by_likelihood(reader, rows[2:], normalised=False) == ["A" if whole[0] > whole[1] else "B"]
    with pytest.raises(ValueError, match="empty"):
        judge.prefer_by_likelihood(reader, [("", *rows[0][1:])])


def test_a_verdict_is_a_letter_or_none():
    replies = {"rent": "B", "dog": "Answer A.", "cat": "Both are fine."}
    rows = [(f"Whose {word}?", PAGE, "one", "two") for word in replies]
    assert judge.prefer_by_verdict(Stub(replies), rows) == ["B", "A", None]
