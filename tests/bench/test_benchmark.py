"""The benchmark: every system on its tasks, and its report."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labkit import bench, corpus, paths


def test_the_report_tells_halves_tasks_and_strata(runs):
    from labkit.bench import benchmark

    halves = ["new", "new", "seen", "seen"]
    named = [replace(run, name=name, questions=[replace(q, half=h) for q, h in zip(run.questions, halves, strict=True)])
             for run, name in zip(runs, ("naive", "best"), strict=True)]  # fmt: skip
    report = benchmark.report(named)
    assert [(row["name"], row["n"], row["answer_accuracy"], row["refused_wrongly"]) for row in report["systems"]] == [
        ("naive", 2, 0, 0),
        ("best", 2, 1, 0),
        ("always refuses", 2, 0, 1),
    ]
    # Two contracts are too few for anything to come out.
    assert report["versus_naive"].startswith("With 2 documents")
    assert [(r["half"], r["group"], r["name"]) for r in report["by_task"]][::2] == [
        ("new", "lookup", "naive"), ("seen", "lookup", "naive"),
    ]  # fmt: skip
    assert report["error_categories"]["best"]["right"] == 2
    assert [r["answer_accuracy"] for r in report["by_task"] if (r["half"], r["name"]) == ("seen", "best")] == [1]


def test_the_differences_of_the_report_are_its_family(runs):
    from labkit.bench import benchmark

    [naive, best] = [
        replace(run, name=name, questions=[replace(q, id=f"{q.id}{i}", documents=(f"K{i}",)) for i, q in numbered])
        for run, name in zip(map(thrice, runs), ("naive", "best"), strict=True)
        for numbered in [list(enumerate(run.questions))]
    ]
    halves = [
        replace(run, questions=[replace(q, half="new" if i < 10 else "seen") for i, q in enumerate(run.questions)])
        for run in (naive, best)
    ]
    report = benchmark.report(halves)
    assert [row["metric"] for row in report["versus_naive"]] == list(benchmark.FAMILY)


def thrice(run):
    """A run with every question asked three times."""
    fields = ("questions", "results", "answers", "retrieval")
    return replace(run, **{name: [*getattr(run, name)] * 3 for name in fields})


def test_the_benchmark_runs_every_system_and_reports(reader, embedder):
    from labkit.bench import benchmark

    documents = [d for d in corpus.load_documents("dev") if d.id in ("C041", "C043")]
    lookups = [q for q in corpus.load_questions("dev", "lookup") if q.cluster in ("C041", "C043")][:6]
    questions = [replace(q, half=half) for q, half in zip(lookups, ["new", "seen"] * 3, strict=True)]
    said = []
    runs = bench.run_benchmark(questions, documents, embedder, reader, said.append)
    assert [run.name for run in runs] == ["random context", "naive", "best", "oracle", "tools look up"] and len(
        said
    ) == 5
    assert bench.mean(runs[3], "evidence_in_prompt").value == 1
    assert bench.mean(runs[0], "evidence_in_prompt").value == 0
    report = benchmark.report(runs)
    everywhere = ("random context", "naive", "best", "oracle")
    assert {row["name"]: row["n"] for row in report["systems"]} == dict.fromkeys((*everywhere, "always refuses"), 3)
    assert len(report["by_task"]) == 10 and "nothing could come out" in report["versus_by_task"]
    compare = [replace(q, task="compare") for q in questions]
    some = bench.run_benchmark(compare, documents, embedder, reader, said.append)
    assert [run.name for run in some][4:] == ["full window", "tools read", "tools look up"]
    assert "nothing could come out" in benchmark.report(some)["versus_by_task"]


def test_the_shipped_report_is_of_the_pilot_and_readable():
    report = bench.shipped_benchmark()
    assert report["part"] == "pilot" and report["prediction_by_task"] == bench.benchmark.PREDICTION_BY_TASK
    text = bench.as_text(report)
    for part in ("always refuses", "held-out wording", "oracle", "Predicted of lookup", "versus_by_task"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 200


def test_without_results_the_benchmark_says_how_to_make_them(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "shipped_results", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match="make benchmark"):
        bench.shipped_benchmark()
