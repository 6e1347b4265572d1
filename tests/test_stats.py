"""Intervals hold with few contracts, p-values and sample sizes fit them, and nothing undefined slips in."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm
from synthesis.reader.evaluate import jackknife_interval

from labkit import stats

NAN = float("nan")
# Questions a contract, unequal; the first so many are used.
SIZES = {
    4: (4, 7, 10, 15), 6: (3, 5, 7, 10, 13, 20), 10: (2, 3, 4, 6, 8, 10, 12, 15, 18, 22),
    16: (2, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 14, 16, 18, 20, 22),
}  # fmt: skip


def draw(rng, sizes, kind, mean, correlation):
    """Scores of questions in contracts, and the names of the contracts."""
    names = [str(i) for i, n in enumerate(sizes) for _ in range(n)]
    if kind == "any":
        shared = np.repeat(rng.normal(size=len(sizes)), sizes)
        return list(
            math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * rng.normal(size=len(names)) + mean
        ), names
    if kind == "difference":  # -1, 0 and 1, of two answers that are right or wrong
        shared = np.repeat(rng.normal(size=len(sizes)), sizes)
        z = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * rng.normal(size=len(names))
        return list((z > norm.ppf(0.85 - mean / 2)).astype(float) - (z < norm.ppf(0.15 - mean / 2))), names
    spread = (1 if kind == "binary" else 0.4) * correlation
    own = (
        rng.beta(mean * (1 / spread - 1), (1 - mean) * (1 / spread - 1), len(sizes))
        if spread
        else np.full(len(sizes), mean)
    )
    chance = np.repeat(own, sizes)
    if kind == "binary":
        return list((rng.random(len(names)) < chance).astype(float)), names
    trials = (mean * (1 - mean) - 0.4 * mean * (1 - mean) * correlation) / (
        0.4 * mean * (1 - mean) * (1 - correlation)
    ) - 1
    return list(rng.beta(np.maximum(chance * trials, 1e-9), np.maximum((1 - chance) * trials, 1e-9))), names


@pytest.mark.parametrize("clusters", [4, 6, 10, 16])
def test_intervals_hold_the_truth_and_are_not_much_wider_than_they_must(clusters):
    rng, hits, widths, runs, worst = np.random.default_rng(clusters), 0, [], 0, {}
    sizes = SIZES[clusters]
    # Coverage is lowest for yes and no at 0.5 and for differences of 0.3, both with a correlation of 0.5.
    settings = [(k, m, r) for k, means in (("binary", (0.5, 0.05)), ("score", (0.5, 0.95)), ("difference", (0.1, 0.3)))
                for m in means for r in (0, 0.1, 0.3, 0.5)]  # fmt: skip
    for kind, mean, correlation in settings:
        made = []
        for _ in range(120):
            values, names = draw(rng, sizes, kind, mean, correlation)
            make = (
                stats.mean_interval
                if kind != "difference"
                else lambda v, n: stats.paired_difference(v, [0.0] * len(v), n)
            )
            made.append((float(np.mean(values)), make(values, names)))
        known = 2 * 1.96 * np.std([value for value, _ in made])
        held = [interval.low <= mean <= interval.high for _, interval in made]
        hits, runs, worst[kind, mean, correlation] = hits + sum(held), runs + len(held), float(np.mean(held))
        widths.append(np.median([interval.high - interval.low for _, interval in made]) / known)
    assert hits / runs >= 0.945, hits / runs
    # 0.93 in every setting, with three standard errors of 120 runs.
    assert min(worst.values()) >= 0.93 - 3 * math.sqrt(0.93 * 0.07 / 120), worst
    assert np.median(widths) <= 1.4, widths


@pytest.mark.parametrize("clusters", [4, 6, 10, 16])
def test_intervals_of_unbounded_values_and_of_other_statistics_hold(clusters):
    rng, held, jackknifed, runs = np.random.default_rng(3), 0, 0, 800
    for correlation in (0, 0.5):
        for _ in range(runs // 2):
            values, names = draw(rng, SIZES[clusters], "any", 300.0, correlation)
            interval = stats.mean_interval(values, names)
            held += interval.low <= 300 <= interval.high
            rows = np.column_stack([values, np.ones(len(values))])
            other = jackknife_interval(rows, names, lambda a, b: a / b)
            jackknifed += other.low <= 300 <= other.high
            assert other.value == pytest.approx(interval.value)
    assert 0.93 - 0.018 <= held / runs <= 0.99, held / runs
    assert 0.91 - 0.018 <= jackknifed / runs <= 0.99, jackknifed / runs


def test_clustering_widens():
    values = [float(i < 5) for i in range(10) for _ in range(10)]
    own, alone = [str(i // 10) for i in range(100)], [str(i) for i in range(100)]
    wide, narrow = stats.mean_interval(values, own), stats.mean_interval(values, alone)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_bounded_scores_keep_an_interval_at_the_bounds():
    names = [str(i // 5) for i in range(40)]
    none, every = stats.mean_interval([0.0] * 40, names), stats.mean_interval([1.0] * 40, names)
    assert none.low == 0 < none.high < 0.2 and 0.8 < every.low < 1 == every.high
    same = stats.paired_difference([1.0, 0.0] * 20, [1.0, 0.0] * 20, names)
    assert same.value == 0 and -0.2 < same.low < 0 < same.high < 0.2
    shifted = stats.paired_difference([0.6] * 40, [0.5] * 40, names)
    assert shifted.value == pytest.approx(0.1) and 0 < shifted.low < 0.1 < shifted.high


@pytest.mark.parametrize("clusters", [1, 2, 3])
def test_too_few_documents_have_no_interval(clusters):
    interval = stats.mean_interval([0.0, 1.0] * clusters, [str(i) for i in range(clusters) for _ in range(2)])
    assert interval.value == 0.5 and math.isnan(interval.low) and math.isnan(interval.high)
    assert str(interval) == "0.500 (too few documents for an interval)"
    assert str(stats.mean_interval([None], ["a"])) == "not measured"


NAMES = list("aabbccddee")


@pytest.mark.parametrize("missing", [None, NAN, np.nan])
def test_what_is_undefined_is_left_out_everywhere_and_counted(missing):
    new, old = [missing, *[1.0, 0.0, 1.0] * 3], [1.0, *[0.0, 0.0, 1.0] * 3]
    whole = stats.paired_difference(new[1:], old[1:], NAMES[1:])
    holed = stats.paired_difference(new, old, NAMES)
    assert (holed.value, holed.low, holed.high, holed.n) == (whole.value, whole.low, whole.high, 9)
    assert holed.missing == 1 and whole.missing == 0
    assert stats.paired_p_value(new, old, NAMES) == stats.paired_p_value(new[1:], old[1:], NAMES[1:])
    mean, plain = stats.mean_interval(new, NAMES), stats.mean_interval(new[1:], NAMES[1:])
    assert (mean.value, mean.low, mean.missing) == (plain.value, plain.low, 1)
    effect = stats.smallest_detectable_effect(new, old, NAMES)
    assert effect == stats.smallest_detectable_effect(new[1:], old[1:], NAMES[1:])
    assert stats.holm([0.01, NAN, 0.02])[0] == 0.02 and math.isnan(stats.holm([0.01, NAN, 0.02])[1])


def test_the_row_that_was_seen():
    assert stats.paired_p_value([NAN, 1, 1], [0, 0, 0], list("abc")) == 0.5  # the smallest that two documents can give
    assert math.isnan(stats.paired_p_value([NAN], [0], ["a"]))


@pytest.mark.parametrize("call", [
    lambda: stats.mean_interval([math.inf, 1.0], ["a", "b"]),
    lambda: stats.paired_p_value([-math.inf, 1.0], [0.0, 0.0], ["a", "b"]),
    lambda: stats.paired_difference([math.inf], [0.0], ["a"]),
])  # fmt: skip
def test_an_infinite_value_is_an_error(call):
    with pytest.raises(ValueError, match="infinite"):
        call()


@pytest.mark.parametrize("call", [
    lambda: stats.paired_difference([1.0], [1.0, 0.0], ["a", "b"]),
    lambda: stats.paired_p_value([1.0, 1.0], [1.0], ["a", "b"]),
    lambda: stats.mean_interval([1.0], ["a", "b"]),
])  # fmt: skip
def test_lengths_must_fit(call):
    with pytest.raises(ValueError, match=r"same questions|one cluster name"):
        call()


def test_p_values_are_right_where_nothing_differs_and_agree_with_the_intervals():
    rng, early, differ = np.random.default_rng(5), 0, 0
    for _ in range(200):
        values, names = draw(rng, SIZES[10], "difference", rng.choice((0.0, 0.2)), 0.1)
        p = stats.paired_p_value(values, [0.0] * len(values), names, resamples=999)
        interval = stats.paired_difference(values, [0.0] * len(values), names)
        differ += (p < 0.05) != (interval.low > 0 or interval.high < 0)
    for _ in range(200):
        values, names = draw(rng, SIZES[10], "difference", 0.0, 0.1)
        early += stats.paired_p_value(values, [0.0] * len(values), names, resamples=999) < 0.05
    assert differ <= 24 and early <= 20, (differ, early)


def test_a_family_that_cannot_come_out_is_refused():
    assert [stats.smallest_p_value(n) for n in (0, 1, 2, 5, 6)] == [1, 1, 0.5, 0.0625, 0.03125]
    assert stats.holm([0.03125], clusters=6) == [0.03125]
    with pytest.raises(ValueError, match=r"With 5 documents p is at least 0\.0625"):
        stats.holm([0.07], clusters=5)
    with pytest.raises(ValueError, match=r"in a family of 2: nothing could come out below 0\.05"):
        stats.holm([0.04, 0.5], clusters=6)
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_contracts_that_balance_out_promise_no_smaller_effect_than_independent_questions():
    names = [name for name in "abcdefghij" for _ in range(2)]
    balanced = stats.smallest_detectable_effect([1.0, 0.0] * 10, [0.0, 1.0] * 10, names)
    alone = [str(i) for i in range(20)]
    apart = stats.smallest_detectable_effect([1.0, 0.0] * 10, [0.0, 1.0] * 10, alone)
    assert balanced == pytest.approx(apart, rel=0.1)
    # The size that is needed for it does not say that fewer would have done.
    assert stats.sample_size([1.0, 0.0] * 10, [0.0, 1.0] * 10, names, balanced).questions >= 20


def test_the_smallest_detectable_effect_is_found_four_times_in_five():
    rng, effects, found = np.random.default_rng(7), [], 0
    for _ in range(100):
        values, names = draw(rng, SIZES[16], "any", 0.0, 0.2)
        effects.append(stats.smallest_detectable_effect(values, [0.0] * len(values), names))
    effect = float(np.median(effects))
    for _ in range(300):
        values, names = draw(rng, SIZES[16], "any", effect, 0.2)
        interval = stats.paired_difference(values, [0.0] * len(values), names)
        found += interval.low > 0
    assert 0.7 <= found / 300 <= 0.9
    assert math.isnan(stats.smallest_detectable_effect([1.0] * 3, [0.0] * 3, list("abc")))
    assert math.isnan(stats.smallest_detectable_effect([1.0] * 5, [1.0] * 5, list("abcde")))
    # One question of 36 differs: six contracts would have to, before the permutation test calls it significant.
    rare, names = [1.0] + [0.0] * 35, [str(i // 3) for i in range(36)]
    assert stats.smallest_detectable_effect(rare, [0.0] * 36, names) == pytest.approx(6 / 36)


def test_the_sample_size_finds_the_effect_four_times_in_five():
    rng, found = np.random.default_rng(8), 0
    pilot, names = draw(rng, (10,) * 60, "any", 0.0, 0.2)
    size = stats.sample_size(pilot, [0.0] * len(pilot), names, effect=0.3)
    assert size.questions == 10 * size.clusters and 0.1 < size.correlation < 0.3
    for _ in range(300):
        values, clusters = draw(rng, (10,) * size.clusters, "any", 0.3, 0.2)
        found += stats.paired_difference(values, [0.0] * len(values), clusters).low > 0
    assert 0.7 <= found / 300 <= 0.9
    more = stats.sample_size(pilot, [0.0] * len(pilot), names, effect=0.3, per_cluster=40)
    assert more.clusters < size.clusters and more.questions > size.questions
    assert stats.sample_size(pilot, [0.0] * len(pilot), names, effect=0.15).clusters > 3 * size.clusters
    # However large the difference: on fewer contracts nothing could come out significant.
    fewest = stats.sample_size(pilot, [0.0] * len(pilot), names, effect=5.0).clusters
    assert stats.smallest_p_value(fewest) <= stats.LEVEL < stats.smallest_p_value(fewest - 1)
    with pytest.raises(ValueError, match="above 0"):
        stats.sample_size(pilot, pilot, names, effect=0)
    with pytest.raises(ValueError, match="no differences"):
        stats.sample_size(pilot, pilot, names, effect=0.1)


def test_figures_become_plain():
    interval = stats.Interval(0.5, NAN, NAN, 2, 1)
    assert stats.plain(interval) == {"value": 0.5, "low": None, "high": None, "n": 2, "clusters": 1, "missing": 0}
    with pytest.raises(TypeError, match="cannot be recorded"):
        stats.plain({"a": object()})


def test_values_are_grouped_in_the_order_in_which_they_come():
    groups = stats.grouped([("b", 1), ("a", 2), ("b", 3)])
    assert groups == {"b": [1, 3], "a": [2]} and list(groups) == ["b", "a"]
    assert stats.grouped([]) == {}
