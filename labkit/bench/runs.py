"""Systems side by side: the same questions, every metric, paired differences.

A `Run` holds what one system did with all questions; tables are made from several.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from labkit import rag, stats
from labkit.corpus import Question
from labkit.metrics import AnswerScore, RetrievalScore
from labkit.prompts import Message
from labkit.rag import BUDGET, Corrective, K, Pipeline, Result, ToolPipeline, error_analysis
from labkit.replies import parse_answer


@dataclass(frozen=True)
class Run:
    """What one system did with all questions.

    Attributes:
        name: of the system.
        questions: that were asked; the sequences below have one entry for each.
        results: what the pipeline did.
        answers: scores of the answers, None where the generator was not asked.
        retrieval: scores of the chunks retrieved, None where a question has no evidence.
        precision: share of the characters in the prompt that are evidence, None where a question has none.
        seconds: for the whole batch; less where replies were on disk.
    """

    name: str
    questions: Sequence[Question]
    results: Sequence[Result]
    answers: Sequence[AnswerScore | None]
    retrieval: Sequence[RetrievalScore | None]
    precision: Sequence[float | None]
    seconds: float

    def clusters(self) -> list[str]:
        """The contract that each question belongs to."""
        return [q.cluster for q in self.questions]

    def error_counts(self) -> dict[str, int]:
        """How many answers are in each error category.

        Raises:
            ValueError: the generator was not asked.
        """
        return error_analysis.count(self.error_categories())

    def error_categories(self) -> list[str]:
        """The error category of each question; errors as in `error_counts`."""
        read = [a for a in self.answers if a is not None]
        if len(read) < len(self.answers):
            raise ValueError(f"{self.name!r} was measured without reading: measure it with answers.")
        return error_analysis.error_categories(self.questions, self.results, read)

    def values(self, metric: str) -> list[float | None]:
        """A metric question by question; None where it is not defined.

        Raises:
            KeyError: there is no such metric.
        """
        metrics: dict[str, Callable[[], list[float | None]]] = {
            f"evidence_recall_{BUDGET}": lambda: [r.evidence_recall if r else None for r in self.retrieval],
            f"recall_at_{K}": lambda: [r.recall_at_k if r else None for r in self.retrieval],
            "mrr": lambda: [r.mrr if r else None for r in self.retrieval],
            "precision_chars": lambda: list(self.precision),
            f"wrong_document_rate_at_{K}": lambda: [r.wrong_document_rate if r else None for r in self.retrieval],
            "exact_match": lambda: [a.exact_match if a else None for a in self.answers],
            "token_f1": lambda: [a.token_f1 if a else None for a in self.answers],
            "prompt_tokens": lambda: [float(r.prompt_tokens) if r.prompt_tokens else None for r in self.results],
        }
        if metric not in metrics:
            raise KeyError(f"There is no metric {metric!r}: choose one of {', '.join(metrics)}.")
        return metrics[metric]()


def only(run: Run, task: str) -> Run:
    """The part of a run with its questions of one task. Raises ValueError: it has none."""
    part = where(run, lambda q: q.task == task)
    if not part.questions:
        raise ValueError(f"{run.name!r} answered no question of the task {task!r}.")
    return part


def where(run: Run, predicate: Callable[[Question], bool]) -> Run:
    """The part of a run with those of its questions that meet a condition; its seconds are divided evenly."""
    places = [i for i, q in enumerate(run.questions) if predicate(q)]

    def take(values: Sequence[Any]) -> list[Any]:
        return [values[i] for i in places]

    return Run(
        run.name, take(run.questions), take(run.results), take(run.answers), take(run.retrieval),
        take(run.precision), run.seconds * len(places) / max(1, len(run.questions)),
    )  # fmt: skip


METRICS = (f"evidence_recall_{BUDGET}", f"recall_at_{K}", "mrr", "precision_chars", f"wrong_document_rate_at_{K}",
           "exact_match", "token_f1", "prompt_tokens")  # fmt: skip


def sample(questions: Sequence[Question], per_contract: Mapping[str, int], seed: int = 0) -> list[Question]:
    """A number of questions of each task about each contract, or all there are, in their order.

    Args:
        questions: to draw from.
        per_contract: how many, by task; other tasks are left out.
        seed: decides which.

    Raises:
        ValueError: there are no questions, or none of a task that is asked for.
    """
    if not questions:
        raise ValueError("There are no questions to draw from: load some first.")
    tasks = sorted({q.task for q in questions})
    if unknown := [task for task in per_contract if task not in tasks]:
        raise ValueError(f"There is no question of the task {unknown[0]!r}: choose among {', '.join(tasks)}.")
    rng = random.Random(seed)
    groups: dict[tuple[str, str], list[Question]] = {}
    for question in questions:
        if question.task in per_contract:
            groups.setdefault((question.cluster, question.task), []).append(question)
    drawn = {
        q.id for (_, task), group in groups.items() for q in rng.sample(group, min(per_contract[task], len(group)))
    }
    return [q for q in questions if q.id in drawn]


def measure(
    name: str,
    questions: Sequence[Question],
    pipeline: Pipeline | Corrective | ToolPipeline,
    progress: bool = False,
    answer: bool = True,
) -> Run:
    """Let a pipeline answer all questions, and score what it retrieved and answered.

    Args:
        name: of the system.
        questions: to ask.
        pipeline: that answers them.
        progress: show a bar.
        answer: False to score only what is retrieved, without asking the generator.

    Raises:
        ValueError: there are no questions.
    """
    if not questions:
        raise ValueError("There are no questions to measure on: load some first.")
    histories = [q.followup["history"] if q.followup else () for q in questions]
    start = time.perf_counter()
    if answer:
        results = pipeline.run([q.question for q in questions], histories, progress=progress)
    else:
        results = _only_retrieved(pipeline, questions, histories)
    seconds = time.perf_counter() - start
    return Run(
        name, questions, results, rag.score(questions, results) if answer else [None] * len(questions),
        rag.score_retrieval(questions, results), rag.precision(questions, results), seconds,
    )  # fmt: skip


def _only_retrieved(
    pipeline: Pipeline | Corrective | ToolPipeline,
    questions: Sequence[Question],
    histories: Sequence[Sequence[Message]],
) -> list[Result]:
    if isinstance(pipeline, ToolPipeline):
        raise ValueError("A tool pipeline gives values and ranks no chunks: measure it with answers.")
    first = pipeline.first if isinstance(pipeline, Corrective) else pipeline
    lists = first.retrieve([q.question for q in questions], histories)
    return [
        Result(q.question, tuple(hits), min(first.top_k, len(hits)), "", parse_answer(""), 0)
        for q, hits in zip(questions, lists, strict=True)
    ]


def mean(run: Run, metric: str) -> stats.Interval:
    """The mean of a metric with its interval, clustered by contract. Raises KeyError: there is no such metric."""
    return stats.mean_interval(run.values(metric), run.clusters())


def results_table(runs: Iterable[Run]) -> pd.DataFrame:
    """A row for each system: its name and the mean of each metric."""
    rows = []
    for run in runs:
        means = {m: mean(run, m).value for m in METRICS}
        rows.append({"name": run.name, **means})
    return pd.DataFrame(rows)


def timings(runs: Iterable[Run]) -> dict[str, float]:
    """Milliseconds per question, by system."""
    return {f"{run.name} ms": 1000 * run.seconds / len(run.questions) for run in runs}


def versus(
    runs: Sequence[Run], baseline: str = "naive", metrics: Sequence[str] = (f"evidence_recall_{BUDGET}", "exact_match")
) -> pd.DataFrame:
    """Paired differences of every system from the baseline, with intervals, and p after Holm over all rows.

    Raises:
        ValueError: the baseline is not among the runs, or the runs answered different questions.
    """
    by_name = {run.name: run for run in runs}
    if baseline not in by_name:
        raise ValueError(f"There is no run {baseline!r}: compare with one of {', '.join(by_name)}.")
    old = by_name[baseline]
    return differences([(run, old, metric) for run in runs if run.name != baseline for metric in metrics])


def differences(pairs: Sequence[tuple[Run, Run, str]]) -> pd.DataFrame:
    """Paired differences of (new, old, metric), with intervals, and p after Holm over all of them.

    Raises:
        ValueError: the two runs of a pair answered different questions.
    """
    for new, old, _ in pairs:
        if [q.id for q in new.questions] != [q.id for q in old.questions]:
            raise ValueError(f"{new.name!r} answered other questions than {old.name!r}: measure both on the same.")
    rows = [_difference(new, old, metric) for new, old, metric in pairs]
    for row, p in zip(rows, stats.holm([row["p"] for row in rows]), strict=True):
        row["p"] = p
    return pd.DataFrame(rows)


def _difference(new: Run, old: Run, metric: str) -> dict[str, Any]:
    pairs = [
        (a, b, c)
        for a, b, c in zip(new.values(metric), old.values(metric), new.clusters(), strict=True)
        if a is not None and b is not None
    ]
    new_values, old_values, clusters = [a for a, _, _ in pairs], [b for _, b, _ in pairs], [c for _, _, c in pairs]
    gained = stats.paired_difference(new_values, old_values, clusters)
    p = stats.paired_p_value(new_values, old_values, clusters)
    interval = {"difference": gained.value, "low": gained.low, "high": gained.high}
    return {"name": new.name, "metric": metric, **interval, "p": p}


def error_table(runs: Sequence[Run]) -> pd.DataFrame:
    """How many answers of each system are in each error category."""
    return pd.DataFrame({run.name: run.error_counts() for run in runs}).T


def mean_by(run: Run, key: Callable[[Question], str], metric: str = "exact_match") -> Mapping[str, float]:
    """The mean of a metric by task, half, stratum or anything else that a question has."""
    groups: dict[str, list[float]] = {}
    for question, value in zip(run.questions, run.values(metric), strict=True):
        if value is not None:
            groups.setdefault(key(question), []).append(value)
    return {name: float(np.mean(values)) for name, values in sorted(groups.items())}
