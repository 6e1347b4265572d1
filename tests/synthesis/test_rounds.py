"""The rounds: facts hold when they should, wordings are kept apart, corrections are taught, and the gate decides."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from synthesis import rounds

from labkit import corpus, feedback, rag
from labkit.prompts import REFUSAL
from labkit.replies import Answer


@pytest.fixture(scope="module")
def known():
    return rounds.facts()


def test_facts_are_those_of_the_contracts(known):
    records = {r["id"]: r for r in corpus.contract_records()}
    texts = {d.id: d.text for d in corpus.load_documents("train")}
    for fact in known:
        question = fact.asked["report"][0]
        (place,) = question.evidence
        record = records[place.document]
        assert record["round"] == fact.round and record["split"] == "train"
        assert question.answer in {clause["value"] for clause in record["clauses"]}
        assert texts[place.document][place.start : place.end].strip()
        assert fact.amends == (record["amends"] is not None and records[record["amends"]]["round"] < fact.round)


def test_what_an_amendment_changes_no_longer_holds(known):
    changed = [f for f in known if f.replaced is not None]
    assert len(changed) >= 30
    for fact in changed:
        name = fact.id.partition("@")[0]
        (later,) = [f for f in known if f.id == f"{name}@{fact.replaced}"]
        assert later.amends and not fact.holds(fact.replaced) and later.holds(fact.replaced)
        assert fact.holds(fact.replaced - 1) and not later.holds(fact.replaced - 1)
    assert {f.round for f in known} == {0, 1, 2, 3}


def test_wordings_of_training_gate_and_report_are_kept_apart(known):
    wordings = {use: {q.wording for f in known for q in f.asked[use]} for use in rounds.WORDINGS}
    texts = {use: {q.question for f in known for q in f.asked[use]} for use in rounds.WORDINGS}
    for one, other in (("train", "gate"), ("train", "report"), ("gate", "report")):
        assert not wordings[one] & wordings[other] and not texts[one] & texts[other]


class Says:
    """A model or a pipeline that says the same to everything."""

    def __init__(self, *texts):
        self.texts, self.calls = texts, 0

    def generate(self, chats):
        return [self.texts[0] for _ in chats]

    def run(self, questions):
        self.calls += 1
        text = self.texts[min(self.calls, len(self.texts)) - 1]
        return [rag.Result(q, (), 0, text, Answer(text, (), text == REFUSAL), 0) for q in questions]


def test_people_correct_some_and_the_model_what_it_says_twice(known, monkeypatch):
    monkeypatch.setattr(rounds, "SLIPS", 0.0)
    arrived = [f for f in known if f.round in (1, 2)][:40]
    comparisons, judgements = rounds.corrected(Says("nonsense"), Says("also nonsense"), arrived)
    assert len(comparisons) == len(judgements) == 40
    assert Counter(j.rater for j in judgements) == {"simulated careful": 15, "reader, two wordings": 25}
    right = {f.id: f.asked["train"][0].answer for f in arrived}
    for judgement in judgements:
        if judgement.rater == "simulated careful":
            assert judgement.verdict == "both_bad" and judgement.edited == right[judgement.comparison]
        else:
            assert judgement.verdict == "second" and judgement.edited is None
    _, judgements = rounds.corrected(Says("nonsense"), Says("one thing", "another thing"), arrived)
    assert {j.verdict for j in judgements if j.rater != "simulated careful"} == {"tie"}
    _, judgements = rounds.corrected(Says("nonsense"), Says(REFUSAL), arrived)
    assert {j.verdict for j in judgements if j.rater != "simulated careful"} == {"tie"}


def test_what_is_right_is_no_failure(known):
    fact = next(f for f in known if f.round == 2)
    assert rounds.corrected(Says(fact.asked["train"][0].answer), Says("x"), [fact]) == ([], [])


def test_a_correction_is_taught_in_every_wording(known):
    fact = next(f for f in known if f.round == 1)
    comparisons, judgements = rounds.corrected(Says("nonsense"), Says("x"), [fact])
    learned = rounds.lessons(known, comparisons, judgements)
    wordings = [chat.messages[-1]["content"] for chat in learned]
    assert wordings == [f"Question: {q.question}" for q in fact.asked["train"]] and len(wordings) == 32
    assert {chat.reply for chat in learned} <= {fact.asked["train"][0].answer, "x"}
    tie = [feedback.Judgement(fact.id, "reader, two wordings", "tie")]
    with pytest.raises(ValueError, match="There is no pair"):
        rounds.lessons(known, comparisons, tie)


def rows(known, right, reading="wrong"):
    """Replies of a version that knows the facts of some rounds, and reads as told."""
    made = {("gate", f.asked["gate"][0].id): "nothing" for f in known}
    made |= {("gate", f.asked["gate"][0].id): f.asked["gate"][0].answer for f in known if f.round in right}
    for question in corpus.load_questions("dev", half="seen"):
        if question.task in ("lookup", "unanswerable"):
            name = "gate reading" if question.task == "lookup" else "gate refusals"
            made[name, question.id] = (question.answer or REFUSAL) if reading == "right" else "nothing"
    return [[*key, reply] for key, reply in made.items()]


def test_the_gate_releases_what_learns_and_forgets_nothing(known):
    kept = [replace(f, replaced=None) for f in known if f.replaced is None]
    before = rows(kept, {0}, "right")
    assert rounds.gate(rows(kept, {0, 1}, "right"), before, kept, 1)["released"]
    learned_nothing = rounds.gate(before, before, kept, 1)
    assert not learned_nothing["released"] and learned_nothing["worse"] == []
    assert rounds.gate(rows(kept, {1}, "right"), before, kept, 1)["worse"] == ["old facts"]
    worse = rounds.gate(rows(kept, {0, 1}, "wrong"), before, kept, 1)
    assert set(worse["worse"]) == {"reading", "refusals"} and not worse["released"]
