"""Statistics: how sure are we of a mean or a difference?

Floor 1. Everything is clustered by contract: questions about one contract share its wording and its traps, so they are
not independent. One rule for what was not measured: None and nan are left out of every mean, difference and p-value,
and counted in `Interval.missing`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, TypeVar

import numpy as np

# With fewer documents an interval either misses the truth too often or is too wide to say anything.
FEWEST_CLUSTERS = 4

# A p-value below it is called significant.
LEVEL = 0.05
# So many documents must differ, all in one direction, for `smallest_p_value` to be below the level.
FEWEST_DIFFERING = math.ceil(1 - math.log2(LEVEL))


@dataclass(frozen=True)
class Interval:
    """A mean, or another statistic, with its 95 % interval.

    Attributes:
        value: the statistic, nan where nothing was measured.
        low: lower end, nan where there are fewer than `FEWEST_CLUSTERS` documents.
        high: upper end, the same.
        n: questions measured.
        clusters: documents that they are about.
        missing: questions left out, as they have no value.
    """

    value: float
    low: float
    high: float
    n: int
    clusters: int
    missing: int = 0

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "not measured"
        if math.isnan(self.low):
            return f"{self.value:.3f} (too few documents for an interval)"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def as_dict(self) -> dict[str, float | int]:
        """Plain numbers, for a record."""
        return asdict(self)


def plain(value: Any, digits: int = 6) -> Any:
    """A figure, or rows of them, as JSON holds it: dataclasses and tables become dictionaries, nan becomes null.

    Raises:
        TypeError: something in it is neither number nor text.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value), digits)
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return plain(value.to_dict(orient="records"), digits)
    if isinstance(value, Mapping):
        return {str(k): plain(v, digits) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, digits) for v in value]
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:  # numpy scalars
        value = value.item()
    if isinstance(value, float):
        return round(value, digits) if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    raise TypeError(f"A figure of type {type(value).__name__} cannot be recorded: give numbers, text, or rows of them.")


# A score a question; None where it was not measured.
Scores = Sequence[float | None]
K = TypeVar("K")
V = TypeVar("V")


def grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    """The values of (key, value) pairs by key, both in the order in which they first come."""
    groups: dict[K, list[V]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def _measured(values: Scores, clusters: Sequence[str]) -> tuple[np.ndarray, np.ndarray, int]:
    """Values that are there, the number of the cluster of each, and how many values are missing."""
    if len(values) != len(clusters):
        raise ValueError(f"{len(values)} values but {len(clusters)} clusters: give one cluster name a value.")
    scores = np.array([math.nan if v is None else v for v in values], dtype=float)
    there = ~np.isnan(scores)
    if np.isinf(scores[there]).any():
        raise ValueError("A value is infinite: leave it out, or give None where nothing was measured.")
    _, index = np.unique(np.asarray(clusters, dtype=str)[there], return_inverse=True)
    return scores[there], index, int((~there).sum())


def _t_quantile(share: float, df: float) -> float:
    from scipy.stats import t

    return float(t.ppf(share, df))


def mean_interval(values: Scores, clusters: Sequence[str], low: float = 0.0, high: float = 1.0) -> Interval:
    """Mean with its clustered interval; None and nan count as not measured and are left out.

    Values between two bounds, as scores are, get an interval that stays between them and that holds near them, where
    Student's does not (`_share_bounds`); other values get Student's, with few and unequal clusters allowed for
    (`_mean_error`).

    Args:
        values: n scores.
        clusters: n names.
        low: the smallest value possible.
        high: the largest.

    Raises:
        ValueError: numbers of values and clusters differ, or a value is infinite.
    """
    scores, index, missing = _measured(values, clusters)
    count = len(set(index))
    value = float(scores.mean()) if count else math.nan
    if count < FEWEST_CLUSTERS:
        return Interval(value, math.nan, math.nan, len(scores), count, missing)
    if scores.min() < low or scores.max() > high:
        error, df = _mean_error(scores, index)
        bounds = [value + _t_quantile(share, df) * error for share in (0.025, 0.975)]
    else:
        shares = (scores - low) / (high - low)
        sums, squares, sizes = (np.bincount(index, weights) for weights in (shares, shares**2, None))
        bounds = [low + (high - low) * share for share in _share_bounds(sums, squares, sizes.astype(float))]
    return Interval(value, min(bounds[0], value), max(bounds[1], value), len(scores), count, missing)


def _mean_error(scores: np.ndarray, index: np.ndarray) -> tuple[float, float]:
    """Standard error of a mean and its degrees of freedom, for few clusters of unequal size.

    The cluster-robust variance CR2 with Satterthwaite's degrees of freedom (Bell and McCaffrey 2002; Pustejovsky and
    Tipton 2018), which for a mean have closed forms.
    """
    sizes = np.bincount(index).astype(float)
    n = sizes.sum()
    residuals = np.bincount(index, scores) - sizes * scores.mean()
    u = sizes**2 / (n - sizes)
    df = n**2 / ((sizes**2).sum() + u.sum() ** 2 - (u**2).sum())
    return math.sqrt((residuals**2 / (1 - sizes / n)).sum()) / n, float(df)


# Odds of the correlation within a contract, evenly spaced by their logarithm: from next to none to 0.9.
_ODDS = np.exp(np.linspace(-6.0, 2.2, 13))


def _share_bounds(sums: np.ndarray, squares: np.ndarray, sizes: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean share, from a beta-binomial model with one share a cluster (Skellam 1948).

    The share has Jeffreys' prior. So that few clusters that happen to look alike are not trusted too much, the standard
    deviation between clusters, as a multiple of that within, has a prior that is flat where it is small (Gelman 2006);
    where it is large its logarithm has, as it would widen intervals without end. Scores that vary less than yes and no
    count as more trials.

    Args:
        sums: sum of the scores in each cluster.
        squares: sum of their squares.
        sizes: number of scores in each cluster.
    """
    n, spare = sizes.sum(), sizes.sum() - len(sizes)
    mean = sums.sum() / n
    within = (squares - sums**2 / sizes).sum() / spare if spare else (squares.sum() - n * mean**2) / (n - 1)
    as_yes_and_no = ((sums * (sizes - sums) / sizes).sum() + (len(sizes) if spare else n) * within) / n
    # At least as if one score differed: that none did is no proof that none could.
    vary = min(1.0, max(within / as_yes_and_no, 1 / n)) if as_yes_and_no > 1e-12 else 1.0
    hits, misses = sums / vary, (sizes - sums) / vary
    logits = np.linspace(-9.0, 9.0, 37)
    likely = np.flatnonzero((coarse := _log_posterior(logits, hits, misses)) > coarse.max() - 12)
    fine = np.linspace(logits[max(0, likely[0] - 1)], logits[min(36, likely[-1] + 1)], 81)
    log_density = _log_posterior(fine, hits, misses)
    density = np.exp(log_density - log_density.max())
    mass = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    low, high = np.interp([0.025, 0.975], mass / mass[-1], fine)
    return float(1 / (1 + np.exp(-low))), float(1 / (1 + np.exp(-high)))


def _log_posterior(logits: np.ndarray, hits: np.ndarray, misses: np.ndarray) -> np.ndarray:
    """Log density of each logit of the mean share, up to a constant, summed over the correlation within a cluster."""
    from scipy.special import betaln, logsumexp

    yes = 1 / (1 + np.exp(-logits))
    a, b = (share[None, :, None] / _ODDS[:, None, None] for share in (yes, 1 - yes))
    logs = (betaln(hits + a, misses + b) - betaln(a, b)).sum(axis=2)
    # The grid is even over log odds, so this is flat over the root of small odds and over the logarithm of large ones.
    prior = 0.5 * np.log(_ODDS / (1 + _ODDS))
    return np.asarray(logsumexp(logs + prior[:, None], axis=0) + 0.5 * np.log(yes * (1 - yes)))


def _differences(new: Scores, old: Scores) -> list[float | None]:
    if len(new) != len(old):
        raise ValueError(f"{len(new)} scores against {len(old)}: a paired comparison needs the same questions.")
    return [None if a is None or b is None else a - b for a, b in zip(new, old, strict=True)]


def paired_difference(new: Scores, old: Scores, clusters: Sequence[str]) -> Interval:
    """Mean of `new - old` on the same questions, with its clustered interval, within -1 and 1 for scores from 0 to 1.

    Raises:
        ValueError: the lengths differ, or a value is infinite.
    """
    return mean_interval(_differences(new, old), clusters, -1.0, 1.0)


def paired_p_value(new: Scores, old: Scores, clusters: Sequence[str], resamples: int = 9999, seed: int = 0) -> float:
    """Two-sided p-value of `new - old` on the same questions: whole clusters change sign (scipy's permutation_test).

    It cannot be smaller than `smallest_p_value`; nan where nothing was measured.

    Raises:
        ValueError: the lengths differ, or a value is infinite.
    """
    from scipy.stats import permutation_test

    scores, index, _ = _measured(_differences(new, old), clusters)
    if not len(scores):
        return math.nan
    sums = np.bincount(index, scores)
    if len(sums) < 2 or not sums.any():
        return 1.0
    result = permutation_test(
        (sums,), lambda x, axis: x.sum(axis=axis), permutation_type="samples", vectorized=True,
        n_resamples=resamples, rng=np.random.default_rng(seed),
    )  # fmt: skip
    return float(result.pvalue)


def smallest_p_value(clusters: int) -> float:
    """The smallest p-value that `paired_p_value` can give: 2 of the 2^clusters ways to choose signs."""
    return min(1.0, 2.0 ** (1 - clusters))


def holm(p_values: Sequence[float], clusters: int | None = None, level: float = 0.05) -> list[float]:
    """p-values adjusted for a family of comparisons (Holm 1979): step down, never decreasing, at most 1.

    Args:
        p_values: of the family; nan, of what was not measured, stays nan and does not count.
        clusters: documents compared, the most of any comparison; leave it out for p-values of another test.
        level: below which a difference is called significant.

    Raises:
        ValueError: no comparison of the family could come out significant with so few documents.
    """
    order = sorted((i for i, p in enumerate(p_values) if not math.isnan(p)), key=lambda i: p_values[i])
    if clusters is not None and len(order) * smallest_p_value(clusters) > level:
        raise ValueError(
            f"With {clusters} documents p is at least {smallest_p_value(clusters):.3g}, {len(order)} times that in a "
            f"family of {len(order)}: nothing could come out below {level}. Compare on more documents, or fewer things."
        )
    adjusted, highest = [math.nan] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def smallest_detectable_effect(new: Scores, old: Scores, clusters: Sequence[str], power: float = 0.8) -> float:
    """The true difference that a comparison like this one finds with the given power, two-sided at 5 % (Bloom 1995).

    It is never smaller than the least difference that `paired_p_value` could call significant: where next to nothing
    differs, a small spread says little. Nor is it smaller than with independent questions, for contracts whose
    differences happen to balance out promise what the next ones won't keep. nan with fewer than `FEWEST_CLUSTERS`
    documents, or where no question differs.

    Raises:
        ValueError: the lengths differ, or a value is infinite.
    """
    scores, index, _ = _measured(_differences(new, old), clusters)
    count = len(set(index))
    if count < FEWEST_CLUSTERS or not scores.any():
        return math.nan
    error, df = _mean_error(scores, index)
    error = max(error, scores.std(ddof=1) / math.sqrt(len(scores)))
    least = FEWEST_DIFFERING * np.abs(scores[scores != 0]).min() / len(scores)
    return float(max(error * (_t_quantile(0.975, df) + _t_quantile(power, df)), least))


@dataclass(frozen=True)
class SampleSize:
    """How much data tells a difference: contracts, questions, and the correlation within a contract assumed."""

    clusters: int
    questions: int
    correlation: float


def sample_size(
    new: Scores, old: Scores, clusters: Sequence[str], effect: float, per_cluster: float | None = None,
    power: float = 0.8,
) -> SampleSize:  # fmt: skip
    """How many contracts and questions would show a difference, two-sided at 5 %, from a pilot's paired scores.

    The variance of a difference and the correlation of differences within a contract are the pilot's (analysis of
    variance; Donner and Klar 2000); a contract more tells more than a question more.

    Args:
        new: scores of the pilot.
        old: scores of the other system on the same questions.
        clusters: the contract of each question.
        effect: the smallest difference worth finding.
        per_cluster: questions a contract; as many as in the pilot by default.
        power: probability of finding it.

    Raises:
        ValueError: the effect is not above 0, or the pilot shows no variance or has fewer than two contracts.
    """
    scores, index, _ = _measured(_differences(new, old), clusters)
    if effect <= 0:
        raise ValueError("The effect must be above 0: say which difference would be worth finding.")
    if len(set(index)) < 2 or not scores.any():
        raise ValueError("The pilot shows no differences, or has one contract only: measure both systems on more.")
    variance, correlation = _variance_parts(scores, index)
    size = per_cluster or len(scores) / len(set(index))
    for count in range(FEWEST_DIFFERING, 100_000):
        error = math.sqrt(variance * (1 + correlation * (size - 1)) / (size * count))
        if error * (_t_quantile(0.975, count - 1) + _t_quantile(power, count - 1)) <= effect:
            break
    return SampleSize(count, math.ceil(count * size), correlation)


def _variance_parts(scores: np.ndarray, index: np.ndarray) -> tuple[float, float]:
    """Variance of single values, and their correlation within a cluster (not below 0), by analysis of variance."""
    sizes = np.bincount(index).astype(float)
    n, count = sizes.sum(), len(sizes)
    means = np.bincount(index, scores) / sizes
    between = float((sizes * (means - scores.mean()) ** 2).sum()) / (count - 1)
    if n == count:
        return between, 0.0
    within = float(((scores - means[index]) ** 2).sum()) / (n - count)
    typical = (n - float((sizes**2).sum()) / n) / (count - 1)
    shared = max(0.0, (between - within) / typical)
    return shared + within, shared / (shared + within) if shared + within else 0.0
