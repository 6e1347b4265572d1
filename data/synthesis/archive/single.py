"""Questions about one contract: lookup, amended, classify, summarise, unanswerable."""

from __future__ import annotations

from typing import Any

from synthesis.archive import contracts, playbook, world
from synthesis.archive.contracts import Clause, Contract
from synthesis.archive.questions import FOLLOWUPS, Asker, aliases, evidence, share, stratum, unique
from synthesis.archive.references import Reference, phrase
from synthesis.archive.values import Value


def ask_lookup(asker: Asker, number: int) -> None:
    """A value of one contract that no amendment changed."""
    contract = asker.contract()
    free = asker.unchanged(contract, "lookup", f"{contract.id}:{{}}")
    if not free:
        asker.load[contract.id] += 1
        return
    clause = asker.rng.choice(free)
    common = dict(aliases=aliases(clause), evidence=[evidence(contract, clause)], category=clause.category,
                  stratum=stratum([(contract, clause)]))  # fmt: skip
    fact = f"{contract.id}:{clause.category}"
    if number < FOLLOWUPS[asker.name]:
        _follow(asker, contract, clause, fact, common)
        return
    asked = _ask(asker, contract, clause.category)
    if asked:
        wording, question, reference = asked
        asker.keep("lookup", question, clause.value.canonical, fact, wording, [contract.id],
                   reference=reference.kind, ambiguous=reference.ambiguous, **common)  # fmt: skip


def _ask(asker: Asker, contract: Contract, category: str) -> tuple[str, str, Reference] | None:
    """Ask for a category of a contract in a lookup wording."""
    wording, template = asker.form("lookup", category)
    reference = asker.corpus.refer(contract, asker.rng, only=None if "{contract}" in template else "parties")
    if reference is None:
        return None
    deal = contract.deal
    return wording, phrase(template, {"contract": reference.text, "A": deal.a.short, "B": deal.b.short}), reference


def _follow(asker: Asker, contract: Contract, clause: Clause, fact: str, common: dict[str, Any]) -> None:
    rng = asker.rng
    pairs = world.load("questions.toml")["followup"]["pairs"]
    number, pair = rng.choice(share(pairs, asker.split, "followup"))
    reference = asker.corpus.refer(contract, rng)
    others = [c for c in contract.clauses if c.category not in asker.corpus.amended(contract) | {clause.category}]
    others = [c for c in others if not _names_someone(c)]
    if reference is None or not others or _names_someone(clause):
        return
    first = rng.choice(others)
    slots = {"contract": reference.text, "topic": asker.topic(first.category), "topic2": asker.topic(clause.category)}
    history = [{"role": "user", "content": phrase(pair["first"], slots)},
               {"role": "assistant", "content": first.value.canonical}]  # fmt: skip
    asker.keep("lookup", phrase(pair["follow_up"], slots), clause.value.canonical, fact,
               f"followup.pairs.{number + 1:02d}", [contract.id], followup={"history": history},
               standalone=phrase(pair["standalone"], slots), reference=reference.kind,
               ambiguous=reference.ambiguous, **common)  # fmt: skip


def _names_someone(clause: Clause) -> bool:
    """Whether a value is a party, a person or a company, which "and the ..." asks for badly."""
    return clause.value.kind in ("party", "person", "company")


def ask_amended(asker: Asker, number: int) -> None:
    """The value in force of a category that an amendment changed."""
    changed = [c for c in asker.pool if asker.corpus.amended(c)]
    contract = min(changed, key=lambda c: (asker.load[c.id], asker.rng.random()))
    category = asker.rng.choice(sorted(asker.corpus.amended(contract)))
    document, clause = asker.corpus.forces[contract.id][category]
    wording, template = asker.form("amended", "general")
    reference = asker.corpus.refer(contract, asker.rng)
    if reference is None:
        return
    question = phrase(template, {"contract": reference.text, "topic": asker.topic(category)})
    kept = asker.keep("amended", question, clause.value.canonical, f"{contract.id}:{category}:now", wording,
                      [contract.id, document.id], aliases=aliases(clause), evidence=[evidence(document, clause)],
                      category=category, reference=reference.kind, ambiguous=reference.ambiguous,
                      stratum=stratum([(contract, clause)]))  # fmt: skip
    asker.load[contract.id] += not kept


def ask_classify(asker: Asker, number: int) -> None:
    """Category and house rating of a clause that is quoted, or the rating of one that is named."""
    contract, rng = asker.contract(), asker.rng
    quoted = number % 2 == 0
    free = [c for c in asker.unchanged(contract, "classify", f"{contract.id}:{{}}:rating")
            if (_quotable(c) if quoted else playbook.graded(c.category))]  # fmt: skip
    reference = asker.corpus.refer(contract, rng)
    if not free or reference is None:
        asker.load[contract.id] += 1
        return
    clause = rng.choice(free)
    rating = playbook.rate(clause.category, clause.value, contract)
    wording, template = asker.form("classify", "clause" if quoted else "rating")
    common: dict[str, Any] = dict(
        evidence=[evidence(contract, clause), playbook.evidence(clause.category)], category=clause.category,
        stratum=stratum([(contract, clause)]))  # fmt: skip
    fields, ratings = {}, [rating, f"{rating} risk"]
    if quoted:
        question = phrase(template, {"clause": "@"}).replace("@", clause.body)
        names = playbook.category_names(clause.category)
        answer, spelled = f"{names[0]}, {rating}", [f"{names[0]}, {rating}"]
        fields = {"category": names}
    else:
        question = phrase(template, {"contract": reference.text, "topic": asker.topic(clause.category)})
        answer, spelled = rating, ratings
        common |= {"reference": reference.kind, "ambiguous": reference.ambiguous}
    asker.keep("classify", question, answer, f"{contract.id}:{clause.category}:rating", wording,
               [contract.id, "playbook"], aliases=spelled, fields=fields | {"rating": ratings}, **common)  # fmt: skip


def _quotable(clause: Clause) -> bool:
    """Whether a clause is short enough to quote, holds its value itself and says enough to be rated."""
    inside = clause.start <= clause.value_start < clause.end
    return inside and len(clause.body.split()) <= 80 and _tells_side(clause.value)


def _tells_side(value: Value) -> bool:
    """Whether a clause with this value can be rated alone: a party's name does not say who gives and who takes."""
    if value.kind != "party":
        return True
    kinds = world.load("frames.toml")["kinds"]
    sides = [{row[role] for row in kinds.values()} for role in ("role_a", "role_b")]
    for pair in contracts.OTHER_ROLES.values():
        for side, role in zip(sides, pair, strict=True):
            side.add(role)
    term = value.canonical
    return term.startswith("the ") and not all(term.removeprefix("the ") in side for side in sides)


def ask_summarise(asker: Asker, number: int) -> None:
    """The term sheet of a contract, with the values in force."""
    contract = asker.contract()
    wording, template = asker.form("summarise", "general")
    reference = asker.corpus.refer(contract, asker.rng)
    if reference is None:
        return
    sheet = playbook.term_sheet(contract, asker.corpus.forces[contract.id])
    answer = "\n".join(f"{name}: {spellings[0]}" for name, spellings in sheet.fields.items())
    held = [(contract, clause) for _, clause in sheet.found]
    documents = unique([contract.id, *(document.id for document, _ in sheet.found), "playbook"])
    places = [*sheet.evidence, *(evidence(*item) for item in sheet.found)]
    kept = asker.keep("summarise", phrase(template, {"contract": reference.text}), answer, f"{contract.id}:summary",
                      wording, documents, aliases=[answer], fields=sheet.fields, evidence=places,
                      reference=reference.kind, ambiguous=reference.ambiguous,
                      stratum=stratum([*held, (contract, None)]))  # fmt: skip
    asker.load[contract.id] += not kept


def ask_unanswerable(asker: Asker, number: int) -> None:
    """Something the contract does not say."""
    contract = asker.contract()
    category = None
    if number % 5 < 3:
        kind = world.load("frames.toml")["kinds"][contract.deal.kind]
        absent = [c for c in (*kind["categories"], *kind["never"]) if not contract.clause(c)
                  and (not asker.seen or f"{contract.id}:no:{c}" in asker.trained["unanswerable"])]  # fmt: skip
        category = asker.rng.choice(absent) if absent else None
        asked = _ask(asker, contract, category) if category else None
    else:
        wording, template = asker.form("unanswerable", "general")
        found = asker.corpus.refer(contract, asker.rng)
        asked = (wording, phrase(template, {"contract": found.text}), found) if found else None
    if asked is None:
        asker.load[contract.id] += 1
        return
    wording, question, reference = asked
    kept = asker.keep("unanswerable", question, None, f"{contract.id}:no:{category or 'other'}", wording,
                      [contract.id], category=category, reference=reference.kind, ambiguous=reference.ambiguous,
                      stratum=stratum([(contract, None)]))  # fmt: skip
    asker.load[contract.id] += not kept
