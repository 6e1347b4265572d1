"""What the answers of a grid say: runs for every table, scores by task with their leaders, and a regression gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from llama_index.core.schema import NodeWithScore, TextNode

from labkit import corpus, rag, stats
from labkit.bench.arms import REFERENCES, TASKS, Row
from labkit.bench.grid import ANSWERS, PACKED, asked_in, read_manifest, read_rows, read_times
from labkit.bench.runs import Run, averaged, differences, mean, where
from labkit.corpus import Document, Question, Span
from labkit.rag.chunking import place
from labkit.replies import parse_answer

# What a task is scored by, where that is not answer accuracy.
SCORES = {"list": "token_f1", "summarise": "token_f1", "draft": "token_f1", "unanswerable": "refused_rightly"}
# The family of a regression test, and whether more is better.
GATE = {"answer_accuracy": 1, "refused_rightly": 1, "refused_wrongly": -1, "evidence_in_prompt": 1}
Seeds = Mapping[str, Sequence[Run]]


def load_runs(
    folder: Path, questions: Sequence[Question] | None = None, documents: Sequence[Document] | None = None
) -> dict[str, list[Run]]:
    """The answers of a folder, scored: by arm one run a seed. Only the passages that were read are known.

    Args:
        folder: of a finished run.
        questions: as in `grid.asked_in`.
        documents: that the passages stand in; those of the course by default.

    Raises:
        FileNotFoundError: the run is not finished, or there is none.
        ValueError: the questions are not those that were asked.
    """
    asked, manifest, times = asked_in(folder, questions), read_manifest(folder), read_times(folder)
    if not any((folder / name).exists() for name in (ANSWERS, PACKED)):
        raise FileNotFoundError(f"{folder} holds no {ANSWERS}: its run is not finished, start it again.")
    known, texts = {q.id: q for q in asked}, {d.id: d for d in documents or corpus.load_documents()}
    cells = stats.grouped(((arm, seed), row) for (arm, seed, _), row in read_rows(folder).items())
    runs: dict[str, list[Run]] = {name: [] for name in manifest["arms"]}
    for (arm, _), rows in sorted(cells.items()):
        milliseconds = times.get(arm, {}).get("milliseconds", float("nan"))
        runs[arm].append(_run(arm, [(known[row["question"]], row) for row in rows], texts, milliseconds))
    return runs


def _run(name: str, rows: Sequence[tuple[Question, Row]], texts: Mapping[str, Document], milliseconds: float) -> Run:
    results, answers = [], []
    for question, row in rows:
        spans = [Span(*place) for place in row["places"]]
        hits = tuple(NodeWithScore(node=_node(span, texts), score=1.0) for span in spans)
        reply, cites = row["reply"], question.task not in ("classify", "summarise", "draft")
        results.append(rag.Result(question.question, hits, len(hits), reply, parse_answer(reply), row["prompt_tokens"]))
        answers.append(rag.score_task(rag.TaskPrompt(question, (), "", tuple(spans) if cites else ()), reply))
    return Run(name, [question for question, _ in rows], results, answers, [None] * len(rows), milliseconds)


def _node(span: Span, texts: Mapping[str, Document]) -> TextNode:
    # An example of the training is no document of the archive.
    document = texts.get(span.document) or Document(span.document, span.document, "")
    return place(TextNode(text=document.quote(span)), span, document.title)


def by_task(runs: Seeds, half: str | None = "new") -> pd.DataFrame:
    """The score of each arm in each task.

    Args:
        runs: as `load_runs` gives them.
        half: of the questions; None for questions that have none.

    Returns:
        Columns arm, task, metric (`SCORES`), value, low and high (95 % over questions, clustered by contract, seeds
        averaged within a question), n questions, seeds, and `seeds_sd`, the standard deviation of the seeds' means.
    """
    rows = []
    for arm, seeds in runs.items():
        for task in TASKS:
            parts = [_part(run, half, task) for run in seeds]
            if parts and parts[0].questions:
                metric = SCORES.get(task, "answer_accuracy")
                whole, single = mean(averaged(parts), metric), [mean(part, metric).value for part in parts]
                rows.append({
                    "arm": arm, "task": task, "metric": metric, "value": whole.value, "low": whole.low,
                    "high": whole.high, "n": whole.n, "seeds": len(single),
                    "seeds_sd": float(np.std(single, ddof=1)) if len(single) > 1 else float("nan"),
                })  # fmt: skip
    return pd.DataFrame(rows)


def _part(run: Run, half: str | None, task: str | None = None) -> Run:
    return where(run, lambda q: q.half == half and task in (None, q.task))


def _common(new: Run, old: Run) -> tuple[Run, Run]:
    """Two runs on the questions that both answered."""
    ids = {q.id for q in new.questions} & {q.id for q in old.questions}
    return where(new, lambda q: q.id in ids), where(old, lambda q: q.id in ids)


def leaders(runs: Seeds, half: str | None = "new") -> dict[str, tuple[str, bool]]:
    """By task the arm with the highest score, and whether it is significantly ahead of every other arm.

    Holm over all those comparisons, on the questions that both arms answered. Where they are about too few contracts,
    or there is no other arm, none is ahead. Arms whose names begin with one of `REFERENCES` are left out, for they know
    the gold passages.

    Args:
        runs: as `load_runs` gives them.
        half: as in `by_task`.
    """
    means = {arm: averaged(seeds) for arm, seeds in runs.items() if seeds and not arm.startswith(REFERENCES)}
    table = by_task({arm: [run] for arm, run in means.items()}, half)
    best, pairs = dict[str, str](), list[tuple[Run, Run, str]]()
    for task in dict.fromkeys(table["task"]):
        scores = table[table["task"] == task].set_index("arm")["value"]
        best[task] = str(scores.idxmax())
        for arm in scores.index.drop(best[task]):
            both = _common(*(_part(means[name], half, task) for name in (best[task], str(arm))))
            pairs.append((*both, SCORES.get(task, "answer_accuracy")))
    sure = [False] * len(pairs)
    with suppress(ValueError):
        found = differences(pairs) if pairs else pd.DataFrame({"p": [], "low": []})
        sure = list((found["p"] < stats.LEVEL) & (found["low"] > 0))
    ahead = stats.grouped(zip((new.questions[0].task for new, _, _ in pairs), sure, strict=True))
    return {task: (arm, all(ahead.get(task, [False]))) for task, arm in best.items()}


def regressions(old: Path, new: Path, **data: Any) -> pd.DataFrame:
    """Every arm of two folders compared: paired by question, clustered by contract, Holm over arms, halves and `GATE`.

    Args:
        old: folder of the results before a change.
        new: folder of those after it.
        data: questions and documents, as in `load_runs`.

    Returns:
        As `bench.differences`, with the half, and `worse` where an arm got worse and its interval leaves no doubt.

    Raises:
        ValueError: the folders are about other questions, no arm is in both, or nothing could come out significant on
            so few contracts.
    """
    if read_manifest(old)["questions"] != read_manifest(new)["questions"]:
        raise ValueError(f"{old} and {new} answer other questions: compare runs on the same.")
    before, after = load_runs(old, **data), load_runs(new, **data)
    pairs = list[tuple[Run, Run, str]]()
    for arm in (name for name in after if before.get(name) and after[name]):
        runs = averaged(after[arm]), averaged(before[arm])
        for half in sorted({q.half for q in runs[0].questions}, key=str):
            parts = _common(*(_part(run, half) for run in runs))
            pairs += [(*parts, m) for m in GATE if any(v is not None for v in parts[0].values(m))]
    if not pairs:
        raise ValueError(f"No arm is in both {old} and {new}: run the same arms in both.")
    table = differences(pairs).assign(half=[str(new.questions[0].half) for new, _, _ in pairs])
    better = table["metric"].map(GATE)
    beyond = np.where(better > 0, table["high"] < 0, table["low"] > 0)
    return table.assign(worse=beyond & (table["p"] < stats.LEVEL))
