"""How a question names a contract, and what is known of all documents when it is asked."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from synthesis.archive import amendments, clauses, world
from synthesis.archive.contracts import Clause, Contract
from synthesis.archive.world import Company

REFERENCES = {"parties": 0.24, "kind_party": 0.32, "date": 0.16, "nickname": 0.1, "subject": 0.18}


def phrase(template: str, slots: dict[str, str]) -> str:
    """Fill a question: possessives, `a` or `an`, no doubled article, a capital at each sentence start."""

    def put(match: re.Match[str]) -> str:
        text = slots[match.group(1)]
        return text + ("" if not match.group(2) else "'" if text.endswith("s") else "'s")

    text = re.sub(r"\{(\w+)\}('s\b)?", put, template)
    text = re.sub(r"\b(the|The) the\b", r"\1", text)
    text = re.sub(r"\b([Aa]) (?=[aeio]|8|11\b|18\b)(?!one\b)", r"\1n ", text)
    text = re.sub(r"(^|[.?!] )([a-z])", lambda m: m.group(1) + m.group(2).upper(), text)
    return text


@dataclass
class Reference:
    """A contract as an asker names it."""

    contract: Contract
    kind: str
    text: str
    ambiguous: bool
    named: frozenset[str]


@dataclass
class Corpus:
    """All documents and what is asked of them."""

    companies: list[Company]
    written: list[Contract]
    changes: list[Contract]
    forces: dict[str, dict[str, tuple[Contract, Clause]]] = field(default_factory=dict)
    by_id: dict[str, Company] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.forces = {c.id: amendments.in_force(c, self.changes) for c in self.written}
        self.by_id = {company.id: company for company in self.companies}

    def of(self, split: str) -> list[Contract]:
        """The contracts of one split."""
        return [c for c in self.written if c.deal.split == split]

    def amended(self, contract: Contract) -> set[str]:
        """Categories of a contract that an amendment changed."""
        return {category for category, (doc, _) in self.forces[contract.id].items() if doc.id != contract.id}

    def matching(self, contract: Contract, fields: Iterable[str]) -> list[int]:
        """For each metadata field, the number of contracts sharing its value; last, of those sharing all."""
        tests: list[Callable[[Contract], bool]] = []
        deal = contract.deal
        for name in fields:
            if name in ("A", "B"):
                company = deal.a.id if name == "A" else deal.b.id
                tests.append(lambda c, company=company: company in (c.deal.a.id, c.deal.b.id))  # type: ignore[misc]
            elif name == "kind":
                tests.append(lambda c: c.deal.kind == deal.kind)
            elif name == "year":
                tests.append(lambda c: c.date.year == deal.date.year)
            elif name == "date":
                tests.append(lambda c: c.date == deal.date)
            elif name == "nickname":
                tests.append(lambda c: c.deal.nickname == deal.nickname)
            elif name == "subject":
                tests.append(lambda c: c.deal.subject == deal.subject)
        counts = [sum(test(c) for c in self.written) for test in tests]
        return [*counts, sum(all(test(c) for test in tests) for c in self.written)]

    def refer(self, contract: Contract, rng: random.Random, *, nameless: bool = False,
              only: str | None = None) -> Reference | None:  # fmt: skip
        """Name a contract so that exactly one fits.

        Args:
            contract: to be named.
            rng: the asker's stream.
            nameless: without a party, since the question names one of them beside it and asks for the other.
            only: a single kind of reference.

        Returns:
            None where chance found no name that fits.
        """
        deal, table = contract.deal, world.load("questions.toml")["reference"]
        nouns = world.load("names.toml")["kinds"][deal.kind]["nouns"]
        slots = {"A": deal.a.short, "B": deal.b.short, "kind": rng.choice(nouns), "year": str(deal.date.year),
                 "date": clauses.write_date(deal.date, "classic"), "nickname": deal.nickname or "",
                 "subject": deal.subject}  # fmt: skip
        names, weights = list(REFERENCES), list(REFERENCES.values())
        for _ in range(30):
            kind = only or rng.choices(names, weights)[0]
            template = rng.choice(table[kind])
            fields = sorted(set(re.findall(r"\{(\w+)\}", template)))
            if (nameless and {"A", "B"} & set(fields)) or ("nickname" in fields and not deal.nickname):
                continue
            *counts, together = self.matching(contract, fields)
            if together != 1:
                continue
            text = phrase(template, slots)
            text = text if template.startswith("{") else text[:1].lower() + text[1:]
            return Reference(contract, kind, text, min(counts) >= 2, frozenset(fields))
        return None
