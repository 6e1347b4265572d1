"""Indexes and a graph over the small documents."""

from __future__ import annotations

import pytest
from small import GRAPH_DOCUMENTS, PAPERS, TRIPLES

from labkit import rag


@pytest.fixture(scope="module")
def index(embedder):
    return rag.VectorIndex(rag.chunk(PAPERS, tokens=24), embedder)


@pytest.fixture(scope="module")
def words():
    return rag.BM25Index(rag.chunk(PAPERS, tokens=24))


@pytest.fixture(scope="module")
def graph():
    return rag.build_graph(GRAPH_DOCUMENTS, TRIPLES)
