"""The benchmark: its arms, built one way for dev and test, and the results that come with the course.

`best` was chosen on dev; `PREDICTION` was written before the test split was opened. The family of
comparisons, over which Holm corrects, is `FAMILY`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from llama_index.core.schema import BaseNode

from labkit import corpus, models, paths, rag, tune
from labkit.bench.runs import BUDGET, K, Run, mean, measure, techniques, versus
from labkit.corpus import Document, Question, Span
from labkit.models import Embedder, Generator
from labkit.rag import Pipeline

FAMILY = ("exact_match", f"evidence_recall_{BUDGET}", f"wrong_document_rate_at_{K}")
# Test split, contracts that no training example mentions, best pipeline against naive RAG.
PREDICTION = {
    "exact_match": "at least +0.10, interval above 0",
    f"evidence_recall_{BUDGET}": "at least +0.10, interval above 0",
    f"wrong_document_rate_at_{K}": "at most half of naive's",
}
COLUMNS = ("exact_match", "token_f1", f"evidence_recall_{BUDGET}", f"wrong_document_rate_at_{K}", "prompt_tokens")
# Passages in a prompt, the same in every arm, as in lessons 02 to 04.
TOP_K = 3
# The brackets give all their passages: several pieces of evidence, and two distractors.
BRACKETS_K = 8
SAY = partial(print, flush=True)


def naive(documents: Sequence[Document], embedder: Embedder, generator: Generator) -> Pipeline:
    """Naive RAG, as in lesson 01."""
    return Pipeline(rag.VectorIndex(rag.chunk(documents, tokens=128), embedder), generator, top_k=TOP_K)


def best(documents: Sequence[Document], generator: Generator) -> Pipeline:
    """The pipeline that lessons 02 to 04 led to: clauses with headers, searched with the tuned embedder."""
    clauses = rag.headed_clauses(documents)
    return Pipeline(rag.VectorIndex(clauses, tune.load_embedder(paths.adapter("embedder"))), generator, top_k=TOP_K)


def benchmark(
    questions: Sequence[Question],
    documents: Sequence[Document],
    embedder: Embedder,
    generator: Generator,
    say: Callable[[str], None] = SAY,
) -> list[Run]:
    """Every arm on the same questions: shuffled, naive, best, oracle. Replies are kept on disk, so a run that was
    stopped goes on where it was.

    Raises:
        ValueError: there are no questions.
    """
    contracts = corpus.contract_records()
    arms: dict[str, Callable[[], Pipeline]] = {
        "shuffled": lambda: Pipeline(rag.shuffled(questions, documents, contracts), generator, top_k=BRACKETS_K),
        "naive": lambda: naive(documents, embedder, generator),
        "best": lambda: best(documents, generator),
        "oracle": lambda: Pipeline(rag.oracle(questions, documents, contracts), generator, top_k=BRACKETS_K),
    }
    runs = []
    for name, make in arms.items():
        runs.append(measure(name, questions, make()))
        say(f"{name:9s} exact match {mean(runs[-1], 'exact_match')}  {runs[-1].seconds:.0f} s")
    return runs


def report(runs: Sequence[Run]) -> dict[str, Any]:
    """The benchmark's figures: arms and differences for each half of the test split, by task and by stratum."""
    halves = {half: [_only(run, lambda q: q.half, half) for run in runs] for half in ("new", "seen")}
    new = halves["new"]
    return {
        "prediction": PREDICTION,
        "arms": _rows(new),
        "arms_seen": _rows(halves["seen"]),
        "versus_naive": _versus(new),
        "versus_naive_seen": _versus(halves["seen"]),
        "boxes": {run.name: run.boxes() for run in new},
        "by_task": _groups(halves, lambda q: q.task),
        "by_stratum": _groups(halves, lambda q: q.stratum),
    }


def _only(run: Run, key: Callable[[Question], str | None], value: str) -> Run:
    """A run on those of its questions for which the key has that value."""
    kept = [i for i, q in enumerate(run.questions) if key(q) == value]

    def some(values: Sequence[Any]) -> list[Any]:
        return [values[i] for i in kept]

    return Run(
        run.name, some(run.questions), some(run.results), some(run.answers), some(run.retrieval),
        some(run.evidence_recall), some(run.precision), run.seconds * len(kept) / max(1, len(run.questions)),
    )  # fmt: skip


def _rows(runs: Sequence[Run]) -> list[dict[str, Any]]:
    rows = []
    for run in runs:
        matched = mean(run, "exact_match")
        means = {m: mean(run, m).value for m in COLUMNS}
        rows.append({"name": run.name, "n": len(run.questions), **means, "low": matched.low, "high": matched.high})
    return rows


def _versus(runs: Sequence[Run]) -> list[dict[str, Any]]:
    pair = [run for run in runs if run.name in ("naive", "best")]
    return [{str(k): v for k, v in row.items()} for row in versus(pair, "naive", FAMILY).to_dict("records")]


def _groups(halves: Mapping[str, Sequence[Run]], key: Callable[[Question], str]) -> list[dict[str, Any]]:
    rows = []
    for half, runs in halves.items():
        for group in sorted({key(q) for q in runs[0].questions}):
            parts = [_only(run, key, group) for run in runs]
            rows += [{"half": half, "group": group, **row} for row in _rows(parts)]
    return rows


def _results() -> Path:
    return paths.data() / "results"


def write_benchmark(say: Callable[[str], None] = SAY) -> Path:
    """Open the test split, run the benchmark over the whole archive, and keep report and replies with the course."""
    questions = [q for q in corpus.load_questions("test", open_test=True) if q.followup is None]
    embedder, generator = models.load_embedder(), models.load_generator()
    runs = benchmark(questions, corpus.load_documents(), embedder, generator, say)
    made = {"generator": generator.name, "fingerprint": generator.fingerprint, "embedder": embedder.name}
    rows = [
        {"arm": run.name, "id": q.id, "reply": r.reply}
        for run in runs
        for q, r in zip(questions, run.results, strict=True)
    ]
    replies = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    paths.write_atomic(_results() / "benchmark_replies.jsonl", replies)
    path = _results() / "benchmark.json"
    text = json.dumps({"made_with": made, **_rounded(report(runs))}, indent=1, ensure_ascii=False)
    paths.write_atomic(path, text + "\n")
    say(f"written to {path}\n{techniques(runs).round(3).to_string(index=False)}")
    return path


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return None if value != value else round(value, 6)
    if isinstance(value, Mapping):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list) else value


# ------------------------------------------------------------------------- hypothetical questions


def write_questions(say: Callable[[str], None] = SAY) -> Path:
    """Let the generator write the questions that each clause of the dev archive answers, and keep them."""
    documents = corpus.load_documents("dev")
    chunks = rag.headed_clauses(documents)
    written = rag.hypothetical_questions(models.load_generator(), chunks)
    rows = [{**asdict(rag.span_of(c)), "questions": found} for c, found in zip(chunks, written, strict=True)]
    path = _results() / "hypothetical_questions.jsonl"
    paths.write_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    say(f"{sum(len(found) for found in written)} questions for {len(chunks)} chunks in {path}")
    return path


def shipped_questions(chunks: Sequence[BaseNode]) -> list[list[str]]:
    """The questions that come with the course for each chunk; none for a chunk that it has none for.

    Raises:
        FileNotFoundError: there are none at all.
    """
    path = _results() / "hypothetical_questions.jsonl"
    if not path.exists():
        raise FileNotFoundError("The course carries no such questions: write them with `python -m labkit questions`.")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    known = {Span(r["document"], r["start"], r["end"]): r["questions"] for r in rows}
    return [known.get(rag.span_of(c), []) for c in chunks]
