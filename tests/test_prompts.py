"""Every instruction has its messages."""

import pytest

from labkit import prompts
from labkit.prompts import Passage, answer_messages


def test_messages_number_the_passages_under_their_titles():
    system, user = answer_messages("How long?", [Passage("A", "first"), Passage("B", "second")])
    assert "[1] A\nfirst\n\n[2] B\nsecond\n\nQuestion: How long?" == user["content"]
    assert "I don't know." in system["content"]
    with pytest.raises(ValueError, match="empty"):
        answer_messages("  ", [])


ONE = [Passage("A", "first")]
CHATS = {
    "answer": lambda: prompts.answer_messages("Why?", ONE),
    "closed_book": lambda: prompts.closed_book_messages("Why?"),
    "hyde": lambda: prompts.hyde_messages("Why?"),
    "questions": lambda: prompts.questions_messages(ONE[0]),
    "rewrite": lambda: prompts.rewrite_messages([{"role": "user", "content": "Why?"}], "And there?"),
    "decompose": lambda: prompts.decompose_messages("Why and when?"),
    "triples": lambda: prompts.triples_messages(ONE[0], ["seat"]),
    "judge": lambda: prompts.judge_messages("Why?", "Because.", ONE),
    "prefer": lambda: prompts.prefer_messages("Why?", "Because.", "So.", ONE),
    "compare": lambda: prompts.compare_messages("Which is longer?", [("x", "1 day"), ("y", "2 days")]),
    "classify": lambda: prompts.classify_messages("We pay in 3 days.", ONE),
    "term_sheet": lambda: prompts.term_sheet_messages(ONE, "Law: the law"),
    "draft": lambda: prompts.draft_messages("Draft a notice.", ONE),
}


@pytest.mark.parametrize("instruction", prompts.INSTRUCTIONS)
def test_every_instruction_has_messages(instruction):
    system, user = CHATS[instruction]()
    assert system == {"role": "system", "content": prompts.INSTRUCTIONS[instruction]}
    assert user["role"] == "user" and user["content"].strip() == user["content"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: prompts.closed_book_messages(" "),
        lambda: prompts.hyde_messages(""),
        lambda: prompts.decompose_messages(""),
        lambda: prompts.rewrite_messages([], " "),
        lambda: prompts.judge_messages("", "a", ONE),
        lambda: prompts.prefer_messages("", "a", "b", ONE),
        lambda: prompts.compare_messages("Which?", []),
        lambda: prompts.compare_messages("", [("x", "1")]),
        lambda: prompts.triples_messages(ONE[0], []),
        lambda: prompts.classify_messages("text", []),
    ],
)
def test_messages_refuse_what_is_empty(wrong):
    with pytest.raises(ValueError, match=r"empty|No relations|Nothing to compare|No rules"):
        wrong()
