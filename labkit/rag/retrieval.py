"""Retrieval: which chunks are nearest in meaning to a question?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import NodeWithScore, TextNode

from labkit.models import Embedder
from labkit.rag.chunking import text_of


class VectorIndex:
    """Chunks and their vectors, searched for many questions at once.

    One embedding call and one matrix product serve all questions; LlamaIndex's in-memory store
    walks through the chunks anew for each. `llama_index()` gives the same chunks as a
    VectorStoreIndex, for any LlamaIndex component.

    Args:
        chunks: made by `rag.chunk`.
        embedder: of `labkit.models`.
        progress: show a bar while embedding.

    Raises:
        ValueError: there are no chunks.
    """

    def __init__(self, chunks: Sequence[TextNode], embedder: Embedder, progress: bool = False) -> None:
        if not chunks:
            raise ValueError("The index would be empty: give it at least one chunk.")
        self.chunks = list(chunks)
        self.embedder = embedder
        self.vectors = embedder.encode([text_of(c) for c in self.chunks], progress=progress)

    def retrieve(self, questions: Sequence[str], top_k: int = 5) -> list[list[NodeWithScore]]:
        """The `top_k` nearest chunks of each question, nearest first, by cosine.

        Raises:
            ValueError: a question is empty, or `top_k` is not between 1 and the number of chunks.
        """
        if not 1 <= top_k <= len(self.chunks):
            raise ValueError(f"top_k is {top_k}: choose a number from 1 to {len(self.chunks)}, the size of the index.")
        if any(not q.strip() for q in questions):
            raise ValueError("A question is empty: write one.")
        scores = self.embedder.encode(questions) @ self.vectors.T
        best = np.argsort(-scores, axis=1, kind="stable")[:, :top_k]
        return [
            [NodeWithScore(node=self.chunks[i], score=float(row[i])) for i in nearest]
            for row, nearest in zip(scores, best, strict=True)
        ]

    def llama_index(self) -> VectorStoreIndex:
        """The same chunks and vectors as LlamaIndex's VectorStoreIndex."""
        for node, vector in zip(self.chunks, self.vectors, strict=True):
            node.embedding = vector.tolist()
        return VectorStoreIndex(self.chunks, embed_model=self.embedder.as_llama_index())
