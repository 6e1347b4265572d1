"""Techniques side by side: the same questions, every metric, paired differences.

Floor 3. A `Run` holds what one pipeline did with all questions; tables are made of several.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from llama_index.core.schema import NodeWithScore

from labkit import metrics, rag
from labkit.corpus import Question, Span
from labkit.metrics import AnswerScore, RetrievalScore
from labkit.rag import Corrective, Pipeline, Result, errors

K = 5
BUDGET = 1000


@dataclass(frozen=True)
class Run:
    """One technique on all questions.

    Attributes:
        name: of the technique. questions, results, answers, retrieval: one of each a question; `retrieval` is None
            where there is no evidence.
        evidence_recall, precision: of each question, None where there is no evidence; see `measure`.
        seconds: for the whole batch.
    """

    name: str
    questions: Sequence[Question]
    results: Sequence[Result]
    answers: Sequence[AnswerScore]
    retrieval: Sequence[RetrievalScore | None]
    evidence_recall: Sequence[float | None]
    precision: Sequence[float | None]
    seconds: float

    def clusters(self) -> list[str]:
        """The contract that each question counts to."""
        return [q.cluster for q in self.questions]

    def boxes(self) -> dict[str, int]:
        """How many answers are in each error box."""
        return errors.count(errors.boxes(self.questions, self.results, self.answers))

    def values(self, metric: str) -> list[float | None]:
        """A metric question by question; None where it is not defined.

        Raises:
            KeyError: there is no such metric.
        """
        made: dict[str, Callable[[], list[float | None]]] = {
            f"evidence_recall_{BUDGET}": lambda: list(self.evidence_recall),
            f"recall_at_{K}": lambda: [r.recall_at_k if r else None for r in self.retrieval],
            "mrr": lambda: [r.mrr if r else None for r in self.retrieval],
            "precision_chars": lambda: list(self.precision),
            f"wrong_document_rate_at_{K}": lambda: [r.wrong_document_rate if r else None for r in self.retrieval],
            "exact_match": lambda: [a.exact_match for a in self.answers],
            "token_f1": lambda: [a.token_f1 for a in self.answers],
            "prompt_tokens": lambda: [float(r.prompt_tokens) for r in self.results],
        }
        if metric not in made:
            raise KeyError(f"There is no metric {metric!r}: choose one of {', '.join(made)}.")
        return made[metric]()


METRICS = (f"evidence_recall_{BUDGET}", f"recall_at_{K}", "mrr", "precision_chars", f"wrong_document_rate_at_{K}",
           "exact_match", "token_f1", "prompt_tokens")  # fmt: skip


def measure(name: str, questions: Sequence[Question], pipeline: Pipeline | Corrective, progress: bool = False) -> Run:
    """Let a pipeline answer all questions and score what it did.

    Evidence recall counts what is left of a chunk after compression. Precision is the share of the characters in
    the prompt's passages that are evidence.

    Raises:
        ValueError: there are no questions.
    """
    if not questions:
        raise ValueError("There are no questions to measure on: load some first.")
    histories = [q.followup["history"] if q.followup else () for q in questions]
    start = time.perf_counter()
    results = pipeline.run([q.question for q in questions], histories, progress=progress)
    seconds = time.perf_counter() - start
    return Run(
        name, questions, results, rag.score(questions, results), rag.score_retrieval(questions, results, K, BUDGET),
        [_evidence_recall(q, r) for q, r in zip(questions, results, strict=True)],
        [_precision(q, r) for q, r in zip(questions, results, strict=True)], seconds,
    )  # fmt: skip


def pieces(hit: NodeWithScore) -> list[Span]:
    """Where the text of a chunk stands: its place, or the places of the sentences that compression kept."""
    whole = rag.span_of(hit.node)
    return [Span(whole.document, start, end) for start, end in hit.node.metadata.get("kept", [])] or [whole]


def _evidence_recall(question: Question, result: Result) -> float | None:
    if not question.evidence:
        return None
    spans: list[Span] = []
    tokens: list[int] = []
    for hit in result.retrieved:
        found = pieces(hit)
        spans += found
        tokens += [rag.count_tokens(rag.text_of(hit.node)), *[0] * (len(found) - 1)]
    return metrics.evidence_recall(question.evidence, spans, tokens, BUDGET)


def _precision(question: Question, result: Result) -> float | None:
    if not question.evidence:
        return None
    given = [span for hit in result.retrieved[: result.used] for span in pieces(hit)]
    total = sum(s.end - s.start for s in given)
    return sum(s.overlap(e) for s in given for e in question.evidence) / total if total else 0.0


def techniques(runs: Sequence[Run]) -> pd.DataFrame:
    """A row a technique: its name and the mean of each metric."""
    rows = []
    for run in runs:
        means = {m: metrics.mean_interval(run.values(m), run.clusters()).value for m in METRICS}
        rows.append({"name": run.name, **means})
    return pd.DataFrame(rows)


def timings(runs: Sequence[Run]) -> dict[str, float]:
    """Milliseconds a question, by technique."""
    return {f"{run.name} ms": 1000 * run.seconds / len(run.questions) for run in runs}


def versus(
    runs: Sequence[Run],
    baseline: str = "naive",
    chosen: Sequence[str] = (f"evidence_recall_{BUDGET}", "exact_match"),
) -> pd.DataFrame:
    """Paired differences of every technique from the baseline, with intervals, and p after Holm over all rows.

    Raises:
        ValueError: the baseline is not among the runs, or the runs answered different questions.
    """
    by_name = {run.name: run for run in runs}
    if baseline not in by_name:
        raise ValueError(f"There is no run {baseline!r}: compare with one of {', '.join(by_name)}.")
    old = by_name[baseline]
    rows: list[dict[str, Any]] = []
    for run in runs:
        if run.name == baseline:
            continue
        if [q.id for q in run.questions] != [q.id for q in old.questions]:
            raise ValueError(f"{run.name!r} answered other questions than {baseline!r}: measure both on the same.")
        rows += [_difference(run, old, metric) for metric in chosen]
    for row, p in zip(rows, metrics.holm([row["p"] for row in rows]), strict=True):
        row["p"] = p
    return pd.DataFrame(rows)


def _difference(new: Run, old: Run, metric: str) -> dict[str, Any]:
    pairs = [
        (a, b, c)
        for a, b, c in zip(new.values(metric), old.values(metric), new.clusters(), strict=True)
        if a is not None and b is not None
    ]
    ours, theirs, clusters = [a for a, _, _ in pairs], [b for _, b, _ in pairs], [c for _, _, c in pairs]
    gained = metrics.paired_difference(ours, theirs, clusters)
    p = metrics.paired_p_value(ours, theirs, clusters)
    return {
        "name": new.name,
        "metric": metric,
        "difference": gained.value,
        "low": gained.low,
        "high": gained.high,
        "p": p,
    }


def boxes_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Error boxes by technique: a row a technique, a column a box."""
    return pd.DataFrame({run.name: run.boxes() for run in runs}).T


def by(run: Run, key: Callable[[Question], str], metric: str = "exact_match") -> Mapping[str, float]:
    """The mean of a metric by task, half, stratum or anything that a question tells."""
    groups: dict[str, list[float]] = {}
    for question, value in zip(run.questions, run.values(metric), strict=True):
        if value is not None:
            groups.setdefault(key(question), []).append(value)
    return {name: float(np.mean(values)) for name, values in sorted(groups.items())}
