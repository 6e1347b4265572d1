"""The bank of wordings, and random worlds worded from it: documents, clauses, passages, facts.

A `World` draws documents (title, parties, nickname, date), words facts about them with clauses of
the bank, and lays them out as passages with the noise that chunking leaves: cut sentences, page
headers, numbering, broken lines.
"""

from __future__ import annotations

import math
import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from labkit import prompts
from synthesis.reader.names import KINDS, Names

BANK = Path(__file__).resolve().parent / "bank"
TOPIC_FILES = ("topics_a.toml", "topics_b.toml", "new_topics.toml", "plain.toml")
# Topics in twenty wordings each besides the held-out ones: `breadth` trains on some of them.
NEW_TOPICS = ("new_topics.toml",)
# Further wordings of topics of those files; all of them are trained on.
MORE_FILES = ("more_1.toml", "more_2.toml", "more_3.toml", "more_4.toml")
# Wordings of the instructions other than `answer`.
WORDING_FILES = ("dialogue.toml", "rules.toml", "relations.toml", "notices.toml")
HELD_SHARE = 0.15
_PLAIN_SLOT = re.compile(r"\{([a-z]+)\}")
_SLOT = re.compile(r"\{([a-z]+)(?::([a-z_]+))?\}")
_CLAUSE_SLOTS = {"v", "a", "b", "doc", "n", "ref", "p", "c"}
_QUESTION_SLOTS = {"a", "b", "ref"}


@dataclass(frozen=True)
class Topic:
    """One thing that a document can state, with its wordings.

    Attributes:
        name: key in the bank. kind: kind of the value. domain: "contract" or "plain".
        label: noun phrases that name the topic. values: allowed values where the kind is "text".
        clauses, questions: wordings used in training.
        held_clauses, held_questions: the last 15 % of each, used in evaluation alone.
    """

    name: str
    kind: str
    domain: str
    label: tuple[str, ...]
    clauses: tuple[str, ...]
    questions: tuple[str, ...]
    held_clauses: tuple[str, ...]
    held_questions: tuple[str, ...]
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bank:
    """All topics, and the mechanical flaws that were left out when loading was not strict."""

    topics: tuple[Topic, ...]
    flaws: tuple[str, ...] = ()

    def texts(self) -> list[str]:
        """Every wording of the bank (clauses, questions, labels), slots included."""
        return [
            text
            for t in self.topics
            for text in (*t.clauses, *t.held_clauses, *t.questions, *t.held_questions, *t.label, *t.values)
        ]

    def questions(self) -> list[str]:
        """Every question wording of the bank."""
        return [q for t in self.topics for q in (*t.questions, *t.held_questions)]


def split_held(wordings: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(trained, held out): the last 15 % of the wordings, at least one, are held out."""
    held = max(1, math.floor(len(wordings) * HELD_SHARE + 0.5))
    return tuple(wordings[:-held]), tuple(wordings[-held:])


def flaw(wording: str, clause: bool) -> str | None:
    """What is mechanically wrong with a wording of the bank, or None."""
    slots = _SLOT.findall(wording)
    allowed = _CLAUSE_SLOTS if clause else _QUESTION_SLOTS
    unknown = [name for name, _ in slots if name not in allowed]
    if unknown:
        return f"unknown slot {{{unknown[0]}}}"
    if re.sub(_SLOT, "", wording).count("{") or re.sub(_SLOT, "", wording).count("}"):
        return "stray brace"
    if clause and sum(name == "v" for name, _ in slots) != 1:
        return "{v} must occur exactly once"
    for name, decoy in slots:
        if name == "n" and (decoy not in KINDS or decoy in ("role", "text")):
            return f"decoy of unknown kind {decoy!r}"
    return None


def _tables(path: Path) -> dict[str, dict[str, Any]]:
    """The topics of a file of the bank."""
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    return {key: entry for key, entry in raw.items() if isinstance(entry, dict) and "clauses" in entry}


def _sound(place: str, part: str, entry: dict[str, Any], flaws: list[str]) -> list[str]:
    """The wordings of a topic without mechanical flaws; adds the flaws of the others to `flaws`."""
    kept = []
    for wording in entry.get(part, []):
        wrong = flaw(wording, part == "clauses")
        if wrong:
            flaws.append(f"{place} {wrong}: {wording!r}")
        else:
            kept.append(wording)
    return kept


@lru_cache(maxsize=4)
def load_bank(folder: Path = BANK, strict: bool = False, files: tuple[str, ...] = TOPIC_FILES) -> Bank:
    """Read the bank's topic files.

    Args:
        folder: where the files are. strict: raise on a flaw, instead of leaving the wording out. files: their names.

    Raises:
        FileNotFoundError: no topic file is there.
        ValueError: a flaw, when `strict`; the message names file, topic and wording.
    """
    topics: list[Topic] = []
    flaws: list[str] = []
    more = {k: v for name in MORE_FILES if (folder / name).exists() for k, v in _tables(folder / name).items()}
    for name in files:
        if not (folder / name).exists():
            continue
        for key, entry in _tables(folder / name).items():
            kept = {part: _sound(f"{name} [{key}]", part, entry, flaws) for part in ("clauses", "questions")}
            added = {part: _sound(f"more [{key}]", part, more.get(key, {}), flaws) for part in kept}
            if entry["kind"] not in KINDS:
                flaws.append(f"{name} [{key}] unknown kind {entry['kind']!r}")
            elif entry["kind"] == "text" and not entry.get("values"):
                flaws.append(f"{name} [{key}] kind text needs a list `values`")
            elif min(len(rows) for rows in kept.values()) < 3:
                flaws.append(f"{name} [{key}] needs at least 3 sound clauses and questions")
            else:
                clauses, held_clauses = split_held(kept["clauses"])
                questions, held_questions = split_held(kept["questions"])
                clauses, questions = (*clauses, *added["clauses"]), (*questions, *added["questions"])
                topics.append(
                    Topic(
                        name=key, kind=entry["kind"], domain="plain" if name == "plain.toml" else "contract",
                        label=tuple(entry.get("label", [key.replace("_", " ")])),
                        clauses=clauses, questions=questions,
                        held_clauses=held_clauses, held_questions=held_questions,
                        values=tuple(entry.get("values", ())),
                    )
                )  # fmt: skip
    if strict and flaws:
        raise ValueError(f"The bank has {len(flaws)} flaws; correct them in {folder}: " + "; ".join(flaws[:5]))
    if not topics:
        raise FileNotFoundError(f"No topics in {folder}: the bank's files are missing.")
    return Bank(tuple(topics), tuple(flaws))


class Wordings:
    """The lists of the further files, each split into trained and held-out wordings."""

    def __init__(self, folder: Path = BANK) -> None:
        raw: dict[str, Any] = {}
        for name in WORDING_FILES:
            raw |= tomllib.loads((folder / name).read_text(encoding="utf-8"))
        self.prompts = {key: split_held(rows) for key, rows in raw.pop("prompts").items()}
        self.lists: dict[str, tuple[Sequence[Any], Sequence[Any]]] = {
            key: split_held(rows) for key, rows in raw.items()
        }

    def pick(self, rng: random.Random, key: str, held: bool = False) -> Any:
        """A wording of the list `key`."""
        return rng.choice(self.lists[key][held])

    def system(self, rng: random.Random, instruction: str, held: bool = False) -> str:
        """The instruction: as the course words it, or (always where `held`) a paraphrase."""
        if not held and rng.random() < 0.6:
            return prompts.INSTRUCTIONS[instruction]
        return str(rng.choice(self.prompts[instruction][held]))

    def texts(self) -> list[str]:
        """Every wording but the instructions, for the separation test."""
        found: list[str] = []
        for rows in (row for both in self.lists.values() for half in both for row in half):
            found += [rows] if isinstance(rows, str) else [rows["text"]] if isinstance(rows, dict) else list(rows)
        return found


@lru_cache(maxsize=2)
def load_wordings(folder: Path = BANK) -> Wordings:
    """Read the files once."""
    return Wordings(folder)


def fill(wording: str, **slots: str) -> str:
    """Fill a wording's slots; a slot that opens it gets a capital."""
    text = _PLAIN_SLOT.sub(lambda m: slots.get(m[1], m[0]), wording)
    return text[:1].upper() + text[1:] if wording[:1] == "{" else text


# Kind of contract: (name, role of the side that performs, role of the side that pays).
_CONTRACTS = [
    tuple(row.split("/"))
    for row in (
        "supply/Supplier/Buyer|supply/Supplier/Customer|services/Provider/Client|services/Contractor/Customer|"
        "licence/Licensor/Licensee|software licence/Licensor/Licensee|hosting/Host/Customer|"
        "distribution/Manufacturer/Distributor|maintenance/Contractor/Owner|consulting/Consultant/Client|"
        "lease/Landlord/Tenant|equipment lease/Lessor/Lessee|transport/Carrier/Shipper|outsourcing/Vendor/Company|"
        "franchise/Franchisor/Franchisee|agency/Agent/Principal|manufacturing/Manufacturer/Purchaser|"
        "construction/Builder/Employer|research/Institute/Sponsor|cleaning/Contractor/Client|"
        "catering/Caterer/Customer|security/Guard Company/Client|storage/Warehouse/Depositor|"
        "subscription/Publisher/Subscriber|marketing/Agency/Advertiser|reseller/Vendor/Reseller|"
        "cooperation/First Party/Second Party|loan/Lender/Borrower|sales/Seller/Buyer|event/Organiser/Sponsor|"
        "sponsorship/Club/Sponsor|training/Trainer/Customer|support/Vendor/User|data processing/Processor/Controller|"
        "energy/Utility/Consumer|printing/Printer/Publisher|staffing/Agency/Hirer|development/Developer/Client|"
        "purchase/Vendor/Purchaser|freight/Forwarder/Customer|framework/Supplier/Purchaser|design/Studio/Client"
    ).split("|")
]
_FORMS = ["agreement", "agreement", "contract", "contract", "terms", "deal"]
_PLAIN_KINDS = (
    "memo|report|letter|minutes|notice|register extract|fact sheet|news|newsletter|product sheet|ticket|schedule|"
    "company profile|announcement|summary|briefing|bulletin|record|file note|update|overview|circular"
).split("|")
_SUBJECTS = (
    "budget|planning|staff|the new site|the annual meeting|the northern office|training|procurement|the move|IT|"
    "the spring campaign|quality|the warehouse|safety|travel|the pilot|customers|the merger|sales|the audit|"
    "facilities|the product launch|the canteen|recruitment|the roadmap|the depot|energy|the workshop|insurance"
).split("|")


@dataclass
class Document:
    """One document of a world: what identifies it, and how it calls its parties."""

    domain: str
    kind: str
    a_full: str
    a_short: str
    b_full: str
    b_short: str
    roles: tuple[str, str]
    nickname: str
    date: str
    year: str
    subject: str
    title: str
    call: tuple[str, str]
    word: str
    shown: frozenset[str] = frozenset()
    number: str = ""
    preamble: str = ""
    matter: str = ""
    form: str = ""
    named: tuple[str, str] = ("", "")


@dataclass
class Fact:
    """A statement in a passage: which document, which topic, the value as it stands in the text."""

    document: int
    topic: str
    answer: str
    passage: int = -1


_OPENING = re.compile(r"(?:^|[.!?]\s+|\n(?:[-*•] )?)$")


def opens(wording: str, at: int) -> bool:
    """Whether a slot at position `at` of a wording opens a sentence or a line."""
    return _OPENING.search(wording, 0, at) is not None


class World:
    """Draws documents and words their clauses. `held` chooses held-out names."""

    def __init__(self, rng: random.Random, held_names: bool = False) -> None:
        self.rng = rng
        self.names = Names(rng, held_names)

    def document(self, domain: str, like: Document | None = None) -> Document:
        """A new document; `like` makes it share parties or the kind with another (a hard neighbour)."""
        rng, names = self.rng, self.names
        a, b = names.company(), names.company()
        kind, *roles = rng.choice(_CONTRACTS)
        if like is not None and rng.random() < 0.4:
            kind, roles = like.kind, list(like.roles)
        elif like is not None and rng.random() < 0.8:
            one, other = (like.a_full, like.a_short), (like.b_full, like.b_short)
            a, b = rng.choice([(one, b), (one, b), (b, one), (other, b), (a, other), (one, other), (other, one)])
        (a_full, a_short), (b_full, b_short) = a, b
        date = names.date()
        year = next(iter(re.findall(r"\b20\d\d\b", date)), "2020")
        doc = Document(
            domain=domain, kind=kind, a_full=a_full, a_short=a_short, b_full=b_full, b_short=b_short,
            roles=(roles[0], roles[1]), nickname=names.project(), date=date, year=year,
            subject=rng.choice(_SUBJECTS), title="", call=("", ""), word="", matter=names.matter(),
        )  # fmt: skip
        if domain == "contract":
            self._contract(doc)
        else:
            self._plain(doc)
        return doc

    def _contract(self, doc: Document) -> None:
        rng = self.rng
        form = rng.choice(_FORMS)
        kind = f"{doc.kind} {form}"
        shape = 0 if rng.random() < 0.3 else rng.randrange(12)
        full = rng.random() < 0.6
        a, b = (doc.a_full, doc.b_full) if full else (doc.a_short, doc.b_short)
        date, nick = doc.date, doc.nickname
        title, shown = [
            (f"{kind} between {a} and {b}, {date}", "abkd"),
            (f"{a} / {b}: {kind} ({doc.year})", "abky"),
            (f"{kind}, {a} and {b}", "abk"),
            (f"{a} and {b}, {kind} of {date}", "abkd"),
            (f'{kind} "{nick}" between {a} and {b}', "abkn"),
            (f"Project {nick}: {kind}, {a} / {b}", "abkn"),
            (f"{kind} with {b}, {date}", "bkd"),
            (f"{a} - {b} - {kind}", "abk"),
            (f"{kind} | {a} | {b} | {date}", "abkd"),
            (f"{nick} {kind} ({a}, {b})", "abkn"),
            (f'{kind} by and between {a} (the "{doc.roles[0]}") and {b} (the "{doc.roles[1]}")', "abkr"),
            (f"{kind}: {a} for {b}", "abk"),
        ][shape]
        title = title[0].upper() + title[1:]
        if rng.random() < 0.5:
            title = " ".join(w if w in ("and", "of", "by", "between", "with", "for") else w[:1].upper() + w[1:]
                             for w in title.split(" "))  # fmt: skip
        elif rng.random() < 0.06:
            title = title.upper()
        if rng.random() < 0.12:
            doc.number = self.names.code()
            title = rng.choice([f"{doc.number} {title}", f"{title}, no. {doc.number}"])
            shown += "c"
        if rng.random() < 0.08:
            # The title names no party: a line of every passage does.
            title = rng.choice([f"{kind} of {date}", f"{nick} {kind}", f"Contract file {self.names.code()}"])
            title = title[0].upper() + title[1:]
            doc.preamble = rng.choice(["Between {a} and {b}.", "Parties: {a}, {b}.", "({a} / {b})", "{a} and {b}:"])
            doc.preamble = doc.preamble.format(a=a, b=b)
            shown = "ab" + ("kd" if date in title else "kn" if nick in title else "")
        if rng.random() < 0.4:
            title, shown = self._headed(doc, title, shown)
        doc.title, doc.shown, doc.form, doc.named = title, frozenset(shown), kind, (a, b)
        noun = rng.choice(["Agreement", "Agreement", "Contract", "agreement", "contract"])
        doc.word = f"{rng.choice(['this', 'this', 'the', 'the present'])} {noun}"
        roll = rng.random()
        if roll < 0.55:
            doc.call = (f"the {doc.roles[0]}", f"the {doc.roles[1]}")
            if rng.random() < 0.25:
                doc.call = (doc.call[0].lower(), doc.call[1].lower())
            elif rng.random() < 0.15:
                doc.call = (doc.roles[0], doc.roles[1])
        elif roll < 0.92:
            doc.call = (doc.a_short, doc.b_short)
        else:
            doc.call = (doc.a_full, doc.b_full)

    def _headed(self, doc: Document, title: str, shown: str) -> tuple[str, str]:
        """(title, what it shows) with what the contract is about, and perhaps its nickname, behind the title or in a
        line of the passage, as contextual headers have it."""
        rng, matter, nick = self.rng, doc.matter, doc.nickname
        about = rng.choice(_ABOUT).format(m=matter)
        shown += "m"
        if "n" not in shown and rng.random() < 0.4:
            about, shown = rng.choice(_ABOUT_NICKNAMED).format(m=about, n=nick), shown + "n"
        if rng.random() < 0.5:
            return f"{title}{rng.choice((': ', ', ', ' (', '. ', ' - '))}{about}", shown
        doc.preamble = f"{doc.preamble} {about[:1].upper()}{about[1:]}.".strip()
        return title, shown

    def _plain(self, doc: Document) -> None:
        rng = self.rng
        doc.kind = rng.choice(_PLAIN_KINDS)
        a, b, kind = doc.a_short, doc.b_short, doc.kind
        title, shown = [
            (f"{kind}: {a}", "ak"),
            (f"{a}, {kind} of {doc.date}", "akd"),
            (f"{kind} of {doc.date}: {doc.subject} ({a})", "akds"),
            (f"{a} {kind}", "ak"),
            (f"{kind} on {doc.subject}, {a}", "aks"),
            (f"{a} and {b}: {kind}", "abk"),
            (f"{kind} for project {doc.nickname}", "nk"),
            (f"{doc.nickname}: {kind}, {doc.date}", "nkd"),
            (f"{a} - {doc.subject}", "as"),
            (f"{a}", "a"),
        ][rng.randrange(10)]
        doc.title, doc.shown = title[0].upper() + title[1:], frozenset(shown)
        doc.word = rng.choice([f"this {kind}", "this document", f"the {kind}", "this text"])
        doc.call = (doc.a_short, doc.b_short) if rng.random() < 0.8 else (doc.a_full, doc.b_full)

    def clause(self, doc: Document, topic: Topic, wording: str, stated: str | None = None) -> tuple[str, str]:
        """Word one fact: (text, the value as it stands in the text); `stated` fixes the value."""
        rng, names = self.rng, self.names
        if stated is not None:
            value = stated
        elif topic.kind == "role":
            free = [i for i, slot in enumerate(("{a}", "{b}")) if slot not in wording] or [0, 1]
            value = doc.call[rng.choice(free)]
        elif topic.kind == "text":
            value = rng.choice(topic.values)
        else:
            value = names.value(topic.kind)
        answer = value

        def fill(match: re.Match[str]) -> str:
            filled = slot(match[1], match[2])
            return filled[:1].upper() + filled[1:] if opens(wording, match.start()) else filled

        def slot(name: str, kind: str) -> str:
            if name == "v":
                return value
            if name in "ab":
                return doc.call[name == "b"]
            if name == "doc":
                return doc.word
            if name == "n":
                for _ in range(20):
                    decoy = names.value(kind)
                    if decoy != value:
                        return decoy
            if name == "p":
                return names.person()
            return names.company()[1] if name == "c" else names.clause_number()

        text = _SLOT.sub(fill, wording)
        if answer not in text:
            answer = answer[:1].upper() + answer[1:]
        if text.count("..") and not wording.count(".."):
            text = text.replace("..", ".")
        return text, answer

    def amendment(
        self, doc: Document, topics: Sequence[Topic], held: bool = False
    ) -> tuple[str, str, list[tuple[str, str]]]:
        """(title, text, [(name of the thing changed, new value)]) of an amendment to a document."""
        rng, names, words = self.rng, self.names, load_wordings()
        title = rng.choice(_AMENDMENTS).format(t=doc.title, d=names.date())
        opening = words.pick(rng, "amends", held)
        rows = [fill(opening, t=doc.title, d=doc.date, n=rng.choice(("1", "2", "one", "two")))]
        changes = []
        for topic in topics:
            label, (new, old) = rng.choice(topic.label), (self._any_value(doc, topic) for _ in range(2))
            change = words.pick(rng, "changes", held)
            text = fill(change, l=label, old=old, v=new, ref=names.clause_number(), d=names.date())
            rows.append(text)
            changes.append((label, new if new in text else new[:1].upper() + new[1:]))
        if rng.random() < 0.7:
            rows.append(words.pick(rng, "unchanged", held))
        text = rng.choice((" ", "\n")).join(row[:1].upper() + row[1:] for row in rows)
        return title, text, [(label, v if v in text else v[:1].upper() + v[1:]) for label, v in changes]

    def _any_value(self, doc: Document, topic: Topic) -> str:
        if topic.kind == "role":
            return self.rng.choice(doc.call)
        return self.rng.choice(topic.values) if topic.kind == "text" else self.names.value(topic.kind)


_ABOUT = ("{m}", "{m}", "{m}", "about {m}", "concerning {m}", "subject: {m}", "this contract concerns {m}", "for {m}",
          "the parties want {m}", "in short: {m}", "relates to {m}", "scope is {m}")  # fmt: skip
_ABOUT_NICKNAMED = ("{m} ({n})", "{m}; Project {n}", "{m}, known as {n}", "{n}: {m}", "{m}. Code name {n}",
                    "{m}; among the staff called {n}")  # fmt: skip
_AMENDMENTS = ("Amendment to {t}", "Amendment No. 1 to {t}", "Amendment to {t}, {d}", "Addendum: {t}",
               "Amendment agreement, {t}", "Supplement of {d} to {t}")  # fmt: skip
AMENDMENT_TITLES = tuple(form.split(" ")[0].rstrip(":") for form in _AMENDMENTS)
_HEADS = ("Page {n} of {m}", "- {n} -", "{title} | page {n}", "Confidential", "[page {n}]", "{n}/{m}", "Draft {n}")


def layout(
    rng: random.Random, title: str, clauses: Sequence[tuple[str, str, str]], before: str = "", after: str = ""
) -> str:
    """Lay clauses (text, heading, answer) out as the text of one passage, with chunk noise.

    Args:
        before, after: other clauses of the document, of which the end and the beginning may show.
    """
    numbered, headed = rng.random() < 0.4, rng.random() < 0.35
    number = rng.randint(1, 25)
    sub = rng.choice(["{n}. ", "{n}.{k} ", "Section {n}. ", "§ {n} ", "Art. {n} ", "{n}) ", "Clause {n}: "])
    parts: list[str] = []
    for k, (text, heading, answer) in enumerate(clauses, start=1):
        shown = text
        if headed and heading:
            case = rng.random()
            head = (
                heading.upper() if case < 0.2 else heading[0].upper() + heading[1:] if case < 0.8 else heading.title()
            )
            shown = head + rng.choice(["\n", ". ", ": ", "\n", " - "]) + shown
        if numbered:
            shown = sub.format(n=number + (k if "{k}" not in sub else 0), k=k) + shown
        if rng.random() < 0.08:
            shown = _broken(rng, shown, answer)
        parts.append(shown)
    if before and rng.random() < 0.5:
        tail = before.split(" ")
        parts.insert(0, " ".join(tail[-rng.randint(3, 12) :]))
    if after and rng.random() < 0.5:
        parts.append(" ".join(after.split(" ")[: rng.randint(3, 12)]))
    if rng.random() < 0.12:
        head = rng.choice(_HEADS).format(n=rng.randint(1, 30), m=rng.randint(30, 60), title=title)
        parts.insert(rng.choice([0, len(parts)]), head)
    glue = rng.choice(["\n", "\n", " ", " ", "\n\n"])
    return glue.join(parts)


def _broken(rng: random.Random, text: str, answer: str) -> str:
    """Break lines at a fixed width, never inside the answer."""
    held = text.replace(answer, answer.replace(" ", "\x02"))
    width, lines, line = rng.randint(38, 70), [], ""
    for word in held.split(" "):
        if line and len(line) + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line]).replace("\x02", " ")
