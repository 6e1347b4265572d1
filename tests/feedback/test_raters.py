"""Agreement of raters, and their biases: planted ones are found, and careful raters are not accused."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from labkit.feedback import Comparison, Judgement, agreement, biases, simulated_judgements, without_biased

LONG, SHORT = "It is, as far as I can see, 30 days.", "60 days"
ASKED = [Comparison(f"c{n}", f"Question {n}?", (), (LONG, SHORT) if n % 2 else (SHORT, LONG)) for n in range(100)]


def judged(raters: dict[str, str], longer_is_better: float = 0.5, seed: int = 0, asked=ASKED) -> list[Judgement]:
    """Simulated judgements, sides drawn by lot; a careful rater prefers the right answer nine times in ten."""
    rng, judgements = random.Random(seed), []
    for comparison in asked:
        longer = comparison.answers.index(LONG)
        right = longer if rng.random() < longer_is_better else 1 - longer
        for rater, habit in raters.items():
            left = rng.randrange(2)
            careful = right if rng.random() < 0.9 else 1 - right
            choice = {"left": left, "right": 1 - left, "longer": longer, "careful": careful}[habit]
            judgements.append(Judgement(comparison.id, rater, ("first", "second")[choice], left))
    return judgements


def accused(judgements, asked=ASKED) -> set[tuple[str, str]]:
    return {(bias.rater, bias.kind) for bias in biases(asked, judgements) if bias.found}


@pytest.mark.parametrize(("raters", "longer_is_better", "planted"), [
    ({"a": "careful", "b": "careful", "c": "careful"}, 0.8, []),
    ({"a": "careful", "b": "longer", "c": "left"}, 0.5, [("b", "length"), ("c", "position")]),
    ({"a": "careful", "b": "longer"}, 0.5, [("b", "length")]),
    ({"a": "careful", "b": "right"}, 0.8, [("b", "position")]),
])  # fmt: skip
def test_planted_biases_are_found_and_careful_raters_are_rarely_accused(raters, longer_is_better, planted):
    found = Counter(fault for seed in range(100) for fault in accused(judged(raters, longer_is_better, seed)))
    assert all(found[fault] >= 90 for fault in planted)
    wrongly = sum(times for (rater, _), times in found.items() if raters[rater] == "careful")
    assert wrongly <= 5


def test_habits_of_the_simulated_raters_are_found_from_their_judgements():
    comparisons, judgements = simulated_judgements()
    found = {(bias.rater.removeprefix("simulated "), bias.kind): bias for bias in biases(comparisons, judgements)}
    assert {key for key, bias in found.items() if bias.found} == {
        ("always_left", "position"), ("length_loving", "length"),
    }  # fmt: skip
    assert all((bias.share.low > 0.5) == bool(bias.found) for bias in found.values())
    assert found["careful", "length"].found is False
    kept = without_biased(judgements, found.values())
    assert {judgement.rater for judgement in kept} == {"simulated careful"}
    assert len(kept) == len(comparisons) == 200


def test_one_rater_alone_has_a_position_bias_but_no_length_bias_that_could_be_told():
    position, length = biases(ASKED, judged({"a": "left"}))
    assert (position.found, length.found) == (True, None)
    position, length = biases(ASKED, judged({"a": "longer"}))
    assert (position.found, length.found, length.share.value) == (False, None, 1.0)
    # Nor could it with a rater who always takes the left, or one who judged other comparisons.
    assert [b.found for b in biases(ASKED, judged({"a": "longer", "b": "left"}))] == [False, None, True, False]
    apart = judged({"a": "longer"})[:50] + judged({"b": "careful"})[50:]
    assert [bias.found for bias in biases(ASKED, apart) if bias.kind == "length"] == [None, None]


def test_longer_answers_that_all_prefer_are_no_bias():
    assert accused(judged({"a": "careful", "b": "careful"}, longer_is_better=1.0)) == set()


def test_ten_clicks_on_one_side_are_enough():
    assert accused(judged({"a": "right"})[:10]) == {("a", "position")}


def test_few_clicks_ties_and_repeated_questions_prove_nothing():
    assert accused(judged({"a": "left"})[:4]) == set()
    ties = [Judgement(c.id, "a", "tie") for c in ASKED]
    assert [math.isnan(bias.share.value) for bias in biases(ASKED, ties)] == [True, True]
    assert accused(ties) == set() == accused([])
    once = [Comparison(c.id, "The same?", (), c.answers) for c in ASKED]
    assert accused(judged({"a": "left"}, asked=once), once) == set()
    with pytest.raises(ValueError, match="'c0', which is none of the comparisons"):
        biases(ASKED[1:], judged({"a": "left"}))


def test_agreement_of_two_raters_by_hand():
    verdicts = {"ann": "first first second tie", "bob": "first second second tie", "eve": "first"}
    judgements = [Judgement(f"c{n}", rater, verdict)
                  for rater, said in verdicts.items() for n, verdict in enumerate(said.split())]  # fmt: skip
    measured = agreement(judgements)
    assert measured.shared == {("ann", "bob"): 4, ("ann", "eve"): 1, ("bob", "eve"): 1}
    # Observed 3/4, by chance (2*1 + 1*2 + 1*1)/16.
    assert measured.kappa["ann", "bob"] == pytest.approx((3 / 4 - 5 / 16) / (1 - 5 / 16))
    assert math.isnan(measured.kappa["ann", "eve"])
    # Nine verdicts on four comparisons: 4 first, 3 second, 2 tie; 2 of 9 values' worth of disagreement observed.
    assert measured.alpha == pytest.approx(1 - (2 / 9) / ((81 - 16 - 9 - 4) / 72))
    assert math.isnan(agreement([]).alpha)
    assert agreement(judged({"a": "careful"})).kappa == {}
    assert math.isnan(agreement(judged({"a": "careful"})).alpha)
