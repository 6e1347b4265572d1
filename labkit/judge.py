"""Judging: which answers are right, and which of two is better, as a model judges it.

Floor 3. The prompts `judge` and `prefer` ask for a verdict in one word. A small model gives better verdicts when it
first answers the question itself, and a program then compares its answer with the one to be judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labkit import prompts
from labkit.metrics import exact_match, normalise, token_f1
from labkit.models import Generator
from labkit.prompts import Message, Passage
from labkit.replies import Answer, parse_answer
from labkit.values import parse_value

# Question, the passages to read, and the answer to be judged.
Judged = tuple[str, Sequence[Passage], str]
# The same with two answers.
Compared = tuple[str, Sequence[Passage], str, str]


@dataclass(frozen=True)
class Preference:
    """Two replies to one prompt, the better of which is known; what DPO learns from."""

    messages: tuple[Message, ...]
    chosen: str
    rejected: str


@dataclass(frozen=True)
class Rated:
    """A reply with a thumb up or down; what KTO learns from."""

    messages: tuple[Message, ...]
    reply: str
    good: bool


_TURNING = frozenset("not no nor or and but except".split())


def _same(given: str, own: str) -> float:
    """How far one answer says the same as another, from 0 to 1; see `agreement`."""
    if exact_match(given, [own]):
        return 1.0
    if parse_value(given) is not None and parse_value(own) is not None:
        return 0.0
    text, part = f" {normalise(given)} ", f" {normalise(own)} "
    surplus = text.replace(part, " ", 1).split()
    if (
        part.strip()
        and part in text
        and all(w.isalpha() and (len(w) > 1 or w == "i") and w not in _TURNING for w in surplus)
    ):
        return 1.0
    return min(0.9, token_f1(given, [own]))


def agreement(given: str, own: Answer) -> float:
    """How far an answer says the same as a model's own, from 0 to 1.

    Two refusals agree; a refusal and an answer do not. Two values agree when they are equal, in whatever writing. An
    answer that contains the model's own word for word, as a sentence around a value does, agrees unless what it adds
    is a number or turns the sense ("not", "or"). Otherwise it is the F1 of shared words, below what agrees. Answers of
    several parts, with ";" between them, agree as far as the part that agrees least.
    """
    theirs = parse_answer(given)
    if theirs.refused or own.refused:
        return float(theirs.refused and own.refused)
    parts, wanted = theirs.text.split(";"), own.text.split(";")
    return min(map(_same, parts, wanted)) if len(parts) == len(wanted) else 0.0


def judge_by_answering(generator: Generator, rows: Sequence[Judged], threshold: float = 1.0) -> list[bool]:
    """Whether each answer is right: the generator answers the question itself, and the two must agree.

    Consistency with the judge's own answer as in self-consistency (Wang et al. 2023) and SelfCheckGPT (Manakul et al.
    2023), with one greedy answer.

    Args:
        generator: the judge.
        rows: question, passages and the answer to be judged.
        threshold: smallest agreement that counts as right.

    Raises:
        ValueError: a question is empty.
    """
    own = _answers(generator, [(question, passages) for question, passages, _ in rows])
    return [agreement(row[2], answer) >= threshold for row, answer in zip(rows, own, strict=True)]


def prefer_by_answering(generator: Generator, rows: Sequence[Compared]) -> list[str | None]:
    """Which answer is better, "A" or "B": the one that agrees more with the generator's own, of two that agree equally
    the shorter; None where neither agrees at all, or nothing tells them apart.

    Args:
        generator: the judge.
        rows: question, passages and the two answers.

    Raises:
        ValueError: a question is empty.
    """
    own = _answers(generator, [(question, passages) for question, passages, _, _ in rows])
    verdicts: list[str | None] = []
    for (_, _, a, b), answer in zip(rows, own, strict=True):
        one, other = ((agreed := agreement(text, answer), -len(text) * bool(agreed)) for text in (a, b))
        verdicts.append(None if one == other else "A" if one > other else "B")
    return verdicts


def _answers(generator: Generator, asked: Sequence[tuple[str, Sequence[Passage]]]) -> list[Answer]:
    replies = generator.generate([prompts.answer_messages(question, passages) for question, passages in asked])
    return [parse_answer(reply) for reply in replies]
