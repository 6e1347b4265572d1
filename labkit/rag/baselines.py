"""References for every comparison: above, the oracle reads the gold passages; below, random context has none of them.

Both measure reading apart from retrieval.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.schema import NodeWithScore, TextNode

from labkit.corpus import Document, Question, Span
from labkit.prompts import Passage
from labkit.rag.chunking import place
from labkit.rag.retrieval import Hits, Query, Within, bundles, check_top_k

Clauses = Sequence[Mapping[str, Any]]
Documents = Sequence[Document]


def oracle_passages(
    question: Question, documents: Documents, contracts: Clauses, distractors: int = 2, seed: int = 0
) -> tuple[list[Passage], list[Span]]:
    """The paragraphs that hold the evidence, in random order among hard distractors.

    A distractor is a clause of the same category from another contract: only the document's title
    distinguishes it from the right one. Where a question cannot be answered, a clause about something else
    from the contract it names takes the gold passage's place.

    Args:
        question: with evidence in contracts, or without any.
        documents: of the corpus.
        contracts: `corpus.contract_records()`.
        distractors: how many.
        seed: decides which, together with the question's id.

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


class FixedRetriever:
    """A retriever that looks nothing up: for each question the passages are known beforehand.

    Args:
        passages: by question, the places of its passages.
        documents: that they stand in.
    """

    def __init__(self, passages: Mapping[str, Sequence[Span]], documents: Sequence[Document]) -> None:
        texts = {d.id: d for d in documents}
        self._found = {
            question: [place(TextNode(text=texts[s.document].quote(s)), s, texts[s.document].title) for s in spans]
            for question, spans in passages.items()
        }

    def retrieve(self, queries: Sequence[Query], top_k: int = 5, within: Within | None = None) -> list[Hits]:
        """As `Retriever.retrieve`; `within` has no effect.

        Raises:
            ValueError: a question is empty, its passages are not known, or `top_k` is below 1.
        """
        check_top_k(top_k)
        questions = [query.query_str for query in bundles(queries)]
        if unknown := [q for q in questions if q not in self._found]:
            raise ValueError(f"No passages are known for {unknown[0]!r}: ask the questions that this was made from.")
        return [[NodeWithScore(node=node, score=1.0) for node in self._found[q][:top_k]] for q in questions]


def oracle(
    questions: Sequence[Question], documents: Documents, contracts: Clauses, distractors: int = 2, seed: int = 0
) -> FixedRetriever:
    """The upper reference, as a retriever: for each question the gold passages among hard distractors."""
    passages = {q.question: oracle_passages(q, documents, contracts, distractors, seed)[1] for q in questions}
    return FixedRetriever(passages, documents)


def random_context(
    questions: Sequence[Question], documents: Documents, contracts: Clauses, distractors: int = 2, seed: int = 0
) -> FixedRetriever:
    """The lower reference, as a retriever: each question gets the oracle's passages for another contract.

    Raises:
        ValueError: all questions are about the same contract.
    """
    if len({q.cluster for q in questions}) < 2:
        raise ValueError("All questions are about one contract: give questions about at least two contracts.")
    passages = {}
    for i, question in enumerate(questions):
        after = (questions[(i + k) % len(questions)] for k in range(1, len(questions)))
        other = next(q for q in after if q.cluster != question.cluster)
        spans = oracle_passages(other, documents, contracts, distractors, seed)[1]
        # A distractor of one question may hold the evidence of another.
        passages[question.question] = [s for s in spans if not any(s.overlap(e) for e in question.evidence)]
    return FixedRetriever(passages, documents)


def _spans(record: Mapping[str, Any], category: str | None = None) -> list[Span]:
    """Places of a contract's clauses, of one category or of all."""
    return [Span(record["id"], c["start"], c["end"]) for c in record["clauses"] if category in (None, c["category"])]


def _paragraph(document: Document, evidence: Span) -> Span:
    """The paragraph around a piece of evidence: paragraphs are separated by blank lines."""
    start = document.text.rfind("\n\n", 0, evidence.start)
    end = document.text.find("\n\n", evidence.end)
    return Span(document.id, start + 2 if start >= 0 else 0, end if end >= 0 else len(document.text))
