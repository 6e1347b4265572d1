"""Rules that contracts and questions keep, read off the finished data: what a lawyer would stumble over."""

from __future__ import annotations

import datetime
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from synthesis.archive import clauses, figures, mentions, terms, values, world
from synthesis.archive.several import LISTED

Row = dict[str, Any]
TASKS_ON_ONE = ("lookup", "multihop", "amended", "list", "summarise", "unanswerable")
RELATED = 0.7  # least share of contracts under the law of a party's country
MEMBERS = 0.9  # least share of list questions with two members or more
DATE = re.compile(
    rf"\b(\d{{1,2}}) ({'|'.join(clauses.MONTHS)}) (\d{{4}})\b|\b({'|'.join(clauses.MONTHS)}) (\d{{1,2}}), (\d{{4}})\b"
)


def contract_faults(documents: list[Row], companies: list[Row], texts: Mapping[str, str]) -> list[str]:
    """Sentences about contracts and amendments that contradict themselves, their kind, their date or their parties."""
    found: list[str] = []
    known, by_id = {row["id"]: row for row in companies}, {row["id"]: row for row in documents}
    names = {name for row in companies for name in (row["name"], row["short"], row["seat"])}
    for row in documents:
        original = row["amends"] or row["id"]
        found += _parties(row, known)
        found += _kind(row)
        found += _dates(row, texts[row["id"]], documents)
        found += _figures(row, texts[row["id"]])
        found += _amended(row, by_id[original], texts[original])
        found += mentions.faults(row, texts[row["id"]], (by_id[original], texts[original]), names)
    return found + _values(documents) + _laws(documents, known) + _rounds(documents) + _repeated(documents, texts)


def question_faults(asked: Mapping[str, list[Row]], documents: list[Row], companies: list[Row]) -> list[str]:
    """Sentences about questions that nobody would ask, or that have no proper answer."""
    names = re.compile("|".join(rf"(?<!\w){re.escape(company['short'])}(?!\w)" for company in companies))
    found: list[str] = []
    groups: dict[str, list[Row]] = defaultdict(list)
    for split, rows in asked.items():
        for row in rows:
            times = Counter(names.findall(row["question"]))
            twice = [name for name, number in times.items() if number > 1]
            if twice and row["task"] in TASKS_ON_ONE:
                found.append(f"{row['id']} names {twice[0]} twice: refer to the contract without that party.")
            if row["task"] == "list":
                groups[f"{split} {row['half'] or ''}".strip()].append(row)
                if row["category"] not in LISTED:
                    found.append(f"{row['id']} lists contracts by {row['category']}, which nobody sorts by.")
    for name, rows in groups.items():
        share = sum(len(row["items"]) > 1 for row in rows) / len(rows)
        if share < MEMBERS:
            found.append(f"Only {share:.0%} of the {name} list questions have two members or more.")
    return found + _kinds_compared(asked, documents)


# ---- contracts


def _parties(row: Row, known: Mapping[str, Row]) -> list[str]:
    first, second = (known[party["company"]] for party in row["parties"])
    heads = {company["parent"] or company["id"] for company in (first, second)}
    return [f"{row['id']}: {first['name']} contracts with itself or with its own group."] if len(heads) == 1 else []


def _kind(row: Row) -> list[str]:
    if row["amends"]:
        return []
    kind, wordings = world.load("frames.toml")["kinds"][row["kind"]], clauses.by_id()
    found = []
    for clause in row["clauses"]:
        fitting = wordings[clause["wording"]].get("kinds", [row["kind"]])
        if clause["category"] not in kind["categories"] or row["kind"] not in fitting:
            found.append(f"{row['id']} {clause['category']}: {clause['wording']} does not belong to a {kind['name']}.")
    held = {clause["category"] for clause in row["clauses"]}
    return found + [f"{row['id']} has {category} without {other}."
                    for category, other in terms.NEEDS.items() if category in held and other not in held]  # fmt: skip


def _dates(row: Row, text: str, documents: list[Row]) -> list[str]:
    day = datetime.date.fromisoformat(row["date"])
    original = next((d["date"] for d in documents if d["id"] == row["amends"]), row["date"])
    dates = {day, datetime.date.fromisoformat(original)}
    return [f"{row['id']} speaks of {named.isoformat()}, which does not fit its date {row['date']}."
            for named in _named_dates(text) if named not in dates]  # fmt: skip


def _named_dates(text: str) -> Iterator[datetime.date]:
    for day, month, year, us_month, us_day, us_year in DATE.findall(text):
        yield datetime.date(int(year or us_year), clauses.MONTHS.index(month or us_month) + 1, int(day or us_day))


def _values(documents: list[Row]) -> list[str]:
    """Contradictions among the values in force, of each contract and after each of its amendments."""
    found = []
    sizes: dict[str, dict[str, float]] = {}
    for row in sorted(documents, key=lambda row: (row["date"], row["id"])):
        held = sizes.setdefault(row["amends"] or row["id"], {})
        held.update({clause["category"]: values.size_of(clause["value"]) for clause in row["clauses"]
                     if values.CATEGORIES[clause["category"]].kind in values.NUMERIC})  # fmt: skip
        pairs = terms.contradictions(held)
        found += [f"{row['id']}: {small} and {large} contradict each other." for small, large in pairs]
    return found


def _figures(row: Row, text: str) -> list[str]:
    """Figures beside the values that lie outside the range which their wording allows."""
    if row["amends"]:
        return []
    found, held = [], {clause["category"] for clause in row["clauses"]}
    for clause in row["clauses"]:
        where = f"{row['id']} {clause['category']}"
        said = figures.beside(clauses.by_id()[clause["wording"]]["text"], text[clause["start"] : clause["end"]], held)
        if said is None:
            found.append(f"{where} does not follow the wording {clause['wording']}.")
            continue
        numeric = values.CATEGORIES[clause["category"]].kind in values.NUMERIC
        size = values.size_of(clause["value"]) if numeric else None
        for (kind, low, high), surface in said:
            least, most = clauses.limits(kind, low, high, size)
            actual = figures.size(kind, surface)
            if actual is None or not least - 1e-6 <= actual <= most + 1e-6:
                found.append(f"{where}: {surface} does not fit beside {clause['value']}.")
    return found


def _amended(row: Row, original: Row, text: str) -> list[str]:
    """New values that pass a figure beside the old one, such as a shorter time allowed for one case."""
    found, held = [], {clause["category"]: clause for clause in original["clauses"]}
    for clause in row["clauses"] if row["amends"] else ():
        base = held[clause["category"]]
        template = clauses.by_id()[base["wording"]]["text"]
        said = figures.beside(template, text[base["start"] : base["end"]], held) or []
        low, high = figures.between(said, values.size_of(base["value"]))
        if not low < values.size_of(clause["value"]) < high:
            found.append(f"{row['id']} {clause['category']}: {clause['value']} passes a figure beside {base['value']}.")
    return found


def _repeated(documents: list[Row], texts: Mapping[str, str]) -> list[str]:
    """Boilerplate of an amendment that its contract or an earlier amendment has."""
    found = []
    said: dict[str, str] = {}
    for row in sorted(documents, key=lambda row: (row["date"], row["id"])):
        name = row["amends"] or row["id"]
        for boilerplate in world.load("frames.toml")["style"][row["style"]]["boilerplate"] if row["amends"] else ():
            pieces = clauses.SLOT.split(boilerplate["text"])[:: clauses.SLOT.groups + 1]
            piece = max((" ".join(part.split()) for part in pieces), key=len)
            if piece in texts[row["id"]] and piece in said.get(name, ""):
                found.append(f"{row['id']} repeats {boilerplate['heading']!r}.")
        said[name] = said.get(name, "") + texts[row["id"]]
    return found


def _laws(documents: list[Row], known: Mapping[str, Row]) -> list[str]:
    laws = {f"{law['adjective']} law": law for law in world.load("names.toml")["laws"]}
    found, related, contracts = [], 0, [row for row in documents if not row["amends"]]
    for row in contracts:
        held = {clause["category"]: clause["value"] for clause in row["clauses"]}
        law = laws[held["governing_law"]]
        countries = {known[party["company"]]["country"] for party in row["parties"]}
        related += law["country"] in countries
        if len(countries) == 1 and law["country"] not in countries:
            found.append(f"{row['id']}: both parties come from {countries.pop()}, but {law['adjective']} law governs.")
        if held["jurisdiction"] not in law["cities"]:
            found.append(f"{row['id']}: a court in {held['jurisdiction']} does not go with {held['governing_law']}.")
    if related < RELATED * len(contracts):
        found.append(f"Only {related} of {len(contracts)} contracts are under the law of a party's country.")
    return found


def _rounds(documents: list[Row]) -> list[str]:
    """Rounds that do not follow the dates, an amendment before its contract, or a round with nothing new."""
    found, by_id = [], {row["id"]: row for row in documents}
    for row in documents:
        if row["round"] != world.round_of(datetime.date.fromisoformat(row["date"])):
            found.append(f"{row['id']} of {row['date']} cannot arrive in round {row['round']}.")
        if row["amends"] and by_id[row["amends"]]["date"] >= row["date"]:
            found.append(f"{row['id']} is dated before its contract.")
    arriving = {(row["split"], row["round"], bool(row["amends"])) for row in documents}
    found += [f"Round {number} brings {split} no {'amendment' if amends else 'contract'}."
              for split in ("train", "dev") for number in range(len(world.ROUNDS) + 1) for amends in (False, True)
              if (split, number, amends) not in arriving]  # fmt: skip
    if sum(row["round"] == 0 for row in documents) <= len(documents) / 2:
        found.append("Half of the documents or more arrive in a later round: most should be there from the start.")
    return found


# ---- questions


def _kinds_compared(asked: Mapping[str, list[Row]], documents: list[Row]) -> list[str]:
    """Comparisons of contracts that have neither a party nor their kind in common."""
    by_id = {row["id"]: row for row in documents}
    found = []
    for row in (row for rows in asked.values() for row in rows if row["task"] == "compare"):
        one, two = (by_id[name] for name in row["documents"][:2])
        parties = [{party["company"] for party in contract["parties"]} for contract in (one, two)]
        if one["kind"] != two["kind"] and not parties[0] & parties[1]:
            found.append(f"{row['id']} compares {one['id']} and {two['id']}, which have nothing in common.")
    return found
