"""The naive pipeline: retrieve the nearest chunks, give them to the generator, read its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llama_index.core.schema import NodeWithScore

from labkit import metrics
from labkit.corpus import Question, Span
from labkit.models import Generator
from labkit.prompts import Answer, Message, Passage, answer_messages, parse_answer
from labkit.rag.chunking import count_tokens, span_of, text_of
from labkit.rag.retrieval import VectorIndex


@dataclass(frozen=True)
class Result:
    """What the pipeline did with one question.

    Attributes:
        question: as asked.
        retrieved: every chunk found, nearest first.
        used: how many of them fitted into the prompt.
        reply: the generator's own words; answer: the reply taken apart.
        prompt_tokens: length of the prompt, in the generator's tokens.
    """

    question: str
    retrieved: tuple[NodeWithScore, ...]
    used: int
    reply: str
    answer: Answer
    prompt_tokens: int

    def cited(self) -> list[Span]:
        """Where the cited passages stand; a citation of a passage that was not given is left out."""
        return [span_of(self.retrieved[i - 1].node) for i in self.answer.citations if 1 <= i <= self.used]

    def sources(self) -> list[str]:
        """Titles of the cited documents."""
        return [str(self.retrieved[i - 1].node.metadata["title"]) for i in self.answer.citations if 1 <= i <= self.used]


@dataclass
class NaiveRAG:
    """Retrieve `top_k` chunks by meaning and answer from them.

    Attributes:
        index: the chunks; generator: the model that reads them; top_k: chunks in a prompt;
        depth: chunks retrieved for the retrieval metrics, at least `top_k`.
    """

    index: VectorIndex
    generator: Generator
    top_k: int = 5
    depth: int = 20

    def ask(self, question: str) -> Result:
        """Answer one question."""
        return self.run([question])[0]

    def run(self, questions: Sequence[str], progress: bool = False) -> list[Result]:
        """Answer many questions: one embedding call, one batched generation.

        Raises:
            ValueError: a question is empty, or does not fit into the window even without passages.
        """
        depth = min(max(self.depth, self.top_k), len(self.index.chunks))
        found = self.index.retrieve(questions, depth)
        prompts, used = [], []
        for question, hits in zip(questions, found, strict=True):
            passages = [Passage(str(h.node.metadata["title"]), text_of(h.node)) for h in hits[: self.top_k]]
            messages, kept = fit(self.generator, question, passages)
            prompts.append(messages)
            used.append(kept)
        replies = self.generator.generate(prompts, progress=progress)
        return [
            Result(q, tuple(h), k, r, parse_answer(r), self.generator.count_tokens(p))
            for q, h, k, r, p in zip(questions, found, used, replies, prompts, strict=True)
        ]


def fit(generator: Generator, question: str, passages: Sequence[Passage]) -> tuple[list[Message], int]:
    """The prompt with as many of the first passages as the window holds, and how many those are.

    Raises:
        ValueError: not even the question alone fits.
    """
    for kept in range(len(passages), -1, -1):
        messages = answer_messages(question, passages[:kept])
        if generator.count_tokens(messages) <= generator.room():
            return messages, kept
    raise ValueError(f"The question does not fit into the window of {generator.max_length} tokens: shorten it.")


def score(questions: Sequence[Question], results: Sequence[Result]) -> list[metrics.AnswerScore]:
    """Answer scores, question by question."""
    return [metrics.score_answer(q, r.answer, r.cited()) for q, r in zip(questions, results, strict=True)]


def evaluate(
    questions: Sequence[Question], results: Sequence[Result], k: int = 5, budget: int = 1000
) -> dict[str, metrics.Interval]:
    """Every metric of retrieval and of answers with its interval, clustered by contract."""
    clusters = [q.cluster for q in questions]
    passages = [[span_of(h.node) for h in r.retrieved] for r in results]
    tokens = [[count_tokens(text_of(h.node)) for h in r.retrieved] for r in results]
    retrieval = metrics.score_retrieval(questions, passages, tokens, k, budget)
    return {
        **metrics.summarise_retrieval(retrieval, clusters, k, budget),
        **metrics.summarise_answers(score(questions, results), clusters),
    }
