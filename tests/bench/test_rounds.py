"""The rounds that come with the course: what is known when, and replies scored by the value that held then."""

from __future__ import annotations

import pytest

from labkit import bench, corpus, stats
from labkit.bench.rounds import RoundFact


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
