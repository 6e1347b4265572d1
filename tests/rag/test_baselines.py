"""The upper and the lower reference: oracle and random context."""

from __future__ import annotations

import pytest
from small import CLAUSES, FEW, PAPERS, hosting_question, two_questions

from labkit import rag
from labkit.corpus import Span


def test_the_oracle_gives_the_gold_paragraph_among_distractors():
    passages, spans = rag.oracle_passages(hosting_question(), PAPERS, CLAUSES)
    gold = [i for i, s in enumerate(spans) if s.document == "hosting"]
    assert len(passages) == 3 and len(gold) == 1 and "Oslo" in passages[gold[0]].text
    assert {s.document for s in spans} == {"hosting", "lease", "supply"}
    assert rag.oracle_passages(hosting_question(), PAPERS, CLAUSES)[1] == spans
    orders = {rag.oracle_passages(hosting_question(), PAPERS, CLAUSES, seed=s)[1][0] for s in range(20)}
    assert len(orders) == 3


def test_the_oracle_of_an_unanswerable_question_holds_another_clause_of_the_contract():
    question = hosting_question(answer=None, evidence=())
    _, spans = rag.oracle_passages(question, PAPERS, CLAUSES)
    assert Span("hosting", 0, 25) in spans and len(spans) == 3


def test_the_oracle_gives_the_gold_passage_and_random_context_never():
    questions = two_questions()
    for known, same in ((rag.oracle, True), (rag.random_context, False)):
        retriever = known(questions, PAPERS, FEW, distractors=0)
        for question, hits in zip(questions, retriever.retrieve(["Where?", "When?"]), strict=True):
            held = {h.node.metadata["document"] for h in hits}
            assert (held == set(question.documents)) is same and len(hits) == 1
    apart = {"hosting": ["place", "time"], "supply": ["time", "place"]}
    both = [{**c, "clauses": [{**c["clauses"][0], "category": k} for k in apart[c["id"]]]} for c in FEW]
    for question, hits in zip(
        questions, rag.random_context(questions, PAPERS, both).retrieve(["Where?", "When?"]), strict=True
    ):
        assert not any(rag.span_of(h.node).overlap(question.evidence[0]) for h in hits)
    with pytest.raises(ValueError, match="No passages are known"):
        rag.oracle(questions, PAPERS, FEW).retrieve(["Who?"])
    with pytest.raises(ValueError, match="two contracts"):
        rag.random_context(questions[:1], PAPERS, FEW)
