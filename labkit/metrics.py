"""Metrics: how good are an answer and the passages retrieved for it?

The intervals of their means are in `labkit.stats`.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from labkit.corpus import Question, Span
from labkit.replies import Answer
from labkit.stats import Interval, clustered_bootstrap, mean_interval

_T = TypeVar("_T")
# Where a passage stands: one span, or the spans that compression left of it.
Place = Span | Sequence[Span]

# ------------------------------------------------------------------------------------ answers


def normalise(text: str) -> str:
    """Lower case, no articles, no punctuation that carries no meaning, single spaces.

    After SQuAD's normalisation (Rajpurkar et al. 2016), but a decimal point, the percent sign and the minus of
    a number stay: `1.5 %`, `15` and `-15` are different answers, `.5` is `0.5`, and the hyphen of `10-20` is
    no minus. Digits lose their thousands separators.
    """
    text = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("\N{NO-BREAK SPACE}", " ")
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"\s*%", "%", text)
    text = re.sub(r"(?<![\w.])\.(?=\d)", "0.", text)
    text = re.sub(r"(?<!\d)\.|\.(?!\d)", " ", text)
    # The true minus sign is none of string.punctuation; after a number, a % or a bracket it is a hyphen or a dash.
    text = re.sub(r"(?<![\w%)\]])-(?=\d)", "\N{MINUS SIGN}", text)
    text = "".join(" " if c in string.punctuation and c not in ".%" else c for c in text)
    return " ".join(w for w in text.split() if w not in {"a", "an", "the"}).replace("\N{MINUS SIGN}", "-")


def _several(values: Iterable[_T]) -> list[_T]:
    """What stands for a list of spellings, or of members; a text would be taken letter by letter.

    Raises:
        ValueError: a single text was given.
    """
    if isinstance(values, str):
        raise ValueError(f"Give a list of accepted spellings: write [{values!r}] for a single one.")
    return list(values)


def exact_match(answer: str, accepted: Iterable[str]) -> float:
    """1.0 when the answer equals one of the accepted spellings after normalisation, else 0.0.

    Raises:
        ValueError: a single spelling was given instead of a list.
    """
    given = normalise(answer)
    return float(any(given == normalise(a) for a in _several(accepted)))


def token_f1(answer: str, accepted: Iterable[str]) -> float:
    """Best F1 of shared words over the accepted spellings (Rajpurkar et al. 2016); errors as in `exact_match`."""
    return max((_f1(normalise(answer).split(), normalise(a).split()) for a in _several(accepted)), default=0.0)


def _f1(given: Sequence[str], wanted: Sequence[str]) -> float:
    shared = sum((Counter(given) & Counter(wanted)).values())
    if not given or not wanted or not shared:
        return 0.0
    precision, recall = shared / len(given), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


def set_f1(answer: str, items: Sequence[Sequence[str]]) -> float:
    """F1 between the members named in an answer and a gold set; arguments as in `set_precision_recall`."""
    precision, recall = set_precision_recall(answer, items)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def set_precision_recall(answer: str, items: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Which share of the members named is right, and which share of the gold set is named; both 0 where none is right.

    Args:
        answer: members separated by commas, semicolons, line breaks or "and".
        items: the gold set, each member as its accepted spellings.

    Raises:
        ValueError: a single text was given instead of a list, as the set or as a member.
    """
    items = [_several(spellings) for spellings in _several(items)]
    text = normalise(re.sub(r"[;\n,]", f" {_PART} ", answer))
    spelled = {normalise(s): number for number, spellings in enumerate(items) for s in spellings}
    found: set[int] = set()
    # Gold names first, longest first: "Gorse and Pike" is one company and not two.
    for name in sorted(spelled, key=lambda n: (-len(n), n)):
        pattern = rf"(?<!\S){re.sub(' ', f'(?: {_PART})? ', re.escape(name).replace(chr(92) + ' ', ' '))}(?!\S)"
        text, times = re.subn(pattern, _PART, text)
        if times:
            found.add(spelled[name])
    wrong = sum(bool(part.strip()) for part in re.split(rf"{_PART}|\band\b", text))
    return (len(found) / (len(found) + wrong), len(found) / len(items)) if found else (0.0, 0.0)


_PART = "\N{SECTION SIGN}"  # parts the members of a set; no letter, so that normalisation leaves it alone


def field_f1(answer: str, fields: Mapping[str, Sequence[str]]) -> float:
    """F1 over the fields of a term sheet written as `field: value` lines.

    A field counts as right when its value equals an accepted spelling; a field that the answer
    adds lowers precision, one that it leaves out lowers recall. Errors as in `exact_match`.
    """
    lines = [part.split(":", 1) for part in re.split(r"[;\n]", answer) if ":" in part]
    given = {normalise(name): value for name, value in lines}
    right = sum(exact_match(given.get(normalise(name), ""), accepted) for name, accepted in fields.items())
    if not given or not right:
        return 0.0
    precision, recall = right / len(given), right / len(fields)
    return 2 * precision * recall / (precision + recall)


@dataclass(frozen=True)
class AnswerScore:
    """One question's scores.

    `exact_match` and `token_f1` count a refusal as right exactly when the question cannot be
    answered. `citation` is the share of the cited passages that hold evidence, 0 where an answer
    cites nothing, None for refusals and questions without an answer.
    """

    exact_match: float
    token_f1: float
    citation: float | None
    refused: bool
    should_refuse: bool


def score_answer(question: Question, answer: Answer, cited: Sequence[Place] = ()) -> AnswerScore:
    """Score one answer by its task.

    Args:
        question: with its accepted spellings, items or fields.
        answer: the model's reply, taken apart by `replies.parse_answer`.
        cited: where the cited passages stand, in the order of `answer.citations`.
    """
    should_refuse = question.answer is None
    if should_refuse or answer.refused:
        right = float(should_refuse and answer.refused)
        return AnswerScore(right, right, None, answer.refused, should_refuse)
    if question.items:
        f1 = set_f1(answer.text, question.items)
        exact = float(f1 == 1.0)
    elif question.task == "summarise":
        f1 = field_f1(answer.text, question.fields)
        exact = float(f1 == 1.0)
    else:
        f1 = token_f1(answer.text, question.accepted())
        exact = exact_match(answer.text, question.accepted())
    holding = [any(covered(e, _spans(c)) for e in question.evidence) for c in cited]
    citation = sum(holding) / len(holding) if holding else 0.0
    return AnswerScore(exact, f1, citation, False, False)


def covers(passage: Span, evidence: Span, share: float = 0.5) -> bool:
    """Whether a passage holds at least `share` of a piece of evidence."""
    return passage.overlap(evidence) >= share * max(1, evidence.end - evidence.start)


# ---------------------------------------------------------------------------------- retrieval


@dataclass(frozen=True)
class RetrievalScore:
    """One question's retrieval scores, each between 0 and 1.

    Attributes:
        evidence_recall: share of the evidence's characters inside the first passages that fit
            into the token budget.
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
    """Share of the evidence's characters in the first passages that fit a token budget together.

    A budget compares small chunks with large ones fairly, which a number of passages does not.
    """
    taken: list[Span] = []
    used = 0
    for passage, size in zip(passages, tokens, strict=True):
        if used + size > budget:
            break
        used += size
        taken += _spans(passage)
    total = sum(e.end - e.start for e in evidence)
    covered = sum(_covered(e, taken) for e in evidence)
    return covered / total if total else 0.0


def covered(evidence: Span, passages: Sequence[Span], share: float = 0.5) -> bool:
    """Whether passages hold at least `share` of a piece of evidence between them."""
    return _covered(evidence, passages) >= share * (evidence.end - evidence.start)


def _spans(place: Place) -> Sequence[Span]:
    return [place] if isinstance(place, Span) else place


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

    A passage is relevant when it covers at least half of a piece of evidence that no passage
    before it covered; reciprocal rank and nDCG of relevant passages are computed by ir-measures
    (MacAvaney et al. 2022), pieces that were not found count as relevant passages that are missing.
    Recall is the share of the pieces found, as one passage may hold several.

    Args:
        questions: n questions.
        passages: n ranked lists, where each passage stands: one span, or the spans that compression left of it.
        tokens: n lists of the passages' lengths in tokens.
        k: cut-off of recall, nDCG and the wrong-document rate.
        budget: tokens for `evidence_recall`.

    Returns:
        n scores; None where a question has no evidence (it cannot be answered).
    """
    import ir_measures
    from ir_measures import RR, nDCG

    qrels, run, recall = [], [], []
    for number, (question, ranked) in enumerate(zip(questions, passages, strict=True)):
        new = _newly_covered(question.evidence, ranked)
        missing = len(question.evidence) - sum(new)
        qrels += [ir_measures.Qrel(str(number), f"r{i}", 1) for i, n in enumerate(new) if n]
        qrels += [ir_measures.Qrel(str(number), f"missing{i}", 1) for i in range(missing)]
        run += [ir_measures.ScoredDoc(str(number), f"r{i}", -float(i)) for i in range(len(ranked))]
        recall.append(sum(new[:k]) / max(1, len(question.evidence)))
    measures = {RR: "mrr", nDCG @ k: "ndcg"}
    table: dict[str, dict[str, float]] = {}
    if qrels:
        for metric in ir_measures.iter_calc(list(measures), qrels, run):
            table.setdefault(metric.query_id, {})[measures[metric.measure]] = float(metric.value)
    return [
        _retrieval_score(q, ranked, sizes, table.get(str(i), {}) | {"recall_at_k": recall[i]}, k, budget)
        for i, (q, ranked, sizes) in enumerate(zip(questions, passages, tokens, strict=True))
    ]


def _newly_covered(evidence: Sequence[Span], ranked: Sequence[Place]) -> list[int]:
    """For each passage, how many pieces of evidence it covers that no passage before it did."""
    seen: set[int] = set()
    counts = []
    for passage in ranked:
        new = {i for i, e in enumerate(evidence) if i not in seen and covered(e, _spans(passage))}
        seen |= new
        counts.append(len(new))
    return counts


def _retrieval_score(
    question: Question,
    ranked: Sequence[Place],
    sizes: Sequence[int],
    found: Mapping[str, float],
    k: int,
    budget: int,
) -> RetrievalScore | None:
    if not question.evidence:
        return None
    right = {e.document for e in question.evidence}
    wrong = [_spans(p)[0].document not in right for p in ranked[:k]]
    return RetrievalScore(
        evidence_recall=evidence_recall(question.evidence, ranked, sizes, budget),
        recall_at_k=found.get("recall_at_k", 0.0),
        mrr=found.get("mrr", 0.0),
        ndcg=found.get("ndcg", 0.0),
        wrong_document_rate=float(np.mean(wrong)) if wrong else 1.0,
    )


# ------------------------------------------------------------------------------------- means


def refusal_f1(scores: Sequence[AnswerScore], clusters: Sequence[str], seed: int = 0) -> Interval:
    """F1 of refusing: precision over the questions refused, recall over those to refuse."""
    tallies = np.array(
        [
            [
                s.refused and s.should_refuse,
                s.refused and not s.should_refuse,
                s.should_refuse and not s.refused,
            ]
            for s in scores
        ],
        dtype=float,
    ).reshape(-1, 3)

    def f1(hit: np.ndarray, wrong: np.ndarray, missed: np.ndarray) -> np.ndarray:
        bottom = np.asarray(2 * hit + wrong + missed, dtype=float)
        return np.where(bottom > 0, 2 * hit / np.where(bottom > 0, bottom, 1), np.nan)

    return clustered_bootstrap(tallies, clusters, f1, seed=seed)


def summarise_answers(scores: Sequence[AnswerScore], clusters: Sequence[str]) -> dict[str, Interval]:
    """Exact match, token F1, citation accuracy and refusal F1, each with its interval."""
    return {
        "exact_match": mean_interval([s.exact_match for s in scores], clusters),
        "token_f1": mean_interval([s.token_f1 for s in scores], clusters),
        "citation_accuracy": mean_interval([s.citation for s in scores], clusters),
        "refusal_f1": refusal_f1(scores, clusters),
    }


def summarise_retrieval(
    scores: Sequence[RetrievalScore | None], clusters: Sequence[str], k: int = 5, budget: int = 1000
) -> dict[str, Interval]:
    """The retrieval metrics' means with intervals, over the questions that have evidence."""

    def column(name: str) -> Interval:
        return mean_interval([getattr(s, name) if s else None for s in scores], clusters)

    return {
        f"evidence_recall_{budget}": column("evidence_recall"),
        f"recall_at_{k}": column("recall_at_k"),
        "mrr": column("mrr"),
        f"ndcg_at_{k}": column("ndcg"),
        f"wrong_document_rate_at_{k}": column("wrong_document_rate"),
    }
