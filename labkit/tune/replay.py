"""Replay: examples of earlier trainings among the new ones, against forgetting.

Source: Rolnick et al. 2019, Experience Replay for Continual Learning.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from labkit import models
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
