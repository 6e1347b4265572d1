"""Two systems on four small documents."""

from __future__ import annotations

import pytest
from small import TERM_DOCUMENTS, TERMS, Copying, term_question

from labkit import bench, rag


@pytest.fixture(scope="module")
def runs():
    index = rag.BM25Index(rag.chunk(TERM_DOCUMENTS))
    questions = [term_question(name) for name in TERMS]
    good = bench.measure("words", questions, rag.Pipeline(index, Copying(), top_k=2))
    blind = bench.measure(
        "naive",
        questions,
        rag.Pipeline(index, Copying(), post=[lambda queries, found: [h[::-1] for h in found]], top_k=2),
    )
    return [blind, good]
