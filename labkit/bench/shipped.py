"""What comes with the course because it takes longer than a lesson: triples and hypothetical questions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from llama_index.core.schema import BaseNode

from labkit import corpus, models, paths, rag
from labkit.corpus import Document, Span
from labkit.rag import ExtractedTriple

SAY = partial(print, flush=True)
_TRIPLES, _QUESTIONS = "triples.jsonl", "hypothetical_questions.jsonl"


def write_rows(name: str, rows: Sequence[Any]) -> Path:
    """Keep rows with the course, as JSON lines with their checksum."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return paths.write_checked(name, text, paths.shipped_results())


def read_rows(name: str, command: str) -> list[Any]:
    """The rows of a file that comes with the course.

    Args:
        name: of the file.
        command: of labkit, that makes the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it does not match its checksum.
    """
    if not (paths.shipped_results() / name).exists():
        raise FileNotFoundError(f"The course carries no {name}: make it with `python -m labkit {command}`.")
    return paths.read_rows(name, paths.shipped_results())


def write_triples(say: Callable[[str], None] = SAY) -> Path:
    """Let the tuned reader extract the triples of the whole archive, and keep them with the course."""
    documents = corpus.load_documents(kinds=("contract", "amendment", "register"))
    chunks = rag.fact_chunks(documents)
    say(f"{len(chunks)} chunks of {len(documents)} documents")
    triples = rag.extract(models.load_tuned(paths.adapter("extractor")), chunks)
    path = write_rows(_TRIPLES, [[t.subject, t.relation, t.object, *asdict(t.source).values()] for t in triples])
    say(f"{len(triples)} triples in {path}")
    return path


def shipped_triples(documents: Sequence[Document]) -> list[ExtractedTriple]:
    """The triples that come with the course for these documents; errors as in `read_rows`."""
    ids = {d.id for d in documents}
    rows = read_rows(_TRIPLES, "triples")
    return [ExtractedTriple(s, r, o, Span(d, a, b)) for s, r, o, d, a, b in rows if d in ids]


def write_questions(say: Callable[[str], None] = SAY) -> Path:
    """Let the generator write the questions that each clause of the dev archive answers, and keep them."""
    documents = corpus.load_documents("dev")
    chunks = rag.clauses_with_headers(documents)
    written = rag.hypothetical_questions(models.load_generator(), chunks)
    rows = [{**asdict(rag.span_of(c)), "questions": texts} for c, texts in zip(chunks, written, strict=True)]
    path = write_rows(_QUESTIONS, rows)
    say(f"{sum(map(len, written))} questions for {len(chunks)} chunks in {path}")
    return path


def shipped_questions(chunks: Sequence[BaseNode]) -> list[list[str]]:
    """For each chunk the questions that come with the course, which may be none; errors as in `read_rows`."""
    rows = read_rows(_QUESTIONS, "questions")
    by_place = {Span(r["document"], r["start"], r["end"]): r["questions"] for r in rows}
    return [by_place.get(rag.span_of(c), []) for c in chunks]
