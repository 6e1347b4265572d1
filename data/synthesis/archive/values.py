"""Values of clauses: how they are drawn, written, made canonical and spelled otherwise."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from labkit.values import SMALL_NUMBERS, TENS

CURRENCIES = {"USD": "US dollars", "EUR": "euros", "GBP": "pounds sterling", "CHF": "Swiss francs"}
SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}
# A month counts 30 days and a year 12 months wherever two durations are compared.
DAYS = {"hour": 1 / 24, "day": 1.0, "business day": 1.4, "week": 7.0, "month": 30.0, "year": 360.0}


@dataclass(frozen=True)
class Kind:
    """The kind of value a clause category holds and the values it is drawn from."""

    kind: str
    choices: tuple[tuple[float, str], ...] = ()


@dataclass
class Value:
    """One value: `canonical` in figures, every accepted spelling in `aliases`, `size` for comparisons."""

    kind: str
    canonical: str
    aliases: list[str]
    amount: float = 0.0
    unit: str = ""
    size: float = 0.0
    surfaces: dict[str, str] = field(default_factory=dict)


def words(number: int) -> str:
    """Spell a whole number from 0 to 999,999,999 in British English."""
    if number < 20:
        return SMALL_NUMBERS[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return TENS[tens - 2] + (f"-{SMALL_NUMBERS[rest]}" if rest else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{SMALL_NUMBERS[hundreds]} hundred" + (f" and {words(rest)}" if rest else "")
    for size, name in ((1_000_000, "million"), (1000, "thousand")):
        if number >= size:
            head, rest = divmod(number, size)
            tail = "" if not rest else (f" and {words(rest)}" if rest < 100 else f" {words(rest)}")
            return f"{words(head)} {name}{tail}"
    raise ValueError(f"{number} cannot be spelled: give a whole number below a thousand million.")


def _plural(number: float, unit: str) -> str:
    return unit if number == 1 else f"{unit}s"


def _span(unit: str, *numbers: int) -> tuple[tuple[float, str], ...]:
    return tuple((n, unit) for n in numbers)


def size_of(canonical: str) -> float:
    """The size of a numeric value from its canonical spelling; durations in days. Raises ValueError for a name."""
    found = re.fullmatch(r"(?:[A-Z]{3} )?([\d,.]+)(?:%| ([a-z ]+?)s?)?", canonical)
    if not found or (found[2] and found[2] not in DAYS):
        raise ValueError(f"{canonical!r} is no number with a known unit.")
    return float(found[1].replace(",", "")) * DAYS.get(found[2] or "", 1.0)


LONG_TERM = _span("month", 18, 24, 30, 36, 42, 48, 54, 60) + _span("year", 2, 3, 4, 5, 6, 7, 8, 10)
SHORT_TERM = _span("month", 6, 9, 12, 15, 18, 24) + _span("year", 1, 2, 3)
NOTICE = _span("day", 30, 45, 60, 75, 90, 100, 120, 150, 180) + _span("month", 2, 3, 4, 5, 6, 9)

CATEGORIES: dict[str, Kind] = {
    "initial_term": Kind("duration_long", LONG_TERM),
    "renewal_term": Kind("duration_long", SHORT_TERM),
    "renewal_notice": Kind("days_months", NOTICE),
    "governing_law": Kind("law"),
    "jurisdiction": Kind("place"),
    "payment_term": Kind("days", _span("day", 7, 10, 14, 15, 20, 21, 25, 28, 30, 35, 40, 45, 50, 60, 75, 90)),
    "late_interest": Kind(
        "percent",
        (
            *_span("%", 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
            (3.5, "%"),
            (4.5, "%"),
            (5.25, "%"),
            (6.5, "%"),
            (7.25, "%"),
            (8.5, "%"),
        ),
    ),
    "liability_cap": Kind(
        "money",
        tuple((n * 1e5, "") for n in (3, 4, 5, 6, 7.5, 8, 9, 10, 12, 15, 18, 20, 25, 30, 35, 40, 50, 60, 75, 80, 100)),
    ),
    "insurance_cover": Kind(
        "money", tuple((n * 1e6, "") for n in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25))
    ),
    "warranty_period": Kind("duration_long", _span("month", 3, 6, 9, 12, 15, 18, 24, 30, 36) + _span("year", 1, 2, 3)),
    "audit_notice": Kind("days", _span("day", 3, 5, 7, 8, 10, 12, 14, 15, 18, 20, 21, 25, 28, 30, 40)),
    "record_retention": Kind("duration_long", _span("year", 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)),
    "exclusivity": Kind("place_region"),
    "non_compete": Kind("duration_long", _span("month", 6, 9, 12, 15, 18, 20, 24, 30, 36) + _span("year", 1, 2, 3)),
    "non_solicitation": Kind("duration_long", _span("month", 6, 8, 9, 10, 12, 15, 16, 18, 24) + _span("year", 1, 2)),
    "change_of_control": Kind("days", _span("day", 10, 14, 15, 20, 21, 30, 40, 45, 60, 75, 90, 100)),
    "assignment": Kind("party"),
    "convenience_termination": Kind("days_months", NOTICE),
    "cure_period": Kind("days", _span("day", 5, 7, 10, 12, 14, 15, 18, 20, 21, 25, 28, 30, 35, 40, 45, 60)),
    "minimum_commitment": Kind(
        "money",
        tuple((n * 1e4, "") for n in (4, 6, 8, 9, 12, 15, 18, 20, 24, 30, 36, 40, 45, 55, 65, 70, 85, 95, 110, 140)),
    ),
    "price_increase_cap": Kind(
        "percent",
        (
            (1.5, "%"),
            (1.75, "%"),
            (2, "%"),
            (2.25, "%"),
            (2.5, "%"),
            (3, "%"),
            (3.25, "%"),
            (3.5, "%"),
            (4, "%"),
            (4.25, "%"),
            (4.5, "%"),
            (5, "%"),
            (5.5, "%"),
            (6, "%"),
            (7, "%"),
        ),
    ),
    "royalty": Kind(
        "percent",
        (
            (2.5, "%"),
            (3.5, "%"),
            (4.75, "%"),
            (5.5, "%"),
            (6.5, "%"),
            (7.5, "%"),
            (8.25, "%"),
            *_span("%", 4, 5, 6, 8, 9, 10, 11, 12, 14, 15, 18, 20),
        ),
    ),
    "most_favoured_price": Kind("party"),
    "ip_ownership": Kind("party"),
    "licence_scope": Kind(
        "count",
        _span("user", 15, 20, 25, 40, 60, 75, 80, 110, 120, 150, 180, 220, 250, 300, 350, 400, 450, 600, 750, 900),
    ),
    "source_code_escrow": Kind("company"),
    "confidentiality_period": Kind(
        "duration_long", _span("year", 2, 3, 4, 5, 6, 7, 8, 9, 10) + _span("month", 18, 24, 30, 36, 48, 60)
    ),
    "breach_notification": Kind("hours", _span("hour", 6, 8, 10, 12, 16, 18, 20, 24, 30, 36, 40, 48, 60, 72, 96)),
    "service_level": Kind(
        "percent",
        (
            (95.5, "%"),
            (96, "%"),
            (96.5, "%"),
            (97, "%"),
            (97.25, "%"),
            (97.5, "%"),
            (98, "%"),
            (98.25, "%"),
            (98.5, "%"),
            (98.75, "%"),
            (99, "%"),
            (99.25, "%"),
            (99.5, "%"),
            (99.75, "%"),
            (99.8, "%"),
            (99.9, "%"),
            (99.95, "%"),
        ),
    ),
    "service_credit": Kind("percent", _span("%", 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 18, 20, 25)),
    "delivery_time": Kind(
        "weeks_days",
        _span("week", 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16) + _span("day", 5, 10, 12, 15, 18, 20, 25, 30, 40, 45),
    ),
    "acceptance_period": Kind(
        "business_days", _span("business day", 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 18, 20, 25, 30)
    ),
    "liquidated_damages": Kind(
        "percent",
        (
            (0.25, "%"),
            (0.4, "%"),
            (0.5, "%"),
            (0.6, "%"),
            (0.75, "%"),
            (0.8, "%"),
            (1, "%"),
            (1.25, "%"),
            (1.5, "%"),
            (1.75, "%"),
            (2, "%"),
            (2.5, "%"),
            (3, "%"),
        ),
    ),
    "force_majeure": Kind(
        "days", _span("day", 20, 28, 30, 35, 42, 45, 50, 60, 70, 75, 84, 90, 100, 110, 120, 150, 180)
    ),
    "key_contact": Kind("person"),
    "subcontracting": Kind("party"),
    "transition_help": Kind("duration_long", _span("month", 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18)),
    "first_refusal": Kind("days", _span("day", 5, 7, 10, 12, 14, 15, 18, 20, 21, 25, 28, 30, 45, 60)),
    "response_time": Kind("hours", _span("hour", 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20, 24)),
    "data_location": Kind("place_region"),
    "deposit": Kind(
        "money",
        tuple((n * 1e3, "") for n in (12, 15, 18, 20, 24, 25, 30, 35, 40, 48, 50, 60, 64, 75, 80, 90, 100, 120, 150)),
    ),
    "third_party_beneficiary": Kind("company"),
}

# What `{other:kind}` may become: round figures as contracts have them, (amount, unit).
DECOYS: dict[str, tuple[tuple[float, str], ...]] = {
    "days": _span("day", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 20, 21, 22, 24, 25, 28, 30, 33, 40,
                  45, 50, 56, 60, 65, 75, 80, 90, 120, 150, 180),
    "days_months": _span("day", 30, 40, 45, 60, 90) + _span("month", 2, 3, 4, 5, 6),
    "months": _span("month", 2, 3, 4, 5, 6, 8, 9, 10, 12, 14, 15, 18, 20, 24, 30, 36, 42, 48, 60),
    "years": _span("year", 1, 2, 3, 4, 5, 6, 7, 8, 10, 12),
    "duration_long": _span("month", 3, 6, 9, 12, 14, 18, 24) + _span("year", 1, 2),
    "hours": _span("hour", 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 18, 24, 36, 48, 60, 72),
    "business_days": _span("business day", 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 15),
    "weeks": _span("week", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12),
    "weeks_days": _span("week", 2, 3, 4, 5, 6, 8) + _span("day", 10, 15, 20),
    "percent": tuple((n, "%") for n in (2, 4, 5, 6, 8, 10, 12, 14, 15, 16, 18, 20, 25, 30, 35, 40, 45, 50, 60)),
    "small_money": tuple((n, "") for n in (40, 75, 100, 150, 250, 400, 500, 800)),
    "small_percent": tuple((n, "%") for n in (0.5, 1, 1.5, 2, 2.5, 3, 4, 5)),
    "money": tuple((n * 10**k, "") for k in range(3, 9) for n in (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 6.5, 7.5, 8, 9)),
    "count": _span("", 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 50, 75, 100, 150, 200, 250, 300, 400, 500),
}  # fmt: skip
# Where a wording names no range, in the kind's own unit (days, hours, business days, per cent, money).
RANGES = {"days": (5, 30), "hours": (4, 48), "business_days": (3, 15), "percent": (10, 30), "money": (10_000, 100_000),
          "count": (3, 12)}  # fmt: skip

NUMERIC = {"days", "days_months", "duration_long", "hours", "business_days", "weeks_days", "percent", "money", "count"}


def figure(number: float) -> str:
    """Write a number with thousands separators and no trailing zeros."""
    text = f"{number:,.2f}".rstrip("0").rstrip(".")
    return text


def _percent_words(amount: float) -> str:
    whole, fraction = f"{amount:g}".split(".") if amount != int(amount) else (f"{amount:g}", "")
    spelled = words(int(whole))
    return f"{spelled} point {' '.join(SMALL_NUMBERS[int(d)] for d in fraction)}" if fraction else spelled


def _duration(amount: int, unit: str, kind: str) -> Value:
    named = _plural(amount, unit)
    spelled = words(amount)
    canonical = f"{amount} {named}"
    both = f"{spelled} ({amount}) {named}"
    surfaces = {"figures": canonical, "words": f"{spelled} {named}", "both": both}
    aliases = [canonical, f"{spelled} {named}", both]
    if unit == "business day":
        working = f"working {_plural(amount, 'day')}"
        aliases += [f"{amount} {working}", f"{spelled} {working}", f"{spelled} ({amount}) {working}"]
    equal = {"year": (12, "month"), "week": (7, "day"), "day": (24, "hour")}.get(unit)
    if equal and (unit != "day" or amount <= 4):
        aliases += _spellings(amount * equal[0], equal[1])
    for larger, smaller, size in (("year", "month", 12), ("week", "day", 7), ("day", "hour", 24)):
        if unit == smaller and amount % size == 0:
            count = amount // size
            aliases += _spellings(count, larger)
    return Value(kind, canonical, aliases, amount, unit, amount * DAYS[unit], surfaces)


def _spellings(amount: int, unit: str) -> list[str]:
    """Figures, words, and both: `12 months`, `twelve months`, `twelve (12) months`."""
    named = _plural(amount, unit)
    return [f"{amount} {named}", f"{words(amount)} {named}", f"{words(amount)} ({amount}) {named}"]


def _money(amount: float, currency: str) -> Value:
    canonical = f"{currency} {figure(amount)}"
    name = CURRENCIES[currency]
    spelled = f"{words(int(amount))} {name}"
    surfaces = {"figures": canonical, "both": f"{spelled} ({canonical})", "words": canonical}
    aliases = [canonical, f"{currency}{figure(amount)}", f"{figure(amount)} {currency}", f"{figure(amount)} {name}",
               spelled, f"{spelled} ({canonical})", f"{currency} {amount:.0f}"]  # fmt: skip
    if currency in SIGNS:
        aliases.append(f"{SIGNS[currency]}{figure(amount)}")
    if amount >= 1e6 and amount % 1e5 == 0:
        short = f"{currency} {figure(amount / 1e6)} million"
        millions = f"{figure(amount / 1e6)} million"
        aliases += [short, f"{millions} {name}", f"{millions} {currency}", f"{SIGNS.get(currency, currency)}{millions}"]
        surfaces["short"] = short
    return Value("money", canonical, aliases, amount, currency, amount, surfaces)


def _percent(amount: float) -> Value:
    canonical = f"{figure(amount)}%"
    spelled = f"{_percent_words(amount)} per cent"
    both = f"{spelled} ({canonical})"
    aliases = [canonical, f"{figure(amount)} %", f"{figure(amount)} percent", f"{figure(amount)} per cent",
               spelled, spelled.replace("per cent", "percent"), both, both.replace("per cent", "percent")]  # fmt: skip
    surfaces = {"figures": canonical, "words": spelled, "both": both, "us": both.replace("per cent", "percent"),
                "spaced": f"{figure(amount)} %"}  # fmt: skip
    return Value("percent", canonical, aliases, amount, "%", amount, surfaces)


def _count(amount: int, noun: str) -> Value:
    aliases = [figure(amount), f"{amount}", words(amount), f"{words(amount)} ({figure(amount)})"]
    if noun:
        aliases += [f"{alias} {noun}s" for alias in (figure(amount), words(amount), aliases[-1])]
    surfaces = {"figures": figure(amount), "words": words(amount), "both": f"{words(amount)} ({figure(amount)})"}
    return Value("count", figure(amount), aliases, amount, noun, amount, surfaces)


def make(kind: str, amount: float, unit: str, currency: str = "USD") -> Value:
    """Make a numeric value. `unit` is a time unit, `%`, a noun counted, or empty for money in `currency`."""
    if kind == "money":
        return _money(amount, currency)
    if kind == "percent":
        return _percent(amount)
    if kind == "count":
        return _count(int(amount), unit)
    return _duration(int(amount), unit, kind)


def name_value(kind: str, canonical: str, aliases: list[str] | None = None, surface: str | None = None) -> Value:
    """Make a value that is a name: a law, place, party, person or company."""
    known = list(dict.fromkeys([canonical, surface or canonical, *(aliases or [])]))
    return Value(kind, canonical, known, surfaces={"figures": surface or canonical})


# What a reader may copy after the value itself; no unit of its own.
TAILS = {
    "late_interest": ("per year", "a year", "per annum"),
    "price_increase_cap": ("per year", "a year", "per annum"),
    "liquidated_damages": ("per week", "a week", "for each week"),
    "service_credit": ("of the monthly fee",),
    "minimum_commitment": ("per year", "a year"),
}


def explain(category: str, value: Value) -> Value:
    """Accept the spellings of a value also with the usual words after it, such as `9% per year`."""
    spelled = [value.canonical, *value.surfaces.values()]
    value.aliases += [f"{text} {tail}" for text in dict.fromkeys(spelled) for tail in TAILS.get(category, ())]
    return value


# How each drafting style likes to write a value; drawn with equal weight.
HABITS: dict[str, tuple[str, ...]] = {
    "classic": ("both", "words", "both"),
    "us": ("both", "both", "figures"),
    "plain": ("figures",),
    "civil": ("figures", "words"),
    "schedule": ("figures", "both", "figures"),
    "letter": ("words", "figures"),
}
PERCENT_HABITS: dict[str, tuple[str, ...]] = {
    "classic": ("figures", "both", "words"),
    "us": ("us", "figures"),
    "plain": ("figures",),
    "civil": ("spaced", "figures"),
    "schedule": ("figures",),
    "letter": ("figures", "words"),
}
MONEY_HABITS: dict[str, tuple[str, ...]] = {
    "classic": ("figures", "both"),
    "us": ("both", "figures"),
    "plain": ("short", "figures"),
    "civil": ("figures", "short"),
    "schedule": ("figures",),
    "letter": ("short", "figures"),
}


def write(value: Value, style: str, rng: random.Random, business_day: str = "business day") -> str:
    """Write a value as a drafter of this style would; `business_day` is the contract's own spelling of that term."""
    habits = {"percent": PERCENT_HABITS, "money": MONEY_HABITS}.get(value.kind, HABITS)[style]
    surface = value.surfaces.get(rng.choice(habits), value.surfaces["figures"])
    return surface.replace("business day", business_day)


def difference(left: Value, right: Value) -> Value | None:
    """The difference of two values of one unit, or None where it has no plain name."""
    if left.kind != right.kind or left.unit != right.unit or left.amount == right.amount:
        return None
    gap = round(abs(left.amount - right.amount), 4)
    value = make(left.kind, gap, left.unit, left.unit if left.kind == "money" else "USD")
    if left.kind == "percent":
        points = f"{figure(gap)} percentage {_plural(gap, 'point')}"
        value.aliases += [points, f"{figure(gap)} points", f"{_percent_words(gap)} percentage {_plural(gap, 'point')}"]
    return value
