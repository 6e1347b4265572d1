"""The stream of examples: which instruction comes when, and how hard its contexts are.

Every instruction has a maker, which draws a `Group`: one context and several questions on it.

    python -m synthesis.reader.examples

writes the sample of them that comes with the course, as lessons have no generators.
"""

from __future__ import annotations

import json
import lzma
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from labkit import paths
from synthesis.checked import write_checked
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
# Appendix A1 shows and uses these; they are of a seed of their own, so the reader was not trained on them.
SAMPLE = "sample.jsonl.xz"
SAMPLE_SEED, SAMPLE_SIZE = "sample", 200


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


def sample() -> list[dict[str, Any]]:
    """The first training groups of the sample's seed, as many of each instruction as its share says, as plain rows."""
    left = Counter({name: round(share * SAMPLE_SIZE) for name, share in SHARES.items()})
    found: list[dict[str, Any]] = []
    index = 0
    while left.total():
        made = group(SAMPLE_SEED, index)
        index += 1
        if left[made.instruction]:
            left[made.instruction] -= 1
            row = asdict(made)
            del row["wordings"]
            found.append(row)
    return found


def write_sample(folder: Path) -> Path:
    """Write the sample as compressed JSON lines, and its line in the folder's SHA256SUMS."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in sample())
    return write_checked(SAMPLE, lzma.compress(lines.encode("utf-8"), preset=9 | lzma.PRESET_EXTREME), folder)


if __name__ == "__main__":
    print(write_sample(paths.adapter("reader")))
