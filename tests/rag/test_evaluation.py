"""One evaluation of what a pipeline retrieved and answered."""

from __future__ import annotations

from dataclasses import replace

from small import (
    PAPERS,
)

from labkit import bench, rag
from labkit.corpus import Question, Span


def test_evaluate_gives_every_metric_with_an_interval(index, reader):
    text = PAPERS[2].text
    start = text.index("The servers")
    question = Question(
        "q", "lookup", "Where do the servers stand?", "Oslo", (), (), {}, (Span("hosting", start, start + 26),),
        ("hosting",), "data_location", "w", None, None, "known", False, "dev",
    )  # fmt: skip
    figures = rag.evaluate([question], rag.Pipeline(index, reader, top_k=2).run([question.question]))
    assert set(figures) == {
        "evidence_recall_1000", "recall_at_5", "mrr", "ndcg_at_5", "wrong_document_rate_at_5",
        "exact_match", "token_f1", "citation_accuracy", "refusal_f1",
    }  # fmt: skip
    assert figures["recall_at_5"].value == 1


def test_compressed_chunks_count_only_what_is_left(runs):
    hit = runs[1].results[0].retrieved[0].model_copy(deep=True)
    assert rag.places_of(hit.node) == [rag.span_of(hit.node)]
    hit.node.metadata["kept"] = [[36, 60]]
    assert rag.places_of(hit.node) == [Span("alder", 36, 60)]
    shortened = replace(runs[1].results[0], retrieved=(hit,), used=1)
    assert bench.runs._evidence_recall(runs[1].questions[0], shortened) == 0
    assert bench.runs._precision(runs[1].questions[0], shortened) == 0
