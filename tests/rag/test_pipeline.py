"""The pipeline answers many questions as it answers one, leaves a trace, and may search again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small import PAPERS, Scripted

from labkit import models, rag
from labkit.rag import pipeline


def test_the_pipeline_answers_many_as_it_answers_one(index, reader):
    naive = rag.Pipeline(index, reader, top_k=3)
    questions = ["Where do the servers stand?", "When do invoices fall due?", "Who keeps the key?"]
    together = naive.run(questions)
    assert [r.reply for r in together] == [naive.ask(q).reply for q in questions]
    assert all(r.used == 3 and r.prompt_tokens < reader.max_length for r in together)


def test_passages_that_do_not_fit_are_left_out(index, reader):

    question = "Where do the servers stand?"
    whole = rag.Pipeline(index, reader, top_k=4).ask(question)
    small = replace(reader, max_length=whole.prompt_tokens + reader.max_new_tokens - 1)
    result = rag.Pipeline(index, small, top_k=4).ask(question)
    assert whole.used == 4 and result.used == 3
    with pytest.raises(ValueError, match="shorten it"):
        rag.Pipeline(index, small).ask("Where " * 400)


def test_citations_of_passages_that_were_not_given_are_left_out(index, reader):
    result = rag.Pipeline(index, reader, top_k=2).ask("Where do the servers stand?")
    forged = pipeline.Result(**{**result.__dict__, "answer": pipeline.parse_answer("Oslo [1] [7]")})
    assert len(forged.cited()) == 1 and forged.sources() == [forged.retrieved[0].node.metadata["title"]]


def test_every_stage_leaves_a_trace_and_llama_index_parts_fit_in(index, words):
    from llama_index.core.indices.query.query_transform.base import IdentityQueryTransform
    from llama_index.core.postprocessor import LongContextReorder

    pipeline = rag.Pipeline(
        rag.Hybrid([index, words]), Scripted("Oslo [1]"), rewrite=[IdentityQueryTransform()],
        post=[LongContextReorder()], top_k=2,
    )  # fmt: skip
    result = pipeline.ask("Where do the servers stand?")
    names = [s.stage for s in result.trace]
    assert names == ["IdentityQueryTransform", "Hybrid", "LongContextReorder", "answer"]
    assert all(s.outputs for s in result.trace)
    assert result.answer.text == "Oslo" and result.trace[1].hits


def test_the_pipeline_runs_with_llama_index_mocks_alone():
    from llama_index.core import MockEmbedding
    from llama_index.core.llms import MockLLM

    index = rag.VectorIndex(rag.chunk(PAPERS, tokens=24), models.embedder_from_llama_index(MockEmbedding(8)))
    result = rag.Pipeline(index.llama_index().as_retriever(), models.from_llama_index(MockLLM()), top_k=2).ask("Where?")
    assert "Question: Where?" in result.reply and result.used == 2


def test_a_refused_answer_is_searched_for_again(index):
    first = rag.Pipeline(index, Scripted("I don't know."), top_k=1)
    second = rag.Pipeline(index, Scripted("Oslo [1]"), top_k=3)
    result = rag.Corrective(first, second).ask("Where do the servers stand?")
    assert result.answer.text == "Oslo" and [s.stage for s in result.trace].count("answer") == 2
    assert rag.Corrective(second, first).ask("Where do the servers stand?").answer.text == "Oslo"


def test_a_judge_sends_the_answer_back(index):
    first = rag.Pipeline(index, Scripted("Rome [1]"), top_k=1)
    second = rag.Pipeline(index, Scripted("Oslo [1]"), top_k=3)
    against, in_favour = (rag.judged_by(Scripted(verdict)) for verdict in ("no", "yes"))
    question = "Where do the servers stand?"
    assert rag.Corrective(first, second, against).ask(question).answer.text == "Oslo"
    assert rag.Corrective(first, second, in_favour).ask(question).answer.text == "Rome"
    assert rag.judged_by(Scripted("yes"))([rag.Pipeline(index, Scripted("I don't know."), top_k=1).ask("Who?")]) == [
        False
    ]
