"""The benchmark: its arms, built one way for dev and test, and the results that come with the course.

`best` was chosen on dev; `PREDICTION` was written before the test split was opened. The family of
comparisons, over which Holm corrects, is `FAMILY`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from llama_index.core.schema import BaseNode

from labkit import corpus, models, paths, rag, stats
from labkit.bench.graph_scores import shipped_triples
from labkit.bench.runs import BUDGET, K, Run, differences, mean, measure, only, results_table, versus, where
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
# Lessons 05 and 06: the comparisons by task, new against old in exact match, over which Holm corrects.
FAMILY_BY_TASK = (
    ("multihop", "fused", "best"),
    ("amended", "tools look up", "naive"),
    ("compare", "tools look up", "naive"),
)
PREDICTION_BY_TASK = {
    "multihop": "fused better than the text alone (best), interval above 0",
    "amended": "tools look up better than naive, interval above 0",
    "compare": "tools look up better than naive, interval above 0",
    "list": "set F1 of tools look up at least 0.80",
}
# Tasks of the arms that are made for some only.
TASKS = {
    "graph": ("multihop",),
    "fused": ("multihop",),
    "full window": ("compare", "amended", "list"),
    "tools read": ("compare", "amended", "list"),
    "tools look up": ("lookup", "compare", "multihop", "amended", "list", "unanswerable"),
}
COLUMNS = ("exact_match", "token_f1", f"evidence_recall_{BUDGET}", f"wrong_document_rate_at_{K}", "prompt_tokens")
# Passages in a prompt, the same in every arm, as in lessons 02 to 04.
TOP_K = 3
# The references give all their passages: several pieces of evidence, and two distractors.
REFERENCES_K = 8
# More passages than any window of the course's profiles holds.
WINDOW_K = 16
SAY = partial(print, flush=True)
# Files of the results that come with the course.
_REPORT, _REPLIES = "benchmark.json", "benchmark_replies.jsonl"


def naive(documents: Sequence[Document], embedder: Embedder, generator: Generator) -> Pipeline:
    """Naive RAG, as in lesson 01."""
    return Pipeline(rag.VectorIndex(rag.chunk(documents, tokens=128), embedder), generator, top_k=TOP_K)


def tuned_index(documents: Sequence[Document]) -> rag.VectorIndex:
    """Clauses with headers, searched with the tuned embedder."""
    return rag.VectorIndex(rag.clauses_with_headers(documents), models.load_tuned_embedder(paths.adapter("embedder")))


def best(documents: Sequence[Document], generator: Generator) -> Pipeline:
    """The pipeline that lessons 02 to 04 led to."""
    return Pipeline(tuned_index(documents), generator, top_k=TOP_K)


@dataclass(frozen=True)
class Systems:
    """The best pipeline and what lessons 05 and 06 add to it, over one archive.

    Attributes:
        text: the best pipeline of lessons 02 to 04.
        graph: pipeline over passages of the knowledge graph; fused: over these and the text.
        window: as much text as fits. reading, lookup: a tool for each document, which reads or looks triples up.
    """

    text: Pipeline
    graph: Pipeline
    fused: Pipeline
    window: Pipeline
    reading: rag.ToolPipeline
    lookup: rag.ToolPipeline


def build_systems(
    documents: Sequence[Document], generator: Generator, triples: Sequence[rag.ExtractedTriple] | None = None
) -> Systems:
    """The best pipeline, and the arms of lessons 05 and 06, over one index.

    Args:
        triples: to build the graph from; those that come with the course by default.
    """
    index = tuned_index(documents)
    graph = rag.build_graph(documents, shipped_triples(documents) if triples is None else triples)
    retriever = rag.GraphRetriever(graph, index)
    understand = retriever.understand = models.load_intents(paths.adapter("intents"), index.embedder, retriever.masked)
    references = rag.ContractRanker(documents, retriever)
    reading, lookup = (
        rag.ToolPipeline(retriever, references, understand, tool)
        for tool in (rag.ReadTool(index, graph, generator), rag.GraphLookupTool(graph))
    )
    return Systems(
        Pipeline(index, generator, top_k=TOP_K),
        Pipeline(retriever, generator, top_k=TOP_K),
        Pipeline(rag.Hybrid([retriever, index]), generator, top_k=TOP_K),
        Pipeline(index, generator, top_k=WINDOW_K, depth=WINDOW_K),
        reading,
        lookup,
    )


def benchmark(
    questions: Sequence[Question],
    documents: Sequence[Document],
    embedder: Embedder,
    generator: Generator,
    say: Callable[[str], None] = SAY,
) -> list[Run]:
    """Every system: random context, naive, best and oracle on all questions, those of lessons 05 and 06 on their tasks.

    Replies are kept on disk, so a run that was stopped goes on where it was.

    Raises:
        ValueError: there are no questions.
    """
    contracts = corpus.contract_records()
    made = build_systems(documents, generator)
    systems: dict[str, Pipeline | rag.ToolPipeline] = {
        "random context": Pipeline(rag.random_context(questions, documents, contracts), generator, top_k=REFERENCES_K),
        "naive": naive(documents, embedder, generator),
        "best": made.text,
        "oracle": Pipeline(rag.oracle(questions, documents, contracts), generator, top_k=REFERENCES_K),
        "graph": made.graph,
        "fused": made.fused,
        "full window": made.window,
        "tools read": made.reading,
        "tools look up": made.lookup,
    }
    runs = []
    for name, pipeline in systems.items():
        asked = [q for q in questions if q.task in TASKS.get(name, (q.task,))]
        if asked:
            runs.append(measure(name, asked, pipeline))
            say(f"{name:13s} exact match {mean(runs[-1], 'exact_match')}  {runs[-1].seconds:.0f} s")
    return runs


def report(runs: Sequence[Run]) -> dict[str, Any]:
    """The benchmark's figures: arms and differences for each half of the test split, by task and by stratum."""
    halves = {half: [where(run, partial(_is, lambda q: q.half, half)) for run in runs] for half in ("new", "seen")}
    whole = {half: [run for run in parts if run.name not in TASKS] for half, parts in halves.items()}
    return {
        "prediction": PREDICTION,
        "prediction_by_task": PREDICTION_BY_TASK,
        "arms": _rows(whole["new"]),
        "arms_seen": _rows(whole["seen"]),
        "versus_naive": _versus(whole["new"]),
        "versus_naive_seen": _versus(whole["seen"]),
        "versus_by_task": _by_task(halves["new"]),
        "versus_by_task_seen": _by_task(halves["seen"]),
        "error_categories": {run.name: run.error_counts() for run in whole["new"]},
        "by_task": _groups(halves, lambda q: q.task),
        "by_stratum": _groups(whole, lambda q: q.stratum),
    }


def _is(key: Callable[[Question], str | None], value: str, question: Question) -> bool:
    return key(question) == value


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


def _by_task(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The comparisons of `FAMILY_BY_TASK`, exact match, Holm over all of them."""
    known = {run.name: run for run in runs}
    pairs = []
    for task, new, old in FAMILY_BY_TASK:
        if new in known and old in known and any(q.task == task for q in known[new].questions):
            pairs.append((only(known[new], task), only(known[old], task), "exact_match"))
    if not pairs:
        return []
    return [
        {"task": new.questions[0].task, "against": old.name, **{str(k): v for k, v in row.items()}}
        for (new, old, _), row in zip(pairs, differences(pairs).to_dict("records"), strict=True)
    ]


def _groups(halves: Mapping[str, Sequence[Run]], key: Callable[[Question], str]) -> list[dict[str, Any]]:
    rows = []
    for half, runs in halves.items():
        for group in sorted({key(q) for q in runs[0].questions}):
            parts = [part for run in runs if (part := where(run, partial(_is, key, group))).questions]
            rows += [{"half": half, "group": group, **row} for row in _rows(parts)]
    return rows


def write_benchmark(say: Callable[[str], None] = SAY) -> Path:
    """Open the test split, run the benchmark over the whole archive, and keep report and replies with the course."""
    questions = [q for q in corpus.load_questions("test", open_test=True) if q.followup is None]
    embedder, generator = models.load_embedder(), models.load_generator()
    runs = benchmark(questions, corpus.load_documents(), embedder, generator, say)
    made = {"generator": generator.name, "fingerprint": generator.fingerprint, "embedder": embedder.name}
    rows = [
        {"arm": run.name, "id": q.id, "reply": r.reply}
        for run in runs
        for q, r in zip(run.questions, run.results, strict=True)
    ]
    replies = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    paths.write_checked(_REPLIES, replies, paths.shipped_results())
    text = json.dumps({"made_with": made, **stats.plain(report(runs))}, indent=1, ensure_ascii=False)
    path = paths.write_checked(_REPORT, text + "\n", paths.shipped_results())
    say(f"written to {path}\n{results_table(runs).round(3).to_string(index=False)}")
    return path


def shipped_benchmark() -> dict[str, Any]:
    """The report that comes with the course, as `write_benchmark` made it.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it does not match its checksum.
    """
    if not (paths.shipped_results() / _REPORT).exists():
        raise FileNotFoundError("The course carries no results of the benchmark: make them with `make benchmark`.")
    made: dict[str, Any] = json.loads(paths.read_checked(_REPORT, paths.shipped_results()))
    return made


def shipped_replies(arm: str) -> dict[str, str]:
    """The replies of an arm that come with the course, by id of the question; errors as in `shipped_benchmark`."""
    shipped_benchmark()
    rows = paths.read_rows(_REPLIES, paths.shipped_results())
    return {row["id"]: row["reply"] for row in rows if row["arm"] == arm}


def shipped_questions(chunks: Sequence[BaseNode]) -> list[list[str]]:
    """The questions that come with the course for each chunk; none for a chunk that it has none for.

    Raises:
        FileNotFoundError: there are none at all.
        ValueError: they do not match their checksum.
    """
    rows = paths.read_rows("hypothetical_questions.jsonl", paths.shipped_results())
    known = {Span(r["document"], r["start"], r["end"]): r["questions"] for r in rows}
    return [known.get(rag.span_of(c), []) for c in chunks]
