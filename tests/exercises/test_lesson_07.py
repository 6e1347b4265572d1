"""The exercises of lesson 07: right answers are accepted, typical wrong ones get the hint that fits them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest

from labkit.exercises import EXERCISES, lesson_07
from labkit.values import without_quantities


@pytest.fixture
def shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shares, without counting tokens."""
    by_task = {"lookup": 0.02, "classify": 0.03, "draft": 0.2, "summarise": 0.1}
    monkeypatch.setattr(lesson_07, "_learned_share", by_task.__getitem__)
    monkeypatch.setattr(lesson_07, "_memory_share", {1: 0.1, 4: 0.32}.__getitem__)


def test_the_task_that_learns_the_largest_share(shares):
    judge = EXERCISES["07.1"]
    assert judge("C)") is None
    assert len({judge(letter) for letter in "abde"}) == 4


def test_memory_asked_once(shares):
    judge = EXERCISES["07.2"]
    assert judge(0.1) is None
    assert "lesson's mix" in judge(0.32)
    assert "quarter" in judge(0.08)
    assert "between 0 and 1" in judge(9)
    assert "course_examples" in judge(0.5)


def test_the_shares_are_those_of_the_data():
    share = lesson_07._learned_share
    assert share("draft") > share("summarise") > share("lookup")
    assert 0 < lesson_07._memory_share(1) < lesson_07._memory_share(4) < 1


def masked(text: str, companies: Sequence[str]) -> str:
    for name in sorted(companies, key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(name)}\b", "#", text, flags=re.IGNORECASE)
    text = without_quantities(text).replace("quantity", " # ")
    words = re.findall(r"[\w#']+", text)
    hidden = ["#" if i and word[0].isupper() else word.lower() for i, word in enumerate(words)]
    return re.sub(r"#(?: #)+", "#", " ".join(hidden))


def same_wording(question: str, other: str, companies: Sequence[str]) -> bool:
    return masked(question, companies) == masked(other, companies)


def short_first(question: str, other: str, companies: Sequence[str]) -> bool:
    def hide(text: str) -> str:
        for name in sorted(companies, key=len):
            text = text.replace(name, "#")
        return text

    return hide(question) == hide(other)


WRONG: list[tuple[Callable[[str, str, list[str]], bool], str]] = [
    (lambda a, b, names: a == b, "inside a sentence"),
    (lambda a, b, names: masked(a, ()) == masked(b, ()), "first word"),
    (lambda a, b, names: masked(a, names).split()[1:] == masked(b, names).split()[1:], "where it is no name"),
    (lambda a, b, names: True, "another word"),
    (lambda a, b, names: (names.sort(), same_wording(a, b, names))[1], "copy"),
]


def test_the_wording_is_judged_by_behaviour():
    judge = EXERCISES["07.3"]
    assert judge(same_wording) is None
    assert "brackets" in judge(True)
    for wrong, hint in WRONG:
        assert hint in judge(wrong)
    assert "longer one" in judge(short_first)


def test_a_paraphrase_of_dev_is_the_worst():
    judge = EXERCISES["07.4"]
    assert judge(" C ") is None
    assert len({judge(letter) for letter in "abde"}) == 4


@pytest.mark.parametrize("number, answers", [("07.1", ("a", "b", "d")), ("07.4", ("a", "b", "d", "?"))])
def test_no_hint_gives_the_answer(number: str, answers: Sequence[object], shares):
    hints = " ".join(str(EXERCISES[number](answer)) for answer in answers)
    assert " c " not in hints
    assert "notice" not in hints
