"""The exercises of lesson 01: a right answer is accepted, a wrong one gets a hint, and never the answer."""

from __future__ import annotations

import numpy as np
import pytest
from labkit.exercises.dev_archive import evidence

from labkit.exercises import EXERCISES, lesson_01


def test_one_letter_holds_for_the_rise_within_the_contract():
    judge = EXERCISES["01.1"]
    hints = {letter: judge(letter) for letter in "ABC"}
    assert list(hints.values()).count(None) == 1
    assert all("within" in hint for hint in hints.values() if hint)
    assert "letter" in judge("D")
    rise = evidence(lesson_01._index(), within=True) - evidence(lesson_01._index())
    assert hints["A" if rise < 0.1 else "B" if rise < 0.4 else "C"] is None


def test_the_share_with_titles_is_told_from_the_share_without():
    judge = EXERCISES["01.2"]
    titled = evidence(lesson_01._titled())
    assert judge(titled) is None
    assert judge(round(titled, 3)) is None
    assert "without titles" in judge(evidence(lesson_01._index()))
    hint = judge(0.999)
    assert "three chunks" in hint
    assert f"{titled:.2f}" not in hint


def top_k(query: np.ndarray, matrix: np.ndarray, k: int) -> list[int]:
    cosines = matrix @ query / np.linalg.norm(matrix, axis=1) / np.linalg.norm(query)
    return list(np.argsort(-cosines)[:k])


def by_product(query: np.ndarray, matrix: np.ndarray, k: int) -> list[int]:
    return np.argsort(-(matrix @ query))[:k].tolist()


def worst_first(query: np.ndarray, matrix: np.ndarray, k: int) -> list[int]:
    return np.argsort(matrix @ query / np.linalg.norm(matrix, axis=1))[:k].tolist()


def test_the_rows_with_the_largest_cosine_are_right():
    assert EXERCISES["01.3"](top_k) is None
    assert EXERCISES["01.3"](lambda q, m, k: np.array(top_k(q, m, k))) is None


@pytest.mark.parametrize(
    ("function", "hint"),
    [
        (by_product, "long vectors"),
        (worst_first, "Which end"),
        (lambda q, m, k: top_k(q, m, k)[::-1], "Which end"),
        (lambda q, m, k: top_k(q, m, len(m)), "gives 40 rows"),
        (lambda q, m, k: list(range(k)), "not the"),
        (3, "function itself"),
    ],
)
def test_each_way_to_get_the_rows_wrong_has_its_hint(function, hint: str):
    assert hint in EXERCISES["01.3"](function)


def test_a_threshold_cannot_tell_equal_scores():
    judge = EXERCISES["01.4"]
    assert judge("c ") is None
    assert len({judge(letter) for letter in "ABDE"}) == 4
