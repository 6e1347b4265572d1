"""Evaluation: scores of what a pipeline retrieved and answered, and why an answer is wrong.

Of a compressed chunk only what is left counts: the places of the sentences kept, and their tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from labkit import metrics, stats
from labkit.corpus import Question, Span
from labkit.metrics import AnswerScore
from labkit.rag.chunking import cost_of, places_of
from labkit.rag.pipeline import Result

# Cut-off of recall at k, and token budget of evidence recall.
K = 5
BUDGET = 1000
# Metrics of what was retrieved, and the field of a `RetrievalScore` that holds each.
RETRIEVAL = {f"evidence_recall_{BUDGET}": "evidence_recall", f"recall_at_{K}": "recall_at_k", "mrr": "mrr",
             f"ndcg_at_{K}": "ndcg", f"wrong_document_rate_at_{K}": "wrong_document_rate"}  # fmt: skip


def score(questions: Sequence[Question], results: Sequence[Result]) -> list[metrics.AnswerScore]:
    """Answer scores, question by question."""
    return [metrics.score_answer(q, r.answer, r.cited()) for q, r in zip(questions, results, strict=True)]


def score_retrieval(questions: Sequence[Question], results: Sequence[Result]) -> list[metrics.RetrievalScore | None]:
    """Retrieval scores of the chunks after every stage, question by question; None where there is no evidence."""
    passages = [[places_of(h.node) for h in r.retrieved] for r in results]
    tokens = [[cost_of(h.node) for h in r.retrieved] for r in results]
    return metrics.score_retrieval(questions, passages, tokens, K, BUDGET)


def _passages(result: Result) -> list[Span]:
    """Where the passages stand that the generator reads."""
    return [span for hit in result.retrieved[: result.used] for span in places_of(hit.node)]


def evidence_in_prompt(questions: Sequence[Question], results: Sequence[Result]) -> list[float | None]:
    """Share of the evidence in the passages that the generator reads; None where a question has none."""
    return [metrics.evidence_in_prompt(q.evidence, _passages(r)) for q, r in zip(questions, results, strict=True)]


def precision(questions: Sequence[Question], results: Sequence[Result]) -> list[float | None]:
    """Share of the characters in the prompt's passages that are evidence; None where a question has none."""
    return [_precision(q, r) if q.evidence else None for q, r in zip(questions, results, strict=True)]


def _precision(question: Question, result: Result) -> float:
    passages = _passages(result)
    total = sum(s.end - s.start for s in passages)
    return sum(s.overlap(e) for s in passages for e in question.evidence) / total if total else 0.0


def retrieval_values(scores: Sequence[metrics.RetrievalScore | None], metric: str) -> list[float | None]:
    """A metric of `RETRIEVAL` question by question; None where a question has no evidence."""
    return [getattr(score, RETRIEVAL[metric]) if score else None for score in scores]


def evaluate(questions: Sequence[Question], results: Sequence[Result]) -> dict[str, stats.Interval]:
    """Every metric of retrieval and of answers with its interval, clustered by contract."""
    clusters, found = [q.cluster for q in questions], score_retrieval(questions, results)
    return {
        "evidence_in_prompt": stats.mean_interval(evidence_in_prompt(questions, results), clusters),
        **{name: stats.mean_interval(retrieval_values(found, name), clusters) for name in RETRIEVAL},
        **metrics.summarise_answers(score(questions, results), clusters),
    }


# In the order in which they are drawn: what is right, then from retrieval to reading.
ERROR_CATEGORIES = (
    "right", "wrong document", "evidence not retrieved", "wrong version", "refused wrongly", "should have refused",
    "misread",
)  # fmt: skip


def error_category(question: Question, result: Result, score: AnswerScore) -> str:
    """The category of one answer.

    - *right*: exact match, or a refusal where one is due.
    - *should have refused*: the corpus holds no answer, and the generator gave one.
    - *wrong document*: the prompt held no passage of a document with evidence.
    - *evidence not retrieved*: the right document, but not every piece of the evidence.
    - *wrong version*: the evidence was in the prompt, but an older or newer state of the contract was cited.
    - *refused wrongly*: the evidence was in the prompt, and the generator did not answer.
    - *misread*: the evidence was in the prompt, and the answer is wrong.
    """
    if score.exact_match == 1:
        return "right"
    if score.should_refuse:
        return "should have refused"
    passages = _passages(result)
    documents = {span.document for span in question.evidence}
    if not documents & {span.document for span in passages}:
        return "wrong document"
    if not all(metrics.covered(piece, passages) for piece in question.evidence):
        return "evidence not retrieved"
    if score.refused:
        return "refused wrongly"
    cited = {places[0].document for places in result.cited()}
    family = {name.split("-A")[0] for name in documents}
    if cited and not cited & documents and {name.split("-A")[0] for name in cited} & family:
        return "wrong version"
    return "misread"
