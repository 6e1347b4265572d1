"""Results that come with the course because they take longer than a lesson: hypothetical questions, and triples."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labkit import corpus, models, paths, questions, rag
from synthesis.checked import write_checked

# Questions that the reader wrote about the train contracts, with what the filters made of them.
WRITTEN = "written_questions.jsonl"


def _write(name: str, rows: Iterable[Any]) -> Path:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return write_checked(name, text, paths.shipped_results())


def write_questions() -> Path:
    """Let the generator write the questions that each clause of the dev archive answers, for lesson 02."""
    chunks = rag.clauses_with_headers(corpus.load_documents("dev"))
    written = rag.hypothetical_questions(models.load_generator(), chunks)
    rows = [{**asdict(rag.span_of(c)), "questions": found} for c, found in zip(chunks, written, strict=True)]
    return _write("hypothetical_questions.jsonl", rows)


def write_training_questions() -> Path:
    """Let the reader write questions about the clauses of the train contracts, and filter them, for lesson 07."""
    chunks = rag.clauses_with_headers(corpus.load_documents("train", ("contract", "amendment")))
    evaluation = [q for half in ("new", "seen") for q in corpus.load_questions("dev", half=half)]
    rows = questions.write_questions(models.load_generator(), chunks, evaluation, progress=True)
    return _write(WRITTEN, map(asdict, rows))


def write_triples(split: str | None = None) -> Path:
    """Let the tuned reader extract the triples of the archive: lessons 05 and 06 need those of dev, the benchmark all.

    Args:
        split: of the contracts and amendments; all of them by default. Register extracts belong to every split.
    """
    chunks = rag.fact_chunks(corpus.load_documents(split, kinds=("contract", "amendment", "register")))
    found = rag.extract(models.load_tuned(paths.adapter("extractor")), chunks)
    return _write("triples.jsonl", ([m.subject, m.relation, m.object, *asdict(m.source).values()] for m in found))
