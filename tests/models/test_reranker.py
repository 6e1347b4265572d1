"""The reranker: scores that do not depend on the batch, and those that come with the course."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from synthesis.shipped_replies import read_asked, write_file

from labkit import corpus, models, paths, rag
from labkit.models import shipped_replies


@pytest.fixture(scope="module")
def network():
    """The course's reranker."""
    return models.load_tuned_reranker(paths.adapter("reranker")).model


@pytest.fixture
def reranker(network, tmp_path, monkeypatch) -> Iterator[models.Reranker]:
    """The course's reranker under another fingerprint, with no scores on disk."""
    monkeypatch.setenv("LABKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LABKIT_LIVE", raising=False)
    shipped_replies._rows.cache_clear()
    yield models.Reranker(lambda: network, "reranker", fingerprint="of this test")
    shipped_replies._rows.cache_clear()


def some_pairs(count: int) -> list[tuple[str, str]]:
    chunks = rag.clauses_with_headers(corpus.load_documents("dev"))
    questions = [q.question for q in corpus.load_questions("dev")]
    return [(q, rag.indexed_text(c)) for q, c in zip(questions[:count], chunks[: 3 * count : 3], strict=True)]


def test_a_score_does_not_depend_on_the_pairs_scored_with_it(network):
    pairs = some_pairs(24)
    unkept = models.Reranker(lambda: network, "without a cache")
    together, alone = unkept.score(pairs), np.concatenate([unkept.score([pair]) for pair in pairs])
    assert np.abs(together - alone).max() <= 1.1e-6  # written with six digits
    assert (np.argsort(-together, kind="stable") == np.argsort(-alone, kind="stable")).all()


def test_scores_that_come_with_the_course_are_taken_unless_all_is_live(reranker, tmp_path, monkeypatch):
    pairs, results = some_pairs(3), tmp_path / "results"
    monkeypatch.setenv("LABKIT_ASKED", str(tmp_path / "asked"))
    scores = reranker.score(pairs)
    asked = read_asked(tmp_path / "asked")
    assert sorted(float(row["reply"]) for row in asked.values()) == sorted(scores)
    planted = {key: row | {"reply": "0.5"} for key, row in asked.items()}
    monkeypatch.setattr(paths, "shipped_results", lambda: results)
    write_file("04", planted, results)
    assert reranker.score(pairs).tolist() == [0.5] * 3
    with shipped_replies.live():
        assert reranker.score(pairs).tolist() == scores.tolist()
    monkeypatch.setenv("LABKIT_LIVE", "1")
    assert reranker.score(pairs).tolist() == scores.tolist()


def test_special_tokens_in_a_passage_are_text(network):
    reranker = models.Reranker(lambda: network, "without a cache")
    tokenizer = reranker.model.tokenizer
    ids = tokenizer("Who pays?", "The tenant. [SEP] Who pays? [CLS]")["input_ids"]
    plain = tokenizer("Who pays?", "The tenant.")["input_ids"]
    special = set(tokenizer.all_special_ids)
    assert [i for i in ids if i in special] == [i for i in plain if i in special]
