"""Knowledge graph: linked triples in LlamaIndex's property graph.

Sources: Edge et al. 2024, From Local to Global (GraphRAG); Gutiérrez et al. 2024, HippoRAG.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import pairwise, product

import networkx
from llama_index.core import PropertyGraphIndex
from llama_index.core.graph_stores import SimplePropertyGraphStore
from llama_index.core.graph_stores.types import EntityNode, Relation
from llama_index.core.llms import MockLLM

from labkit import stats
from labkit.corpus import PARTY_RELATIONS, Document, Span
from labkit.models import Embedder
from labkit.rag.triples import ExtractedTriple, Linker, build_linker, plain_name, plausible, title_parties

# What a graph is made from.
Origin = tuple[Sequence[Document], Sequence[ExtractedTriple]]
# Relations that lead from one entity to another on a path.
_STEPS = ("party", "parent company", "chief executive", "finance director")
# What kind of entity stands at the other end of a company's relations.
_KINDS = {"parent company": "company", "party": "company", "seat": "place", "chief executive": "person",
          "finance director": "person", "former name": "name", "role": "role"}  # fmt: skip


@dataclass(frozen=True)
class Triple:
    """An edge of the graph.

    Attributes:
        subject: id of an entity: of a document, or a name.
        object: id of an entity; a clause's value has an id of its own.
        relation: in words.
        text: the object as it was written.
        source: where it stands.
    """

    subject: str
    relation: str
    object: str
    text: str
    source: Span


@dataclass(frozen=True)
class InForce:
    """The value of a clause that is in force, and those that it replaced.

    Attributes:
        value: that holds.
        replaced: earlier values, the oldest first.
        contested: amendments of the same day set different values; the one with the highest number was taken.
    """

    value: Triple
    replaced: tuple[Triple, ...] = ()
    contested: bool = False


class KnowledgeGraph:
    """Entities and triples in LlamaIndex's property graph store, with the queries that the course needs.

    Args:
        store: such as `build_graph` fills; its `persist` writes the graph to a file.
        made_from: the documents and triples that it was built from, where they are known.
    """

    def __init__(self, store: SimplePropertyGraphStore, made_from: Origin | None = None) -> None:
        self.store, self.made_from = store, made_from

    @cached_property
    def triples(self) -> list[Triple]:
        """Every triple, in order of document and place."""
        triples = []
        for subject, relation, thing in self.store.graph.get_triplets():
            p = relation.properties
            source = Span(p["document"], p["start"], p["end"])
            triples.append(Triple(subject.id, relation.label, thing.id, p["text"], source))
        return sorted(triples, key=lambda t: (t.source.document, t.source.start, t.relation, t.text, t.subject))

    @cached_property
    def linker(self) -> Linker:
        """Links names, former names and roles to the graph's companies."""
        former = {plain_name(t.text): t.subject for t in self.triples if t.relation == "former name"}
        names = former | {plain_name(name): name for name in self.entities("company")}
        stated = stats.grouped((t.source.document, t) for t in self.triples if t.relation == "role")
        # Of two companies in one role the first counts.
        return Linker(names, {d: {plain_name(t.text): t.subject for t in reversed(ts)} for d, ts in stated.items()})

    @cached_property
    def _network(self) -> networkx.MultiGraph:
        network = networkx.MultiGraph()
        network.add_edges_from((t.subject, t.object, {"triple": t}) for t in self.triples if t.relation in _STEPS)
        return network

    @cached_property
    def _from(self) -> dict[str, list[Triple]]:
        return stats.grouped((t.subject, t) for t in self.triples)

    @cached_property
    def _to(self) -> dict[str, list[Triple]]:
        return stats.grouped((t.object, t) for t in self.triples)

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
        """Ids of the entities, of one kind or all, in alphabetical order."""
        return sorted(i for i, node in self.store.graph.nodes.items() if kind in (None, node.label))

    def of(self, entity: str, relation: str | None = None) -> list[Triple]:
        """The triples that begin at an entity."""
        return [t for t in self._from.get(entity, []) if relation in (None, t.relation)]

    def about(self, entity: str) -> list[Triple]:
        """The triples that begin or end at an entity."""
        return [t for t in self.triples if entity in (t.subject, t.object)]

    def paths(self, a: str, b: str, longest: int = 4) -> list[list[Triple]]:
        """The shortest paths between two entities, of at most `longest` steps; none where they are not connected.

        A path goes by contracts, ownership and officers: that two companies sit in one city does not connect them.
        """
        network = self._network
        if a not in network or b not in network or a == b or not networkx.has_path(network, a, b):
            return []
        found = [nodes for nodes in networkx.all_shortest_paths(network, a, b) if len(nodes) <= longest + 1]
        return [[network.edges[u, v, 0]["triple"] for u, v in pairwise(nodes)] for nodes in sorted(found)]

    def parties(self, contract: str) -> list[str]:
        """The companies that a contract binds."""
        return list(dict.fromkeys(t.object for t in self.of(contract, "party")))

    def contracts(self, company: str, other: str | None = None) -> list[str]:
        """The contracts of a company, or those between two."""
        binding = dict.fromkeys(t.subject for t in self._to.get(company, []) if t.relation == "party")
        contracts = [c for c in binding if self.kind(c) == "contract"]
        return contracts if other is None else [c for c in contracts if other in self.parties(c)]

    def amendments(self, contract: str) -> list[str]:
        """The amendments of a contract, the oldest first; of one day, in the order of their ids (A2 before A10)."""
        amendments = {t.subject for t in self._to.get(contract, []) if t.relation == "amends"}
        return sorted(amendments, key=lambda a: (self._day(a), _natural(a)))

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

    def llama_index(self, embedder: Embedder) -> PropertyGraphIndex:
        """The graph as LlamaIndex's PropertyGraphIndex, for any of its retrievers."""
        return PropertyGraphIndex.from_existing(
            property_graph_store=self.store, llm=MockLLM(), embed_model=embedder.as_llama_index(), embed_kg_nodes=False
        )


def _natural(name: str) -> list[str | int]:
    """Sorts names with numbers as a person does: texts and numbers in turn."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", name))]


def build_graph(documents: Sequence[Document], triples: Sequence[ExtractedTriple]) -> KnowledgeGraph:
    """Link triples to entities and put them into a property graph, with the parties that titles name.

    Args:
        documents: those that the triples stand in; titles tell which document an amendment changes.
        triples: as `extract` gives them.

    Raises:
        ValueError: there are no triples; the message says which stage gave nothing.
    """
    if not triples:
        raise ValueError("Extraction gave no triple: look at a reply of `triple_prompts`, or use another model.")
    by_id = {d.id: d for d in documents}
    extracted = plausible(triples, documents)
    stated = {_key(t) for t in extracted}
    extracted += [t for t in title_parties(extracted, documents) if _key(t) not in stated]
    linker = build_linker(extracted, documents)
    edges = [edge for triple in extracted if (edge := _linked(triple, linker, by_id)) is not None]
    if not edges:
        raise ValueError("Linking kept no triple: none of the subjects is a document or a company that is known.")
    graph = KnowledgeGraph(SimplePropertyGraphStore(), (documents, triples))
    _add(graph.store, [*edges, *_amends(documents)], by_id)
    return graph


def _key(triple: ExtractedTriple) -> tuple[str, str, str]:
    return triple.source.document, triple.relation, plain_name(triple.object)


_Edge = tuple[Triple, str, str]


def _linked(triple: ExtractedTriple, linker: Linker, documents: Mapping[str, Document]) -> _Edge | None:
    """A triple between entities, with the kinds of its two ends; None where the subject links to nothing."""
    document, relation = triple.source.document, triple.relation
    subject = linker.link(triple.subject, document)
    if relation == "role":
        subject = linker.roles.get(document, {}).get(plain_name(triple.object))
    if subject is None or document not in documents:
        return None
    kind, thing = _KINDS.get(relation, "value"), linker.link(triple.object, document)
    if kind == "company":
        thing = thing or triple.object
    elif kind == "value" and thing is not None and thing != document:
        kind = "company"
    elif kind in ("value", "role"):
        thing = f"{triple.object} ({document}, {relation})"
    else:
        thing = triple.object
    first = _document_kind(documents[subject]) if subject in documents else "company"
    return Triple(subject, relation, str(thing), triple.object, triple.source), first, kind


def _document_kind(document: Document) -> str:
    return "amendment" if document.title.startswith("Amendment") else "contract"


def _amends(documents: Sequence[Document]) -> Iterator[_Edge]:
    """Which document an amendment changes: the one whose title its own title ends with."""
    kinds = stats.grouped((_document_kind(d), d) for d in documents if d.title)
    for amendment, contract in product(kinds.get("amendment", []), kinds.get("contract", [])):
        if amendment.title.endswith(contract.title):
            triple = Triple(amendment.id, "amends", contract.id, contract.title, Span(amendment.id, 0, 0))
            yield triple, "amendment", "contract"


def _add(store: SimplePropertyGraphStore, rows: Sequence[_Edge], documents: Mapping[str, Document]) -> None:
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
