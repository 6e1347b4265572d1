"""Knowledge graph: triples out of passages, linked to entities, kept in LlamaIndex's property graph, and searched.

Sources: Edge et al. 2024, From Local to Global (GraphRAG); Gutiérrez et al. 2024, HippoRAG.
"""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.core.schema import TextNode

from labkit.corpus import COMPANY_RELATIONS, PARTY_RELATIONS, clause_relations
from labkit.prompts import Message, triples_messages
from labkit.rag.chunking import passage_of


def relations_of(node: TextNode) -> tuple[str, ...]:
    """The relations that the course asks of a chunk: those of companies of a register extract, else of contracts."""
    if str(node.metadata["title"]).startswith("Register extract"):
        return COMPANY_RELATIONS
    return (*PARTY_RELATIONS, *clause_relations())


def triple_prompts(chunks: Sequence[TextNode]) -> list[list[Message]]:
    """For each chunk the prompt that asks for its triples."""
    return [triples_messages(passage_of(node), relations_of(node)) for node in chunks]
