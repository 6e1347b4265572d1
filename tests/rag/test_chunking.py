"""Chunks know their place; structural chunks, headers and sentence windows."""

from __future__ import annotations

import pytest
from llama_index.core.node_parser import SentenceSplitter
from small import PAPERS

from labkit import rag
from labkit.corpus import Document
from labkit.rag.chunking import count_tokens


def test_chunks_know_their_place_also_where_a_text_repeats():
    texts = {d.id: d.text for d in PAPERS}
    chunks = rag.chunk(PAPERS, tokens=10)
    spans = [rag.span_of(c) for c in chunks]
    assert all(texts[s.document][s.start : s.end] == c.text for s, c in zip(spans, chunks, strict=True))
    assert len(set(spans)) == len(spans)
    assert all(count_tokens(c.text) <= 10 for c in chunks)


def test_chunk_refuses_nothing_and_emptiness():
    with pytest.raises(ValueError, match="load some first"):
        rag.chunk([])
    with pytest.raises(ValueError, match="no text"):
        rag.chunk([Document("empty", "Empty", "  ")])


def test_two_documents_of_one_id_are_refused():
    with pytest.raises(ValueError, match="Two documents have the id 'a'"):
        rag.chunk([Document("a", "First", "One sentence."), Document("a", "Second", "Another one.")])


CONTRACT = (
    "SUPPLY OF PAPER\n\n1. Delivery\n\nPaper arrives in ten days. The buyer checks it at once.\n\n"
    "2. Payment\n\nInvoices fall due after 30 days. Late sums bear interest.\n\nThe parties meet twice a year."
)


def test_structural_chunks_are_paragraphs_with_their_headings():
    document = Document("c", "Supply of paper", CONTRACT)
    chunks = rag.chunk([document], rag.ClauseParser())
    assert [c.text.split("\n")[0] for c in chunks] == [
        "SUPPLY OF PAPER",
        "2. Payment",
        "The parties meet twice a year.",
    ]
    assert all(CONTRACT[rag.span_of(c).start : rag.span_of(c).end] == c.text for c in chunks)
    assert all(count_tokens(c.text) <= 8 for c in rag.chunk([document], rag.ClauseParser(tokens=8)))


def test_headers_stand_in_index_and_prompt_and_never_in_the_text():
    headers = rag.document_headers(PAPERS)
    assert headers["hosting"].startswith("Hosting of the archive.") and "Oslo" in headers["hosting"]
    chunks = rag.chunk(PAPERS, tokens=24)
    headed = rag.add_headers(chunks, headers)
    assert rag.indexed_text(headed[0]) == f"{headers['lease']}\n{chunks[0].text}"
    assert rag.text_of(headed[0]) == chunks[0].text and rag.indexed_text(chunks[0]) == chunks[0].text
    with pytest.raises(KeyError, match="no header"):
        rag.add_headers(chunks, {"lease": "x"})


def test_a_sentence_window_is_word_for_word_and_knows_its_place():
    from llama_index.core.node_parser import SentenceWindowNodeParser

    chunks = rag.chunk(PAPERS, SentenceWindowNodeParser.from_defaults(window_size=1))
    texts = {d.id: d.text for d in PAPERS}
    first = next(c for c in chunks if c.metadata["document"] == "supply")
    assert first.metadata["window"] == texts["supply"] and rag.indexed_text(first) == first.text


TEXTS = [
    "Page header of Acme. " * 40,
    "the the the the. " * 300,
    "\n\n".join(["Clause. Pay now."] * 200),
    "Pay now. " * 50 + "A part that differs. " + "Pay now. " * 50,
    "契約書は三十日以内に支払う。" * 200,
    "x" * 5000,
]


def uncovered(document, chunks):
    """Whether any of a document's text is in no chunk; checks each chunk's place."""
    end = 0
    for node in chunks:
        assert document.text[node.start_char_idx : node.end_char_idx] == node.text
        if document.text[end : node.start_char_idx].strip():
            return True
        end = max(end, node.end_char_idx)
    return bool(document.text[end:].strip())


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("overlap", [None, 0, 30])
def test_text_that_repeats_itself_is_covered_by_chunks_in_their_places(text, overlap):
    splitter = rag.ClauseParser() if overlap is None else SentenceSplitter(chunk_size=100, chunk_overlap=overlap)
    document = Document("d", "Title", text)
    assert not uncovered(document, rag.chunk([document], splitter))


@pytest.mark.parametrize("words", [60, 130, 3000])
@pytest.mark.parametrize("splitter", [None, rag.ClauseParser()])
def test_a_title_longer_than_a_chunk_does_not_stop_it(words, splitter):
    document = Document("long-" * 300, "word " * words, "Some text of the document. " * 60)
    chunks = rag.chunk([document], splitter)
    assert not uncovered(document, chunks) and chunks[0].metadata["title"] == document.title


@pytest.mark.parametrize(
    "sentence", ["The Buyer pays 1,000 euros within thirty days. ", "e.g. ", "0123456789 ", "words without an end "]
)
def test_an_endless_line_is_cut(sentence):
    document = Document("d", "Title", sentence * (400_000 // len(sentence)))
    assert not uncovered(document, rag.chunk([document]))


def test_a_table_is_cut_between_its_rows():
    rows = [f"Item: thing number {i}, large | Price: USD {i},000.50" for i in range(100)]
    document = Document("d", "Title", "The prices are:\n\n" + "\n\n\n".join(rows) + "\n\nEnd.")
    for splitter in (None, rag.ClauseParser(tokens=64)):
        kept = "\n".join(node.text for node in rag.chunk([document], splitter)).split("\n")
        assert set(rows) <= set(kept)
