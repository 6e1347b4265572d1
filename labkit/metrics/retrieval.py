"""How good are the passages retrieved: evidence in the prompt, recall, rank, and passages of other documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labkit.corpus import Question, Span

# Where a passage stands: one span, or the spans that compression left of it.
Place = Span | Sequence[Span]


def spans_of(place: Place) -> Sequence[Span]:
    """A place as spans."""
    return [place] if isinstance(place, Span) else place


def covers(passage: Span, evidence: Span, share: float = 0.5) -> bool:
    """Whether a passage holds at least `share` of a piece of evidence."""
    return passage.overlap(evidence) >= share * max(1, evidence.end - evidence.start)


@dataclass(frozen=True)
class RetrievalScore:
    """One question's retrieval scores, each between 0 and 1.

    Attributes:
        evidence_recall: share of the evidence's characters inside the first passages that fit into the token budget.
        recall_at_k: share of the pieces of evidence found among the first k passages.
        mrr: 1 / rank of the first passage with evidence, 0 if there is none.
        ndcg: normalised discounted cumulative gain over the pieces of evidence.
        wrong_document_rate: share of the first k passages that come from another document.
    """

    evidence_recall: float
    recall_at_k: float
    mrr: float
    ndcg: float
    wrong_document_rate: float


def evidence_recall(
    evidence: Sequence[Span], passages: Sequence[Place], tokens: Sequence[int], budget: int = 1000
) -> float:
    """Share of the evidence in the first passages that fit a token budget, which is fair to small and large chunks."""
    taken: list[Span] = []
    used = 0
    for passage, size in zip(passages, tokens, strict=True):
        if used + size > budget:
            break
        used += size
        taken += spans_of(passage)
    return evidence_in_prompt(evidence, taken) or 0.0


def evidence_in_prompt(evidence: Sequence[Span], passages: Sequence[Span]) -> float | None:
    """Share of the evidence's characters in the passages that the model reads; None where there is no evidence.

    Args:
        evidence: the spans that prove the answer to one question.
        passages: in the prompt, after everything that did not fit was left out.
    """
    total = sum(e.end - e.start for e in evidence)
    return sum(_covered(e, passages) for e in evidence) / total if total else None


def covered(evidence: Span, passages: Sequence[Span], share: float = 0.5) -> bool:
    """Whether passages hold at least `share` of a piece of evidence between them."""
    return _covered(evidence, passages) >= share * (evidence.end - evidence.start)


def _covered(evidence: Span, passages: Sequence[Span]) -> int:
    """Characters of `evidence` inside any passage; overlapping passages count once."""
    mask = np.zeros(evidence.end - evidence.start, dtype=bool)
    for p in passages:
        if p.document == evidence.document:
            mask[max(0, p.start - evidence.start) : max(0, p.end - evidence.start)] = True
    return int(mask.sum())


def score_retrieval(
    questions: Sequence[Question],
    passages: Sequence[Sequence[Place]],
    tokens: Sequence[Sequence[int]],
    k: int = 5,
    budget: int = 1000,
) -> list[RetrievalScore | None]:
    """Score ranked passages against the evidence, question by question.

    A passage is relevant when it covers at least half of a piece of evidence that no passage before it covered;
    reciprocal rank and nDCG are computed by ir-measures (MacAvaney et al. 2022), pieces that were not found count as
    relevant passages that are missing. Recall is the share of the pieces found, as one passage may hold several.

    Args:
        questions: n questions.
        passages: n ranked lists, where each passage stands: one span, or the spans that compression left of it.
        tokens: n lists of the passages' lengths in tokens.
        k: cut-off of recall, nDCG and the wrong-document rate.
        budget: tokens for `evidence_recall`.

    Returns:
        n scores; None where a question has no evidence (it cannot be answered).

    Raises:
        ValueError: k is below 1.
    """
    if k < 1:
        raise ValueError(f"k is {k}: at least one passage must be looked at.")
    rows = zip(questions, passages, tokens, strict=True)
    return [_scored(q.evidence, ranked, sizes, k, budget) if q.evidence else None for q, ranked, sizes in rows]


def _scored(
    evidence: Sequence[Span], ranked: Sequence[Place], sizes: Sequence[int], k: int, budget: int
) -> RetrievalScore:
    from ir_measures import RR, Qrel, ScoredDoc, iter_calc, nDCG

    # For each piece of evidence the first passage that covers it.
    first = [next((i for i, p in enumerate(ranked) if covered(e, spans_of(p))), None) for e in evidence]
    relevant = [f"missing{i}" for i in range(first.count(None))] + [f"r{i}" for i in {*first} - {None}]
    run = [ScoredDoc("", f"r{i}", -float(i)) for i in range(len(ranked))]
    metrics = iter_calc([RR, nDCG @ k], [Qrel("", name, 1) for name in relevant], run)
    ranks = {metric.measure: float(metric.value) for metric in metrics}
    documents = {e.document for e in evidence}
    return RetrievalScore(
        evidence_recall=evidence_recall(evidence, ranked, sizes, budget),
        recall_at_k=sum(i is not None and i < k for i in first) / len(first),
        mrr=ranks[RR],
        ndcg=ranks[nDCG @ k],
        wrong_document_rate=float(np.mean([spans_of(p)[0].document not in documents for p in ranked[:k]] or [True])),
    )
