"""Writing contracts and amendments as plain text, with the place of every value."""

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from synthesis.archive import clauses, values, world
from synthesis.archive.clauses import GROUPS, Setting, Written
from synthesis.archive.values import Value
from synthesis.archive.world import Company, Deal

AMENDED = {"train": 14, "dev": 8, "test": 22}
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
    formats: list[str] = field(default_factory=list)

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
                "subject": deal.subject, "amends": self.amends, "formats": self.formats,
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


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def _title_case(text: str) -> str:
    small = {"of", "and", "the", "a", "an", "in", "on", "to", "for", "by", "or", "with", "after", "at", "from"}
    parts = text.split()
    return " ".join(w if i and w in small else _upper_first(w) for i, w in enumerate(parts))


def _choose_categories(deal: Deal, rng: random.Random) -> list[str]:
    """25 to 38 categories that a contract of this kind may have, the core ones first."""
    written = clauses.entries()
    fitting = set(world.load("frames.toml")["kinds"][deal.kind]["categories"])
    pool = [c for c in values.CATEGORIES if c in written and c not in CORE]
    likely = [c for c in pool if c in fitting]
    count = min(rng.choice((25, 26, 26, 27, 27, 28, 28, 29, 30, 31, 33)), len(CORE) + len(likely))
    chosen = [c for c in CORE if c in written] + rng.sample(likely, count - len(CORE))
    return [c for c in values.CATEGORIES if c in chosen]


def _choose_wording(category: str, deal: Deal, rng: random.Random) -> dict[str, Any]:
    rows = [row for row in clauses.entries()[category] if row["style"] == deal.style]
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


def _values(categories: list[str], deal: Deal, currency: str, terms: tuple[str, str],
            owners: dict[str, str], people: list[str], rng: random.Random) -> dict[str, Value]:  # fmt: skip
    names = world.load("names.toml")
    found: dict[str, Value] = {}
    affiliates = [f"{name} {rng.choice(('Ltd', 'GmbH', 'Inc.', 'B.V.', 'AB'))}" for name in _free_shorts()]
    pools = {
        "key_contact": people,
        "source_code_escrow": [f"{n} {rng.choice(('Ltd', 'B.V.', 'AB'))}" for n in names["companies"]["escrow"]],
        "third_party_beneficiary": affiliates,
    }
    for category in categories:
        if category in owners:
            company, term = (deal.a, terms[0]) if owners[category] == "A" else (deal.b, terms[1])
            aliases = [term, term.removeprefix("the "), company.name, company.short]
            found[category] = values.name_value("party", term, aliases)
        else:
            found[category] = clauses.draw(category, currency, rng, pools)
    return found


def _free_shorts() -> list[str]:
    """Company names that no registered company bears: affiliates named as beneficiaries."""
    used = {company.short for company in world.companies()}
    return [name for name in world.load("names.toml")["companies"]["names"] if name not in used]


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
        self.currency = self.rng.choice(("USD", "USD", "EUR", "EUR", "GBP", "CHF"))
        self.setting = Setting(deal.style, *self.terms, self.title["agreement"], self.currency, self.rng,
                               extra=self._extra())  # fmt: skip
        self.people = people
        self.sheet = Sheet()
        self.found: list[Clause] = []

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
        heading = _upper_first(name)
        categories = _choose_categories(deal, rng)
        wordings = {category: _choose_wording(category, deal, rng) for category in categories}
        sections = _sections(categories, deal.style, rng)
        for position, (_, members) in enumerate(sections, 1):
            for item, category in enumerate(members, 1):
                self.setting.numbers[category] = _number(position, item, deal.style)
        owners = {c: row["owner"] for c, row in wordings.items() if "owner" in row}
        drawn = _values(categories, deal, self.currency, self.terms, owners, self.people, rng)
        self._opening(heading)
        self._particulars(categories, wordings, drawn)
        for position, (title, members) in enumerate(sections, 1):
            self._section(position, title, members, wordings, drawn)
        self._boilerplate(len(sections))
        self.sheet.add(self._fill(frame["closing"]["text"]))
        kind_title = _title_case(kind_name(deal.kind))
        date = clauses.write_date(deal.date, "classic")
        title = f"{kind_title} between {deal.a.name} and {deal.b.name}, {date}"
        return Contract(deal.id, title, deal, deal.date, self.terms, self.currency, heading, self.sheet.text,
                        self.found, formats=["txt"])  # fmt: skip

    def _opening(self, heading: str) -> None:
        frame, rng, add = self.frame, self.rng, self.sheet.add
        add(heading.upper() if self.deal.style in ("classic", "us") else heading)
        add(self._fill(rng.choice(frame["preamble"])["text"]))
        recitals = rng.choice(frame["recitals"])
        add(recitals["heading"])
        items = list(recitals["items"])
        if self.deal.nickname:
            items.insert(1 if items[-1].endswith(";") else len(items), recitals["nickname_item"])
        for number, item in enumerate(items, 1):
            mark = f"({chr(64 + number)}) " if self.deal.style == "classic" else ""
            add(mark + self._fill(item))
        definitions = rng.sample(frame["definition"], min(len(frame["definition"]), rng.randrange(3, 6)))
        add("DEFINITIONS" if self.deal.style in ("classic", "us") else "Definitions")
        for row in sorted(definitions, key=lambda row: str(row["term"])):
            joint = " " if row["text"].strip()[0].islower() else ": "
            add(f'"{row["term"]}"{joint}{self._fill_inside(row["text"])}')

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
            surface = values.write(drawn[category], self.deal.style, self.rng)
            if drawn[category].kind != "place":
                surface = _upper_first(surface)
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
            written = clauses.fill(row["text"].strip(), self.setting, self._surface(value, row), row.get("owner"),
                                   set(value.aliases))  # fmt: skip
            written.text = re.sub(r"\s+", " ", written.text) if "\n" in written.text else written.text
            start = self.sheet.add(lead + written.text)
            if clause is None:
                clause = Clause(category, row["id"], self._clause_heading(row), value, written.surface)
                _place(clause, written, start + len(lead))
                self.found.append(clause)
            clause.number, clause.body = number, written.text
            clause.start, clause.end = start, start + len(lead) + len(written.text)
            clause.held_out = row.get("split") == "test"

    def _clause_heading(self, row: dict[str, Any]) -> str:
        return _upper_first(self._fill(row["heading"]))

    def _surface(self, value: Value, row: dict[str, Any]) -> str | None:
        return values.write(value, self.deal.style, self.rng) if "{value}" in row["text"] else None

    def _boilerplate(self, sections: int) -> None:
        rows = self.rng.sample(self.frame["boilerplate"], len(self.frame["boilerplate"]))
        aim = self.rng.randrange(1_250, 1_650)
        for count, row in enumerate(rows):
            if count >= 3 and len(self.sheet.text.split()) >= aim:
                break
            sections += 1
            self.sheet.add(_heading(self.frame["heading"], sections, _upper_first(row["heading"])))
            lead = {"classic": f"{sections}.1 ", "us": f"Section {sections}.1 "}.get(self.deal.style, "")
            self.sheet.add(lead + self._fill(row["text"]))


def _place(clause: Clause, written: Written, offset: int) -> None:
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


def _new_value(old: Clause, currency: str, rng: random.Random) -> Value:
    kind = values.CATEGORIES[old.category]
    for _ in range(100):
        amount, unit = rng.choice(kind.choices)
        value = values.explain(old.category, values.make(kind.kind, amount, unit, currency))
        if not set(value.aliases) & set(old.value.aliases):
            return value
    raise ValueError(f"{old.category} offers too few values to change {old.value.canonical}: add more.")


def _cited(heading: str, kind: str) -> str:
    """A contract's heading as a sentence cites it: without its article and without a motto after a colon."""
    heading = heading.removeprefix("The ")
    head, colon, _ = heading.partition(":")
    if not colon:
        return _upper_first(heading)
    return head if head.endswith("Agreement") else _upper_first(f"{kind_name(kind).split()[0]} contract")


def _amend(contract: Contract, number: int, date: datetime.date, in_force: dict[str, Clause]) -> Contract:
    """Write amendment `number` of a contract; `in_force` holds its clauses and is brought up to date."""
    deal, rng = contract.deal, world.stream("amendment", contract.id, number)
    frame = world.load("frames.toml")["style"][deal.style]
    amendment = frame["amendment"]
    extra = {"date": clauses.write_date(date, deal.style), "original_date": clauses.write_date(deal.date, deal.style),
             "original_title": _cited(contract.heading, deal.kind), "number": str(number),
             "A_full": deal.a.name, "B_full": deal.b.name, "A_seat": deal.a.seat, "B_seat": deal.b.seat}  # fmt: skip
    setting = Setting(deal.style, deal.a.name, deal.b.name, amendment["agreement"], contract.currency, rng,
                      {c.category: c.number for c in contract.clauses}, extra)  # fmt: skip
    sheet = Sheet()
    heading = clauses.fill(amendment["title"], setting).text
    sheet.add(heading.upper() if deal.style in GROUPED else heading)
    sheet.add(clauses.fill(rng.choice(amendment["preambles"]).strip(), setting).text)
    setting.a, setting.b = contract.terms
    changeable = [c for c in contract.clauses if values.CATEGORIES[c.category].kind in values.NUMERIC]
    chosen = rng.sample(changeable, rng.randrange(3, 6))
    patterns = rng.sample(amendment["replacements"], len(amendment["replacements"]))
    found: list[Clause] = []
    for item, base in enumerate(chosen):
        old = in_force[base.category]
        value = _new_value(old, contract.currency, rng)
        template = patterns[item % len(patterns)]
        setting.extra.update(topic=label(base.category), old=old.surface, ref=base.number)
        template = template.replace("{ref}", base.number)
        written = clauses.fill(template, setting, values.write(value, deal.style, rng))
        start = sheet.add(f"{item + 1}. {written.text}")
        pattern = amendment["replacements"].index(patterns[item % len(patterns)]) + 1
        clause = Clause(base.category, f"amendment.{deal.style}.{pattern}", base.heading, value, written.surface)
        clause.number, clause.start, clause.end = base.number, start, start + 3 + len(written.text)
        _place(clause, written, start + 3)
        clause.evidence_start, clause.evidence_end = start + 3, start + 3 + len(written.text)
        clause.body = written.text
        clause.held_out = deal.style == "letter"
        in_force[base.category] = clause
        found.append(clause)
    # Entire agreement, notices and the like stand in the contract: repeated here they would contradict it.
    fitting = [row for row in frame["boilerplate"] if row["heading"] in amendment["boilerplate"]]
    for row in rng.sample(fitting, len(fitting)):
        if len(sheet.text.split()) >= 250:
            break
        item += 1
        sheet.add(f"{item + 1}. {clauses.fill(row['text'].strip(), setting).text}")
    sheet.add(clauses.fill(amendment["closing"].strip(), setting).text)
    title = f"Amendment {number} of {clauses.write_date(date, 'classic')} to the {contract.title}"
    return Contract(f"{contract.id}-A{number}", title, deal, date, contract.terms, contract.currency, heading,
                    sheet.text, found, contract.id, ["txt"])  # fmt: skip


def contracts(deals: list[Deal], companies: list[Company]) -> list[Contract]:
    """Write all contracts."""
    people = world.unused_people(companies)
    world.stream("people").shuffle(people)
    # Contract managers are handed out in turn, so that a name points to as few contracts as possible.
    return [Writer(deal, [people[number % len(people)]]).write() for number, deal in enumerate(deals)]


def amendments(written: list[Contract]) -> list[Contract]:
    """Write the amendments, some contracts having two; in the order of contracts and dates."""
    rng = world.stream("amendments")
    found: list[Contract] = []
    for split, count in AMENDED.items():
        pool = [c for c in written if c.deal.split == split]
        twice = max(1, count // 6)
        chosen = rng.sample(pool, count - twice)
        numbers = {c.id: 2 if place < twice else 1 for place, c in enumerate(chosen)}
        for contract in sorted(chosen, key=lambda c: c.id):
            in_force = {c.category: c for c in contract.clauses}
            date = contract.date
            for number in range(1, numbers[contract.id] + 1):
                date += datetime.timedelta(days=rng.randrange(120, 420))
                found.append(_amend(contract, number, date, in_force))
    return found


def in_force(contract: Contract, changes: list[Contract]) -> dict[str, tuple[Contract, Clause]]:
    """For every category the document and clause that hold today, amendments in the order of their dates."""
    found = {clause.category: (contract, clause) for clause in contract.clauses}
    for amendment in _of(contract, changes):
        found.update({clause.category: (amendment, clause) for clause in amendment.clauses})
    return found


def _of(contract: Contract, changes: list[Contract]) -> Iterator[Contract]:
    yield from sorted((a for a in changes if a.amends == contract.id), key=lambda a: (a.date, a.id))
