"""The pipeline: rewrite the question, retrieve, post-process, answer; for many questions at once.

Each stage is one of this package's or any LlamaIndex part of its kind, and leaves a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from labkit.corpus import Span
from labkit.models import Generator
from labkit.prompts import Message, Passage, answer_messages, judge_messages
from labkit.rag import retrieval, stages
from labkit.rag.chunking import passage_of, places_of, text_of
from labkit.replies import Answer, parse_answer, parse_judgement

# What was said before each question; None where nothing was.
Histories = Sequence[stages.History] | None


@dataclass(frozen=True)
class Step:
    """What one stage did with one question.

    Attributes:
        stage: its name.
        outputs: what it gave: texts, or titles and beginnings of chunks, as a person reads them.
        hits: the chunks that the stage gave, if any.
    """

    stage: str
    outputs: tuple[str, ...]
    hits: tuple[NodeWithScore, ...] = ()


@dataclass(frozen=True)
class Result:
    """What the pipeline did with one question.

    Attributes:
        question: as asked.
        retrieved: the chunks after all stages, best first.
        used: how many of them fitted into the prompt.
        reply: the generator's own words.
        answer: the reply taken apart.
        prompt_tokens: length of the prompt, in the generator's tokens.
        trace: what each stage did.
    """

    question: str
    retrieved: tuple[NodeWithScore, ...]
    used: int
    reply: str
    answer: Answer
    prompt_tokens: int
    trace: tuple[Step, ...] = ()

    def cited(self) -> list[list[Span]]:
        """The places of each cited passage; a citation of a passage that was not in the prompt is left out."""
        return [places_of(self.retrieved[i - 1].node) for i in self.answer.citations if 1 <= i <= self.used]

    def sources(self) -> list[str]:
        """Titles of the cited documents."""
        return [str(self.retrieved[i - 1].node.metadata["title"]) for i in self.answer.citations if 1 <= i <= self.used]


@dataclass
class Pipeline:
    """Rewrite, retrieve, post-process, answer.

    Without further stages this is naive RAG: the nearest chunks, read by the generator.

    Attributes:
        retriever: a VectorIndex or another retriever of this package, or a LlamaIndex retriever.
        generator: the model that answers; a LlamaIndex LLM becomes one by `models.from_llama_index`.
        rewrite: stages before retrieval.
        post: stages after retrieval.
        top_k: chunks in a prompt.
        depth: chunks retrieved, at least `top_k`.
    """

    retriever: retrieval.Retriever | BaseRetriever
    generator: Generator
    rewrite: Sequence[stages.Transform] = ()
    post: Sequence[stages.Stage] = ()
    top_k: int = 5
    depth: int = 20

    def ask(self, question: str, history: stages.History = ()) -> Result:
        """Answer one question, which may follow upon others."""
        return self.run([question], [history])[0]

    def run(self, questions: Sequence[str], histories: Histories = None, progress: bool = False) -> list[Result]:
        """Answer many questions: one embedding call, one BM25 call, one batched generation.

        Args:
            histories: what was said before each question; nothing by default.

        Raises:
            ValueError: a question is empty, no text, or does not fit into the window even without passages, a single
                question was given instead of a list, `top_k` is no possible number, or a stage gave no query.
        """
        traces: list[list[Step]] = [[] for _ in questions]
        queries, hits = self._find(questions, histories, traces)
        fitting = [self._fit(query.query_str, row) for query, row in zip(queries, hits, strict=True)]
        replies = self.generator.generate([messages for messages, _ in fitting], progress=progress)
        results = []
        for i, (reply, (messages, used)) in enumerate(zip(replies, fitting, strict=True)):
            tokens, trace = self.generator.count_tokens(messages), (*traces[i], Step("answer", (reply,)))
            results.append(Result(questions[i], tuple(hits[i]), used, reply, parse_answer(reply), tokens, trace))
        return results

    def retrieve(self, questions: Sequence[str], histories: Histories = None) -> list[retrieval.Hits]:
        """The chunks after all stages, without asking the generator; the first `top_k` would be its passages."""
        return self._find(questions, histories, [[] for _ in questions])[1]

    def fitting(self, question: str, hits: Sequence[NodeWithScore]) -> int:
        """How many of the chunks retrieved fit into the prompt; errors as in `run`."""
        return self._fit(question, hits)[1]

    def _fit(self, question: str, hits: Sequence[NodeWithScore]) -> tuple[list[Message], int]:
        return fit(self.generator, question, [passage_of(h.node) for h in hits[: self.top_k]])

    def _find(
        self, questions: Sequence[str], histories: Histories, traces: list[list[Step]]
    ) -> tuple[list[QueryBundle], list[retrieval.Hits]]:
        """For each question the query that the generator is asked, and the chunks after every stage."""
        queries = [[query] for query in retrieval.bundles(questions)]
        for rewrite in self.rewrite:
            queries = _rewritten(rewrite, queries, histories or [()] * len(questions))
            _note(traces, rewrite, queries)
        hits = self._search(queries)
        _note(traces, self.retriever, hits)
        first = [row[0] for row in queries]
        for stage in self.post:
            hits = stages.process(stage, first, hits)
            _note(traces, stage, hits)
        return first, hits

    def _search(self, queries: Sequence[stages.Queries]) -> list[retrieval.Hits]:
        """For each question the chunks found by all of its queries."""
        chunks = getattr(self.retriever, "chunks", None)
        retrieval.check_top_k(self.top_k, None if chunks is None else len(chunks))
        depth = max(self.depth, self.top_k) if chunks is None else min(max(self.depth, self.top_k), len(chunks))
        lists = iter(retrieval.search(self.retriever, [query for row in queries for query in row], depth))
        return [retrieval.fuse([next(lists) for _ in row], depth) for row in queries]


def _rewritten(
    stage: stages.Transform, queries: Sequence[stages.Queries], histories: Sequence[stages.History]
) -> list[list[QueryBundle]]:
    """A further stage works on every query of a question; the first query of the first stays the one asked."""
    flat = [query for row in queries for query in row]
    said = [history for row, history in zip(queries, histories, strict=True) for _ in row]
    written = iter(stages.transform(stage, flat, said))
    return [[query for _ in row for query in next(written)] for row in queries]


def _note(traces: list[list[Step]], stage: Any, outputs: Sequence[Sequence[Any]]) -> None:
    """Note what a stage gave for each question of a batch."""
    for steps, given in zip(traces, outputs, strict=True):
        hits = tuple(h for h in given if isinstance(h, NodeWithScore))
        steps.append(Step(type(stage).__name__, tuple(text for item in given for text in _shown(item)), hits))


def _shown(item: NodeWithScore | QueryBundle) -> list[str]:
    """A query or a chunk as a person reads it."""
    if isinstance(item, NodeWithScore):
        return [f"{item.node.metadata.get('title', '')}: {' '.join(text_of(item.node).split())[:80]}"]
    return [item.query_str, *(text for text in item.embedding_strs if text != item.query_str)]


def fit(generator: Generator, question: str, passages: Sequence[Passage]) -> tuple[list[Message], int]:
    """The prompt with as many of the first passages as the window holds, and how many those are.

    Raises:
        ValueError: not even the question alone fits.
    """
    for n in range(len(passages), -1, -1):
        messages = answer_messages(question, passages[:n])
        if generator.count_tokens(messages) <= generator.room():
            return messages, n
    raise ValueError(f"The question does not fit into the window of {generator.max_length} tokens: shorten it.")


@dataclass
class Corrective:
    """Ask a first pipeline; where its answer is a refusal or is not supported, search again with a second one.

    Source: in the manner of Yan et al. 2024, Corrective Retrieval Augmented Generation.

    Attributes:
        first: the pipeline that is asked first.
        second: the one that is asked where an answer is not supported.
        supported: says of each result whether its answer is supported; by default every answer but a refusal is.
    """

    first: Pipeline
    second: Pipeline
    supported: Callable[[Sequence[Result]], Sequence[bool]] | None = None

    def ask(self, question: str, history: stages.History = ()) -> Result:
        """Answer one question."""
        return self.run([question], [history])[0]

    def run(self, questions: Sequence[str], histories: Histories = None, progress: bool = False) -> list[Result]:
        """As `Pipeline.run`; trace and prompt tokens of a question searched for again are those of both rounds."""
        before = list(histories or [()] * len(questions))
        results = self.first.run(questions, before, progress)
        judge = self.supported or (lambda rows: [not row.answer.refused for row in rows])
        again = [i for i, supported in enumerate(judge(results)) if not supported]
        second = self.second.run([questions[i] for i in again], [before[i] for i in again], progress) if again else []
        for i, result in zip(again, second, strict=True):
            tokens = results[i].prompt_tokens + result.prompt_tokens
            results[i] = replace(result, prompt_tokens=tokens, trace=(*results[i].trace, *result.trace))
        return results


def judged_by(generator: Generator) -> Callable[[Sequence[Result]], list[bool]]:
    """A judge for `Corrective`.

    An answer is supported when it is no refusal and the generator, reading the same passages once more, does not find
    it wrong.
    """

    def supported(results: Sequence[Result]) -> list[bool]:
        passages = [[passage_of(h.node) for h in r.retrieved[: r.used]] for r in results]
        rows = zip(results, passages, strict=True)
        chats = [judge_messages(r.question, r.answer.text or r.reply, read) for r, read in rows]
        verdicts = [parse_judgement(reply) is not False for reply in generator.generate(chats)]
        return [not r.answer.refused and verdict for r, verdict in zip(results, verdicts, strict=True)]

    return supported
