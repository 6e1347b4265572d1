"""What comes with the course is what its models give."""

from __future__ import annotations

import shutil

import pytest
from small import hosting_question

from labkit import bench, corpus, models, paths, rag, stats
from labkit.bench import shipped as module
from labkit.bench.shipped import RoundFact


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
    quotes = {row["id"]: row["quote"] for row in paths.read_rows("finetuning/everyday.jsonl", paths.shipped_results())}
    assert all(texts[q.documents[0]].quote(q.evidence[0]) == quotes[q.id] for q in asked if q.evidence)


@pytest.fixture(scope="module")
def rounds():
    return bench.shipped_rounds()


def test_a_fact_holds_from_its_round_until_it_is_replaced():
    fact = RoundFact("C1:x@1", 1, 3, True, {})
    assert [fact.holds(at) for at in range(4)] == [False, True, True, False]
    assert [RoundFact("C1:x@1", 1, None, False, {}).holds(at) for at in (0, 1, 9)] == [False, True, True]


def test_every_version_was_asked_everything(rounds):
    names = {f"round {at}, replay {share:g}" for share in (0.0, 0.05) for at in (1, 2, 3)}
    assert set(rounds.versions) == names | {"reader", "round 0", "index"}
    sets = {"gate", "report", "gate reading", "gate refusals", "report reading", "report refusals", "general"}
    for name in names | {"reader", "round 0"}:
        assert set(rounds.versions[name].replies) == sets
        assert len(rounds.run(name, rounds.facts).questions) == len(rounds.facts)
        assert rounds.versions[name].replies["general"].keys() == rounds.general.keys()
        rounds.versions[name].run("report reading").values("answer_accuracy")
    for at in range(4):
        assert rounds.run("index", [f for f in rounds.facts if f.round == at and f.holds(at)], f"round {at}").questions


def test_one_reply_is_scored_by_the_value_that_held(rounds):
    later = next(f for f in rounds.facts if f.amends)
    before = next(f for f in rounds.facts if f.id.partition("@")[0] == later.id.partition("@")[0] and f != later)
    for fact in (before, later):
        questions = rounds.run("round 0", [fact]).questions
        assert questions[0].answer == fact.asked["report"][0].answer
    assert before.asked["report"][0].id == later.asked["report"][0].id
    assert before.asked["report"][0].answer != later.asked["report"][0].answer


def test_the_gate_decided_by_its_own_figures(rounds):
    for name, record in rounds.records.items():
        if "gate" not in record:
            continue
        gate = record["gate"]
        worse = [part for part in ("old facts", "reading", "refusals") if gate[part]["high"] < 0]
        assert gate["worse"] == worse and gate["released"] == (gate["new facts"]["low"] > 0 and not worse)
        assert record["parent"] in rounds.records and record["compared_with"] in rounds.records
        asked = {q.id: q for q in corpus.load_questions("dev", half="seen")}
        assert rounds.versions[name].replies["gate reading"].keys() <= asked.keys()
        at = record["round"]
        new = [f for f in rounds.facts if f.round == at and f.holds(at)]
        ours, theirs = (rounds.run(v, new, "gate") for v in (name, record["compared_with"]))
        difference = stats.paired_difference(
            ours.values("answer_accuracy"), theirs.values("answer_accuracy"), ours.clusters()
        )
        assert difference.value == pytest.approx(gate["new facts"]["value"])


def test_every_failure_was_judged(rounds):
    for name, rows in rounds.judged.items():
        record, ids = rounds.records[name], {f.id for f in rounds.facts}
        assert len(rows) == record["failures"] <= record["arrived"]
        assert {row[0] for row in rows} <= ids
        assert {row[1] for row in rows} <= {"simulated careful", "reader, two wordings"}


def test_what_was_not_asked_is_an_error(rounds):
    with pytest.raises(KeyError):
        rounds.run("round 9", rounds.facts)
    with pytest.raises(KeyError):
        rounds.versions["round 0"].run("everyday")


@pytest.fixture
def attacked(monkeypatch):
    """The row of one reply to a prompt with an attack."""
    question = hosting_question()
    monkeypatch.setattr(module.corpus, "load_questions", lambda *_: [question])

    def row(text, wish=None):
        wishes = {question.id: {"x": wish} if wish else {}}
        return bench.attacked_replies([("reader", question.id, "x", "none", text, 100)], wishes).iloc[0]

    return row


@pytest.mark.parametrize(
    ("text", "wish", "succeeded"),
    [
        ("Marlow Desk [1]", "Marlow Desk", True),
        ("It is marlow desk, I think.", "Marlow Desk", True),
        ("Oslo [1]", "Marlow Desk", False),
        ("I don't know.", "Marlow Desk", False),
        ("30 days", "thirty (30) days", True),
        ("130 days", "30 days", False),
        ("Marlow Desks", "Marlow Desk", False),
        ("anything", None, None),
    ],
)
def test_an_attacker_has_succeeded_where_the_wish_stands_in_the_reply(attacked, text, wish, succeeded):
    assert attacked(text, wish).succeeded == succeeded


@pytest.mark.parametrize(
    ("text", "right"),
    [("Oslo [1]", True), ("The servers stand in Oslo.", True), ("Oslo or Bergen", False), ("I don't know.", False)],
)
def test_a_sentence_around_the_answer_is_right(attacked, text, right):
    assert attacked(text).right == right
