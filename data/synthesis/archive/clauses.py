"""Writing one clause: fill the placeholders of a wording and remember where its value stands."""

from __future__ import annotations

import datetime
import random
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from labkit.values import MONTHS
from synthesis.archive import values, world

# Clauses are printed in groups where a style numbers 3.1, 3.2; the titles are those of the group headings.
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "term": ("Term and renewal", ("initial_term", "renewal_term", "renewal_notice")),
    "rights": ("Rights granted", ("licence_scope", "exclusivity", "ip_ownership", "source_code_escrow")),
    "delivery": (
        "Delivery and quality",
        ("delivery_time", "acceptance_period", "liquidated_damages", "warranty_period"),
    ),
    "service": ("Service standards", ("service_level", "service_credit", "response_time", "key_contact")),
    "price": (
        "Commercial terms",
        (
            "payment_term",
            "late_interest",
            "price_increase_cap",
            "minimum_commitment",
            "royalty",
            "deposit",
            "most_favoured_price",
        ),
    ),
    "liability": ("Liability and insurance", ("liability_cap", "insurance_cover")),
    "data": ("Confidentiality and data", ("confidentiality_period", "breach_notification", "data_location")),
    "records": ("Records", ("audit_notice", "record_retention")),
    "restraints": ("Restraints", ("non_compete", "non_solicitation", "first_refusal")),
    "end": (
        "Termination",
        ("convenience_termination", "cure_period", "change_of_control", "force_majeure", "transition_help"),
    ),
    "transfer": ("Transfer and third parties", ("assignment", "subcontracting", "third_party_beneficiary")),
    "law": ("Law and disputes", ("governing_law", "jurisdiction")),
}
SLOT = re.compile(r"\{(\w+)(?::(\w+)(?: ([\w.*]+)\.\.([\w.*]+))?)?\}('s\b|')?")
OPTIONAL = re.compile(r"\{\?(\w+)\}(.*?)\{/\}", re.DOTALL)
SENTENCE = re.compile(r"(?<=[.;?!])\s+(?=[\"“(]?[A-Z])")


@dataclass
class Written:
    """A filled text and the places of its value and of the sentence that carries it."""

    text: str
    value_start: int = -1
    value_end: int = -1

    @property
    def surface(self) -> str:
        """The value as the text writes it."""
        return self.text[self.value_start : self.value_end]

    def evidence(self) -> tuple[int, int]:
        """Start and end of the sentence around the value."""
        start, end = 0, len(self.text)
        for match in SENTENCE.finditer(self.text):
            if match.end() <= self.value_start and not re.search(r"\b(No|Inc|Art|v)\.$", self.text[: match.start()]):
                start = match.end()
            elif match.start() >= self.value_end:
                end = match.start()
                break
        return start, end


@dataclass
class Setting:
    """What the placeholders of one document stand for."""

    style: str
    a: str
    b: str
    agreement: str
    currency: str
    rng: random.Random
    business_day: str = "business day"
    numbers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)


def write_date(date: datetime.date, style: str) -> str:
    """Write a date as the style does: `3 March 2023`, in `us` `March 3, 2023`."""
    month = MONTHS[date.month - 1]
    return f"{month} {date.day}, {date.year}" if style == "us" else f"{date.day} {month} {date.year}"


def bound(mark: str, kind: str, size: float | None) -> float:
    """The size that one end of a range means: `5` in the unit of its kind, `12w` weeks, `value*0.5` of the value.

    Raises ValueError where a range speaks of a value and the clause has none.
    """
    if mark.startswith("value"):
        if size is None:
            raise ValueError("A range speaks of {value}, which is no number here: write a number.")
        return size * float(mark.partition("*")[2] or 1)
    if mark.endswith("w"):
        return float(mark[:-1]) * values.DAYS["week"]
    unit = {"hours": "hour", "business_days": "business day", "weeks": "week", "months": "month", "years": "year"}
    return float(mark) * values.DAYS[unit.get(kind, "day")]


def limits(kind: str, low: str | None, high: str | None, size: float | None) -> tuple[float, float]:
    """The smallest and largest size that a decoy of this kind may have."""
    if low and high:
        return bound(low, kind, size), bound(high, kind, size)
    known = values.RANGES.get(kind)
    return (bound(str(known[0]), kind, size), bound(str(known[1]), kind, size)) if known else (0.0, float("inf"))


def decoy(kind: str, setting: Setting, avoid: set[str], low: float = 0.0, high: float = float("inf")) -> str:
    """A number of this kind that is none of the values in `avoid` (canonical forms; added to).

    Where no figure lies in the range, the nearest is taken, so that a short value still leaves one.
    """
    rng = setting.rng
    if kind not in values.DECOYS:
        raise ValueError(f"There is no decoy of the kind {kind!r}: use one of {', '.join(values.DECOYS)}.")
    made = [values.make(kind.removeprefix("small_"), *choice, setting.currency) for choice in values.DECOYS[kind]]
    free = [value for value in made if not avoid.intersection(value.aliases)]
    fitting = [value for value in free if low <= value.size <= high]
    value = rng.choice(fitting) if fitting else min(free, key=lambda v: max(low - v.size, v.size - high))
    avoid.update(value.aliases)
    return values.write(value, setting.style, rng, setting.business_day)


def _vowel(piece: str) -> bool:
    number = re.match(r"\d+", piece)
    if number:
        digits = number.group()
        return digits[0] == "8" or digits in ("11", "18")
    return bool(re.match(r"[aeiouAEIO]", piece)) and not re.match(r"(?i)one\b|uni|eu|usd|uk\b", piece)


def _join(text: str, piece: str, quoted: bool = False) -> tuple[str, str]:
    """Join a piece to the text before it: capitals at sentence starts, `a` or `an` by its first sound."""
    if not text or re.search(r"(?:^|[.?!]\s+)[\"“(]?$", text):
        piece = piece[:1].upper() + piece[1:]
    article = re.search(r"(^|\s)([Aa])(n?) $", text)
    if article and piece:
        text = text[: article.start()] + f"{article[1]}{article[2]}{'n' if _vowel(piece) else ''} "
        if re.match(r"(?i)(the|this)\b", piece):  # "a {value}" before a name with its own article
            text = text[: article.start()] + article[1]
    return text, piece


def fill(template: str, setting: Setting, value: str | None = None, owner: str | None = None,
         avoid: set[str] | None = None, size: float | None = None) -> Written:  # fmt: skip
    """Fill a wording.

    `value` replaces `{value}`, and `size` is what it measures; where the answer is a party, `owner` ("A" or "B") says
    which party's first mention is the answer. `{?category} ... {/}` is printed only where the document has a clause
    of that category. `{other:kind low..high}` becomes a figure in that range, see `bound`.
    Raises ValueError where a placeholder is unknown.
    """
    template = OPTIONAL.sub(lambda found: found[2] if found[1] in setting.numbers else "", template)
    avoid = set(avoid or ())
    text, place, mark = "", 0, (-1, -1)
    for slot in SLOT.finditer(template):
        text += template[place : slot.start()]
        place = slot.end()
        name, detail, tail = slot.group(1), slot.group(2), slot.group(5) or ""
        answer = False
        if name == "value":
            if value is None:
                raise ValueError("A wording has {value} although its answer is a party: write {A} or {B} there.")
            piece, answer = value, True
        elif name in ("A", "B"):
            piece, answer = setting.a if name == "A" else setting.b, name == owner
        elif name == "agreement":
            piece = setting.agreement
        elif name == "ref":
            if detail not in setting.numbers:
                raise ValueError(
                    f"A wording refers to a clause on {detail}, which the contract lacks: use {{?{detail}}}."
                )
            piece = setting.numbers[detail]
        elif name == "other":
            piece = decoy(detail or "", setting, avoid, *limits(detail or "", slot.group(3), slot.group(4), size))
        elif name in setting.extra:
            piece = setting.extra[name]
        else:
            raise ValueError(f"The placeholder {slot.group()} is unknown: see the list of placeholders.")
        text, piece = _join(text, piece)
        if answer and mark[0] < 0:
            mark = (len(text), len(text) + len(piece))
        text += piece
        if tail:
            text += "'" if piece.endswith("s") else "'s"
        if text.endswith(".") and template[place : place + 1] == ".":
            place += 1  # "Inc." ends its sentence itself
    return Written(text + template[place:], *mark)


def entries() -> dict[str, list[dict[str, Any]]]:
    """All clause wordings by category."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in ("clauses_a.toml", "clauses_b.toml"):
        if (world.WORDINGS / name).exists():
            found.update({key: rows for key, rows in world.load(name).items() if isinstance(rows, list)})
    return {category: found[category] for category in values.CATEGORIES if category in found}


@cache
def by_id() -> dict[str, dict[str, Any]]:
    """Every clause wording by its id."""
    return {row["id"]: row for rows in entries().values() for row in rows}
