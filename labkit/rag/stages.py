"""Stages of a pipeline before and after retrieval.

Before it, a stage says what is searched for, where that is not the question itself: it takes LlamaIndex's QueryBundles
and returns one or several for each. `query_str` is what is searched for by words and asked of the generator,
`custom_embedding_strs` what is searched for by meaning. After it, a stage reorders, shortens or replaces the chunks
that the generator reads. Each takes many questions at once; any LlamaIndex query transform or node post-processor can
stand in, one question at a time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from llama_index.core.indices.query.query_transform.base import BaseQueryTransform
from llama_index.core.postprocessor import MetadataReplacementPostProcessor, SentenceEmbeddingOptimizer
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, NodeWithScore, QueryBundle, TextNode

from labkit import prompts, replies
from labkit.models import Embedder, Generator, Reranker
from labkit.prompts import Message
from labkit.rag.chunking import annotate, indexed_text, passage_of, span_of, text_of
from labkit.rag.retrieval import Hits

Queries = Sequence[QueryBundle]
History = Sequence[Message]
# Prompts with one passage or none are short, their replies long: this many take no more memory than a few prompts that
# ask for answers, and are faster together.
TOGETHER = 32
# Longest reply with the questions that a chunk answers, in the generator's tokens.
_QUESTIONS = 48


# A stage before retrieval: queries and what was said before them, to one query or several for each, the first of which
# the generator is asked; or any LlamaIndex query transform.
Transform = Callable[[Queries, Sequence[History]], list[list[QueryBundle]]] | BaseQueryTransform


def transform(stage: Transform, queries: Queries, histories: Sequence[History]) -> list[list[QueryBundle]]:
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

    def __call__(self, queries: Queries, histories: Sequence[History]) -> list[list[QueryBundle]]:
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

    def __call__(self, queries: Queries, histories: Sequence[History]) -> list[list[QueryBundle]]:
        followups = [i for i, history in enumerate(histories) if history]
        chats = [prompts.rewrite_messages(histories[i], queries[i].query_str) for i in followups]
        written = self.generator.generate(chats, prompts.NEW_TOKENS["rewrite"], batch_size=TOGETHER) if chats else []
        rewritten = {i: QueryBundle(text) for i, text in zip(followups, written, strict=True) if text}
        return [[rewritten.get(i, query)] for i, query in enumerate(queries)]


@dataclass
class Decompose:
    """Search for each part of a compound question, and for the question itself."""

    generator: Generator

    def split(self, questions: Sequence[str]) -> list[list[str]]:
        """The parts of each question; none where it asks for one thing."""
        chats = [prompts.decompose_messages(q) for q in questions]
        written = self.generator.generate(chats, prompts.NEW_TOKENS["decompose"], batch_size=TOGETHER)
        lines = zip(questions, map(replies.parse_lines, written), strict=True)
        splits = [[part for part in row if part.strip() and part != question] for question, row in lines]
        return [parts if len(parts) > 1 else [] for parts in splits]

    def __call__(self, queries: Queries, histories: Sequence[History]) -> list[list[QueryBundle]]:
        parts = self.split([q.query_str for q in queries])
        return [[query, *map(QueryBundle, row)] for query, row in zip(queries, parts, strict=True)]


def hypothetical_questions(generator: Generator, chunks: Sequence[BaseNode], progress: bool = False) -> list[list[str]]:
    """Questions that each chunk answers, written by the generator: `VectorIndex(also=...)` finds the chunk by them.

    The same is known as reverse HyDE; LlamaIndex's QuestionsAnsweredExtractor does it one chunk at a time.

    Args:
        generator: the model that writes.
        chunks: to write questions for.
        progress: show a bar.
    """
    chats = [prompts.questions_messages(passage_of(c)) for c in chunks]
    written = generator.generate(chats, _QUESTIONS, batch_size=TOGETHER, progress=progress)
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

    def __call__(self, queries: Queries, histories: Sequence[History]) -> list[list[QueryBundle]]:
        imagined = HyDE(self.generator, include_original=False)(queries, histories)
        rows = zip(queries, imagined, strict=True)
        return [[query, QueryBundle(keywords(query.query_str)), *passage] for query, passage in rows]


# ----------------------------------------------------------------------------- after retrieval

# A stage after retrieval: questions and their chunks, to the chunks of each question as the next stage gets them; or
# any LlamaIndex node post-processor.
Stage = Callable[[Queries, Sequence[Hits]], list[Hits]] | BaseNodePostprocessor


def process(stage: Stage, queries: Queries, lists: Sequence[Hits]) -> list[Hits]:
    """Run a stage of this module, or any LlamaIndex node post-processor, on copies of the chunks."""
    copies = [[NodeWithScore(node=hit.node.model_copy(deep=True), score=hit.score) for hit in hits] for hits in lists]
    if isinstance(stage, BaseNodePostprocessor):
        rows = zip(queries, copies, strict=True)
        return [stage.postprocess_nodes(hits, query_bundle=query) if hits else [] for query, hits in rows]
    return stage(queries, copies)


def _by_score(hits: Hits, scores: Sequence[float]) -> Hits:
    """The chunks that have a score, best first, and after them those that have none, as they were."""
    order = np.argsort(-np.asarray(scores, dtype=float), kind="stable")
    scored = [NodeWithScore(node=hits[i].node, score=float(scores[i])) for i in order]
    return scored + hits[len(scored) :]


def _pairs(queries: Queries, lists: Sequence[Hits], depth: int) -> list[tuple[str, BaseNode]]:
    """Each question with each of its first `depth` chunks."""
    return [(q.query_str, h.node) for q, hits in zip(queries, lists, strict=True) for h in hits[:depth]]


def _vectors(
    embedder: Embedder, queries: Queries, lists: Sequence[Hits], depth: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each question its vector and those of its first `depth` chunks."""
    texts = [[indexed_text(h.node) for h in hits[:depth]] for hits in lists]
    every = embedder.encode([text for row in texts for text in row])
    rows = np.split(every, np.cumsum([len(row) for row in texts], dtype=int))
    return list(zip(embedder.encode([q.query_str for q in queries], query=True), rows, strict=False))


@dataclass
class First:
    """Another stage on the first `count` chunks alone; the rest follow as they were."""

    count: int
    stage: Stage

    def __call__(self, queries: Queries, lists: Sequence[Hits]) -> list[Hits]:
        ahead = process(self.stage, queries, [hits[: self.count] for hits in lists])
        return [first + hits[self.count :] for first, hits in zip(ahead, lists, strict=True)]


@dataclass
class Rerank:
    """Order the first `depth` chunks by a cross-encoder, which reads question and chunk together.

    Source: Nogueira and Cho 2019, Passage Re-ranking with BERT. LlamaIndex's SentenceTransformerRerank does
    the same one question at a time.

    Attributes:
        reranker: of `labkit.models`.
        depth: chunks that it scores; those below follow as they were.
    """

    reranker: Reranker
    depth: int = 20

    def __call__(self, queries: Queries, lists: Sequence[Hits]) -> list[Hits]:
        pairs = [(question, indexed_text(node)) for question, node in _pairs(queries, lists, self.depth)]
        scores = iter(self.reranker.score(pairs))
        return [_by_score(hits, [next(scores) for _ in hits[: self.depth]]) for hits in lists]


@dataclass
class EmbedderRerank:
    """Order the first `depth` chunks by another embedder, such as one trained on questions like these.

    Attributes:
        embedder: of `labkit.models` or `labkit.tune`.
        depth: chunks that it scores; those below follow as they were.
    """

    embedder: Embedder
    depth: int = 20

    def __call__(self, queries: Queries, lists: Sequence[Hits]) -> list[Hits]:
        vectors = _vectors(self.embedder, queries, lists, self.depth)
        return [_by_score(hits, (near @ query).tolist()) for hits, (query, near) in zip(lists, vectors, strict=True)]


@dataclass
class LLMRerank:
    """Order the first `depth` chunks by how unlikely the generator finds it to refuse when it reads that chunk alone.

    Attributes:
        generator: the model that answers.
        depth: chunks that it reads; those below follow as they were.
    """

    generator: Generator
    depth: int = 8

    def __call__(self, queries: Queries, lists: Sequence[Hits]) -> list[Hits]:
        pairs = _pairs(queries, lists, self.depth)
        chats = [prompts.answer_messages(question, [passage_of(node)]) for question, node in pairs]
        refusing = iter(self.generator.log_likelihood(chats, [prompts.REFUSAL] * len(chats)))
        return [_by_score(hits, [-next(refusing) for _ in hits[: self.depth]]) for hits in lists]


@dataclass
class MMR:
    """Maximal marginal relevance: chunks near the question, but not near to one another.

    Source: Carbonell and Goldstein 1998; LlamaIndex's `get_top_k_mmr_embeddings`.

    Attributes:
        embedder: for both similarities.
        weight: 1 looks at the question alone, 0 at the other chunks alone.
        depth: chunks to order; those below follow as they were.
    """

    embedder: Embedder
    weight: float = 0.7
    depth: int = 20

    def __call__(self, queries: Queries, lists: Sequence[Hits]) -> list[Hits]:
        from llama_index.core.indices.query.embedding_utils import get_top_k_mmr_embeddings

        ordered_lists = []
        for hits, (query, near) in zip(lists, _vectors(self.embedder, queries, lists, self.depth), strict=True):
            scores, chosen = get_top_k_mmr_embeddings(
                query.tolist(), near.tolist(), similarity_fn=lambda a, b: float(np.dot(a, b)),
                similarity_top_k=self.depth, mmr_threshold=self.weight,
            )  # fmt: skip
            ordered = [NodeWithScore(node=hits[i].node, score=s) for s, i in zip(scores, chosen, strict=True)]
            ordered_lists.append(ordered + hits[self.depth :])
        return ordered_lists


@dataclass
class Compress:
    """Keep of each chunk only the sentences nearest to the question, in reading order.

    LlamaIndex's SentenceEmbeddingOptimizer chooses the sentences.

    Attributes:
        embedder: for the similarity.
        share: of a chunk's sentences that are kept, at least one.
    """

    embedder: Embedder
    share: float = 0.5

    def __call__(self, queries: Queries, lists: Sequence[Hits]) -> list[Hits]:
        model = self.embedder.as_llama_index()
        optimizer = SentenceEmbeddingOptimizer(embed_model=model, context_before=0, context_after=0)
        # All sentences in one call: the optimizer, which asks chunk by chunk, then finds their vectors cached.
        self.embedder.encode([s for hits in lists for h in hits for s in optimizer._tokenizer_fn(text_of(h.node))])
        for query, hits in zip(queries, lists, strict=True):
            for hit in hits:
                self._shorten(optimizer, QueryBundle(query.query_str), hit)
        return list(lists)

    def _shorten(self, optimizer: SentenceEmbeddingOptimizer, query: QueryBundle, hit: NodeWithScore) -> None:
        node = hit.node
        assert isinstance(node, TextNode)
        sentences = [s for s in optimizer._tokenizer_fn(node.text) if s.strip()]
        if len(sentences) < 2:
            return
        # At least one sentence; the optimizer rounds down.
        optimizer.percentile_cutoff = max(self.share, 1.01 / len(sentences))
        bare = TextNode(text=node.text)
        optimizer.postprocess_nodes([NodeWithScore(node=bare, score=0.0)], query_bundle=query)
        nearest = [s for s in sentences if s in bare.text]
        pieces, at, text = [], 0, node.text
        for sentence in nearest:
            at = text.index(sentence, at)
            start = (node.start_char_idx or 0) + at
            pieces.append([start, start + len(sentence)])
            at += len(sentence)
        annotate(node, kept=pieces)
        node.set_content(" ".join(s.strip() for s in nearest))


class Window(MetadataReplacementPostProcessor):
    """LlamaIndex's MetadataReplacementPostProcessor for sentence windows, which also updates a chunk's place.

    A window that starts inside one above it is left out.
    """

    def __init__(self) -> None:
        super().__init__(target_metadata_key="window")

    def _postprocess_nodes(self, nodes: Hits, query_bundle: QueryBundle | None = None) -> Hits:
        windows: Hits = []
        for hit in super()._postprocess_nodes(nodes, query_bundle):
            node = hit.node
            assert isinstance(node, TextNode)
            node.start_char_idx = node.metadata.get("window_start", node.start_char_idx)
            node.end_char_idx = node.metadata.get("window_end", node.end_char_idx)
            inside = (span_of(other.node) for other in windows)
            if not any(s.document == node.metadata["document"] and s.start <= (node.start_char_idx or 0) < s.end
                       for s in inside):  # fmt: skip
                windows.append(hit)
        return windows
