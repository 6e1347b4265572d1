"""Intervals and p-values: how sure are we of a mean or a difference?"""

from __future__ import annotations

import math

import numpy as np
import pytest

from labkit import stats


def test_holm_steps_down():
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert stats.holm([]) == [] and stats.holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_p_value_of_a_coin_is_rarely_small():
    import numpy as np

    rng = np.random.default_rng(0)
    names = [str(i // 5) for i in range(60)]
    small = 0
    for _ in range(100):
        a, b = rng.integers(0, 2, 60), rng.integers(0, 2, 60)
        small += stats.paired_p_value(a.tolist(), b.tolist(), names, resamples=499) < 0.05
    assert 0 < small <= 12
    with pytest.raises(ValueError, match="same questions"):
        stats.paired_p_value([1], [1, 0], ["a"])


def test_intervals_cover_and_clustering_widens_them():
    rng = np.random.default_rng(0)
    clustered, naive, covered = [], [], 0
    for seed in range(60):
        effect = rng.normal(0, 1, 16)
        values = np.repeat(effect, 10) + rng.normal(0, 0.1, 160)
        names = [str(i) for i in np.repeat(np.arange(16), 10)]
        interval = stats.mean_interval(list(values), names, resamples=300, seed=seed)
        covered += interval.low <= 0 <= interval.high
        clustered.append(interval.high - interval.low)
        alone = stats.mean_interval(list(values), [str(i) for i in range(160)], resamples=300, seed=seed)
        naive.append(alone.high - alone.low)
    # 95 % nominal; percentile intervals of 16 clusters, as in dev, hold about 92 %.
    assert 50 <= covered <= 60
    assert np.mean(clustered) > 2.5 * np.mean(naive)


def test_an_a_a_comparison_is_zero_and_a_shift_is_found():
    rng = np.random.default_rng(1)
    values = list(rng.random(200))
    names = [str(i // 5) for i in range(200)]
    same = stats.paired_difference(values, values, names)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    shifted = stats.paired_difference([v + 0.1 for v in values], values, names)
    assert shifted.low == pytest.approx(0.1)


def test_bootstrap_is_repeatable_and_one_cluster_has_no_interval():
    values, names = [0.0, 1.0, 1.0, 0.0, 1.0], list("aabbc")
    assert stats.mean_interval(values, names) == stats.mean_interval(values, names)
    single = stats.mean_interval([0.0, 1.0], ["a", "a"])
    assert single.value == 0.5 and math.isnan(single.low)
    assert math.isnan(stats.mean_interval([None], ["a"]).value)


def test_paired_comparison_of_different_questions_is_refused():
    with pytest.raises(ValueError, match="same questions"):
        stats.paired_difference([1.0], [1.0, 0.0], ["a", "b"])
