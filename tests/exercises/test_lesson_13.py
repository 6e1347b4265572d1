"""The exercises of lesson 13: right answers are accepted, typical wrong ones get the hint that fits them."""

from __future__ import annotations

import math

import pytest

from labkit.exercises import EXERCISES, lesson_13


def test_a_break_even_beyond_people():
    judge = EXERCISES["13.1"]
    # By hand: 7.2 - 1.5 + 1.75 - 5 = 2.45 a question; 10,000 in 250 days are 40 a day.
    assert judge(40 / 2.45) is None and judge(16.3) is None
    assert "machine" in judge(36 / 2.45) and "People" in judge(40 / 7.45) and "Wrong" in judge(40 / 3.95)
    assert "in all" in judge(10_000 / 2.45) and "gain" in judge(1)


def test_outdated_facts_by_hand():
    # Outdated are 1 - (1 - exp(-x)) / x, x being the changes in 50 days; each such answer loses 10, and 20 more.
    x = 2 * 50 / 365
    lost = 0.7 * (1 - (1 - math.exp(-x)) / x)
    assert lesson_13.outdated() == pytest.approx(100 * 100 * (1.8 - 30 * lost) - 5200)
    judge = EXERCISES["13.2"]
    assert judge(lesson_13.outdated()) is None and "as it was" in judge(12_800)
    assert "index_days" in judge(lesson_13.outdated(index_days=7))
    assert "ten years" in judge(lesson_13.outdated(changes_per_year=0.1)) and "replace" in judge(0)


def decide(draws):
    best = max(draws, key=lambda name: draws[name][0])
    pairs = [list(zip(draws[best], draws[n], strict=True))[1:] for n in draws if n != best]
    return best if all(sum(a > b for a, b in p) >= 39 / 40 * len(p) for p in pairs) else None


def apart(draws):
    """Compares intervals laid side by side."""
    best = max(draws, key=lambda name: draws[name][0])
    low = sorted(draws[best][1:])[1]
    return best if all(low > sorted(draws[n][1:])[-2] for n in draws if n != best) else None


def against_second(draws):
    first, second, *_ = sorted(draws, key=lambda n: -draws[n][0])
    return decide({first: draws[first], second: draws[second]})


def by_draws_alone(draws):
    return decide({n: [sum(v[1:]), *v[1:]] for n, v in draws.items()})


def ties(draws):
    best = max(draws, key=lambda name: draws[name][0])
    return best if decide({n: [v[0], *(x - 1e-9 * (n != best) for x in v[1:])] for n, v in draws.items()}) else None


def at_once(draws):
    """Counts the draws in which the best leads over all others together."""
    best = max(draws, key=lambda name: draws[name][0])
    rivals = [max(values) for values in zip(*(draws[n] for n in draws if n != best), strict=True)]
    return best if decide({best: draws[best], "the others": [draws[best][0] - 1, *rivals[1:]]}) else None


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (lambda draws: None, "all draws"),
        (lambda draws: "RAG", "too few"),
        (lambda draws: decide({n: [*v, -2.0 if n == "RAG" else 0.0] for n, v in draws.items()}), "enough"),
        (by_draws_alone, "not in the draws"),
        (apart, "draw by draw"),
        (ties, "tie"),
        (against_second, "every other choice"),
        (at_once, "by itself"),
    ],
)
def test_typical_mistakes_get_their_hint(wrong, hint):
    assert hint in EXERCISES["13.3"](wrong)


def test_a_decision_is_judged_by_what_it_does():
    judge = EXERCISES["13.3"]
    assert judge(decide) is None and "function itself" in judge("decide")


def test_what_to_measure_next():
    judge = EXERCISES["13.4"]
    assert judge("b") is None and all(judge(letter) for letter in "acd")
