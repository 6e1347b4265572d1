"""Quantities in contracts: periods, amounts, rates and numbers, parsed so that code can compare them.

A year counts as 12 months, a month as 30 days, a week as 7 days, as the course's playbook has it; business
days are compared with business days alone, an amount with one of the same currency.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HOURS = {"hour": 1.0, "day": 24.0, "week": 168.0, "month": 720.0, "year": 8640.0}
_UNIT = re.compile(r"\b(business day|working day|hour|day|week|month|year)s?\b", re.IGNORECASE)
_CURRENCIES = {"$": "USD", "\N{EURO SIGN}": "EUR", "\N{POUND SIGN}": "GBP", "us dollar": "USD", "dollar": "USD",
               "euro": "EUR", "pound": "GBP", "swiss franc": "CHF"}  # fmt: skip
_SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
SMALL_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS = {w: i for i, w in enumerate(SMALL_NUMBERS)} | {w: 10 * i for i, w in enumerate(TENS, start=2)}
MONTHS = tuple("January February March April May June July August September October November December".split())
# Every word that numbers are written with.
NUMBER_WORDS = frozenset((*_WORDS, "hundred", *_SCALES))


@dataclass(frozen=True)
class Quantity:
    """A number with its unit: "hour", "day", "business day", "week", "month", "year", "%", a currency, or ""."""

    number: float
    unit: str

    @property
    def dimension(self) -> str:
        """What it can be compared with: "time", or the unit itself."""
        return "time" if self.unit in _HOURS else self.unit

    @property
    def size(self) -> float:
        """In hours for a time, else the number."""
        return self.number * _HOURS.get(self.unit, 1.0)

    def __str__(self) -> str:
        number = f"{self.number:,.10g}" if self.number < 1e6 else f"{self.number:,.0f}"
        if self.unit == "%":
            return f"{number}%"
        if self.unit.isupper():
            return f"{self.unit} {number}"
        return f"{number} {self.unit}{'' if self.number == 1 else 's'}" if self.unit else number


# A minus follows neither word nor number, for there it is a hyphen or a dash.
_MINUS = r"(?<![\w%)\]])[-\N{MINUS SIGN}]"
_WRITTEN = re.compile(
    rf"(?:{_MINUS})?(?:\b[A-Z]{{3}}\s?|[$\N{{EURO SIGN}}\N{{POUND SIGN}}]\s?)?(?:{_MINUS})?(?:(?<![\w.,])\.)?"
    r"\d[\d,]*(?:'\d+)*(?:\.\d+(?:[.,]\d+)*)?\s*(?:thousand|million)?\s*"
    r"(?:%|per ?cent|(?:(?:business|working)\s+)?(?:hour|day|week|month|year)s?)?",
    re.IGNORECASE,
)


def quantities(text: str) -> list[Quantity]:
    """Every quantity of a text that is written in digits, in order."""
    return [q for match in _WRITTEN.finditer(text) if (q := parse_quantity(match[0])) is not None]


def without_quantities(text: str) -> str:
    """The text with the word "quantity" in place of each quantity in digits."""
    return _WRITTEN.sub("quantity", text)


def parse_quantity(text: str) -> Quantity | None:
    """The first quantity of a text, such as "seventy-five (75) days" or "USD 1.2 million".

    None where there is none, or where its digits are written in a way that is not understood: a comma stands
    before thousands and a point before decimals, so "1,5 %" and "1.000,50 EUR" are no quantities.
    """
    number = _digits(text) if re.search(r"\d", text) else _in_words(text.lower())
    if number is None:
        return None
    if re.search(r"%|\bper ?cent\b", text, re.IGNORECASE):
        return Quantity(number, "%")
    if unit := _UNIT.search(text):
        return Quantity(number, unit[1].lower().replace("working", "business"))
    return Quantity(number, _currency(text))


_NUMBER = re.compile(r"(?:(?<![\w.,])\.)?\d(?:[\d.,']*\d)?")
_NEGATIVE = re.compile(rf"{_MINUS}(?:[A-Z]{{3}}\s?|[$\N{{EURO SIGN}}\N{{POUND SIGN}}])?$")


def _digits(text: str) -> float | None:
    """The first number in digits, below zero where a minus stands before it or before its currency."""
    found = _NUMBER.search(text)
    if found is None or not re.fullmatch(r"(?:\d+(?:,\d{3})*)?(?:\.\d+)?", found[0]):
        return None
    scale = re.match(r"\s*(thousand|million|billion)\b", text[found.end() :], re.IGNORECASE)
    sign = -1.0 if _NEGATIVE.search(text[: found.start()]) else 1.0
    return sign * float(found[0].replace(",", "")) * (_SCALES[scale[1].lower()] if scale else 1.0)


def _in_words(text: str) -> float | None:
    """A number in words: "two hundred and twenty", "ninety-eight point seven five"."""
    whole, part, seen = 0.0, 0.0, False
    words = iter(re.findall(r"[a-z]+", text))
    for word in words:
        if word in _WORDS:
            part, seen = part + _WORDS[word], True
        elif word == "hundred" and seen:
            part *= 100
        elif word in _SCALES and seen:
            whole, part = whole + part * _SCALES[word], 0.0
        elif word == "point" and seen:
            decimals = [str(_WORDS[w]) for w in words if w in _WORDS]
            return whole + part + float(f"0.{''.join(decimals) or '0'}")
        elif seen and word != "and":
            break
    return whole + part if seen else None


def _currency(text: str) -> str:
    code = re.search(r"\b[A-Z]{3}\b", text)
    if code:
        return code[0]
    return next((short for name, short in _CURRENCIES.items() if name in text.lower()), "")


def difference(a: Quantity, b: Quantity) -> Quantity | None:
    """How far two quantities are apart, in the smaller of their units; None where they cannot be compared."""
    if a.dimension != b.dimension:
        return None
    unit = min((a.unit, b.unit), key=lambda u: _HOURS.get(u, 1.0))
    if {a.unit, b.unit} == {"year", "month"}:
        months = {q.unit: q.number * (12 if q.unit == "year" else 1) for q in (a, b)}
        return Quantity(abs(months[a.unit] - months[b.unit]), "month")
    return Quantity(round(abs(a.size - b.size) / _HOURS.get(unit, 1.0), 6), unit)
