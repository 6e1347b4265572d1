"""The oracle: the gold passage among hard distractors, to measure reading apart from retrieval."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from labkit.corpus import Document, Question, Span
from labkit.metrics import AnswerScore, score_answer
from labkit.models import Generator
from labkit.prompts import Passage, answer_messages, parse_answer

Clauses = Sequence[Mapping[str, Any]]


def oracle_passages(
    question: Question, documents: Sequence[Document], contracts: Clauses, distractors: int = 2, seed: int = 0
) -> tuple[list[Passage], list[Span]]:
    """The paragraphs that hold the evidence, shuffled among hard distractors.

    A distractor is a clause of the same category from another contract: only the document's title
    tells it from the right one. Where a question cannot be answered, a clause about something else
    from the contract it names takes the gold passage's place.

    Args:
        question: with evidence in contracts, or without any.
        documents: of the corpus; contracts: `corpus.contract_records()`.
        distractors: how many; seed: which ones, together with the question's id.

    Returns:
        The passages, and where each stands.
    """
    rng = random.Random(f"{seed}/{question.id}")
    texts = {d.id: d for d in documents}
    gold = [_paragraph(texts[e.document], e) for e in question.evidence]
    if not gold:
        own = [c for r in contracts if r["id"] in question.documents for c in _spans(r)]
        gold = rng.sample(own, min(1, len(own)))
    others = [r for r in contracts if r["id"] not in question.documents and r["id"] in texts and not r["amends"]]
    same = [s for r in others for s in _spans(r, question.category)]
    spans = list(dict.fromkeys(gold)) + rng.sample(same, min(distractors, len(same)))
    rng.shuffle(spans)
    return [Passage(texts[s.document].title, texts[s.document].quote(s)) for s in spans], spans


def _spans(record: Mapping[str, Any], category: str | None = None) -> list[Span]:
    """Places of a contract's clauses, of one category or of all."""
    return [Span(record["id"], c["start"], c["end"]) for c in record["clauses"] if category in (None, c["category"])]


def _paragraph(document: Document, evidence: Span) -> Span:
    """The paragraph around a piece of evidence: paragraphs are separated by blank lines."""
    start = document.text.rfind("\n\n", 0, evidence.start)
    end = document.text.find("\n\n", evidence.end)
    return Span(document.id, start + 2 if start >= 0 else 0, end if end >= 0 else len(document.text))


def read_oracle(
    generator: Generator,
    questions: Sequence[Question],
    documents: Sequence[Document],
    contracts: Clauses,
    distractors: int = 2,
    seed: int = 0,
    progress: bool = False,
) -> tuple[list[str], list[AnswerScore]]:
    """Let the generator read the oracle's passages.

    Returns:
        Its replies and their scores, question by question.
    """
    given = [oracle_passages(q, documents, contracts, distractors, seed) for q in questions]
    prompts = [answer_messages(q.question, passages) for q, (passages, _) in zip(questions, given, strict=True)]
    replies = generator.generate(prompts, progress=progress)
    scores = []
    for question, reply, (_, spans) in zip(questions, replies, given, strict=True):
        answer = parse_answer(reply)
        scores.append(score_answer(question, answer, [spans[i - 1] for i in answer.citations if 1 <= i <= len(spans)]))
    return replies, scores
