"""Replies are taken apart into answer, citations and refusal."""

import pytest

from labkit.prompts import Passage, answer_messages, parse_answer


@pytest.mark.parametrize(
    ("reply", "text", "citations", "refused"),
    [
        ("45 days [2]", "45 days", (2,), False),
        ("45 days [2]; Oslo [1] [2]", "45 days; Oslo", (2, 1), False),
        ("Oslo [1, 3]", "Oslo", (1, 3), False),
        ("I don't know.", "I don't know.", (), True),
        ("I do not know [1]", "I do not know", (1,), True),
        ("The passages do not say.", "The passages do not say.", (), True),
        ("Costs not mentioned in the annex: EUR 5 [1]", "Costs not mentioned in the annex: EUR 5", (1,), False),
        ("", "", (), True),
    ],
)
def test_parse_answer(reply, text, citations, refused):
    answer = parse_answer(reply)
    assert (answer.text, answer.citations, answer.refused) == (text, citations, refused)


def test_line_breaks_stay():
    assert parse_answer("Term: 3 years [1]\nLaw:  Norway").text == "Term: 3 years\nLaw: Norway"


def test_messages_number_the_passages_under_their_titles():
    system, user = answer_messages("How long?", [Passage("A", "first"), Passage("B", "second")])
    assert "[1] A\nfirst\n\n[2] B\nsecond\n\nQuestion: How long?" == user["content"]
    assert "I don't know." in system["content"]
    with pytest.raises(ValueError, match="empty"):
        answer_messages("  ", [])
