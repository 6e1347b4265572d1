"""Quantities in contracts are read and compared."""

from __future__ import annotations

import pytest

from labkit import corpus
from labkit.values import Quantity, difference, parse_quantity, quantities, without_quantities


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("seventy-five (75) days", Quantity(75, "day")),
        ("Fourteen months", Quantity(14, "month")),
        ("USD 1.2 million", Quantity(1_200_000, "USD")),
        ("sixty-four thousand US dollars", Quantity(64_000, "USD")),
        ("98.75 %", Quantity(98.75, "%")),
        ("ninety-eight point seven five percent", Quantity(98.75, "%")),
        ("ten working days", Quantity(10, "business day")),
        ("two hundred and twenty", Quantity(220, "")),
        ("Polish law", None),
        ("-5%", Quantity(-5, "%")),
        (".5%", Quantity(0.5, "%")),
        ("10-20 days", Quantity(10, "day")),
        ("USD 1,000.50", Quantity(1000.5, "USD")),
        ("1,5 %", None),
        ("1.000,50 EUR", None),
        ("1.2.3", None),
        ("-EUR 5", Quantity(-5, "EUR")),
        ("1'000 EUR", None),
    ],
)
def test_quantities_are_read(text, wanted):
    assert parse_quantity(text) == wanted


def test_quantities_of_a_text_keep_their_sign_and_leave_out_what_is_not_understood():
    assert quantities("from -5 % to 5 %, not 1,5 % or 1.000,50 EUR or 1'000 EUR") == [
        Quantity(-5, "%"), Quantity(5, "%"),
    ]  # fmt: skip
    assert quantities("10-20 days; -EUR 3") == [Quantity(10, ""), Quantity(20, "day"), Quantity(-3, "EUR")]


def test_every_value_of_the_course_reads_the_same_in_all_its_spellings():
    for fact in corpus.gold_facts(corpus.load_documents("dev", ("contract", "amendment"))):
        read = [parse_quantity(text) for text in (fact.object, fact.accepted[0])]
        assert fact.relation in corpus.PARTY_RELATIONS or read[0] == read[1], fact


def test_differences_keep_the_smaller_unit():
    assert str(difference(Quantity(60, "day"), Quantity(4, "month"))) == "60 days"
    assert str(difference(Quantity(18, "month"), Quantity(2, "year"))) == "6 months"
    assert str(difference(Quantity(2, "year"), Quantity(3, "year"))) == "1 year"
    assert str(difference(Quantity(7.25, "%"), Quantity(6, "%"))) == "1.25%"
    assert difference(Quantity(5, "business day"), Quantity(5, "day")) is None
    assert difference(Quantity(5, "EUR"), Quantity(5, "USD")) is None
    assert quantities("between 5 days and EUR 1,500") == [Quantity(5, "day"), Quantity(1500, "EUR")]
    assert without_quantities("more than 5 days") == "more than quantity"
