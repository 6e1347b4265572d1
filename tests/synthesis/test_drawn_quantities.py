"""Quantities that the bank draws: compared by size, written in several forms."""

from __future__ import annotations

import random

import pytest
from synthesis.reader import drawn_quantities, names


@pytest.mark.parametrize("kind", drawn_quantities.KINDS)
def test_quantities_compare_by_size(kind: str):
    for index in range(200):
        rng = random.Random(index)
        drawn = names.Names(rng)
        one = drawn_quantities.draw(rng, drawn, kind)
        other = drawn_quantities.second(rng, drawn, one)
        assert drawn_quantities.again(rng, drawn, one).size == pytest.approx(one.size)
        gap = drawn_quantities.difference(one, other)
        if gap is not None:
            assert one.size != other.size and one.unit == other.unit
    assert (
        drawn_quantities.Quantity("months", "two years", 720, 2, "year").size == 24 * drawn_quantities.PERIODS["month"]
    )


def test_differences_are_written_in_figures():
    two, five = (drawn_quantities.Quantity("percent", "", n, n, "%") for n in (2.0, 5.25))
    assert drawn_quantities.difference(two, five) == "3.25%"
    a, b = (drawn_quantities.Quantity("money", "", n, n, "EUR") for n in (1_500_000, 500_000))
    assert drawn_quantities.difference(a, b) == "EUR 1,000,000"
    assert drawn_quantities.difference(a, a) is None
