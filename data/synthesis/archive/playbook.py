"""The house's playbook: its text, the rating of a clause and the term sheet of a contract."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from synthesis.archive import clauses, contracts, values, world
from synthesis.archive.contracts import Clause, Contract
from synthesis.archive.values import Value


@cache
def render() -> tuple[str, dict[str, tuple[int, int]]]:
    """The text of `playbook.md` and the spans in it of each rule and of `term_sheet`."""
    book = world.load("playbook.toml")
    text, spans = f"# {book['document']['title']}\n\n{book['document']['intro'].strip()}\n", {}

    def add(heading: str, body: str, level: str = "##") -> tuple[int, int]:
        nonlocal text
        text += f"\n{level} {heading}\n\n"
        start = len(text)
        text += f"{body.strip()}\n"
        return start, start + len(body.strip())

    for section in book["sections"]:
        if section["place"] == "before":
            add(section["heading"], section["text"])
    text += "\n## Rules by category\n"
    for category in values.CATEGORIES:
        rule = book["rules"][category]
        start, _ = add(rule["title"], f"{rule['rule']} {rule['reason']}", "###")
        spans[category] = (start, start + len(rule["rule"]))
    fields = "\n".join(
        f"{number}. {row['name']}: {row['guide']}" for number, row in enumerate(book["term_sheet"]["fields"], 1)
    )
    for section in book["sections"]:
        if section["place"] == "after":
            spans["term_sheet"] = add(section["heading"], section["text"].strip().replace("{fields}", fields))
    return text, spans


def evidence(category: str) -> dict[str, Any]:
    """The span of a category's rule."""
    start, end = render()[1][category]
    return {"document": "playbook", "start": start, "end": end}


def category_names(category: str) -> list[str]:
    """Names under which a category is accepted, the playbook's own first."""
    title = str(world.load("playbook.toml")["rules"][category]["title"])
    known = [title, title.lower(), category, category.replace("_", " "), contracts.label(category)]
    return list(dict.fromkeys(known))


def rate(category: str, value: Value, contract: Contract) -> str:
    """The house rating of a value: low, medium or high."""
    rule = world.load("playbook.toml")["rules"][category]
    method = rule["method"]
    if method == "default":
        return str(rule["rating"])
    if method == "party":
        side = "A" if value.canonical == contract.terms[0] else "B"
        return "low" if side == rule["low"] else "high"
    factor = values.DAYS[rule["unit"]] if rule["unit"] in values.DAYS else 1.0
    low, high = rule["low"] * factor, rule["high"] * factor
    if method == "at_least":
        return "low" if value.size >= low else "high" if value.size < high else "medium"
    return "low" if value.size <= low else "high" if value.size > high else "medium"


def graded(category: str) -> bool:
    """Whether the rating of a category depends on a number, so that one may ask for it by name."""
    return world.load("playbook.toml")["rules"][category]["method"] in ("at_least", "at_most")


@dataclass
class TermSheet:
    """The nine lines with accepted spellings, and where the entries were found."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    found: list[tuple[Contract, Clause]] = field(default_factory=list)
    evidence: list[dict[str, Any]] = field(default_factory=list)


def law_name(value: Value) -> list[str]:
    """Spellings of a governing law, the country or state first."""
    law = next(row for row in world.load("names.toml")["laws"] if f"{row['adjective']} law" == value.canonical)
    return list(dict.fromkeys([law["name"], law["name"].removeprefix("the "), *value.aliases]))


def term_sheet(contract: Contract, forces: dict[str, tuple[Contract, Clause]]) -> TermSheet:
    """Fill the house's term sheet with the values in force."""
    book, deal, sheet = world.load("playbook.toml")["term_sheet"], contract.deal, TermSheet()
    preamble = contract.text.index(deal.a.name)
    start, end = contract.text.rfind("\n\n", 0, preamble), contract.text.find("\n\n", preamble)
    last = contract.text.find("\n\n", contract.text.index(deal.b.name))
    sheet.evidence.append({"document": contract.id, "start": max(start, 0), "end": max(end, last)})
    for row in book["fields"]:
        source = row["source"]
        category = source.removeprefix("rating:")
        if source == "kind":
            names = world.load("names.toml")["kinds"][deal.kind]["nouns"]
            frame = world.load("frames.toml")["kinds"][deal.kind]["name"]
            entry = list(dict.fromkeys([*names, frame]))
        elif source == "parties":
            a, b = deal.a, deal.b
            entry = [f"{a.name} and {b.name}", f"{b.name} and {a.name}", f"{a.short} and {b.short}"]
        elif source == "date":
            entry = [clauses.write_date(contract.date, "classic"), contract.date.isoformat(),
                     clauses.write_date(contract.date, "us")]  # fmt: skip
        elif category not in forces:
            entry = [book["missing"]]
        elif source.startswith("rating:"):
            entry = [rate(category, forces[category][1].value, contract)]
        else:
            document, clause = forces[category]
            sheet.found.append((document, clause))
            value = clause.value
            entry = law_name(value) if value.kind == "law" else [value.canonical, clause.surface, *value.aliases]
        sheet.fields[row["name"]] = list(dict.fromkeys(entry))
    return sheet


def check() -> list[str]:
    """Sentences about flaws of `playbook.toml`; empty when it is sound."""
    rules = world.load("playbook.toml")["rules"]
    found = [f"playbook.toml has no rule for {name}: add one." for name in values.CATEGORIES if name not in rules]
    for category, rule in rules.items():
        kind = values.CATEGORIES[category]
        if rule["method"] in ("at_least", "at_most") and kind.kind not in values.NUMERIC:
            found.append(f"playbook.toml rates {category} by a number, but its value is a {kind.kind}.")
    return found
