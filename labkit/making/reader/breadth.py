"""Breadth of wording against generalisation: small siblings of the reader that saw 1, 4, 16 wordings of a thing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labkit import metrics, models, paths
from labkit.making.reader import evaluate, train, worlds
from labkit.making.reader.groups import WORDINGS
from labkit.making.reader.worlds import Bank

COUNTS = (1, 4, 16)
# A sibling that reads single passages about few topics: small, so that three of them take minutes.
SIBLING = train.Recipe(
    hidden=192, layers=4, heads=3, inner=512, tokens=2048, phases=(2.0,), questions=1, evaluate_s=1e9, seed=5
)


def narrowed(bank: Bank, wordings: int, topics: int = 16) -> Bank:
    """The first `topics` of the bank that have many wordings, each with `wordings` of its clauses and questions.

    Raises:
        ValueError: no topic has that many.
    """
    rich = [t for t in bank.topics if min(len(t.clauses), len(t.questions)) >= max(COUNTS) and t.domain == "contract"]
    if wordings < 1 or not rich or wordings > min(len(rich[0].clauses), len(rich[0].questions)):
        raise ValueError(f"No topic of the bank has {wordings} wordings: choose from 1 to {max(COUNTS)}.")
    kept = rich[:topics]
    return Bank(tuple(replace(t, clauses=t.clauses[:wordings], questions=t.questions[:wordings]) for t in kept))


def siblings(
    out: Path, steps: int, counts: Sequence[int] = COUNTS, n: int = 200, say: Callable[[str], None] = train.SAY
) -> dict[str, Any]:
    """Train and measure one sibling for each number of wordings, all on the same number of steps.

    Args:
        out: folder for the runs; finished ones are not trained again. n: questions a figure.

    Returns:
        steps, topics, and for each number of wordings the exact match with an interval on worlds never seen, with
        known wordings, and with the question, the clause or both worded as never before.
    """
    bank = worlds.load_bank()
    rows = []
    for count in counts:
        narrow = narrowed(bank, count)
        folder = out / f"{count}-{steps}"
        made = folder / "model"
        if not (made / "training_log.jsonl").exists():
            made = train.train(folder, steps=steps, recipe=SIBLING, bank=narrow, compiled=False, say=lambda _: None)
        sibling = models.load_generator(made)
        row: dict[str, Any] = {"wordings": count}
        for wording in WORDINGS:
            scored = evaluate.score(sibling, passages=1, wording=wording, n=n, bank=narrow)
            row[wording] = metrics.plain(scored["exact_match"], 4)
            row[f"{wording}, wrongly refused"] = metrics.plain(scored["wrongly_refused"], 4)
        rows.append(row)
        say(f"{count:2d} wordings: " + "  ".join(f"{w} {row[w]['value']:.2f}" for w in WORDINGS))
    return {"steps": steps, "topics": len(narrowed(bank, 1).topics), "questions": n, "rows": rows}


def write(target: Path, out: Path, steps: int, n: int = 200) -> None:
    """Measure and keep the figures in `target`, beside the reader; the runs are thrown away."""
    paths.write_atomic(target, json.dumps(siblings(out, steps, n=n), indent=1) + "\n")
    shutil.rmtree(out, ignore_errors=True)
