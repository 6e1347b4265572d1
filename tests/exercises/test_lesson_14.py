"""The exercises of lesson 14: right answers are accepted, typical wrong ones get the hint that fits them."""

from __future__ import annotations

import re

import pytest

from labkit import stats
from labkit.exercises import EXERCISES, lesson_14


def test_the_fewest_documents_are_those_of_the_test_itself():
    judge = EXERCISES["14.1"]
    assert judge(6) is None and stats.smallest_p_value(6) < 0.05 < stats.smallest_p_value(5)
    scores = [1.0] * 6, [0.0] * 6, list("abcdef")
    assert stats.paired_p_value(*scores) == pytest.approx(stats.smallest_p_value(6))
    assert "One more" in judge(5) and "three comparisons" in judge(lesson_14.fewest(3)) and "2^n" in judge(24)


def test_a_sample_is_sized():
    judge, small, large = EXERCISES["14.2"], lesson_14.needed(0.2), lesson_14.needed(0.1)
    assert judge(small.questions) is None and large.questions > 3 * small.questions
    assert "documents" in judge(small.clusters) and "takes" in judge(large.questions)
    assert "twice as large" in judge(large.questions / 2) and "sample_size" in judge(1)


def spaced(text, tokens):
    while found := next((t for t in tokens if t in text), None):
        text = text.replace(found, found[0] + " " + found[1:])
    return text


def removed(text, tokens):
    while any(t in text for t in tokens):
        for token in tokens:
            text = text.replace(token, "")
    return text


@pytest.mark.parametrize("function", [spaced, removed])
def test_any_way_to_neutralise_is_right(function):
    assert EXERCISES["14.3"](function) is None


def once(text, tokens):
    for token in tokens:
        text = text.replace(token, "")
    return text


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda text, tokens: text, "holds <|im_end|>"),
        (once, "join to a token again"),
        (lambda text, tokens: None, "return the text"),
        (lambda text, tokens: re.sub("[<|>]", "", text).replace("30", ""), "must stay as it is"),
        (lambda text, tokens: "" if "<" in text else text, "the other words must stay"),
    ],
)
def test_typical_mistakes_get_their_hint(wrong, hint):
    assert hint in EXERCISES["14.3"](wrong)


def test_what_to_do_next():
    judge = EXERCISES["14.4"]
    assert judge("c") is None and all(judge(letter) for letter in "abd")
