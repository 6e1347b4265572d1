"""Routing: which documents is a question about, so that only those are searched?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

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
        keep = min(self.keep, len(self.headers))
        routes = []
        for hits in self._index.retrieve(queries, keep):
            names = [str(hit.node.metadata["document"]) for hit in hits if hit.score]
            routes.append(names or list(self.headers))
        return routes


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
