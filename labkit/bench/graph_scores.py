"""The knowledge graph against the gold graph: how many triples and links are right?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from labkit import corpus, stats
from labkit.metrics import normalise
from labkit.rag import KnowledgeGraph

ALL = "all"


def triple_scores(graph: KnowledgeGraph, facts: Sequence[corpus.Fact]) -> pd.DataFrame:
    """Precision, recall and F1 of the graph's triples, by relation, all together in the last row.

    A triple is right when document, subject, relation and object agree with a fact that no other triple has matched.
    The object may be any accepted spelling, or link to the company that the fact means.

    Args:
        graph: to score.
        facts: the gold graph, `corpus.gold_facts` of the documents that the graph was made from.
    """
    names = {r["id"]: r["name"] for r in corpus.company_records()}
    gold = stats.grouped(((f.span.document, names.get(f.subject, f.subject), f.relation), f) for f in facts)
    right, extracted = Counter[str](), Counter[str]()
    for triple in graph.triples:
        if triple.relation == "amends":  # read off the titles, not extracted
            continue
        extracted[triple.relation] += 1
        open_facts = gold.get((triple.source.document, triple.subject, triple.relation), [])
        spellings = {normalise(triple.text), normalise(triple.object)}
        hit = next((f for f in open_facts if spellings & {normalise(a) for a in f.accepted}), None)
        if hit is not None:
            open_facts.remove(hit)
            right[triple.relation] += 1
    wanted = Counter(f.relation for f in facts)
    rows = [_scored(r, right[r], extracted[r], wanted[r]) for r in sorted(wanted, key=lambda r: (-wanted[r], r))]
    return pd.DataFrame([*rows, _scored(ALL, right.total(), extracted.total(), wanted.total())])


def _scored(relation: str, right: int, extracted: int, gold: int) -> dict[str, object]:
    precision, recall = right / extracted if extracted else 0.0, right / gold if gold else 0.0
    f1 = 2 * right / (extracted + gold) if extracted + gold else 0.0
    return {"relation": relation, "gold": gold, "precision": precision, "recall": recall, "f1": f1}


def linking_scores(graph: KnowledgeGraph, documents: Sequence[corpus.Document]) -> pd.DataFrame:
    """How often a mention links to the company that is meant, by kind of mention, all together in the last row.

    Args:
        graph: whose linker is tried.
        documents: contracts and register extracts that mention companies: by the names, short names and roles of
            parties, and by former names of companies that are parties.
    """
    links = [(kind, graph.linker.link(mention, d) == company) for kind, mention, d, company in _mentions(documents)]
    hits = stats.grouped(links) | {ALL: [hit for _, hit in links]}
    kinds = [kind for kind in ("name", "short name", "role", "former name", ALL) if kind in hits]
    rows = [{"mention": k, "n": len(hits[k]), "accuracy": sum(hits[k]) / max(1, len(hits[k]))} for k in kinds]
    return pd.DataFrame(rows)


def _mentions(documents: Sequence[corpus.Document]) -> Iterator[tuple[str, str, str | None, str]]:
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
