"""Retrieval from the knowledge graph: entities in a question, the paths between them, and what stands along these.

Sources: Edge et al. 2024, From Local to Global (GraphRAG); Gutiérrez et al. 2024, HippoRAG.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from llama_index.core.schema import NodeWithScore, TextNode

from labkit import stats
from labkit.corpus import COMPANY_RELATIONS, Document, Span
from labkit.models import Intent
from labkit.rag.chunking import annotate, place, span_of
from labkit.rag.graph import KnowledgeGraph, Triple
from labkit.rag.retrieval import Hits, Query, VectorIndex, Within, bundles, check_top_k, stemmer
from labkit.rag.triples import plain_name

Understand = Callable[[Sequence[str]], Sequence[Intent]]


@dataclass(frozen=True)
class Seed:
    """An entity that a question names: the words it uses, and the company they stand for, with how it is named."""

    words: str
    entity: str
    how: str


@dataclass
class GraphRetriever:
    """Passages out of the graph: entities in the question, paths between them, what stands along these.

    A passage is one contract, with what the graph knows of it: the clauses nearest to the question, with the values in
    force, and what the register says of the parties that the question does not name.

    Attributes:
        graph: to search.
        index: of the texts that the graph was made from; orders contracts and clauses.
        understand: says which relation is asked for, such as `models.Intents`; None to go by nearness.
        facts_kept: facts in a passage.
        longest: steps of a path between two entities.
    """

    graph: KnowledgeGraph
    index: VectorIndex
    understand: Understand | None = None
    facts_kept: int = 3
    longest: int = 4

    def seeds(self, question: str) -> list[Seed]:
        """The entities that a question names, in order; each word counts once, the longest name first."""
        text, seeds = question.lower(), []
        # Small letters may be more than the capital was: where each of them stands in the question.
        places = [i for i, letter in enumerate(question) for _ in letter.lower()]
        taken = [False] * len(text)
        for words, entity, how in self._names:
            for match in re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", text):
                if not any(taken[match.start() : match.end()]):
                    taken[match.start() : match.end()] = [True] * len(words)
                    named = question[places[match.start()] : places[match.end() - 1] + 1]
                    seeds.append((match.start(), Seed(named, entity, how)))
        return [seed for _, seed in sorted(seeds, key=lambda pair: pair[0])]

    def masked(self, question: str) -> str:
        """The question without names, so that it is not judged by who is in it."""
        for seed in self.seeds(question):
            question = question.replace(seed.words, "the company")
        return question

    @cached_property
    def _names(self) -> list[tuple[str, str, str]]:
        """Words under which entities are known, the longest first."""
        former = {plain_name(t.text) for t in self.graph.triples if t.relation == "former name"}
        names = [
            (plain, name, "former name" if plain in former and plain != plain_name(name) else "name")
            for plain, name in self.graph.linker.names.items()
        ]
        names += [(person.lower(), person, "officer") for person in self.graph.entities("person")]
        return sorted(names, key=lambda row: (-len(row[0]), row))

    def contracts(self, seeds: Sequence[Seed]) -> list[str]:
        """The contracts that the entities lead to: on paths between two of them, else those of each."""
        ends = (e for path in self._paths(seeds) for step in path for e in (step.subject, step.object))
        between = dict.fromkeys(e for e in ends if self.graph.kind(e) == "contract")
        return list(between or dict.fromkeys(c for seed in seeds for c in self.graph.contracts(seed.entity)))

    def _paths(self, seeds: Sequence[Seed]) -> list[list[Triple]]:
        """The paths between each two of the entities."""
        entities = dict.fromkeys(seed.entity for seed in seeds)
        return [path for a, b in combinations(entities, 2) for path in self.graph.paths(a, b, self.longest)]

    def retrieve(self, queries: Sequence[Query], top_k: int = 5, within: Within | None = None) -> list[Hits]:
        """As `Retriever.retrieve`; no passages for a question that names nothing in the graph."""
        check_top_k(top_k)
        bundled = bundles(queries)
        scores = self.index.scores(bundled)
        intents = self._intents([q.query_str for q in bundled])
        hits = []
        for query, row, names, intent in zip(bundled, scores, within or [None] * len(bundled), intents, strict=True):
            seeds = self.seeds(query.query_str)
            near = {c: self.nearest(row, c) for c in self.contracts(seeds) if names is None or c in names}
            ranked = sorted(near, key=lambda c: -near[c])[:top_k]
            hits.append([NodeWithScore(node=self._passage(c, seeds, row, intent), score=near[c]) for c in ranked])
        return hits

    def _intents(self, questions: Sequence[str]) -> Sequence[Intent | None]:
        return self.understand(questions) if self.understand else [None] * len(questions)

    def subgraph(self, question: str, facts: int = 2) -> list[Triple]:
        """The triples behind an answer: the path between the entities named, and the first facts beside it.

        Raises:
            ValueError: the question names nothing that leads to a contract.
        """
        bundled = bundles([question])
        row, seeds = self.index.scores(bundled)[0], self.seeds(question)
        ranked = sorted(self.contracts(seeds), key=lambda c: -self.nearest(row, c))
        if not ranked:
            raise ValueError(f"Nothing in {question!r} leads to a contract: name a company of the graph.")
        through = [p for p in self._paths(seeds) if any(ranked[0] in (t.subject, t.object) for t in p)]
        path = through[0] if through else self.graph.of(ranked[0], "party")
        stated = self.facts(ranked[0], seeds, row, self._intents([question])[0])
        return list(dict.fromkeys([*path, *stated[:facts]]))

    def nearest(self, row: np.ndarray, contract: str) -> float:
        """How near the nearest chunk of a contract or its amendments is to the question."""
        places = [i for d in (contract, *self.graph.amendments(contract)) for i in self._chunks.get(d, [])]
        return float(row[places].max()) if places else 0.0

    @cached_property
    def _chunks(self) -> dict[str, list[int]]:
        return stats.grouped((str(node.metadata["document"]), i) for i, node in enumerate(self.index.chunks))

    def _nearness(self, triple: Triple, row: np.ndarray) -> float:
        """How near the chunk that a triple was taken from is to the question."""
        chunks = [i for i in self._chunks.get(triple.source.document, [])
                if span_of(self.index.chunks[i]).overlap(triple.source)]  # fmt: skip
        return float(row[chunks].max()) if chunks else -1.0

    def facts(self, contract: str, seeds: Sequence[Seed], row: np.ndarray, intent: Intent | None) -> list[Triple]:
        """What a passage about a contract says: the facts likeliest to be asked for.

        Candidates are the values in force of its clauses, and what the register says of the parties not named. They
        are ordered by the probability of their relation; without `understand`, clauses by how near they are.
        """
        graph, named = self.graph, {seed.entity for seed in seeds if seed.how == "name"}
        others = [p for p in graph.parties(contract) if p not in named] or graph.parties(contract)
        register = [t for p in others for t in graph.of(p) if t.relation in COMPANY_RELATIONS]
        relations = {t.relation for t in graph.clauses(contract)}
        values = [v for r in sorted(relations) if (v := graph.in_force(contract, r)) is not None]
        if intent is not None:
            facts = [*register, *(v.value for v in values)]
            return sorted(facts, key=lambda t: -intent.relations.get(t.relation, 0.0))[: self.facts_kept]
        # The clause as it was first written is nearest to the question, also where an amendment has set another value.
        near = {v.value: max(self._nearness(t, row) for t in (v.value, *v.replaced)) for v in values}
        return [*register, *sorted(near, key=lambda t: -near[t])[: self.facts_kept]]

    def _passage(self, contract: str, seeds: Sequence[Seed], row: np.ndarray, intent: Intent | None) -> TextNode:
        facts = self.facts(contract, seeds, row, intent)
        span = facts[-1].source if facts else Span(contract, 0, 0)
        node = TextNode(text="\n".join(map(_verbalised, facts)))
        place(node, Span(contract, span.start, span.end), self.graph.title(contract))
        annotate(node, sources=sorted({contract, *(f.source.document for f in facts)}))
        return node


def _verbalised(triple: Triple) -> str:
    """A triple as a line of a passage."""
    of = f" of {triple.subject}" if triple.relation in COMPANY_RELATIONS else ""
    return f"{triple.relation.capitalize()}{of}: {triple.text}"


# Words from the start of a contract that describe it, and the weight of its nearest clause, by meaning.
_OPENING, _NEARNESS = 150, 2.0


def _stems(text: str) -> list[str]:
    return stemmer().stemWords(re.findall(r"[^\W\d_]+|\d+", text.lower()))


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
        self._words = {name: set(_stems(text)) for name, text in described.items()}
        if not self._words:
            raise ValueError("There are no contracts among the documents: load some, and build the graph from them.")
        seen = Counter(w for words in self._words.values() for w in words)
        self._weight = {w: math.log(1 + len(self._words) / n) for w, n in seen.items()}

    def find(
        self, questions: Sequence[str], counts: Sequence[int], candidates: Sequence[Sequence[str]]
    ) -> list[list[str]]:
        """The contracts that each question is about, best first.

        Args:
            questions: to rank contracts for.
            counts: how many contracts each question is about, 1 or 2.
            candidates: for each question the contracts to choose from, all where empty.
        """
        rows = zip(questions, self.retriever.index.scores(bundles(questions)), counts, candidates, strict=True)
        return [self._best(question, row, count, names) for question, row, count, names in rows]

    def _best(self, question: str, row: np.ndarray, count: int, names: Sequence[str]) -> list[str]:
        candidates = [d for d in self._words if not names or d in names]
        words = [w for w in dict.fromkeys(_stems(question)) if w in self._weight]
        total = sum(self._weight[w] for w in words) or 1.0
        companies_named = {seed.entity for seed in self.retriever.seeds(question)}
        parties = {d: set(self.retriever.graph.parties(d)) for d in candidates}

        def covered(stems: set[str], companies: set[str]) -> tuple[float, float]:
            share = sum(self._weight[w] for w in words if w in stems) / total
            return share, len(companies_named & companies) / max(1, len(companies_named))

        fits = {d: sum(covered(self._words[d], parties[d])) for d in candidates}
        scores = {d: fit + _NEARNESS * self.retriever.nearest(row, d) for d, fit in fits.items()}
        ranked = sorted(candidates, key=lambda d: -scores[d])
        if count < 2 or len(candidates) < 2:
            return ranked
        best, top = ranked[:2], -math.inf
        for a, b in combinations(ranked[:12], 2):
            # What both cover counts once, so that a pair is not twice the same description.
            share, companies = covered(self._words[a] | self._words[b], parties[a] | parties[b])
            if (score := 2 * share + companies + 0.5 * (scores[a] + scores[b])) > top:
                best, top = [a, b], score
        return [*best, *(d for d in ranked if d not in best)]
