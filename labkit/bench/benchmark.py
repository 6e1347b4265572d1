"""The benchmark on the test split: systems, comparisons named beforehand, and the results that come with the course.

The best pipeline was chosen on dev; `PREDICTION` was written before the test split was opened. The family of
comparisons, over which Holm corrects, is `FAMILY`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import pandas as pd

from labkit import corpus, models, paths, rag, stats
from labkit.bench.runs import Run, always_refuses, differences, mean, measure, only, versus, where
from labkit.bench.systems import build_systems, naive
from labkit.corpus import Document, Question
from labkit.models import Embedder, Generator, shipped_replies
from labkit.rag import K, Pipeline

FAMILY = ("evidence_in_prompt", "answer_accuracy", f"wrong_document_rate_at_{K}")
# Test split, contracts that no training example mentions, best pipeline against naive RAG; written down before a model
# that reads answered any of its questions.
PREDICTION = {
    "evidence_in_prompt": "at least +0.10, interval above 0",
    "answer_accuracy": "at least +0.10, interval above 0",
    f"wrong_document_rate_at_{K}": "at most half of naive's",
}
# By task a system and the one it is compared with in answer accuracy; Holm corrects over them all.
FAMILY_BY_TASK = (
    ("lookup", "best", "naive"),
    ("multihop", "graph + text", "best"),
    ("amended", "tools look up", "naive"),
    ("compare", "tools look up", "naive"),
)
PREDICTION_BY_TASK = {
    "lookup": "best better than naive by at least 0.25, interval above 0; the oracle reads at least 0.75 of them",
    "multihop": "graph + text better than the text alone (best), interval above 0",
    "amended": "tools look up better than naive, interval above 0",
    "compare": "tools look up better than naive, interval above 0",
    "list": "set F1 of tools look up at least 0.80",
}
# The tasks of those systems that are made for some tasks only.
TASKS = {
    "graph": ("multihop",),
    "graph + text": ("multihop",),
    "full window": ("compare", "amended", "list"),
    "tools read": ("compare", "amended", "list"),
    "tools look up": ("lookup", "compare", "multihop", "amended", "list", "unanswerable"),
}
# The part of the test split that may be opened while the course grows.
PART = "pilot"
COLUMNS = ("evidence_in_prompt", "answer_accuracy", "refused_rightly", "refused_wrongly", "token_f1", "prompt_tokens")
# The references give all their passages: several pieces of evidence, and two distractors.
REFERENCE_TOP_K = 8
SAY = partial(print, flush=True)
# Its files among the results that come with the course: the report, and the replies by the name of a lesson's.
_REPORT, _REPLIES = "benchmark.json", "benchmark"


def run_benchmark(
    questions: Sequence[Question],
    documents: Sequence[Document],
    embedder: Embedder,
    generator: Generator,
    say: Callable[[str], None] = SAY,
) -> list[Run]:
    """Every system: random context, naive, best and oracle on all questions, those of lessons 05 and 06 on their tasks.

    Replies are kept on disk, so a run that was stopped continues where it was.

    Raises:
        ValueError: there are no questions.
    """
    contracts = corpus.contract_records()
    built = build_systems(documents, generator)

    def reference(make: Callable[..., rag.FixedRetriever]) -> Pipeline:
        return Pipeline(make(questions, documents, contracts), generator, top_k=REFERENCE_TOP_K)

    systems: dict[str, Pipeline | rag.ToolPipeline] = {
        "random context": reference(rag.random_context),
        "naive": naive(documents, embedder, generator),
        "best": built.text,
        "oracle": reference(rag.oracle),
        "graph": built.graph,
        "graph + text": built.graph_and_text,
        "full window": built.window,
        "tools read": built.reading,
        "tools look up": built.lookup,
    }
    runs = []
    for name, pipeline in systems.items():
        part = [q for q in questions if q.task in TASKS.get(name, (q.task,))]
        if part:
            runs.append(measure(name, part, pipeline))
            accuracy, time = mean(runs[-1], "answer_accuracy"), runs[-1].milliseconds
            say(f"{name:13s} answer accuracy {accuracy}  {time:.0f} ms a question")
    return runs


def report(runs: Sequence[Run]) -> dict[str, Any]:
    """The benchmark's figures: systems and differences for each half of the test split, by task and by stratum."""
    halves = {half: [where(run, partial(_is, lambda q: q.half, half)) for run in runs] for half in ("new", "seen")}
    whole = {half: [run for run in parts if run.name not in TASKS] for half, parts in halves.items()}
    return {
        "part": PART,
        "prediction": PREDICTION,
        "prediction_by_task": PREDICTION_BY_TASK,
        "systems": _rows([*whole["new"], always_refuses(whole["new"][0].questions)]),
        "systems_seen": _rows([*whole["seen"], always_refuses(whole["seen"][0].questions)]),
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
        right = mean(run, "answer_accuracy")
        means = {m: mean(run, m).value for m in COLUMNS}
        rows.append({"name": run.name, "n": len(run.questions), **means, "low": right.low, "high": right.high})
    return rows


def _versus(runs: Sequence[Run]) -> list[dict[str, Any]] | str:
    return _rows_or_reason(lambda: versus([r for r in runs if r.name in ("naive", "best")], "naive", FAMILY))


def _rows_or_reason(compare: Callable[[], pd.DataFrame]) -> list[dict[str, Any]] | str:
    """The rows of a comparison, or why nothing could come out of it."""
    try:
        return [{str(k): v for k, v in row.items()} for row in compare().to_dict("records")]
    except ValueError as cause:
        return str(cause)


def _by_task(runs: Sequence[Run]) -> list[dict[str, Any]] | str:
    """The comparisons of `FAMILY_BY_TASK`, answer accuracy, Holm over all of them."""
    by_name = {run.name: run for run in runs}
    pairs = []
    for task, new, old in FAMILY_BY_TASK:
        if {new, old} <= set(by_name) and any(q.task == task for q in by_name[new].questions):
            pairs.append((only(by_name[new], task), only(by_name[old], task), "answer_accuracy"))
    if not pairs:
        return []
    named = {"task": [new.questions[0].task for new, _, _ in pairs], "against": [old.name for _, old, _ in pairs]}
    return _rows_or_reason(lambda: differences(pairs).assign(**named))


def _groups(halves: Mapping[str, Sequence[Run]], key: Callable[[Question], str]) -> list[dict[str, Any]]:
    rows = []
    for half, runs in halves.items():
        for group in sorted({key(q) for q in runs[0].questions}):
            parts = [part for run in runs if (part := where(run, partial(_is, key, group))).questions]
            rows += [{"half": half, "group": group, **row} for row in _rows(parts)]
    return rows


def write_benchmark(say: Callable[[str], None] = SAY) -> Path:
    """Open a part of the test split, run the benchmark over the whole archive, and keep report and replies."""
    asked = corpus.load_questions("test", part=PART, open_test=True)
    # A notice has an instruction of its own, which no system gives yet.
    questions = [q for q in asked if q.followup is None and q.task != "draft"]
    embedder, generator = models.load_embedder(), models.load_generator()
    with TemporaryDirectory() as scratch:
        with mock.patch.dict(os.environ, LABKIT_ASKED=scratch):
            runs = run_benchmark(questions, corpus.load_documents(), embedder, generator, say)
        shipped_replies.write_file(_REPLIES, shipped_replies.read_asked(Path(scratch)), paths.shipped_results())
    made_with = {"generator": generator.name, "fingerprint": generator.fingerprint, "embedder": embedder.name}
    text = json.dumps({"made_with": made_with, **stats.plain(report(runs))}, indent=1, ensure_ascii=False)
    path = paths.write_checked(_REPORT, text + "\n", paths.shipped_results())
    say(f"written to {path}\n{as_text(json.loads(text))}")
    return path


def as_text(report: Mapping[str, Any]) -> str:
    """The benchmark's report as text: systems, answer accuracy by task and stratum, predictions and what came out."""
    parts = []
    for half, key in (("new", "systems"), ("seen", "systems_seen")):
        parts.append(f"Contracts of the {half} half\n{pd.DataFrame(report[key]).round(3).to_string(index=False)}")
    for key in ("by_task", "by_stratum"):
        table = pd.DataFrame(report[key]).pivot(index="name", columns=["half", "group"], values="answer_accuracy")
        parts.append(f"Answer accuracy {key.replace('_', ' ')}\n{table.round(2).to_string(na_rep='-')}")
    for task, predicted in report["prediction_by_task"].items():
        parts.append(f"Predicted of {task}: {predicted}")
    for key in ("versus_naive", "versus_by_task", "versus_by_task_seen"):
        rows = report[key]
        parts.append(f"{key}\n{rows if isinstance(rows, str) else pd.DataFrame(rows).round(3).to_string(index=False)}")
    return "\n\n".join(parts)


def shipped_benchmark() -> dict[str, Any]:
    """The report that `write_benchmark` made.

    Raises:
        FileNotFoundError: the benchmark has not been run.
        ValueError: the file does not match its checksum.
    """
    if not (paths.shipped_results() / _REPORT).exists():
        raise FileNotFoundError("There are no results of the benchmark: make them with `make benchmark`.")
    figures: dict[str, Any] = json.loads(paths.read_checked(_REPORT, paths.shipped_results()))
    return figures
