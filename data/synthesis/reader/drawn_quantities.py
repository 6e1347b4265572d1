"""Drawing values that can be compared: periods, shares, sums, numbers and dates, each with its size and its text.

A year counts as 12 months, a month as 30 days and a week as 7 days; business days are compared with
business days only.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence
from dataclasses import dataclass

from labkit.values import MONTHS
from synthesis.archive.values import words
from synthesis.reader.names import CURRENCIES, Names

PERIODS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "month": 30.0, "year": 360.0, "business day": 1.0}
_AMOUNTS: dict[str, Sequence[int]] = {
    "hour": (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 18, 20, 24, 36, 48, 72, 96),
    "day": (2, 3, 5, 7, 8, 10, 12, 14, 15, 18, 20, 21, 25, 28, 30, 35, 40, 42, 45, 50, 60, 75, 80, 90, 100, 120, 180),
    "week": (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 26, 30, 52),
    "month": (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 18, 20, 24, 30, 36, 42, 48, 60),
    "year": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20),
    "business day": (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 45),
}
_UNITS = {
    "hours": ("hour",),
    "days": ("day",),
    "weeks": ("week", "day"),
    "months": ("month", "month", "year"),
    "years": ("year", "year", "month"),
    "duration": ("day", "month", "month", "year", "week"),
    "business_days": ("business day",),
}
KINDS = (*_UNITS, "percent", "money", "count", "date")


@dataclass(frozen=True)
class Quantity:
    """A value: `size` in the base unit of its kind (days, percent, currency units, ...), `amount` in its own `unit`."""

    kind: str
    text: str
    size: float
    amount: float
    unit: str


def draw(
    rng: random.Random, names: Names, kind: str, like: Quantity | None = None, unit: str | None = None
) -> Quantity:
    """A quantity of `kind`; `like` fixes what must agree for both to be comparable (the currency).

    Raises:
        ValueError: the kind cannot be compared.
    """
    if kind in _UNITS:
        chosen = unit or rng.choice(_UNITS[kind])
        return period(names, kind, rng.choice(_AMOUNTS[chosen]), chosen)
    if kind == "percent":
        steps = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20, 25, 30, 40, 50)
        return share(rng, rng.choice(steps) if rng.random() < 0.55 else rng.randint(1, 60) / 4)
    if kind == "money":
        size = rng.choice((1000, 5000, 10_000, 50_000, 100_000, 100_000, 500_000, 1_000_000))
        code = like.unit if like else rng.choice(CURRENCIES[:3] if rng.random() < 0.7 else CURRENCIES)[0]
        return money(rng, rng.randint(1, 20) * size, code)
    if kind == "count":
        n = rng.randint(1, 40) if rng.random() < 0.6 else rng.randint(2, 99) * rng.choice((5, 10, 50, 100))
        return Quantity(kind, words(n) if n < 21 and rng.random() < 0.2 else f"{n:,}", n, n, "")
    if kind == "date":
        return date(rng, rng.randint(2010, 2030), rng.randint(1, 12), rng.randint(1, 28))
    raise ValueError(f"Values of kind {kind!r} cannot be compared: use one of {', '.join(KINDS)}.")


def period(names: Names, kind: str, amount: int, unit: str) -> Quantity:
    """A period of `amount` units."""
    return Quantity(kind, names.period(amount, unit), amount * PERIODS[unit], amount, unit)


def share(rng: random.Random, amount: float) -> Quantity:
    """A percentage."""
    shown = f"{amount:g}"
    if amount == int(amount) and rng.random() < 0.25:
        text = f"{words(int(amount))} {rng.choice(('per cent', 'percent'))}"
        text += f" ({shown}%)" if rng.random() < 0.5 else ""
    else:
        text = shown + rng.choice(["%", "%", "%", " %", " per cent", " percent"])
    return Quantity("percent", text, amount, amount, "%")


def money(rng: random.Random, amount: int, code: str) -> Quantity:
    """A sum in the currency `code`."""
    sign, plural = next((s, p) for c, s, p in CURRENCIES if c == code)
    shown = f"{amount:,}"
    if amount >= 1_000_000 and amount % 100_000 == 0 and rng.random() < 0.3:
        shown = f"{amount / 1_000_000:g} million"
    roll = rng.random()
    if roll < 0.55:
        text = f"{code} {shown}"
    elif roll < 0.75:
        text = f"{sign}{shown}"
    elif roll < 0.85:
        text = f"{shown} {code}"
    else:
        text = f"{shown} {plural}" if rng.random() < 0.6 or amount >= 1_000_000 else f"{words(amount)} {plural}"
    return Quantity("money", text, amount, amount, code)


def date(rng: random.Random, year: int, month: int, day: int) -> Quantity:
    """A day, its size counted from the first of the calendar."""
    name = MONTHS[month - 1]
    forms = (f"{day} {name} {year}", f"{day} {name} {year}", f"{name} {day}, {year}", f"{year}-{month:02d}-{day:02d}")
    return Quantity("date", rng.choice(forms), datetime.date(year, month, day).toordinal(), 0, "")


def second(rng: random.Random, names: Names, first: Quantity, same_unit: bool = False) -> Quantity:
    """A quantity to compare with `first`: the same size one time in six, mostly in the same unit."""
    if rng.random() < 0.17:
        return again(rng, names, first)
    unit = None
    if first.kind in _UNITS and (same_unit or rng.random() < 0.7):
        unit = first.unit
    for _ in range(30):
        other = draw(rng, names, first.kind, first, unit)
        if other.size != first.size and ("business" in other.unit) == ("business" in first.unit):
            return other
    return again(rng, names, first)


def again(rng: random.Random, names: Names, value: Quantity) -> Quantity:
    """The same value, perhaps written in another form."""
    if value.kind in _UNITS:
        return period(names, value.kind, int(value.amount), value.unit)
    if value.kind == "percent":
        return share(rng, value.amount)
    if value.kind == "money":
        return money(rng, int(value.amount), value.unit)
    if value.kind == "date":
        day = datetime.date.fromordinal(int(value.size))
        return date(rng, day.year, day.month, day.day)
    return value


def difference(a: Quantity, b: Quantity) -> str | None:
    """How far two quantities are apart, in figures; None where their units differ or they are dates."""
    if a.unit != b.unit or a.kind == "date" or a.size == b.size:
        return None
    gap = round(abs(a.amount - b.amount), 4)
    if a.kind == "percent":
        return f"{gap:g}%"
    if a.kind == "money":
        return f"{a.unit} {int(gap):,}"
    if a.kind == "count":
        return f"{int(gap):,}"
    return f"{int(gap)} {a.unit}{'' if gap == 1 else 's'}"
