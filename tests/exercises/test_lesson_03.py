"""The judges of lesson 03: right answers pass, typical wrong ones get the hint meant for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from labkit.exercises.lesson_03 import weighted_fusion

from labkit.exercises import EXERCISES, lesson_03

Lists = list[list[str]]


def test_the_last_rank_is_one_before_the_tie():
    judge = EXERCISES["03.1"]
    assert judge(61) is None
    assert "same score" in judge(62)
    assert "first place" in judge(1)
    assert "Write both scores down" in judge(9)
    assert judge(9) == judge(100)
    assert not any("61" in judge(rank) for rank in (1, 9, 62, 100))


def _fused(lists: Lists, weights: list[float], k: int = 60) -> list[str]:
    scores: Counter[str] = Counter()
    for ranked, weight in zip(lists, weights, strict=True):
        for rank, chunk in enumerate(ranked, start=1):
            scores[chunk] += weight / (k + rank)
    return [chunk for chunk, _ in scores.most_common()]


def test_a_fusion_with_weights_is_right():
    assert EXERCISES["03.2"](_fused) is None
    # Ranks from 0, as LlamaIndex counts them, give another score and the same order.
    assert EXERCISES["03.2"](lambda lists, weights, k=60: _fused(lists, weights, k - 1)) is None


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda lists, weights, k=60: _fused(lists, [1] * len(lists), k), "equal weights"),
        (lambda lists, weights, k=60: _fused(lists, weights, k)[::-1], "worst first"),
        (lambda lists, weights, k=60: None, "return"),
        (lambda lists, weights, k=60: [], "empty"),
        (lambda lists, weights, k=60: lists[0], "every chunk"),
        (lambda lists, weights, k=60: sorted(weighted_fusion(lists, weights, k)), "by the sums"),
        (0.5, "function itself"),
    ],
)
def test_a_wrong_fusion_gets_its_hint(wrong: Callable[..., Any], hint: str):
    assert hint in EXERCISES["03.2"](wrong)


def test_the_gain_by_routing_is_that_of_one_passage(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lesson_03, "gain_by_routing", lambda top_k: {1: 0.02, 3: 0.07}[top_k])
    monkeypatch.setattr(lesson_03, "evidence", lambda retriever, top_k: 0.2)
    monkeypatch.setattr(lesson_03, "hybrid", lambda: None)
    judge = EXERCISES["03.3"]
    assert judge(0.021) is None
    assert "other way round" in judge(-0.02)
    assert "three passages" in judge(0.07)
    assert "one search" in judge(0.2) and "one search" in judge(0.22)
    assert "hybrid" in judge(0.5)


def test_the_gain_by_routing_is_computed_from_the_archive():
    expected = lesson_03.gain_by_routing(1)
    assert EXERCISES["03.3"](expected) is None
    assert EXERCISES["03.3"](expected + 0.3)


def test_a_router_reads_what_users_ask_by():
    judge = EXERCISES["03.4"]
    assert judge("C") is None and judge(" c) ") is None
    assert len({judge(letter) for letter in "abdx"}) == 4
    assert "letters" in judge("x")
