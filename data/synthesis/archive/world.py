"""The invented world: three pools of companies in groups, and who contracts with whom."""

from __future__ import annotations

import datetime
import random
import tomllib
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

SEED = "labkit-2"
WORDINGS = Path(__file__).parent / "wordings"
POOLS = {"train": 40, "dev": 24, "test": 44}
GROUPS = {"train": (3, 2, 2, 1, 3, 2, 2), "dev": (3, 2, 2, 2, 3), "test": (3, 2, 2, 1, 3, 2, 2, 3, 2)}
# The year in which rounds 1, 2 and 3 begin: what is dated earlier is there from the start.
ROUNDS = (2023, 2024, 2025)
FIRST_YEAR = 2017
LATER = 0.12  # share of a split's contracts that arrives in each of the three later rounds
# Contracts of the busiest companies of a pool, as shares of its contracts.
HUBS = (0.28, 0.2, 0.14)


@dataclass
class Company:
    """A company of the register. `text` is its extract in prose; `spans` point into it."""

    id: str
    name: str
    short: str
    suffix: str
    country: str
    seat: str
    parent: str | None
    former_names: list[str]
    officers: list[dict[str, str]]
    pool: str
    text: str = ""
    spans: dict[str, list[int]] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """The line of `companies.jsonl`."""
        return asdict(self)


@dataclass
class Deal:
    """A contract before it is written: who, what, when and in which style."""

    id: str
    split: str
    kind: str
    style: str
    date: datetime.date
    a: Company
    b: Company
    subject: str
    nickname: str | None


def round_of(date: datetime.date) -> int:
    """The round, 0 to 3, in which a document of this date arrives."""
    return sum(date.year >= year for year in ROUNDS)


def stream(*parts: object) -> random.Random:
    """A random stream of its own for one part of the data, the same on every machine."""
    return random.Random("/".join(str(part) for part in (SEED, *parts)))


@cache
def load(name: str) -> dict[str, Any]:
    """Read one hand-written file of `wordings/`, such as `names.toml`."""
    return tomllib.loads((WORDINGS / name).read_text(encoding="utf-8"))


def _fill(rng: random.Random, sentences: list[list[str]], facts: dict[str, str]) -> tuple[str, dict[str, list[int]]]:
    """Join one wording of each group of sentences; return the text and the spans of the facts in it."""
    text = ""
    spans: dict[str, list[int]] = {}
    for options in sentences:
        rest = rng.choice(options)
        text += " " if text else ""
        while rest:
            before, brace, tail = rest.partition("{")
            text += before
            if not brace:
                break
            name, _, rest = tail.partition("}")
            spans.setdefault(name, [len(text), len(text) + len(facts[name])])
            text += facts[name]
            rest = rest.removeprefix(".") if text.endswith(".") else rest
    return text, spans


OPENINGS = [
    "{name} has its seat in {seat}; it was entered in the companies register in {year} under the number {number}.",
    "Entry {number}: {name}, first registered in {year}, with its head office in {seat}.",
    "The register shows {name} under number {number}; the company dates from {year} and is seated in {seat}.",
    "Registered in {year} as number {number}, {name} is domiciled in {seat}.",
    "Under number {number} the register lists {name} of {seat}, a company set up in {year}.",
    "{seat} is the seat of {name}, which was added to the register in {year} and carries the number {number}.",
]
BUSINESS = [
    "Its declared purpose is trade and services of all kinds, with {staff} employees on the last reporting day.",
    "At the last annual return it employed {staff} people and reported no pending insolvency matter.",
    "The most recent accounts, signed without reservation, mention a staff of {staff}.",
    "According to its latest filing, {staff} persons work for it, most of them at its principal office.",
    "Its workforce numbered {staff} when the accounts were last deposited, and its capital is fully paid up.",
]
PARENTS = [
    "All of its shares are held by {parent}.",
    "It is a wholly owned subsidiary of {parent}, which appoints the majority of the board.",
    "The sole shareholder is {parent}.",
    "Control lies with {parent}, its parent company, which owns the entire share capital.",
    "{parent} is recorded as the parent company and as the only holder of voting rights.",
    "As a member of a group, it is owned outright by {parent}.",
]
ORPHANS = [
    "No parent company is recorded: the shares are spread among private investors.",
    "It heads its own group and has no parent company.",
    "The shareholders are natural persons, none of whom holds a majority, so that no parent is noted.",
]
FORMER = [
    "Before a change of name it traded as {former}.",
    "Until it adopted its present name, the company was called {former}.",
    "The name now used replaced an earlier one, {former}.",
    "It was formerly known as {former}; the old name may no longer be used.",
    "Older documents refer to it as {former}, the name that it gave up by resolution of its members.",
]
CHIEFS = [
    "Its chief executive is {chief}, who may sign alone.",
    "{chief} serves as chief executive with sole power of representation.",
    "The office of chief executive is held by {chief}.",
    "As chief executive the register names {chief}.",
    "The company is led by {chief}, its chief executive.",
]
FINANCE = [
    "Finance is the responsibility of {finance}, appointed finance director.",
    "{finance} acts as finance director and signs jointly with another officer.",
    "The finance director is {finance}.",
]
CLOSINGS = [
    "The extract reflects the entries in force and replaces all previous ones.",
    "No branch offices, liens or liquidation proceedings are noted in this folio.",
    "Copies of the filed documents may be inspected at the registry during office hours.",
    "Statements of this extract enjoy public faith until corrected by a later entry.",
]


def _extract(company: Company, parent: Company | None, rng: random.Random) -> None:
    """Write the company's register extract of 60 to 120 words."""
    facts = {"name": company.name, "seat": company.seat, "chief": company.officers[0]["name"]}
    facts["year"], facts["staff"] = str(rng.randrange(1951, 2015)), str(rng.randrange(24, 980))
    facts["number"] = f"{rng.choice('BCDFHKMR')}{rng.randrange(10000, 99999)}"
    middle = [PARENTS if parent else ORPHANS, CHIEFS]
    if parent:
        facts["parent"] = parent.name
    if company.former_names:
        facts["former"] = company.former_names[0]
        middle.append(FORMER)
    if len(company.officers) > 1:
        facts["finance"] = company.officers[1]["name"]
        middle.append(FINANCE)
    rng.shuffle(middle)
    company.text, company.spans = _fill(rng, [OPENINGS, *middle, BUSINESS, CLOSINGS], facts)
    while len(company.text.split()) < 60:
        more = rng.choice([line for line in CLOSINGS if line not in company.text])
        company.text += f" {more}"


def companies() -> list[Company]:
    """All companies of the three pools, parents before their subsidiaries."""
    rng, names = stream("companies"), load("names.toml")
    shorts, former, people = (list(names[part][key]) for part, key in
                              (("companies", "names"), ("companies", "former"), ("people", "names")))  # fmt: skip
    for values in (shorts, former, people):
        rng.shuffle(values)
    made: list[Company] = []
    for pool, sizes in GROUPS.items():
        for size in sizes:
            parent: Company | None = None
            for position in range(size + 1):
                form = rng.choice(names["suffixes"])
                short = shorts.pop()
                officers = [{"name": people.pop(), "role": "chief executive"}]
                if rng.random() < 0.4:
                    officers.append({"name": people.pop(), "role": "finance director"})
                old = [f"{former.pop()} {form['suffix']}"] if former and position and rng.random() < 0.6 else []
                company = Company(f"E{len(made) + 1:02d}", f"{short} {form['suffix']}", short, form["suffix"],
                                  form["country"], rng.choice(form["cities"]), parent.id if parent else None, old,
                                  officers, pool)  # fmt: skip
                _extract(company, parent, rng)
                made.append(company)
                parent = parent or company
    return made


def unused_people(made: list[Company]) -> list[str]:
    """People who are no officer of a company: the contract managers come from them."""
    officers = {officer["name"] for company in made for officer in company.officers}
    return [name for name in load("names.toml")["people"]["names"] if name not in officers]


def _styles(split: str, count: int) -> list[str]:
    """Drafting styles of the contracts of one split; `letter` only in test contracts."""
    usual = ["classic", "us", "plain", "civil", "schedule"]
    letters = 8 if split == "test" else 0
    return ["letter"] * letters + [usual[number % 5] for number in range(count - letters)]


def _pairs(members: list[Company], count: int, rng: random.Random) -> list[tuple[Company, Company]]:
    """Choose (A, B) pairs: a few hubs meet many counterparties, a few pairs meet twice."""
    hubs = members[: len(HUBS)]
    seen: Counter[frozenset[str]] = Counter()
    load_of: Counter[str] = Counter()
    pairs: list[tuple[Company, Company]] = []

    def add(first: Company, second: Company) -> None:
        pairs.append((first, second) if rng.random() < 0.5 else (second, first))
        seen[frozenset((first.id, second.id))] += 1
        load_of.update((first.id, second.id))

    def related(first: Company, second: Company) -> bool:
        return first.id == second.id or (first.parent or first.id) == (second.parent or second.id)

    for hub, share in zip(hubs, HUBS, strict=True):
        for _ in range(round(share * count)):
            free = [c for c in members if not related(hub, c) and not seen[frozenset((hub.id, c.id))]]
            again = [c for c in members if seen[frozenset((hub.id, c.id))] == 1]
            pick = rng.choice(again) if again and (not free or rng.random() < 0.15) else None
            add(hub, pick or min(free, key=lambda c: (load_of[c.id], rng.random())))
    while len(pairs) < count:
        first = min(members, key=lambda c: (load_of[c.id], rng.random()))
        free = [c for c in members if not related(first, c) and not seen[frozenset((first.id, c.id))]]
        add(first, min(free, key=lambda c: (load_of[c.id], rng.random())))
    rng.shuffle(pairs)
    return pairs


def _years(count: int, rng: random.Random) -> list[int]:
    """The years of a split's contracts: a fixed share in each later round, the rest before the first."""
    later = [year for year in ROUNDS for _ in range(round(LATER * count))]
    years = later + [FIRST_YEAR + number % (ROUNDS[0] - FIRST_YEAR) for number in range(count - len(later))]
    rng.shuffle(years)
    return years


def deals(made: list[Company]) -> list[Deal]:
    """The contracts to be written, each identified by its parties, kind and year."""
    rng, names = stream("deals"), load("names.toml")
    kinds = list(names["kinds"])
    subjects = {kind: rng.sample(names["kinds"][kind]["subjects"], len(names["kinds"][kind]["subjects"]))
                for kind in kinds}  # fmt: skip
    nicknames = rng.sample(names["projects"]["names"], len(names["projects"]["names"]))
    found: list[Deal] = []
    dates: set[datetime.date] = set()
    for split, count in POOLS.items():
        members = [c for c in made if c.pool == split and c.parent]
        rng.shuffle(members)
        styles = _styles(split, count)
        rng.shuffle(styles)
        years = _years(count, rng)
        queue: list[str] = []
        taken: set[tuple[str, str, str]] = set()
        for number, (a, b) in enumerate(_pairs(members, count, rng)):
            queue = queue or rng.sample(kinds, len(kinds))
            free = [k for k in queue if subjects[k] and (a.id, b.id, k) not in taken and (b.id, a.id, k) not in taken]
            kind = (free or [k for k in kinds if subjects[k] and (a.id, b.id, k) not in taken])[0]
            if kind in queue:
                queue.remove(kind)
            taken.add((a.id, b.id, kind))
            # No day after the 28th, so that a term of months always ends on the same day of a month.
            date = datetime.date(years[number], rng.randrange(1, 13), rng.randrange(1, 29))
            while date in dates:
                date = date.replace(day=date.day % 28 + 1)
            dates.add(date)
            nickname = nicknames.pop() if number % 2 == 0 and nicknames else None
            found.append(Deal(f"C{len(found) + 1:03d}", split, kind, styles[number], date, a, b,
                              subjects[kind].pop(), nickname))  # fmt: skip
    return found
