"""Before retrieval: what is searched for, where it is not the question itself.

A stage takes LlamaIndex's QueryBundles and returns one or several for each: `query_str` is what is
searched for by words and asked of the generator, `custom_embedding_strs` what is searched for by
meaning. Any LlamaIndex query transform can be used in place of one of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llama_index.core.indices.query.query_transform.base import BaseQueryTransform
from llama_index.core.schema import BaseNode, QueryBundle

from labkit import prompts, replies
from labkit.models import Generator
from labkit.prompts import Message
from labkit.rag.chunking import passage_of

History = Sequence[Message]
# Prompts with one passage or none are short, their replies long: this many take no more memory than a few prompts that
# ask for answers, and are faster together.
TOGETHER = 32


# A stage before retrieval: queries and what was said before them, to one query or several for each, the first of which
# the generator is asked; or any LlamaIndex query transform.
Transform = Callable[[Sequence[QueryBundle], Sequence[History]], list[list[QueryBundle]]] | BaseQueryTransform


def transform(
    stage: Transform, queries: Sequence[QueryBundle], histories: Sequence[History]
) -> list[list[QueryBundle]]:
    """Run a stage of this module, or any LlamaIndex query transform one query at a time.

    Raises:
        ValueError: the stage gave nothing for a query.
    """
    if isinstance(stage, BaseQueryTransform):
        transformed = [[stage.run(query)] for query in queries]
    else:
        transformed = stage(queries, histories)
    if any(not row or not row[0].query_str.strip() for row in transformed):
        raise ValueError(f"{type(stage).__name__} gave no query for a question: check what it writes.")
    return transformed


@dataclass
class HyDE:
    """Search by meaning for a passage that might answer the question, made up by the generator.

    Source: Gao et al. 2022, Precise Zero-Shot Dense Retrieval without Relevance Labels; LlamaIndex's
    HyDEQueryTransform does the same one question at a time.

    Attributes:
        include_original: search for the question as well; the two vectors are averaged.
    """

    generator: Generator
    include_original: bool = True

    def __call__(self, queries: Sequence[QueryBundle], histories: Sequence[History]) -> list[list[QueryBundle]]:
        chats = [prompts.hyde_messages(q.query_str) for q in queries]
        passages = self.generator.generate(chats, prompts.NEW_TOKENS["hyde"], batch_size=TOGETHER)
        bundles = []
        for query, passage in zip(queries, passages, strict=True):
            texts = [passage] if passage else []
            texts += query.embedding_strs if self.include_original or not passage else []
            bundles.append([QueryBundle(query.query_str, custom_embedding_strs=texts)])
        return bundles


@dataclass
class Rewrite:
    """Turn a follow-up ("And for how long?") into a question that stands by itself."""

    generator: Generator

    def __call__(self, queries: Sequence[QueryBundle], histories: Sequence[History]) -> list[list[QueryBundle]]:
        followups = [i for i, history in enumerate(histories) if history]
        chats = [prompts.rewrite_messages(histories[i], queries[i].query_str) for i in followups]
        written = self.generator.generate(chats, prompts.NEW_TOKENS["rewrite"], batch_size=TOGETHER) if chats else []
        rewritten = list(queries)
        for i, text in zip(followups, written, strict=True):
            rewritten[i] = QueryBundle(text) if text else queries[i]
        return [[query] for query in rewritten]


@dataclass
class Decompose:
    """Search for each part of a compound question, and for the question itself."""

    generator: Generator

    def split(self, questions: Sequence[str]) -> list[list[str]]:
        """The parts of each question; none where it asks for one thing."""
        chats = [prompts.decompose_messages(q) for q in questions]
        written = self.generator.generate(chats, prompts.NEW_TOKENS["decompose"], batch_size=TOGETHER)
        splits = []
        for question, reply in zip(questions, written, strict=True):
            parts = [p for p in replies.parse_lines(reply) if p.strip() and p != question]
            splits.append(parts if len(parts) > 1 else [])
        return splits

    def __call__(self, queries: Sequence[QueryBundle], histories: Sequence[History]) -> list[list[QueryBundle]]:
        parts = self.split([q.query_str for q in queries])
        return [[query, *map(QueryBundle, row)] for query, row in zip(queries, parts, strict=True)]


def hypothetical_questions(
    generator: Generator, chunks: Sequence[BaseNode], tokens: int = 48, progress: bool = False
) -> list[list[str]]:
    """Questions that each chunk answers, written by the generator: `VectorIndex(also=...)` finds the chunk by them.

    The same is known as reverse HyDE; LlamaIndex's QuestionsAnsweredExtractor does it one chunk at a time.

    Args:
        generator: the model that writes.
        chunks: to write questions for.
        tokens: longest reply, in the generator's tokens.
        progress: show a bar.
    """
    chats = [prompts.questions_messages(passage_of(c)) for c in chunks]
    written = generator.generate(chats, tokens, batch_size=TOGETHER, progress=progress)
    # The last line of a reply that was cut off is half a question.
    return [[line for line in replies.parse_lines(reply) if line.endswith("?")] for reply in written]


# Words that say nothing about what is asked.
_EMPTY = frozenset(
    "a an and any are at be by can could do does for from give has have how i if in into is it its long many me much "
    "must my of on or our out please say shall should so tell that the their them then there they this to under us "
    "was we were what when where which who whom whose why will with would you your".split()
)


def keywords(question: str) -> str:
    """A question without the words that say nothing about what is asked."""
    words = [w for w in re.findall(r"[^\s?,;]+", question) if w.lower().strip(".") not in _EMPTY]
    return " ".join(words) or question


@dataclass
class MultiQuery:
    """Search in several ways for the same thing: by the question, by its keywords, and by a made-up passage.

    The lists are fused by reciprocal rank. LlamaIndex's QueryFusionRetriever asks an LLM for paraphrases
    instead; the course's reader cannot paraphrase.
    """

    generator: Generator

    def __call__(self, queries: Sequence[QueryBundle], histories: Sequence[History]) -> list[list[QueryBundle]]:
        imagined = HyDE(self.generator, include_original=False)(queries, histories)
        rows = zip(queries, imagined, strict=True)
        return [[query, QueryBundle(keywords(query.query_str)), *passage] for query, passage in rows]
