"""Systems side by side on small documents."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small import TERM_DOCUMENTS, TERMS, Copying, term_question

from labkit import bench, rag


def test_a_row_for_each_system_with_every_metric(runs):
    table = bench.results_table(runs)
    assert list(table.columns) == ["name", *bench.METRICS]
    naive, words = table.to_dict("records")
    assert words["exact_match"] == 1 and words["mrr"] == 1 and words[f"recall_at_{bench.K}"] == 1
    assert naive["exact_match"] == 0 and naive["mrr"] < 1
    length = len(TERMS["alder"])
    assert 0 < words["precision_chars"] < 20 / length
    assert set(bench.timings(runs)) == {"naive ms", "words ms"}
    assert runs[1].error_counts()["right"] == 4 and bench.error_table(runs).loc["naive", "right"] == 0
    assert bench.mean_by(runs[1], lambda q: q.task) == {"lookup": 1.0}
    with pytest.raises(KeyError, match="no metric"):
        runs[0].values("luck")


def test_differences_are_paired_and_adjusted(runs):
    rows = {row["metric"]: row for row in bench.versus(runs).to_dict("records")}
    gained = rows["exact_match"]
    assert gained["difference"] == 1 and gained["low"] == gained["high"] == 1
    # Four clusters flip sign in 16 ways, two of which are as far from 0: p = 1/8, doubled by Holm over two rows.
    assert gained["p"] == pytest.approx(2 / 8)
    assert rows[f"evidence_recall_{bench.BUDGET}"]["p"] == 1
    with pytest.raises(ValueError, match="no run"):
        bench.versus(runs, baseline="best")
    other = replace(runs[1], questions=[term_question("alder")] * 4)
    with pytest.raises(ValueError, match="other questions"):
        bench.versus([runs[0], other])


def test_a_sample_takes_the_same_number_from_each_contract():
    questions = [replace(term_question(name), id=f"{name}{i}") for name in TERMS for i in range(5)]
    drawn = bench.sample(questions, {"lookup": 2})
    assert [q.cluster for q in drawn] == [name for name in TERMS for _ in range(2)]
    assert drawn == bench.sample(questions, {"lookup": 2})
    with pytest.raises(ValueError, match=r"'lokup'.*choose among lookup"):
        bench.sample(questions, {"lokup": 2})


def test_looking_without_reading_measures_retrieval_alone():
    pipeline = rag.Pipeline(rag.BM25Index(rag.chunk(TERM_DOCUMENTS)), Copying(), top_k=2)
    questions = [term_question(name) for name in TERMS]
    run = bench.measure("look", questions, pipeline, answer=False)
    assert run.values("mrr") == bench.measure("read", questions, pipeline).values("mrr")
    assert run.values("exact_match") == [None] * 4 and bench.mean(run, "mrr").value == 1
    with pytest.raises(ValueError, match="without reading"):
        run.error_counts()


def test_nothing_to_measure_is_an_error(runs):
    with pytest.raises(ValueError, match="no questions"):
        bench.measure("x", [], rag.Pipeline(rag.BM25Index(rag.chunk(TERM_DOCUMENTS)), Copying()))
