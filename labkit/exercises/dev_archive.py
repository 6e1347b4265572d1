"""What several exercises need: the dev archive, its questions and the indexes over it, each made once."""

from __future__ import annotations

from functools import cache
from typing import Any

from labkit import bench, corpus, models, rag

# What lessons 00 and 01 ask about; their notebooks name the same.
FIRST_CONTRACT = "C049"
FIRST_QUESTION = "dev-0088"


@cache
def documents() -> list[corpus.Document]:
    return corpus.load_documents("dev")


@cache
def reading() -> list[corpus.Question]:
    return bench.dev_questions("reading")


def first_question() -> corpus.Question:
    return next(q for q in reading() if q.id == FIRST_QUESTION)


@cache
def lookups() -> list[corpus.Question]:
    return [q for q in reading() if q.task == "lookup"]


@cache
def dense() -> rag.VectorIndex:
    return bench.dense_index(documents())


@cache
def hybrid() -> rag.Hybrid:
    return bench.hybrid(documents())


@cache
def tuned_index() -> rag.VectorIndex:
    return bench.tuned_index(documents())


def mean(questions: list[corpus.Question], retriever: Any, *post: Any) -> float:
    """Mean evidence in the prompt, with three passages."""
    pipeline = rag.Pipeline(retriever, models.load_generator(), post=post, top_k=3)
    return bench.mean(bench.measure("", questions, pipeline, answer=False), "evidence_in_prompt").value


def near(answer: Any, expected: float, tolerance: float = 0.005) -> bool:
    return abs(float(answer) - expected) < tolerance


@cache
def lookup_pipeline(perfect: bool = False) -> rag.ToolPipeline:
    """The graph lookup of lessons 05 and 06, over the course's triples or over the gold ones."""
    triples = rag.gold_triples(documents()) if perfect else None
    return bench.build_systems(documents(), models.load_generator(), triples).lookup
