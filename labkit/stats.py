"""Statistics: how sure are we of a mean or a difference?

Intervals come from a bootstrap clustered by contract: questions about one contract share its wording and its
traps, so they are not independent.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A mean, or another statistic, with its 95 % interval.

    Attributes:
        value, low, high: the statistic and its interval, nan where nothing was measured.
        n: questions. clusters: contracts.
    """

    value: float
    low: float
    high: float
    n: int
    clusters: int

    def __str__(self) -> str:
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


Statistic = Callable[..., np.ndarray]


def clustered_bootstrap(
    tallies: np.ndarray, clusters: Sequence[str], statistic: Statistic, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Percentile interval of a statistic of sums, resampling whole clusters.

    With few clusters such an interval is a little short: with 16, as in dev, about 92 of 100 rather
    than 95 hold the true value.

    Args:
        tallies: shape (n, m): what each question adds to each of m sums.
        clusters: n names; questions of one name are drawn together.
        statistic: takes m arrays of sums, gives the statistic (for a mean: `lambda s, c: s / c`).
        resamples, seed: of the bootstrap (scipy.stats.bootstrap).

    Raises:
        ValueError: numbers of rows differ.
    """
    tallies = np.asarray(tallies, dtype=float)
    if len(tallies) != len(clusters):
        raise ValueError(f"{len(tallies)} rows but {len(clusters)} clusters: give one cluster name a row.")
    names, index = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    if len(names) == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0, 0)
    sums = np.zeros((len(names), tallies.shape[1]))
    np.add.at(sums, index, tallies)
    value = float(statistic(*sums.sum(axis=0)))
    if len(names) == 1:
        return Interval(value, float("nan"), float("nan"), len(tallies), 1)
    low, high = _bootstrap(sums, statistic, resamples, seed)
    return Interval(value, low, high, len(tallies), len(names))


def _bootstrap(sums: np.ndarray, statistic: Statistic, resamples: int, seed: int) -> tuple[float, float]:
    from scipy.stats import bootstrap

    def of_sums(*columns: np.ndarray, axis: int = -1) -> np.ndarray:
        return statistic(*(c.sum(axis=axis) for c in columns))

    with np.errstate(invalid="ignore", divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # equal scores give an interval of length 0, which is right
        drawn = bootstrap(
            tuple(sums.T),
            of_sums,
            paired=True,
            vectorized=True,
            n_resamples=resamples,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).bootstrap_distribution
    return float(np.nanpercentile(drawn, 2.5)), float(np.nanpercentile(drawn, 97.5))


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.asarray(top, dtype=float) / np.asarray(bottom, dtype=float)


def mean_interval(
    values: Sequence[float | None], clusters: Sequence[str], resamples: int = 2000, seed: int = 0
) -> Interval:
    """Mean with its clustered interval; None counts as not measured and is left out."""
    kept = [(v, c) for v, c in zip(values, clusters, strict=True) if v is not None]
    tallies = np.array([[v, 1.0] for v, _ in kept]).reshape(-1, 2)
    return clustered_bootstrap(tallies, [c for _, c in kept], _ratio, resamples, seed)


def paired_difference(
    new: Sequence[float], old: Sequence[float], clusters: Sequence[str], resamples: int = 2000, seed: int = 0
) -> Interval:
    """Mean of `new - old` on the same questions, with its clustered interval.

    Raises:
        ValueError: the two are not of the same length.
    """
    if len(new) != len(old):
        raise ValueError(f"{len(new)} scores against {len(old)}: a paired comparison needs the same questions.")
    return mean_interval([a - b for a, b in zip(new, old, strict=True)], clusters, resamples, seed)


def paired_p_value(
    new: Sequence[float], old: Sequence[float], clusters: Sequence[str], resamples: int = 9999, seed: int = 0
) -> float:
    """Two-sided p-value of `new - old` on the same questions: whole clusters change sign (scipy's permutation_test).

    Raises:
        ValueError: the lengths differ.
    """
    from scipy.stats import permutation_test

    if not len(new) == len(old) == len(clusters):
        raise ValueError(f"{len(new)} scores against {len(old)}: a paired comparison needs the same questions.")
    names, index = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    sums = np.zeros(len(names))
    np.add.at(sums, index, np.asarray(new, dtype=float) - np.asarray(old, dtype=float))
    if len(sums) < 2 or not sums.any():
        return 1.0
    result = permutation_test(
        (sums,), lambda x, axis: x.sum(axis=axis), permutation_type="samples", vectorized=True,
        n_resamples=resamples, rng=np.random.default_rng(seed),
    )  # fmt: skip
    return float(result.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for a family of comparisons (Holm 1979): step down, never decreasing, at most 1."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted
