"""Retrieval-augmented generation, step by step: chunk, retrieve, answer.

Floor 2. Each step is LlamaIndex's own part where it has one, called on many questions at once.
"""

from labkit.rag.chunking import chunk, count_tokens, span_of
from labkit.rag.domain import Domain
from labkit.rag.oracle import oracle_passages, read_oracle
from labkit.rag.pipeline import NaiveRAG, Result, evaluate, score
from labkit.rag.retrieval import VectorIndex

__all__ = [
    "Domain",
    "NaiveRAG",
    "Result",
    "VectorIndex",
    "chunk",
    "count_tokens",
    "evaluate",
    "oracle_passages",
    "read_oracle",
    "score",
    "span_of",
]
