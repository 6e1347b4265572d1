"""The exercises of lesson 03. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from labkit import rag
from labkit.exercises.checking import choice, exercise
from labkit.exercises.dev_archive import documents, hybrid, lookups, near
from labkit.rag.retrieval import Retriever
from labkit.replies import parse_answer

# The constant of reciprocal rank fusion, as in the paper.
CONSTANT = 60


def _last_rank() -> int:
    """Down to which rank a chunk of two lists comes before one that is first in a single list, ranks from 1."""
    return max(rank for rank in range(1, 1000) if 2 / (CONSTANT + rank) > 1 / (CONSTANT + 1))


@exercise("03.1")
def two_middling_places(answer: Any) -> str | None:
    rank, last = float(answer), _last_rank()
    if rank == last:
        return None
    if rank == last + 1:
        return "At that rank the two have the same score: B must be before A."
    if rank == 1:
        return "B does not need a first place: it gets a share from each of the two lists."
    return (
        f"Write both scores down: A has 1 / ({CONSTANT} + 1), B has twice 1 / ({CONSTANT} + r). "
        f"For which r is B's score larger? Your rank is too {'small' if rank < last else 'large'}."
    )


# Lists, weights and constant that a student's fusion is called with.
_CASES: tuple[tuple[list[list[str]], list[float], int], ...] = (
    ([["a", "b", "c"], ["c", "b", "d"]], [1, 1], 60),
    ([["a", "b", "c"], ["d", "e", "f"]], [1, 2], 60),
    ([["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]], [3, 1, 2], 60),
    ([["a", "b", "c", "d"], ["d", "c"]], [1, 5], 60),
    ([["a", "b"], ["c"]], [1, 1.5], 1),
    ([["a"], []], [1, 1], 60),
)


def weighted_fusion(lists: Sequence[Sequence[str]], weights: Sequence[float], k: int = CONSTANT) -> dict[str, float]:
    """The score of each chunk by reciprocal rank fusion with weights, ranks from 1."""
    scores: dict[str, float] = {}
    for ranked, weight in zip(lists, weights, strict=True):
        for rank, chunk in enumerate(ranked, start=1):
            scores[chunk] = scores.get(chunk, 0.0) + weight / (k + rank)
    return scores


def _is_ordered(given: Sequence[str], scores: dict[str, float]) -> bool:
    """Whether the chunks come best first; equal scores may stand in any order."""
    return all(scores[a] >= scores[b] - 1e-9 for a, b in pairwise(given))


@exercise("03.2")
def fusion_with_weights(answer: Any) -> str | None:
    if not callable(answer):
        return "Give the function itself: answer_2 = weighted."
    for lists, weights, k in _CASES:
        given = answer([list(ranked) for ranked in lists], list(weights), k)
        if given is None:
            return "The function returns nothing: end it with return."
        given, scores = list(given), weighted_fusion(lists, weights, k)
        if not given:
            return "It gives an empty list: go through every list, and through every chunk of it."
        if sorted(given) != sorted(scores):
            return f"For {lists} it gives {given}: every chunk that is in any list should be there once."
        if not _is_ordered(given, scores):
            return _fusion_hint(given, (lists, weights, k), scores)
    return None


def _fusion_hint(
    given: Sequence[str], case: tuple[Sequence[Sequence[str]], Sequence[float], int], scores: dict[str, float]
) -> str:
    lists, weights, k = case
    if _is_ordered(given[::-1], scores):
        return "It gives the worst first."
    if _is_ordered(given, weighted_fusion(lists, [1] * len(weights), k)):
        return f"For weights {weights} it gives the order of equal weights: does each list's weight enter the sum?"
    return f"For {lists} with weights {weights} the order is not by the sums: {given}. Add up a share for each list."


def _evidence(retriever: Retriever, top_k: int) -> float:
    """Share of the evidence of the lookups in the first passages; no model is needed for it."""
    asked = lookups()
    lists = retriever.retrieve([q.question for q in asked], top_k)
    results = [
        rag.Result(q.question, tuple(hits), len(hits), "", parse_answer(""), 0)
        for q, hits in zip(asked, lists, strict=True)
    ]
    shares = [share for share in rag.evidence_in_prompt(asked, results) if share is not None]
    return sum(shares) / len(shares)


def gain_by_routing(top_k: int) -> float:
    """How much more of the evidence is in the prompt where the hybrid search is routed by title."""
    routed = rag.Routed(hybrid(), rag.Router(rag.titles(documents())))
    return _evidence(routed, top_k) - _evidence(hybrid(), top_k)


@exercise("03.3")
def routing_with_one_passage(answer: Any) -> str | None:
    given, gain = float(answer), gain_by_routing(1)
    if near(given, gain):
        return None
    if near(given, -gain):
        return "The other way round: routed less hybrid."
    if near(given, gain_by_routing(3)):
        return "That is the gain with three passages in the prompt: give `evidence` its second argument."
    if near(given, _evidence(hybrid(), 1)) or near(given, gain + _evidence(hybrid(), 1)):
        return "That is the share of one search: give the difference of the two."
    return "`evidence(retriever, top_k)` gives a share: once for rag.Routed(hybrid, by_title), once for hybrid."


_ROUTERS = {
    "a": "All titles are alike here: what could a search among them tell apart?",
    "b": "It did well where questions name a kind and a date. What do users of this archive name?",
    "d": "True of a wrong route, but several documents may be kept. Is there a line that holds what users ask by?",
}


@exercise("03.4")
def router_for_like_titles(answer: Any) -> str | None:
    return choice(answer, "c", _ROUTERS)
