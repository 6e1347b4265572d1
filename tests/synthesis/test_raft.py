"""RAFT's examples: what the passages support is what is learned; and what models that know facts by heart are asked."""

from __future__ import annotations

import pickle
import random

import pytest
from synthesis import raft, rounds

from labkit import corpus, metrics, prompts, rag
from labkit.prompts import REFUSAL


@pytest.fixture(scope="module")
def asked():
    return [q for q in corpus.load_questions("train", "lookup") if q.followup is None][:3]


@pytest.fixture(scope="module")
def texts():
    return corpus.load_documents("train"), corpus.contract_records()


def example(question, spans, texts, chance):
    gold = rag.task_prompt(question, *texts)
    found = prompts.answer_messages(question.question, [prompts.Passage("found", "passage")])
    rng = random.Random()
    rng.random = lambda: chance
    return raft._with_found(question, gold, found, spans, rng), gold, tuple(found)


def test_evidence_that_was_found_is_answered_and_cited(asked, texts):
    question, other = asked[0], asked[1].evidence
    chat, _, found = example(question, [*other, *question.evidence], texts, chance=0.0)
    assert chat.messages == found and chat.reply == f"{question.answer} [2]"


def test_evidence_that_was_not_found_is_put_in_or_learned_as_a_refusal(asked, texts):
    question, other = asked[0], asked[1].evidence
    put_in, gold, _ = example(question, other, texts, chance=raft.PUT_IN - 0.01)
    assert (put_in.messages, put_in.reply) == (gold.messages, gold.reply)
    left_out, _, found = example(question, other, texts, chance=raft.PUT_IN)
    assert (left_out.messages, left_out.reply) == (found, REFUSAL)


def test_what_no_contract_says_is_learned_as_a_refusal(texts):
    question = next(q for q in corpus.load_questions("train", "unanswerable") if q.followup is None)
    chat, _, found = example(question, question.evidence, texts, chance=0.0)
    assert (chat.messages, chat.reply) == (found, REFUSAL)


def test_amended_facts_are_asked_with_the_amendment_and_with_both(texts):
    facts = rounds.facts()
    made = raft.amended(facts)
    assert len({len(group) for group in made.values()}) == 1 and len(made["amended"]) >= 15
    for alone, both in zip(made["amended"], made["amended with both"], strict=True):
        (evidence,) = alone.question.evidence
        assert any(metrics.covers(span, evidence) for span in alone.places)
        documents = [span.document for span in both.places]
        assert evidence.document in documents and alone.question.documents[0] in documents
        assert alone.question.documents[0] not in [span.document for span in alone.places]


def test_a_substituted_value_stands_in_the_passage_and_is_the_answer():
    made = raft.substituted(rounds.facts())
    assert len(made) >= 20 and len({t.question.cluster for t in made}) >= 6
    own = {f.asked["report"][0].id: f.asked["report"][0] for f in rounds.facts() if f.round == 0}
    for task in made:
        old = own[task.question.id]
        assert not metrics.exact_match(task.question.answer, old.accepted())
        assert task.question.answer in task.messages[-1]["content"] and task.reply.startswith(task.question.answer)


def test_models_on_models(tmp_path):
    out = tmp_path / "raft"
    sft = tmp_path / "lora-lr0.001-s1"
    assert raft.stack(out, "SFT 1") == [sft] and raft.stack(out, "RAFT 1") == [sft, out / "RAFT 1"]
    assert raft.stack(out, "reader") == [] and raft.stack(out, "facts, RAFT") == [out / "facts, RAFT"]


@pytest.mark.parametrize(
    ("name", "sets"),
    [
        ("reader", {"best new", "best seen", "gold new", "amended"}),
        ("SFT 0", {"best new", "best seen", "gold new", "amended"}),
        ("SFT 2", {"best new", "gold new"}),
        ("version 0", {"gold new", "amended"}),
    ],
)
def test_further_seeds_and_models_by_heart_are_asked_less(tmp_path, monkeypatch, name, sets):
    monkeypatch.setattr(raft, "load", lambda _: None)
    monkeypatch.setattr(raft.finetuning, "replies", lambda _, asked: set(asked))
    monkeypatch.setattr(raft.finetuning, "score", lambda *_: {})
    raft.run(tmp_path, name, {}, dict.fromkeys(["best new", "best seen", "gold new", "amended"], ()))
    assert pickle.loads((tmp_path / f"{name}.replies.pickle").read_bytes()) == sets
