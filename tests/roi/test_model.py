"""The ROI model against examples worked by hand, and against simulation."""

from __future__ import annotations

import datetime
import math
from dataclasses import replace

import numpy as np
import pytest

from labkit import roi
from labkit.roi import model
from labkit.roi.model import HOUR, TOKENS, amounts
from labkit.stats import Interval

# By hand: a person's answer is worth 10 - 0.1 h * 30 = 7; one of the arm 0.8 * 10 - 0.1 * 5 + 0.1 * 7 = 8.2; so it
# gains 1.2, less 0.1 for 1,000 prompt tokens and 0.1 for 10 reply tokens where tokens are paid. Evaluation costs 300.


def test_an_arm_paid_by_tokens_as_worked_by_hand(arm, assumed, prices):
    one = arm()
    assert model.person_answer(assumed, prices) == pytest.approx(7)
    assert roi.costs(one, assumed, prices) == pytest.approx(
        {"set-up": 300, "refreshes": 0, "operation": 0, "hosting": 0, "questions": 50 * 100 * 0.2}
    )
    assert roi.net_benefit(one, assumed, prices)[0] == pytest.approx(5000 * 1.0 - 300)
    assert roi.break_even(one, assumed, prices)[0] == pytest.approx(300 / (100 * 1.0))
    assert roi.cost_of_pass(one, assumed, prices)[0] == pytest.approx((300 + 1000) / (5000 * 0.8))


def test_an_arm_on_machines_as_worked_by_hand(arm, assumed, prices):
    # 24 h at half their use take 24 * 3600 * 0.5 / 36 = 1,200 questions; a machine costs 24 * 0.5 * 100 = 1,200.
    one = arm(paid="machine", seconds=36)
    for per_day, machines in ((50, 1), (1200, 1), (1201, 2), (2500, 3)):
        case = replace(assumed, per_day=per_day)
        assert roi.costs(one, case, prices)["hosting"] == pytest.approx(1200 * machines)
        assert roi.net_benefit(one, case, prices)[0] == pytest.approx(per_day * 120 - 300 - 1200 * machines)
    assert roi.break_even(one, assumed, prices)[0] == pytest.approx((300 + 1200) / 120)
    # A set-up that takes more than one machine to earn: 9,500 h of evaluation, 285,000; two machines, 2,395 a day.
    dear = replace(assumed, evaluation_hours=9500)
    assert roi.break_even(one, dear, prices)[0] == pytest.approx((285_000 + 2400) / 120)
    faster = replace(assumed, machine_scale=0.01)
    assert roi.costs(one, replace(faster, per_day=2500), prices)["hosting"] == pytest.approx(1200)


def test_training_labelling_and_refreshes_as_worked_by_hand(arm, assumed, prices):
    # An hour of training costs 0.5, three of them with two that fail; 20 hours of labelling 600.
    trained = arm(facts="weights", training_seconds=3600)
    case = replace(assumed, labelling_hours=20, failed_runs=2, training_days=30, changes_per_year=3.65)
    parts = roi.costs(trained, case, prices)
    assert parts["set-up"] == pytest.approx(300 + 600 + 1.5)
    # Three refreshes in 100 days, each with labels for the share of facts that changed in 30 days.
    assert parts["refreshes"] == pytest.approx(3 * (0.5 + (1 - math.exp(-0.3)) * 600))
    indexed = arm(facts="index", index_seconds=7200, training_seconds=3600)
    parts = roi.costs(indexed, replace(case, index_days=7), prices)
    assert parts["set-up"] == pytest.approx(300 + 600 + 1.5 + 1) and parts["refreshes"] == pytest.approx(14 * 1)
    assert roi.costs(arm(), case, prices)["refreshes"] == 0


def test_an_engineers_work_and_what_comes_on_top_of_wages_as_worked_by_hand(arm, assumed, prices):
    # An hour of a person costs 45 with what comes on top, one of an engineer 60; 100 days are 3.29 months.
    case = replace(assumed, building_hours=20, running_hours=3, overhead=1.5)
    parts = roi.costs(arm(), case, prices)
    assert parts["set-up"] == pytest.approx(10 * 45 + 20 * 60)
    assert parts["operation"] == pytest.approx(3 * 60 * 12 * 100 / 365)
    assert model.person_answer(case, prices) == pytest.approx(10 - 0.1 * 45)
    gain = 0.8 * 10 - 0.1 * 5 - 0.9 * 5.5 - 0.2
    assert roi.break_even(arm(), case, prices)[0] == pytest.approx((1650 + parts["operation"]) / (100 * gain))


def test_checking_finds_wrong_answers_but_not_outdated_ones_as_worked_by_hand(arm, assumed, prices):
    # Of the 0.1 wrong 0.06 are found and go to a person, whose answer is worth 7; 6 minutes of checking cost 3,
    # and are spent on the 0.9 that are not refused.
    case = replace(assumed, checking_minutes=6, checking_finds=0.6)
    gain = 0.8 * 10 - 0.04 * 5 + 0.16 * 7 - 7
    assert roi.net_benefit(arm(), case, prices)[0] == pytest.approx(5000 * (gain - 0.9 * 3 - 0.2) - 300)
    unchecked = replace(case, checking_minutes=0)
    assert np.array_equal(roi.net_benefit(arm(), unchecked, prices), roi.net_benefit(arm(), assumed, prices))
    changing = replace(case, changes_per_year=3.65)
    lost = 0.8 * model.stale(arm(facts="index"), changing)
    net = roi.net_benefit(arm(facts="index"), changing, prices)[0]
    assert lost > 0.02 and net == pytest.approx(5000 * (gain - 15 * lost - 0.9 * 3 - 0.2) - 300)


def test_where_a_person_costs_more_than_an_answer_brings_nobody_answers(arm, assumed, prices):
    dear = replace(assumed, person_minutes=30, evaluation_hours=0)  # 15 for what is worth 10
    assert model.person_answer(dear, prices) == 0
    assert roi.net_benefit(arm(), dear, prices)[0] == pytest.approx(5000 * (0.8 * 10 - 0.1 * 5 - 0.2))
    assert roi.verdict([arm()], dear, prices).endswith("without an arm nobody answers.")
    assert "nobody" not in roi.verdict([arm()], assumed, prices)


def test_what_is_stale_as_worked_by_hand(arm, assumed):
    # 0.01 changes a day, refreshed every 50: 1 - (1 - exp(-0.5)) / 0.5 on average.
    case = replace(assumed, changes_per_year=3.65, training_days=50)
    trained = arm(facts="weights", training_seconds=1)
    assert model.stale(trained, case) == pytest.approx(1 - (1 - math.exp(-0.5)) / 0.5)
    assert model.stale(trained, replace(case, training_days=1000)) == pytest.approx(1 - (1 - math.exp(-1)) / 1)
    assert model.stale(trained, replace(case, changes_per_year=0)) == model.stale(arm(), case) == 0


def test_refusing_everything_for_nothing_is_as_good_as_people(arm, assumed, prices):
    case = replace(assumed, evaluation_hours=0, people_right=0.9)
    refusing = arm(0.0, 1.0, prompt_tokens=0, reply_tokens=0)
    assert roi.net_benefit(refusing, case, prices)[0] == pytest.approx(0)
    # There is nothing to check.
    assert roi.net_benefit(refusing, replace(case, checking_minutes=5), prices)[0] == pytest.approx(0)
    assert model.person_answer(case, prices) == pytest.approx(0.9 * 10 - 0.1 * 5 - 3)


def test_net_benefit_agrees_with_a_simulation_of_single_questions(arm, assumed, prices):
    case = replace(assumed, changes_per_year=5, training_days=40, checking_minutes=1, people_right=0.95)
    one = arm(0.7, 0.1, facts="weights", training_seconds=3600)
    rng = np.random.default_rng(0)
    number = 400_000
    age = rng.uniform(0, case.days, number) % case.training_days
    outdated = rng.exponential(365 / case.changes_per_year, number) < age
    kind = rng.choice(3, number, p=[0.7, 0.2, 0.1])
    person = np.where(rng.random(number) < 0.95, 10, -5) - 3
    worth = np.select([(kind == 0) & ~outdated, kind == 2], [10, person], -5) - 0.2 - (kind != 2) / 60 * 30
    parts = roi.costs(one, case, prices)
    simulated = 5000 * (worth.mean() - person.mean()) - parts["set-up"] - parts["refreshes"]
    assert roi.net_benefit(one, case, prices)[0] == pytest.approx(simulated, abs=5000 * 0.05)


def test_the_interval_of_break_even_holds_the_truth_of_simulated_measurements(answers, arm, assumed, prices):
    truth = roi.break_even(arm(0.8, 0.1), assumed, prices)[0]
    held = 0
    for seed in range(20):
        rows = answers(0.8, 0.1, seed=seed).drop(columns="seconds")
        found = model.quantiles(roi.break_even(roi.measured_arm("one", rows, paid="tokens"), assumed, prices))
        held += found.low <= truth <= found.high
    assert held >= 17


def test_break_even_is_where_the_net_benefit_is_nothing(arm, assumed, prices):
    for one in (arm(), arm(paid="machine", seconds=36), arm(paid="machine", seconds=36, refused=0.15)):
        numbers = roi.break_even(one, assumed, prices)
        at = replace(assumed, per_day=float(numbers[0]))
        assert roi.net_benefit(one, at, prices)[0] == pytest.approx(0, abs=1e-6)
        assert roi.net_benefit(one, replace(at, per_day=at.per_day - 0.01), prices)[0] < 0


def test_an_interval_of_draws_has_as_many_below_as_above_and_is_mirrored(arm, assumed, prices):
    net = roi.net_benefit(arm(), assumed, prices)
    found, turned = model.quantiles(net), model.quantiles(-net)
    assert (turned.value, turned.low, turned.high) == (-found.value, -found.high, -found.low)
    assert [int(side.sum()) for side in (net[1:] < found.low, net[1:] > found.high)] == [50, 50]
    # What the verdict says of people is the table's interval of the arm, turned round.
    losing = arm(0.6, name="RAG")
    lost = model.quantiles(-roi.net_benefit(losing, assumed, prices))
    assert f"people bring USD {model.in_words(lost)} more than RAG" in roi.verdict([losing], assumed, prices)


def words(*args) -> str:
    return model.in_words(model.quantiles(roi.break_even(*args)))


def test_a_break_even_that_is_infinite_is_said_in_words(arm, assumed, prices):
    assert words(arm(0.5), assumed, prices) == "never"
    assert words(arm(0.74, width=0.08), assumed, prices).startswith("3")
    assert words(arm(0.74, width=0.08), assumed, prices).endswith(", never]")
    assert words(arm(0.7, width=0.08), assumed, prices).startswith("never at the accuracy measured; ")
    # A machine that costs more than it brings when it is busy is never paid, however many there are.
    assert words(arm(paid="machine", seconds=36_000), assumed, prices) == "never"


def test_without_an_interval_the_words_say_so(answers, assumed, prices):
    few = roi.measured_arm("few", answers(0.8, 0.1, contracts=3), paid="tokens")
    assert words(few, assumed, prices).endswith("(too few documents for an interval)")
    assert model.in_words(Interval(math.inf, math.nan, math.nan, 0, 0)).startswith("never (too few")


def test_a_machine_of_no_cost_and_an_arm_of_no_right_answer(arm, assumed, prices):
    prices["machine"]["amount"] = 0
    assert roi.break_even(arm(paid="machine", seconds=36), assumed, prices)[0] == pytest.approx(300 / 120)
    assert roi.cost_of_pass(arm(0.0, 0.5), assumed, prices)[0] == math.inf


@pytest.mark.parametrize(
    ("name", "value"),
    [("value", -1), ("loss", float("nan")), ("per_day", 0), ("days", float("inf")), ("utilisation", 1.1),
     ("hosting_hours", 25), ("people_right", 2), ("machine_scale", 0), ("index_days", "7"), ("failed_runs", None)],
)  # fmt: skip
def test_assumptions_outside_of_their_limits_are_refused(name, value, assumed):
    with pytest.raises(ValueError, match=rf"{name} \(.+\) is .+: give a number (of|from)"):
        replace(assumed, **{name: value})


def test_value_loss_time_and_questions_have_no_default():
    with pytest.raises(TypeError, match="value"):
        roi.Assumptions()


# ------------------------------------------------------------------ prices

ENTRY = """
[[price]]
id = "machine"
what = "a machine"
amount = 0.5
unit = "hour"
currency = "USD"
as_of = 2026-01-01
period = "January 2026"
source = "a list"
"""


def test_every_price_of_the_course_has_a_unit_a_date_and_a_source():
    prices = roi.load_prices()
    assert {"cpu_m7g_large_hour", "gpu_t4_hour", "paralegal_hour", "gpt_4_1_mini_input"} <= set(prices)
    for price in prices.values():
        assert price["amount"] > 0 and price["unit"] in (HOUR, TOKENS) and price["source"] and price["note"]
        assert isinstance(price["as_of"], datetime.date) and price["as_of"].day == 1
    wanted = roi.Assumptions(value=1, loss=1, person_minutes=1, per_day=1).wanted()
    assert amounts(prices, wanted) == [0.0816, 29.31, 63.98, 0.4, 1.6]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[price", "no prices that can be read"),
        ("price = 3", "no prices that can be read"),
        ("", "no prices that can be read"),
        (ENTRY.replace('source = "a list"', ""), "'machine' has no source"),
        (ENTRY + ENTRY, "'machine' stands twice"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text, message, tmp_path):
    file = tmp_path / "prices.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        roi.load_prices(file)


def test_a_file_of_ones_own_is_read(tmp_path):
    file = tmp_path / "prices.toml"
    file.write_text(ENTRY, encoding="utf-8")
    assert roi.load_prices(file)["machine"]["amount"] == 0.5
    with pytest.raises(ValueError, match="no prices that can be read"):
        roi.load_prices(tmp_path / "none.toml")


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf"), "1", True, None])
def test_a_price_that_is_negative_or_no_number_is_refused(amount, prices):
    prices["machine"]["amount"] = amount
    with pytest.raises(ValueError, match=r"'machine' is .*at least 0"):
        amounts(prices, [("machine", HOUR)])


def test_a_price_that_is_missing_or_of_another_unit_or_currency_is_refused(prices):
    with pytest.raises(ValueError, match=r"no price 'gpu'.*machine, person"):
        amounts(prices, [("gpu", HOUR)])
    with pytest.raises(ValueError, match="'prompt' is a price by the million tokens: convert it to one by the hour"):
        amounts(prices, [("prompt", HOUR)])
    prices["person"]["currency"] = "EUR"
    with pytest.raises(ValueError, match="in EUR and USD: convert"):
        amounts(prices, [("machine", HOUR), ("person", HOUR)])
