"""The exercises of lesson 03. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from labkit import rag
from labkit.exercises import exercise

from .dev_archive import documents, evidence, hybrid
from .judging import Numbers, number

# The constant of reciprocal rank fusion, as in the paper.
CONSTANT = 60


@number("03.1", f"Write both scores down: A has 1 / ({CONSTANT} + 1), B has twice 1 / ({CONSTANT} + r). For which r is "
                "B's score larger?", 0.5)  # fmt: skip
def two_middling_places() -> Numbers:
    # Ranks from 1, down to which a chunk of two lists comes before one that is first in a single list.
    last = max(r for r in range(1, 1000) if 2 / (CONSTANT + r) > 1 / (CONSTANT + 1))
    yield last, None
    yield last + 1, "At that rank the two have the same score: B must be before A."
    yield 1, "B does not need a first place: it gets a share from each of the two lists."


_Case = tuple[list[list[str]], list[float], int]
# Lists, weights and constant that a student's fusion is called with.
_CASES: tuple[_Case, ...] = (
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


@exercise("03.2", function=True)
def fusion_with_weights(answer: Any) -> str | None:
    for case in _CASES:
        lists, weights, k = case
        given = answer([list(ranked) for ranked in lists], list(weights), k)
        if given is None:
            return "The function returns nothing: end it with return."
        if hint := _fusion_hint(list(given), case, weighted_fusion(lists, weights, k)):
            return hint
    return None


def _fusion_hint(given: Sequence[str], case: _Case, scores: dict[str, float]) -> str | None:
    """What is wrong with the order given, or None."""
    lists, weights, k = case
    if not given:
        return "It gives an empty list: go through every list, and through every chunk of it."
    if sorted(given) != sorted(scores):
        return f"For {lists} it gives {given}: every chunk that is in any list should be there once."
    if _is_ordered(given, scores):
        return None
    if _is_ordered(given[::-1], scores):
        return "It gives the worst first."
    if _is_ordered(given, weighted_fusion(lists, [1] * len(weights), k)):
        return f"For weights {weights} it gives the order of equal weights: does each list's weight enter the sum?"
    return f"For {lists} with weights {weights} the order is not by the sums: {given}. Add up a share for each list."


def gain_by_routing(top_k: int) -> float:
    """How much more of the evidence is in the prompt where the hybrid search is routed by title."""
    routed = rag.Routed(hybrid(), rag.Router(rag.titles(documents())))
    return evidence(routed, top_k=top_k) - evidence(hybrid(), top_k=top_k)


@number("03.3", "`evidence(retriever, top_k)` gives a share: once for rag.Routed(hybrid, by_title), once for hybrid.")
def routing_with_one_passage() -> Numbers:
    gain = gain_by_routing(1)
    yield gain, None
    yield -gain, "The other way round: routed less hybrid."
    yield gain_by_routing(3), "That is the gain with three passages in the prompt: give `evidence` its second argument."
    for share in (evidence(hybrid(), top_k=1), evidence(hybrid(), top_k=1) + gain):
        yield share, "That is the share of one search: give the difference of the two."
