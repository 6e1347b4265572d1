"""The stream of examples: which instruction comes when, and how hard its contexts are.

Every instruction has a maker, which draws a `Group`: one context and several questions on it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from synthesis.reader import worlds
from synthesis.reader.answer import make_answer
from synthesis.reader.groups import WORDINGS, Example, Group, Level
from synthesis.reader.instructions import MAKERS, Maker
from synthesis.reader.notices import make_draft

SEVERAL_PASSAGES = Level((1, 1, 2, 3, 3, 3, 4, 5), 330, alike=0.75)
FULL_WINDOW = Level((1, 1, 2, 3, 3, 3, 3, 4, 5, 5, 6, 7, 8), 560, alike=0.75)
LONG_PASSAGES = Level((1, 2, 3, 4, 5, 6, 8, 10), 1000, alike=0.4)
# Contexts as they come: most as short as the clauses of a search are, some as long as the pages of a file.
LEVELS = ((SEVERAL_PASSAGES, 0.5), (FULL_WINDOW, 0.35), (LONG_PASSAGES, 0.15))
# How often each instruction comes.
SHARES = {
    "answer": 0.6,
    "closed_book": 0.01,
    "hyde": 0.02,
    "questions": 0.02,
    "rewrite": 0.04,
    "decompose": 0.04,
    "triples": 0.07,
    "judge": 0.05,
    "prefer": 0.025,
    "compare": 0.05,
    "classify": 0.03,
    "term_sheet": 0.02,
    "draft": 0.025,
}
INSTRUCTIONS = tuple(SHARES)
_MAKERS = MAKERS | {"draft": make_draft}


def make(
    rng: random.Random,
    instruction: str,
    level: Level,
    turns: int,
    wording: str = "known",
    held_names: bool = False,
) -> Group:
    """A group of any instruction.

    Args:
        rng: decides everything.
        instruction: one of `INSTRUCTIONS`.
        level: how hard the contexts are.
        turns: number of questions wanted.
        wording: "known", or which wordings come from the held-out part: "question", "clause", "both".
        held_names: draw names from the half never trained on.

    Raises:
        ValueError: the instruction or the choice of wordings is unknown.
    """
    if instruction not in SHARES or wording not in WORDINGS:
        raise ValueError(f"There is no {instruction!r} with {wording!r} wordings: use one of {', '.join(SHARES)}.")
    if instruction == "answer":
        return make_answer(rng, worlds.load_bank(), level, turns, wording, held_names)
    while True:
        group = _MAKERS[instruction](Maker(rng, worlds.load_bank(), level, wording, held_names), turns)
        if group.turns:
            return group


def group(seed: int | str, index: int) -> Group:
    """The training group number `index`: a function of its arguments alone."""
    rng = random.Random(f"{seed}/{index}")
    turns = 1 if rng.random() < 0.08 else rng.randint(5, 11)
    levels, weights = [level for level, _ in LEVELS], [weight for _, weight in LEVELS]
    instruction = rng.choices(INSTRUCTIONS, list(SHARES.values()))[0]
    return make(rng, instruction, rng.choices(levels, weights)[0], turns)


def evaluation_groups(
    count: int,
    passages: int,
    wording: str = "known",
    seed: int = 990_001,
    instruction: str = "answer",
    alike: bool = False,
) -> Iterator[Group]:
    """Groups of one question on held-out worlds.

    Args:
        count: number of groups.
        passages: passages in each context.
        wording: as in `make`.
        seed: decides which worlds.
        instruction: one of `INSTRUCTIONS`.
        alike: only the title tells the passages apart.
    """
    level = Level((passages,), min(640, 150 * passages), alike=float(alike))
    for index in range(count):
        rng = random.Random(f"evaluation/{seed}/{passages}/{wording}/{index}")
        yield make(rng, instruction, level, 1, wording, True)


def evaluation(count: int, passages: int, wording: str = "known", **settings: Any) -> Iterator[Example]:
    """The questions of `evaluation_groups` in the format of inference; the settings are the same."""
    for made in evaluation_groups(count, passages, wording, **settings):
        yield made.examples()[0]
