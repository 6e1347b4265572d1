"""Techniques side by side on small documents made here."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from labkit import bench, corpus, paths, rag, stats
from labkit.corpus import Document, Question, Span

TEXTS = {name: f"The term of {name} is {years} years. Nothing else is said here." for name, years in
         (("alder", 2), ("birch", 3), ("cedar", 4), ("damson", 5))}  # fmt: skip
DOCUMENTS = [Document(name, name, text) for name, text in TEXTS.items()]


class Copying:
    """Answers with the number of years in the first passage."""

    max_length, max_new_tokens = 1280, 40

    def count_tokens(self, messages):
        return len(messages[-1]["content"].split())

    def room(self):
        return 1000

    def generate(self, chats, max_new_tokens=None, batch_size=None, progress=False):
        import re

        return [re.sub(r".*? is (\d+ years).*", r"\1 [1]", c[-1]["content"], flags=re.S) for c in chats]


def question(name: str, asked: str | None = None) -> Question:
    years = TEXTS[name].split(" is ")[1].split(".")[0]
    return Question(
        name, "lookup", asked or f"How long is the term of {name}?", years, (), (), {}, (Span(name, 0, 20),), (name,),
        "term", "w", None, None, "known", False, "dev",
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs():
    index = rag.BM25Index(rag.chunk(DOCUMENTS))
    questions = [question(name) for name in TEXTS]
    good = bench.measure("words", questions, rag.Pipeline(index, Copying(), top_k=2))
    blind = bench.measure(
        "naive",
        questions,
        rag.Pipeline(index, Copying(), post=[lambda queries, found: [h[::-1] for h in found]], top_k=2),
    )
    return [blind, good]


def test_a_row_for_each_technique_with_every_metric(runs):
    table = bench.results_table(runs)
    assert list(table.columns) == ["name", *bench.METRICS]
    naive, words = table.to_dict("records")
    assert words["exact_match"] == 1 and words["mrr"] == 1 and words[f"recall_at_{bench.K}"] == 1
    assert naive["exact_match"] == 0 and naive["mrr"] < 1
    length = len(TEXTS["alder"])
    assert 0 < words["precision_chars"] < 20 / length
    assert set(bench.timings(runs)) == {"naive ms", "words ms"}
    assert runs[1].boxes()["right"] == 4 and bench.error_table(runs).loc["naive", "right"] == 0
    assert bench.mean_by(runs[1], lambda q: q.task) == {"lookup": 1.0}
    with pytest.raises(KeyError, match="no metric"):
        runs[0].values("luck")


def test_differences_are_paired_and_adjusted(runs):
    rows = {row["metric"]: row for row in bench.versus(runs).to_dict("records")}
    gained = rows["exact_match"]
    # Four questions do not prove that the better one is always right.
    assert gained["difference"] == gained["high"] == 1 and 0 < gained["low"] < 0.5
    # Four clusters flip sign in 16 ways, two of which are as far from 0: p = 1/8, doubled by Holm over two rows.
    assert gained["p"] == pytest.approx(2 / 8)
    assert rows[f"evidence_recall_{bench.BUDGET}"]["p"] == 1
    with pytest.raises(ValueError, match="no run"):
        bench.versus(runs, baseline="best")
    other = replace(runs[1], questions=[question("alder")] * 4)
    with pytest.raises(ValueError, match="other questions"):
        bench.versus([runs[0], other])


def test_compressed_chunks_count_only_what_is_left(runs):
    hit = runs[1].results[0].retrieved[0].model_copy(deep=True)
    assert rag.places_of(hit.node) == [rag.span_of(hit.node)]
    hit.node.metadata["kept"] = [[36, 60]]
    assert rag.places_of(hit.node) == [Span("alder", 36, 60)]
    shortened = replace(runs[1].results[0], retrieved=(hit,), used=1)
    assert bench.runs._evidence_recall(runs[1].questions[0], shortened) == 0
    assert bench.runs._precision(runs[1].questions[0], shortened) == 0


def test_holm_steps_down():
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert stats.holm([]) == [] and stats.holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_p_value_of_a_coin_is_rarely_small():
    import numpy as np

    rng = np.random.default_rng(0)
    names = [str(i // 5) for i in range(60)]
    small = 0
    for _ in range(100):
        a, b = rng.integers(0, 2, 60), rng.integers(0, 2, 60)
        small += stats.paired_p_value(a.tolist(), b.tolist(), names, resamples=499) < 0.05
    assert 0 < small <= 12
    with pytest.raises(ValueError, match="same questions"):
        stats.paired_p_value([1], [1, 0], ["a"])


def test_a_sample_takes_the_same_number_from_each_contract():
    questions = [replace(question(name), id=f"{name}{i}") for name in TEXTS for i in range(5)]
    drawn = bench.sample(questions, {"lookup": 2})
    assert [q.cluster for q in drawn] == [name for name in TEXTS for _ in range(2)]
    assert drawn == bench.sample(questions, {"lookup": 2})
    with pytest.raises(ValueError, match=r"'lokup'.*choose among lookup"):
        bench.sample(questions, {"lokup": 2})


def test_looking_without_reading_measures_retrieval_alone():
    pipeline = rag.Pipeline(rag.BM25Index(rag.chunk(DOCUMENTS)), Copying(), top_k=2)
    questions = [question(name) for name in TEXTS]
    run = bench.measure("look", questions, pipeline, answer=False)
    assert run.values("mrr") == bench.measure("read", questions, pipeline).values("mrr")
    assert run.values("exact_match") == [None] * 4 and bench.mean(run, "mrr").value == 1
    with pytest.raises(ValueError, match="without reading"):
        run.boxes()


def test_the_report_tells_halves_tasks_and_strata_apart(runs):
    from labkit.bench import systems

    halves = ["new", "new", "seen", "seen"]
    named = [replace(run, name=name, questions=[replace(q, half=h) for q, h in zip(run.questions, halves, strict=True)])
             for run, name in zip(runs, ("naive", "best"), strict=True)]  # fmt: skip
    report = systems.report(named)
    assert [(row["name"], row["n"], row["exact_match"]) for row in report["arms"]] == [("naive", 2, 0), ("best", 2, 1)]
    assert {row["metric"] for row in report["versus_naive"]} == set(systems.FAMILY)
    assert [(r["half"], r["group"], r["name"]) for r in report["by_task"]][::2] == [
        ("new", "lookup", "naive"), ("seen", "lookup", "naive"),
    ]  # fmt: skip
    assert report["boxes"]["best"]["right"] == 2


def test_shipped_questions_are_what_the_shipped_reader_writes(reader):
    """A live row gives what came with the course."""
    documents = corpus.load_documents("dev")
    clauses = rag.chunk(documents[:1], rag.ClauseParser())[:6]
    assert rag.hypothetical_questions(reader, clauses) == bench.shipped_questions(clauses)
    assert any(bench.shipped_questions(clauses))


def test_the_benchmark_runs_every_arm_and_reports(reader, embedder):
    from labkit.bench import systems

    documents = [d for d in corpus.load_documents("dev") if d.id in ("C037", "C038")]
    lookups = [q for q in corpus.load_questions("dev", "lookup") if q.cluster in ("C037", "C038")][:6]
    questions = [replace(q, half=half) for q, half in zip(lookups, ["new", "seen"] * 3, strict=True)]
    said = []
    runs = bench.benchmark(questions, documents, embedder, reader, said.append)
    assert [run.name for run in runs] == ["shuffled", "naive", "best", "oracle", "tools look up"] and len(said) == 5
    assert bench.mean(runs[3], f"evidence_recall_{bench.BUDGET}").value == 1
    assert bench.mean(runs[0], f"evidence_recall_{bench.BUDGET}").value == 0
    report = systems.report(runs)
    everywhere = ("shuffled", "naive", "best", "oracle")
    assert {row["name"]: row["n"] for row in report["arms"]} == dict.fromkeys(everywhere, 3)
    assert len(report["by_task"]) == 10 and report["versus_by_task"] == []
    compare = [replace(q, task="compare") for q in questions]
    some = bench.benchmark(compare, documents, embedder, reader, said.append)
    assert [run.name for run in some][4:] == ["full window", "tools read", "tools look up"]
    rows = systems.report(some)["versus_by_task"]
    assert [(r["task"], r["name"], r["against"]) for r in rows] == [("compare", "tools look up", "naive")]


def test_shipped_replies_are_what_the_arms_give(reader):
    """Live rows of the benchmark give what came with the course."""
    from labkit.bench import systems

    asked = [q for q in corpus.load_questions("test", "lookup", open_test=True) if q.followup is None][:4]
    documents, contracts = corpus.load_documents(), corpus.contract_records()
    live = rag.Pipeline(rag.oracle(asked, documents, contracts), reader, top_k=systems.BRACKETS_K)
    shipped = bench.shipped_replies("oracle")
    assert [r.reply for r in live.run([q.question for q in asked])] == [shipped[q.id] for q in asked]
    report = bench.shipped_benchmark()
    assert report["prediction"] == systems.PREDICTION and report["prediction_by_task"] == systems.PREDICTION_BY_TASK
    assert {r["name"] for r in report["arms"]} == {"shuffled", "naive", "best", "oracle"}


def test_nothing_to_measure_is_an_error(runs):
    with pytest.raises(ValueError, match="no questions"):
        bench.measure("x", [], rag.Pipeline(rag.BM25Index(rag.chunk(DOCUMENTS)), Copying()))


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("benchmark.json", bench.shipped_benchmark),
        ("benchmark_replies.jsonl", lambda: bench.shipped_replies("naive")),
        ("hypothetical_questions.jsonl", lambda: bench.shipped_questions([])),
        ("triples.jsonl", lambda: bench.shipped_triples([])),
    ],
)
def test_altered_results_are_refused(name, load, tmp_path, monkeypatch):
    folder = tmp_path / "results"
    shutil.copytree(paths.shipped_results(), folder)
    monkeypatch.setattr(paths, "shipped_results", lambda: folder)
    load()
    (folder / name).write_text('{"half', encoding="utf-8")
    with pytest.raises(ValueError, match=f"{name} is not what was shipped"):
        load()
