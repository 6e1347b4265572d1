"""Retrieval: which chunks are nearest to a question, by meaning, by words, or by both?

Everything here searches for many questions at once: `retrieve(queries, top_k)` gives a list of
scored chunks for each. Any LlamaIndex retriever can be used instead, one question at a time.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Protocol

import numpy as np
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.node_parser import get_leaf_nodes
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from labkit.models import Embedder
from labkit.rag.chunking import indexed_text, text_of

Query = str | QueryBundle
# Chunks of one question with their scores, best first.
Hits = list[NodeWithScore]
# For each query the ids of the documents to search in, or None for all of them.
Within = Sequence[Collection[str] | None]
# For each chunk further texts that stand for it.
Also = Sequence[Sequence[str]]


class Retriever(Protocol):
    """Anything that finds chunks for many queries at once."""

    def retrieve(self, queries: Sequence[Query], top_k: int, within: Within | None = None) -> list[Hits]:
        """The `top_k` best chunks of each query, best first; fewer where `within` holds fewer."""


def bundles(queries: Sequence[Query]) -> list[QueryBundle]:
    """Queries as LlamaIndex's QueryBundle.

    Raises:
        ValueError: a query is empty or not a text, or a single one was given instead of a list.
    """
    if isinstance(queries, str | QueryBundle):
        raise ValueError("Give a list of questions, such as [question], or use ask() of a pipeline for one.")
    if wrong := [q for q in queries if not isinstance(q, str | QueryBundle)]:
        raise ValueError(f"A question must be a text, not {type(wrong[0]).__name__}: write it in words.")
    bundled = [QueryBundle(q) if isinstance(q, str) else q for q in queries]
    if any(not q.query_str.strip() for q in bundled):
        raise ValueError("A question is empty: write one.")
    return bundled


def search(
    retriever: Retriever | BaseRetriever, queries: Sequence[Query], top_k: int, within: Within | None = None
) -> list[Hits]:
    """Search with a retriever of this module for all queries at once, or with a LlamaIndex retriever one by one.

    Raises:
        ValueError: a query is empty; a LlamaIndex retriever is asked to search in certain documents only.
    """
    bundled = bundles(queries)
    if not isinstance(retriever, BaseRetriever):
        return retriever.retrieve(bundled, top_k, within)
    if within is not None:
        raise ValueError("A LlamaIndex retriever filters by its own MetadataFilters: set them when you build it.")
    return [retriever.retrieve(query)[:top_k] for query in bundled]


def check_top_k(top_k: int, size: int | None = None) -> None:
    """Raise a ValueError unless `top_k` is at least 1, and at most the size of the index where that is known."""
    if size is not None and not 1 <= top_k <= size:
        raise ValueError(f"top_k is {top_k}: choose a number from 1 to {size}, the size of the index.")
    if top_k < 1:
        raise ValueError(f"top_k is {top_k}: choose 1 or more.")


def check_chunks(chunks: Sequence[TextNode]) -> None:
    """Raise a ValueError unless all are chunks, with the document that they were cut from."""
    if not all(isinstance(c, TextNode) and "document" in c.metadata for c in chunks):
        raise ValueError("An index is made of a list of chunks: cut your documents with `rag.chunk(documents)` first.")


class _Chunks(ABC):
    """What the indices share: their chunks, and how scores become lists."""

    def __init__(self, chunks: Sequence[TextNode]) -> None:
        if not chunks:
            raise ValueError("The index would be empty: give it at least one chunk.")
        check_chunks(chunks)
        self.chunks = list(chunks)
        # The largest `top_k`; where an access filter leaves fewer chunks, as many as were there before.
        self._most = len(self.chunks)
        self._documents = np.array([str(c.metadata["document"]) for c in self.chunks])

    @abstractmethod
    def scores(self, queries: Sequence[QueryBundle]) -> np.ndarray:
        """How near each chunk is to each query, shape (queries, chunks)."""

    def retrieve(self, queries: Sequence[Query], top_k: int = 5, within: Within | None = None) -> list[Hits]:
        """The `top_k` best chunks of each query, best first.

        Args:
            within: for each query the documents to search in, or None for all.

        Raises:
            ValueError: a query is empty, `top_k` is not between 1 and the number of chunks, or no chunk
                is left to search in.
        """
        check_top_k(top_k, self._most)
        bundled = bundles(queries)
        hits = []
        for row, names in zip(self.scores(bundled), within or [None] * len(bundled), strict=True):
            allowed = np.arange(len(row)) if names is None else np.flatnonzero(np.isin(self._documents, list(names)))
            if not len(allowed):
                raise ValueError("The filter leaves no chunk to search in: name documents that are in the index.")
            best = allowed[np.argsort(-row[allowed], kind="stable")[:top_k]]
            hits.append([NodeWithScore(node=self.chunks[i], score=float(row[i])) for i in best])
        return hits


class VectorIndex(_Chunks):
    """Chunks and their vectors, searched by meaning for many questions at once.

    One embedding call and one matrix product serve all questions; LlamaIndex's in-memory store
    goes through the chunks once for each. `llama_index()` gives the same chunks as a
    VectorStoreIndex, for any LlamaIndex component.

    Args:
        chunks: made by `rag.chunk`.
        embedder: of `labkit.models`.
        also: for each chunk further texts that stand for it, such as questions that it answers;
            the nearest of a chunk's texts counts.
        joined: embed a contextual header and its chunk as one text; else each by itself, and add the two vectors,
            which embeds each header only once and keeps a long one from drowning a short chunk.

    Raises:
        ValueError: there are no chunks, something else was given, or `also` has another length.
    """

    def __init__(
        self, chunks: Sequence[TextNode], embedder: Embedder, also: Also | None = None, joined: bool = True
    ) -> None:
        super().__init__(chunks)
        if also is not None and len(also) != len(self.chunks):
            raise ValueError(f"`also` has {len(also)} entries for {len(self.chunks)} chunks: give one list for each.")
        self.embedder = embedder
        self.vectors = _vectors(self.chunks, embedder, joined)
        rows = [(i, text) for i, texts in enumerate(also or []) for text in texts if text.strip()]
        self._also = np.array([i for i, _ in rows], dtype=int)
        self._further = embedder.encode([text for _, text in rows])

    def scores(self, queries: Sequence[QueryBundle]) -> np.ndarray:
        texts = [text for q in queries for text in q.embedding_strs]
        vectors = self.embedder.encode(texts, query=True)
        # A made-up passage (HyDE) is embedded as a passage.
        if written := [i for i, text in enumerate(texts) if text not in {q.query_str for q in queries}]:
            vectors[written] = self.embedder.encode([texts[i] for i in written])
        owner = np.repeat(np.arange(len(queries)), [len(q.embedding_strs) for q in queries])
        if len(queries):
            vectors = np.stack([vectors[owner == i].mean(axis=0) for i in range(len(queries))])
        scores = vectors @ self.vectors.T
        if len(self._also):
            # A maximum over a chunk's own text and the texts that stand for it.
            np.maximum.at(scores.T, self._also, (vectors @ self._further.T).T)
        return scores

    def llama_index(self) -> VectorStoreIndex:
        """The same chunks and vectors as LlamaIndex's VectorStoreIndex."""
        for node, vector in zip(self.chunks, self.vectors, strict=True):
            node.embedding = vector.tolist()
        return VectorStoreIndex(self.chunks, embed_model=self.embedder.as_llama_index())


def _vectors(chunks: Sequence[TextNode], embedder: Embedder, joined: bool) -> np.ndarray:
    """Vectors of chunks with their headers, shape (chunks, dimension), rows of unit length."""
    if joined:
        return embedder.encode([indexed_text(c) for c in chunks])
    own = embedder.encode([text_of(c) for c in chunks])
    headers = embedder.encode([str(c.metadata.get("header", "")) for c in chunks])
    has = np.array([[float("header" in c.metadata)] for c in chunks], dtype=np.float32)
    sums = own + has * headers
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)


_WORD = re.compile(r"\d+(?:\.\d+)+|\w+")
# What a label such as "Schedule A" or "clause 7.2" ends with.
_NUMBER = re.compile(r"[^\W_]|\d+(?:\.\d+)*")


@cache
def stemmer() -> Any:
    """Snowball's stemmer of English."""
    import Stemmer

    return Stemmer.Stemmer("english")


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    """A word without its ending; empty for one of bm25s's stop words, negations aside."""
    from bm25s.stopwords import STOPWORDS_EN

    return "" if word in STOPWORDS_EN and word not in ("no", "not") else str(stemmer().stemWord(word))


def search_words(text: str) -> list[str]:
    """The words of a text, for index and question alike.

    Negations, numbers and single letters are kept, "1,000" is "1000", "shan't" holds "not". A word and the number or
    letter after it also count as one ("schedule a", "clause 7"), for apart they stand in nearly every contract.
    """
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    text = re.sub(r"'s\b", "", re.sub(r"n't\b", " not", text, flags=re.IGNORECASE), flags=re.IGNORECASE)
    words: list[str] = []
    before, end = "", 0
    for match in _WORD.finditer(text):
        word, stem = match[0], _stem(match[0].lower())
        if stem:
            words.append(stem)
        # A small "a" is the article.
        if before and _NUMBER.fullmatch(word) and word != "a" and text[end : match.start()].isspace():
            words.append(f"{before} {word.lower()}")
        before, end = stem if word.isalpha() and len(word) > 1 else "", match.end()
    return words


class BM25Index(_Chunks):
    """Chunks searched by words (`search_words`) for many questions at once, with bm25s, as LlamaIndex's BM25Retriever.

    Source: Robertson and Zaragoza 2009, The Probabilistic Relevance Framework; Lù 2024, BM25S.

    Args:
        chunks: made by `rag.chunk`.

    Raises:
        ValueError: there are no chunks, something else was given, or the chunks hold no words.
    """

    def __init__(self, chunks: Sequence[TextNode]) -> None:
        from bm25s import BM25

        super().__init__(chunks)
        words = [search_words(indexed_text(node)) for node in self.chunks]
        if not any(words):
            raise ValueError("The chunks hold no words to search for: check what was loaded.")
        self._bm25 = BM25()
        self._bm25.index(words, show_progress=False)

    def scores(self, queries: Sequence[QueryBundle]) -> np.ndarray:
        rows = np.zeros((len(queries), len(self.chunks)), dtype=np.float32)
        for row, query in zip(rows, queries, strict=True):
            if known := [w for w in search_words(query.query_str) if w in self._bm25.vocab_dict]:
                row[:] = self._bm25.get_scores(known)
        return rows

    def llama_index(self, top_k: int = 5) -> BaseRetriever:
        """The same index as a LlamaIndex retriever."""
        count = min(top_k, len(self.chunks))
        return OneByOne(lambda query: self.retrieve([query], count)[0])


class OneByOne(BaseRetriever):
    """A search as a LlamaIndex retriever."""

    def __init__(self, find: Callable[[QueryBundle], Hits]) -> None:
        self._find = find
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._find(query_bundle)


def _fixed(hits: Sequence[NodeWithScore]) -> BaseRetriever:
    """Results found before, for LlamaIndex components that want a retriever."""
    return OneByOne(lambda _: [NodeWithScore(node=hit.node, score=hit.score) for hit in hits])


def fuse(lists: Sequence[Sequence[NodeWithScore]], top_k: int) -> list[NodeWithScore]:
    """One ranking out of several, by reciprocal rank fusion: LlamaIndex's QueryFusionRetriever.

    Source: Cormack, Clarke and Büttcher 2009, Reciprocal Rank Fusion Outperforms Condorcet.
    """
    from llama_index.core.llms import MockLLM
    from llama_index.core.retrievers import QueryFusionRetriever
    from llama_index.core.retrievers.fusion_retriever import FUSION_MODES

    if len(lists) < 2:
        return [hit for hits in lists for hit in hits[:top_k]]
    # BM25 ranks chunks that share no word with the query, at score 0, when nothing else is left: drop them.
    scored = [[hit for hit in hits if hit.score != 0] for hits in lists]
    lists = scored if any(scored) else lists
    fusion = QueryFusionRetriever(
        [_fixed(hits) for hits in lists], llm=MockLLM(), mode=FUSION_MODES.RECIPROCAL_RANK,
        similarity_top_k=top_k, num_queries=1, use_async=False,
    )  # fmt: skip
    return fusion.retrieve("fused")


@dataclass
class Hybrid:
    """Several retrievers, fused by reciprocal rank.

    Attributes:
        retrievers: such as a VectorIndex and a BM25Index over the same chunks.
        depth: chunks taken from each before fusing.
    """

    retrievers: Sequence[Retriever | BaseRetriever]
    depth: int = 30

    def retrieve(self, queries: Sequence[Query], top_k: int = 5, within: Within | None = None) -> list[Hits]:
        """As `Retriever.retrieve`.

        Raises:
            ValueError: there is no retriever, or `top_k` is below 1.
        """
        check_top_k(top_k)
        if not self.retrievers:
            raise ValueError("There is nothing to fuse: give at least one retriever.")
        # Of a retriever that does not say how many chunks it has, no more are asked for than are wanted.
        sizes = [len(r.chunks) if isinstance(r, _Chunks) else top_k for r in self.retrievers]
        depths = [min(max(self.depth, top_k), size) for size in sizes]
        lists = [search(r, queries, depth, within) for r, depth in zip(self.retrievers, depths, strict=True)]
        return [fuse(row, top_k) for row in zip(*lists, strict=True)]


class AutoMerging:
    """Search small chunks; where more than half of a larger chunk's parts were found, take the larger one.

    LlamaIndex's AutoMergingRetriever over the nodes of its HierarchicalNodeParser.

    Args:
        nodes: every level, from `rag.chunk(documents, HierarchicalNodeParser...)`.
        embedder: for the smallest chunks.
        depth: small chunks that are searched before merging.
        joined: as in `VectorIndex`.
    """

    def __init__(self, nodes: Sequence[TextNode], embedder: Embedder, depth: int = 12, joined: bool = True) -> None:
        check_chunks(nodes)
        leaves = [n for n in get_leaf_nodes(list(nodes)) if isinstance(n, TextNode)]
        self.index, self.depth = VectorIndex(leaves, embedder, joined=joined), depth
        self._storage = StorageContext.from_defaults()
        self._storage.docstore.add_documents(list(nodes))

    @property
    def chunks(self) -> list[TextNode]:
        """The smallest chunks."""
        return self.index.chunks

    def retrieve(self, queries: Sequence[Query], top_k: int = 5, within: Within | None = None) -> list[Hits]:
        """As `Retriever.retrieve`, on merged chunks; at least 1 of them."""
        from llama_index.core.retrievers import AutoMergingRetriever

        check_top_k(top_k)
        depth = min(max(self.depth, top_k), len(self.index.chunks))
        merged = []
        for query, hits in zip(bundles(queries), self.index.retrieve(queries, depth, within), strict=True):
            small: Any = _fixed(hits)
            merged.append(AutoMergingRetriever(small, self._storage).retrieve(query)[:top_k])
        return merged
