"""The exercises of lesson 01. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from functools import cache
from typing import Any

from labkit import corpus, metrics, models, rag
from labkit.exercises.checking import exercise
from labkit.exercises.dev_archive import (
    dev,
    first_question,
    near,
)


@exercise("01.1")
def same_after_normalisation(answer: Any) -> str | None:
    if str(answer) == "USD 2,000,000":
        return "That is the same text: change letters or signs, but not what it says."
    if metrics.exact_match(str(answer), ["USD 2,000,000"]):
        return None
    return "It does not count as equal. Case, articles and thousands separators do not matter; words and digits do."


@exercise("01.2")
def recall_at_20(answer: Any) -> str | None:
    if near(answer, _mean_recall(20)):
        return None
    if near(answer, _mean_recall(5)):
        return "That is the recall at 5: retrieve 20 chunks, and give k=20 to metrics.score_retrieval."
    return "Average recall_at_k over the questions whose score is not None."


@exercise("01.3")
def recall_in_one_contract(answer: Any) -> str | None:
    question = first_question()
    contract = [d for d in corpus.load_documents() if d.id == question.documents[0]]
    if near(answer, _naive_recall(contract, [question], 5)):
        return None
    return "Chunk only the document whose id is question.documents[0], retrieve five chunks, and score them with k=5."


@cache
def _mean_recall(k: int) -> float:
    return _naive_recall(corpus.load_documents(), dev(), k)


def _naive_recall(documents: list[corpus.Document], questions: list[corpus.Question], k: int) -> float:
    """Mean recall at k of the chunks of lesson 01."""
    index = rag.VectorIndex(rag.chunk(documents, tokens=128), models.load_embedder())
    hits = index.retrieve([q.question for q in questions], top_k=k)
    spans = [[rag.span_of(h.node) for h in row] for row in hits]
    scores = metrics.score_retrieval(questions, spans, [[1] * len(row) for row in hits], k=k)
    recalls = [s.recall_at_k for s in scores if s is not None]
    return sum(recalls) / len(recalls)
