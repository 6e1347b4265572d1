"""Which documents is a question about, so that only those are searched, and is it about any of them?"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from llama_index.core.schema import TextNode

from labkit.corpus import Document, Span
from labkit.models import Embedder
from labkit.rag.chunking import place
from labkit.rag.graph_retrieval import GraphRetriever
from labkit.rag.retrieval import BM25Index, Hits, Hybrid, Query, Retriever, VectorIndex, Within, bundles, check_top_k
from labkit.rag.search_words import stemmer


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


# Words from the start of a contract that describe it, and the weight of its nearest clause, by meaning.
_OPENING, _NEARNESS = 150, 2.0


class ContractRanker:
    """Ranks contracts by how well their opening words, their companies and their clauses fit a question.

    Args:
        documents: contracts among them are the candidates.
        retriever: knows the companies and indexes the clauses.
    """

    def __init__(self, documents: Sequence[Document], retriever: GraphRetriever) -> None:
        contracts = set(retriever.graph.entities("contract"))
        self.documents, self.retriever = documents, retriever
        described = {d.id: f"{d.title} {' '.join(d.text.split()[:_OPENING])}" for d in documents if d.id in contracts}
        self._words = {name: set(self._stems(text)) for name, text in described.items()}
        if not self._words:
            raise ValueError("There are no contracts among the documents: load some, and build the graph from them.")
        seen = Counter(w for words in self._words.values() for w in words)
        self._weight = {w: math.log(1 + len(self._words) / n) for w, n in seen.items()}

    @staticmethod
    def _stems(text: str) -> list[str]:
        return stemmer().stemWords(re.findall(r"[^\W\d_]+|\d+", text.lower()))

    def find(
        self, questions: Sequence[str], counts: Sequence[int], candidates: Sequence[Sequence[str]]
    ) -> list[list[str]]:
        """The contracts that each question is about, best first.

        Args:
            questions: to rank contracts for.
            counts: how many contracts each question is about, 1 or 2.
            candidates: for each question the contracts to choose from, all where empty.
        """
        scores = self.retriever.index.scores(bundles(questions))
        rankings = []
        for question, row, count, names in zip(questions, scores, counts, candidates, strict=True):
            open_to = [d for d in self._words if not names or d in names]
            rankings.append(self._best(question, row, count, open_to))
        return rankings

    def _best(self, question: str, row: np.ndarray, count: int, candidates: Sequence[str]) -> list[str]:
        words = [w for w in dict.fromkeys(self._stems(question)) if w in self._weight]
        total = sum(self._weight[w] for w in words) or 1.0
        companies_named = {seed.entity for seed in self.retriever.seeds(question)}
        parties = {d: set(self.retriever.graph.parties(d)) for d in candidates}

        def covered(stems: set[str], companies: set[str]) -> tuple[float, float]:
            share = sum(self._weight[w] for w in words if w in stems) / total
            return share, len(companies_named & companies) / max(1, len(companies_named))

        scores = {}
        for d in candidates:
            share, companies = covered(self._words[d], parties[d])
            scores[d] = share + companies + _NEARNESS * self.retriever.nearest(row, d)
        ranked = sorted(candidates, key=lambda d: -scores[d])
        if count < 2 or len(candidates) < 2:
            return ranked
        best, top = ranked[:2], -math.inf
        for a, b in itertools.combinations(ranked[:12], 2):
            # What both cover counts once, so that a pair is not twice the same description.
            share, companies = covered(self._words[a] | self._words[b], parties[a] | parties[b])
            if (score := 2 * share + companies + 0.5 * (scores[a] + scores[b])) > top:
                best, top = [a, b], score
        return [*best, *(d for d in ranked if d not in best)]
