"""An embedder of one's own learns; vectors of the dev archive come with the course."""

from __future__ import annotations

import json

import pytest
from small import TERM_DOCUMENTS, TERM_HITS, TERM_QUESTIONS, TERMS
from synthesis.embedder import train_embedder, triplets

from labkit import corpus, models, paths, rag


def test_the_embedder_learns_and_orders_what_was_found(tmp_path):
    made = triplets(TERM_QUESTIONS, TERM_HITS)
    assert [(t.question, t.right) for t in made] == [
        (q.question, rows[0][1]) for q, rows in zip(TERM_QUESTIONS, TERM_HITS, strict=True)
    ]
    assert all(t.right != t.wrong for t in made)
    adapter = train_embedder(made * 8, tmp_path, epochs=2, learning_rate=2e-3, batch_size=4)
    assert (adapter / "adapter_model.safetensors").stat().st_size < 3e6
    assert "/" not in json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"]
    plain, tuned = models.load_embedder(), models.load_tuned_embedder(adapter)
    texts = sorted(TERMS.values())
    asked = [q.question for q in TERM_QUESTIONS]

    def margin(embedder):
        scores = embedder.encode(asked) @ embedder.encode([f"{t} x" for t in texts]).T
        return float(sum(scores[i, i] - (scores[i].sum() - scores[i, i]) / 3 for i in range(4)))

    assert margin(tuned) > margin(plain)
    index = rag.VectorIndex(rag.chunk(TERM_DOCUMENTS), plain)
    pipeline = rag.Pipeline(index, None, post=[rag.EmbedderRerank(tuned, depth=2)], top_k=2)
    found = pipeline.retrieve(asked)
    assert [h[0].node.metadata["document"] for h in found] == [q.id for q in TERM_QUESTIONS]
    with pytest.raises(FileNotFoundError, match="train one"):
        models.load_tuned_embedder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="search for each"):
        triplets(TERM_QUESTIONS, TERM_HITS[:1])


def test_vectors_of_the_dev_archive_come_with_the_shipped_embedder(monkeypatch):
    tuned = models.load_tuned_embedder(paths.adapter("embedder"))
    tuned.cached = False
    texts = [rag.indexed_text(c) for c in rag.clauses_with_headers(corpus.load_documents("dev"))]
    live = models.Embedder(tuned.load, tuned.name, cached=False).encode(texts[:3])

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("embedded again: run `adapters.embed_archive`")

    monkeypatch.setattr(tuned.model, "encode", refuse)
    shipped = tuned.encode(texts)
    assert (abs((shipped**2).sum(1) - 1) < 1e-5).all()
    assert ((live * shipped[:3]).sum(1) > 0.999).all()


def test_vectors_of_the_dev_archive_come_with_the_plain_embedder(monkeypatch):
    plain = models.load_embedder(shipped=paths.vectors(), cached=False)
    clauses = rag.clauses_with_headers(corpus.load_documents("dev"))
    live = models.load_embedder(cached=False).encode([rag.text_of(c) for c in clauses[:3]])

    def refuse() -> None:
        raise AssertionError("embedded again: run `python -m synthesis adapters minilm`")

    monkeypatch.setattr(plain, "load", refuse)
    rag.VectorIndex(clauses, plain, joined=False)
    rag.VectorIndex(rag.chunk(corpus.load_documents("dev"), tokens=128), plain)
    assert ((live * plain.encode([rag.text_of(c) for c in clauses[:3]])).sum(1) > 0.999).all()
