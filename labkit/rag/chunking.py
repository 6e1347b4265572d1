"""Chunking: documents cut into pieces small enough to embed and to put into a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from llama_index.core.node_parser import NodeParser, SentenceSplitter
from llama_index.core.schema import BaseNode, MetadataMode, TextNode

from labkit.corpus import Document, Span


@cache
def tokenizer() -> Callable[[str], list[int]]:
    """LlamaIndex's default tokenizer: the course's one measure of a text's length.

    It does not depend on the generator, so that token budgets compare across models.
    """
    from llama_index.core.utils import get_tokenizer

    return get_tokenizer()


def count_tokens(text: str) -> int:
    """Length of a text in tokens of `tokenizer()`."""
    return len(tokenizer()(text))


def chunk(documents: Sequence[Document], splitter: NodeParser | None = None, tokens: int = 128) -> list[TextNode]:
    """Cut documents into chunks with any LlamaIndex node parser.

    Args:
        documents: of the course or of your own.
        splitter: a node parser; by default LlamaIndex's SentenceSplitter without overlap.
        tokens: size of a chunk for the default splitter.

    Returns:
        The chunks in reading order, each with its `start_char_idx` and `end_char_idx`.

    Raises:
        ValueError: there are no documents, they hold no text, or a chunk is not found in its document.
    """
    if not documents:
        raise ValueError("There are no documents to cut: load some first.")
    parser = splitter or SentenceSplitter(chunk_size=tokens, chunk_overlap=0, include_metadata=False)
    nodes = parser.get_nodes_from_documents([d.to_llama_index() for d in documents])
    chunks = [n for n in nodes if isinstance(n, TextNode) and n.text.strip()]
    if not chunks:
        raise ValueError("The documents hold no text: check what was loaded.")
    by_id = {d.id: d for d in documents}
    position: dict[str, int] = {}
    for node in chunks:
        document = by_id[str(node.ref_doc_id)]
        position[document.id] = _locate(node, document, position.get(document.id, 0)) + 1
    return chunks


def _locate(node: TextNode, document: Document, after: int) -> int:
    """Set a chunk's document and place; its start.

    LlamaIndex looks for a chunk from the start of the document, which finds the wrong place for a
    text that occurs twice; we look on from the chunk before, then from the start.
    """
    start = document.text.find(node.text, after)
    if start < 0:
        start = document.text.find(node.text)
    if start < 0:
        raise ValueError(f"A chunk of {document.id} is not in it word for word: use a splitter that keeps the text.")
    node.start_char_idx, node.end_char_idx = start, start + len(node.text)
    node.metadata = {"document": document.id, "title": document.title}
    node.excluded_embed_metadata_keys = ["document", "title"]
    node.excluded_llm_metadata_keys = ["document"]
    return start


def span_of(node: BaseNode) -> Span:
    """Where a chunk stands in its document."""
    if not isinstance(node, TextNode) or node.start_char_idx is None or node.end_char_idx is None:
        raise ValueError("This node does not say where it stands in its document: make it with `rag.chunk`.")
    return Span(str(node.metadata["document"]), node.start_char_idx, node.end_char_idx)


def text_of(node: BaseNode) -> str:
    """A chunk's own text, without metadata."""
    return node.get_content(MetadataMode.NONE)
