"""Systems side by side: the same questions, every metric, paired differences.

A `Run` holds what one system did with all questions; tables are made from several.
"""

import math
import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from labkit import rag, stats
from labkit.corpus import Question
from labkit.metrics import AnswerScore, RetrievalScore
from labkit.models import shipped_replies
from labkit.prompts import REFUSAL
from labkit.rag import Result
from labkit.replies import parse_answer

# What a table shows, and further metrics of a run. Answers and refusals are never pooled.
METRICS = ("evidence_in_prompt", "answer_accuracy", "refused_rightly", "refused_wrongly", "prompt_tokens")
DETAILS = (*rag.RETRIEVAL, "precision_chars", "token_f1", "citation_accuracy")
# The field of an `AnswerScore` that a metric is the mean of, and whether over the questions without an answer.
_ANSWERS = {"answer_accuracy": ("exact_match", False), "token_f1": ("token_f1", False),
            "refused_rightly": ("refused", True), "refused_wrongly": ("refused", False)}  # fmt: skip
ALWAYS_REFUSES = "always refuses"
System = rag.Pipeline | rag.Corrective | rag.ToolPipeline


@dataclass(frozen=True)
class Run:
    """What one system did with all questions.

    Attributes:
        name: of the system.
        questions: that were asked; the sequences below have one entry for each.
        results: what the pipeline did.
        answers: scores of the answers, None where the generator was not asked.
        retrieval: scores of the chunks retrieved, None where a question has no evidence.
        milliseconds: a question, measured on those that were read live; for all of them where none was.
    """

    name: str
    questions: Sequence[Question]
    results: Sequence[Result]
    answers: Sequence[AnswerScore | None]
    retrieval: Sequence[RetrievalScore | None]
    milliseconds: float

    def clusters(self) -> list[str]:
        """The contract that each question belongs to."""
        return [q.cluster for q in self.questions]

    def error_counts(self) -> dict[str, int]:
        """How many answers are in each error category.

        Raises:
            ValueError: the generator was not asked.
        """
        categories = self.error_categories()
        return {name: categories.count(name) for name in rag.ERROR_CATEGORIES}

    def error_categories(self) -> list[str]:
        """The error category of each question; errors as in `error_counts`."""
        read = [a for a in self.answers if a is not None]
        if len(read) < len(self.answers):
            raise ValueError(f"{self.name!r} was measured without reading: measure it with answers.")
        return list(map(rag.error_category, self.questions, self.results, read))

    def values(self, metric: str) -> list[float | None]:
        """A metric question by question; None where it is not defined.

        Raises:
            KeyError: there is no such metric.
        """
        if metric in rag.RETRIEVAL:
            return rag.retrieval_values(self.retrieval, metric)
        if metric in _ANSWERS:
            name, unanswerable = _ANSWERS[metric]
            return [float(getattr(a, name)) if a and a.should_refuse == unanswerable else None for a in self.answers]
        if metric == "citation_accuracy":
            return [a.citation if a else None for a in self.answers]
        if metric == "evidence_in_prompt":
            return rag.evidence_in_prompt(self.questions, self.results)
        if metric == "precision_chars":
            return rag.precision(self.questions, self.results)
        if metric == "prompt_tokens":
            return [float(r.prompt_tokens) if r.prompt_tokens else None for r in self.results]
        raise KeyError(f"There is no metric {metric!r}: choose one of {', '.join((*METRICS, *DETAILS))}.")


def only(run: Run, task: str) -> Run:
    """The part of a run with its questions of one task. Raises ValueError: it has none."""
    part = where(run, lambda q: q.task == task)
    if not part.questions:
        raise ValueError(f"{run.name!r} answered no question of the task {task!r}.")
    return part


def where(run: Run, predicate: Callable[[Question], bool]) -> Run:
    """The part of a run with those of its questions that meet a condition."""
    places = [i for i, q in enumerate(run.questions) if predicate(q)]
    fields = ("questions", "results", "answers", "retrieval")
    parts: dict[str, Any] = {name: [getattr(run, name)[i] for i in places] for name in fields}
    return replace(run, **parts)


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
    groups = stats.grouped(((q.cluster, q.task), q) for q in questions if q.task in per_contract).items()
    samples = [rng.sample(group, min(per_contract[task], len(group))) for (_, task), group in groups]
    drawn = {q.id for part in samples for q in part}
    return [q for q in questions if q.id in drawn]


def measure(
    name: str, questions: Sequence[Question], pipeline: System, progress: bool = False, answer: bool = True,
    live: int = 4,
) -> Run:  # fmt: skip
    """Let a pipeline answer all questions, and score what it retrieved and answered.

    The first questions are read live, whatever replies come with the course or are kept: so every comparison asks the
    model itself, and its time can be told.

    Args:
        name: of the system.
        questions: to ask.
        pipeline: that answers them.
        progress: show a bar.
        answer: False to score only what is retrieved, without asking the generator.
        live: how many questions are read live.

    Raises:
        ValueError: there are no questions.
    """
    if not questions:
        raise ValueError("There are no questions to measure on: load some first.")
    first = min(live, len(questions)) if answer else 0
    started = time.perf_counter()
    with shipped_replies.live():
        results = _asked(pipeline, questions[:first], answer, False)
    ended = time.perf_counter()
    results += _asked(pipeline, questions[first:], answer, progress)
    seconds = (ended if first else time.perf_counter()) - started
    return _scored(name, questions, results, 1000 * seconds / (first or len(questions)), answer)


def _asked(pipeline: System, questions: Sequence[Question], answer: bool, progress: bool) -> list[Result]:
    """What a pipeline did with questions, in their order."""
    if not questions:
        return []
    texts, histories = zip(*((q.question, q.followup["history"] if q.followup else ()) for q in questions), strict=True)
    if answer:
        return list(pipeline.run(texts, histories, progress=progress))
    if isinstance(pipeline, rag.ToolPipeline):
        raise ValueError("A tool pipeline gives values and ranks no chunks: measure it with answers.")
    first = pipeline.first if isinstance(pipeline, rag.Corrective) else pipeline
    rows = zip(texts, first.retrieve(texts, histories), strict=True)
    return [Result(text, tuple(hits), first.fitting(text, hits), "", parse_answer(""), 0) for text, hits in rows]


def _scored(name: str, questions: Sequence[Question], results: list[Result], milliseconds: float, answer: bool) -> Run:
    answers = rag.score(questions, results) if answer else [None] * len(questions)
    return Run(name, questions, results, answers, rag.score_retrieval(questions, results), milliseconds)


def always_refuses(questions: Sequence[Question]) -> Run:
    """A system that reads nothing and refuses every question: what its figures are, a good system must beat."""
    results = [Result(q.question, (), 0, REFUSAL, parse_answer(REFUSAL), 0) for q in questions]
    return _scored(ALWAYS_REFUSES, questions, results, 0.0, True)


def mean(run: Run, metric: str) -> stats.Interval:
    """The mean of a metric with its interval, clustered by contract. Raises KeyError: there is no such metric."""
    return stats.mean_interval(run.values(metric), run.clusters())


def results_table(runs: Collection[Run]) -> pd.DataFrame:
    """A row for each system: the means of the main metrics; where refusals are shown, "always refuses" is the last."""
    refusing = [r for r in runs if any(v is not None for v in r.values("refused_rightly"))]
    shown = [*runs, *(always_refuses(r.questions) for r in refusing[:1])]
    return pd.DataFrame([{"name": run.name, **{m: mean(run, m).value for m in METRICS}} for run in shown])


def averaged(runs: Sequence[Run]) -> Run:
    """Runs of one system with several seeds as one: each question's scores are the means over the seeds.

    Replies are those of the first seed. Citations and retrieval are not averaged.

    Raises:
        ValueError: there are no runs, they answered different questions, or one was measured without reading.
    """
    if len({tuple(q.id for q in run.questions) for run in runs}) != 1:
        raise ValueError("Give the runs of one system, one a seed, on the same questions.")
    rows: list[tuple[Any, ...]] = list(zip(*(run.answers for run in runs), strict=True))
    if any(None in scores for scores in rows):
        raise ValueError(f"{runs[0].name!r} was measured without reading: measure it with answers.")
    answers = []
    for scores in rows:
        means = {n: float(np.mean([getattr(s, n) for s in scores])) for n in ("exact_match", "token_f1", "refused")}
        answers.append(AnswerScore(**means, citation=None, should_refuse=scores[0].should_refuse))
    return replace(runs[0], answers=answers)


def timings(runs: Iterable[Run]) -> dict[str, float]:
    """Milliseconds a question, by system."""
    return {f"{run.name} ms": run.milliseconds for run in runs}


def versus(
    runs: Sequence[Run], baseline: str = "naive", metrics: Sequence[str] = ("evidence_in_prompt", "answer_accuracy")
) -> pd.DataFrame:
    """Paired differences of every system from the baseline, as `differences` gives them.

    Raises:
        ValueError: the baseline is not among the runs; otherwise as in `differences`.
    """
    by_name = {run.name: run for run in runs}
    if baseline not in by_name:
        raise ValueError(f"There is no run {baseline!r}: compare with one of {', '.join(by_name)}.")
    old = by_name[baseline]
    return differences([(run, old, metric) for run in runs if run.name != baseline for metric in metrics])


def differences(pairs: Sequence[tuple[Run, Run, str]]) -> pd.DataFrame:
    """Paired differences of (new, old, metric), with intervals, and p after Holm over all of them.

    Where a difference is not significant, `detectable` is the true difference that would have been found 4 times in 5.

    Raises:
        ValueError: the two runs of a pair answered different questions, or none of the differences could come out
            significant on so few contracts.
    """
    for new, old, _ in pairs:
        if [q.id for q in new.questions] != [q.id for q in old.questions]:
            raise ValueError(f"{new.name!r} answered other questions than {old.name!r}: measure both on the same.")
    compared = [(new.values(metric), old.values(metric), new.clusters()) for new, old, metric in pairs]
    gains = [stats.paired_difference(*values) for values in compared]
    p_values = [stats.paired_p_value(*values) for values in compared]
    adjusted = stats.holm(p_values, max((g.clusters for g in gains), default=0))
    rows = []
    for (new, _, metric), values, gain, p in zip(pairs, compared, gains, adjusted, strict=True):
        interval = {"difference": gain.value, "low": gain.low, "high": gain.high, "p": p}
        detectable = math.nan if p < stats.LEVEL else stats.smallest_detectable_effect(*values)
        rows.append({"name": new.name, "metric": metric, **interval, "detectable": detectable})
    return pd.DataFrame(rows)


def error_table(runs: Sequence[Run]) -> pd.DataFrame:
    """How many answers of each system are in each error category."""
    return pd.DataFrame({run.name: run.error_counts() for run in runs}).T


def mean_by(run: Run, key: Callable[[Question], str], metric: str = "answer_accuracy") -> Mapping[str, float]:
    """The mean of a metric by task, half, stratum or anything else that a question has."""
    rows = zip(run.questions, run.values(metric), strict=True)
    groups = stats.grouped((key(question), value) for question, value in rows if value is not None)
    return {name: float(np.mean(values)) for name, values in sorted(groups.items())}
