"""What comes with the course is what its models give."""

from __future__ import annotations

import shutil

import pytest

from labkit import bench, corpus, models, paths, rag


@pytest.fixture(scope="module")
def dev():
    return corpus.load_documents("dev")


def test_shipped_triples_are_what_the_shipped_adapter_extracts(dev):
    some = [d for d in dev if d.id in ("C042-A1", "R-E31")]
    extractor = models.load_tuned(paths.adapter("extractor"))
    live, shipped = set(rag.extract(extractor, rag.fact_chunks(some))), set(bench.shipped_triples(some))
    # On another processor one of two almost equally likely tokens may differ.
    assert len(live & shipped) >= 0.8 * len(live | shipped) and len(live) >= 5


def test_shipped_questions_are_what_the_shipped_reader_writes(reader):
    """Clauses with headers, as they were when it wrote."""
    clauses = rag.clauses_with_headers(corpus.load_documents("dev"))[:10]
    live, shipped = rag.hypothetical_questions(reader, clauses), bench.shipped_questions(clauses)
    assert sum(a == b for a, b in zip(live, shipped, strict=True)) >= 8 and sum(map(bool, shipped)) >= 5


@pytest.mark.parametrize(
    ("name", "load"),
    [
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
