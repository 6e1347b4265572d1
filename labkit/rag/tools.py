"""Many documents: which ones a question is about, one tool for each, and what is made of the values they give.

A question is planned (what is asked, of which documents), every document is asked by a tool (a table of extracted
values, or the reader), and code puts the values together: compares, filters, takes the one in force. LlamaIndex's
SubQuestionQueryEngine has the same three steps, with an LLM in each.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from llama_index.core.schema import NodeWithScore, TextNode

from labkit.corpus import COMPANY_RELATIONS, Span
from labkit.metrics import normalise
from labkit.models import Generator
from labkit.prompts import REFUSAL, Message
from labkit.rag.chunking import count_tokens, passage_of, span_of
from labkit.rag.contract_ranker import ContractRanker
from labkit.rag.graph import InForce, KnowledgeGraph, Triple
from labkit.rag.graph_retrieval import GraphRetriever, Intent, Seed, Understand
from labkit.rag.pipeline import Result, Step, fit
from labkit.rag.retrieval import VectorIndex, bundles
from labkit.replies import parse_answer
from labkit.values import Quantity, difference, parse_quantity, quantities


@dataclass(frozen=True)
class Found:
    """What a tool found in a document: a value in force and where it stands, or nothing.

    Attributes:
        text: the value as written, None where the document gives none.
        replaced: earlier values, the oldest first.
        tokens: that a generator read for it.
    """

    document: str
    relation: str
    text: str | None = None
    source: Span | None = None
    replaced: tuple[Triple, ...] = ()
    tokens: int = 0


Request = tuple[str, str]  # (document, relation)


class Tool(Protocol):
    """Answers what a document says on a relation."""

    def stated(self, documents: Sequence[str], like: Sequence[Quantity] = ()) -> set[str] | None:
        """The relations that any of the documents states; None where the tool cannot tell before it looks.

        Args:
            like: only relations with a value that can be compared with one of these.
        """

    def ask(self, requests: Sequence[Request]) -> list[Found]:
        """The value of each (document, relation)."""


@dataclass
class GraphLookupTool:
    """Looks values up in the knowledge graph; reads nothing."""

    graph: KnowledgeGraph

    def stated(self, documents: Sequence[str], like: Sequence[Quantity] = ()) -> set[str]:
        """As `Tool.stated`, register facts of the parties included."""
        clauses = [t for contract in documents for t in self.graph.clauses(contract)]
        if like:
            alike = {q.dimension for q in like}
            return {t.relation for t in clauses if (q := parse_quantity(t.text)) is not None and q.dimension in alike}
        own = {t.relation for t in clauses}
        return own | {t.relation for c in documents for p in self.graph.parties(c) for t in self.graph.of(p)
                      if t.relation in COMPANY_RELATIONS}  # fmt: skip

    def ask(self, requests: Sequence[Request]) -> list[Found]:
        """As `Tool.ask`, the amended value where there is one."""
        made = []
        for document, relation in requests:
            held = self.graph.in_force(document, relation)
            made.append(
                Found(document, relation)
                if held is None
                else Found(document, relation, held.value.text, held.value.source, held.replaced)
            )
        return made


@dataclass
class ReadTool:
    """Asks the generator: what is the relation in this document? From the nearest clauses of it and its amendments.

    Attributes:
        index: of all documents; searched inside one document and its amendments.
        top_k: passages in a prompt; those of amendments come first, the newest at the front, for the newest text wins.
    """

    index: VectorIndex
    graph: KnowledgeGraph
    generator: Generator
    top_k: int = 2

    def stated(self, documents: Sequence[str], like: Sequence[Quantity] = ()) -> None:
        """Not known before reading."""

    def ask(self, requests: Sequence[Request]) -> list[Found]:
        """As `Tool.ask`."""
        if not requests:
            return []
        families = [(document, *self.graph.amendments(document)) for document, _ in requests]
        asked = [f"What is the {relation} in the {self.graph.title(document)}?" for document, relation in requests]
        hits = self.index.retrieve(asked, self.top_k, families)
        prompts, nodes = [], []
        for question, found, family in zip(asked, hits, families, strict=True):
            order = sorted(found, key=lambda hit: -family.index(str(hit.node.metadata["document"])))
            messages, kept = fit(self.generator, question, [passage_of(hit.node) for hit in order])
            prompts.append(messages)
            nodes.append([hit.node for hit in order[:kept]])
        made = []
        for (document, relation), reply, prompt, given in zip(
            requests, self.generator.generate(prompts), prompts, nodes, strict=True
        ):
            answer, tokens = parse_answer(reply), self.generator.count_tokens(prompt)
            cited = [given[i - 1] for i in answer.citations if 1 <= i <= len(given)] or given[:1]
            text = None if answer.refused else answer.text
            made.append(Found(document, relation, text, span_of(cited[0]) if cited else None, (), tokens))
        return made


# --------------------------------------------------------------------------------- planning


@dataclass(frozen=True)
class Plan:
    """What is to be done for a question.

    Attributes:
        operation: as in `Intent`.
        relation: asked for.
        documents: contracts to ask, the likeliest first.
        company: whose contracts are listed, or whose partner is asked about.
    """

    operation: str
    relation: str
    documents: tuple[str, ...]
    company: str | None = None


@dataclass
class ToolPipeline:
    """Plan a question, ask a tool for each document, put the values together.

    Attributes:
        retriever: finds entities and the paths between them.
        references: finds the contracts meant.
        understand: says what is asked, such as `models.Intents`.
        tool: gives values.
        floor: a relation less probable than this is no answer: refuse.
    """

    retriever: GraphRetriever
    references: ContractRanker
    understand: Understand
    tool: Tool
    floor: float = 0.05

    @property
    def graph(self) -> KnowledgeGraph:
        """The graph that the retriever searches."""
        return self.retriever.graph

    def plan(self, questions: Sequence[str]) -> list[Plan]:
        """What is to be done for each question; errors as in `retrieval.bundles`."""
        if not bundles(questions):
            return []
        intents = self.understand(questions)
        seeds = [self.retriever.seeds(q) for q in questions]
        counts = [2 if intent.operation in _PAIRS else 1 for intent in intents]
        among = [self.retriever.contracts(s) if count == 1 else [] for s, count in zip(seeds, counts, strict=True)]
        found = self.references.find(questions, counts, among)
        return [
            self._planned(question, intent, named, ranked)
            for question, intent, named, ranked in zip(questions, intents, seeds, found, strict=True)
        ]

    def _planned(self, question: str, intent: Intent, seeds: Sequence[Seed], ranked: Sequence[str]) -> Plan:
        company = next((s.entity for s in seeds if s.entity in self._companies), None)
        if intent.operation.startswith("list"):
            documents = tuple(self.graph.contracts(company)) if company else ()
        else:
            documents = tuple(ranked[: 2 if intent.operation in _PAIRS else 1])
        like = quantities(question) if intent.operation.startswith("list") else []
        stated = self.tool.stated(documents, like)
        open_to = [r for r in intent.relations if stated is None or r in stated]
        if intent.operation != "value":
            open_to = [r for r in open_to if r not in COMPANY_RELATIONS]
        relation = max(open_to, key=lambda r: intent.relations[r], default="")
        if intent.relations.get(relation, 0.0) < self.floor:
            relation = ""
        return Plan(intent.operation, relation, documents, company)

    @cached_property
    def _companies(self) -> set[str]:
        return set(self.graph.entities("company"))

    def run(
        self, questions: Sequence[str], histories: Sequence[Sequence[Message]] | None = None, progress: bool = False
    ) -> list[Result]:
        """Answer many questions, as `Pipeline.run` does; `histories` and `progress` are not used."""
        start = time.perf_counter()
        plans = self.plan(questions)
        requests = [self._requests(plan) for plan in plans]
        values = iter(self.tool.ask([r for row in requests for r in row]))
        found = [[next(values) for _ in row] for row in requests]
        each = 1000 * (time.perf_counter() - start) / max(1, len(questions))
        return [self._result(q, p, f, each) for q, p, f in zip(questions, plans, found, strict=True)]

    def _requests(self, plan: Plan) -> list[Request]:
        if plan.relation in COMPANY_RELATIONS or not plan.relation:
            return []
        return [(document, plan.relation) for document in plan.documents]

    def _result(self, question: str, plan: Plan, found: Sequence[Found], milliseconds: float) -> Result:
        if plan.relation in COMPANY_RELATIONS:
            found = self._register(plan, question)
        text, used = combine(question, plan, found, self.graph)
        nodes = [node for f in used if f.source is not None and (node := self._node(f.source)) is not None]
        reply = f"{text} {''.join(f'[{i}]' for i in range(1, len(nodes) + 1))}".strip() if text else REFUSAL
        tokens = sum(f.tokens for f in found)
        steps = (
            Step("plan", (question,), (f"{plan.operation}: {plan.relation or 'nothing known'}",), 0, 0.0),
            Step("ask", plan.documents, tuple(f"{f.document}: {f.text}" for f in found), tokens, milliseconds),
            Step("combine", tuple(str(f.text) for f in used), (reply,), count_tokens(reply), 0.0),
        )
        hits = tuple(NodeWithScore(node=node, score=1.0) for node in nodes)
        return Result(question, hits, len(hits), reply, parse_answer(reply), tokens, steps)

    def _register(self, plan: Plan, question: str) -> list[Found]:
        """What the register says of the party that the question does not name."""
        named = {s.entity for s in self.retriever.seeds(question) if s.how == "name"}
        others = [p for c in plan.documents for p in self.graph.parties(c) if p not in named]
        said = [t for p in others for t in self.graph.of(p, plan.relation)]
        return [Found(plan.documents[0], plan.relation, t.text, t.source) for t in said[:1]]

    def _node(self, source: Span) -> TextNode | None:
        return next((n for n in self.retriever.index.chunks if span_of(n).overlap(source)), None)


_PAIRS = ("larger", "same", "difference")


def combine(question: str, plan: Plan, found: Sequence[Found], graph: KnowledgeGraph) -> tuple[str, list[Found]]:
    """The answer that the values give, and those that it rests on; an empty text where they give none."""
    held = [f for f in found if f.text is not None]
    if plan.operation == "value":
        return (str(held[0].text), held[:1]) if held else ("", [])
    if plan.operation.startswith("list"):
        kept = [f for f in held if _meets(plan.operation, str(f.text), question)]
        others = [p for f in kept for p in graph.parties(f.document) if p != plan.company]
        return "; ".join(dict.fromkeys(others)), kept
    if len(held) < 2:
        return "", []
    return _pair(plan.operation, held[0], held[1], graph), held[:2]


def _pair(operation: str, a: Found, b: Found, graph: KnowledgeGraph) -> str:
    sizes = [parse_quantity(str(f.text)) for f in (a, b)]
    if sizes[0] is None or sizes[1] is None:
        same = normalise(str(a.text)) == normalise(str(b.text))
        return ("yes" if same else "no") if operation == "same" else ""
    apart = difference(sizes[0], sizes[1])
    if operation == "same":
        return "yes" if apart is not None and apart.number == 0 else "no"
    if apart is None:
        return ""
    if operation == "difference":
        return str(apart)
    return graph.title((a if sizes[0].size >= sizes[1].size else b).document)


def _meets(operation: str, text: str, question: str) -> bool:
    """Whether a value is above, below or equal to what the question names."""
    value = parse_quantity(text)
    if value is None:
        return operation == "list equal" and normalise(text) in normalise(question)
    limits = [q for q in quantities(question) if q.dimension == value.dimension]
    if not limits:
        return False
    if operation == "list equal":
        return abs(value.size - limits[-1].size) < 1e-9
    return value.size > limits[-1].size if operation == "list above" else value.size < limits[-1].size


def matrix(graph: KnowledgeGraph, contracts: Sequence[str], relations: Sequence[str]) -> dict[str, dict[str, InForce]]:
    """Contracts by relations: the value in force of each, with what it replaced; what is not stated is left out."""
    return {c: {r: held for r in relations if (held := graph.in_force(c, r)) is not None} for c in contracts}
