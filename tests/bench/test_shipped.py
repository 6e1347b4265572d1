"""What comes with the course is what its models give."""

from __future__ import annotations

import shutil

import pytest

from labkit import bench, corpus, models, paths, rag
from labkit.bench import shipped as module


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
        ("finetuning/everyday.jsonl", bench.everyday_questions),
        ("finetuning/lora-lr0.001-s0.jsonl.xz", bench.shipped_tuning),
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


@pytest.fixture(scope="module")
def tuned():
    return bench.shipped_tuning()


def test_seeds_of_one_training_stand_together(tuned):
    """Models as they are come first; a label names what is special, and its seeds differ in nothing else."""
    assert next(iter(tuned)) == "SmolLM2" and list(tuned).index("LoRA") < list(tuned).index("QLoRA")
    for label, group in tuned.items():
        assert [t.settings["seed"] for t in group] == sorted({t.settings["seed"] for t in group})
        assert len({repr({**t.settings, "seed": 0}) for t in group}) == 1, label


def test_labels_say_what_was_done():
    plain = dict(method="lora", share=1.0, rank=8, sources=module.SOURCES, model="reader")
    assert module._label(plain) == "LoRA" and module._label(plain | {"method": "none"}) == "reader"
    assert module._label(plain | {"share": 1 / 32}) == "LoRA, 1/32 of the examples"
    assert module._label(plain | {"rank": 2, "sources": ["questions"]}).startswith("LoRA, rank 2, no refusals")


def test_every_tuned_model_was_asked_the_same(tuned):
    """A point of the learning curve only a part of it."""
    whole = {name: list(rows) for name, rows in tuned["LoRA"][0].replies.items()}
    for group in tuned.values():
        for each in group:
            asked = {name: list(rows) for name, rows in each.replies.items()}
            assert asked == whole or each.settings["share"] < 1
            assert all(set(rows) <= set(whole[name]) for name, rows in asked.items())


def test_a_run_scores_what_was_replied(tuned):
    run = tuned["LoRA"][0].run("gold new", lambda q: q.task == "lookup")
    assert {q.task for q in run.questions} == {"lookup"} and len(run.questions) == len(run.answers)
    documents, records = corpus.load_documents(), corpus.contract_records()
    for question, result, score in list(zip(run.questions, run.results, run.answers, strict=True))[:3]:
        full = rag.score_task(rag.task_prompt(question, documents, records), result.reply)
        assert (full.exact_match, full.token_f1, full.refused) == (score.exact_match, score.token_f1, score.refused)
    with pytest.raises(KeyError, match="choose one of gold new"):
        tuned["LoRA"][0].run("gold")


def test_everyday_questions_quote_their_contracts():
    asked, texts = bench.everyday_questions(), {d.id: d for d in corpus.load_documents()}
    assert len(asked) == 60 and {q.task for q in asked} == {"lookup", "unanswerable"}
    assert all((q.answer is None) == (not q.evidence) for q in asked)
    assert all(q.answer in texts[q.documents[0]].quote(q.evidence[0]) for q in asked if q.id == "everyday-01")
