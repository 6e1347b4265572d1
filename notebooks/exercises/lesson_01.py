"""The exercises of lesson 01. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from labkit import models, paths, rag
from labkit.exercises import exercise

from .dev_archive import documents, evidence
from .judging import Numbers, choice, number

# Exercise 01.1: the rise from which each letter holds.
_BANDS = {"a": -1.0, "b": 0.1, "c": 0.4}


@exercise("01.1")
def rise_within_the_contract(answer: Any) -> str | None:
    rise = evidence(_index(), within=True) - evidence(_index())
    hint = (
        "Compute it: `index.retrieve` takes `within`, for each question a list of the documents to search in, "
        "here [question.cluster]."
    )
    right = max(name for name, start in _BANDS.items() if rise >= start)
    return choice(answer, right, dict.fromkeys(_BANDS, hint), "a to c")


@number("01.2", "Give the share of the evidence in the first three chunks, for the lookups alone, with the titles of "
                "the documents as headers and joined=False.")  # fmt: skip
def evidence_with_titles() -> Numbers:
    yield evidence(_titled()), None
    without = "That is the share without titles: is the index made of the chunks that rag.add_headers gives?"
    yield evidence(_index()), without


@exercise("01.3", function=True)
def nearest_rows(answer: Any) -> str | None:
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
    right, by_product, worst = (np.argsort(-s, kind="stable")[:k].tolist() for s in (cosines, products, -cosines))
    if given == right:
        return None
    if len(given) != k:
        return f"With k = {k} it gives {len(given)} rows."
    if given == by_product:
        return "It ranks by the product of the vectors, so long vectors win. What else does a cosine take into account?"
    if given in (right[::-1], worst):
        return "Which end of the order is the best one?"
    return f"Of {len(matrix)} rows it gives {given}, which are not the {k} with the largest cosine, best first."


@cache
def _index() -> rag.VectorIndex:
    """The index of the lesson."""
    return rag.VectorIndex(rag.chunk(documents(), tokens=128), models.load_embedder(shipped=paths.vectors()))


@cache
def _titled() -> rag.VectorIndex:
    """The same with each document's title as a header."""
    headed = rag.add_headers(_index().chunks, rag.titles(documents()))
    return rag.VectorIndex(headed, _index().embedder, joined=False)
