"""Which documents is a question about, so that only those are searched, and is it about any of them?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from llama_index.core.schema import TextNode

from labkit.corpus import Document, Span
from labkit.models import Embedder
from labkit.rag.chunking import place
from labkit.rag.retrieval import BM25Index, Hits, Hybrid, Query, Retriever, VectorIndex, Within, check_top_k


@dataclass
class Router:
    """Which documents is a question about? By the words of their titles or headers, or by their meaning as well.

    Attributes:
        headers: what describes each document, by id: its title, or `document_headers`.
        embedder: compares the meaning; None to compare words alone.
        keep: documents that are kept for a question.
    """

    headers: Mapping[str, str]
    embedder: Embedder | None = None
    keep: int = 3
    _index: Retriever = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.headers:
            raise ValueError("The router needs headers of documents.")
        rows = self.headers.items()
        nodes = [place(TextNode(text=text, id_=name), Span(name, 0, len(text)), name) for name, text in rows]
        words = BM25Index(nodes)
        self._index = Hybrid([words, VectorIndex(nodes, self.embedder)]) if self.embedder else words

    def route(self, queries: Sequence[Query]) -> list[list[str]]:
        """The ids of the documents kept for each query, likeliest first.

        Where only words are compared and no header holds a word of the query, all documents are kept.
        """
        found = self._index.retrieve(queries, min(self.keep, len(self.headers)))
        routes = [[str(hit.node.metadata["document"]) for hit in hits if hit.score] for hits in found]
        return [names or list(self.headers) for names in routes]


@dataclass
class Routed:
    """Search only in the documents that a router keeps."""

    retriever: Retriever
    router: Router

    def retrieve(self, queries: Sequence[Query], top_k: int = 5, within: Within | None = None) -> list[Hits]:
        """As `Retriever.retrieve`; `within` narrows what the router keeps, unless nothing would be left."""
        check_top_k(top_k)
        kept: list[Collection[str]] = list(self.router.route(queries))
        if within is not None:
            rows = zip(kept, within, strict=True)
            kept = [k if names is None else [n for n in k if n in names] or names for k, names in rows]
        return self.retriever.retrieve(queries, top_k, kept)


def titles(documents: Sequence[Document]) -> dict[str, str]:
    """Titles by document id, for a `Router`."""
    return {d.id: d.title for d in documents}


def kinds_and_dates(documents: Sequence[Document]) -> dict[str, str]:
    """Kind and date by document id, for a `Router`; documents without either are left out."""
    descriptions = {}
    for document in documents:
        kind, day = str(document.metadata.get("kind") or ""), document.metadata.get("date")
        written = f"{(at := date.fromisoformat(str(day))).day} {at:%B} {at.year}" if day else ""
        descriptions[document.id] = f"{kind.replace('_', ' ')} {written}".strip()
    return {name: text for name, text in descriptions.items() if text}


WARNING = (
    "This question is unlike those that the course's documents can answer, so the reply is probably meaningless "
    "(nearest passage: similarity {similarity:.2f}, usual from {threshold:.2f})."
)


class Domain:
    """Warns of questions that lie outside the documents, by the distance to the nearest chunk.

    A question far from every chunk is outside. What is far is calibrated on questions that are inside: all but
    `share` of them must pass. A small model answers any question, however far from its documents; the distance does not
    depend on what it says.

    Args:
        index: the chunks.
        questions: questions known to be inside, such as those of dev.
        share: of these, how many may be warned of.

    Raises:
        ValueError: no questions, or a share outside 0 to 1.
    """

    def __init__(self, index: VectorIndex, questions: Sequence[str], share: float = 0.02) -> None:
        if not questions or not 0 <= share < 1:
            raise ValueError("Calibrate with at least one question, and a share from 0 to below 1.")
        self.index = index
        self.threshold = float(np.quantile(self.similarity(questions), share))

    def similarity(self, questions: Sequence[str]) -> np.ndarray:
        """Cosine between each question and its nearest chunk, shape (questions,)."""
        return np.array([hits[0].score for hits in self.index.retrieve(questions, top_k=1)])

    def warning(self, question: str) -> str | None:
        """A sentence that warns the asker, or None where the question lies inside."""
        similarity = float(self.similarity([question])[0])
        if similarity >= self.threshold:
            return None
        return WARNING.format(similarity=similarity, threshold=self.threshold)
