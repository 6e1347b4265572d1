"""A cross-encoder of one's own learns, is saved and reranks."""

from __future__ import annotations

import pytest
from small import TERM_DOCUMENTS, TERM_HITS, TERM_QUESTIONS, Copying
from synthesis.reranker import train_reranker

from labkit import models, rag, tune


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    made = tune.pairs(TERM_QUESTIONS, TERM_HITS, negatives=3) * 6
    return train_reranker(made, tmp_path_factory.mktemp("adapter"), epochs=4, learning_rate=3e-3, batch_size=16)


def test_the_reranker_learns_and_is_saved_as_a_small_adapter(adapter):
    size = (adapter / "adapter_model.safetensors").stat().st_size
    assert size < 3e6 and not list(adapter.glob("*.bin"))
    reranker = models.load_tuned_reranker(adapter)
    pairs = [(q.question, text) for q, rows in zip(TERM_QUESTIONS, TERM_HITS, strict=True) for _, text in rows]
    scores = reranker.score(pairs)
    right = scores.reshape(4, 4)[:, 0]
    assert right.mean() > scores.reshape(4, 4)[:, 1:].mean()
    again = models.load_tuned_reranker(adapter)
    assert again.score(pairs).tolist() == scores.tolist()


def test_scores_are_kept_on_disk_and_depend_on_the_adapter(adapter):
    reranker = models.load_tuned_reranker(adapter)
    pair = (TERM_QUESTIONS[0].question, TERM_HITS[0][0][1])
    first = reranker.score([pair])

    class Broken:
        def predict(self, *_, **__):
            raise AssertionError("asked again")

    kept = models.Reranker(Broken, "x", fingerprint=reranker.fingerprint)
    assert kept.score([pair]).tolist() == first.tolist()
    with pytest.raises(AssertionError, match="asked again"):
        models.Reranker(Broken, "x", fingerprint="other").score([pair])


def test_it_reranks_in_a_pipeline(adapter):
    index = rag.BM25Index(rag.chunk(TERM_DOCUMENTS))
    pipeline = rag.Pipeline(index, Copying(), post=[rag.Rerank(models.load_tuned_reranker(adapter), depth=2)], top_k=1)
    result = pipeline.ask("How long is the term of cedar?")
    assert [s.stage for s in result.trace] == ["BM25Index", "Rerank", "answer"]


def test_nothing_to_train_on_and_nothing_to_load_are_errors(tmp_path):
    with pytest.raises(ValueError, match="no pairs"):
        train_reranker([], tmp_path)
    with pytest.raises(FileNotFoundError, match="train one"):
        models.load_tuned_reranker(tmp_path)
