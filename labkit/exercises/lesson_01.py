"""The exercises of lesson 01. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from labkit import metrics, models, paths, rag
from labkit.exercises.checking import choice, exercise, letter_of
from labkit.exercises.dev_archive import documents, lookups, near

TOP_K = 3
# Exercise 01.1: the rise from which each letter holds.
_BANDS = {"a": -1.0, "b": 0.1, "c": 0.4}


@exercise("01.1")
def rise_within_the_contract(answer: Any) -> str | None:
    letter = letter_of(answer)
    if letter not in _BANDS:
        return "Give one of the letters a to c."
    rise = _evidence(_index(), within=True) - _evidence(_index())
    if letter == max(name for name, start in _BANDS.items() if rise >= start):
        return None
    return (
        "Compute it: `index.retrieve` takes `within`, for each question a list of the documents to search in, "
        "here [question.cluster]."
    )


@exercise("01.2")
def evidence_with_titles(answer: Any) -> str | None:
    if near(answer, _evidence(_titled())):
        return None
    if near(answer, _evidence(_index())):
        return "That is the share without titles: is the index made of the chunks that rag.add_headers gives?"
    return (
        "Give the share of the evidence in the first three chunks, for the lookups alone, with the titles of the "
        "documents as headers and joined=False."
    )


@exercise("01.3")
def nearest_rows(answer: Any) -> str | None:
    if not callable(answer):
        return "Give the function itself: answer_3 = top_k."
    rng = np.random.default_rng(1)
    for rows, k in ((6, 6), (40, 5), (40, 1)):
        query = 3 * rng.normal(size=8)
        matrix = rng.normal(size=(rows, 8)) * rng.uniform(0.2, 5, size=(rows, 1))
        if hint := _compare([int(i) for i in answer(query, matrix, k)], query, matrix, k):
            return hint
    return None


def _compare(given: list[int], query: np.ndarray, matrix: np.ndarray, k: int) -> str | None:
    """What is wrong with the rows given, or None."""
    products = matrix @ query
    cosines = products / np.linalg.norm(matrix, axis=1)
    right, by_product = (np.argsort(-scores, kind="stable")[:k].tolist() for scores in (cosines, products))
    if given == right:
        return None
    if len(given) != k:
        return f"With k = {k} it gives {len(given)} rows."
    if given == by_product:
        return "It ranks by the product of the vectors, so long vectors win. What else does a cosine take into account?"
    if given in (right[::-1], np.argsort(cosines, kind="stable")[:k].tolist()):
        return "Which end of the order is the best one?"
    return f"Of {len(matrix)} rows it gives {given}, which are not the {k} with the largest cosine, best first."


@exercise("01.4")
def what_a_threshold_does(answer: Any) -> str | None:
    hints = {
        "a": "Look at the five scores and at that of the evidence. Which threshold lies between them?",
        "b": "The threshold works on the embedder's scores. Does the language model see them?",
        "d": "Where a threshold is chosen does not change what scores it has to separate (and test stays closed).",
    }
    return choice(answer, "c", hints)


@cache
def _index() -> rag.VectorIndex:
    """The index of the lesson."""
    return rag.VectorIndex(rag.chunk(documents(), tokens=128), models.load_embedder(shipped=paths.vectors()))


@cache
def _titled() -> rag.VectorIndex:
    """The same with each document's title as a header."""
    headed = rag.add_headers(_index().chunks, {d.id: d.title for d in documents()})
    return rag.VectorIndex(headed, _index().embedder, joined=False)


def _evidence(index: rag.VectorIndex, within: bool = False) -> float:
    """Mean share of the evidence in the first chunks, searched in all documents or within the question's contract."""
    asked = lookups()
    hits = index.retrieve([q.question for q in asked], TOP_K, [[q.cluster] for q in asked] if within else None)
    found = [[rag.span_of(h.node) for h in row] for row in hits]
    shares = [metrics.evidence_in_prompt(q.evidence, spans) or 0.0 for q, spans in zip(asked, found, strict=True)]
    return float(np.mean(shares))
