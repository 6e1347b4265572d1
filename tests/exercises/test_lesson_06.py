"""The exercises of lesson 06: right answers are accepted, typical wrong ones get the hint that fits them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from labkit.exercises import EXERCISES, lesson_06

Stated = Sequence[tuple[str, str]]


def test_nine_values_must_all_be_right():
    judge = EXERCISES["06.1"]
    assert judge(0.95**9) is None
    assert judge(0.63) is None
    assert "single values" in judge(0.95)
    assert "at least one wrong" in judge(1 - 0.95**9)
    assert "twice" in judge(0.55)
    assert "first value" in judge(0.2)


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up's figures, without models."""
    shares = {0.05: (0.2, 0.7), 0.3: (0.9, 0.6)}
    monkeypatch.setattr(lesson_06, "_refusing_below", shares.__getitem__)


def test_the_two_numbers_of_a_higher_floor(refusals):
    judge = EXERCISES["06.2"]
    assert judge((0.9, 0.6)) is None
    assert judge([0.902, 0.598]) is None
    assert "other order" in judge((0.6, 0.9))
    assert "Nothing has changed" in judge((0.2, 0.7))
    assert "bench.measure" in judge((0.5, 0.5))


def held_on(stated: Stated, day: str) -> str | None:
    known = [pair for pair in stated if pair[0] <= day]
    last = {value for when, value in known if when == max(known)[0]}
    return "contested" if len(last) > 1 else last.pop() if last else None


WRONG: list[tuple[Callable[[list[tuple[str, str]], str], str | None], str]] = [
    (lambda stated, day: max(stated)[1], "do not count"),
    (lambda stated, day: ([v for d, v in stated if d <= day] or [None])[-1], "any order"),
    (lambda stated, day: held_on([(d, v) for d, v in stated if d < day], day), "own day"),
    (lambda stated, day: max((p for p in stated if p[0] <= day), default=("", "none"))[1], "as old as that"),
    (lambda stated, day: max((p for p in stated if p[0] <= day), default=("", None))[1], "two newest texts differ"),
    (lambda stated, day: "contested" if (u := [d for d, _ in stated]) != [*dict.fromkeys(u)] else held_on(stated, day),
     "the same value"),
    (lambda stated, day: (stated.sort(), held_on(stated, day))[1], "copy"),
]  # fmt: skip


def test_what_held_on_a_day_is_judged_by_behaviour():
    judge = EXERCISES["06.3"]
    assert judge(held_on) is None
    assert "brackets" in judge("30 days")
    for wrong, hint in WRONG:
        assert hint in judge(wrong)


def test_questions_that_nobody_foresees_are_read():
    judge = EXERCISES["06.4"]
    assert judge(" C ") is None
    assert len({judge(letter) for letter in "abde"}) == 4


@pytest.mark.parametrize("number, answers", [("06.1", (0.0, 0.95)), ("06.4", ("a", "b", "d", "?"))])
def test_no_hint_gives_the_answer(number: str, answers: Sequence[object]):
    hints = " ".join(str(EXERCISES[number](answer)) for answer in answers)
    assert "0.63" not in hints
    assert " c " not in hints
