"""Sentences made from figures: shown as prose, chosen by what a difference bears out."""

from __future__ import annotations

import math

import pytest

from labkit import course
from labkit.course import output

WORDS = {"up": "{name} gains {difference:+.2f}.", "down": "{name} loses.", "unclear": "Up to {detectable:.2f}."}


def row(difference: float, p: float) -> dict[str, object]:
    return {"name": "HyDE", "difference": difference, "p": p, "detectable": 0.25 if p >= 0.05 else math.nan}


def test_sentences_become_one_paragraph(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    course.say("One. ", "", "Two.", 3)
    assert shown == [{"text/markdown": "One. Two. 3", "text/plain": "One. Two. 3"}]
    with pytest.raises(ValueError, match="nothing to say"):
        course.say("", " ")


@pytest.mark.parametrize(
    ("difference", "p", "said"),
    [
        (0.2, 0.01, "HyDE gains +0.20."),
        (-0.2, 0.01, "HyDE loses."),
        (0.2, 0.06, "Up to 0.25."),
        (-0.2, output.LEVEL, "Up to 0.25."),
        (0.2, math.nan, "Up to 0.25."),
    ],
)
def test_the_sentence_is_the_one_that_the_difference_bears_out(difference, p, said):
    assert course.finding(row(difference, p) | {"detectable": 0.25}, **WORDS) == said


def test_a_field_that_there_is_not_is_an_error():
    with pytest.raises(KeyError):
        course.finding(row(0.2, 0.01), up="{gain}", down="", unclear="")
