"""The exercises of lesson 10. What is expected is computed from the facts of its rounds."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from labkit import models, prompts, tune
from labkit.bench.shipped import shipped_rounds
from labkit.exercises import exercise
from labkit.stats import Interval

from .judging import Numbers, number


@number("10.1", "How does the width of an interval depend on the number of questions?", 0.3)
def fall_that_a_quarter_finds() -> Numbers:
    fewer = 4
    yield math.sqrt(fewer), None
    yield fewer, "An interval's width does not go with one over the number of questions: think of its root."
    yield 1, "Fewer questions make an interval wider. By how much?"
    yield 1 / math.sqrt(fewer), "A gate with fewer questions finds large falls only: is it more or less than before?"


# Facts that the lesson teaches live: every so many-th of the last round, and how many.
EVERY, TAUGHT = 2, 6


@cache
def _tokens_replayed(share: float) -> tuple[int, int, int]:
    """Tokens replayed beside the lesson's new examples, tokens of these, and how many examples are replayed."""
    facts, generator = shipped_rounds().facts, models.load_generator()
    last = max(fact.round for fact in facts)
    lasting = [f for f in facts if f.round == last and f.replaced is None and not f.amends]

    def chats(some: Any) -> list[tune.Chat]:
        asked = [q for fact in some for q in fact.asked["train"]]
        return [tune.Chat(tuple(prompts.closed_book_messages(q.question)), str(q.answer)) for q in asked]

    def tokens(some: list[tune.Chat]) -> int:
        return sum(tune.count_tokens(chat, generator) for chat in some)

    new = list({str(chat.messages): chat for chat in chats(lasting[::EVERY][:TAUGHT])}.values())
    drawn = tune.replay(new, chats(f for f in facts if f.holds(0)), share, generator)
    return tokens(drawn), tokens(new), len(drawn)


@number("10.2", "Take tune.replay (or replayed) with a share of a fifth on lessons and earlier, and add up the tokens "
                "of what it draws.", 0.5)  # fmt: skip
def tokens_of_a_fifth() -> Numbers:
    right, new, count = _tokens_replayed(0.2)
    yield right, None
    yield count, "That is how many examples. How many tokens do they have?"
    yield new, "Those are the new examples. How many tokens are replayed beside them?"
    yield right + new, "That is all that is read. Which part of it is replayed?"
    yield _tokens_replayed(0.05)[0], "That is one token in twenty. Which argument says how many?"
    yield new / 5, "That is a fifth of the new tokens. The share is of all tokens, the replayed ones among them."
    yield new / 4, "That is the room there is. Whole examples are drawn until the next does not fit: count these."


def _found(**ends: tuple[float, float]) -> dict[str, Interval]:
    names = {name.replace("_", " "): pair for name, pair in ends.items()}
    return {name: Interval((low + high) / 2, low, high, 40, 20) for name, (low, high) in names.items()}


_LEARNED = (0.2, 0.5)
_CASES: tuple[tuple[dict[str, tuple[float, float]], float, list[str], str], ...] = (
    (dict(new_facts=_LEARNED, old_facts=(-0.02, 0.1), reading=(0.0, 0.2)), 0.05, [],
     "Nothing fell by more than the margin, and new facts are learned: give an empty list."),
    (dict(new_facts=_LEARNED, old_facts=(-0.12, 0.06), reading=(0.0, 0.2)), 0.05, ["old facts"],
     "An interval that reaches below minus the margin does not show that nothing fell so far, also where 0 is in it."),
    (dict(new_facts=_LEARNED, old_facts=(-0.04, -0.01), reading=(-0.01, 0.1)), 0.05, [],
     "A fall that is shown, but is smaller than the margin, is allowed."),
    (dict(new_facts=_LEARNED, old_facts=(-0.08, 0.1), reading=(-0.01, 0.1)), 0.1, [],
     "Which margin is meant here?"),
    (dict(new_facts=(-0.01, 0.4), old_facts=(0.0, 0.1)), 0.05, ["new facts"],
     "New facts have to be learned: their whole interval must lie above 0, without a margin."),
    (dict(new_facts=_LEARNED, old_facts=(math.nan, math.nan), reading=(0.0, 0.2)), 0.05, ["old facts"],
     "What was not measured is not shown to be safe. Every comparison with nan is false: ask for what must be true."),
    (dict(new_facts=(math.nan, math.nan), old_facts=(0.0, 0.1)), 0.05, ["new facts"],
     "New facts that could not be measured are not shown to be learned."),
    (dict(refusals=(-0.5, -0.2), new_facts=(-0.3, -0.1), reading=(-0.3, 0.3)), 0.05,
     ["refusals", "new facts", "reading"], "Give every name that stops it, in the order in which they come."),
)  # fmt: skip


@exercise("10.3", function=True)
def strict_gate(answer: Any) -> str | None:
    for ends, margin, expected, hint in _CASES:
        found = _found(**ends)
        given = answer(dict(found), margin)
        if not isinstance(given, list):
            return "Give a list of names, an empty one where nothing stops the version."
        if given != expected:
            shown = ", ".join(f"{name} {i.low:+.2f} to {i.high:+.2f}" for name, i in found.items())
            return f"For {shown} and a margin of {margin} it gives {given}. {hint}"
    return None
