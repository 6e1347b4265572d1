"""The exercises of lesson 11. What is expected is computed from the train contracts that the lesson takes."""

from __future__ import annotations

from functools import cache
from typing import Any

from labkit import corpus, metrics, rag
from labkit.bench.arms import TOP_K, tuned_index
from labkit.exercises import exercise
from labkit.prompts import REFUSAL

from .judging import Numbers, number, tried

CONTRACTS = 6
_THERE, _BEFORE, _AFTER = 0.8, 0.6, 0.9


@number("11.1", "Weigh the gain where the evidence is there by the share of questions that have theirs.")
def gain_of_the_whole() -> Numbers:
    yield _THERE * (_AFTER - _BEFORE), None
    yield 100 * _THERE * (_AFTER - _BEFORE), "That is the number of 100 questions. Give a share between 0 and 1."
    yield _AFTER - _BEFORE, "That is the gain where the evidence is there. What of the others?"
    yield _THERE * _AFTER, "That is the share of right answers after tuning. How much more is it than before?"
    yield (1 - _THERE) * (_AFTER - _BEFORE), "That weighs it by the questions whose evidence is missing."


@cache
def without_evidence() -> tuple[int, int, int]:
    """Lookups about the lesson's contracts whose evidence is not the first passage found among these contracts, those
    whose evidence is not among the first `TOP_K` either, and all of them."""
    asked = [q for q in corpus.load_questions("train", "lookup") if q.followup is None]
    few = tuple(dict.fromkeys(q.cluster for q in asked))[:CONTRACTS]
    asked = [q for q in asked if q.cluster in few]
    index = tuned_index([d for d in corpus.load_documents("train") if d.id.startswith(few)])
    missing = dict.fromkeys((1, TOP_K), 0)
    for question, hits in zip(asked, index.retrieve([q.question for q in asked], TOP_K), strict=True):
        found = [any(metrics.covers(rag.span_of(hit.node), e) for e in question.evidence) for hit in hits]
        for top_k in missing:
            missing[top_k] += not any(found[:top_k])
    return missing[1], missing[TOP_K], len(asked)


@number(
    "11.2",
    "Call raft_example on lookups, search(lookups, 1) and golds with put_in=0, and count the refusals.",
    0.5,
)
def refusals() -> Numbers:
    missing, with_three, all_of_them = without_evidence()
    yield missing, None
    yield with_three, f"That is the count with {TOP_K} passages each. Search for one."
    yield all_of_them - missing, "Those are the examples with an answer. How many are refusals?"
    yield all_of_them, "That is how many examples there are."
    yield 0, "With put_in=0 nothing is put in, so that what was not found is learned as a refusal."


_A, _B, _C = "Either party may give 30 days.", "Fees are due in May.", "The court of Ghent decides."
# Answer, passages, evidence, put_in; what is wanted; the hint.
_CASES: tuple[tuple[tuple[Any, ...], tuple[list[str], str], str], ...] = (
    (("30 days", [_B, _A], _A, True), ([_B, _A], "30 days [2]"),
     "The evidence stands in the second passage: cite that."),
    (("30 days", [f"7. {_A}", _B], _A, False), ([f"7. {_A}", _B], "30 days [1]"),
     "A passage holds the evidence also where it says more."),
    (("30 days", [_A, _B, _A], _A, True), ([_A, _B, _A], "30 days [1] [3]"),
     "Cite every passage that holds the evidence."),
    (("30 days", [_B, _C], _A, True), ([_B, _A], "30 days [2]"),
     "Nothing found holds the evidence: it takes the last one's place."),
    (("30 days", [_B, _C], _A, False), ([_B, _C], REFUSAL),
     "The evidence is not there and is not put in: learn a refusal."),
    ((None, [_B, _C], None, True), ([_B, _C], REFUSAL),
     "Where there is no answer, nothing can be put in: learn a refusal."),
)  # fmt: skip


@exercise("11.3", function=True)
def examples_from_texts(answer: Any) -> str | None:
    def given(*arguments: Any) -> Any:
        made = answer(*arguments)
        return (list(made[0]), str(made[1]).strip()) if isinstance(made, (tuple, list)) and len(made) == 2 else made

    return tried(given, _CASES)
