"""The gold graph: the facts that contracts, amendments and register extracts state, and where they state them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from labkit.corpus import COMPANY_RELATIONS
from synthesis.archive import world

Row = dict[str, Any]
# Subject, relation, object, accepted spellings, document, start, end: as `corpus.Fact` has them.
Fact = tuple[str, str, str, Sequence[str], str, int, int]


def facts(documents: Sequence[Row], companies: Sequence[Row], texts: Mapping[str, str]) -> Iterator[Fact]:
    """The facts of contracts and amendments, then those of register extracts, each in reading order.

    Args:
        documents: the records of contracts and amendments.
        companies: the records of companies.
        texts: of contracts and amendments, by id.
    """
    relations = {category: rule["title"].lower() for category, rule in world.load("playbook.toml")["rules"].items()}
    for document in documents:
        yield from _of_contract(document, texts[document["id"]], relations)
    known = {company["id"]: company for company in companies}
    for company in companies:
        yield from _of_company(company, known)


def _of_contract(document: Row, text: str, relations: Mapping[str, str]) -> Iterator[Fact]:
    """The parties that the opening names, with their roles, and the value of each clause."""
    name = document["id"]
    opening = min((clause["start"] for clause in document["clauses"]), default=len(text))
    for party in document["parties"]:
        at = text.find(party["name"], 0, opening)
        if at < 0:
            continue
        spellings = (party["company"], party["name"], party["short"])
        yield name, "party", party["name"], spellings, name, at, at + len(party["name"])
        role = party["term"].removeprefix("the ")
        named = re.compile(rf"\b{re.escape(role)}\b").search(text, 0, opening)
        if named and not document["amends"]:
            yield party["company"], "role", role, (role, party["term"]), name, named.start(), named.end()
    for clause in document["clauses"]:
        spellings = tuple(dict.fromkeys((clause["value"], clause["surface"], *clause["aliases"])))
        place = clause["value_start"], clause["value_end"]
        yield name, relations[clause["category"]], clause["surface"], spellings, name, *place


def _of_company(company: Row, known: Mapping[str, Row]) -> Iterator[Fact]:
    """What the extract of a register says of a company."""
    parent = known.get(company["parent"])
    said: list[tuple[str, str, tuple[str, ...]]] = [("seat", company["seat"], ())]
    said += [("parent company", parent["name"], (parent["id"], parent["short"]))] if parent else []
    said += [("former name", name, ()) for name in company["former_names"]]
    said += [(o["role"], o["name"], ()) for o in company["officers"] if o["role"] in COMPANY_RELATIONS]
    for relation, name, more in said:
        at = company["text"].find(name)
        if at >= 0:
            yield company["id"], relation, name, (*more, name), f"R-{company['id']}", at, at + len(name)
