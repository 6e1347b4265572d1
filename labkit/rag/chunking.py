"""Chunking: documents cut into pieces small enough to embed and to put into a prompt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from functools import lru_cache
from io import StringIO
from math import log
from typing import Any

from llama_index.core.node_parser import NodeParser, SentenceSplitter, SentenceWindowNodeParser
from llama_index.core.schema import BaseNode, MetadataMode, TextNode
from llama_index.core.schema import Document as LlamaDocument

from labkit.corpus import Document, Span
from labkit.prompts import Passage


@lru_cache(maxsize=50_000)
def count_tokens(text: str) -> int:
    """Length of a text in tokens of LlamaIndex's default tokenizer: the course's only measure of length.

    It does not depend on the generator, so that token budgets compare across models.
    """
    from llama_index.core.utils import get_tokenizer

    return len(get_tokenizer()(text))


def chunk(documents: Sequence[Document], splitter: NodeParser | None = None, tokens: int = 128) -> list[TextNode]:
    """Cut documents into chunks with any LlamaIndex node parser.

    Args:
        documents: of the course or of your own.
        splitter: a node parser; by default LlamaIndex's SentenceSplitter without overlap.
        tokens: size of a chunk for the default splitter.

    Returns:
        The chunks in reading order, each with its `start_char_idx` and `end_char_idx`; those of a
        HierarchicalNodeParser level by level, those of a SentenceWindowNodeParser with the place of their window.

    Raises:
        ValueError: there are no documents, `documents` is not a list of them, two have the same id, they hold no text,
            or a chunk is not found in its document.
    """
    _check_documents(documents)
    parser = splitter or SentenceSplitter(chunk_size=tokens, chunk_overlap=0, include_metadata=False)
    # LlamaIndex prints a line for each document where chunks are small.
    with redirect_stdout(StringIO()):
        nodes = parser.get_nodes_from_documents([part for d in documents for part in _parts(d, _sizes(parser))])
    chunks = [n for n in nodes if isinstance(n, TextNode) and n.text.strip()]
    if not chunks:
        raise ValueError("The documents hold no text: check what was loaded.")
    by_id = {d.id: d for d in documents}
    # By document or larger chunk: up to where chunks cover it.
    covered = {d.id: 0 for d in documents}
    for node in chunks:
        document, parent = by_id[str(node.ref_doc_id)], node.parent_node.node_id if node.parent_node else ""
        inside = parent if parent in covered else document.id
        span = _locate(node, document, covered[inside])
        covered[inside], covered[node.node_id] = max(covered[inside], span.end), span.start
    if isinstance(parser, SentenceWindowNodeParser):
        _place_windows(chunks, by_id, parser.window_size)
    return chunks


def _check_documents(documents: Sequence[Document]) -> None:
    if isinstance(documents, Document) or not all(isinstance(d, Document) for d in documents):
        raise ValueError("Give a list of `corpus.Document`: write [document] to cut a single one.")
    if not documents:
        raise ValueError("There are no documents to cut: load some first.")
    [(name, times)] = Counter(d.id for d in documents).most_common(1)
    if times > 1:
        raise ValueError(f"Two documents have the id {name!r}: give each an id of its own, for chunks refer to it.")


_LONGEST_PART = 100_000  # characters; LlamaIndex's search for sentences gives up on much longer ones


def _sizes(parser: NodeParser) -> list[int]:
    """The sizes that a parser, or each level of a hierarchical one, cuts with."""
    levels = [parser, *getattr(parser, "node_parser_map", {}).values()]
    return [level.chunk_size for level in levels if hasattr(level, "chunk_size")]


def _parts(document: Document, sizes: Sequence[int]) -> Iterator[LlamaDocument]:
    """A document for LlamaIndex, in parts where it is very long; without its title where that would fill a chunk."""
    start = 0
    while start < len(document.text):
        window = document.text[start : start + _LONGEST_PART]
        if start + _LONGEST_PART < len(document.text):
            ends = (window.rfind(mark, _LONGEST_PART // 2) + len(mark) for mark in ("\n\n", "\n", ". ", " "))
            window = window[: next((end for end in ends if end > _LONGEST_PART // 2), _LONGEST_PART)]
        part = replace(document, text=window).to_llama_index()
        if sizes and count_tokens(document.title) > min(sizes) // 2:
            part.metadata = {}
        yield part
        start += len(window)


_TEXT = re.compile(r"\S|\Z")


def _locate(node: TextNode, document: Document, covered: int) -> Span:
    """Set a chunk's document and place, and give its place.

    LlamaIndex looks for a chunk from the start of the document, which finds the wrong place for a text that occurs
    twice. We take the last place that leaves nothing out, or the first one behind it where that adds nothing.

    Args:
        node: the chunk.
        document: that it was cut from.
        covered: where the chunks before it end.
    """
    text, size = document.text, len(node.text)
    goes_on = next(_TEXT.finditer(text, covered)).start()
    start = text.rfind(node.text, 0, goes_on + size)
    if start < 0 or start + size <= covered:
        start = max(start, text.find(node.text, covered))
    if start < 0:
        raise ValueError(f"A chunk of {document.id} is not in it word for word: use a splitter that keeps the text.")
    node.metadata, node.excluded_embed_metadata_keys, node.excluded_llm_metadata_keys = {}, [], []
    return span_of(place(node, Span(document.id, start, start + size), document.title))


def place(node: TextNode, span: Span, title: str) -> TextNode:
    """Set where a chunk stands and the title of its document, which the index does not read; returns the chunk."""
    node.start_char_idx, node.end_char_idx = span.start, span.end
    annotate(node, document=span.document)
    node.metadata["title"] = title
    node.excluded_embed_metadata_keys.append("title")
    return node


def annotate(node: BaseNode, **values: Any) -> None:
    """Add metadata to a chunk that neither index nor prompt reads."""
    node.metadata |= values
    node.excluded_embed_metadata_keys += values
    node.excluded_llm_metadata_keys += values


def _place_windows(chunks: Sequence[TextNode], documents: Mapping[str, Document], size: int) -> None:
    """Give each sentence its window word for word, and the window's place."""
    for i, node in enumerate(chunks):
        name = node.metadata["document"]
        near = [c for c in chunks[max(0, i - size) : i + size + 1] if c.metadata["document"] == name]
        start, end = near[0].start_char_idx or 0, near[-1].end_char_idx or 0
        annotate(node, window=documents[name].text[start:end], window_start=start, window_end=end)


def span_of(node: BaseNode) -> Span:
    """Where a chunk stands in its document."""
    if not isinstance(node, TextNode) or node.start_char_idx is None or node.end_char_idx is None:
        raise ValueError("This node does not say where it stands in its document: make it with `rag.chunk`.")
    return Span(str(node.metadata["document"]), node.start_char_idx, node.end_char_idx)


def text_of(node: BaseNode) -> str:
    """A chunk's own text, without metadata."""
    return node.get_content(MetadataMode.NONE)


def indexed_text(node: BaseNode) -> str:
    """What an index reads of a chunk: its contextual header, where it has one, and its text."""
    return node.get_content(MetadataMode.EMBED)


def title_of(node: BaseNode) -> str:
    """What stands above a chunk in the prompt: its document's title. A contextual header is for the index alone."""
    return str(node.metadata["title"])


def passage_of(node: BaseNode) -> Passage:
    """A chunk as it stands in a prompt."""
    return Passage(title_of(node), text_of(node))


def cost_of(node: BaseNode) -> int:
    """Tokens that a chunk takes in a prompt: what stands above it, and its text."""
    return count_tokens(title_of(node)) + count_tokens(text_of(node))


def places_of(node: BaseNode) -> list[Span]:
    """Where the text of a chunk stands: its place, or the places of the sentences that compression kept."""
    whole = span_of(node)
    return [Span(whole.document, start, end) for start, end in node.metadata.get("kept", [])] or [whole]


class ClauseParser(NodeParser):
    """Structural chunks: a paragraph (in a contract, a clause) is a chunk.

    A heading joins the paragraph below it; a paragraph of more than `tokens` tokens is cut at
    sentences, by LlamaIndex's SentenceSplitter.

    Args:
        tokens: largest chunk, in tokens of `count_tokens`.
    """

    tokens: int = 256

    def _parse_nodes(self, nodes: Sequence[BaseNode], show_progress: bool = False, **_: Any) -> list[BaseNode]:
        from llama_index.core.node_parser.node_utils import build_nodes_from_splits

        longer = SentenceSplitter(chunk_size=self.tokens, chunk_overlap=0, include_metadata=False)

        def cut(text: str) -> list[str]:
            parts = ([p] if count_tokens(p) <= self.tokens else longer.split_text(p) for p in clauses(text))
            return [piece for pieces in parts for piece in pieces]

        return [piece for node in nodes for piece in build_nodes_from_splits(cut(text_of(node)), node)]


_HEADING = re.compile(r"(?:[\d.§()]{1,10}\s+)?[^.;:,\n]{1,80}")


def clauses(text: str) -> list[str]:
    """The paragraphs of a text, headings joined to what follows them."""
    paragraphs: list[str] = []
    start = last = 0
    for match in re.finditer(r"\n\s*\n|\Z", text):
        paragraph = text[last : match.start()].strip()
        last = match.end()
        if _HEADING.fullmatch(paragraph) and last < len(text):
            continue
        if paragraph:
            paragraphs.append(text[start : match.start()].strip())
        start = last
    return paragraphs


def add_headers(chunks: Sequence[TextNode], headers: Mapping[str, str]) -> list[TextNode]:
    """Copies of the chunks with a contextual header, for the index, that says what their document is.

    Args:
        chunks: to copy.
        headers: by document id, as `document_headers` makes them or as an LLM wrote them.

    Raises:
        KeyError: a chunk's document has no header.
    """
    if without := [name for node in chunks if (name := str(node.metadata["document"])) not in headers]:
        raise KeyError(f"There is no header for {without[0]!r}: make one for every document.")
    headed = [node.model_copy(deep=True) for node in chunks]
    for node in headed:
        node.metadata["header"] = headers[node.metadata["document"]]
        node.metadata_template, node.text_template = "{value}", "{metadata_str}\n{content}"
    return headed


def clauses_with_headers(documents: Sequence[Document]) -> list[TextNode]:
    """Clauses with the headers of `document_headers`: what the course's tuned embedder was trained on."""
    return add_headers(chunk(documents, ClauseParser()), document_headers(documents))


def document_headers(documents: Sequence[Document], words: int = 40, opening: int = 120) -> dict[str, str]:
    """A one-line summary of each document: its title, and what its opening says that others do not.

    Extractive: of the sentences in the first `opening` words, those whose words are rarest among the
    openings of all documents (mean inverse document frequency), in reading order, up to `words` words.
    A large LLM can write better ones (Anthropic, Contextual Retrieval, 2024); this one is free.
    """
    first = {d.id: _sentences(d.text, opening) for d in documents}
    seen: Counter[str] = Counter(w for rows in first.values() for w in {w for row in rows for w in _words(row)})
    headers = {}
    for document in documents:
        rows = first[document.id]
        own = set(_words(document.title))
        ranked = sorted(range(len(rows)), key=lambda i: -_rarity(rows[i], seen, len(documents), own))
        chosen: list[int] = []
        for i in ranked:
            if sum(len(rows[k].split()) for k in (*chosen, i)) <= words:
                chosen.append(i)
        headers[document.id] = " ".join([f"{document.title}.", *(rows[i] for i in sorted(chosen))]).strip()
    return headers


def _sentences(text: str, words: int) -> list[str]:
    """The sentences of the first `words` words."""
    start = " ".join(text.split(" ")[:words])
    lines = [part for line in start.split("\n") for part in re.split(r"(?<=[.!?])\s+", line)]
    return [" ".join(line.split()) for line in lines if len(line.split()) > 3]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.lower())


def _rarity(sentence: str, seen: Mapping[str, int], documents: int, title_words: set[str]) -> float:
    """Mean inverse document frequency of a sentence's words that the title does not hold already."""
    words = _words(sentence)
    return sum(log(documents / seen[w]) for w in words if w not in title_words) / max(1, len(words))
