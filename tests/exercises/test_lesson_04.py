"""The judges of lesson 04: right answers pass, typical wrong ones get the hint meant for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from labkit.exercises.lesson_04 import votes

from labkit import rag
from labkit.exercises import EXERCISES, lesson_04


class _Index:
    """Stands for an index: only its embedder's name is needed."""

    def __init__(self, embedder: str) -> None:
        self.embedder = embedder


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[Any, ...], float]:
    """Evidence in the prompt by search and stage, in place of what a search of the archive gives."""
    shares = {
        ("tuned",): 0.5, ("tuned", "MMR", "tuned", 1): 0.5, ("hybrid",): 0.3, ("hybrid", "plain", 20): 0.4,
        ("hybrid", "tuned", 20): 0.6, ("hybrid", "plain", 5): 0.35,
    }  # fmt: skip

    def evidence(search: Any, *post: Any) -> float:
        key: tuple[Any, ...] = ("hybrid",) if search == "hybrid" else (search.embedder,)
        for stage in post:
            key += (
                ("MMR", stage.embedder, stage.weight) if isinstance(stage, rag.MMR) else (stage.embedder, stage.depth)
            )
        return shares[key]

    monkeypatch.setattr(lesson_04, "evidence", evidence)
    monkeypatch.setattr(lesson_04, "hybrid", lambda: "hybrid")
    monkeypatch.setattr(lesson_04, "dense", lambda: _Index("plain"))
    monkeypatch.setattr(lesson_04, "tuned_index", lambda: _Index("tuned"))
    return shares


def test_mmr_that_looks_at_the_question_alone(figures):
    judge = EXERCISES["04.1"]
    assert judge(" b ") is None
    assert "weight=1" in judge("A") and judge("A") == judge("C")
    assert "letters" in judge("the same") and "letters" in judge(0.5)
    # The letter follows the figures, whatever they are.
    figures["tuned", "MMR", "tuned", 1] = 0.6
    assert judge("A") is None and judge("B")
    figures["tuned", "MMR", "tuned", 1] = 0.4
    assert judge("C") is None and judge("B")


@pytest.mark.parametrize(
    ("answer", "hint"), [(0.6, "tuned embedder"), (0.35, "depth 5"), (0.3, "without reranking"), (0.9, "`look`")]
)
def test_the_embedder_that_was_not_trained(figures, answer: float, hint: str):
    judge = EXERCISES["04.2"]
    assert judge(0.4) is None and judge(0.402) is None
    assert hint in judge(answer)
    assert "0.4" not in judge(answer)


def test_votes_by_hand():
    assert votes(["b", "a", "a"]) == [1, 2, 0]
    assert votes(["a", "b", "b", "c", "a"]) == [0, 4, 1, 2, 3]
    assert votes([]) == []


def _as_they_were(documents: Sequence[str]) -> list[int]:
    return [*range(len(documents))]


def _by_size(documents: Sequence[str]) -> list[int]:
    """Groups by size: also those behind the winner are sorted."""
    counts = Counter(documents)
    return sorted(range(len(documents)), key=lambda i: (-counts[documents[i]], documents.index(documents[i])))


def _later_of_equals(documents: Sequence[str]) -> list[int]:
    counts = Counter(documents)
    winner = max(reversed(documents), key=lambda d: counts[d], default=None)
    return sorted(range(len(documents)), key=lambda i: documents[i] != winner)


def _winner_alone(documents: Sequence[str]) -> list[int]:
    right = votes(documents)
    return [i for i in right if documents[i] == documents[right[0]]]


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (_as_they_were, "which has most"),
        (_by_size, "old order"),
        (_later_of_equals, "stands higher"),
        (_winner_alone, "must occur once"),
        (lambda documents: None, "return"),
    ],
)
def test_document_first_is_judged_by_what_it_does(wrong: Callable[[Sequence[str]], Any], hint: str):
    judge = EXERCISES["04.3"]
    assert judge(votes) is None
    assert hint in judge(wrong)
    assert "function" in judge([1, 2, 0])


def test_answers_of_both_kinds_tell_most():
    judge = EXERCISES["04.4"]
    assert judge(" c ") is None
    assert len({judge(letter) for letter in "abd"}) == 3
    assert "letters" in judge("all of them")
