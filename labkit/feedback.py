"""Feedback: which answers are right, and which of two is better, as a model judges it.

Floor 2. The prompts `judge` and `prefer` ask for a verdict in one word. A small model gives better verdicts when it
first answers the question itself and its answer is then compared with the one to be judged: reading and comparing
are two steps, and a program does the second without error.
"""

from __future__ import annotations

from collections.abc import Sequence

from labkit import metrics, prompts, quantities
from labkit.models import Generator
from labkit.prompts import Answer, Passage

# Question, the passages to read, and the answer to be judged.
Judged = tuple[str, Sequence[Passage], str]
# The same with two answers.
Compared = tuple[str, Sequence[Passage], str, str]


def agreement(given: str, own: Answer) -> float:
    """How far an answer says the same as a model's own, from 0 to 1.

    Two refusals agree and a refusal agrees with no answer. Two values with a unit agree when they are equal, however
    they are written. An answer that holds the other's words in their order, as a sentence around a value does, agrees;
    otherwise the F1 of shared words counts.
    """
    theirs = prompts.parse_answer(given)
    if theirs.refused or own.refused:
        return float(theirs.refused and own.refused)
    values = [quantities.parse_quantity(a.text) for a in (theirs, own)]
    if values[0] and values[1] and values[0].unit and values[1].unit:
        return float(values[0].dimension == values[1].dimension and values[0].size == values[1].size)
    one, other = (f" {metrics.normalise(a.text)} " for a in (theirs, own))
    return 1.0 if other in one else metrics.token_f1(theirs.text, [own.text])


def judge_by_answering(generator: Generator, rows: Sequence[Judged], threshold: float = 0.99) -> list[bool]:
    """Whether each answer is right: the generator answers the question itself, and the two must agree.

    Consistency with the judge's own answer as in self-consistency (Wang et al. 2023) and SelfCheckGPT (Manakul et al.
    2023), with one greedy answer.

    Args:
        rows: question, passages and the answer to be judged. threshold: agreement from which an answer is right.

    Raises:
        ValueError: a question is empty.
    """
    own = _answers(generator, [(question, passages) for question, passages, _ in rows])
    return [agreement(row[2], answer) >= threshold for row, answer in zip(rows, own, strict=True)]


def prefer_by_answering(generator: Generator, rows: Sequence[Compared]) -> list[str]:
    """Which answer is better, "A" or "B": the one that agrees more with the generator's own, of equals the shorter.

    Args:
        rows: question, passages and the two answers.

    Raises:
        ValueError: a question is empty.
    """
    own = _answers(generator, [(question, passages) for question, passages, _, _ in rows])
    verdicts = []
    for (_, _, a, b), answer in zip(rows, own, strict=True):
        one, other = (agreement(a, answer), -len(a)), (agreement(b, answer), -len(b))
        verdicts.append("A" if one >= other else "B")
    return verdicts


def _answers(generator: Generator, asked: Sequence[tuple[str, Sequence[Passage]]]) -> list[Answer]:
    replies = generator.generate([prompts.answer_messages(question, passages) for question, passages in asked])
    return [prompts.parse_answer(reply) for reply in replies]
