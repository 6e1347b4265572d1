"""The exercises of lesson 13: right answers are accepted, typical wrong ones get the hint that fits them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from labkit.exercises import EXERCISES, lesson_13


def test_what_refuses_everything_for_nothing_is_worth_nothing():
    judge = EXERCISES["13.1"]
    assert judge("b") is None and judge(" B) ") is None
    assert "Who answers" in judge("a") and "letters" in judge("e")


def test_reading_over_moves_the_break_even():
    judge, right = EXERCISES["13.2"], lesson_13._break_even(checking_minutes=0.5)
    assert judge(right) is None and judge(str(right)) is None
    assert right > 1.1 * lesson_13._break_even()
    assert "without reading over" in judge(lesson_13._break_even())
    assert "as long as before" in judge(lesson_13._break_even(person_minutes=6.5))
    assert "roi.break_even" in judge(math.inf)


def even(fixed: float, gain: float, price: float, days: float) -> float:
    margin = gain - price
    return max(1, math.ceil(fixed / (margin * days))) if margin > 0 else math.inf


def test_the_break_even_is_accepted():
    assert EXERCISES["13.3"](even) is None
    assert EXERCISES["13.3"](lambda *given: float(even(*given))) is None


WRONG: list[tuple[Callable[..., Any], str]] = [
    (lambda f, g, p, d: even(f, g, 0.0, d), "gain less price"),
    (lambda f, g, p, d: even(f, g + p, 0.0, d), "gain less price"),
    (lambda f, g, p, d: max(1, int(f / ((g - p) * d))) if g > p else math.inf, "rounded"),
    (lambda f, g, p, d: even(f, g, p, d) if g >= p + 1e-9 else 1, "earns no set-up"),
    (lambda f, g, p, d: even(f, g, p, d) if g > p else math.inf if g == p else 1, "loses money"),
    (lambda f, g, p, d: math.ceil(f / ((g - p) * d)) if g > p else math.inf, "single question"),
    (lambda f, g, p, d: even(f, g, p, 100), "horizon"),
    (lambda f, g, p, d: None, "return"),
]


@pytest.mark.parametrize("wrong, hint", WRONG)
def test_a_wrong_break_even_gets_its_hint(wrong: Callable[..., Any], hint: str):
    assert hint in EXERCISES["13.3"](wrong)


def test_dividing_by_nothing_gets_a_hint():
    assert "divides by zero" in EXERCISES["13.3"](lambda f, g, p, d: max(1, math.ceil(f / ((g - p) * d))))
    assert "brackets" in EXERCISES["13.3"](20)


def test_what_a_wrong_answer_costs_decides():
    judge = EXERCISES["13.4"]
    assert judge("D.") is None
    assert len({judge(letter) for letter in "abce"}) == 4
