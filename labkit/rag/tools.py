"""Many documents: a tool for each document, and a pipeline that plans, asks the tools and combines their values.

A question is planned (what is asked, of which documents), every document is asked by a tool (a lookup in the knowledge
graph, or the generator), and code combines the values: compares, filters, takes the one in force. LlamaIndex's
SubQuestionQueryEngine has the same three steps, with an LLM in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llama_index.core.schema import NodeWithScore

from labkit.corpus import COMPANY_RELATIONS, Span
from labkit.metrics import normalise
from labkit.models import Generator
from labkit.prompts import REFUSAL
from labkit.rag.chunking import passage_of, span_of
from labkit.rag.graph import InForce, KnowledgeGraph, Triple
from labkit.rag.graph_retrieval import ContractRanker, GraphRetriever, Intent, Seed, Understand
from labkit.rag.pipeline import Histories, Result, Step, fit
from labkit.rag.retrieval import VectorIndex, bundles
from labkit.replies import parse_answer
from labkit.values import Quantity, difference, parse_quantity, quantities

# ----------------------------------------------------------------------------------- tools


@dataclass(frozen=True)
class DocumentValue:
    """What a tool found in a document: a value in force and where it stands, or nothing.

    Attributes:
        document: id of the document that was asked.
        relation: that was asked for.
        text: the value as written, None where the document states none.
        source: where it stands.
        replaced: earlier values, the oldest first.
        tokens: that a generator read for it.
    """

    document: str
    relation: str
    text: str | None = None
    source: Span | None = None
    replaced: tuple[Triple, ...] = ()
    tokens: int = 0


Values = Sequence[DocumentValue]
Request = tuple[str, str]  # (document, relation)


@dataclass
class GraphLookupTool:
    """Looks values up in the knowledge graph; reads nothing."""

    graph: KnowledgeGraph

    def relations(self, documents: Sequence[str], comparable: Sequence[Quantity] = ()) -> set[str]:
        """The relations that any of the documents, or the register on its parties, states.

        Args:
            documents: ids of contracts.
            comparable: only relations with a value that can be compared with one of these quantities.
        """
        clauses = [t for contract in documents for t in self.graph.clauses(contract)]
        if comparable:
            dimensions = {q.dimension for q in comparable}
            sizes = [(t.relation, parse_quantity(t.text)) for t in clauses]
            return {relation for relation, size in sizes if size is not None and size.dimension in dimensions}
        parties = [p for contract in documents for p in self.graph.parties(contract)]
        register = {t.relation for p in parties for t in self.graph.of(p)}
        return {t.relation for t in clauses} | register.intersection(COMPANY_RELATIONS)

    def ask(self, requests: Sequence[Request]) -> list[DocumentValue]:
        """The value of each (document, relation), the amended one where there is one."""
        held = [self.graph.in_force(*request) for request in requests]
        found = [(v.value.text, v.value.source, v.replaced) if v is not None else () for v in held]
        return [DocumentValue(*request, *fields) for request, fields in zip(requests, found, strict=True)]


@dataclass
class ReadTool:
    """Asks the generator: what is the relation in this document? From the nearest clauses of it and its amendments.

    Attributes:
        index: of all documents; searched inside one document and its amendments.
        graph: knows which amendments a contract has.
        generator: the model that reads.
        top_k: passages in a prompt; those of amendments come first, the newest at the front, for the newest text wins.
    """

    index: VectorIndex
    graph: KnowledgeGraph
    generator: Generator
    top_k: int = 2

    def relations(self, documents: Sequence[str], comparable: Sequence[Quantity] = ()) -> set[str] | None:
        """As `GraphLookupTool.relations`: None, for they are not known before reading."""
        return None

    def ask(self, requests: Sequence[Request]) -> list[DocumentValue]:
        """As `GraphLookupTool.ask`."""
        if not requests:
            return []
        families = [(document, *self.graph.amendments(document)) for document, _ in requests]
        questions = [f"What is the {relation} in the {self.graph.title(document)}?" for document, relation in requests]
        hits = self.index.retrieve(questions, self.top_k, families)
        prompts, nodes = [], []
        for question, row, family in zip(questions, hits, families, strict=True):
            order = sorted(row, key=lambda hit: -family.index(str(hit.node.metadata["document"])))
            messages, fitting = fit(self.generator, question, [passage_of(hit.node) for hit in order])
            prompts.append(messages)
            nodes.append([hit.node for hit in order[:fitting]])
        values, replies = [], self.generator.generate(prompts)
        for request, reply, prompt, read in zip(requests, replies, prompts, nodes, strict=True):
            answer, tokens = parse_answer(reply), self.generator.count_tokens(prompt)
            cited = [read[i - 1] for i in answer.citations if 1 <= i <= len(read)] or read[:1]
            text, source = None if answer.refused else answer.text, span_of(cited[0]) if cited else None
            values.append(DocumentValue(*request, text, source, (), tokens))
        return values


# -------------------------------------------------------------------------------- pipeline


@dataclass(frozen=True)
class Plan:
    """What is to be done for a question.

    Attributes:
        operation: as in `Intent`.
        relation: asked for, empty where none is likely enough.
        documents: contracts to ask, the likeliest first.
        company: whose contracts are listed, or whose partner is asked about.
    """

    operation: str
    relation: str
    documents: tuple[str, ...]
    company: str | None = None


# Operations on the values of two contracts.
_PAIRS = ("larger", "same", "difference")


@dataclass
class ToolPipeline:
    """Plan a question, ask a tool about each document, combine the values.

    Attributes:
        retriever: finds entities and the paths between them.
        ranker: finds the contracts that a question is about.
        understand: says what is asked, such as `models.Intents`.
        tool: gives values.
        floor: a relation less probable than this is no answer: refuse.
    """

    retriever: GraphRetriever
    ranker: ContractRanker
    understand: Understand
    tool: GraphLookupTool | ReadTool
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
        candidates = [self.retriever.contracts(s) if n == 1 else [] for s, n in zip(seeds, counts, strict=True)]
        rankings = self.ranker.find(questions, counts, candidates)
        return [self._plan(*row) for row in zip(questions, intents, seeds, rankings, strict=True)]

    def _plan(self, question: str, intent: Intent, seeds: Sequence[Seed], ranking: Sequence[str]) -> Plan:
        company = next((s.entity for s in seeds if self.graph.kind(s.entity) == "company"), None)
        listing = intent.operation.startswith("list")
        documents = tuple(ranking[: 2 if intent.operation in _PAIRS else 1])
        if listing:
            documents = tuple(self.graph.contracts(company)) if company else ()
        stated = self.tool.relations(documents, quantities(question) if listing else [])
        likely = [r for r, p in intent.relations.items() if p >= self.floor and (stated is None or r in stated)]
        if intent.operation != "value":
            likely = [r for r in likely if r not in COMPANY_RELATIONS]
        relation = max(likely, key=lambda r: intent.relations[r], default="")
        return Plan(intent.operation, relation, documents, company)

    def run(self, questions: Sequence[str], histories: Histories = None, progress: bool = False) -> list[Result]:
        """Answer many questions, as `Pipeline.run` does; `histories` and `progress` are not used."""
        plans = self.plan(questions)
        # What the register says of a company needs no tool.
        asking = [bool(plan.relation) and plan.relation not in COMPANY_RELATIONS for plan in plans]
        requests = [[(d, p.relation) for d in p.documents] if ask else [] for p, ask in zip(plans, asking, strict=True)]
        answers = iter(self.tool.ask([request for row in requests for request in row]))
        values = [[next(answers) for _ in row] for row in requests]
        return [self._result(q, p, v) for q, p, v in zip(questions, plans, values, strict=True)]

    def _result(self, question: str, plan: Plan, values: Values) -> Result:
        if plan.relation in COMPANY_RELATIONS:
            values = self._register(plan, question)
        text, used = combine(question, plan, values, self.graph)
        sources = [v.source for v in used if v.source is not None]
        holding = [next((n for n in self.retriever.index.chunks if span_of(n).overlap(s)), None) for s in sources]
        nodes = [node for node in holding if node is not None]
        reply = f"{text} {''.join(f'[{i}]' for i in range(1, len(nodes) + 1))}".strip() if text else REFUSAL
        tokens = sum(v.tokens for v in values)
        steps = (
            Step("plan", (f"{plan.operation}: {plan.relation or 'nothing known'}",)),
            Step("ask", tuple(f"{v.document}: {v.text}" for v in values)),
            Step("combine", (reply,)),
        )
        hits = tuple(NodeWithScore(node=node, score=1.0) for node in nodes)
        return Result(question, hits, len(hits), reply, parse_answer(reply), tokens, steps)

    def _register(self, plan: Plan, question: str) -> list[DocumentValue]:
        """What the register says of the party that the question does not name."""
        named = {s.entity for s in self.retriever.seeds(question) if s.how == "name"}
        others = [p for c in plan.documents for p in self.graph.parties(c) if p not in named]
        triples = [t for p in others for t in self.graph.of(p, plan.relation)]
        return [DocumentValue(plan.documents[0], plan.relation, t.text, t.source) for t in triples[:1]]


# ------------------------------------------------------------------------------- combining


def combine(question: str, plan: Plan, values: Values, graph: KnowledgeGraph) -> tuple[str, Values]:
    """The answer that the values give, and those that it rests on; an empty text where they give none."""
    stated = [v for v in values if v.text is not None]
    if plan.operation == "value":
        return (str(stated[0].text), stated[:1]) if stated else ("", [])
    if plan.operation.startswith("list"):
        meeting = [v for v in stated if _meets(plan.operation, str(v.text), question)]
        partners = [p for v in meeting for p in graph.parties(v.document) if p != plan.company]
        return "; ".join(dict.fromkeys(partners)), meeting
    if len(stated) < 2:
        return "", []
    return _compare(plan.operation, stated[0], stated[1], graph), stated[:2]


def _compare(operation: str, a: DocumentValue, b: DocumentValue, graph: KnowledgeGraph) -> str:
    sizes = [parse_quantity(str(v.text)) for v in (a, b)]
    if sizes[0] is None or sizes[1] is None:
        same = normalise(str(a.text)) == normalise(str(b.text))
        return ("yes" if same else "no") if operation == "same" else ""
    gap = difference(sizes[0], sizes[1])
    if operation == "same":
        return "yes" if gap is not None and gap.number == 0 else "no"
    if gap is None:
        return ""
    if operation == "difference":
        return str(gap)
    return graph.title((a if sizes[0].size >= sizes[1].size else b).document)


def _meets(operation: str, text: str, question: str) -> bool:
    """Whether a value is above, below or equal to what the question names."""
    value = parse_quantity(text)
    if value is None:
        return operation == "list equal" and normalise(text) in normalise(question)
    limits = [q for q in quantities(question) if q.dimension == value.dimension]
    if not limits:
        return False
    above = value.size - limits[-1].size
    return {"list equal": abs(above) < 1e-9, "list above": above > 0, "list below": above < 0}[operation]


def matrix(graph: KnowledgeGraph, contracts: Sequence[str], relations: Sequence[str]) -> dict[str, dict[str, InForce]]:
    """Contracts by relations: the value in force of each, with what it replaced; what is not stated is left out."""
    return {c: {r: held for r in relations if (held := graph.in_force(c, r)) is not None} for c in contracts}
