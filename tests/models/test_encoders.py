"""The embedder and the reranker: prompts of retrieval models, long texts, scores that do not depend on the batch."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from synthesis.shipped_replies import read_asked, write_file

from labkit import corpus, models, paths, rag
from labkit.corpus import Document
from labkit.models import shipped_replies
from labkit.models.device import of_equal_length


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Copies of MiniLM under other names, with prompts in their configuration or without."""
    import json

    def make(name: str, prompts: dict[str, str] | None = None) -> Path:
        copy = tmp_path_factory.mktemp("hub") / name
        shutil.copytree(models.minilm_path(), copy, copy_function=os.symlink)
        settings = copy / "config_sentence_transformers.json"
        if prompts:
            known = json.loads(settings.read_text())
            settings.unlink()
            settings.write_text(json.dumps(known | {"prompts": prompts}))
        return copy

    return make


BGE = "Represent this sentence for searching relevant passages: "
CASES = [
    ("bge-small-en-v1.5", None, BGE, ""),
    ("bge-base-en", None, BGE, ""),
    ("e5-small-v2", None, "query: ", "passage: "),
    ("multilingual-e5-base", None, "query: ", "passage: "),
    ("arctic", {"query": "Q: ", "document": ""}, "Q: ", ""),
    ("gemma", {"query": "task: search | query: ", "document": "title: none | text: "},
     "task: search | query: ", "title: none | text: "),
    ("bge-small-en-v1.5", {"query": "my own: ", "document": ""}, "my own: ", ""),
    ("all-mpnet-base-v2", None, "", ""),
    ("bge-m3", None, "", ""),
    ("someone-e5-smaller", None, "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "prompts", "query", "document"), CASES)
def test_questions_and_passages_get_the_models_own_prompts(folder, embedder, name, prompts, query, document):
    theirs = models.load_embedder(folder(name, prompts))
    text = "Who pays the rent?"
    plain = embedder.model.encode([query + text, document + text], normalize_embeddings=True)
    assert theirs.encode([text], query=True)[0] == pytest.approx(plain[0], abs=2e-2)
    assert theirs.encode([text])[0] == pytest.approx(plain[1], abs=2e-2)
    near = float(theirs.encode([text], query=True)[0] @ theirs.encode([text])[0])
    assert (near > 0.9999) == (query == document)


def test_the_prompt_reaches_every_search(folder):
    theirs = models.load_embedder(folder("e5-small-v2"))
    chunks = rag.chunk([Document("a", "Lease", "The tenant pays.", {}), Document("b", "Loan", "The bank pays.", {})])
    index, question = rag.VectorIndex(chunks, theirs), "Who pays?"
    wanted = theirs.encode([question], query=True)[0] @ index.vectors.T
    scores = {h.node.node_id: h.score for h in index.retrieve([question], 2)[0]}
    assert [scores[c.node_id] for c in chunks] == pytest.approx(wanted.tolist(), abs=1e-5)
    hits = index.llama_index().as_retriever(similarity_top_k=2).retrieve(question)
    assert sorted(h.score or 0 for h in hits) == pytest.approx(sorted(wanted.tolist()), abs=1e-5)
    reranked = rag.stages.process(rag.EmbedderRerank(theirs), rag.retrieval.bundles([question]), [hits])[0]
    assert sorted(h.score or 0 for h in reranked) == pytest.approx(sorted(wanted.tolist()), abs=1e-5)


def test_a_made_up_passage_is_embedded_as_a_passage(folder):
    from llama_index.core.schema import QueryBundle

    theirs = models.load_embedder(folder("e5-small-v2"))
    index = rag.VectorIndex(rag.chunk([Document("a", "Lease", "The tenant pays.", {})]), theirs)
    query = QueryBundle("Who pays?", custom_embedding_strs=["The tenant pays."])
    assert index.retrieve([query], 1)[0][0].score == pytest.approx(1.0, abs=1e-5)


def test_plain_models_embed_questions_and_passages_alike(embedder):
    texts = ["Who pays the rent?", "The tenant pays."]
    assert (embedder.encode(texts, query=True) == embedder.encode(texts)).all()


def test_llama_index_embeddings_are_asked_for_questions_as_questions():
    from llama_index.core.embeddings import BaseEmbedding

    class Instructed(BaseEmbedding):
        def _get_text_embedding(self, text: str) -> list[float]:
            return [2.0, 0.0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return [0.0, 3.0]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    theirs = models.embedder_from_llama_index(Instructed(model_name="instructed"))
    assert theirs.encode(["x", "y"]).tolist() == [[1, 0], [1, 0]]
    assert theirs.encode(["x", "y"], query=True).tolist() == [[0, 1], [0, 1]]
    assert theirs.encode([]).shape == (0, 2)


def test_a_vector_does_not_depend_on_the_texts_embedded_with_it(embedder):
    chunks = rag.clauses_with_headers(corpus.load_documents("dev"))[:200]
    questions = [q.question for q in corpus.load_questions("dev")][:48]

    def fresh() -> models.Embedder:
        return models.Embedder(lambda: embedder.model, embedder.name, cached=False)

    together = fresh().encode(questions)
    alone = np.concatenate([fresh().encode([q]) for q in questions])
    among_passages = fresh().encode([*(rag.text_of(c) for c in chunks), *questions])[len(chunks) :]
    index = rag.VectorIndex(chunks, embedder, joined=False)
    wanted = np.argsort(-(together @ index.vectors.T), axis=1, kind="stable")
    for vectors in (alone, among_passages):
        assert np.abs(vectors - together).max() <= 1e-6
        assert (np.argsort(-(vectors @ index.vectors.T), axis=1, kind="stable") == wanted).all()


def test_texts_are_grouped_by_their_tokens(embedder):
    texts = ["Who pays?", "", "The tenant pays the rent.", "Who pays?", "Who paid?"]
    groups = of_equal_length(embedder.model.tokenizer, [(text,) for text in texts])
    assert groups == [[1], [0, 3, 4], [2]]
    pairs = of_equal_length(embedder.model.tokenizer, [("Who pays?", "rent"), ("Who?", "pays rent"), ("Who?", "rent")])
    assert pairs == [[2], [0, 1]]
    assert of_equal_length(None, [("a",), ("b c",)]) == [[0, 1]]
    assert of_equal_length(embedder.model.tokenizer, []) == []


FILLER = "The parties confirm that the schedules form part of this agreement and are binding on them. "


@pytest.mark.parametrize("times", [16, 30, 60])
def test_what_stands_beyond_the_window_is_found_all_the_same(embedder, times):
    ending = "The penalty for late delivery of penguins is seven herrings a day. " * 3
    long = Document("long", "Long", FILLER * times + ending, {})
    other = Document("other", "Other", FILLER * times, {})
    chunks = rag.chunk([other, long], tokens=5000)
    assert len(chunks) == 2
    [hits] = rag.VectorIndex(chunks, embedder).retrieve(["What is the penalty for late penguins?"], 2)
    assert hits[0].node.metadata["document"] == "long" and hits[0].score > hits[1].score + 0.02


def test_the_parts_of_a_long_text_fit_and_cover_it(embedder):
    texts = [FILLER, FILLER * 40, "", "word " * 254, "word " * 255, "x" * 5000, "\N{SNOWMAN} " * 700]
    parts = embedder._parts(texts, "")
    assert [len(row) for row in parts[:1] + parts[2:5]] == [1, 1, 1, 2]
    for text, row in zip(texts, parts, strict=True):
        assert "".join(row) == text
        assert all(len(embedder.model.tokenizer(part)["input_ids"]) <= 256 for part in row)
    vectors = embedder.encode(texts)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-5)


def test_a_text_within_the_window_is_embedded_as_the_network_does(embedder):
    text = FILLER * 10
    alone = embedder.model.encode([text], normalize_embeddings=True)[0]
    assert embedder.encode([text])[0] @ alone > 0.9999


def test_special_tokens_in_a_text_are_text(embedder):
    ids = embedder.model.tokenizer("The tenant pays. [SEP] [MASK] [CLS]")["input_ids"]
    special = [i for i in ids if i in embedder.model.tokenizer.all_special_ids]
    assert special == [ids[0], ids[-1]] and len(ids) > 12
    one, other = embedder.encode(["The tenant pays.", "The tenant pays. [PAD] [PAD] [PAD]"])
    assert not np.allclose(one, other, atol=1e-3)


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
