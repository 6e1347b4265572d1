"""Search by words: what contracts differ in is kept, what is in none of them gives nothing."""

from __future__ import annotations

import pytest

from labkit import rag
from labkit.corpus import Document
from labkit.rag.search_words import search_words

PAIRS = [
    ("What does Schedule A say?", "Schedule A lists the fees.", "Schedule B lists a fee, a charge and a cost."),
    ("What does Schedule A say?", "Schedule A lists the fees.", "A fee is due under Schedule B. A charge is not."),
    ("the obligations of Class C holders", "Class C holders vote first.", "Class D holders vote first."),
    ("What is in Exhibit X", "Exhibit X holds the drawings.", "Exhibit Y holds the drawings."),
    ("option b", "Option B costs more.", "Option A costs more."),
    ("clause 7", "Clause 7 governs notices within 8 days.", "Clause 8 governs notices within 7 days."),
    ("What does section 3.2 govern?", "Section 3.2 governs audits.", "Section 3.3 governs audits."),
    ("Who bears 5 percent?", "The buyer bears 5 percent.", "The buyer bears 6 percent."),
    ("USD 1,000,000", "The cap is USD 1000000.", "The cap is USD 1,000."),
    ("Who shall not pay interest?", "The buyer shall not pay interest.", "The buyer shall pay the interest."),
    ("Where is no deposit due?", "There is no deposit due.", "There is the deposit that is due."),
    ("What can't the tenant do", "The tenant can not sublet.", "The tenant can sublet."),
    ("party that doesn't insure", "The party does not insure.", "The party does insure."),
]


@pytest.mark.parametrize(("question", "right", "wrong"), PAIRS)
def test_what_tells_texts_apart_is_searched_for(question, right, wrong):
    for texts in ((right, wrong), (wrong, right)):
        index = rag.BM25Index(rag.chunk([Document(str(i), "t", text, {}) for i, text in enumerate(texts)]))
        best, other = index.retrieve([question], 2)[0]
        assert best.node.text == right and best.score > other.score
        theirs = index.llama_index(top_k=2).retrieve(question)
        assert [(h.node.node_id, h.score) for h in theirs] == [(h.node.node_id, h.score) for h in (best, other)]


def test_index_and_question_have_the_same_words():
    assert search_words("The Buyer\N{RIGHT SINGLE QUOTATION MARK}s invoices") == search_words("buyer's INVOICE")
    assert search_words("shan't pay 1,000.50") == ["sha", "not", "pay", "1000.50", "pay 1000.50"]
    assert search_words("of the a it") == search_words("") == search_words("? -- !") == []


@pytest.mark.parametrize("question", ["of the", "a", "it is the", "?!", "zebra", "\N{SNOWMAN}"])
def test_a_question_that_shares_no_word_scores_nothing(question):
    documents = [Document("a", "t", "The tenant pays.", {}), Document("b", "t", "A bank lends.", {})]
    index = rag.BM25Index(rag.chunk(documents))
    assert [h.score for h in index.retrieve([question], 2)[0]] == [0, 0]
    assert [h.score for h in index.llama_index(5).retrieve(question)] == [0, 0]


@pytest.mark.parametrize("text", ["of the", "A", "it is the a an", "-- ? --", "to be or to be"])
def test_an_index_of_stop_words_alone_is_refused_in_one_sentence(text):
    with pytest.raises(ValueError, match="hold no words to search for"):
        rag.BM25Index(rag.chunk([Document("a", "t", text, {})]))


def test_chunks_without_words_stand_beside_others():
    documents = [Document("a", "t", "of the", {}), Document("b", "t", "A bank lends.", {})]
    [hits] = rag.BM25Index(rag.chunk(documents)).retrieve(["Who lends?"], 2)
    assert hits[0].node.metadata["document"] == "b" and hits[1].score == 0


def test_nothing_fused_is_nothing():
    assert rag.fuse([], 3) == rag.fuse([[]], 3) == rag.fuse([[], []], 3) == rag.fuse([[], [], []], 1) == []
