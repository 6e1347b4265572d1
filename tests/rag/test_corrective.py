"""Searching again where an answer is refused or not supported."""

from __future__ import annotations

from small import Scripted

from labkit import rag


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
