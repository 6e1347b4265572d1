"""Writing contracts as plain text, with the place of every value."""

from __future__ import annotations

import datetime
import random
import re
from dataclasses import dataclass, field
from typing import Any

from synthesis.archive import clauses, definitions, terms, values, world
from synthesis.archive.clauses import GROUPS, Setting, Written
from synthesis.archive.values import Value
from synthesis.archive.world import Company, Deal

GROUPED = ("classic", "us")
CORE = ("initial_term", "payment_term", "liability_cap", "governing_law", "jurisdiction", "confidentiality_period",
        "convenience_termination", "cure_period")  # fmt: skip
# Other defined terms that contracts of a kind use beside those of the frames.
OTHER_ROLES = {
    "supply": ("Seller", "Buyer"),
    "services": ("Provider", "Customer"),
    "logistics": ("Haulier", "Consignor"),
    "equipment_lease": ("Owner", "Hirer"),
    "maintenance": ("Maintainer", "Owner"),
    "hosting": ("Host", "Customer"),
    "consultancy": ("Adviser", "Client"),
    "distribution": ("Exporter", "Distributor"),
    "software_licence": ("Vendor", "Licensee"),
}


@dataclass
class Clause:
    """A clause of a contract, or a change of one in an amendment."""

    category: str
    wording: str
    heading: str
    value: Value
    surface: str
    number: str = ""
    start: int = 0
    end: int = 0
    value_start: int = 0
    value_end: int = 0
    evidence_start: int = 0
    evidence_end: int = 0
    body: str = ""
    held_out: bool = False

    def move(self, by: int) -> None:
        """Shift the spans of a clause before which text was put in."""
        for name in ("start", "end", "value_start", "value_end", "evidence_start", "evidence_end"):
            setattr(self, name, getattr(self, name) + by)

    def record(self) -> dict[str, Any]:
        """The clause as `contracts.jsonl` holds it."""
        names = ("category", "wording", "number", "heading", "start", "end", "value_start", "value_end", "surface")
        found: dict[str, Any] = {name: getattr(self, name) for name in names}
        aliases = list(dict.fromkeys([self.surface, self.value.canonical, *self.value.aliases]))
        return found | {"value": self.value.canonical, "aliases": aliases, "evidence_start": self.evidence_start,
                        "evidence_end": self.evidence_end}  # fmt: skip


@dataclass
class Contract:
    """A written contract, or an amendment where `amends` names one."""

    id: str
    title: str
    deal: Deal
    date: datetime.date
    terms: tuple[str, str]
    currency: str
    heading: str
    text: str = ""
    clauses: list[Clause] = field(default_factory=list)
    amends: str | None = None
    business_day: str = "business day"
    formats: list[str] = field(default_factory=list)
    boilerplate: list[str] = field(default_factory=list)

    def clause(self, category: str) -> Clause | None:
        """The clause of a category, or None where the document has none."""
        return next((clause for clause in self.clauses if clause.category == category), None)

    def record(self) -> dict[str, Any]:
        """The line of `contracts.jsonl`."""
        deal = self.deal
        parties = [
            {"company": company.id, "name": company.name, "short": company.short, "role": role, "term": term}
            for company, role, term in ((deal.a, "A", self.terms[0]), (deal.b, "B", self.terms[1]))
        ]
        return {"id": self.id, "title": self.title, "kind": deal.kind, "style": deal.style, "split": deal.split,
                "date": self.date.isoformat(), "parties": parties, "nickname": deal.nickname,
                "subject": deal.subject, "amends": self.amends, "round": world.round_of(self.date),
                "formats": self.formats,
                "clauses": [clause.record() for clause in self.clauses]}  # fmt: skip


class Sheet:
    """A text under construction, paragraph by paragraph."""

    def __init__(self) -> None:
        self.text = ""

    def add(self, paragraph: str, joint: str = "\n\n") -> int:
        """Append a paragraph and return where it starts."""
        self.text += joint if self.text else ""
        start = len(self.text)
        self.text += paragraph.strip()
        return start


def kind_name(kind: str) -> str:
    """The usual noun of a kind of contract, such as `supply agreement`."""
    return str(world.load("names.toml")["kinds"][kind]["nouns"][0])


def upper_first(text: str) -> str:
    """The text with a capital at its start."""
    return text[:1].upper() + text[1:]


def _title_case(text: str) -> str:
    small = {"of", "and", "the", "a", "an", "in", "on", "to", "for", "by", "or", "with", "after", "at", "from"}
    parts = text.split()
    return " ".join(w if i and w in small else upper_first(w) for i, w in enumerate(parts))


def _choose_categories(deal: Deal, rng: random.Random) -> list[str]:
    """25 to 33 categories that a contract of this kind may have, the core ones first."""
    likely = [c for c in world.load("frames.toml")["kinds"][deal.kind]["categories"] if c not in CORE]
    count = min(rng.choice((25, 26, 26, 27, 27, 28, 28, 29, 30, 31, 33)), len(CORE) + len(likely))
    chosen = [*CORE, *rng.sample(likely, count - len(CORE))]
    for category, other in terms.NEEDS.items():
        if category in chosen and other not in chosen:
            chosen[chosen.index(category)] = other
    return [c for c in values.CATEGORIES if c in chosen]


def _choose_wording(category: str, deal: Deal, rng: random.Random) -> dict[str, Any]:
    rows = [row for row in clauses.entries()[category]
            if row["style"] == deal.style and deal.kind in row.get("kinds", (deal.kind,))]  # fmt: skip
    if deal.split == "test":
        held = [row for row in rows if row.get("split") == "test"]
        return rng.choice(held if held and rng.random() < 0.55 else rows)
    known = [row for row in rows if row.get("split") != "test"]
    if not known:
        raise ValueError(f"{category} has no wording in the style {deal.style} that training may use: write one.")
    return rng.choice(known)


def _sections(categories: list[str], style: str, rng: random.Random) -> list[tuple[str, list[str]]]:
    """Sections in the order of the contract: groups in the styles that number 3.1, else one per category."""
    groups = [(title, [c for c in members if c in categories]) for title, members in GROUPS.values()]
    groups = [(title, members) for title, members in groups if members]
    first, last = groups[0], groups[-1]
    middle = groups[1:-1]
    rng.shuffle(middle)
    ordered = [first, *middle, last] if rng.random() < 0.7 else [*middle[:3], first, *middle[3:], last]
    if style in GROUPED:
        return ordered
    return [("", [category]) for _, members in ordered for category in members]


def _number(section: int, item: int, style: str) -> str:
    if style in GROUPED:
        return f"{section}.{item}"
    if style == "letter":
        return f"({_letter(section)})"
    return str(section)


def _letter(number: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return letters[number - 1] if number <= 26 else letters[(number - 27) // 26] + letters[(number - 27) % 26]


def _heading(pattern: str, section: int, title: str) -> str:
    return pattern.format(n=section, l=_letter(section), Heading=title, HEADING=title.upper())


def _terms(deal: Deal, rng: random.Random) -> tuple[str, str]:
    """The defined terms of the parties: roles in most contracts, short names in some."""
    if rng.random() < 0.25:
        return deal.a.short, deal.b.short
    kind = world.load("frames.toml")["kinds"][deal.kind]
    roles = rng.choice(((kind["role_a"], kind["role_b"]), OTHER_ROLES.get(deal.kind, (kind["role_a"], kind["role_b"]))))
    return f"the {roles[0]}", f"the {roles[1]}"


class Writer:
    """Writes one contract."""

    def __init__(self, deal: Deal, people: list[str]) -> None:
        self.deal = deal
        self.rng = world.stream("contract", deal.id)
        self.frame = world.load("frames.toml")["style"][deal.style]
        # A plural term ("these Terms") would not agree with the verbs of the clauses.
        titles = [row for row in self.frame["titles"] if not row["agreement"].startswith("these")]
        self.title = self.rng.choice(titles)
        self.terms = _terms(deal, self.rng)
        self.law = terms.draw_law(deal.a, deal.b, self.rng)
        self.currency = terms.draw_currency(deal.a, deal.b, self.law, self.rng)
        # Most contracts that define any terms define the business day.
        defined = 1 in self.rng.sample(range(5), self.rng.randrange(3, 6)) and deal.style not in ("plain", "letter")
        self.setting = Setting(deal.style, *self.terms, self.title["agreement"], self.currency, self.rng,
                               "Business Day" if defined else "business day", extra=self._extra())  # fmt: skip
        self.people = people
        self.sheet = Sheet()
        self.found: list[Clause] = []
        self.printed: list[str] = []

    def _extra(self) -> dict[str, str]:
        deal = self.deal
        kind = world.load("frames.toml")["kinds"][deal.kind]["title"]
        return {"date": clauses.write_date(deal.date, deal.style), "A_full": deal.a.name, "B_full": deal.b.name,
                "A_seat": deal.a.seat, "B_seat": deal.b.seat, "Kind": kind, "subject": deal.subject,
                "nickname": deal.nickname or ""}  # fmt: skip

    def _fill(self, template: str) -> str:
        return clauses.fill(template.strip(), self.setting).text

    def write(self) -> Contract:
        """Write the whole contract; boilerplate is added until the length fits."""
        deal, rng, frame = self.deal, self.rng, self.frame
        kind = world.load("frames.toml")["kinds"][deal.kind]["title"]
        name = self.title["text"].format(Kind=kind.lower() if deal.style == "plain" else kind)
        heading = upper_first(name)
        categories = _choose_categories(deal, rng)
        wordings = {category: _choose_wording(category, deal, rng) for category in categories}
        sections = _sections(categories, deal.style, rng)
        for position, (_, members) in enumerate(sections, 1):
            for item, category in enumerate(members, 1):
                self.setting.numbers[category] = _number(position, item, deal.style)
        owners = {c: row["owner"] for c, row in wordings.items() if "owner" in row}
        drawn = terms.draw(categories, deal, self.law, self.currency, lambda category: self._party(category, owners),
                           self.people, rng)  # fmt: skip
        opened = self._opening(heading)
        self._particulars(categories, wordings, drawn)
        for position, (title, members) in enumerate(sections, 1):
            self._section(position, title, members, wordings, drawn)
        self._boilerplate(len(sections))
        self.sheet.add(self._fill(frame["closing"]["text"]))
        self._define(opened)
        kind_title = _title_case(kind_name(deal.kind))
        date = clauses.write_date(deal.date, "classic")
        title = f"{kind_title} between {deal.a.name} and {deal.b.name}, {date}"
        return Contract(deal.id, title, deal, deal.date, self.terms, self.currency, heading, self.sheet.text,
                        self.found, business_day=self.setting.business_day, formats=["txt"],
                        boilerplate=self.printed)  # fmt: skip

    def _define(self, place: int) -> None:
        """Put the definitions of the terms that the text uses at this place of it."""
        rows = definitions.used(self.frame["definition"], self.sheet.text, self.deal.style)
        if not rows:
            return
        lines = ["DEFINITIONS" if self.deal.style in GROUPED else "Definitions"]
        for row in rows:
            joint = " " if row["text"].strip()[0].islower() else ": "
            lines.append(f'"{row["term"]}"{joint}{self._fill_inside(row["text"])}')
        added = "".join(f"\n\n{line}" for line in lines)
        text = self.sheet.text
        self.sheet.text = text[:place] + added + text[place:]
        for clause in self.found:
            clause.move(len(added))

    def _party(self, category: str, owners: dict[str, str]) -> Value | None:
        """The party that a clause names as its answer, with the names that an answer may give it."""
        if category not in owners:
            return None
        side = 0 if owners[category] == "A" else 1
        company, term = (self.deal.a, self.deal.b)[side], self.terms[side]
        return values.name_value("party", term, [term, term.removeprefix("the "), company.name, company.short])

    def _opening(self, heading: str) -> int:
        """Write heading, parties and recitals; where they end."""
        frame, rng, add = self.frame, self.rng, self.sheet.add
        add(heading.upper() if self.deal.style in GROUPED else heading)
        add(self._fill(rng.choice(frame["preamble"])["text"]))
        recitals = rng.choice(frame["recitals"])
        add(recitals["heading"])
        items = list(recitals["items"])
        if self.deal.nickname:
            items.insert(1 if items[-1].endswith(";") else len(items), recitals["nickname_item"])
        for number, item in enumerate(items, 1):
            mark = f"({chr(64 + number)}) " if self.deal.style == "classic" else ""
            add(mark + self._fill(item))
        return len(self.sheet.text)

    def _fill_inside(self, template: str) -> str:
        """Fill a text that continues a line: its first letter stays as it is written."""
        text = template.strip()
        filled = self._fill(text)
        return text[0] + filled[1:] if text[0].islower() else filled

    def _particulars(self, categories: list[str], wordings: dict[str, dict[str, Any]],
                     drawn: dict[str, Value]) -> None:  # fmt: skip
        if "particulars_heading" not in self.frame:
            return
        self.sheet.add(self.frame["particulars_heading"])
        self.sheet.add(self._fill(self.rng.choice(self.frame["particulars_intros"])))
        joint = "\n\n"
        for category in categories:
            row = wordings[category]
            if "row" not in row:
                continue
            surface = self._written(drawn[category])
            if drawn[category].kind != "place":
                surface = upper_first(surface)
            line = f"{row['row']}: {surface}"
            start = self.sheet.add(line, joint)
            joint = "\n"
            clause = Clause(category, row["id"], self._clause_heading(row), drawn[category], surface)
            clause.value_start, clause.value_end = start + len(line) - len(surface), start + len(line)
            clause.evidence_start, clause.evidence_end = start, start + len(line)
            self.found.append(clause)

    def _section(self, position: int, title: str, members: list[str], wordings: dict[str, dict[str, Any]],
                 drawn: dict[str, Value]) -> None:  # fmt: skip
        heading = title or self._clause_heading(wordings[members[0]])
        self.sheet.add(_heading(self.frame["heading"], position, heading))
        for category in members:
            row, number = wordings[category], self.setting.numbers[category]
            lead = {"classic": f"{number} ", "us": f"Section {number} {self._clause_heading(row)}. "}.get(
                self.deal.style, ""
            )
            clause = next((clause for clause in self.found if clause.category == category), None)
            value = drawn[category]
            surface = self._written(value) if "{value}" in row["text"] else None
            written = clauses.fill(row["text"].strip(), self.setting, surface, row.get("owner"), set(value.aliases),
                                   value.size)  # fmt: skip
            written.text = re.sub(r"\s+", " ", written.text) if "\n" in written.text else written.text
            start = self.sheet.add(lead + written.text)
            if clause is None:
                clause = Clause(category, row["id"], self._clause_heading(row), value, written.surface)
                place(clause, written, start + len(lead))
                self.found.append(clause)
            clause.number, clause.body = number, written.text
            clause.start, clause.end = start, start + len(lead) + len(written.text)
            clause.held_out = row.get("split") == "test"

    def _clause_heading(self, row: dict[str, Any]) -> str:
        return upper_first(self._fill(row["heading"]))

    def _written(self, value: Value) -> str:
        return values.write(value, self.deal.style, self.rng, self.setting.business_day)

    def _boilerplate(self, sections: int) -> None:
        rows = [row for row in self.frame["boilerplate"] if self.deal.kind in row.get("kinds", (self.deal.kind,))]
        rows = self.rng.sample(rows, len(rows))
        aim = self.rng.randrange(1_250, 1_650)
        for count, row in enumerate(rows):
            if count >= 3 and len(self.sheet.text.split()) >= aim:
                break
            sections += 1
            self.printed.append(row["heading"])
            self.sheet.add(_heading(self.frame["heading"], sections, upper_first(row["heading"])))
            lead = {"classic": f"{sections}.1 ", "us": f"Section {sections}.1 "}.get(self.deal.style, "")
            self.sheet.add(lead + self._fill(row["text"]))


def place(clause: Clause, written: Written, offset: int) -> None:
    """Set the spans of a clause whose text starts at `offset` of its document."""
    start, end = written.evidence()
    clause.value_start, clause.value_end = offset + written.value_start, offset + written.value_end
    clause.evidence_start, clause.evidence_end = offset + start, offset + end
    clause.surface = written.surface


def label(category: str) -> str:
    """A noun phrase for a category, without its article."""
    for name in ("clauses_a.toml", "clauses_b.toml"):
        table = world.load(name).get("category", {}) if (world.WORDINGS / name).exists() else {}
        if category in table:
            return str(table[category]["label"]).removeprefix("the ")
    return category.replace("_", " ")


def contracts(deals: list[Deal], companies: list[Company]) -> list[Contract]:
    """Write all contracts."""
    people = world.unused_people(companies)
    world.stream("people").shuffle(people)
    # Contract managers are handed out in turn, so that a name points to as few contracts as possible.
    return [Writer(deal, [people[number % len(people)]]).write() for number, deal in enumerate(deals)]
