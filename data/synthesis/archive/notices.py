"""The task `draft`: a request for a short notice, the notice in the house's form, and the facts that it must hold."""

from __future__ import annotations

import datetime
import random
from dataclasses import dataclass
from typing import Any

from synthesis.archive import clauses, world
from synthesis.archive.contracts import Contract
from synthesis.archive.questions import Asker, aliases, evidence, paragraph, span, stratum, unique
from synthesis.archive.references import phrase
from synthesis.archive.world import Company

ACTS = {
    "non-renewal": ("does not want to renew its contract", "does not renew this contract"),
    "termination": ("wants to terminate its contract", "terminates this contract without cause"),
}
NOTICE = {"non-renewal": "renewal_notice", "termination": "convenience_termination"}
# A termination ends the contract on the last day of a quarter.
QUARTERS = ((3, 31), (6, 30), (9, 30), (12, 31))


def add_months(date: datetime.date, months: int) -> datetime.date:
    """The same day of the month so many months later; contracts are dated no later than the 28th."""
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    return date.replace(year=year, month=month + 1)


def spellings(date: datetime.date) -> list[str]:
    """A date as notices write it, the house's way first."""
    day, month = date.day, clauses.MONTHS[date.month - 1]
    ending = "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return [f"{day} {month} {date.year}", f"{month} {day}, {date.year}", date.isoformat(),
            f"{day}{ending} {month} {date.year}", f"{day} {month[:3]} {date.year}"]  # fmt: skip


@dataclass
class Notice:
    """What a notice says: who writes to whom, under which contract, with which notice period, and its last day."""

    act: str
    contract: Contract
    sender: Company
    addressee: Company
    period: list[str]
    end: datetime.date

    def fields(self) -> dict[str, list[str]]:
        """The facts that a notice must hold, each with its accepted spellings, the house's first."""
        deal = self.contract.deal
        nouns = world.load("names.toml")["kinds"][deal.kind]["nouns"]
        named = unique([*nouns, world.load("frames.toml")["kinds"][deal.kind]["name"], self.contract.heading])
        return {"addressee": [self.addressee.name, self.addressee.short], "contract": named,
                "date": spellings(self.contract.date), "notice period": self.period,
                "end date": spellings(self.end)}  # fmt: skip

    def text(self) -> str:
        """The notice in the house's form, six lines."""
        facts = {name: accepted[0] for name, accepted in self.fields().items()}
        return (f"To: {facts['addressee']}\nFrom: {self.sender.name}\n"
                f"Contract: {facts['contract']} of {facts['date']}\n"
                f"{self.sender.name} {ACTS[self.act][1]}.\n"
                f"Notice period: {facts['notice period']}\nEnd of the contract: {facts['end date']}")  # fmt: skip


def end_of_term(contract: Contract, amount: float, unit: str) -> datetime.date:
    """The day on which an initial term ends: the day of the month of the contract's date, so many months later."""
    return add_months(contract.date, round(amount * (12 if unit == "year" else 1)))


def _termination_day(contract: Contract, first: datetime.date, last: datetime.date,
                     rng: random.Random) -> datetime.date | None:  # fmt: skip
    """The last day of a quarter between two dates, always the same for a contract."""
    days = [datetime.date(year, *quarter) for year in range(first.year, last.year + 1) for quarter in QUARTERS]
    days = [day for day in days if first <= day <= last]
    return rng.choice(days) if days else None


def notice(asker: Asker, contract: Contract, act: str, side: str) -> Notice | None:
    """A notice that makes sense under the contract as amended, or None."""
    forces, deal = asker.corpus.forces[contract.id], contract.deal
    if NOTICE[act] not in forces:
        return None
    term, period = forces["initial_term"][1].value, forces[NOTICE[act]][1].value
    sender, addressee = (deal.a, deal.b) if side == "A" else (deal.b, deal.a)
    end: datetime.date | None = end_of_term(contract, term.amount, term.unit)
    if act == "termination":
        latest = max(document.date for document, _ in forces.values())
        first = max(add_months(contract.date, 12), latest) + datetime.timedelta(days=round(period.size) + 60)
        assert end is not None
        end = _termination_day(contract, first, end, world.stream("termination", contract.id))
    return Notice(act, contract, sender, addressee, aliases(forces[NOTICE[act]][1]), end) if end else None


def ask_draft(asker: Asker, number: int) -> None:
    """A notice of non-renewal by either party, or of termination without cause by the party that takes."""
    contract, rng = asker.contract(), asker.rng
    act = "termination" if number % 3 == 2 else "non-renewal"
    side = "B" if act == "termination" else rng.choice("AB")
    made = notice(asker, contract, act, side)
    reference = asker.corpus.refer(contract, rng)
    if made is None or reference is None:
        asker.load[contract.id] += 1
        return
    wording, template = asker.form("draft", "notice")
    slots = {"act": act, "wants": ACTS[act][0], "from": made.sender.short, "contract": reference.text}
    question = phrase(template, slots)
    if act == "termination":
        question += " " + phrase(asker.form("draft", "end")[1], {"day": spellings(made.end)[0]})
    forces = asker.corpus.forces[contract.id]
    used = ["initial_term", NOTICE[act]] if act == "non-renewal" else [NOTICE[act]]
    documents = unique([contract.id, *(forces[c][0].id for c in used), "playbook"])
    kept = asker.keep("draft", question, made.text(), f"{contract.id}:{act}:{side}", wording, documents,
                      aliases=[], fields=made.fields(), evidence=_places(made, forces, used), category=NOTICE[act],
                      reference=reference.kind, ambiguous=reference.ambiguous,
                      stratum=stratum([forces[c] for c in used]))  # fmt: skip
    asker.load[contract.id] += not kept


def _places(made: Notice, forces: dict[str, Any], used: list[str]) -> list[dict[str, Any]]:
    """Where the facts stand: the paragraphs with the addressee and the date, and the clauses in force."""
    contract = made.contract
    date = clauses.write_date(contract.date, contract.deal.style)
    found = [span(contract.id, *paragraph(contract.text, contract.text.index(mark)))
             for mark in (made.addressee.name, date)]  # fmt: skip
    return [*({str(place): place for place in found}.values()), *(evidence(*forces[c]) for c in used)]
