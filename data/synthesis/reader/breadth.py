"""How many wordings of a thing must a model see? Adapters of the raw base that saw 1, 4 or 16 of them, measured.

    python -m synthesis.reader.breadth --minutes 8

The first adapter is trained for the time given, the others on as many tokens: the same topics, one passage a context.
Adapters that are done are not trained again. The figures go into `breadth.json` beside the reader.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from labkit import paths, prompts, stats
from labkit.models.base import base_model
from synthesis.checked import write_checked
from synthesis.reader import rows, train, worlds
from synthesis.reader.answer import make_answer
from synthesis.reader.groups import Group, Level

WORDINGS = (1, 4, 16)
# Which wordings are held out of training: (of clauses, of questions).
CELLS = {"known": (False, False), "clause": (True, False), "question": (False, True), "both": (True, True)}
LEVEL = Level((1,), 150)
# Questions on a passage, in training and in evaluation.
TURNS, ASKED = 8, 4


def bank(wordings: int, held: tuple[bool, bool] = (False, False)) -> worlds.Bank:
    """The new topics with so many wordings of each clause and each question, or with the held-out ones.

    They stand where held-out wordings stand, so that examples come without tables and with one instruction: the
    clauses and questions are all that is worded.
    """
    found = worlds.load_bank(files=worlds.NEW_TOPICS)
    topics = []
    for t in found.topics:
        clauses = t.held_clauses if held[0] else t.clauses[:wordings]
        questions = t.held_questions if held[1] else t.questions[:wordings]
        topics.append(replace(t, clauses=clauses, held_clauses=clauses, questions=questions, held_questions=questions))
    return worlds.Bank(tuple(topics))


def draw(source: worlds.Bank, key: str, turns: int, held_names: bool = False) -> Group:
    """A group with one passage."""
    rng = random.Random(key)
    while True:
        group = make_answer(rng, source, LEVEL, turns, "both", held_names)
        if len(group.passages) == 1:  # no amendment
            return group


@dataclass(frozen=True)
class Draw:
    """Training groups by number, as `rows.Stream` wants them."""

    wordings: int
    seed: str

    def __call__(self, index: int) -> Group:
        """Group number `index`."""
        return draw(bank(self.wordings), f"{self.seed}/{index}", TURNS)


@dataclass
class Marks:
    """Whether each question is answered exactly right (citation included) or rightly refused, and its world."""

    right: list[bool]
    worlds: list[str]
    refusals: int  # questions whose right reply is the refusal


def marks(run: train.Run, source: worlds.Bank, questions: int) -> Marks:
    """So many questions on worlds never seen."""
    encoded: list[rows.Row] = []
    refusals: list[bool] = []
    while sum(max(row.branch) for row in encoded) < questions:
        group = draw(source, f"breadth/{len(encoded)}", ASKED, held_names=True)
        if row := rows.encode(group, run.tokenizer, run.settings.length):
            encoded.append(row)
            refusals += [reply == prompts.REFUSAL for _, reply in group.turns]
    run.model.eval()
    found: dict[int, list[bool]] = {id(row): [] for row in encoded}
    for row, same, _ in train.replies_right(run, encoded):
        found[id(row)].append(same)
    pairs = [(right, str(i)) for i, row in enumerate(encoded) for right in found[id(row)]][:questions]
    return Marks([right for right, _ in pairs], [world for _, world in pairs], sum(refusals[:questions]))


def trained(out: Path, settings: train.Settings, base: Path, wordings: int, tokens: int | None) -> train.Run:
    """An adapter that saw so many wordings; one that is done is loaded."""
    run = train.Run(out, settings, base, _device(), partial(Draw, wordings))
    if not run.sittings[0]["finished"]:
        run.train(tokens=tokens)
    return run


def measure(out: Path, settings: train.Settings, base: Path, questions: int) -> dict[str, Any]:
    """Train what is not trained yet, and measure all.

    Returns:
        topics, minutes (of the first), device, tokens (of each adapter), questions (in a cell), refusals (of those on
        `both`), rows (shares exactly
        right by `CELLS`, by number of wordings; 0 is the raw base, to which all wordings are new) and gain: the paired
        difference on `both` that the most wordings made over the fewest.
    """
    raw = train.Run(out / "0", settings, base, _device())
    found = {0: {"both": marks(raw, bank(0, CELLS["both"]), questions)}}
    tokens: int | None = None
    for number in WORDINGS:
        run = trained(out / str(number), settings, base, number, tokens)
        tokens = int(run.sittings[0]["tokens"])
        found[number] = {name: marks(run, bank(number, held), questions) for name, held in CELLS.items()}
        print(number, {name: sum(cell.right) / questions for name, cell in found[number].items()}, flush=True)
    most, fewest = (found[number]["both"] for number in (WORDINGS[-1], WORDINGS[0]))
    return {
        "topics": len(bank(1).topics),
        "minutes": settings.minutes,
        "device": train.device_name(_device()),
        "tokens": tokens,
        "questions": questions,
        "refusals": most.refusals,
        "rows": [
            {"wordings": number} | {n: stats.plain(stats.mean_interval(c.right, c.worlds)) for n, c in cells.items()}
            for number, cells in found.items()
        ],
        "gain": stats.plain(stats.paired_difference(most.right, fewest.right, most.worlds)),
    }


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def main(argv: list[str] | None = None) -> None:
    """Train and measure, and keep the figures with the reader."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=8.0, help="of training, for the first adapter")
    parser.add_argument("--out", type=Path, default=Path("build/breadth"), help="where the adapters are kept")
    parser.add_argument("--base", type=Path, help="folder of the base model; the cache's by default")
    parser.add_argument("--questions", type=int, default=200, help="measured in each cell")
    parser.add_argument("--to", type=Path, default=paths.adapter("reader"), help="folder of breadth.json")
    given = parser.parse_args(argv)
    settings = train.Settings(given.minutes, seed=1, learning_rate=1e-3, rows=2, length=1024, rank=16, workers=0,
                              compiled=False)  # fmt: skip
    out = given.out / f"{given.minutes:g} minutes"
    figures = measure(out, settings, given.base or base_model(), given.questions)
    write_checked("breadth.json", json.dumps(figures, indent=1) + "\n", given.to)
    print(given.to / "breadth.json")


if __name__ == "__main__":
    main()
