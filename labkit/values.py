"""Values in contracts: money, percentages, periods, dates, numbers, ordinals, ranges and bounds, read in one way.

`scan` finds every value of a text, `parse_value` reads a text that is one value, `parse_quantity` the first amount of a
sentence. Values are equal when they mean the same: "12 months" and "1 year". What can be read in two ways is no value.
"""

import datetime
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache

# What a unit is compared by. Months differ in length: for `difference` alone a month is 30 days, as in the playbook.
_PERIODS = {u: ("hour", Fraction(s, 3600)) for u, s in (("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400))}
_PERIODS |= {"week": ("hour", Fraction(168)), "month": ("month", Fraction(1)), "year": ("month", Fraction(12))}
_HOURS = {u: float(n * (720 if base == "month" else 1)) for u, (base, n) in _PERIODS.items()}
_RATES = {"annum": "year", "annually": "year", "yearly": "year", "monthly": "month", "weekly": "week", "daily": "day",
          "hourly": "hour", "p.a.": "year", "p.a": "year"}  # fmt: skip
_CODES = "USD EUR GBP CHF JPY CNY AUD CAD NZD SEK NOK DKK ISK PLN CZK HUF RON INR BRL MXN ZAR SGD HKD KRW".split()
# A bare $, "dollars" or the yen sign stand for several currencies: they stay as they are unless the caller knows.
_SIGNS = {"US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "NZ$": "NZD", "HK$": "HKD", "S$": "SGD",
          "R$": "BRL", "$": "$", "€": "EUR", "£": "GBP", "¥": "¥", "₹": "INR"}  # fmt: skip
_NAMES = {
    "us dollar": "USD", "u.s. dollar": "USD", "united states dollar": "USD", "american dollar": "USD", "dollar": "$",
    "canadian dollar": "CAD", "australian dollar": "AUD", "new zealand dollar": "NZD", "singapore dollar": "SGD",
    "hong kong dollar": "HKD", "euro": "EUR", "pounds sterling": "GBP", "pound sterling": "GBP", "pound": "GBP",
    "swiss franc": "CHF", "japanese yen": "JPY", "swedish kronor": "SEK", "norwegian kroner": "NOK",
    "per cent": "%", "percent": "%", "pct": "%", "percentage point": "percentage point", "banking day": "banking day",
    "business day": "business day", "working day": "business day", "calendar day": "day",
} | {p: p for p in _PERIODS}  # fmt: skip
_UNITS = {f"{name}{s}": unit for name, unit in _NAMES.items() for s in ("", "s")}
_UNITS |= {code.lower(): code for code in (*_CODES, "%")} | {sign.lower(): unit for sign, unit in _SIGNS.items()}
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "mn": 10**6,
           "mln": 10**6, "mio": 10**6, "bn": 10**9, "k": 10**3, "m": 10**6, "b": 10**9}  # fmt: skip
SMALL_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()
SMALL_NUMBERS += [f"{stem}teen" for stem in "thir four fif six seven eigh nine".split()]
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORDS = {w: i for i, w in enumerate(SMALL_NUMBERS)} | {w: 10 * i for i, w in enumerate(TENS, start=2)} | {"a": 1}
MONTHS = "January February March April May June July August September October November December".split()
_MONTHS = [month[:3].lower() for month in MONTHS]
# Every word that numbers are written with.
NUMBER_WORDS = frozenset((*SMALL_NUMBERS, *TENS, "hundred", "thousand", "million", "billion"))
_FIRST = "first second third fourth fifth sixth seventh eighth ninth".split()
_ORDINALS = {w: i for i, w in enumerate(_FIRST, start=1)} | {"twelfth": 12, "twentieth": 20, "thirtieth": 30}
_ORDINALS |= {f"{w}th": _WORDS[w] for w in (*SMALL_NUMBERS[10:12], *SMALL_NUMBERS[13:])}
_ORDINALS |= {f"{ten}-{w}": _WORDS[ten] + i for ten in TENS[:2] for i, w in enumerate(_FIRST, start=1)}
_BOUNDS = {
    ">=": r">=|≥|at least|(?:not|never) (?:under|below)|(?:not|no) (?:less|fewer|shorter|lower|earlier) than|"
    r"(?:an? )?minimum(?: of)?|min\.",
    ">": r">|(?:more|greater|longer|higher|larger) than|over|above|exceeding|in excess of",
    "<=": r"<=|≤|at most|(?:not|never) (?:over|above)|(?:not|no) (?:more|greater|longer|higher|later) than|"
    r"not exceeding|not to exceed|up to(?: and including)?|(?:an? )?maximum(?: of)?|max\.",
    "<": r"<|(?:less|fewer|shorter|lower|smaller) than|under|below",
    "~": r"~|about|approximately|approx\.?|around|roughly|circa|ca\.",
    "": r"exactly|precisely",
}
_BEHIND = {
    ">=": r"\+|\s?(?:or (?:more|longer|above|higher|over|greater)|and (?:more|above|over)|at least|minimum)\b",
    "<=": r"\s?(?:or (?:less|fewer|below|shorter|lower|under)|at most|maximum)\b",
}


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
        if self.unit and not self.unit.islower():
            return f"{self.unit} {number}"
        return f"{number} {self.unit}{'' if self.number == 1 else 's'}" if self.unit else number


@dataclass(frozen=True)
class Value:
    """What a text says, so that equal values are equal.

    Attributes:
        kind: "amount", "range", "date", "ordinal", or inside this module "unclear".
        numbers: an amount in its base unit, the two ends of a range, or year, month and day, 0 where not given.
        unit: "hour", "month", "business day", "%", "percentage point", a currency, or "" for a plain number.
        per: the unit of a rate ("year" in "USD 5 per year"), else "".
        bound: ">=", ">", "<=", "<" or "~", else "".
        quantity: an amount as it is written.
    """

    kind: str
    numbers: tuple[Fraction, ...]
    unit: str = ""
    per: str = ""
    bound: str = ""
    quantity: Quantity | None = field(default=None, compare=False)


Place = tuple[int, int, Value]
_UNCLEAR = Value("unclear", ())


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(w).replace(r"\ ", " ") for w in sorted(words, key=lambda w: -len(w)))


_BELOW_100 = rf"(?:(?:{_any(TENS)})(?:[\s-]+(?:{_any(SMALL_NUMBERS[1:10])}))?|{_any(SMALL_NUMBERS)})\b"
_BELOW_1000 = rf"(?:(?:{_BELOW_100}|a)[\s-]+hundred\b(?:[\s-]+(?:and )?{_BELOW_100})?|{_BELOW_100})"
_BIG = r"[\s-]+(?:thousand|million|billion)\b"
_SPOKEN = (
    rf"\b(?:{_BELOW_1000}|a(?={_BIG}))(?:{_BIG}(?:,? (?:and )?{_BELOW_1000}(?={_BIG}))?)*"
    rf"(?:(?<=thousand|.million|.billion),? (?:and )?{_BELOW_1000})?(?: point(?: (?:{_any(SMALL_NUMBERS[:10])})\b)+)?"
)
_DIGITS = (
    r"(?:(?:\d+ )?[1-9]/\d{1,2}(?=\s?(?:%|per|(?:hour|day|week|month|year)s?\b))|"
    r"(?:\.\d+|\d+(?:[.,' ]\d+)*)?(?:(?<=\d) ?)?[¼-¾⅐-⅞]|\.\d+|\d+(?:[.,' ]\d+)*)"
)
_PART = r" and (?:(?:a|one)[ -](?:half|quarter)|three[ -]quarters)"
_NUMBER = rf"(?:one[ -]half\b|(?:{_DIGITS}|{_SPOKEN})(?:{_PART})?)"
_SCALE = r"(?:thousand|million|billion|trillion|mn|mln|mio|bn|(?<=[\d ])[kmb])\b"
_MONEY = rf"(?:{_any(_SIGNS)}|\b(?:{'|'.join(_CODES)}))"
_PER = rf"\s?(?:per |an? |(?:for )?(?:each|every) |/)?(?P<per>{_any((*_PERIODS, *_RATES))})(?!\w)"
_AMOUNT = re.compile(
    rf"(?P<minus>\b(?:minus|negative) |(?<![\w%)\]])[-+])?(?:(?P<money>{_MONEY})\s?(?P<minus2>-)?)?"
    rf"(?P<number>{_NUMBER})(?:\s?\((?P<again>{_NUMBER})\))?(?:[\s-]?(?P<scale>{_SCALE}))?(?P<plus>\+)?"
    rf"(?:[\s-]{{0,2}}(?P<unit>%|(?:{_any(_NAMES)})s?\b|{_MONEY}(?!\w)))?(?:{_PER})?", re.I)  # fmt: skip
_BOUND_BEFORE, _BOUND_BEHIND = (
    f"(?:{'|'.join(f'(?P<b{i}>{said})' for i, said in enumerate(bounds.values()))})" for bounds in (_BOUNDS, _BEHIND)
)
_MONTH = rf"(?P<month>(?:{'|'.join(_MONTHS)})(?<=may|...)(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?)\b\.?"
_DAY = rf"(?P<day>\d{{1,2}}(?:st|nd|rd|th)?|{_any(_ORDINALS)})"
_YEAR = r"(?P<year>\d{4})"
_DATES = [
    re.compile(pattern + r"(?![\w/]|[-.]\d)", re.I)
    for pattern in (
        rf"{_DAY}(?: day)?[ -](?:of )?{_MONTH}(?:,?[ -]{_YEAR})?",
        rf"{_MONTH}(?: {_DAY}(?!\d))?(?:,? {_YEAR})?",
        rf"{_YEAR}[-/.](?P<month>\d\d?)[-/.](?P<day>\d\d?)",
        rf"(?P<day>\d\d?)[-/.](?P<month>\d\d?)[-/.]{_YEAR}",
        rf"(?<=in |of )(?P<year>(?:19|20)\d\d)(?! ?{_MONEY})",
    )
]
_STARTS = re.compile(r"[^\w\s]|(?<!\w)\w")
_ORDINAL = re.compile(rf"(?P<number>\d+)(?:st|nd|rd|th)\b|(?:{_any(_ORDINALS)})\b", re.I)
# After these a plain number is a name: clause 7.10 is not clause 7.1.
_NAMED = r"(?:clause|section|article|schedule|annex|appendix|exhibit|item|part|page|version|chapter|no\.|§)s?\s*$"


def plain(text: str) -> str:
    """A text in one way of writing: composed letters, straight quotes, one kind of dash and of space."""
    text = re.sub("[\u2018\u2019\u201b\u02bc`\u00b4]", "'", unicodedata.normalize("NFC", text))
    text = re.sub("[\u2010-\u2015\u2212\ufe63\uff0d]", "-", re.sub("[\u201c-\u201f\u00ab\u00bb]", '"', text))
    return re.sub("[\u00ad\u200b-\u200d\u2060\ufeff]", "", re.sub("[\u00a0\u2000-\u200a\u202f\u3000]", " ", text))


def scan(text: str, dollar: str | None = None) -> list[Place]:
    """Every value of a text that can be read for certain, with its place in `plain(text)`.

    Args:
        text: anything.
        dollar: the currency that a bare $ stands for, where the document or a setting says so.
    """
    return [place for place in _scan(plain(text), dollar) if place[2] is not _UNCLEAR]


def _scan(text: str, dollar: str | None) -> list[Place]:
    found: list[Place] = []
    at = 0
    while start := _STARTS.search(text, at):
        end, value = _value_at(text, start.start(), dollar)
        if value is not None:
            found.append((start.start() - len(_bound_before(text[: start.start()], value)[1]), end, value))
        at = max(end, start.end())
    return _joined(text, found)


def _value_at(text: str, at: int, dollar: str | None) -> tuple[int, Value | None]:
    """The value that starts at a place, if any, and where to look on."""
    if re.search(r"[^\W\d]-$|\d[.,/']$", text[max(0, at - 2) : at]):
        return at + 1, None
    for pattern in _DATES:
        if (match := pattern.match(text, at)) and ((date := _date(match)) or match.groupdict().get("year")):
            return match.end(), date
    if match := _ORDINAL.match(text, at):
        number = int(match["number"] or _ORDINALS[match[0].lower()])
        return match.end(), Value("ordinal", (Fraction(number),))
    amount = _AMOUNT.match(text, at)
    if amount is None:
        return at + 1, None
    end = amount.end()
    if goes_on := re.match(r"(?:\w|[/:.,'][\w/:.,'-]*\d|[/&#]\w)[\w/:.,'-]*", text[end:]):  # 3D, 24/7, 5:00
        return end + goes_on.end(), None
    if (value := _amount(amount, dollar)) is None:
        return end, _UNCLEAR
    if not value.unit and re.search(_NAMED, text[max(0, at - 12) : at], re.I):
        return end, None
    bound = ">=" if amount["plus"] else _bound_before(text[:at], value)[0]
    if behind := re.match(_BOUND_BEHIND, text[end:], re.I):
        bound, end = list(_BEHIND)[int((behind.lastgroup or "b0")[1:])], end + behind.end()
    return end, replace(value, bound=bound)


def _bound_before(text: str, value: Value) -> tuple[str, str]:
    """The bound that words before an amount set, and these words; "over two years" may also mean during them."""
    match = re.search(rf"(?<!\w){_BOUND_BEFORE}\s*(?:the |a )?$", text[-40:], re.I) if value.kind == "amount" else None
    if match is None or (match[0].lower().startswith("over") and value.unit in ("hour", "month")):
        return "", ""
    return list(_BOUNDS)[int((match.lastgroup or "b0")[1:])], match[0]


def _date(match: re.Match[str]) -> Value | None:
    got = {"year": "", "month": "", "day": ""} | {k: (v or "").lower() for k, v in match.groupdict().items()}
    if not got["year"] and (match["month"] in ("may", "march") or not got["day"]):  # the verbs, or a month alone
        return None
    day, month = (_ORDINALS.get(got[k], int(re.sub(r"\D", "", got[k]) or 0)) for k in ("day", "month"))
    if got["month"][:3] in _MONTHS:
        month = _MONTHS.index(got["month"][:3]) + 1
    elif match.re is _DATES[3]:
        if day <= 12 and month <= 12 and day != month:  # which of the two is the day?
            return None
        day, month = (month, day) if month > 12 else (day, month)
    try:
        datetime.date(int(got["year"] or 2000), month or 1, day or 1)
    except ValueError:
        return None
    return Value("date", (Fraction(got["year"] or 0), Fraction(month), Fraction(day)))


def _amount(match: re.Match[str], dollar: str | None) -> Value | None:
    units = {_UNITS[u.lower()] for u in (match["money"], match["unit"]) if u}
    if "$" in units and len(units) == 2 and {u[-1:] for u in units} == {"$", "D"}:  # $5 USD
        units.remove("$")
    unit = units.pop() if units else ""
    scale = (match["scale"] or "").lower()
    number = _number(match["number"], unit, bool(scale))
    again = _number(match["again"], unit, True) if match["again"] else number
    if units or number is None or again != number or (len(scale) == 1 and unit.lower() == unit != "$"):
        return None
    number *= _SCALES.get(scale, 1) * (-1 if match["minus"] not in (None, "+") or match["minus2"] else 1)
    unit = dollar if unit == "$" and dollar else unit
    base, factor = _PERIODS.get(unit, (unit, Fraction(1)))
    per = (match["per"] or "").lower()
    return Value("amount", (number * factor,), base, _RATES.get(per, per), "", Quantity(float(number), unit))


def _number(text: str, unit: str, scaled: bool) -> Fraction | None:
    """A number in digits or words; None where its separators can be read in two ways, or in none.

    A decimal comma needs a unit; the point of 99.999 is surely decimal only with per cent or "million".
    """
    text, extra = text.lower(), Fraction(0)
    if match := re.search(rf"{_PART}$|^one[ -]half$", text):
        extra = Fraction(1, 2) if "half" in match[0] else Fraction(3 if "three" in match[0] else 1, 4)
        text = text[: match.start()]
    elif match := re.search(r"(?:^| )(\d)/([1-9]\d?)$", text):
        extra, text = Fraction(int(match[1]), int(match[2])), text[: match.start()]
    elif unicodedata.category(text[-1]) == "No":
        extra, text = Fraction(unicodedata.numeric(text[-1])).limit_denominator(16), text[:-1].strip()
    if not text or text[0].isalpha():
        whole = _spoken(text)
        return None if whole is None else whole + extra
    unclear = not scaled and unit != "%" and re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", text)
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d{1,2}|\d{1,3}(?:\.\d{3}){2,}" + r"|\d+,\d{1,2}" * bool(unit), text):
        text = text.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"\d{1,3}([,' ])\d{3}(?:\1\d{3})*(?:\.\d+)?|\d{1,2}(?:,\d\d)+,\d{3}", text):
        text = re.sub("[,' ]", "", text)
    elif unclear or not re.fullmatch(r"(?:0|[1-9]\d*)?(?:\.\d+)?", text):
        return None
    return Fraction(text) + extra


def _spoken(text: str) -> Fraction | None:
    """A number in words, None where its parts do not fit together."""
    words, _, decimals = text.partition(" point ")
    total, part, last = 0, 0, 10**15
    for word in re.findall("[a-z]+", words):
        if word == "hundred":
            part *= 100
        elif word in _SCALES:
            if _SCALES[word] >= last:
                return None
            total, part, last = total + part * _SCALES[word], 0, _SCALES[word]
        elif word != "and":
            part += _WORDS[word]
    return Fraction(f"{total + part}.{''.join(str(_WORDS[w]) for w in decimals.split()) or 0}")


def _joined(text: str, found: list[Place]) -> list[Place]:
    """Values with what belongs together put together: 10-20 days, 1 year 6 months, five per cent (5%) a week."""
    joined: list[Place] = []
    for begin, end, value in found:
        start, stop, before = joined[-1] if joined else (0, 0, _UNCLEAR)
        gap, lead = text[stop:begin], re.search(r"(?:between|from)\s$", text[max(0, start - 9) : start], re.I)
        if gap.strip() == "(" and text[end : end + 1] == ")" and replace(before, bound="") == value:
            rate = re.match(_PER, text[end + 1 :], re.I)
            per = _RATES.get(rate["per"].lower(), rate["per"].lower()) if rate else before.per
            joined[-1] = (start, end + 1 + (rate.end() if rate else 0), replace(before, per=per))
        elif (whole := _sum(before, value, gap)) is not None:
            joined[-1] = (start, end, whole)
        elif re.fullmatch(r"\s?-\s?|\s(?:to|through)\s" + (r"|\sand\s" if lead else ""), gap) and (
            whole := _range(before, value, text[start:stop], text[begin:end])
        ):
            joined[-1] = (start - len(lead[0]) if lead else start, end, whole)
        else:
            joined.append((begin, end, value))
    return joined


def _range(a: Value, b: Value, first: str, second: str) -> Value | None:
    """The range of two amounts; the unit and the scale of one hold for the other: 10-20 days, USD 10-20 million."""
    if a.quantity is None or b.quantity is None or b.bound:
        return None
    unit = a.unit or b.unit
    factor = _PERIODS.get(b.quantity.unit, ("", Fraction(1)))[1] if not a.unit else Fraction(1)
    if (shared := re.search(_SCALE, second, re.I)) and not re.search(_SCALE, first, re.I):
        factor *= _SCALES[shared[0].lower()]
    low, high = a.numbers[0] * factor, b.numbers[0]
    if not {a.unit, b.unit} <= {unit, ""} or (a.unit in ("hour", "month") and not b.unit) or low >= high:
        return None
    return Value("range", (low, high), unit, b.per, a.bound) if a.per in ("", b.per) else None


def _sum(a: Value, b: Value, gap: str) -> Value | None:
    """The period of two: a year and 6 months; unclear where it has no certain length: a month and two days."""
    if a.quantity is None or b.quantity is None or b.bound or a.per or not re.fullmatch(r"\s(?:and\s)?", gap):
        return None
    if not a.unit and not b.unit and gap == " ":  # twenty twenty
        return _UNCLEAR
    if _HOURS.get(a.quantity.unit, 0) <= _HOURS.get(b.quantity.unit, 1e9):
        return None
    number, unit = a.numbers[0] + b.numbers[0], b.quantity.unit
    written = Quantity(float(number / _PERIODS[unit][1]), unit)
    return replace(a, numbers=(number,), per=b.per, quantity=written) if a.unit == b.unit else _UNCLEAR


@lru_cache(maxsize=4096)
def parse_value(text: str, dollar: str | None = None) -> Value | None:
    """The value that a text consists of; None where it holds anything else, or cannot be read for certain.

    Args:
        text: the value, with or without "the", quotes and closing punctuation.
        dollar: the currency that a bare $ stands for, where the document or a setting says so.
    """
    found = scan(text, dollar)
    rest = plain(text)[: found[0][0]] + plain(text)[found[0][1] :] if len(found) == 1 else text
    return found[0][2] if re.fullmatch(r"[\s.,;:!\"'*]*(?:the )?[\s.,;:!\"'*]*", rest, re.I) and found else None


def quantities(text: str, dollar: str | None = None) -> list[Quantity]:
    """Every amount of a text, in order; of a range neither end. Arguments as in `parse_value`."""
    return [value.quantity for _, _, value in scan(text, dollar) if value.quantity]


def parse_quantity(text: str, dollar: str | None = None) -> Quantity | None:
    """The first amount of a text; None where that is a range or unclear. Arguments as in `parse_value`."""
    values = (value for _, _, value in _scan(plain(text), dollar) if value.kind not in ("date", "ordinal"))
    return next((value.quantity for value in values), None)


# The mask that intents are trained with: amounts in digits; bounds stay, as they tell questions apart.
_MASKED = re.compile(
    r"(?:(?<![\w%)\]])[-\u2212])?(?:\b[A-Z]{3}\s?|[$€£]\s?)?(?:(?<![\w%)\]])[-\u2212])?(?:(?<![\w.,])\.)?\d[\d,]*(?:'\d+)*"
    r"(?:\.\d+(?:[.,]\d+)*)?\s*(?:thousand|million)?\s*(?:%|per ?cent|(?:(?:business|working)\s+)?"
    r"(?:hour|day|week|month|year)s?)?", re.I)  # fmt: skip


def without_quantities(text: str) -> str:
    """The text with the word "quantity" in place of each amount in digits."""
    return _MASKED.sub("quantity", text)


def difference(a: Quantity, b: Quantity) -> Quantity | None:
    """How far two quantities are apart, in the smaller of their units; None where they cannot be compared."""
    if a.dimension != b.dimension:
        return None
    unit = min((a.unit, b.unit), key=lambda u: _HOURS.get(u, 1.0))
    return Quantity(round(abs(a.size - b.size) / _HOURS.get(unit, 1.0), 6), unit)
