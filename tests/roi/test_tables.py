"""Tables of the ROI model: figures with their tags, the comparison, curves, tornado and decision map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from labkit import roi
from labkit.roi.tables import EVEN, NET


@pytest.fixture
def arms(arm):
    return [
        arm(0.8, 0.1, name="RAG", facts="index"),
        arm(0.85, 0.1, name="SFT", facts="weights", training_seconds=3600, prompt_tokens=100),
        arm(0.5, 0.1, name="as it is"),
    ]


def test_every_figure_has_a_unit_and_a_tag(arms, assumed, prices, answers):
    rows = roi.figures([*arms, roi.measured_arm("measured", answers(0.6, 0.2), data="a")], assumed, prices)
    assert (rows["unit"] != "").all() and (rows["text"] != "").all()
    assert set(rows["tag"]) == {"measured", "derived", "assumed", "quoted"}
    measured = rows[rows["arm"] == "measured"]
    assert set(measured.loc[measured["tag"] == "measured", "figure"]) >= {"right", "wrong", "refused", "seconds"}
    assert (measured.loc[measured["tag"] == "measured", "source"] == "200 questions, 20 contracts").all()
    # What nobody measured is called assumed, though it belongs to an arm.
    assert "measured" not in set(rows.loc[rows["arm"] == "RAG", "tag"])
    price = rows[rows["figure"].str.startswith("person: ")].iloc[0]
    assert (price["value"], price["unit"], price["source"]) == (30, "USD by the hour", "a list, January 2026")
    assert price["tag"] == "quoted"
    worth = rows[rows["figure"].str.startswith("value: ")].iloc[0]
    assert (worth["value"], worth["unit"], worth["tag"]) == (10, "USD", "assumed")


def test_a_figure_that_is_not_from_the_answers_says_where_it_is_from(answers, assumed, prices):
    said = {"seconds": ("derived", "another machine's, halved")}
    rows = roi.figures([roi.measured_arm("SFT", answers(0.6, 0.2), sources=said)], assumed, prices).set_index("figure")
    assert tuple(rows.loc["seconds", ["tag", "source"]]) == said["seconds"]
    assert rows.loc["prompt_tokens", "tag"] == "measured"


def test_the_summary_begins_with_the_best(arms, assumed, prices):
    table = roi.summary(arms, assumed, prices)
    nets = {a.name: roi.net_benefit(a, assumed, prices)[0] for a in arms}
    assert table["arm"].tolist() == sorted(nets, key=lambda name: -nets[name]) and len(table.columns) <= 6
    assert table.set_index("arm").loc["as it is", EVEN] == "never"
    assert table.set_index("arm").loc["RAG", f"{NET}, USD"].startswith("4,700 [")


def test_the_verdict_says_who_wins_and_whether_that_is_certain(arms, arm, assumed, prices):
    certain = [arm(0.8, 0.1, width=0.01, name="RAG"), arm(0.6, 0.1, width=0.01, name="worse")]
    said = roi.verdict(certain, assumed, prices)
    assert said.startswith("At 50 questions a day over 100 days RAG brings most: USD 4,700 [") and said.endswith(
        "people would."
    )
    assert roi.verdict(arms, assumed, prices).endswith("RAG; the measurement does not tell these two apart.")
    none = roi.verdict([arms[2]], assumed, prices)
    assert "no arm pays as measured: people bring USD" in none and none.endswith("more than as it is.")
    unsure = roi.verdict([arm(0.74, 0.1, width=0.05, name="RAG")], assumed, prices)
    assert "RAG brings most" in unsure and unsure.endswith("does not exclude that people bring more.")
    close = roi.verdict([arm(0.72, 0.1, width=0.05, name="RAG")], assumed, prices)
    assert "no arm pays as measured" in close and close.endswith("does not exclude that RAG pays.")


def test_without_an_interval_nothing_is_told_apart(answers, assumed, prices):
    few = roi.measured_arm("few", answers(0.9, 0.05, contracts=3), paid="tokens")
    assert "too few documents" in roi.verdict([few], assumed, prices)
    near = roi.measured_arm("near", answers(0.85, 0.05, contracts=3), paid="tokens")
    far = roi.measured_arm("far", answers(0.3, 0.05, contracts=3), paid="tokens")
    assert "rival, near" in roi.verdict([few, far, near], assumed, prices)
    assert not roi.decision_map([few], assumed, prices, [10], [1])["decided"].any()


def test_curves_begin_with_the_set_up_and_end_with_the_net_benefit(arms, assumed, prices):
    curve = roi.horizon_curves(arms, assumed, prices).query("arm == 'RAG'")
    assert curve["value"].iloc[-1] == pytest.approx(roi.net_benefit(arms[0], assumed, prices)[0])
    assert curve["value"].iloc[0] == pytest.approx(50 * 100 / 60 * 1.0 - 300)
    assert (curve["low"] <= curve["value"]).all() and (curve["value"] <= curve["high"]).all()


def test_the_tornado_changes_one_figure_at_a_time_the_widest_first(arms, assumed, prices):
    table = roi.tornado(arms, assumed, prices)
    width = (table["at_high"] - table["at_low"]).abs()
    assert (width.diff().dropna() <= 0).all() and (width > 0).all()
    rows = table.set_index("figure")
    best = max(arms, key=lambda a: roi.net_benefit(a, assumed, prices)[0])
    doubled = roi.net_benefit(best, replace(assumed, person_minutes=12), prices)[0]
    assert (rows.loc["person_minutes", "low"], rows.loc["person_minutes", "at_high"]) == (3, pytest.approx(doubled))
    assert (rows.loc["person", "low"], rows.loc["person", "high"]) == (15, 60)
    assert not {"days", "per_day"} & set(rows.index)
    said = {"person_minutes": "person's time for an answer (minutes)", "loss": "further loss from a wrong answer (USD)",
            "prompt": "prompt (USD)"}  # fmt: skip
    assert rows.loc[list(said), "what"].to_dict() == said


def test_the_tornado_names_another_choice_where_it_is_people_or_decided(arm, assumed, prices):
    def choices(width, figure, other=0.80, **changes):
        arms = [arm(0.8, 0.1, width=width, name="RAG"), arm(other, 0.1, width=width, name="long", reply_tokens=20)]
        row = roi.tornado(arms, replace(assumed, **changes), prices).set_index("figure").loc[figure]
        return row["best_low"], row["best_now"], row["best_high"]

    # At half the minutes people are best; at half the price of a reply the arm of long replies, if it is decided.
    assert choices(0.05, "person_minutes", person_minutes=5) == (roi.PEOPLE, "RAG", "RAG")
    assert choices(0.0, "reply", other=0.805) == ("long", "RAG", "RAG")
    assert choices(0.05, "reply", other=0.805) == ("RAG", "RAG", "RAG")


def test_the_map_has_a_region_for_each_winner_and_marks_what_is_not_decided(arm, assumed, prices):
    arms = [
        arm(0.78, 0.1, width=0.01, name="RAG", facts="index"),
        arm(0.88, 0.1, width=0.01, name="SFT", facts="weights", training_seconds=3600),
    ]
    case = replace(assumed, labelling_hours=100, index_days=1, training_days=90)
    cells = roi.decision_map(arms, case, prices, np.geomspace(1, 1000, 13), np.geomspace(0.01, 5, 9))
    assert set(cells["winner"]) == {"RAG", "SFT", roi.PEOPLE} and set(cells["decided"]) == {True, False}
    assert (cells["pays"] <= (cells["winner"] != roi.PEOPLE)).all() and set(cells["pays"]) == {True, False}
    few = cells[cells["per_day"] == 1]
    assert set(few["winner"]) == {roi.PEOPLE} and few["decided"].all()
    corner = cells.iloc[-1]  # many questions and facts that change often
    assert corner["winner"] == "RAG" and corner["rival"] in ("SFT", roi.PEOPLE)
    one = cells[cells["decided"]].iloc[-1]
    there = replace(case, per_day=one["per_day"], changes_per_year=one["changes_per_year"])
    nets = {a.name: roi.net_benefit(a, there, prices) for a in arms} | {roi.PEOPLE: 0.0}
    lead = nets[one["winner"]] - nets[one["rival"]]
    assert lead[0] == pytest.approx(one["lead"]) and np.quantile(lead[1:], 0.025) > 0


def test_another_price_or_assumption_changes_the_answer(arms, assumed, prices):
    before = roi.verdict(arms, assumed, prices)
    for values in ({"person": 60}, {"prompt": 1000}, {"loss": 50, "machine": 3}):
        new = roi.changed(assumed, prices, values)
        assert roi.verdict(arms, *new) != before
    assert prices["person"]["amount"] == 30 and assumed.loss == 5
    with pytest.raises(ValueError, match=r"no figure 'lost'.*value"):
        roi.changed(assumed, prices, {"lost": 1})
    with pytest.raises(ValueError, match="'person' is -1"):
        roi.changed(assumed, prices, {"person": -1})


def test_arms_that_do_not_belong_together_are_refused(arms, assumed, prices):
    for make in (roi.summary, roi.verdict, roi.horizon_curves, roi.tornado, roi.decision_map):
        with pytest.raises(ValueError, match="at least one arm"):
            make([], assumed, prices)
