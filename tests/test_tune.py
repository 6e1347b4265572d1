"""Training of the reranker on a few pairs made here."""

from __future__ import annotations

import copy
import json
from dataclasses import replace

import pytest
from test_bench import DOCUMENTS, TEXTS, question

from labkit import corpus, models, paths, prompts, rag, tune
from labkit.corpus import Span

FOUND = [
    [(Span(name, 0, len(text)), text) for name, text in sorted(TEXTS.items(), key=lambda row, a=asked: row[0] != a)]
    for asked in TEXTS
]
QUESTIONS = [question(name) for name in TEXTS]


def test_pairs_hold_the_evidence_and_hard_negatives():
    made = tune.pairs(QUESTIONS, FOUND, negatives=2)
    assert sum(p.label for p in made) == len(QUESTIONS) and len(made) == 3 * len(QUESTIONS)
    assert all((p.question.rstrip("?").split()[-1] in p.passage) == bool(p.label) for p in made)
    assert made == tune.pairs(QUESTIONS, FOUND, negatives=2)
    with pytest.raises(ValueError, match="search for each"):
        tune.pairs(QUESTIONS, FOUND[:1])
    with pytest.raises(ValueError, match="search deeper"):
        tune.pairs(QUESTIONS, [rows[1:] for rows in FOUND])


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    made = tune.pairs(QUESTIONS, FOUND, negatives=3) * 6
    return tune.train_reranker(made, tmp_path_factory.mktemp("adapter"), epochs=4, learning_rate=3e-3, batch_size=16)


def test_the_embedder_learns_and_orders_what_was_found(tmp_path):
    made = tune.triplets(QUESTIONS, FOUND)
    assert [(t.question, t.right) for t in made] == [
        (q.question, rows[0][1]) for q, rows in zip(QUESTIONS, FOUND, strict=True)
    ]
    assert all(t.right != t.wrong for t in made)
    adapter = tune.train_embedder(made * 8, tmp_path, epochs=2, learning_rate=2e-3, batch_size=4)
    assert (adapter / "adapter_model.safetensors").stat().st_size < 3e6
    assert "/" not in json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"]
    plain, tuned = models.load_embedder(), models.load_tuned_embedder(adapter)
    texts = sorted(TEXTS.values())
    asked = [q.question for q in QUESTIONS]

    def margin(embedder):
        scores = embedder.encode(asked) @ embedder.encode([f"{t} x" for t in texts]).T
        return float(sum(scores[i, i] - (scores[i].sum() - scores[i, i]) / 3 for i in range(4)))

    assert margin(tuned) > margin(plain)
    index = rag.VectorIndex(rag.chunk(DOCUMENTS), plain)
    pipeline = rag.Pipeline(index, None, post=[rag.EmbedderRerank(tuned, depth=2)], top_k=2)
    found = pipeline.retrieve(asked)
    assert [h[0].node.metadata["document"] for h in found] == [q.id for q in QUESTIONS]
    with pytest.raises(FileNotFoundError, match="train_embedder"):
        models.load_tuned_embedder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="search for each"):
        tune.triplets(QUESTIONS, FOUND[:1])


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


def test_the_reranker_learns_and_is_saved_as_a_small_adapter(adapter):
    size = (adapter / "adapter_model.safetensors").stat().st_size
    assert size < 3e6 and not list(adapter.glob("*.bin"))
    reranker = models.load_tuned_reranker(adapter)
    pairs = [(q.question, text) for q, rows in zip(QUESTIONS, FOUND, strict=True) for _, text in rows]
    scores = reranker.score(pairs)
    right = scores.reshape(4, 4)[:, 0]
    assert right.mean() > scores.reshape(4, 4)[:, 1:].mean()
    again = models.load_tuned_reranker(adapter)
    assert again.score(pairs).tolist() == scores.tolist()


def test_scores_are_kept_on_disk_and_depend_on_the_adapter(adapter):
    reranker = models.load_tuned_reranker(adapter)
    pair = (QUESTIONS[0].question, FOUND[0][0][1])
    first = reranker.score([pair])

    class Broken:
        def predict(self, *_, **__):
            raise AssertionError("asked again")

    kept = models.Reranker(Broken, "x", fingerprint=reranker.fingerprint)
    assert kept.score([pair]).tolist() == first.tolist()
    with pytest.raises(AssertionError, match="asked again"):
        models.Reranker(Broken, "x", fingerprint="other").score([pair])


def test_it_reranks_in_a_pipeline(adapter):
    from test_bench import DOCUMENTS, Copying

    index = rag.BM25Index(rag.chunk(DOCUMENTS))
    pipeline = rag.Pipeline(index, Copying(), post=[rag.Rerank(models.load_tuned_reranker(adapter), depth=2)], top_k=1)
    result = pipeline.ask("How long is the term of cedar?")
    assert [s.stage for s in result.trace] == ["BM25Index", "Rerank", "answer"]


def test_nothing_to_train_on_and_nothing_to_load_are_errors(tmp_path):
    with pytest.raises(ValueError, match="no pairs"):
        tune.train_reranker([], tmp_path)
    with pytest.raises(FileNotFoundError, match="train one"):
        models.load_tuned_reranker(tmp_path)
    with pytest.raises(ValueError, match="reranker"):
        models.load_reranker(tmp_path)


def test_the_reader_learns_replies_and_keeps_its_weights(tmp_path, reader):
    """A reply that no training gave it, learned by an adapter, merged on loading; the reader itself stays."""
    import torch

    chats = [tune.Chat(tuple(prompts.closed_book_messages("What is the code of the door?")), "blue one")]
    before = reader.model.state_dict()["model.embed_tokens.weight"].clone()
    base = models.load_generator()
    folder = tune.train_generator(chats * 16, tmp_path / "doors", base, epochs=8, batch_size=4, learning_rate=5e-3)
    tuned = models.load_tuned(folder)
    assert tuned.generate([c.messages for c in chats]) == [c.reply for c in chats]
    assert reader.generate([c.messages for c in chats]) != [c.reply for c in chats]
    assert torch.equal(reader.model.state_dict()["model.embed_tokens.weight"], before)
    assert (folder / "adapter_model.safetensors").stat().st_size < 4e6
    with pytest.raises(ValueError, match="no chats"):
        tune.train_generator([], tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="no adapter"):
        models.load_tuned(tmp_path / "none")


def test_an_adapter_of_another_model_says_which_it_needs(reader):
    from transformers import GPT2Config, GPT2LMHeadModel

    config = copy.deepcopy(reader.model.config)
    config.hidden_size //= 2
    # Other sizes, and layers of other names.
    for network in (type(reader.model)(config), GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=24, n_layer=2))):
        other = replace(reader, model=network, name="other")
        with pytest.raises(ValueError, match=r"does not fit 'other'.*load_generator\('reader'\)"):
            models.load_tuned(paths.adapter("extractor"), other)
