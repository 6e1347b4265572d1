"""Values are read in every usual writing, and in no wrong one."""

from __future__ import annotations

import datetime
import random
from fractions import Fraction

import pytest

from labkit import corpus
from labkit.values import Quantity, difference, parse_quantity, parse_value, quantities, scan, without_quantities


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("USD 1.2m", Quantity(1_200_000, "USD")),
        ("EUR 3mn", Quantity(3_000_000, "EUR")),
        ("GBP 2bn", Quantity(2e9, "GBP")),
        ("10k USD", Quantity(10_000, "USD")),
        ("usd 2000000", Quantity(2_000_000, "USD")),
        ("1.2m", None),
        ("5 m", None),
        ("1 000 EUR", Quantity(1000, "EUR")),
        ("1\N{NO-BREAK SPACE}000\N{NARROW NO-BREAK SPACE}000 EUR", Quantity(1_000_000, "EUR")),
        ("CHF 1'000", Quantity(1000, "CHF")),
        ("CHF 1\N{RIGHT SINGLE QUOTATION MARK}000", Quantity(1000, "CHF")),
        ("A$ 500", Quantity(500, "AUD")),
        ("US$500", Quantity(500, "USD")),
        ("HK$ 1,000", Quantity(1000, "HKD")),
        ("500 Canadian dollars", Quantity(500, "CAD")),
        ("$500", Quantity(500, "$")),
        ("500 dollars", Quantity(500, "$")),
        ("$500 USD", Quantity(500, "USD")),
        ("USD 5 EUR", None),
        ("1½ %", Quantity(1.5, "%")),
        ("2 1/4 %", Quantity(2.25, "%")),
        ("¾ %", Quantity(0.75, "%")),
        ("6½ years", Quantity(6.5, "year")),
        ("minus 5 %", Quantity(-5, "%")),
        ("\N{MINUS SIGN}5%", Quantity(-5, "%")),
        ("-EUR 5", Quantity(-5, "EUR")),
        ("EUR -5", Quantity(-5, "EUR")),
        ("€-5", Quantity(-5, "EUR")),
        ("two and one-half percent", Quantity(2.5, "%")),
        ("one and a half years", Quantity(1.5, "year")),
        ("three and three quarters per cent", Quantity(3.75, "%")),
        ("one-half percent", Quantity(0.5, "%")),
        ("seventy-five (75) days", Quantity(75, "day")),
        ("75 (seventy-five) days", Quantity(75, "day")),
        ("twelve (13) months", None),
        ("Fourteen months", Quantity(14, "month")),
        ("USD 1.2 million", Quantity(1_200_000, "USD")),
        ("sixty-four thousand US dollars", Quantity(64_000, "USD")),
        ("one million four hundred thousand euros", Quantity(1_400_000, "EUR")),
        ("98.75 %", Quantity(98.75, "%")),
        ("99.999%", Quantity(99.999, "%")),
        ("ninety-eight point seven five percent", Quantity(98.75, "%")),
        ("ten working days", Quantity(10, "business day")),
        ("two hundred and twenty", Quantity(220, "")),
        ("twenty twenty", None),
        ("Polish law", None),
        ("-5%", Quantity(-5, "%")),
        (".5%", Quantity(0.5, "%")),
        ("10-20 days", None),
        ("1 month and 2 days", None),
        ("1 year 6 months", Quantity(18, "month")),
        ("USD 1,000.50", Quantity(1000.5, "USD")),
        ("1,5 %", Quantity(1.5, "%")),
        ("1.000,50 EUR", Quantity(1000.5, "EUR")),
        ("EUR 1.000", None),
        ("1,00,000 INR", Quantity(100_000, "INR")),
        ("1.2.3", None),
        ("24/7", None),
        ("clause 7.2: 30 days", Quantity(30, "day")),
        ("3D printers", None),
        ("The buyer may 30 days later", Quantity(30, "day")),
        ("In 2024, 5%", Quantity(5, "%")),
        ("at least 30 days", Quantity(30, "day")),
    ],
)
def test_quantities_are_read(text, wanted):
    assert parse_quantity(text) == wanted


EQUAL = [
    ["15 percent", "15%", "15 per cent", "fifteen percent", "15.0 %", "fifteen per cent (15%)", "15 pct"],
    ["1.50", "1.5", "one and a half", "1½", "one point five"],
    ["USD 1,000.00", "USD 1,000", "USD1000", "1,000 USD", "US$1,000", "one thousand US dollars (USD 1,000)", "USD 1k"],
    ["12 months", "twelve (12) months", "1 year", "twelve months", "12-month", "one (1) year", "one year"],
    ["1 May 2024", "2024-05-01", "May 1, 2024", "1st of May 2024", "the first day of May 2024", "1-May-2024",
     "2024/05/01", "1 MAY 2024", "May 1st, 2024"],
    ["10\N{EN DASH}20 days", "10-20 days", "10 to 20 days", "between 10 and 20 days", "from ten to twenty days"],
    ["USD 10-20 million", "between USD 10 million and USD 20 million", "USD 10 million to USD 20 million"],
    ["at least 30 days", "not less than 30 days", "≥ 30 days", "30 days or more", "a minimum of thirty (30) days",
     "no fewer than 30 days", "30+ days"],
    ["more than 5%", "> 5 %", "exceeding five percent", "over 5%", "in excess of 5%"],
    ["up to EUR 5", "at most EUR 5", "not exceeding EUR 5", "<= EUR 5", "EUR 5 or less", "no more than five euros",
     "not above EUR 5"],
    ["less than 24 hours", "< 24 hours", "under 1 day", "fewer than 24 hours"],
    ["about 3 weeks", "approximately three weeks", "~ 21 days", "approx. 21 days"],
    ["USD 10 per year", "USD 10 a year", "USD 10 p.a.", "ten US dollars per annum", "USD 10 each year", "USD 10/year"],
    ["1st", "first"],
    ["21st", "twenty-first"],
    ["1 year and 6 months", "18 months", "one and a half years"],
    ["5 hours 30 minutes", "5.5 hours", "330 minutes"],
    ["13/04/2024", "04/13/2024", "13.04.2024", "13 April 2024"],
    ["$5", "5 dollars", "five dollars"],
    ["7 banking days", "seven (7) banking days"],
]  # fmt: skip


@pytest.mark.parametrize("writings", EQUAL)
def test_equal_values_are_equal(writings):
    read = [parse_value(text) for text in writings]
    assert None not in read and len(set(read)) == 1, list(zip(writings, read, strict=True))


@pytest.mark.parametrize(
    ("one", "other"),
    [(a[0], b[0]) for i, a in enumerate(EQUAL) for b in EQUAL[i + 1 :]]
    + [("30 days", "1 month"), ("10 business days", "10 days"), ("7 banking days", "7 business days"),
       ("5 percentage points", "5%"), ("$5", "USD 5"), ("-USD 5", "USD 5"), ("May 2024", "1 May 2024"),
       ("USD 10 per day", "USD 10"), ("1 May", "1 May 2024"), ("3rd", "3"), ("5%", "5"), ("10-20", "1020")],
)  # fmt: skip
def test_different_values_are_different(one, other):
    assert parse_value(one) is not None and parse_value(one) != parse_value(other)


@pytest.mark.parametrize(
    "text",
    ["03/04/2024", "03.04.2024", "31 April 2024", "2024-13-01", "29 February 2023", "EUR 1.000", "1,5", "1.2.3", "5:00",
     "Schedule 1", "clause 7.10", "INV-12", "007", "may", "30 days or 40 days", "", "the", "C#", "5% of USD 100"],
)  # fmt: skip
def test_what_is_not_certain_or_not_one_value_is_none(text):
    assert parse_value(text) is None


def test_a_setting_says_which_dollar():
    assert parse_value("$5", dollar="USD") == parse_value("USD 5")
    assert parse_quantity("a fee of $1.2m", dollar="CAD") == Quantity(1_200_000, "CAD")
    assert quantities("$5 and A$6", dollar="USD") == [Quantity(5, "USD"), Quantity(6, "AUD")]


def test_values_have_their_place():
    text = "Pay not more than USD\N{NO-BREAK SPACE}5 within thirty (30) days, by 1 May 2024."
    assert [text[a:b].replace("\N{NO-BREAK SPACE}", " ") for a, b, _ in scan(text)] == [
        "not more than USD 5", "thirty (30) days", "1 May 2024",
    ]  # fmt: skip


def test_quantities_of_a_text_keep_their_sign_and_leave_out_what_is_not_certain():
    assert quantities("from -5 % to EUR 5, not 1.000 EUR; 10-20 days; -EUR 3") == [
        Quantity(-5, "%"), Quantity(5, "EUR"), Quantity(-3, "EUR"),
    ]  # fmt: skip
    assert quantities("between 5 days and EUR 1,500") == [Quantity(5, "day"), Quantity(1500, "EUR")]
    assert without_quantities("more than 5 days") == "more than quantity"


def test_every_value_of_the_course_reads_the_same_in_all_its_spellings():
    for fact in corpus.gold_facts(corpus.load_documents("dev", ("contract", "amendment"))):
        read = [parse_quantity(text) for text in (fact.object, fact.accepted[0])]
        assert fact.relation in corpus.PARTY_RELATIONS or read[0] == read[1], fact


def test_differences_keep_the_smaller_unit():
    assert str(difference(Quantity(60, "day"), Quantity(4, "month"))) == "60 days"
    assert str(difference(Quantity(18, "month"), Quantity(2, "year"))) == "6 months"
    assert str(difference(Quantity(2, "year"), Quantity(3, "year"))) == "1 year"
    assert str(difference(Quantity(7.25, "%"), Quantity(6, "%"))) == "1.25%"
    assert difference(Quantity(5, "business day"), Quantity(5, "day")) is None
    assert difference(Quantity(5, "EUR"), Quantity(5, "USD")) is None


# ------------------------------------------------------------------- values written at random

ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
        " seventeen eighteen nineteen").split()  # fmt: skip
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
MONTHS = "January February March April May June July August September October November December".split()


def words(n: int, joint: str = " and ") -> str:
    """A number in words, written by other rules than those it is read by."""
    for size, name in ((10**9, "billion"), (10**6, "million"), (10**3, "thousand")):
        if n >= size:
            rest = n % size
            return f"{words(n // size, joint)} {name}" + (f" {words(rest, joint)}" if rest else "")
    if n >= 100:
        return f"{ONES[n // 100]} hundred" + (f"{joint}{words(n % 100)}" if n % 100 else "")
    return ONES[n] if n < 20 else TENS[n // 10] + (f"-{ONES[n % 10]}" if n % 10 else "")


def spaced(n: int, mark: str) -> str:
    return f"{n:,}".replace(",", mark)


def money(rng: random.Random) -> tuple[tuple, list[str]]:
    code, sign, name = rng.choice(
        (("USD", "US$", "US dollars"), ("EUR", "€", "euros"), ("GBP", "£", "pounds sterling"))
    )
    n = rng.choice((rng.randint(2, 999), 1000 * rng.randint(1, 999), 50_000 * rng.randint(1, 400)))
    millions = f"{n / 1e6:.6f}".rstrip("0").rstrip(".")
    styles = [f"{code} {n:,}", f"{code}{n}", f"{n:,} {code}", f"{sign}{n:,}", f"{sign} {n:,}.00", f"{n:,} {name}",
              f"{words(n)} {name}", f"{words(n)} {name} ({code} {n:,})", f"{code} {spaced(n, ' ')}",
              f"{code} {spaced(n, chr(39))}", f"{code} {millions} million", f"{n}.00 {code}"]  # fmt: skip
    return ("money", Fraction(n), code), styles


def percent(rng: random.Random) -> tuple[tuple, list[str]]:
    n = Fraction(rng.randint(1, 9999), rng.choice((1, 4, 10, 100))) % 100 or Fraction(1)
    plain = f"{float(n):.4f}".rstrip("0").rstrip(".")
    whole, _, decimals = plain.partition(".")
    spoken = words(int(whole)) + (f" point {' '.join(ONES[int(d)] for d in decimals)}" if decimals else "")
    comma = plain.replace(".", ",") if len(decimals) < 3 else plain
    styles = [f"{plain}%", f"{plain} %", f"{plain} percent", f"{plain} per cent", f"{spoken} percent", f"{plain} pct",
              f"{spoken} per cent ({plain}%)", f"{spoken} ({plain}) percent",
              f"{plain}0%" if decimals else f"{plain}.0%",
              f"the {plain}%", f"{comma} %", f"{spoken.upper()} PER CENT"]  # fmt: skip
    return ("%", n), styles


def period(rng: random.Random) -> tuple[tuple, list[str]]:
    unit = rng.choice(("hour", "day", "week", "month", "year", "business day"))
    n = rng.randint(1, 400)
    s = "" if n == 1 else "s"
    styles = [f"{n} {unit}{s}", f"{words(n)} {unit}{s}", f"{words(n)} ({n}) {unit}{s}", f"{n} ({words(n)}) {unit}{s}",
              f"{n}-{unit}", f"{words(n).capitalize()} {unit}{s}", f"{n}.0 {unit}{s}",
              f"{n}\N{NO-BREAK SPACE}{unit}{s}",
              f"{n} {unit}{s}.", f"the {n} {unit}{s}", f"{words(n, ' ')} {unit}{s}",
              f"{n} {unit}{s}".upper()]  # fmt: skip
    hours = {"hour": 1, "day": 24, "week": 168}
    size = (
        (n * hours[unit], "h") if unit in hours else (n * (12 if unit == "year" else 1), unit.replace("year", "month"))
    )
    return ("period", *size), styles


def date(rng: random.Random) -> tuple[tuple, list[str]]:
    day = datetime.date(1990, 1, 1) + datetime.timedelta(rng.randrange(20_000))
    d, month, y = day.day, MONTHS[day.month - 1], day.year
    st = f"{d}{'th' if 10 < d < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(d % 10, 'th')}"
    slash = f"{d}/{day.month}/{y}" if d > 12 else f"{y}/{day.month}/{d}"
    styles = [f"{d} {month} {y}", f"{month} {d}, {y}", day.isoformat(), f"{st} {month} {y}", f"{month} {st}, {y}",
              f"{d} {month[:3]} {y}", f"{month[:3]}. {d}, {y}", f"{st} of {month} {y}", f"the {st} day of {month}, {y}",
              f"{d} {month.upper()} {y}", f"{d:02d}-{month[:3]}-{y}", slash]  # fmt: skip
    return ("date", day), styles


BOUNDS = {
    ">=": ["at least", "not less than", "no less than", "no fewer than", "≥", "a minimum of"],
    ">": ["more than", "> ", "greater than", "in excess of", "exceeding"],
    "<=": ["at most", "not more than", "no more than", "not exceeding", "up to", "≤"],
    "<": ["less than", "< ", "below", "under"],
}


def bound(rng: random.Random) -> tuple[tuple, list[str]]:
    key, styles = rng.choice((money, percent, period))(rng)
    symbol = rng.choice(list(BOUNDS))
    said = BOUNDS[symbol] * 12
    return (*key, symbol), [f"{w} {s.removeprefix('the ')}" for w, s in zip(said, styles, strict=False)]


def count(rng: random.Random) -> tuple[tuple, list[str]]:
    n = rng.choice((rng.randint(2, 99), rng.randint(100, 99_999), 1000 * rng.randint(1, 9000)))
    styles = [str(n), f"{n:,}", words(n), f"{words(n)} ({n})", f"{n} ({words(n)})", f"{n}.0", f"the {n}", f"{n:,}.00",
              words(n, " "), words(n).capitalize(), f"{n}.", spaced(n, " ")]  # fmt: skip
    return ("count", n), styles


def span(rng: random.Random) -> tuple[tuple, list[str]]:
    a, b = sorted(rng.sample(range(1, 120), 2))
    unit = rng.choice(("days", "months", "%"))
    styles = [f"{a}-{b} {unit}", f"{a}\N{EN DASH}{b} {unit}", f"{a} to {b} {unit}", f"between {a} and {b} {unit}",
              f"from {a} to {b} {unit}", f"{a} {unit} to {b} {unit}", f"{words(a)} to {words(b)} {unit}",
              f"{a} - {b} {unit}",
              f"{a} \N{EN DASH} {b} {unit}", f"between {words(a)} and {words(b)} {unit}", f"the {a}-{b} {unit}",
              f"{a} {unit} - {b} {unit}"]  # fmt: skip
    return ("range", a, b, unit), styles


def test_generated_values_are_read_right_in_every_style():
    rng, groups, unread, wrong = random.Random(1), {}, 0, []
    for _ in range(10_000):
        key, styles = rng.choice((money, percent, period, date, bound, count, span))(rng)
        assert len(styles) == 12
        for text in styles:
            value = parse_value(text)
            if value is None:
                unread += 1
            elif groups.setdefault(value, key) != key:
                wrong.append((text, key, groups[value]))
    assert not wrong, wrong[:10]
    # Each value has one reading: as many readings as values.
    assert len(groups) == len(set(groups.values()))
    assert unread <= 0.02 * 120_000, unread


def changed(rng: random.Random) -> tuple[str, str, str]:
    """Two writings that differ in one thing: sign, unit, currency, magnitude, bound, date field or digit."""
    n, k = rng.randint(2, 98), rng.choice(("sign", "unit", "currency", "magnitude", "bound", "date", "digit", "rate"))
    unit = rng.choice(("days", "%", "business days", "months", "years", "weeks", "hours"))
    amount = rng.choice((f"{n}", words(n))) + f" {unit}"
    if k == "sign":
        return k, amount, rng.choice(("-", "minus ", "\N{MINUS SIGN}")) + amount.replace(words(n), str(n))
    if k == "unit":
        alike = {"days": ("months", "business days", "hours", "years", "%"), "%": ("percentage points", "days", "")}
        other = rng.choice(alike.get(unit, ("%", "minutes", "banking days", "")))
        return k, f"{n} {unit}", f"{n} {other}".strip()
    if k == "currency":
        a, b = rng.sample(["USD", "EUR", "GBP", "CHF", "$", "A$", "C$", "£", "€"], 2)
        same = {"£": "GBP", "€": "EUR"}
        b = "JPY" if same.get(a, a) == same.get(b, b) else b
        return k, f"{a} {n},000", f"{b} {n},000"
    if k == "magnitude":
        a, b = rng.sample(["", "k", "m", "bn", " thousand", " million", " billion"], 2)
        same = {"k": " thousand", "m": " million", "bn": " billion"}
        b = "0" if same.get(a, a) == same.get(b, b) else b
        return k, f"USD {n}{a}", f"USD {n}{b}"
    if k == "bound":
        a, b = rng.sample([*BOUNDS, ""], 2)
        said = [rng.choice(BOUNDS[x]) if x else "" for x in (a, b)]
        return k, f"{said[0]} {amount}".strip(), f"{said[1]} {amount}".strip()
    if k == "date":
        day = datetime.date(2000, 1, 1) + datetime.timedelta(rng.randrange(9000))
        other = rng.choice((day + datetime.timedelta(1), day.replace(year=day.year + 1, day=min(day.day, 28)),
                            day.replace(month=day.month % 12 + 1, day=min(day.day, 28))))  # fmt: skip
        forms = ["%d %B %Y", "%Y-%m-%d", "%B %d, %Y"]
        return k, day.strftime(rng.choice(forms)), other.strftime(rng.choice(forms))
    if k == "rate":
        a, b = rng.sample(["", " per day", " a week", " per month", " p.a."], 2)
        return k, f"USD {n}{a}", f"USD {n}{b}"
    digits = str(rng.randint(100, 9_999_999))
    at = rng.randrange(len(digits))
    other = digits[:at] + rng.choice([d for d in "123456789" if d != digits[at]]) + digits[at + 1 :]
    return k, f"{int(digits):,} {unit}", f"{int(other):,} {unit}"


def test_values_that_differ_in_one_thing_are_never_equal():
    rng = random.Random(2)
    for _ in range(100_000):
        kind, one, other = changed(rng)
        a, b = parse_value(one), parse_value(other)
        assert a is None or a != b, (kind, one, other)
