"""Prices: those that come with the course, and those that cannot be used."""

from __future__ import annotations

import datetime

import pytest

from labkit import roi
from labkit.roi.prices import HOUR, TOKENS, amounts

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
