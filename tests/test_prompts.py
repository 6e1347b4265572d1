"""Replies are taken apart into answer, citations and refusal."""

import pytest

from labkit import prompts, replies
from labkit.prompts import Passage, answer_messages
from labkit.replies import parse_answer


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


@pytest.mark.parametrize(
    "reply",
    [
        "The passage doesn't say.",
        "The passage doesn\N{RIGHT SINGLE QUOTATION MARK}t say.",
        "It isn't stated.",
        "It is not mentioned [1].",
        "The provided passages do not contain this information.",
        "The context does not mention a deposit.",
        "None of the passages mention it.",
        "Neither passage states the fee.",
        "I cannot find the answer in the passages.",
        "There is no information about this in the passages.",
        "Based on the provided passages, it is not stated.",
        "I don't know, but the passages mention a notice period.",
        "Unknown.",
    ],
)
def test_refusals_of_other_models_are_seen(reply):
    assert parse_answer(reply).refused


@pytest.mark.parametrize(
    "reply",
    [
        "I don't know whether [1], but 30 days",
        "Not stated in the annex: 30 days",
        "not transferable",
        "Not applicable to affiliates",
        "It is not permitted.",
        "None",
        "no notice",
        "No information may be disclosed",
        "The contract contains no cap.",
        "The information is not confidential after five years",
        "unknown defects are excluded",
        "not found liable",
        "30 days; the passages do not say more.",
    ],
)
def test_answers_that_sound_like_refusals_stay_answers(reply):
    assert not parse_answer(reply).refused


def test_line_breaks_stay():
    assert parse_answer("Term: 3 years [1]\nLaw:  Norway").text == "Term: 3 years\nLaw: Norway"


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


def test_replies_are_read_leniently():
    assert replies.parse_lines("1. What?\n- Why?\n\nWhy?") == ["What?", "Why?"]
    assert replies.parse_triples("A | seat | Oslo\nnone\nB | x") == [("A", "seat", "Oslo")]
    assert [replies.parse_judgement(r) for r in ("Yes, it is.", "no", "perhaps")] == [True, False, None]
    assert [replies.parse_preference(r) for r in ("B", "Answer A", "both")] == ["B", "A", None]
    assert replies.parse_classification("Payment term, high risk") == ("Payment term", "high")
    assert replies.parse_classification("Payment term") == ("Payment term", None)
    assert replies.parse_fields("Term: 3 years\nLaw: Norway: all\nnoise") == {"Term": "3 years", "Law": "Norway: all"}
