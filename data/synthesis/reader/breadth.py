"""Breadth of wording against generalisation: copies of the reader that learned new topics in 1, 4 or 16 wordings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labkit import models, paths, stats
from synthesis.reader import evaluate, train, worlds
from synthesis.reader.groups import WORDINGS
from synthesis.reader.worlds import Bank

COUNTS = (1, 4, 16)
# A short sitting on the finished reader: single passages, no auxiliary losses, low peaks.
SITTING = train.Recipe(
    tokens=2048, muon=0.01, adam=1e-3, warmup=0.05, decay=0.95, phases=(2.0,), placing=0.0, matching=2.0,
    questions=1, evaluate_s=1e9, seed=5,
)  # fmt: skip


def new_topics() -> Bank:
    """The topics that the reader was never trained on."""
    return worlds.load_bank(files=worlds.NEW_TOPICS)


def narrowed(bank: Bank, wordings: int) -> Bank:
    """The topics of a bank, each with the first `wordings` of its clauses and questions; all held-out ones stay.

    Raises:
        ValueError: a topic has fewer.
    """
    fewest = min(min(len(t.clauses), len(t.questions)) for t in bank.topics)
    if not 1 <= wordings <= fewest:
        raise ValueError(f"Not every topic of the bank has {wordings} wordings: choose from 1 to {fewest}.")
    return Bank(tuple(replace(t, clauses=t.clauses[:wordings], questions=t.questions[:wordings]) for t in bank.topics))


def siblings(
    out: Path, steps: int, counts: Sequence[int] = COUNTS, n: int = 200, say: Callable[[str], None] = train.SAY
) -> dict[str, Any]:
    """Teach copies of the shipped reader new topics, one for each number of wordings, all in the same number of steps.

    Names of the topics stand as headings and in tables of every copy's contexts. About a fifth of the questions have no
    answer there.

    Args:
        out: folder for the runs; those of an earlier call are not trained again, so use another for another bank.
        n: questions a figure.

    Returns:
        steps, topics, and for each number of wordings the exact match with an interval on single passages of worlds
        never seen: with known wordings, and with the question, the clause or both worded as never before. The row of
        0 wordings is the reader before it learned them, which knows no wording of theirs.

    Raises:
        ValueError: a run in `out` is broken, or began from another reader.
    """
    bank = new_topics()
    rows = []
    for count in (0, *counts):
        narrow = narrowed(bank, max(count, 1))
        made = paths.reader()
        if count:
            # A finished run too goes through this: its checkpoint tells whether it began from this reader.
            made = train.train(
                out / f"{count}-{steps}", steps=steps, recipe=SITTING, start=paths.reader(), bank=narrow,
                compiled=False, say=lambda _: None,
            )  # fmt: skip
        sibling = models.load_generator(made)
        row: dict[str, Any] = {"wordings": count}
        for wording in WORDINGS if count else ("both",):
            # Worded as never before, the questions are the same for every copy.
            asked = bank if wording == "both" else narrow
            scored = evaluate.score(sibling, passages=1, wording=wording, n=n, bank=asked)
            row[wording] = stats.plain(scored["exact_match"], 4)
            row[f"{wording}, wrongly refused"] = stats.plain(scored["wrongly_refused"], 4)
        rows.append(row)
        say(f"{count:2d} wordings: " + "  ".join(f"{w} {row[w]['value']:.2f}" for w in WORDINGS if w in row))
    return {"steps": steps, "topics": len(bank.topics), "questions": n, "rows": rows}


def write(out: Path, steps: int, n: int = 200, fresh: bool = False) -> None:
    """Measure, and keep the figures beside the shipped reader; the runs are thrown away.

    Args:
        fresh: throw away beforehand what a call that was broken off has left in `out`.

    Raises:
        ValueError: as in `siblings`.
    """
    if fresh:
        shutil.rmtree(out, ignore_errors=True)
    paths.write_atomic(paths.reader() / "breadth.json", json.dumps(siblings(out, steps, n=n), indent=1) + "\n")
    shutil.rmtree(out, ignore_errors=True)
