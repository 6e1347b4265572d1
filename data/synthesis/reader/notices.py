"""Training examples for the instruction `draft`: a request, the passages of a contract, and the notice wanted."""

from __future__ import annotations

import calendar
import datetime

from labkit import prompts
from labkit.values import MONTHS
from synthesis.reader.groups import Group
from synthesis.reader.instructions import Maker
from synthesis.reader.references import reference
from synthesis.reader.worlds import Document, fill

_TERMS = {"year": (1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 10), "month": (3, 6, 9, 12, 15, 18, 24, 24, 30, 36, 48, 60)}
_NOTICES = {"day": (10, 14, 15, 20, 30, 30, 45, 60, 60, 90, 90, 120, 180), "week": (2, 4, 6, 8, 12),
            "month": (1, 2, 3, 3, 4, 6)}  # fmt: skip


def make_draft(make: Maker, turns: int) -> Group:
    """Notices that a contract is not extended, in its own context of passages about one to three contracts.

    The contract ends on its date plus the initial term, in whole years or months; now and then a passage says so.
    """
    rng = make.rng
    documents = [_contract(make) for _ in range(rng.choice((1, 1, 2, 2, 3)))]
    passages, replies = [], []
    for doc, day in documents:
        parts, facts = _parts(make, doc, day)
        passages += parts
        replies.append(facts)
    rng.shuffle(passages)
    group = make.group("draft", passages, "\nRequest: ")
    for (doc, _), facts in list(zip(documents, replies, strict=True))[:turns]:
        named = reference(rng, doc, [other for other, _ in documents if other is not doc], set())
        if named is None:
            continue
        (a, b) = doc.named if rng.random() < 0.5 else doc.named[::-1]
        asked = fill(make.ask("requests"), a=a, b=b, x=named)
        group.turns.append((asked, fill(make.ask("notices"), a=a, b=b, k=doc.form, **facts)))
    return group


def _contract(make: Maker) -> tuple[Document, datetime.date]:
    """A contract with a date that can be reckoned with."""
    rng = make.rng
    while True:
        doc = make.world.document("contract")
        if "y" not in doc.shown and ("d" not in doc.shown or doc.date in doc.title):
            break
    day = datetime.date(rng.randint(2012, 2027), rng.randint(1, 12), rng.randint(1, 28))
    written = written_day(day, rng.randrange(5))
    doc.title, doc.date = doc.title.replace(doc.date, written), written
    return doc, day


def _parts(make: Maker, doc: Document, day: datetime.date) -> tuple[list[prompts.Passage], dict[str, str]]:
    """Passages of a contract, and what a notice has to name: {d} its date, {n} notice period, {e} last day."""
    rng, names = make.rng, make.world.names
    unit = rng.choice(("year", "year", "month"))
    amount = rng.choice(_TERMS[unit])
    end = last_day(day, amount * (12 if unit == "year" else 1))
    other = rng.choice(("day", "day", "month", "week"))
    facts = {
        "d": doc.date,
        "n": names.period(rng.choice(_NOTICES[other]), other),
        "e": written_day(end, _form_of(doc.date)),
    }
    a, b = doc.named
    slots = facts | {"a": a, "b": b, "k": doc.form, "v": names.period(amount, unit), "p": names.clause_number()}
    keys = ["dated", "terms", *(["ends"] if rng.random() < 0.3 else []), "periods"]
    sentences = [fill(make.state(key), **slots) for key in keys]
    for _ in range(rng.randint(0, 3)):
        sentences.insert(rng.randint(1, len(sentences)), make.state("fillers"))
    cuts = sorted(rng.sample(range(1, len(sentences)), min(len(sentences) - 1, rng.choice((0, 1, 1, 2)))))
    glue = rng.choice((" ", " ", "\n"))
    pieces = [sentences[i:j] for i, j in zip([0, *cuts], [*cuts, len(sentences)], strict=True)]
    return [prompts.Passage(doc.title, f"{doc.preamble} {glue.join(piece)}".strip()) for piece in pieces], facts


def last_day(day: datetime.date, months: int) -> datetime.date:
    """The same day of the month so many months later, or the last day of a month that is too short."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return datetime.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def written_day(day: datetime.date, form: int) -> str:
    """A day as documents write it; the first three forms are one."""
    name = MONTHS[day.month - 1]
    return (
        f"{day.day} {name} {day.year}",
        f"{day.day} {name} {day.year}",
        f"{day.day} {name} {day.year}",
        f"{name} {day.day}, {day.year}",
        day.isoformat(),
    )[form]


def _form_of(written: str) -> int:
    """The form in which a day was written."""
    return 3 if "," in written else 4 if "-" in written else 0
