"""Every wrong answer has one error category."""

from __future__ import annotations

import pytest
from small import PAPERS, hosting_question

from labkit import rag
from labkit.corpus import Document, Span
from labkit.rag import error_analysis, pipeline


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
    assert error_analysis.error_category(question, result, *rag.score([question], [result])) == expected
    assert expected in error_analysis.ERROR_CATEGORIES


def test_an_answer_of_the_superseded_contract_is_the_wrong_version(index):
    hits = []
    for name in ("C1", "C1-A1"):
        [node] = rag.chunk([Document(name, name, "The term is 5 years.")])
        hits.append(rag.retrieval.NodeWithScore(node=node, score=1.0))
    question = hosting_question(answer="7 years", evidence=(Span("C1-A1", 0, 20),), documents=("C1",))
    result = pipeline.Result("q", tuple(hits), 2, "5 years [1]", pipeline.parse_answer("5 years [1]"), 9)
    assert error_analysis.error_category(question, result, *rag.score([question], [result])) == "wrong version"
