"""The knowledge graph against the gold graph: triples, links, and the triples that come with the course."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from labkit import corpus, paths
from labkit.corpus import Document, Fact, Span
from labkit.metrics import normalise
from labkit.rag import ExtractedTriple, KnowledgeGraph

ALL = "all"


def triple_scores(graph: KnowledgeGraph, facts: Sequence[Fact]) -> pd.DataFrame:
    """Precision, recall and F1 of the graph's triples, by relation, the whole in the last row.

    A triple is right when document, subject, relation and object agree with a fact that no other triple took; the
    object may be any accepted spelling, or link to the company that the fact means.

    Args:
        facts: the gold graph, `corpus.gold_facts` of the documents that the graph was made from.
    """
    names = {r["id"]: r["name"] for r in corpus.company_records()}
    wanted: dict[tuple[str, str, str], list[Fact]] = {}
    for fact in facts:
        wanted.setdefault((fact.span.document, names.get(fact.subject, fact.subject), fact.relation), []).append(fact)
    right, given = Counter[str](), Counter[str]()
    for triple in graph.triples:
        if triple.relation == "amends":  # read off the titles, not extracted
            continue
        given[triple.relation] += 1
        open_to = wanted.get((triple.source.document, triple.subject, triple.relation), [])
        said = {normalise(triple.text), normalise(triple.object)}
        hit = next((f for f in open_to if said & {normalise(a) for a in f.accepted}), None)
        if hit is not None:
            open_to.remove(hit)
            right[triple.relation] += 1
    asked = Counter(f.relation for f in facts)
    rows = [_scored(r, right[r], given[r], asked[r]) for r in sorted(asked, key=lambda r: (-asked[r], r))]
    return pd.DataFrame([*rows, _scored(ALL, right.total(), given.total(), asked.total())])


def _scored(relation: str, right: int, given: int, wanted: int) -> dict[str, object]:
    precision, recall = right / given if given else 0.0, right / wanted if wanted else 0.0
    f1 = 2 * right / (given + wanted) if given + wanted else 0.0
    return {"relation": relation, "gold": wanted, "precision": precision, "recall": recall, "f1": f1}


def linking_scores(graph: KnowledgeGraph, documents: Sequence[Document]) -> pd.DataFrame:
    """How often a mention links to the company that is meant, by kind of mention, the whole in the last row.

    Args:
        documents: contracts and register extracts whose mentions are tried: names, short names and roles of parties,
            former names of companies that are parties.
    """
    tried: dict[str, list[bool]] = {"name": [], "short name": [], "role": [], "former name": []}
    for kind, mention, document, company in _mentions(documents):
        tried[kind].append(graph.linker.link(mention, document) == company)
    rows = [{"mention": k, "n": len(v), "accuracy": sum(v) / len(v)} for k, v in tried.items() if v]
    every = [hit for v in tried.values() for hit in v]
    return pd.DataFrame([*rows, {"mention": ALL, "n": len(every), "accuracy": sum(every) / max(1, len(every))}])


def _mentions(documents: Sequence[Document]) -> Iterator[tuple[str, str, str | None, str]]:
    ids = {d.id for d in documents}
    companies = {r["id"]: r for r in corpus.company_records()}
    parties = set()
    for record in corpus.contract_records():
        if record["id"] in ids and not record["amends"]:
            for party in record["parties"]:
                parties.add(party["company"])
                for kind, key in (("name", "name"), ("short name", "short"), ("role", "term")):
                    yield kind, party[key], record["id"], companies[party["company"]]["name"]
    for company in sorted(parties):
        for name in companies[company]["former_names"]:
            yield "former name", name, None, companies[company]["name"]


def shipped_triples(documents: Sequence[Document]) -> list[ExtractedTriple]:
    """The triples that come with the course for these documents.

    Raises:
        FileNotFoundError: there are none at all.
        ValueError: they do not match their checksum.
    """
    ids = {d.id for d in documents}
    rows = paths.read_rows("triples.jsonl", paths.shipped_results())
    return [ExtractedTriple(s, r, o, Span(d, a, b)) for s, r, o, d, a, b in rows if d in ids]
