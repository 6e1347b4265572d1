"""Judging: which answers are right, and which of two is better, as a model judges it.

Floor 3. A model can be asked which of two answers is better (by verdict), it can be measured which it would sooner
write itself (by likelihood), or it answers the question and a program compares (by answering).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labkit import prompts
from labkit.metrics import exact_match, normalise, token_f1
from labkit.models import Generator
from labkit.prompts import Message, Passage
from labkit.replies import Answer, parse_answer, parse_preference
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
    harmless = all(w.isalpha() and (len(w) > 1 or w == "i") and w not in _TURNING for w in surplus)
    return 1.0 if part.strip() and part in text and harmless else min(0.9, token_f1(given, [own]))


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


def judge_by_answering(generator: Generator, rows: Sequence[Judged]) -> list[bool]:
    """Whether each answer is right: the generator answers the question itself, and the two must agree.

    Consistency with the judge's own answer as in self-consistency (Wang et al. 2023) and SelfCheckGPT (Manakul et al.
    2023), with one greedy answer.

    Args:
        generator: the judge.
        rows: question, passages and the answer to be judged.

    Raises:
        ValueError: a question is empty.
    """
    own = _answers(generator, [(question, passages) for question, passages, _ in rows])
    return [agreement(row[2], answer) == 1 for row, answer in zip(rows, own, strict=True)]


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


def prefer_by_likelihood(generator: Generator, rows: Sequence[Compared], normalised: bool = True) -> list[str | None]:
    """Which answer is better, "A" or "B": the one that the generator finds likelier behind the prompt for an answer;
    None where both are equally likely.

    Args:
        generator: the judge; it must be a model whose likelihoods can be read, not a LlamaIndex LLM.
        rows: question, passages and the two answers.
        normalised: by the likelihood a token; otherwise by that of the whole answer, which favours short ones.

    Raises:
        ValueError: a question is empty, or a prompt with its answer does not fit into the window.
    """
    asked = [prompts.answer_messages(question, passages) for question, passages, *_ in rows for _ in range(2)]
    answers = [answer for *_, a, b in rows for answer in (a, b)]
    scores = generator.log_likelihood(asked, answers)
    if not normalised:
        scores *= [generator.count_reply_tokens(messages, a) for messages, a in zip(asked, answers, strict=True)]
    return [None if a == b else "A" if a > b else "B" for a, b in scores.reshape(-1, 2)]


def prefer_by_verdict(generator: Generator, rows: Sequence[Compared]) -> list[str | None]:
    """Which answer is better, "A" or "B", as the generator says when it is asked; None where its reply is neither.

    Models lean towards one of the two places (Zheng et al. 2023, Judging LLM-as-a-Judge): ask in both orders.

    Args:
        generator: the judge; `models.from_llama_index` makes one of any LlamaIndex LLM.
        rows: question, passages and the two answers.

    Raises:
        ValueError: a question is empty.
    """
    asked = [prompts.prefer_messages(question, a, b, passages) for question, passages, a, b in rows]
    return list(map(parse_preference, generator.generate(asked, max_new_tokens=8)))


def _answers(generator: Generator, asked: Sequence[tuple[str, Sequence[Passage]]]) -> list[Answer]:
    return list(map(parse_answer, generator.generate([prompts.answer_messages(*row) for row in asked])))
