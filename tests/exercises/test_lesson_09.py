"""The exercises of lesson 09: right answers are accepted, typical wrong ones get the hint that fits them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from labkit.exercises import EXERCISES, lesson_09


def test_a_pair_that_is_told_apart_weighs_little():
    judge = EXERCISES["09.1"]
    assert judge("d") is None and judge(" D) ") is None
    assert "slope" in judge("a") and "letters" in judge("e")


def test_the_share_of_right_verdicts_where_two_raters_agree(monkeypatch: pytest.MonkeyPatch):
    known = {
        ("careful", "length_loving"): (0.8, 90),
        ("careful", "careful"): (0.9, 200),
        ("length_loving", "length_loving"): (0.55, 200),
    }
    monkeypatch.setattr(lesson_09, "_right", lambda rater, other: known[rater, other])
    judge = EXERCISES["09.2"]
    assert judge(0.8) is None
    assert "all verdicts" in judge(0.9)
    assert "How many of those" in judge(0.45)
    assert "loves length" in judge(0.55)
    assert "good says" in judge(90)


def test_the_shares_are_those_of_the_judgements():
    share, count = lesson_09._right("careful", "length_loving")
    whole, of = lesson_09._right("careful", "careful")
    assert 0.8 < share < 1 and 0.85 < whole < 0.95 and abs(share - whole) > 0.01
    assert count < of < 200
    assert lesson_09._right("always_left", "always_left")[0] < 0.65


def doubtful(margin: Any, beta: float, wrong: float, sign: float = 1.0, exchanged: bool = False) -> Any:
    from torch.nn.functional import logsigmoid

    share = 1 - wrong if exchanged else wrong
    return sign * (-(1 - share) * logsigmoid(beta * margin) - share * logsigmoid(-beta * margin))


def test_the_loss_of_doubtful_judgements_is_accepted():
    assert EXERCISES["09.3"](doubtful) is None


def _mixed(margin: Any, beta: float, wrong: float) -> Any:
    right = (beta * margin).sigmoid()
    return -((1 - wrong) * right + wrong * (1 - right)).log()


def _without_the_wrong_ones(margin: Any, beta: float, wrong: float) -> Any:
    from torch.nn.functional import logsigmoid

    return -(1 - wrong) * logsigmoid(beta * margin)


WRONG: list[tuple[Callable[..., Any], str]] = [
    (lambda m, b, w: doubtful(m, b, w, sign=-1), "sign"),
    (lambda m, b, w: doubtful(m, b, w, exchanged=True), "exchanged"),
    (lambda m, b, w: doubtful(m, 1.0, w), "beta=0.1"),
    (lambda m, b, w: doubtful(m, b, 0.0), "wrong=0.1"),
    (_mixed, "mixed"),
    (_without_the_wrong_ones, "wrong ones add"),
    (lambda m, b, w: -(1 - w) * (b * m).sigmoid().log() - w * (-b * m).sigmoid().log(), "not finite"),
    (lambda m, b, w: doubtful(m.detach(), b, w), "learned"),
    (lambda m, b, w: doubtful(m, b, w).mean(), "for each margin"),
    (lambda m, b, w: None, "tensor"),
]


@pytest.mark.parametrize("wrong, hint", WRONG)
def test_a_wrong_loss_gets_its_hint(wrong: Callable[..., Any], hint: str):
    assert hint in EXERCISES["09.3"](wrong)


def test_what_is_no_function_gets_a_hint():
    assert "brackets" in EXERCISES["09.3"](3)


def test_an_answer_key_tells_most():
    judge = EXERCISES["09.4"]
    assert judge("C.") is None
    assert len({judge(letter) for letter in "abde"}) == 4


@pytest.mark.parametrize("number, answers, right", [("09.1", "abc?", " d "), ("09.4", "abd?", "answer key")])
def test_no_hint_gives_the_answer(number: str, answers: Sequence[str], right: str):
    assert right not in " ".join(str(EXERCISES[number](answer)) for answer in answers)
