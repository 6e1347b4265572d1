"""Before retrieval, what is searched for when it is not the question as asked; after it, chunks reordered and cut."""

from __future__ import annotations

import pytest
from small import PAPERS, Scripted

from labkit import rag
from labkit.rag import stages
from labkit.rag.retrieval import bundles


def test_queries_are_rewritten_split_and_imagined():
    history = [{"role": "user", "content": "Who hosts the archive?"}, {"role": "assistant", "content": "Zelk."}]
    rewritten = rag.Rewrite(Scripted("Where does Zelk host?"))(bundles(["And where?", "Who?"]), [history, ()])
    assert [row[0].query_str for row in rewritten] == ["Where does Zelk host?", "Who?"]
    parts = rag.Decompose(Scripted("When is paper here?\nWhen is it paid?"))(
        bundles(["When is paper here and paid?"]), [()]
    )
    assert [q.query_str for q in parts[0]][1:] == ["When is paper here?", "When is it paid?"]
    imagined = rag.HyDE(Scripted("The servers stand in Rome."))(bundles(["Where do they stand?"]), [()])[0][0]
    assert imagined.query_str == "Where do they stand?" and imagined.embedding_strs[0] == "The servers stand in Rome."
    assert stages.keywords("What is the notice period of the lease?") == "notice period lease"
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


def test_rerankers_order_and_cut(index):
    found = index.retrieve(["Who keeps the key?"], 4)
    queries = rag.retrieval.bundles(["Who keeps the key?"])

    class Last:
        def score(self, pairs):
            return list(range(len(pairs)))

    reranked = rag.Rerank(Last(), depth=3)(queries, found)[0]
    assert [h.node.node_id for h in reranked] == [found[0][i].node.node_id for i in (2, 1, 0, 3)]
    turned = rag.First(2, lambda queries, found: [hits[::-1] for hits in found])(queries, found)[0]
    assert [h.node.node_id for h in turned] == [found[0][i].node.node_id for i in (1, 0, 2, 3)]
    assert "Oslo" in rag.LLMRerank(Scripted("x"))(queries, found)[0][0].node.text


def test_mmr_avoids_doubles_and_compression_keeps_reading_order(index, embedder):
    question = ["How much is the rent a month?"]
    found = index.retrieve(question, len(index.chunks))
    queries = rag.retrieval.bundles(question)
    chosen = rag.MMR(embedder, weight=0.3)(queries, found)[0]
    assert chosen[0].node.node_id == found[0][0].node.node_id
    assert "rent" in found[0][1].node.text and "rent" not in chosen[1].node.text
    long = rag.VectorIndex(rag.chunk(PAPERS), embedder).retrieve(["When do invoices fall due?"], 1)
    short = stages.process(rag.Compress(embedder), rag.retrieval.bundles(["When do invoices fall due?"]), long)
    assert short[0][0].node.text == "Invoices fall due after 30 days." and "Paper" in long[0][0].node.text
    start, end = short[0][0].node.metadata["kept"][0]
    assert PAPERS[1].text[start:end] == "Invoices fall due after 30 days."


def test_windows_replace_sentences_once(embedder):
    from llama_index.core.node_parser import SentenceWindowNodeParser

    index = rag.VectorIndex(rag.chunk(PAPERS[1:2], SentenceWindowNodeParser.from_defaults(window_size=1)), embedder)
    found = index.retrieve(["When do invoices fall due?"], 2)
    wide = stages.process(rag.Window(), rag.retrieval.bundles(["x"]), found)[0]
    assert [h.node.text for h in wide] == [PAPERS[1].text] and rag.span_of(wide[0].node).start == 0
    assert found[0][0].node.text != PAPERS[1].text
