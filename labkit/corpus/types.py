"""Documents, questions and spans: what the rest of labkit passes around.

A document is plain text with an id; where something stands in it is a span of characters, so that evidence, chunks and
citations can be compared exactly.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llama_index.core.schema import Document as LlamaDocument


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` (exclusive) of a document."""

    document: str
    start: int
    end: int

    def overlap(self, other: "Span") -> int:
        """Number of characters that both spans hold."""
        if self.document != other.document:
            return 0
        return max(0, min(self.end, other.end) - max(self.start, other.start))


@dataclass(frozen=True)
class Document:
    """A document of the corpus.

    Attributes:
        id: short and unique ("C017", "C017-A1", "R-acme", "playbook", or a file's path).
        title: how a person would name it.
        text: canonical plain text; spans count its characters.
        metadata: what else is known (kind, date, parties, split, the round in which it arrives ...).
    """

    id: str
    title: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def quote(self, span: Span) -> str:
        """The text of a span of this document."""
        return self.text[span.start : span.end]

    def to_llama_index(self) -> "LlamaDocument":
        """The document for LlamaIndex; embedders see its text only, the generator also its title."""
        from llama_index.core.schema import Document as LlamaDocument

        return LlamaDocument(
            id_=self.id,
            text=self.text,
            metadata={"document": self.id, "title": self.title},
            excluded_embed_metadata_keys=["document", "title"],
            excluded_llm_metadata_keys=["document"],
        )


@dataclass(frozen=True)
class Question:
    """A question with its known answer, and where that stands.

    Attributes:
        answer: None where the corpus does not hold one; then a refusal is right.
        aliases: further accepted spellings.
        items: gold set of a `list` question, each member as its accepted spellings.
        fields: accepted values by field, for `summarise`, `classify` and `draft`.
        evidence: the spans that prove the answer.
        documents: ids, the first names the cluster.
        half: "new" (contracts that training never mentions) or "seen" (facts that training asks) in dev and test.
        part: "pilot" or "final" in the test split, else None.
        stratum: "known", "held-out wording" or "held-out style".
    """

    id: str
    task: str
    question: str
    answer: str | None
    aliases: tuple[str, ...] = ()
    items: tuple[tuple[str, ...], ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    evidence: tuple[Span, ...] = ()
    documents: tuple[str, ...] = ()
    category: str | None = None
    wording: str = ""
    reference: str | None = None
    half: str | None = None
    stratum: str = "known"
    ambiguous: bool = False
    split: str = "dev"
    followup: Mapping[str, Any] | None = None
    standalone: str | None = None
    part: str | None = None

    @property
    def cluster(self) -> str:
        """The contract that intervals cluster by: the first document, without its amendments."""
        return re.sub(r"-A\d+$", "", self.documents[0]) if self.documents else self.id

    def accepted(self) -> tuple[str, ...]:
        """Every spelling that counts as right."""
        return () if self.answer is None else (self.answer, *self.aliases)
