"""The graph: walked along its edges, amended; the course's own against the gold graph."""

from __future__ import annotations

import pytest
from llama_index.core.graph_stores import SimplePropertyGraphStore
from small import CHANGE, GRAPH_DOCUMENTS, LEASE, TRIPLES

from labkit import corpus, models, rag
from labkit.corpus import Span


def test_a_graph_from_a_file_links_and_answers_as_before(graph, tmp_path):
    graph.store.persist(str(tmp_path / "graph.json"))
    loaded = rag.KnowledgeGraph(SimplePropertyGraphStore.from_persist_path(str(tmp_path / "graph.json")))
    assert loaded.triples == graph.triples and loaded.entities() == graph.entities()
    assert loaded.linker.link("Oak Mills") == "Alder Mills Ltd" and loaded.linker.link("the Lessor", "L1") is not None
    assert loaded.in_force("L1", "deposit") == graph.in_force("L1", "deposit")


def test_the_latest_amendment_wins_and_two_of_one_day_are_contested(graph):
    held = graph.in_force("L1", "deposit")
    assert (held.value.text, [t.text for t in held.replaced], held.contested) == (
        "EUR 1,500", ["EUR 900", "EUR 1,200"], True,
    )  # fmt: skip
    one = rag.build_graph([LEASE, CHANGE], TRIPLES[:6]).in_force("L1", "deposit")
    assert one.value.text == "EUR 1,200" and not one.contested
    assert graph.in_force("L1", "royalty") is None


def test_paths_lead_from_name_to_name(graph):
    assert [t.relation for t in graph.paths("Ada Lind", "Birch & Sons GmbH")[0]] == [
        "chief executive",
        "parent company",
    ]
    assert graph.paths("Ada Lind", "nobody") == [] and graph.paths("Ada Lind", "Ada Lind") == []
    assert graph.contracts("Alder Mills Ltd", "Birch & Sons GmbH") == ["L1"]


def test_without_a_register_the_contracts_still_make_a_graph():
    graph = rag.build_graph([LEASE], TRIPLES[:5])
    assert graph.parties("L1") == ["Alder Mills Ltd", "Birch & Sons GmbH"]


def test_a_graph_of_nothing_says_which_stage_gave_nothing():
    with pytest.raises(ValueError, match="Extraction gave no triple"):
        rag.build_graph(GRAPH_DOCUMENTS, [])
    with pytest.raises(ValueError, match="Linking kept no triple"):
        rag.build_graph([LEASE], [rag.ExtractedTriple("somebody", "seat", "Oslo", Span("L1", 0, 4))])
    with pytest.raises(ValueError, match="no chunks"):
        rag.extract(models.load_generator(), [])


def test_any_llama_index_part_can_use_the_graph(graph, embedder):
    index = graph.llama_index(embedder)
    assert len(index.property_graph_store.get_triplets(entity_names=["Alder Mills Ltd"])) >= 4


def test_the_gold_triples_give_the_gold_graph():
    dev = corpus.load_documents("dev")
    graph, names = rag.build_graph(dev, rag.gold_triples(dev)), {r["id"]: r["name"] for r in corpus.company_records()}
    facts = corpus.gold_facts(dev)
    held = [{t.text for t in graph.of(names.get(f.subject, f.subject), f.relation)} & set(f.accepted) for f in facts]
    assert sum(map(bool, held)) / len(facts) > 0.95
