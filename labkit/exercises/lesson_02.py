"""The exercises of lesson 02. What is expected is computed from the course's data, never written down here."""

from __future__ import annotations

from typing import Any

from labkit import corpus, rag
from labkit.exercises.checking import exercise
from labkit.exercises.dev_archive import (
    dense,
    documents,
    found,
    mean,
    near,
    reading,
)


@exercise("02.1")
def evidence_left_whole(answer: Any) -> str | None:
    spans = [rag.span_of(c) for c in rag.chunk(documents(), tokens=48)]
    evidence = [e for q in reading() for e in q.evidence]
    whole = sum(any(s.overlap(e) == e.end - e.start for s in spans) for e in evidence)
    return None if near(answer, whole / len(evidence)) else "Cut with tokens=48, then `described` tells the share."


@exercise("02.2")
def header_and_clause_as_one_text(answer: Any) -> str | None:
    lookups = [q for q in reading() if q.task == "lookup"]
    if near(answer, mean(lookups, rag.VectorIndex(dense().chunks, dense().embedder))):
        return None
    if near(answer, mean(lookups, dense())):
        return "That is the figure of headers and clauses embedded apart: leave out joined=False."
    return "Index the clauses with headers by rag.VectorIndex(headed, embedder); average over the lookups of `asked`."


@exercise("02.3")
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
