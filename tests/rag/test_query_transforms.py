"""What is searched for when it is not the question as asked."""

from __future__ import annotations

import pytest
from small import PAPERS, Scripted

from labkit import rag


def test_queries_are_rewritten_split_and_imagined():
    from labkit.rag import query_transforms
    from labkit.rag.retrieval import bundles

    history = [{"role": "user", "content": "Who hosts the archive?"}, {"role": "assistant", "content": "Zelk."}]
    rewritten = rag.Rewrite(Scripted("Where does Zelk host?"))(bundles(["And where?", "Who?"]), [history, ()])
    assert [row[0].query_str for row in rewritten] == ["Where does Zelk host?", "Who?"]
    parts = rag.Decompose(Scripted("When is paper here?\nWhen is it paid?"))(
        bundles(["When is paper here and paid?"]), [()]
    )
    assert [q.query_str for q in parts[0]][1:] == ["When is paper here?", "When is it paid?"]
    imagined = rag.HyDE(Scripted("The servers stand in Rome."))(bundles(["Where do they stand?"]), [()])[0][0]
    assert imagined.query_str == "Where do they stand?" and imagined.embedding_strs[0] == "The servers stand in Rome."
    assert query_transforms.keywords("What is the notice period of the lease?") == "notice period lease"
    assert len(rag.MultiQuery(Scripted("x"))(bundles(["Where do the servers stand?"]), [()])[0]) == 3


def test_a_stage_that_gives_no_query_is_an_error(index):
    empty = rag.Pipeline(index, Scripted("x"), rewrite=[lambda queries, histories: [[] for _ in queries]], top_k=1)
    with pytest.raises(ValueError, match="gave no query"):
        empty.ask("Where?")


def test_hypothetical_questions_are_written_for_each_chunk():
    writer = Scripted("What is the rent?\nWho keeps the key?\nWhere is the", "none")
    found = rag.hypothetical_questions(writer, rag.chunk(PAPERS[:2], tokens=200))
    assert found == [["What is the rent?", "Who keeps the key?"], []]
    assert "Lease of the north hall" in writer.asked[0][-1]["content"]
