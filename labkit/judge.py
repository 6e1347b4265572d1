"""Feedback: which answers are right, and which of two is better, as a model judges it.

The prompts `judge` and `prefer` ask for a verdict in one word. A small model gives better verdicts when it
first answers the question itself, and a program then compares its answer with the one to be judged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from labkit import metrics, prompts
from labkit.models import Generator
from labkit.prompts import Passage
from labkit.replies import Answer, parse_answer
from labkit.values import NUMBER_WORDS, Quantity, parse_quantity

# Question, the passages to read, and the answer to be judged.
Judged = tuple[str, Sequence[Passage], str]
# The same with two answers.
Compared = tuple[str, Sequence[Passage], str, str]

_AROUND = re.compile(r"^(?:it is|this is|that is|that would be|the answer is) |,? as far as i can see$")
_UNITS = frozenset(
    "hour hours day days week weeks month months year years business working % percent usd eur gbp chf aud cad sgd nok "
    "sek dkk jpy dollar dollars euro euros pound pounds swiss franc francs us".split()
)
_TURNING = frozenset("not no nor or and but except".split())
_MONTHS = frozenset(
    "january february march april may june july august september october november december".split()
)  # fmt: skip


def _words(text: str) -> list[str]:
    """The words of an answer after normalisation, without the sentence around it."""
    plain = _AROUND.sub("", text.strip().lower().rstrip("."))
    return metrics.normalise(re.sub(r"\bper ?cent\b", "%", plain)).replace("%", " % ").split()


def _quantity(text: str) -> Quantity | None:
    """The quantity that an answer consists of; None where it holds anything else besides."""
    words = re.sub(r"[$\N{EURO SIGN}\N{POUND SIGN}]", " ", " ".join(_words(text))).split()
    figures = [w for w in words if re.fullmatch(r"\d+(?:\.\d+)?", w)]
    others = [
        w for w in words if w not in figures and w not in NUMBER_WORDS and w not in _UNITS and w not in ("and", "point")
    ]
    units = {w.rstrip("s") for w in words if w in _UNITS} & {"hour", "day", "week", "month", "year", "%"}
    if others or len(figures) > 1 or len(units) > 1:
        return None
    return parse_quantity(text)


def _same(given: str, own: str) -> float:
    """How far one answer says the same as another, from 0 to 1; see `agreement`."""
    one, other = _quantity(given), _quantity(own)
    if one is not None and other is not None:
        return float(one.dimension == other.dimension and math.isclose(one.size, other.size))
    theirs, mine = _words(given), _words(own)
    if sorted(theirs) == sorted(mine) and (theirs == mine or _MONTHS & set(mine)):
        return 1.0
    text, part = f" {' '.join(theirs)} ", f" {' '.join(mine)} "
    if mine and part in text:
        surplus = text.replace(part, " ", 1).split()
        if not any(w in NUMBER_WORDS or w in _TURNING or any(c.isdigit() for c in w) for w in surplus):
            return 1.0
    return min(0.9, metrics.token_f1(given, [own]))


def agreement(given: str, own: Answer) -> float:
    """How far an answer says the same as a model's own, from 0 to 1.

    Two refusals agree; a refusal and an answer do not. Two quantities agree when they are equal, in whatever writing.
    An answer that contains the model's own word for word, as a sentence around a value does, agrees unless what it adds
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
        rows: question, passages and the answer to be judged. threshold: smallest agreement that counts as right.

    Raises:
        ValueError: a question is empty.
    """
    own = _answers(generator, [(question, passages) for question, passages, _ in rows])
    return [agreement(row[2], answer) >= threshold for row, answer in zip(rows, own, strict=True)]


def prefer_by_answering(generator: Generator, rows: Sequence[Compared]) -> list[str]:
    """Which answer is better, "A" or "B": the one that agrees more with the generator's own, of equals the shorter, of
    equally long ones "A".

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
    return [parse_answer(reply) for reply in replies]
