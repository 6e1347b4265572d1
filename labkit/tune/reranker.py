"""Training examples of a cross-encoder: questions with passages that hold their evidence, and with others."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from labkit import metrics
from labkit.corpus import Question, Span


def sides(
    questions: Sequence[Question], hits: Sequence[Sequence[tuple[Span, str]]]
) -> list[tuple[str, list[str], list[str]]]:
    """Of each question its text, the passages found that hold evidence, and those that hold none, best first.

    Raises:
        ValueError: the numbers differ, or no passage found holds evidence.
    """
    if len(questions) != len(hits):
        raise ValueError(f"{len(questions)} questions but {len(hits)} lists: search for each question once.")
    rows = []
    for question, passages in zip(questions, hits, strict=True):
        right = [text for span, text in passages if any(metrics.covers(span, e) for e in question.evidence)]
        wrong = [text for span, text in passages if not any(span.overlap(e) for e in question.evidence)]
        rows.append((question.question, right, wrong))
    if not any(right for _, right, _ in rows):
        raise ValueError("No passage found holds evidence: search deeper, or check the questions.")
    return rows


@dataclass(frozen=True)
class Pair:
    """A question with a passage: label 1 where the passage holds evidence, else 0."""

    question: str
    passage: str
    label: float


def pairs(
    questions: Sequence[Question], hits: Sequence[Sequence[tuple[Span, str]]], negatives: int = 4, seed: int = 0
) -> list[Pair]:
    """Training pairs out of what a search found: passages with evidence, and others from near the top.

    Args:
        questions: of the train split; those without evidence give negatives alone.
        hits: for each question the place and text of the passages found, best first.
        negatives: of each question, drawn from the passages without evidence.

    Raises:
        ValueError: the numbers differ, or no passage found holds evidence.
    """
    rng = random.Random(seed)
    examples: list[Pair] = []
    for question, right, wrong in sides(questions, hits):
        examples += [Pair(question, text, 1.0) for text in right]
        examples += [Pair(question, text, 0.0) for text in rng.sample(wrong, min(negatives, len(wrong)))]
    rng.shuffle(examples)
    return examples
