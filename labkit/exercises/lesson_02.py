"""The exercises of lesson 02. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from labkit import corpus, models, paths, rag
from labkit.exercises.checking import choice, exercise, letter_of
from labkit.exercises.dev_archive import (
    dense,
    documents,
    found,
    lookups,
    mean,
    near,
)


def _evidence_found(index: rag.VectorIndex) -> float:
    """Mean evidence in the prompt over the lookups of the lesson."""
    return mean(lookups(), index)


def _with_headers(headers: dict[str, str] | None) -> rag.VectorIndex:
    """The clauses of the dev archive, with other headers or without any, header and clause embedded apart."""
    chunks = rag.chunk(documents(), rag.ClauseParser())
    embedder = models.load_embedder(shipped=paths.vectors())
    return rag.VectorIndex(rag.add_headers(chunks, headers) if headers else chunks, embedder, joined=False)


@exercise("02.1")
def titles_of_other_documents(answer: Any) -> str | None:
    letter = letter_of(answer)
    if letter not in ("a", "b", "c"):
        return "Give one of the letters a to c."
    archive = documents()
    after = [*archive[1:], archive[0]]
    wrong = _evidence_found(_with_headers({d.id: other.title for d, other in zip(archive, after, strict=True)}))
    gain = wrong - _evidence_found(_with_headers(None))
    if letter == ("b" if abs(gain) <= 0.01 else "a" if gain > 0 else "c"):
        return None
    return "Which chunks are now near a question that names a contract? Then try it: measure both."


@exercise("02.2")
def longer_headers(answer: Any) -> str | None:
    if near(answer, _evidence_found(_with_headers(rag.document_headers(documents(), words=80))), 0.002):
        return None
    if near(answer, _evidence_found(dense()), 0.002):
        return "That is the figure for the headers as they were: add those made with words=80 to the clauses."
    return (
        "Add the headers to the clauses by rag.add_headers, index them with joined=False, and average over all lookups "
        "with top_k=3."
    )


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
    for count in (1, 2, 3, 0):
        passages = [f"The notice period is {n} months." for n in range(1, count + 1)]
        vector = np.asarray(answer(question, list(passages), _unit_vectors), dtype=float)
        if vector.shape != (16,):
            return f"Give one vector, as long as a row of what `embed` gives; yours has the shape {vector.shape}."
        asked = _unit_vectors([question])[0]
        if count == 0:
            return None if _parallel(vector, asked) else "Without any passage, give the vector of the question."
        made_up = _unit_vectors(passages)
        if _parallel(vector, made_up.sum(axis=0)):
            return f"With {count} passages, the question has no part in your vector."
        if _parallel(vector, asked):
            return f"With {count} passages, your vector is that of the question alone."
        if count > 1 and _parallel(vector, asked + made_up.mean(axis=0)):
            return "The question weighs as much as all the passages together: it should count as much as each of them."
        if count > 1 and _parallel(vector, asked + made_up[0]):
            return f"With {count} passages, only the first has a part in your vector."
        if not _parallel(vector, asked + made_up.sum(axis=0)):
            return (
                f"With {count} passages the texts do not all count the same. Compare with `hyde_vector` of the lesson."
            )
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


@exercise("02.5")
def words_bridged_at_least_cost(answer: Any) -> str | None:
    hints = {
        "a": "Count the generations in a month: how many does the archive take, how many do the questions?",
        "c": "Do these questions ask for several things at once?",
        "d": "A header says which document is meant. Is that what is hard here?",
    }
    return choice(answer, "b", hints)
