"""What comes with the course because it takes longer than a lesson: triples and hypothetical questions."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.core.schema import BaseNode

from labkit import paths, rag
from labkit.corpus import Document, Span
from labkit.rag import ExtractedTriple


def shipped_triples(documents: Sequence[Document]) -> list[ExtractedTriple]:
    """The triples that come with the course for these documents; errors as in `paths.read_checked`."""
    ids = {d.id for d in documents}
    rows = paths.read_rows("triples.jsonl", paths.shipped_results())
    return [ExtractedTriple(s, r, o, Span(d, a, b)) for s, r, o, d, a, b in rows if d in ids]


def shipped_questions(chunks: Sequence[BaseNode]) -> list[list[str]]:
    """For each chunk the questions that come with the course, which may be none; errors as in `paths.read_checked`."""
    rows = paths.read_rows("hypothetical_questions.jsonl", paths.shipped_results())
    by_place = {Span(r["document"], r["start"], r["end"]): r["questions"] for r in rows}
    return [by_place.get(rag.span_of(c), []) for c in chunks]
