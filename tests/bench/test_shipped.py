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
    live = rag.extract(extractor, rag.fact_chunks(some))
    assert live == bench.shipped_triples(some) and len(live) >= 5


def test_shipped_questions_are_what_the_shipped_reader_writes(reader):
    """A live row gives what came with the course."""
    documents = corpus.load_documents("dev")
    clauses = rag.chunk(documents[:1], rag.ClauseParser())[:6]
    assert rag.hypothetical_questions(reader, clauses) == bench.shipped_questions(clauses)
    assert any(bench.shipped_questions(clauses))


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
