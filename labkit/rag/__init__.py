"""Retrieval-augmented generation, step by step: chunk, rewrite, retrieve, post-process, answer.

Floor 2. Each step is LlamaIndex's own part where it has one, called on many questions at once.
"""

from labkit.rag.brackets import Known, oracle, oracle_passages, read_oracle, shuffled
from labkit.rag.chunking import (
    ClauseParser,
    add_headers,
    chunk,
    cost_of,
    count_tokens,
    document_headers,
    headed_clauses,
    indexed_text,
    passage_of,
    places_of,
    span_of,
    text_of,
)
from labkit.rag.domain import Domain
from labkit.rag.graph import relations_of, triple_prompts
from labkit.rag.pipeline import Corrective, Pipeline, Result, Step, evaluate, judged_by, score, score_retrieval
from labkit.rag.post import MMR, Compress, First, ReaderRerank, Rerank, Rescore, Window
from labkit.rag.queries import Decompose, HyDE, MultiQuery, Rewrite, hypothetical_questions
from labkit.rag.retrieval import (
    AutoMerging,
    BM25Index,
    Hybrid,
    Routed,
    Router,
    VectorIndex,
    fuse,
    kinds_and_dates,
    titles,
)

__all__ = [
    "MMR",
    "AutoMerging",
    "BM25Index",
    "ClauseParser",
    "Compress",
    "Corrective",
    "Decompose",
    "Domain",
    "First",
    "HyDE",
    "Hybrid",
    "Known",
    "MultiQuery",
    "Pipeline",
    "ReaderRerank",
    "Rerank",
    "Rescore",
    "Result",
    "Rewrite",
    "Routed",
    "Router",
    "Step",
    "VectorIndex",
    "Window",
    "add_headers",
    "chunk",
    "cost_of",
    "count_tokens",
    "document_headers",
    "evaluate",
    "fuse",
    "headed_clauses",
    "hypothetical_questions",
    "indexed_text",
    "judged_by",
    "kinds_and_dates",
    "oracle",
    "oracle_passages",
    "passage_of",
    "places_of",
    "read_oracle",
    "relations_of",
    "score",
    "score_retrieval",
    "shuffled",
    "span_of",
    "text_of",
    "titles",
    "triple_prompts",
]
