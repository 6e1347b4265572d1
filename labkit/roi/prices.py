"""Dated prices, read from `data/prices.toml` or a file of the same form."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labkit import paths

# By the id of a price its fields: what, amount, unit, currency, as_of, period, source, note.
Prices = Mapping[str, Mapping[str, Any]]
HOUR, TOKENS = "hour", "million tokens"
_FIELDS = ("id", "what", "amount", "unit", "currency", "as_of", "period", "source")


def load_prices(path: Path | None = None) -> dict[str, dict[str, Any]]:
    """Prices with unit, currency, date and source, by id; `roi.changed` gives them with another amount.

    Args:
        path: a file of the form of `data/prices.toml`, by default that file, which may be edited.

    Raises:
        ValueError: the file cannot be read, an id stands twice, or an entry lacks a field.
    """
    path = path or paths.data() / "prices.toml"
    try:
        rows = [dict(row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["price"]]
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise ValueError(f"{path.name} holds no prices that can be read ({cause}): see data/prices.toml.") from cause
    prices: dict[str, dict[str, Any]] = {}
    for row in rows:
        if missing := [name for name in _FIELDS if name not in row]:
            raise ValueError(f"The price {row.get('id', '?')!r} has no {missing[0]}: add it to {path.name}.")
        if row["id"] in prices:
            raise ValueError(f"The price {row['id']!r} stands twice in {path.name}: keep one.")
        prices[row["id"]] = row
    return prices


def amounts(prices: Prices, wanted: Sequence[tuple[str, str]]) -> list[float]:
    """The amounts of several prices.

    Args:
        prices: by id.
        wanted: ids, each with the unit that it must have.

    Raises:
        ValueError: one is missing, negative, no number or of another unit, or their currencies differ.
    """
    for name, unit in wanted:
        if name not in prices:
            raise ValueError(f"There is no price {name!r}: add it to prices.toml, or take one of {', '.join(prices)}.")
        if prices[name]["unit"] != unit:
            raise ValueError(f"{name!r} is a price by the {prices[name]['unit']}: convert it to one by the {unit}.")
        amount = prices[name]["amount"]
        if not isinstance(amount, int | float) or isinstance(amount, bool) or not 0 <= amount < math.inf:
            raise ValueError(f"The price {name!r} is {amount!r}: give a number of at least 0.")
    if len(currencies := {prices[name]["currency"] for name, _ in wanted}) > 1:
        raise ValueError(f"The prices are in {' and '.join(sorted(currencies))}: convert them to one currency.")
    return [float(prices[name]["amount"]) for name, _ in wanted]
