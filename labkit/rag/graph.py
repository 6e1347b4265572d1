"""Knowledge graph: linked triples in LlamaIndex's property graph, and retrieval from it.

Sources: Edge et al. 2024, From Local to Global (GraphRAG); Gutiérrez et al. 2024, HippoRAG.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from llama_index.core.schema import NodeWithScore, TextNode

from labkit import paths
from labkit.corpus import COMPANY_RELATIONS, PARTY_RELATIONS, Document, Span
from labkit.models import Embedder
from labkit.rag.chunking import span_of
from labkit.rag.retrieval import Query, VectorIndex, Within, bundles, check_top_k
from labkit.rag.triples import ExtractedTriple, Linker, fitting, make_linker, plain_name, title_parties

if TYPE_CHECKING:
    import networkx
    from llama_index.core import PropertyGraphIndex
    from llama_index.core.graph_stores import SimplePropertyGraphStore

# Relations that lead from one entity to another on a path.
_STEPS = ("party", "parent company", "chief executive", "finance director")
# What kind of entity stands at the other end of a company's relations.
_KINDS = {"parent company": "company", "party": "company", "seat": "place", "chief executive": "person",
          "finance director": "person", "former name": "name", "role": "role"}  # fmt: skip
# ------------------------------------------------------------------------------- the graph


@dataclass(frozen=True)
class Triple:
    """An edge of the graph.

    Attributes:
        subject, object: ids of entities: of a document, or a name; a clause's value has an id of its own.
        relation: in words. text: the object as it was written. source: where it stands.
    """

    subject: str
    relation: str
    object: str
    text: str
    source: Span


@dataclass(frozen=True)
class InForce:
    """The value of a clause that holds, and those that it replaced, the oldest first.

    Attributes:
        contested: amendments of the same day set different values; that with the highest number was taken.
    """

    value: Triple
    replaced: tuple[Triple, ...] = ()
    contested: bool = False


class KnowledgeGraph:
    """Entities and triples in LlamaIndex's property graph store, with what the course asks of them.

    Args:
        store: such as `build_graph` fills.
    """

    def __init__(self, store: SimplePropertyGraphStore) -> None:
        self.store = store

    @cached_property
    def triples(self) -> list[Triple]:
        """Every triple, in order of document and place."""
        made = []
        for subject, relation, thing in self.store.graph.get_triplets():
            p = relation.properties
            source = Span(p["document"], p["start"], p["end"])
            made.append(Triple(subject.id, relation.label, thing.id, p["text"], source))
        return sorted(made, key=lambda t: (t.source.document, t.source.start, t.relation, t.text, t.subject))

    @cached_property
    def linker(self) -> Linker:
        """Links names, former names and roles to the graph's companies."""
        former = {plain_name(t.text): t.subject for t in self.triples if t.relation == "former name"}
        names = former | {plain_name(name): name for name in self.entities("company")}
        roles: dict[str, dict[str, str]] = {}
        for triple in self.triples:
            if triple.relation == "role":
                roles.setdefault(triple.source.document, {}).setdefault(plain_name(triple.text), triple.subject)
        return Linker(names, roles)

    @cached_property
    def _network(self) -> networkx.MultiGraph:
        import networkx

        network = networkx.MultiGraph()
        for triple in self.triples:
            if triple.relation in _STEPS:
                network.add_edge(triple.subject, triple.object, triple=triple)
        return network

    @cached_property
    def _of(self) -> dict[str, list[Triple]]:
        made: dict[str, list[Triple]] = {}
        for triple in self.triples:
            made.setdefault(triple.subject, []).append(triple)
        return made

    def kind(self, entity: str) -> str:
        """ "contract", "amendment", "company", "person", "place", "name", "role" or "value".

        Raises:
            KeyError: there is no such entity.
        """
        if entity not in self.store.graph.nodes:
            raise KeyError(f"The graph has no entity {entity!r}: see `entities()` for those it has.")
        return str(self.store.graph.nodes[entity].label)

    def title(self, entity: str) -> str:
        """How a person would name an entity: a document's title, a value's text, else its name."""
        return str(self.store.graph.nodes[entity].properties.get("text", entity))

    def entities(self, kind: str | None = None) -> list[str]:
        """Ids of the entities, of one kind or all, in order of the alphabet."""
        return sorted(i for i, node in self.store.graph.nodes.items() if kind in (None, node.label))

    def of(self, entity: str, relation: str | None = None) -> list[Triple]:
        """The triples that begin at an entity."""
        return [t for t in self._of.get(entity, []) if relation in (None, t.relation)]

    def about(self, entity: str) -> list[Triple]:
        """The triples that begin or end at an entity."""
        return [t for t in self.triples if entity in (t.subject, t.object)]

    def neighbourhood(self, entities: Iterable[str], depth: int = 1) -> list[Triple]:
        """The triples within so many steps of any of the entities, values of other clauses left out."""
        reached, edge = set(), set(entities)
        found: dict[Triple, None] = {}
        for _ in range(depth):
            for triple in self.triples:
                if triple.subject in edge or triple.object in edge:
                    found[triple] = None
            reached |= edge
            edge = {e for t in found for e in (t.subject, t.object)} - reached
        return list(found)

    def paths(self, a: str, b: str, longest: int = 4) -> list[list[Triple]]:
        """The shortest paths between two entities, of at most `longest` steps; none where they are not connected.

        A path goes by contracts, ownership and officers: that two companies sit in one city does not connect them.
        """
        import networkx

        if a not in self._network or b not in self._network or a == b:
            return []
        if (
            networkx.shortest_path_length(self._network, a, b) > longest
            if networkx.has_path(self._network, a, b)
            else True
        ):
            return []
        made = []
        for nodes in sorted(networkx.all_shortest_paths(self._network, a, b)):
            made.append([self._network.edges[u, v, 0]["triple"] for u, v in pairwise(nodes)])
        return made

    def parties(self, contract: str) -> list[str]:
        """The companies that a contract binds."""
        return list(dict.fromkeys(t.object for t in self.of(contract, "party")))

    def contracts(self, company: str, other: str | None = None) -> list[str]:
        """The contracts of a company, or those between two."""
        mine = self._contracts.get(company, [])
        return list(mine) if other is None else [c for c in mine if other in self.parties(c)]

    @cached_property
    def _contracts(self) -> dict[str, list[str]]:
        made: dict[str, dict[str, None]] = {}
        for triple in self.triples:
            if triple.relation == "party" and self.kind(triple.subject) == "contract":
                made.setdefault(triple.object, {})[triple.subject] = None
        return {company: list(found) for company, found in made.items()}

    def group(self, company: str) -> list[str]:
        """A company and those above it, up to the top of its group; a cycle of ownership ends where it closes."""
        chain = [company]
        while (above := [t.object for t in self.of(chain[-1], "parent company")]) and above[0] not in chain:
            chain.append(above[0])
        return chain

    def amendments(self, contract: str) -> list[str]:
        """The amendments of a contract, the oldest first; of one day, in the order of their ids (A2 before A10)."""
        return list(self._amendments.get(contract, []))

    @cached_property
    def _amendments(self) -> dict[str, list[str]]:
        made: dict[str, set[str]] = {}
        for triple in self.triples:
            if triple.relation == "amends":
                made.setdefault(triple.object, set()).add(triple.subject)
        return {contract: sorted(found, key=lambda a: (self._day(a), _natural(a))) for contract, found in made.items()}

    def _day(self, document: str) -> str:
        """The date of a document, as year-month-day; empty where it is not known."""
        return str(self.store.graph.nodes[document].properties.get("date", ""))

    def clauses(self, contract: str) -> list[Triple]:
        """What the clauses of a contract and of its amendments state."""
        stated = [t for d in (contract, *self.amendments(contract)) for t in self.of(d)]
        return [t for t in stated if t.relation not in (*PARTY_RELATIONS, "amends")]

    def in_force(self, contract: str, relation: str) -> InForce | None:
        """The value of a clause after all amendments; None where neither contract nor amendments state one."""
        stated = [(d, t) for d in (contract, *self.amendments(contract)) for t in self.of(d, relation)[:1]]
        if not stated:
            return None
        last = self._day(stated[-1][0])
        values = {t.text for d, t in stated if d != contract and self._day(d) == last}
        return InForce(stated[-1][1], tuple(t for _, t in stated[:-1]), contested=len(values) > 1)

    def save(self, folder: Path) -> Path:
        """Write the graph to `folder` in LlamaIndex's format, in one step."""
        text = json.dumps(json.loads(self.store.graph.model_dump_json()), sort_keys=True)
        paths.write_atomic(folder / "property_graph_store.json", text)
        return folder

    @classmethod
    def load(cls, folder: Path) -> KnowledgeGraph:
        """The graph that `save` wrote.

        Raises:
            FileNotFoundError: there is none. ValueError: the file is damaged.
        """
        from llama_index.core.graph_stores import SimplePropertyGraphStore

        if not (folder / "property_graph_store.json").exists():
            raise FileNotFoundError(f"There is no graph in {folder}: build one with `rag.build_graph` and save it.")
        try:
            return cls(SimplePropertyGraphStore.from_persist_dir(str(folder)))
        except (ValueError, KeyError) as cause:
            raise ValueError(f"The graph in {folder} is damaged ({cause}): build it again.") from cause

    def llama_index(self, embedder: Embedder) -> PropertyGraphIndex:
        """The graph as LlamaIndex's PropertyGraphIndex, for any of its retrievers."""
        from llama_index.core import PropertyGraphIndex
        from llama_index.core.llms import MockLLM

        return PropertyGraphIndex.from_existing(
            property_graph_store=self.store, llm=MockLLM(), embed_model=embedder.as_llama_index(), embed_kg_nodes=False
        )


def _natural(name: str) -> list[str | int]:
    """Sorts names with numbers as a person does: texts and numbers in turn."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", name))]


def build_graph(documents: Sequence[Document], found: Sequence[ExtractedTriple]) -> KnowledgeGraph:
    """Link mentions to entities and put them into a property graph, with the parties that titles name.

    Args:
        documents: those that the mentions stand in; titles tell which document an amendment changes.
        found: triples as `extract` gives them.

    Raises:
        ValueError: there are no triples; the message says which stage gave nothing.
    """
    from llama_index.core.graph_stores import SimplePropertyGraphStore

    if not found:
        raise ValueError("Extraction gave no triple: look at a reply of `triple_prompts`, or use another model.")
    known = {d.id: d for d in documents}
    found = fitting(found, documents)
    said = {(m.source.document, m.relation, plain_name(m.object)) for m in found}
    read = [
        m for m in title_parties(documents, found) if (m.source.document, m.relation, plain_name(m.object)) not in said
    ]
    found = [*found, *read]
    linker = make_linker(found, documents)
    rows = [row for mention in found if (row := _linked(mention, linker, known)) is not None]
    if not rows:
        raise ValueError("Linking kept no triple: none of the subjects is a document or a company that is known.")
    graph = KnowledgeGraph(SimplePropertyGraphStore())
    _add(graph.store, [*rows, *_amends(documents)], known)
    return graph


_Row = tuple[Triple, str, str]


def _linked(mention: ExtractedTriple, linker: Linker, documents: Mapping[str, Document]) -> _Row | None:
    """A mention as a triple with the kinds of its two ends; None where the subject links to nothing."""
    document, relation = mention.source.document, mention.relation
    subject = linker.link(mention.subject, document)
    if relation == "role":
        subject = linker.roles.get(document, {}).get(plain_name(mention.object))
    if subject is None or document not in documents:
        return None
    kind = _KINDS.get(relation, "value")
    thing = linker.link(mention.object, document)
    if kind == "company":
        thing = thing or mention.object
    elif kind == "value" and thing is not None and thing != document:
        kind = "company"
    elif kind in ("value", "role"):
        thing = f"{mention.object} ({document}, {relation})"
    else:
        thing = mention.object
    first = _document_kind(documents[subject]) if subject in documents else "company"
    return Triple(subject, relation, str(thing), mention.object, mention.source), first, kind


def _document_kind(document: Document) -> str:
    return "amendment" if document.title.startswith("Amendment") else "contract"


def _amends(documents: Sequence[Document]) -> Iterator[_Row]:
    """Which document an amendment changes: the one whose title its own title ends with."""
    contracts = [d for d in documents if _document_kind(d) == "contract" and d.title]
    for document in documents:
        if _document_kind(document) == "amendment":
            for contract in contracts:
                if document.title.endswith(contract.title):
                    place = Span(document.id, 0, 0)
                    triple = Triple(document.id, "amends", contract.id, contract.title, place)
                    yield triple, "amendment", "contract"


def _add(store: SimplePropertyGraphStore, rows: Sequence[_Row], documents: Mapping[str, Document]) -> None:
    from llama_index.core.graph_stores.types import EntityNode, Relation

    nodes: dict[str, EntityNode] = {}
    relations = []
    for triple, first, last in rows:
        for entity, kind in ((triple.subject, first), (triple.object, last)):
            text, date = entity, ""
            if entity in documents:
                text, date = documents[entity].title, str(documents[entity].metadata.get("date") or "")
            elif kind in ("value", "role"):
                text = triple.text
            nodes.setdefault(entity, EntityNode(name=entity, label=kind, properties={"text": text, "date": date}))
        place = asdict(triple.source) | {"text": triple.text}
        ids = nodes[triple.subject].id, nodes[triple.object].id
        relations.append(Relation(label=triple.relation, source_id=ids[0], target_id=ids[1], properties=place))
    store.upsert_nodes(list(nodes.values()))
    store.upsert_relations(relations)


# ------------------------------------------------------------------------------- retrieval


class Intent(Protocol):
    """What a question asks for, such as `models.Intents` says it."""

    @property
    def operation(self) -> str:
        """ "value", "larger", "same", "difference", "list above", "list below" or "list equal"."""

    @property
    def relations(self) -> Mapping[str, float]:
        """Probability of each relation."""


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
        graph: to search. index: of the texts that the graph was made from; orders contracts and clauses.
        understand: says which relation is asked for, such as `models.Intents`; None to go by nearness.
        facts_kept: facts in a passage. longest: steps of a path between two entities.
    """

    graph: KnowledgeGraph
    index: VectorIndex
    understand: Understand | None = None
    facts_kept: int = 3
    longest: int = 4

    def seeds(self, question: str) -> list[Seed]:
        """The entities that a question names, in order; each word counts once, the longest name first."""
        text, found = question.lower(), []
        # Small letters may be more than the capital was: where each of them stands in the question.
        places = [i for i, letter in enumerate(question) for _ in letter.lower()]
        taken = [False] * len(text)
        for words, entity, how in self._names:
            for match in re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", text):
                if not any(taken[match.start() : match.end()]):
                    taken[match.start() : match.end()] = [True] * len(words)
                    named = question[places[match.start()] : places[match.end() - 1] + 1]
                    found.append((match.start(), Seed(named, entity, how)))
        return [seed for _, seed in sorted(found, key=lambda pair: pair[0])]

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
        entities = list(dict.fromkeys(seed.entity for seed in seeds))
        between: dict[str, None] = {}
        for a, b in combinations(entities, 2):
            for path in self.graph.paths(a, b, self.longest):
                ends = (e for step in path for e in (step.subject, step.object))
                between |= dict.fromkeys(e for e in ends if self.graph.kind(e) == "contract")
        if between:
            return list(between)
        return list(dict.fromkeys(c for e in entities for c in self.graph.contracts(e)))

    def retrieve(
        self, queries: Sequence[Query], top_k: int = 5, within: Within | None = None
    ) -> list[list[NodeWithScore]]:
        """As `Retriever.retrieve`; no passages for a question that names nothing in the graph."""
        check_top_k(top_k)
        asked = bundles(queries)
        scores = self.index.scores(asked)
        intents: Sequence[Intent | None] = (
            self.understand([q.query_str for q in asked]) if self.understand else [None] * len(asked)
        )
        made = []
        for query, row, names, intent in zip(asked, scores, within or [None] * len(asked), intents, strict=True):
            seeds = self.seeds(query.query_str)
            contracts = [c for c in self.contracts(seeds) if names is None or c in names]
            ranked = sorted(contracts, key=lambda c: -self.nearest(row, c))[:top_k]
            made.append(
                [NodeWithScore(node=self._passage(c, seeds, row, intent), score=self.nearest(row, c)) for c in ranked]
            )
        return made

    def subgraph(self, question: str, facts: int = 2) -> list[Triple]:
        """The triples behind an answer: the path between the entities named, and the first facts beside it.

        Raises:
            ValueError: the question names nothing that leads to a contract.
        """
        asked = bundles([question])
        row, seeds = self.index.scores(asked)[0], self.seeds(question)
        ranked = sorted(self.contracts(seeds), key=lambda c: -self.nearest(row, c))
        if not ranked:
            raise ValueError(f"Nothing in {question!r} leads to a contract: name a company of the graph.")
        entities = list(dict.fromkeys(seed.entity for seed in seeds))
        paths = [path for a, b in combinations(entities, 2) for path in self.graph.paths(a, b, self.longest)]
        through = [p for p in paths if any(ranked[0] in (t.subject, t.object) for t in p)]
        path = through[0] if through else self.graph.of(ranked[0], "party")
        intent = self.understand([question])[0] if self.understand else None
        return list(dict.fromkeys([*path, *self.facts(ranked[0], seeds, row, intent)[:facts]]))

    def nearest(self, row: np.ndarray, contract: str) -> float:
        """How near the nearest chunk of a contract or its amendments is to the question."""
        places = [i for d in (contract, *self.graph.amendments(contract)) for i in self._chunks.get(d, [])]
        return float(row[places].max()) if places else 0.0

    @cached_property
    def _chunks(self) -> dict[str, list[int]]:
        made: dict[str, list[int]] = {}
        for i, node in enumerate(self.index.chunks):
            made.setdefault(str(node.metadata["document"]), []).append(i)
        return made

    def _nearness(self, triple: Triple, row: np.ndarray) -> float:
        """How near the chunk that a triple was taken from is to the question."""
        held = [i for i in self._chunks.get(triple.source.document, [])
                if span_of(self.index.chunks[i]).overlap(triple.source)]  # fmt: skip
        return float(row[held].max()) if held else -1.0

    def facts(
        self, contract: str, seeds: Sequence[Seed], row: np.ndarray, intent: Intent | None = None
    ) -> list[Triple]:
        """What a passage about a contract says: the facts likeliest to be asked for.

        Candidates are the values in force of its clauses, and what the register says of the parties not named. They
        are ordered by the probability of their relation; without `understand`, clauses by how near they are.
        """
        graph, named = self.graph, {seed.entity for seed in seeds if seed.how == "name"}
        others = [p for p in graph.parties(contract) if p not in named] or graph.parties(contract)
        register = [t for p in others for t in graph.of(p) if t.relation in COMPANY_RELATIONS]
        relations = {t.relation for t in graph.clauses(contract)}
        held = [v for r in sorted(relations) if (v := graph.in_force(contract, r)) is not None]
        if intent is not None:
            both = [*register, *(v.value for v in held)]
            return sorted(both, key=lambda t: -intent.relations.get(t.relation, 0.0))[: self.facts_kept]
        # The clause as it was first written is nearest to the question, also where an amendment has set another value.
        near = {v.value: max(self._nearness(t, row) for t in (v.value, *v.replaced)) for v in held}
        return [*register, *sorted(near, key=lambda t: -near[t])[: self.facts_kept]]

    def _passage(self, contract: str, seeds: Sequence[Seed], row: np.ndarray, intent: Intent | None) -> TextNode:
        facts = self.facts(contract, seeds, row, intent)
        title = self.graph.title(contract)
        lines = [verbalised(t) for t in facts]
        place = next((t.source for t in reversed(facts)), Span(contract, 0, 0))
        return TextNode(
            text="\n".join(lines), start_char_idx=place.start, end_char_idx=place.end,
            metadata={"document": contract, "title": title, "facts": [asdict(t.source) for t in facts]},
            excluded_embed_metadata_keys=["document", "title", "facts"],
            excluded_llm_metadata_keys=["document", "facts"],
        )  # fmt: skip


def verbalised(triple: Triple) -> str:
    """A triple as a line of a passage."""
    if triple.relation in COMPANY_RELATIONS:
        return f"{triple.relation.capitalize()} of {triple.subject}: {triple.text}"
    return f"{triple.relation.capitalize()}: {triple.text}"
