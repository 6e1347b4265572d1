"""The exercises of lesson 03. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from typing import Any

from labkit import models, paths, rag
from labkit.exercises.checking import exercise
from labkit.exercises.dev_archive import (
    documents,
    found,
    hybrid,
    lookups,
    mean,
    near,
)


@exercise("03.1")
def reciprocal_rank_fusion(answer: Any) -> str | None:
    return None if near(answer, 1 / 62 + 1 / 65, 5e-5) else "Add 1 / (60 + rank) over both lists, with ranks 2 and 5."


@exercise("03.2")
def one_document_kept(answer: Any) -> str | None:
    embedder = models.load_embedder(shipped=paths.vectors())
    router = rag.Router(rag.document_headers(documents()), embedder, keep=1)
    if near(answer, mean(lookups(), rag.Routed(hybrid(), router))):
        return None
    return "Use rag.Routed(hybrid, rag.Router(headers, embedder, keep=1)), and average over the lookups of `many`."


@exercise("03.3")
def found_by_words_alone(answer: Any) -> str | None:
    question = next((q for q in lookups() if q.id == answer), None)
    if question is None:
        return "Give the id of a lookup of `many`, such as the one of lookups[0].id."
    dense, words = (found(r, question.question, question.evidence[:1]) for r in hybrid().retrievers)
    if words and not dense:
        return None
    if words:
        return "The dense search finds it too."
    return "BM25 does not find it: compare found('BM25') and found('dense')."
