"""One evaluation of what a pipeline retrieved and answered; every wrong answer has one error category."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small import PAPERS, TERM_DOCUMENTS, Copying, hosting_question, term_question

from labkit import bench, rag
from labkit.corpus import Document, Question, Span
from labkit.rag import pipeline


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
        "evidence_in_prompt", "answer_accuracy", "refused_rightly", "refused_wrongly", "token_f1", "citation_accuracy",
        "refusal_f1",
    }  # fmt: skip
    assert figures["recall_at_5"].value == 1


@pytest.fixture
def answered():
    """A question, and what a pipeline did with it."""
    asked = term_question("alder")
    return asked, rag.Pipeline(rag.BM25Index(rag.chunk(TERM_DOCUMENTS)), Copying(), top_k=2).ask(asked.question)


@pytest.mark.parametrize(("kept", "found"), [(None, 1), ([[0, 20]], 1), ([[36, 60]], 0)])
def test_of_a_compressed_chunk_only_what_is_left_counts(answered, kept, found):
    asked, result = answered
    hit = result.retrieved[0].model_copy(deep=True)
    if kept:
        hit.node.metadata["kept"] = kept
    assert rag.places_of(hit.node) == ([Span("alder", *kept[0])] if kept else [rag.span_of(hit.node)])
    shortened = replace(result, retrieved=(hit,), used=1)
    [score] = rag.score_retrieval([asked], [shortened])
    assert (score.evidence_recall, score.recall_at_k, score.mrr) == (found, found, found)
    assert rag.evidence_in_prompt([asked], [shortened]) == [found]
    assert rag.evidence_in_prompt([asked], [replace(shortened, used=0)]) == [0]
    assert rag.score([asked], [shortened])[0].citation == found
    assert rag.precision([asked], [shortened])[0] == pytest.approx(
        {None: 20 / len(hit.node.text), 20: 1, 60: 0}[kept and kept[0][1]]
    )


def test_the_benchmark_and_the_evaluation_give_one_figure(answered, embedder):
    asked = answered[0]
    index = rag.VectorIndex(rag.chunk(TERM_DOCUMENTS), embedder)
    pipeline = rag.Pipeline(index, Copying(), post=[rag.Compress(embedder)], top_k=2)
    run = bench.measure("compressed", [asked], pipeline)
    figures = rag.evaluate([asked], run.results)
    assert any("kept" in hit.node.metadata for hit in run.results[0].retrieved)
    shared = [metric for metric in (*bench.METRICS, *bench.DETAILS) if metric in figures]
    means = {metric: bench.mean(run, metric).value for metric in shared}
    assert len(shared) == 10
    assert means == pytest.approx({metric: figures[metric].value for metric in shared}, nan_ok=True)


@pytest.mark.parametrize(
    ("reply", "chunk", "answer", "expected"),
    [
        ("Oslo [1]", "servers", "Oslo", "right"),
        ("Rome [1]", "servers", "Oslo", "misread"),
        ("I don't know.", "servers", "Oslo", "refused wrongly"),
        ("Oslo or so [1]", "Backups", "Oslo", "evidence not retrieved"),
        ("900 [1]", "rent", "Oslo", "wrong document"),
        ("Oslo [1]", "servers", None, "should have refused"),
    ],
)
def test_every_wrong_answer_has_an_error_category(index, reply, chunk, answer, expected):
    node = next(c for c in rag.chunk(PAPERS, tokens=9) if chunk in c.text)
    hit = rag.retrieval.NodeWithScore(node=node, score=1.0)
    result = pipeline.Result("q", (hit,), 1, reply, pipeline.parse_answer(reply), 9)
    question = hosting_question(answer=answer, evidence=(Span("hosting", 0, 25),) if answer else ())
    assert rag.error_category(question, result, *rag.score([question], [result])) == expected
    assert expected in rag.ERROR_CATEGORIES


def test_an_answer_of_the_superseded_contract_is_the_wrong_version(index):
    hits = []
    for name in ("C1", "C1-A1"):
        [node] = rag.chunk([Document(name, name, "The term is 5 years.")])
        hits.append(rag.retrieval.NodeWithScore(node=node, score=1.0))
    question = hosting_question(answer="7 years", evidence=(Span("C1-A1", 0, 20),), documents=("C1",))
    result = pipeline.Result("q", tuple(hits), 2, "5 years [1]", pipeline.parse_answer("5 years [1]"), 9)
    assert rag.error_category(question, result, *rag.score([question], [result])) == "wrong version"
