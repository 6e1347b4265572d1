"""Metrics of answers and of retrieved passages. The intervals of their means are in `labkit.stats`.

Floor 2.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, takewhile
from typing import TypeVar

import numpy as np

from labkit.corpus import Question, Span
from labkit.replies import Answer
from labkit.stats import Interval, mean_interval
from labkit.values import Value, parse_value, plain, scan

# ------------------------------------------------------------------------------ retrieved passages

# Where a passage stands: one span, or the spans that compression left of it.
Place = Span | Sequence[Span]


def spans_of(place: Place) -> Sequence[Span]:
    """A place as spans."""
    return [place] if isinstance(place, Span) else place


def covers(passage: Span, evidence: Span) -> bool:
    """Whether a passage holds at least half of a piece of evidence."""
    return passage.overlap(evidence) >= max(1, evidence.end - evidence.start) / 2


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
    fitting = zip(passages, takewhile(lambda used: used <= budget, accumulate(tokens)), strict=False)
    return evidence_in_prompt(evidence, [span for passage, _ in fitting for span in spans_of(passage)]) or 0.0


def evidence_in_prompt(evidence: Sequence[Span], passages: Sequence[Span]) -> float | None:
    """Share of the evidence's characters in the passages that the model reads; None where there is no evidence.

    Args:
        evidence: the spans that prove the answer to one question.
        passages: in the prompt, after everything that did not fit was left out.
    """
    total = sum(e.end - e.start for e in evidence)
    return sum(_covered(e, passages) for e in evidence) / total if total else None


def covered(evidence: Span, passages: Sequence[Span]) -> bool:
    """Whether passages hold at least half of a piece of evidence between them."""
    return _covered(evidence, passages) >= (evidence.end - evidence.start) / 2


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


# ----------------------------------------------------------------------------------------- answers

_T = TypeVar("_T")
_PART = "\N{PILCROW SIGN}"  # parts the members of a set; no letter, so that normalisation leaves it alone


@lru_cache(maxsize=65_536)  # accepted answers and common replies come again and again
def normalise(text: str) -> str:
    """Lower case, values in one way of writing, no articles and no punctuation but what carries meaning, single spaces.

    After SQuAD's normalisation (Rajpurkar et al. 2016), but "twelve (12) months" and "1 year" become the same, as do
    "1 May 2024" and "2024-05-01" (`labkit.values`), and signs, letters and symbols stay: "-5 %", "C#", "> 30 days" and
    "Schedule A" are not "5 %", "C", "< 30 days" and "Schedule".
    """
    text, words, at = plain(text), list[str](), 0
    for start, end, value in scan(text):
        words += [_words(text[at:start]), _written(value)]
        at = end
    return " ".join(" ".join([*words, _words(text[at:])]).split())


def _words(text: str) -> str:
    text = re.sub(r"\b((?:[^\W\d_]{1,2}\.){2,})", lambda m: m[1].replace(".", ""), text)  # B.V., S.p.A.
    text = re.sub(r"(?m)^#+\s|^\s*[-*\u2022]\s|(?<=\d)\.(?=\s|$)", " ", text).replace("&", " and ")
    # "A" is an article at the start of a text or in small letters before a word, but not in "Schedule A".
    text = re.sub(r"(?<![\w-])(?:(?i:an|the)(?![\w-])|a(?= (?!and\b|or\b)\w))|\AA(?= \w)", " ", text)
    return re.sub(r"\.(?=\W|$)|[,;:!?\"'()\[\]{}*_|~-]|(?<!\d)/|/(?!\d)", " ", text).lower()


def _written(value: Value) -> str:
    kind = value.kind if value.kind in ("date", "ordinal") else ""
    return f" {value.bound} {kind} {'-'.join(map(str, value.numbers))} {value.unit} {value.per} "


def _key(text: str) -> str:
    return normalise(text) or plain(text).strip()


def _several(values: Iterable[_T]) -> list[_T]:
    """What stands for a list of spellings, or of members; a text, to be taken letter by letter, is a ValueError."""
    if isinstance(values, str):
        raise ValueError(f"Give a list of accepted spellings: write [{values!r}] for a single one.")
    return list(values)


def exact_match(answer: str, accepted: Iterable[str]) -> float:
    """1.0 when the answer equals one of the accepted spellings after normalisation, values as values, else 0.0.

    Raises:
        ValueError: a single spelling was given instead of a list.
    """
    return float(_key(answer) in map(_key, _several(accepted)))


def token_f1(answer: str, accepted: Iterable[str]) -> float:
    """Best F1 of shared words over the accepted spellings (Rajpurkar et al. 2016); errors as in `exact_match`."""
    return max((_f1(normalise(answer).split(), normalise(a).split()) for a in _several(accepted)), default=0.0)


def _f1(given: Sequence[str], wanted: Sequence[str]) -> float:
    shared = sum((Counter(given) & Counter(wanted)).values())
    return _harmonic(shared / len(given), shared / len(wanted)) if shared else 0.0


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def set_f1(answer: str, items: Sequence[Sequence[str]]) -> float:
    """F1 between the members named in an answer and a gold set; arguments as in `set_precision_recall`."""
    return _harmonic(*set_precision_recall(answer, items))


def set_precision_recall(answer: str, items: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Which share of the members named is right, and which share of the gold set is named; both 0 where none is right.

    Args:
        answer: members separated by commas, semicolons, line breaks or "and".
        items: the gold set, each member as its accepted spellings.

    Raises:
        ValueError: a single text was given instead of a list, as the set or as a member.
    """
    items = [_several(spellings) for spellings in _several(items)]
    text = normalise(re.sub(r"[;\n]|,(?!\d{3}(?!\d))|(?<!\d),", f" {_PART} ", answer))
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


def field_f1(answer: str, fields: Mapping[str, Sequence[str]]) -> float:
    """F1 over the fields of a term sheet written as `field: value` lines.

    A field counts as right when its value equals an accepted spelling; a field that the answer adds lowers precision,
    one that it leaves out lowers recall. Errors as in `exact_match`.
    """
    lines = [part.split(":", 1) for part in re.split(r"[;\n]", answer) if ":" in part]
    given = {key: value for name, value in lines if (key := _key(name))}
    wanted = {key: accepted for name, accepted in fields.items() if (key := _key(name))}
    right = sum(exact_match(given[name], accepted) for name, accepted in wanted.items() if name in given)
    return 2 * right / (len(given) + len(wanted)) if right else 0.0


def checklist(text: str, fields: Mapping[str, Sequence[str]]) -> float:
    """Share of the facts that a free text states, such as the addressee and the deadline of a notice.

    A fact counts when the text holds one of its spellings, dates and amounts by their value. It does not where a value
    of the same kind that belongs to no fact stands beside it ("30 June or 31 July") or after the same two words in
    another sentence ("ends on ...").

    Args:
        text: the notice.
        fields: the accepted spellings of each fact.

    Raises:
        ValueError: there are no facts, or a single spelling in place of a list.
    """
    if not fields:
        raise ValueError("No facts to look for: give the accepted spellings of at least one.")
    read = {name: {s: parse_value(s) for s in _several(spellings)} for name, spellings in fields.items()}
    gold = {value for values in read.values() for value in values.values()}
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z])|\n+", plain(text))
    said = [(sentence, *place) for sentence in sentences for place in scan(sentence)]
    whole = f" {normalise(text)} "

    def states(values: Mapping[str, Value | None]) -> bool:
        right = [row for row in said if row[3] in values.values()]
        kinds = {(v.kind, v.unit) for v in values.values() if v}
        strays = [row for row in said if row[3] not in gold and (row[3].kind, row[3].unit) in kinds]
        in_words = any(f" {said_so} " in whole for s, v in values.items() if v is None and (said_so := normalise(s)))
        return (in_words or bool(right)) and not any(_contradicts(s, r) for s in strays for r in right)

    return sum(map(states, read.values())) / len(fields)


_Said = tuple[str, int, int, Value]  # a sentence, and a value in it: from, to, what it says


def _contradicts(stray: _Said, right: _Said) -> bool:
    """Whether a value that belongs to no fact stands beside the right one, or after the same two words elsewhere."""
    if stray[0] == right[0]:
        first, second = sorted((stray[1:3], right[1:3]))
        return len(stray[0][first[1] : second[0]].split()) < 4
    before = [row[0][: row[1]].lower().split()[-2:] for row in (stray, right)]
    return before[0] == before[1] != []


@dataclass(frozen=True)
class AnswerScore:
    """One question's scores; means over answers and over refusals are kept apart.

    Attributes:
        exact_match: 1.0 for the right answer, a whole checklist, or a refusal where the question has no answer.
        token_f1: part credit for an answer: shared words, members, fields or facts; else as `exact_match`.
        citation: share of the cited passages that hold evidence, None for refusals and questions without an answer.
        refused: whether the reply is a refusal; averaged over seeds, the share of them that refuse.
        should_refuse: whether the question has no answer.
    """

    exact_match: float
    token_f1: float
    citation: float | None
    refused: float
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
    elif question.task in ("summarise", "draft"):
        f1 = (field_f1 if question.task == "summarise" else checklist)(answer.text, question.fields)
        exact = float(f1 == 1.0)
    else:
        f1 = token_f1(answer.text, question.accepted())
        exact = exact_match(answer.text, question.accepted())
    holding = [any(covered(e, spans_of(c)) for e in question.evidence) for c in cited]
    citation = sum(holding) / len(holding) if holding else 0.0
    return AnswerScore(exact, f1, citation, False, False)


def refusal_f1(scores: Sequence[AnswerScore], clusters: Sequence[str]) -> Interval:
    """F1 of refusing: precision over the questions refused, recall over those to refuse.

    It is 2J / (1 + J) of the share J of right refusals among the questions that were or should have been refused, and
    so is its interval.
    """
    hits = [float(s.refused and s.should_refuse) if s.refused or s.should_refuse else None for s in scores]
    share = mean_interval(hits, clusters)
    value, low, high = (2 * x / (1 + x) for x in (share.value, share.low, share.high))
    return replace(share, value=value, low=low, high=high)
