"""The naive pipeline on small documents made here: chunks, places, retrieval, answers."""

from __future__ import annotations

import pytest

from labkit import rag
from labkit.corpus import Document, Question, Span
from labkit.rag import pipeline
from labkit.rag.chunking import count_tokens

RENT = "The rent is EUR 900 a month. "
DOCUMENTS = [
    Document("lease", "Lease of the north hall", RENT * 3 + "\n\nThe key is kept by Ms Okoro."),
    Document("supply", "Supply of paper", "Paper arrives in ten days. Invoices fall due after 30 days."),
    Document("hosting", "Hosting of the archive", "The servers stand in Oslo. Backups are kept for five years."),
]


@pytest.fixture(scope="module")
def index(embedder):
    return rag.VectorIndex(rag.chunk(DOCUMENTS, tokens=24), embedder)


def test_chunks_know_their_place_also_where_a_text_repeats():
    texts = {d.id: d.text for d in DOCUMENTS}
    chunks = rag.chunk(DOCUMENTS, tokens=10)
    spans = [rag.span_of(c) for c in chunks]
    assert all(texts[s.document][s.start : s.end] == c.text for s, c in zip(spans, chunks, strict=True))
    assert len(set(spans)) == len(spans)
    assert all(count_tokens(c.text) <= 10 for c in chunks)


def test_chunk_refuses_nothing_and_emptiness():
    with pytest.raises(ValueError, match="load some first"):
        rag.chunk([])
    with pytest.raises(ValueError, match="no text"):
        rag.chunk([Document("empty", "Empty", "  ")])


def test_retrieval_finds_meaning_and_checks_its_arguments(index):
    hits = index.retrieve(["In which city is the data centre?", "How soon must bills be paid?"], top_k=2)
    assert "Oslo" in hits[0][0].node.text and "Invoices" in hits[1][0].node.text
    assert hits[0][0].score >= hits[0][1].score
    for wrong in (0, len(index.chunks) + 1):
        with pytest.raises(ValueError, match="top_k"):
            index.retrieve(["Where?"], top_k=wrong)
    with pytest.raises(ValueError, match="empty"):
        index.retrieve([" "])
    with pytest.raises(ValueError, match="at least one chunk"):
        rag.VectorIndex([], index.embedder)


def test_llama_index_finds_the_same(index):
    question = "In which city is the data centre?"
    theirs = index.llama_index().as_retriever(similarity_top_k=2).retrieve(question)
    ours = index.retrieve([question], top_k=2)[0]
    assert [h.node.node_id for h in theirs] == [h.node.node_id for h in ours]
    assert [h.score for h in theirs] == pytest.approx([h.score for h in ours], abs=1e-5)


def test_the_pipeline_answers_many_as_it_answers_one(index, reader):
    naive = rag.NaiveRAG(index, reader, top_k=3)
    questions = ["Where do the servers stand?", "When do invoices fall due?", "Who keeps the key?"]
    together = naive.run(questions)
    assert [r.reply for r in together] == [naive.ask(q).reply for q in questions]
    assert all(r.used == 3 and r.prompt_tokens < reader.max_length for r in together)


def test_passages_that_do_not_fit_are_left_out(index, reader):
    from dataclasses import replace

    question = "Where do the servers stand?"
    whole = rag.NaiveRAG(index, reader, top_k=4).ask(question)
    small = replace(reader, max_length=whole.prompt_tokens + reader.max_new_tokens - 1)
    result = rag.NaiveRAG(index, small, top_k=4).ask(question)
    assert whole.used == 4 and result.used == 3
    with pytest.raises(ValueError, match="shorten it"):
        rag.NaiveRAG(index, small).ask("Where " * 400)


def test_citations_of_passages_that_were_not_given_are_left_out(index, reader):
    result = rag.NaiveRAG(index, reader, top_k=2).ask("Where do the servers stand?")
    forged = pipeline.Result(**{**result.__dict__, "answer": pipeline.parse_answer("Oslo [1] [7]")})
    assert len(forged.cited()) == 1 and forged.sources() == [forged.retrieved[0].node.metadata["title"]]


def test_evaluate_gives_every_metric_with_an_interval(index, reader):
    text = DOCUMENTS[2].text
    start = text.index("The servers")
    question = Question(
        "q", "lookup", "Where do the servers stand?", "Oslo", (), (), {}, (Span("hosting", start, start + 26),),
        ("hosting",), "data_location", "w", None, None, "known", False, "dev",
    )  # fmt: skip
    figures = rag.evaluate([question], rag.NaiveRAG(index, reader, top_k=2).run([question.question]))
    assert set(figures) == {
        "evidence_recall_1000", "recall_at_5", "mrr", "ndcg_at_5", "wrong_document_rate_at_5",
        "exact_match", "token_f1", "citation_accuracy", "refusal_f1",
    }  # fmt: skip
    assert figures["recall_at_5"].value == 1


def _category_question(**changes):
    values = dict(
        id="q", task="lookup", question="Where do the servers stand?", answer="Oslo", aliases=(), items=(), fields={},
        evidence=(Span("hosting", 0, 25),), documents=("hosting",), category="place", wording="w", reference=None,
        half=None, stratum="known", ambiguous=False, split="dev",
    )  # fmt: skip
    return Question(**(values | changes))


CONTRACTS = [
    {"id": "lease", "amends": None, "clauses": [{"category": "place", "start": 0, "end": 10}]},
    {"id": "supply", "amends": None, "clauses": [{"category": "place", "start": 0, "end": 12}]},
    {"id": "hosting", "amends": None, "clauses": [{"category": "time", "start": 0, "end": 25}]},
]


def test_the_oracle_gives_the_gold_paragraph_among_distractors():
    passages, spans = rag.oracle_passages(_category_question(), DOCUMENTS, CONTRACTS)
    gold = [i for i, s in enumerate(spans) if s.document == "hosting"]
    assert len(passages) == 3 and len(gold) == 1 and "Oslo" in passages[gold[0]].text
    assert {s.document for s in spans} == {"hosting", "lease", "supply"}
    assert rag.oracle_passages(_category_question(), DOCUMENTS, CONTRACTS)[1] == spans
    orders = {rag.oracle_passages(_category_question(), DOCUMENTS, CONTRACTS, seed=s)[1][0] for s in range(20)}
    assert len(orders) == 3


def test_the_oracle_of_an_unanswerable_question_holds_another_clause_of_the_contract():
    question = _category_question(answer=None, evidence=())
    _, spans = rag.oracle_passages(question, DOCUMENTS, CONTRACTS)
    assert Span("hosting", 0, 25) in spans and len(spans) == 3


def test_reading_the_oracle_scores_every_question(reader):
    questions = [_category_question(), _category_question(id="u", answer=None, evidence=())]
    replies, scores = rag.read_oracle(reader, questions, DOCUMENTS, CONTRACTS)
    assert len(replies) == len(scores) == 2 and [s.should_refuse for s in scores] == [False, True]


def test_domain_warns_of_what_lies_outside(index):
    inside = ["What is the rent a month?", "Who keeps the key?", "In which city do the servers stand?"]
    domain = rag.Domain(index, inside, share=0.0)
    assert all(domain.warning(q) is None for q in inside)
    warning = domain.warning("Who painted the ceiling of the chapel?")
    assert warning is not None and "unlike" in warning
    assert domain.similarity(inside).shape == (3,)
    for questions, share in (([], 0.02), (inside, 1.0)):
        with pytest.raises(ValueError, match="Calibrate"):
            rag.Domain(index, questions, share)
