"""The exercises of lesson 13. What is expected is computed with the ROI model."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from labkit import roi
from labkit.exercises import exercise
from labkit.stats import Interval

from .judging import Numbers, number, tried


@number("13.1", "It is (set-up + machine by the day * days) / (days * gain), the gain being that beyond people.", 0.05)
def pays_from() -> Numbers:
    person, days, paid = 12 - 7, 250, 9000 + 4 * 250
    gained, lost = 0.6 * 12 + 0.35 * person - person, 0.05 * 30
    gain = gained - lost
    yield paid / (days * gain), None
    yield 9000 / (days * gain), "That earns back the set-up alone. The machine costs 4 a day too."
    yield paid / (days * (gain + person)), "People would have brought something too: take that off the gain."
    yield paid / (days * gained), "Wrong answers lose something: take that off."
    yield paid / gain, "That is the number of questions in all. How many a day?"


@cache
def outdated(facts: Any = "index", changes_per_year: float = 2, index_days: float = 50) -> float:
    """Net benefit of the hand-worked example of the lesson as facts change."""
    right, wrong, refused = (Interval(share, share - 0.05, share + 0.05, 200, 20) for share in (0.7, 0.1, 0.2))
    example = roi.Arm("example", right, wrong, refused, seconds=1, facts=facts)
    case = roi.Assumptions(value=10, loss=20, person_minutes=12, per_day=100, days=100, changes_per_year=0, overhead=1,
                           evaluation_hours=0, building_hours=125, running_hours=0, hosting_hours=4)  # fmt: skip
    amounts = {"paralegal_hour": 30.0, "software_developer_hour": 40.0, "cpu_m7g_large_hour": 0.5}
    case, prices = roi.changed(case, roi.load_prices(), amounts)
    changing = replace(case, changes_per_year=changes_per_year, index_days=index_days)
    return float(roi.net_benefit(example, changing, prices)[0])


@number("13.2", "Give roi.net_benefit the arm and the assumptions, both changed by `replace`: its first value.", 1)
def as_facts_change() -> Numbers:
    yield outdated(), None
    yield outdated("nothing"), "That is the arm as it was, which knows no facts: give it facts='index'."
    yield outdated(index_days=7), "That index is made anew each 7 days. The field is `index_days`."
    yield outdated(changes_per_year=0.1), "There a fact changes once in ten years. The field is `changes_per_year`."


_ZERO = [0.0] * 41
# Draws of the choices, who is decided on, the hint.
_CASES = (
    ({"RAG": [5.0] * 41, "people": _ZERO}, "RAG", "It leads in all draws."),
    ({"RAG": [5.0, *[5.0] * 39, -1.0], "people": _ZERO}, "RAG", "It leads in 39 of 40 draws, which is enough."),
    ({"RAG": [5.0, *[5.0] * 38, -1.0, -1.0], "people": _ZERO}, None, "It leads in 38 of 40 draws, which is too few."),
    ({"people": _ZERO, "RAG": [-5.0, *[3.0] * 40]}, None, "As measured people are best, but not in the draws."),
    ({"RAG": [float(i) for i in range(41)], "both": [i + 0.5 for i in range(41)], "people": [-1.0] * 41}, "both",
     "Compare draw by draw: both lie far apart from draw to draw, but one always leads."),
    ({"RAG": [9.0, *[1.0] * 40], "both": [8.0, *[1.0] * 40], "people": _ZERO}, None, "A tie is no lead above 0."),
    ({"a": [9.0, *[1.0] * 40], "b": [8.0, *[0.0] * 40], "c": [1.0, *[2.0] * 40]}, None,
     "It has to lead over every other choice, not only over the second best as measured."),
    ({"RAG": [5.0] * 41, "both": [0.0, 9.0, *[0.0] * 39], "people": [0.0, 0.0, 9.0, *[0.0] * 38]}, "RAG",
     "Take each other choice by itself: it leads over each in 39 of 40 draws, though not over all at once."),
)  # fmt: skip


@exercise("13.3", function=True)
def decided(answer: Any) -> str | None:
    return tried(answer, [((draws,), wanted, hint) for draws, wanted, hint in _CASES])
