"""The exercises of lesson 12: right answers are accepted, typical wrong ones get the hint that fits them."""

from __future__ import annotations

from itertools import product

import pytest

from labkit.exercises import EXERCISES, lesson_12
from labkit.stats import SampleSize


def test_false_alarms_are_counted_by_pairs():
    judge = EXERCISES["12.1"]
    assert judge(1.05) is None and "each other" in judge(0.35) and "twice" in judge(2.1)
    assert "on average" in judge(0.66) and "comparisons" in judge(21) and "How many pairs" in judge(5)


def test_a_small_effect_takes_many_questions(monkeypatch: pytest.MonkeyPatch):
    needed = {0.05: SampleSize(90, 151, 0.1), 0.1: SampleSize(25, 42, 0.1)}
    monkeypatch.setattr(lesson_12, "_needed", lambda: needed)
    judge = EXERCISES["12.2"]
    assert judge(151) is None and "contracts" in judge(90) and "twice as large" in judge(42)
    assert "more than twice" in judge(84) and "sample_size" in judge(7)


def p_value(new, old, clusters, flipped="clusters", whole=sum, far=abs, counts=float.__ge__):
    differences = [a - b for a, b in zip(new, old, strict=True)]
    groups = {}
    for i, (name, difference) in enumerate(zip(clusters, differences, strict=True)):
        groups.setdefault(name if flipped == "clusters" else i, []).append(difference)
    sums = [whole(group) for group in groups.values()]
    ways = [sum(s * t for s, t in zip(signs, sums, strict=True)) for signs in product((1, -1), repeat=len(sums))]
    return sum(counts(float(far(way)), float(far(sum(sums)))) for way in ways) / len(ways)


def test_the_share_of_flips_is_accepted():
    judge = EXERCISES["12.3"]
    assert judge(p_value) is None and "function itself" in judge(0.25)
    assert "nothing (does it end" in judge(lambda *_: None)


@pytest.mark.parametrize(
    ("mistake", "hint"),
    [
        ({"far": lambda total: total}, "both sides"),
        ({"flipped": "questions"}, "as wholes"),
        ({"counts": lambda a, b: a > b or (b > 0 and a == b)}, "equal totals"),
        ({"whole": lambda group: sum(group) / len(group)}, "weight of two"),
    ],
)
def test_typical_mistakes_get_their_hint(mistake, hint):
    assert hint in EXERCISES["12.3"](lambda *given: p_value(*given, **mistake))


def test_gains_and_losses_count_alike():
    one_sided = lambda new, old, clusters: 0.25 if sum(new) > sum(old) else p_value(new, old, clusters) + 0.5  # noqa: E731
    assert "without their signs" in EXERCISES["12.3"](one_sided)


def test_what_is_not_significant_is_not_equal():
    judge = EXERCISES["12.4"]
    assert judge("d") is None and all(judge(letter) for letter in "abc")
