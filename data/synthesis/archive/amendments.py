"""Writing amendments: new values for clauses of a contract, in the order of their dates."""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator

from synthesis.archive import clauses, figures, terms, values, world
from synthesis.archive.clauses import Setting
from synthesis.archive.contracts import GROUPED, Clause, Contract, Sheet, label, place, upper_first
from synthesis.archive.values import Value

AMENDED = {"train": 22, "dev": 14, "test": 24}
LAST = datetime.date(2025, 12, 20)
TURNS = (1, 2, 3, 0, 0)  # rounds in which one amendment after the other arrives, where a contract allows it
SOONEST = 120  # days between a contract or amendment and the next amendment
WORDS = 250  # boilerplate is added until an amendment has as many


def _cited(heading: str) -> str:
    """A contract's heading as a sentence cites it: without its article and without a motto after a colon."""
    heading = heading.removeprefix("The ")
    head, colon, _ = heading.partition(":")
    return upper_first(head if not colon or head.endswith("Agreement") else f"{head} contract")


def _old(clause: Clause) -> str:
    """The superseded value as a sentence quotes it: a row of a table begins with a capital, a sentence does not."""
    surface = clause.surface
    return surface if clause.value.kind == "money" else surface[:1].lower() + surface[1:]


def _topic(base: Clause, style: str) -> str:
    """What an amendment calls the matter of a clause: the label of its row where the contract has a table."""
    row = clauses.by_id()[base.wording]
    return f'"{row["row"]}"' if style == "schedule" and "row" in row else label(base.category)


def _between(contract: Contract, base: Clause, old: Value) -> tuple[float, float]:
    """The figures that a clause sets below and above its value."""
    row = clauses.by_id()[base.wording]
    said = figures.beside(row["text"], base.body, {clause.category for clause in contract.clauses}) or []
    return figures.between(said, old.size)


def _amend(contract: Contract, number: int, date: datetime.date, in_force: dict[str, Clause],
           said: set[str]) -> Contract:  # fmt: skip
    """Write amendment `number` of a contract.

    Args:
        contract: what is amended.
        number: of the amendment.
        date: of the amendment.
        in_force: the clauses in force, brought up to date here.
        said: headings of the boilerplate that the contract and its amendments have.
    """
    deal, rng = contract.deal, world.stream("amendment", contract.id, number)
    frame = world.load("frames.toml")["style"][deal.style]
    amendment = frame["amendment"]
    extra = {"date": clauses.write_date(date, deal.style), "original_date": clauses.write_date(deal.date, deal.style),
             "original_title": _cited(contract.heading), "number": str(number),
             "A_full": deal.a.name, "B_full": deal.b.name, "A_seat": deal.a.seat, "B_seat": deal.b.seat}  # fmt: skip
    setting = Setting(deal.style, deal.a.name, deal.b.name, amendment["agreement"], contract.currency, rng,
                      contract.business_day, {c.category: c.number for c in contract.clauses}, extra)  # fmt: skip
    sheet = Sheet()
    heading = clauses.fill(amendment["title"], setting).text
    sheet.add(heading.upper() if deal.style in GROUPED else heading)
    sheet.add(clauses.fill(rng.choice(amendment["preambles"]).strip(), setting).text)
    setting.a, setting.b = contract.terms
    found = _replacements(contract, date, in_force, setting, sheet)
    item = len(found)
    # What the contract or an earlier amendment says is not said again: two figures for one thing would contradict.
    fitting = [row for row in frame["boilerplate"] if row["heading"] in amendment["boilerplate"]
               and row["heading"] not in said and deal.kind in row.get("kinds", (deal.kind,))]  # fmt: skip
    added = []
    for row in rng.sample(fitting, len(fitting)):
        if len(sheet.text.split()) >= WORDS:
            break
        item += 1
        added.append(row["heading"])
        sheet.add(f"{item}. {clauses.fill(row['text'].strip(), setting).text}")
    sheet.add(clauses.fill(amendment["closing"].strip(), setting).text)
    title = f"Amendment {number} of {clauses.write_date(date, 'classic')} to the {contract.title}"
    return Contract(f"{contract.id}-A{number}", title, deal, date, contract.terms, contract.currency, heading,
                    sheet.text, found, contract.id, contract.business_day, ["txt"], added)  # fmt: skip


def _replacements(contract: Contract, date: datetime.date, in_force: dict[str, Clause], setting: Setting,
                  sheet: Sheet) -> list[Clause]:  # fmt: skip
    """Three to five clauses with new values, written onto the sheet."""
    rng, style = setting.rng, contract.deal.style
    amendment = world.load("frames.toml")["style"][style]["amendment"]
    replacements = amendment["replacements"]
    changeable = [c for c in contract.clauses if values.CATEGORIES[c.category].kind in values.NUMERIC]
    patterns = rng.sample(range(len(replacements)), len(replacements))
    found: list[Clause] = []
    wanted = rng.randrange(3, 6)
    for base in rng.sample(changeable, len(changeable)):
        if len(found) == wanted:
            break
        old = in_force[base.category]
        now = {c.category: in_force[c.category].value for c in changeable}
        value = terms.change(base.category, old.value, now, (date - contract.date).days, contract.currency, rng,
                             _between(contract, base, old.value))  # fmt: skip
        if value is None:
            continue
        pattern = patterns[len(found) % len(patterns)]
        setting.extra.update(topic=_topic(base, style), old=_old(old), ref=base.number)
        template = replacements[pattern].replace("{ref}", base.number)
        written = clauses.fill(template, setting, values.write(value, style, rng, setting.business_day))
        lead = f"{len(found) + 1}. "
        if base.category == "initial_term":
            written.text += f" {amendment['term_note']}"
        start = sheet.add(lead + written.text)
        clause = Clause(base.category, f"amendment.{style}.{pattern + 1}", base.heading, value, written.surface)
        clause.number, clause.start, clause.end = base.number, start, start + len(lead) + len(written.text)
        place(clause, written, start + len(lead))
        clause.evidence_start, clause.evidence_end = start + len(lead), clause.end
        clause.body = written.text
        clause.held_out = style == "letter"
        in_force[base.category] = clause
        found.append(clause)
    return found


def _days(contract: Contract, made: list[Contract]) -> list[datetime.date]:
    """The days on which the next amendment of a contract may be signed: while its initial term runs."""
    earlier = [a for a in made if a.amends == contract.id]
    if len(earlier) == 2:
        return []
    term = [c for document in (contract, *earlier) for c in document.clauses if c.category == "initial_term"][-1]
    first = (earlier[-1] if earlier else contract).date + datetime.timedelta(days=SOONEST)
    last = min(contract.date + datetime.timedelta(days=round(0.8 * term.value.size)), LAST)
    return [first + datetime.timedelta(days=n) for n in range((last - first).days)]


def _next(pool: list[Contract], made: list[Contract], target: int, rng: random.Random) -> Contract:
    """The next amendment of a split, in the round wanted where a contract of the pool allows it."""
    choices = [(contract, _days(contract, made)) for contract in rng.sample(pool, len(pool))]
    choices = [(contract, days) for contract, days in choices if days]
    fitting = [(c, [d for d in days if world.round_of(d) == target]) for c, days in choices]
    for contract, days in [*((c, days) for c, days in fitting if days), *choices]:
        earlier = [a for a in made if a.amends == contract.id]
        held = {c.category: c for document in (contract, *earlier) for c in document.clauses}
        said = {heading for document in (contract, *earlier) for heading in document.boilerplate}
        return _amend(contract, len(earlier) + 1, rng.choice(days), held, said)
    raise ValueError("No contract of a split may be amended once more: add contracts.")


def amendments(written: list[Contract]) -> list[Contract]:
    """Write the amendments, some contracts having two, spread over the rounds; in the order of contracts and dates."""
    rng = world.stream("amendments")
    found: list[Contract] = []
    for split, count in AMENDED.items():
        pool = [c for c in written if c.deal.split == split]
        made: list[Contract] = []
        for number in range(count):
            # Most contracts are amended once; every sixth amendment is the second of its contract.
            once = {a.amends for a in made}
            again = [c for c in pool if c.id in once and number % 6 == 5]
            made.append(_next(again or [c for c in pool if c.id not in once], made, TURNS[number % len(TURNS)], rng))
        found += sorted(made, key=lambda a: a.id)
    return found


def in_force(contract: Contract, changes: list[Contract]) -> dict[str, tuple[Contract, Clause]]:
    """For every category the document and clause that hold today, amendments in the order of their dates."""
    found = {clause.category: (contract, clause) for clause in contract.clauses}
    for amendment in _of(contract, changes):
        found.update({clause.category: (amendment, clause) for clause in amendment.clauses})
    return found


def _of(contract: Contract, changes: list[Contract]) -> Iterator[Contract]:
    yield from sorted((a for a in changes if a.amends == contract.id), key=lambda a: (a.date, a.id))
