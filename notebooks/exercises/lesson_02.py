"""The exercises of lesson 02. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from labkit import corpus, metrics, models, paths, rag
from labkit.exercises import exercise

from .dev_archive import dense, documents, evidence
from .judging import Numbers, choice, number


def _with_headers(headers: dict[str, str] | None) -> rag.VectorIndex:
    """The clauses of the dev archive, with other headers or without any, header and clause embedded apart."""
    chunks = rag.chunk(documents(), rag.ClauseParser())
    embedder = models.load_embedder(shipped=paths.vectors())
    return rag.VectorIndex(rag.add_headers(chunks, headers) if headers else chunks, embedder, joined=False)


@exercise("02.1")
def titles_of_other_documents(answer: Any) -> str | None:
    archive = documents()
    after = [*archive[1:], archive[0]]
    wrong = evidence(_with_headers({d.id: other.title for d, other in zip(archive, after, strict=True)}))
    gain = wrong - evidence(_with_headers(None))
    hint = "Which chunks are now near a question that names a contract? Then try it: measure both."
    return choice(answer, "b" if abs(gain) <= 0.01 else "a" if gain > 0 else "c", dict.fromkeys("abc", hint), "a to c")


@number("02.2", "Add the headers to the clauses by rag.add_headers, index them with joined=False, and average over all "
                "lookups with top_k=3.", 0.002)  # fmt: skip
def longer_headers() -> Numbers:
    yield evidence(_with_headers(rag.document_headers(documents(), words=80))), None
    as_before = "That is the figure for the headers as they were: add those made with words=80 to the clauses."
    yield evidence(dense()), as_before


def _parallel(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(a @ b > 0.9999 * np.linalg.norm(a) * np.linalg.norm(b) > 0)


def _unit_vectors(texts: Sequence[str]) -> np.ndarray:
    """Stands in for an embedder: a vector of unit length for each text, always the same for the same text."""
    if isinstance(texts, str):
        raise ValueError("`embed` takes a list of texts: write [text] for a single one")
    rows = [np.random.default_rng(list(text.encode("utf-8"))).normal(size=16) for text in texts]
    return np.array([row / np.linalg.norm(row) for row in rows]).reshape(len(rows), 16)


@exercise("02.3")
def hyde_of_several_passages(answer: Any) -> str | None:
    question = "When does the notice period end?"
    asked = _unit_vectors([question])[0]
    for count in (1, 2, 3, 0):
        passages = [f"The notice period is {n} months." for n in range(1, count + 1)]
        vector = np.asarray(answer(question, list(passages), _unit_vectors), dtype=float)
        if vector.shape != (16,):
            return f"Give one vector, as long as a row of what `embed` gives; yours has the shape {vector.shape}."
        made_up = _unit_vectors(passages)
        if _parallel(vector, asked + made_up.sum(axis=0)):
            continue
        if count == 0:
            return "Without any passage, give the vector of the question."
        mistakes = (
            (made_up.sum(axis=0), "the question has no part in your vector."),
            (asked, "your vector is that of the question alone."),
            (asked + made_up.mean(axis=0), "the question weighs as much as all the passages together."),
            (asked + made_up[0], "only the first has a part in your vector."),
        )
        otherwise = "the texts do not all count the same. Compare with `hyde_vector` of the lesson."
        hint = next((hint for wrong, hint in mistakes if _parallel(vector, wrong)), otherwise)
        return f"With {count} passages, {hint}"
    return None


@exercise("02.4")
def followup_in_full(answer: Any) -> str | None:
    question = [q for q in corpus.load_questions("dev") if q.followup][1]
    if not isinstance(answer, str) or not answer.strip().endswith("?"):
        return "Write a question as a text, with its question mark."
    assert question.followup is not None
    if any(answer.strip() == turn["content"].strip() for turn in question.followup["history"]):
        return "That is the earlier question, which asks for something else: ask what the follow-up asks."
    if found(dense(), answer, question.evidence):
        return None
    return "The evidence is not among the first five: name the contract as the earlier question does."


def found(index: rag.VectorIndex, question: str, evidence: Sequence[corpus.Span]) -> bool:
    """Whether a piece of evidence is in one of the first five chunks."""
    return any(metrics.covers(rag.span_of(h.node), e) for h in index.retrieve([question], 5)[0] for e in evidence)
