"""Replies are taken apart into answer, citations and refusal, in the words of many models."""

import json
from pathlib import Path

import pytest

from labkit import replies
from labkit.replies import parse_answer

LABELLED = [
    json.loads(line) for line in (Path(__file__).parent / "data" / "replies.jsonl").read_text("utf-8").splitlines()
]


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


def test_replies_are_read_leniently():
    assert replies.parse_lines("1. What?\n- Why?\n\nWhy?") == ["What?", "Why?"]
    assert replies.parse_triples("A | seat | Oslo\nnone\nB | x") == [("A", "seat", "Oslo")]
    assert [replies.parse_judgement(r) for r in ("Yes, it is.", "no", "perhaps")] == [True, False, None]
    assert [replies.parse_preference(r) for r in ("B", "Answer A", "both")] == ["B", "A", None]
    assert replies.parse_classification("Payment term, high risk") == ("Payment term", "high")
    assert replies.parse_classification("Payment term") == ("Payment term", None)


def rates(rows, wanted, found):
    """(precision, recall) over sets of labels."""
    pairs = [(set(wanted(row)), set(found(parse_answer(row["reply"])))) for row in rows]
    hits = sum(len(a & b) for a, b in pairs)
    return hits / sum(len(b) for _, b in pairs), hits / sum(len(a) for a, _ in pairs)


def test_replies_labelled_by_hand_are_read_right():
    others = ("llama", "mistral", "qwen", "gpt", "claude", "gemma", "phi", "deepseek", "falcon")
    assert len(LABELLED) >= 250 and sum(row["style"] in others for row in LABELLED) >= 100
    for half in ("blind", "own"):
        rows = [row for row in LABELLED if row["half"] == half]
        assert len(rows) >= 125
        refused = rates(rows, lambda row: [1] * row["refused"], lambda answer: [1] * answer.refused)
        cited = rates(rows, lambda row: row["citations"], lambda answer: answer.citations)
        assert min(*refused, *cited) >= 0.97, (half, refused, cited)


@pytest.mark.parametrize("row", [row for row in LABELLED if row["answer"] is not None], ids=lambda row: row["reply"])
def test_the_answer_is_left_without_citations_and_markup(row):
    assert parse_answer(row["reply"]).text.removesuffix(".") == row["answer"].removesuffix(".")


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("<think>\n\n</think>\n\n30 days [1]", "30 days"),
        ("<think>Is it [3]?</think>30 days [1]", "30 days"),
        ("Let me see [2].</think>30 days [1]", "30 days"),
        ("<reasoning>I don't know.</reasoning>30 days [1]", "30 days"),
        ("<THINK>no</THINK> **30 days** [1]", "30 days"),
    ],
)
def test_reasoning_is_no_part_of_the_answer(reply, text):
    answer = parse_answer(reply)
    assert (answer.text, answer.citations, answer.refused) == (text, (1,), False)


def test_reasoning_that_was_cut_off_is_no_answer():
    answer = parse_answer("<think>The passages say 30 days [1]. But wait")
    assert (answer.text, answer.citations, answer.refused) == ("", (), True)


@pytest.mark.parametrize("reply", ["[1,000]", "[30] days", "[12] months", "EUR [50] a day", "[5] %", "[2024]"])
def test_brackets_of_contracts_are_no_citations(reply):
    answer = parse_answer(reply)
    assert (answer.text, answer.citations) == (reply, ())


def test_other_replies_are_read_without_reasoning_and_markup():
    assert replies.parse_judgement("<think>No?</think> **Yes**") is True
    assert replies.parse_preference("<think>A or B</think>\n**B**") == "B"
    assert replies.parse_classification("**Payment term**, high") == ("Payment term", "high")
