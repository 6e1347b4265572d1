"""Passages out of the graph follow the names in a question."""

from __future__ import annotations

import pytest
from small import GRAPH_DOCUMENTS

from labkit import rag


def test_retrieval_follows_the_names(graph, embedder):
    retriever = rag.GraphRetriever(graph, rag.VectorIndex(rag.chunk(GRAPH_DOCUMENTS), embedder))
    found = [(s.words, s.how) for s in retriever.seeds("Does Oak Mills, led by Ada Lind, know Birch & Sons?")]
    assert found == [("Oak Mills", "former name"), ("Ada Lind", "officer"), ("Birch & Sons", "name")]
    hit = retriever.retrieve(["What deposit did the firm under Ada Lind agree with Birch & Sons?"], 3)[0][0]
    assert hit.node.metadata["document"] == "L1" and "Deposit: EUR 1,500" in hit.node.text
    assert retriever.retrieve(["What is the weather?"], 3) == [[]]
    assert retriever.masked("Ada Lind of Oak Mills") == "the company of the company"
    with pytest.raises(ValueError, match="leads to a contract"):
        retriever.subgraph("What is the weather?")
