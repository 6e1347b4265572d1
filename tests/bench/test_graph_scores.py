"""Triples and links against the gold graph."""

from __future__ import annotations

import pytest
from small import GRAPH_DOCUMENTS, TRIPLES

from labkit import bench, corpus, rag


@pytest.fixture(scope="module")
def dev():
    return corpus.load_documents("dev")


def test_scores_count_right_given_and_wanted():
    graph = rag.build_graph(GRAPH_DOCUMENTS, TRIPLES)
    gold = [
        corpus.Fact("L1", t.relation, t.object, (t.object,), t.source) for t in TRIPLES if t.source.document == "L1"
    ]
    rows = bench.triple_scores(graph, gold).set_index("relation")
    assert rows.loc["deposit", "recall"] == 1.0
    # Roles belong to companies, these gold facts give them to the document.
    assert rows.loc["role", "recall"] == 0.0


def test_perfect_triples_give_the_gold_graph(dev):
    graph = rag.build_graph(dev, rag.gold_triples(dev))
    assert bench.triple_scores(graph, corpus.gold_facts(dev)).iloc[-1].f1 > 0.98
    assert bench.linking_scores(graph, dev).iloc[-1].accuracy > 0.95
