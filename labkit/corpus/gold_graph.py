"""The gold graph: every fact that the course's documents state, with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from labkit.corpus.course_data import company_records, contract_records, read_checked
from labkit.corpus.types import Document, Span


@dataclass(frozen=True)
class Fact:
    """A fact that the course's documents state: an edge of the gold graph.

    Attributes:
        subject: id of a document, or of a company ("E17").
        relation: in words ("payment term", "parent company").
        object: as the document writes it.
        accepted: every spelling that counts as right, the id of a company first.
        span: where the object stands.
    """

    subject: str
    relation: str
    object: str
    accepted: tuple[str, ...]
    span: Span


# What register extracts say of companies, and the openings of contracts of their parties.
COMPANY_RELATIONS = ("parent company", "former name", "seat", "chief executive", "finance director")
PARTY_RELATIONS = ("party", "role")


def clause_relations() -> tuple[str, ...]:
    """What clauses state, one relation for each category: the rules of the playbook, in lower case, in its order."""
    return tuple(name.lower() for name in re.findall(r"^### (.+)$", read_checked("playbook.md"), re.MULTILINE))


# Relations that the playbook names otherwise than the categories' ids do.
_OTHERWISE = {"late_interest": "late payment interest", "convenience_termination": "termination for convenience",
              "ip_ownership": "ownership of intellectual property"}  # fmt: skip


@cache
def relation_of(category: str) -> str:
    """The relation of a category's id, such as "payment term" of "payment_term"."""
    known = {re.sub(r"[^a-z]", "", name): name for name in clause_relations()}
    return _OTHERWISE.get(category) or known[category.replace("_", "")]


def gold_facts(documents: Sequence[Document]) -> list[Fact]:
    """The facts that contracts, amendments and register extracts of the course state, in reading order.

    Args:
        documents: of `load_documents`; others, such as the playbook, state none.
    """
    contracts = {r["id"]: r for r in contract_records()}
    companies = {f"R-{r['id']}": r for r in company_records()}
    facts: list[Fact] = []
    for document in documents:
        if document.id in contracts:
            facts += _contract_facts(document, contracts[document.id])
        elif document.id in companies:
            facts += _company_facts(document, companies[document.id], companies)
    return facts


def _contract_facts(document: Document, record: Mapping[str, Any]) -> Iterator[Fact]:
    """The parties that the opening names, with their roles, and the value of each clause."""
    opening = min((c["start"] for c in record["clauses"]), default=len(document.text))
    for party in record["parties"]:
        at = document.text.find(party["name"], 0, opening)
        if at < 0:
            continue
        span = Span(document.id, at, at + len(party["name"]))
        yield Fact(document.id, "party", party["name"], (party["company"], party["name"], party["short"]), span)
        role = party["term"].removeprefix("the ")
        named = re.compile(rf"\b{re.escape(role)}\b").search(document.text, 0, opening)
        if named and not record["amends"]:
            accepted = (role, party["term"])
            yield Fact(party["company"], "role", role, accepted, Span(document.id, named.start(), named.end()))
    for clause in record["clauses"]:
        span = Span(document.id, clause["value_start"], clause["value_end"])
        accepted = tuple(dict.fromkeys((clause["value"], clause["surface"], *clause["aliases"])))
        yield Fact(document.id, relation_of(clause["category"]), clause["surface"], accepted, span)


def _company_facts(
    document: Document, record: Mapping[str, Any], companies: Mapping[str, Mapping[str, Any]]
) -> Iterator[Fact]:
    """What a register extract says of a company."""
    officers = {officer["role"]: officer["name"] for officer in record["officers"]}
    parent = companies[f"R-{record['parent']}"] if record["parent"] else None
    facts: list[tuple[str, str, tuple[str, ...]]] = [("seat", record["seat"], ())]
    facts += [("parent company", parent["name"], (parent["id"], parent["short"]))] if parent else []
    facts += [("former name", name, ()) for name in record["former_names"]]
    facts += [(role, officers[role], ()) for role in COMPANY_RELATIONS if role in officers]
    for relation, name, more in facts:
        at = document.text.find(name)
        if at >= 0:
            yield Fact(record["id"], relation, name, (*more, name), Span(document.id, at, at + len(name)))
