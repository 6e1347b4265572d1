"""Writing one clause: fill the placeholders of a wording and remember where its value stands."""

from __future__ import annotations

import datetime
import random
import re
from dataclasses import dataclass, field
from typing import Any

from labkit.values import MONTHS
from synthesis.archive import values, world
from synthesis.archive.values import Value

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
SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}('s\b|')?")
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
    numbers: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)


def write_date(date: datetime.date, style: str) -> str:
    """Write a date as the style does: `3 March 2023`, in `us` `March 3, 2023`."""
    month = MONTHS[date.month - 1]
    return f"{month} {date.day}, {date.year}" if style == "us" else f"{date.day} {month} {date.year}"


def decoy(kind: str, setting: Setting, avoid: set[str]) -> str:
    """A number or date of this kind that is none of the values in `avoid` (canonical forms; added to)."""
    rng = setting.rng
    if kind == "date":
        date = datetime.date(rng.randrange(2009, 2017), rng.randrange(1, 13), rng.randrange(1, 29))
        return write_date(date, setting.style)
    if kind not in values.DECOYS:
        raise ValueError(f"There is no decoy of the kind {kind!r}: use one of {', '.join(values.DECOYS)} or date.")
    for _ in range(60):
        value = values.make(kind.removeprefix("small_"), *rng.choice(values.DECOYS[kind]), setting.currency)
        if not avoid.intersection(value.aliases):
            break
    avoid.update(value.aliases)
    return values.write(value, setting.style, rng)


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
         avoid: set[str] | None = None) -> Written:  # fmt: skip
    """Fill a wording.

    `value` replaces `{value}`; where the answer is a party, `owner` ("A" or "B") says which party's first mention
    is the answer. `{?category} ... {/}` is printed only where the document has a clause of that category.
    Raises ValueError where a placeholder is unknown.
    """
    template = OPTIONAL.sub(lambda found: found[2] if found[1] in setting.numbers else "", template)
    avoid = set(avoid or ())
    text, place, mark = "", 0, (-1, -1)
    for slot in SLOT.finditer(template):
        text += template[place : slot.start()]
        place = slot.end()
        name, detail, tail = slot.group(1), slot.group(2), slot.group(3) or ""
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
            piece = reference(detail or "", setting)
        elif name == "other":
            piece = decoy(detail or "", setting, avoid)
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


def reference(category: str, setting: Setting) -> str:
    """The number of another clause; where the contract lacks it, of a neighbour in its group or of any clause."""
    if category in setting.numbers:
        return setting.numbers[category]
    for _, members in GROUPS.values():
        if category in members:
            near = [setting.numbers[other] for other in members if other in setting.numbers]
            if near:
                return near[0]
    return setting.rng.choice(list(setting.numbers.values()))


def entries() -> dict[str, list[dict[str, Any]]]:
    """All clause wordings by category."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in ("clauses_a.toml", "clauses_b.toml"):
        if (world.WORDINGS / name).exists():
            found.update({key: rows for key, rows in world.load(name).items() if isinstance(rows, list)})
    return {category: found[category] for category in values.CATEGORIES if category in found}


def draw(category: str, currency: str, rng: random.Random, pools: dict[str, list[str]]) -> Value:
    """Draw a value for a category; names come from `pools` by kind and are used up there."""
    kind = values.CATEGORIES[category]
    if kind.kind in values.NUMERIC:
        amount, unit = rng.choice(kind.choices)
        return values.explain(category, values.make(kind.kind, amount, unit, currency))
    names = world.load("names.toml")
    if kind.kind == "law":
        law = rng.choice(names["laws"])
        adjective, laws = f"{law['adjective']} law", f"the laws of {law['name']}"
        surface = rng.choice((adjective, laws, f"the law of {law['name']}"))
        known = [adjective, laws, f"the law of {law['name']}", f"laws of {law['name']}", law["name"],
                 law["name"].removeprefix("the "), f"law of {law['name']}", law["adjective"]]  # fmt: skip
        return values.name_value("law", adjective, known, surface)
    if kind.kind == "place":
        return values.name_value("place", rng.choice(names["places"]["cities"]))
    if kind.kind == "place_region":
        region = rng.choice(names["regions"]["data" if category == "data_location" else "territories"])
        return values.name_value("place_region", region, [region.removeprefix("the ")])
    pool = pools[category]
    name = pool.pop(rng.randrange(len(pool)))
    short = name.rsplit(" ", 1)[0] if kind.kind == "company" else name.split()[-1]
    return values.name_value(kind.kind, name, [short] if kind.kind == "company" else [])
