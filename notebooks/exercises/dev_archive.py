"""What several exercises need: the dev archive, its questions and the indexes over it, each made once."""

from __future__ import annotations

from functools import cache

import numpy as np

from labkit import bench, corpus, metrics, models, rag
from labkit.rag import stages
from labkit.rag.retrieval import Retriever, bundles

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


def evidence(retriever: Retriever, *post: stages.Stage, top_k: int = 3, within: bool = False) -> float:
    """Mean share of the evidence of the lookups in the first passages; no model is needed for it.

    Args:
        retriever: searches for twenty.
        post: stages behind it.
        top_k: passages in the prompt.
        within: search in the question's contract alone.
    """
    asked = lookups()
    queries = bundles([q.question for q in asked])
    hits = retriever.retrieve(queries, 20, [[q.cluster] for q in asked] if within else None)
    for stage in post:
        hits = stages.process(stage, queries, hits)
    spans = [[rag.span_of(h.node) for h in row[:top_k]] for row in hits]
    return float(np.mean([metrics.evidence_in_prompt(q.evidence, s) or 0.0 for q, s in zip(asked, spans, strict=True)]))


@cache
def lookup_pipeline(perfect: bool = False) -> rag.ToolPipeline:
    """The graph lookup of lessons 05 and 06, over the course's triples or over the gold ones."""
    triples = rag.gold_triples(documents()) if perfect else None
    return bench.build_systems(documents(), models.load_generator(), triples).lookup
