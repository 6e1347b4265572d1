"""Which contracts is a question about? By the words of their openings, the companies, and their clauses."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from labkit.corpus import Document
from labkit.rag.graph_retrieval import GraphRetriever
from labkit.rag.retrieval import bundles
from labkit.rag.search_words import stemmer

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
