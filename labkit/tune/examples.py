"""Training examples: earlier ones among the new, and a question with the passages found for the cross-encoder.

Source of replay: Rolnick et al. 2019, Experience Replay for Continual Learning.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from labkit import metrics, models
from labkit.corpus import Question, Span
from labkit.tune.generator import Chat


def replay(
    new: Sequence[Chat], earlier: Sequence[Chat], share: float, generator: models.Generator, seed: int = 0
) -> list[Chat]:
    """Examples of earlier trainings, drawn at random without repetition, to train on together with new ones.

    Args:
        new: what is to be learned now.
        earlier: what was learned before; repeated examples count once.
        share: of all tokens, prompts included, that is replayed; at least 0 and below 1.
        generator: the model to train, which counts the tokens.
        seed: decides which.

    Returns:
        The examples drawn; fewer than the share asks for where there are not as many.

    Raises:
        ValueError: the share is below 0, or 1 or more.
    """
    if not 0 <= share < 1:
        raise ValueError(f"A share of replay is at least 0 and below 1, not {share!r}.")
    room = share / (1 - share) * sum(count_tokens(chat, generator) for chat in new)
    chats = list({(str(chat.messages), chat.reply): chat for chat in earlier}.values())
    random.Random(seed).shuffle(chats)
    drawn: list[Chat] = []
    for chat in chats:
        room -= count_tokens(chat, generator)
        if room < 0:
            break
        drawn.append(chat)
    return drawn


def count_tokens(chat: Chat, generator: models.Generator) -> int:
    """Tokens of an example, prompt and reply."""
    return generator.count_tokens(chat.messages) + generator.count_reply_tokens(chat.messages, chat.reply)


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
