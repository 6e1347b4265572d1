"""Contexts out of words: attributes composed of thousands of words, stated and asked for by synonyms.

They teach the reader that different words can mean the same, beyond the topics of the bank. The
everyday noise on questions (typing errors, lower case, polite wrappers) is made here as well.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from labkit import prompts
from synthesis.reader import worlds
from synthesis.reader.groups import Group, Level, Turn
from synthesis.reader.worlds import World

_FRAME = re.compile(r"\{([A-Za-z_0-9]+)\}")

# Words too slippery to swap or drop: grammar, modals, or several unrelated meanings.
_FIXED = frozenset(
    "may must can shall will let get last run right leave set advance following next "
    "no not be is are was were do does did has have had "
    "what which who whom whose when where how why much many long far soon often if in on at by for of to from with "
    "between and or nor but than before after under over above below the a an it its this that these those per "
    "one".split()
)


@dataclass(frozen=True)
class Lexicon:
    """The word families and frames of `families.toml`; the last 15 % of the frames are held out."""

    swaps: dict[str, list[str]]
    nouns: list[list[str]]
    adjectives: list[list[str]]
    verbs: list[list[list[str]]]
    attributes: list[tuple[str, list[str], list[str]]]
    statements: tuple[list[str], list[str]]
    asks: tuple[list[str], list[str]]
    statements_by_kind: dict[str, list[str]]
    asks_by_kind: dict[str, list[str]]
    fillers: list[str]
    wrappers: list[str]
    suffixes: list[str]

    def texts(self) -> list[str]:
        """Every sentence frame and word list, for the tokenizer and for the separation test."""
        frames = [*self.statements[0], *self.statements[1], *self.asks[0], *self.asks[1], *self.fillers, *self.wrappers]
        frames += [f for rows in (*self.statements_by_kind.values(), *self.asks_by_kind.values()) for f in rows]
        lists = [w for rows in (self.nouns, self.adjectives, *self.verbs) for row in rows for w in row]
        return frames + lists + [w for _, names, values in self.attributes for w in (*names, *values)]


_DURATIONS = ("days", "weeks", "months", "years", "hours", "duration", "business_days")
_QUANTITIES = (*_DURATIONS, "percent", "money", "count")


@lru_cache(maxsize=4)
def load_lexicon(folder: Path = worlds.BANK) -> Lexicon | None:
    """Read `families.toml`; None where the file is not there."""
    path = folder / "families.toml"
    if not path.exists():
        return None
    raw: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    swaps: dict[str, list[str]] = {}
    for family in raw.get("families", []):
        for word in family:
            if " " not in word and word not in _FIXED:
                others = [w for w in family if w != word and w not in _FIXED and len(w.split()) < 3 and w != "how long"]
                swaps.setdefault(word, []).extend(others)
    attributes: list[tuple[str, list[str], list[str]]] = []
    for kind, rows in raw.get("attributes", {}).items():
        for i, names in enumerate(rows):
            values = raw.get("text_values", [])[i] if kind == "text" else []
            attributes.append((kind, list(names), list(values)))
    forms = {row[0]: list(row) for row in raw.get("verbs", [])}
    grouped = [[forms[w] for w in family if w in forms] for family in raw.get("families", [])]
    statements, asks = worlds.split_held(raw["statements"]), worlds.split_held(raw["asks"])
    return Lexicon(
        swaps={w: sorted(set(o)) for w, o in swaps.items() if o},
        nouns=raw["nouns"],
        adjectives=raw["adjectives"],
        verbs=[group for group in grouped if len(group) > 1],
        attributes=attributes,
        statements=(list(statements[0]), list(statements[1])),
        asks=(list(asks[0]), list(asks[1])),
        statements_by_kind=raw["statements_by_kind"],
        asks_by_kind=raw["asks_by_kind"],
        fillers=raw["fillers"],
        wrappers=raw.get("wrappers", []),
        suffixes=raw.get("suffixes", []),
    )


def swap_words(rng: random.Random, wording: str, lexicon: Lexicon, rate: float) -> str:
    """Replace words of a wording by words of the same family; slots stay."""

    def swap(match: re.Match[str]) -> str:
        word = match[0]
        others = lexicon.swaps.get(word.lower())
        if not others or rng.random() > rate:
            return word
        new = rng.choice(others)
        return new[0].upper() + new[1:] if word[0].isupper() else new

    return re.sub(r"(?<![{:\w])[A-Za-z]+(?![\w}:])", swap, wording)


def dress(rng: random.Random, question: str, lexicon: Lexicon | None, answerable: bool) -> str:
    """Everyday noise on a question: wrappers, lower case, typos; a lost word only where it is answerable.

    Losing words on answerable questions alone keeps strange wording from predicting a refusal.
    """
    if answerable and rng.random() < 0.04:
        words = question.split(" ")
        free = [i for i, w in enumerate(words) if w.islower() and w not in ("first", "second") and len(w) > 2]
        if len(free) > 4:
            at = rng.choice(free)
            words[at] = rng.choice(["", "", _babble(rng)])
            question = " ".join(w for w in words if w)
    if lexicon is not None and lexicon.wrappers and rng.random() < 0.08:
        question = rng.choice(lexicon.wrappers).replace("{q}", question)
    elif lexicon is not None and lexicon.suffixes and rng.random() < 0.05:
        question = f"{question} {rng.choice(lexicon.suffixes)}"
    roll = rng.random()
    if roll < 0.06:
        question = question.lower()
    if roll < 0.10:
        question = question.rstrip("?.")
    elif roll < 0.115:
        letters = [i for i, c in enumerate(question[:-2]) if c.islower() and question[i + 1].islower()]
        if letters:
            at = rng.choice(letters)
            question = question[:at] + question[at + 1] + question[at] + question[at + 2 :]
    return question


def _babble(rng: random.Random) -> str:
    return "".join(rng.choice("bdfglmnprstvz") + rng.choice("aeiou") for _ in range(rng.choice((2, 3))))


@dataclass(frozen=True)
class Attribute:
    """Something a subject can have: paraphrases of its name, kind of its value, words that may not repeat."""

    names: tuple[str, ...]
    kind: str
    values: tuple[str, ...] = ()


def _attribute(rng: random.Random, lexicon: Lexicon) -> Attribute:
    roll = rng.random()
    if roll < 0.55:
        kind, names, values = rng.choice(lexicon.attributes)
        return Attribute(tuple(names), kind, tuple(values))
    kind = rng.choice(
        (
            "days",
            "weeks",
            "months",
            "years",
            "hours",
            "percent",
            "money",
            "money",
            "count",
            "count",
            "date",
            "person",
            "person",
            "company",
            "place",
            "code",
        )
    )
    head = {
        "person": ["contact", "officer", "manager", "specialist", "clerk", "coordinator"],
        "company": ["partner", "provider", "firm", "vendor"],
        "place": ["site", "town", "location", "venue"],
        "date": ["date", "day"],
        "code": ["number", "code", "reference"],
        "money": ["amount", "budget", "sum", "cost", "fee", "cap"],
        "percent": ["rate", "share", "percentage", "margin"],
    }.get(kind)
    if head is None:
        head = ["period", "time", "length"] if kind in _DURATIONS else ["number", "count", "quantity", "total"]
    same = head if kind in ("date", "code", "percent") or rng.random() < 0.3 else [rng.choice(head)]
    noun = rng.choice(lexicon.nouns)
    front = rng.choice(lexicon.adjectives) if roll < 0.72 else rng.choice(lexicon.nouns)
    if rng.random() < 0.06:
        noun = [_babble(rng)]
    made = {f"{rng.choice(front)} {rng.choice(noun)} {rng.choice(same)}" for _ in range(3)}
    made.add(f"{rng.choice(same)} of the {rng.choice(front)} {rng.choice(noun)}")
    return Attribute(tuple(sorted(made)), kind)


_VERB_STATEMENTS = {
    "time": [
        "{s} has to {v0} the {o} within {v}.",
        "The {o} must be {v2} by {s} inside {v}.",
        "{v} is all the time {s} gets to {v0} the {o}.",
        "{V3} of the {o} by {s}: {v}.",
        "It takes {s} {v} to {v0} the {o}.",
        "When the {o} is due, {s} {v1} it after {v}.",
        "{s} said that it would {v0} the {o} {v} later.",
    ],
    "who": [
        "{v} {v1} the {o} for {s}.",
        "At {s}, the {o} is {v2} by {v}.",
        "The task to {v0} the {o} of {s} fell to {v}.",
        "{V3} of the {o} at {s}: {v}.",
        "{s} asked {v} to {v0} the {o}.",
    ],
    "money": [
        "{s} needs {v} to {v0} the {o}.",
        "To {v0} the {o} costs {s} {v}.",
        "{V3} of the {o} ({s}): {v}.",
        "{v} was set aside at {s} so that somebody could {v0} the {o}.",
    ],
    "date": [
        "{s} will {v0} the {o} on {v}.",
        "On {v} the {o} of {s} is to be {v2}.",
        "{V3} of the {o}, {s}: {v}.",
        "{s} {v1} the {o} on {v} and not before.",
    ],
}
_VERB_ASKS = {
    "time": [
        "How long does {s} have to {v0} the {o}?",
        "How soon must the {o} be {v2} by {s}?",
        "time for {v3} of the {o} at {s}",
        "By when is {s} supposed to {v0} the {o}?",
        "How much time is there for the {v3} of the {o} by {s}?",
    ],
    "who": [
        "Who {v1} the {o} for {s}?",
        "By whom is the {o} {v2} at {s}?",
        "Whom do I ask about {v3} of the {o} at {s}?",
        "Which person or firm {v1} the {o} of {s}?",
    ],
    "money": [
        "What does it cost {s} to {v0} the {o}?",
        "How much is needed to have the {o} {v2} at {s}?",
        "Price of {v3} of the {o} for {s}?",
    ],
    "date": [
        "When will {s} {v0} the {o}?",
        "On what day is the {o} of {s} {v2}?",
        "date of the {v3} of the {o}, {s}",
        "When does the {v3} of the {o} by {s} take place?",
    ],
}
_VERB_KINDS = {
    "time": ("days", "weeks", "hours", "months"),
    "who": ("person", "company"),
    "money": ("money",),
    "date": ("date",),
}


_PAGES = ("facts", "notes", "overview", "file", "details")


@dataclass
class _Stated:
    """A statement in a lexical context: subject, key of the attribute, answer, how to ask for it."""

    subject: int
    key: str
    answer: str
    passage: int
    attribute: Attribute | None = None
    frame: str = ""
    verbs: list[list[str]] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)


def _subject(rng: random.Random, world: World) -> tuple[str, str]:
    """(how text and questions name the subject, title of its page)."""
    names = world.names
    roll = rng.random()
    if roll < 0.35:
        full, short = names.company()
        return (full if rng.random() < 0.2 else short), full
    if roll < 0.5:
        phrase = f"project {names.project()}"
    elif roll < 0.64:
        phrase = (
            f"the {names.place()} {rng.choice(['site', 'office', 'branch', 'plant', 'warehouse', 'store', 'clinic'])}"
        )
    elif roll < 0.78:
        phrase = f"{names.syllables()} {rng.randint(1, 900)}"
    elif roll < 0.9:
        short = names.company()[1]
        phrase = (
            f"the {short} {rng.choice(['contract', 'agreement', 'order', 'account', 'tender', 'lease', 'licence'])}"
        )
    else:
        phrase = (
            f"the {names.project()} {rng.choice(['museum', 'school', 'festival', 'ferry', 'library', 'hotel', 'farm'])}"
        )
    bare = phrase.removeprefix("the ")
    return phrase, bare[0].upper() + bare[1:]


def _fill_frame(frame: str, slots: dict[str, Any]) -> str:
    return _FRAME.sub(lambda m: slots[m[1]]() if callable(slots[m[1]]) else slots[m[1]], frame)


def _frames(general: Sequence[str], by_kind: dict[str, list[str]], kind: str, rng: random.Random, share: float) -> str:
    fitting = list(by_kind.get(kind, ()))
    if kind in _DURATIONS:
        fitting += by_kind.get("duration_like", [])
    if kind in _QUANTITIES:
        fitting += by_kind.get("quantity", [])
    return rng.choice(fitting) if fitting and rng.random() < share else rng.choice(general)


def _slots_of(name: str, subject: str) -> dict[str, Any]:
    the = name if name.startswith(("the ", "a ")) else f"the {name}"
    return {
        "attr": the,
        "The_attr": the[0].upper() + the[1:],
        "bare": name,
        "Bare": name[0].upper() + name[1:],
        "s": subject,
    }


def lexical_group(
    rng: random.Random, lexicon: Lexicon, level: Level, turns: int, wording: str, held_names: bool
) -> Group:
    """Pages about subjects that share attributes; statement and question use other paraphrases."""
    world = World(rng, held_names)
    names = world.names
    count = rng.choice(level.passages)
    subjects = [_subject(rng, world) for _ in range(max(1, count - (rng.random() < 0.4 and count > 1)))]
    if len({s for s, _ in subjects}) < len(subjects):
        subjects = list(dict(subjects).items())
    shared = [_attribute(rng, lexicon) for _ in range(rng.choice((1, 2, 2, 3)))]
    stated: list[_Stated] = []
    passages: list[prompts.Passage] = []
    taken: set[tuple[int, str]] = set()
    budget = min(level.words // count, 110)
    held = wording in ("clause", "both")
    for number in range(count):
        at = number if number < len(subjects) else rng.randrange(len(subjects))
        guests = [at] if rng.random() < 0.8 else [at, rng.randrange(len(subjects))]
        lines: list[str] = []
        target, length = rng.randint(25, budget), 0
        while length < target and len(lines) < 8:
            who = rng.choice(guests)
            line, fact = _statement(rng, world, lexicon, subjects[who][0], shared, held)
            if rng.random() < 0.3 or fact is None or (who, fact.key) in taken:
                filler = rng.choice(lexicon.fillers)
                line = _fill_frame(
                    filler,
                    {
                        "s": subjects[who][0],
                        "p": names.person,
                        "c": lambda: names.company()[1],
                        "n": lambda: names.value(rng.choice(("days", "count", "money"))),
                    },
                )
            else:
                taken.add((who, fact.key))
                fact.subject, fact.passage = who, number
                stated.append(fact)
            line = line[0].upper() + line[1:]
            lines.append(line)
            length += len(line.split())
        glue = "\n" if rng.random() < 0.3 else " "
        text = glue.join(lines)
        for row in (line for line in lines if line.startswith(("- ", "* ", "| ")) or " | " in line):
            text = text.replace(f" {row}", f"\n{row}").replace(f"{row} ", f"{row}\n")
        title = (
            subjects[at][1]
            if rng.random() < 0.5
            else f"{subjects[at][1]}: {rng.choice([*_PAGES, f'page {number + 1}'])}"
        )
        passages.append(prompts.Passage(title, text))
    group = Group(passages, [], source="lexicon")
    queue: list[_Stated] = []
    for _ in range(turns * 3):
        if len(group.turns) >= turns:
            break
        if rng.random() < 0.14 or not stated:
            turn = _lexical_refusal(rng, world, lexicon, subjects, stated, taken, wording)
        else:
            if not queue:
                queue = list(stated)
                rng.shuffle(queue)
            fact = queue.pop()
            alone = sum(f.key == fact.key for f in stated) == 1
            question, chosen = _lexical_ask(rng, lexicon, fact, subjects[fact.subject][0], wording, alone)
            turn = (dress(rng, question, lexicon, True), f"{fact.answer} [{fact.passage + 1}]", (fact.frame, chosen))
        group.add(turn)
    return group


def _statement(
    rng: random.Random, world: World, lexicon: Lexicon, subject: str, shared: Sequence[Attribute], held: bool
) -> tuple[str, _Stated | None]:
    """A sentence that states a value of the subject, and what it states."""
    names = world.names
    if rng.random() < 0.2 and lexicon.verbs:
        theme = rng.choice(tuple(_VERB_STATEMENTS))
        verbs, objects = rng.choice(lexicon.verbs), rng.choice(lexicon.nouns)
        value = names.value(rng.choice(_VERB_KINDS[theme]))
        frame = rng.choice(_VERB_STATEMENTS[theme])
        v = rng.choice(verbs)
        line = _fill_frame(
            frame,
            {
                "s": subject,
                "v": value,
                "v0": v[0],
                "v1": v[1],
                "v2": v[2],
                "v3": v[3],
                "V3": v[3][0].upper() + v[3][1:],
                "o": rng.choice(objects),
            },
        )
        line = line[0].upper() + line[1:]
        key = f"{theme} {verbs[0][0]} {objects[0]}"
        return line, _Stated(0, key, _as_shown(line, value), 0, frame=theme, verbs=verbs, objects=objects)
    attribute = rng.choice(shared) if rng.random() < 0.55 else _attribute(rng, lexicon)
    value = rng.choice(attribute.values) if attribute.kind == "text" else names.value(attribute.kind)
    frame = _frames(lexicon.statements[held], {} if held else lexicon.statements_by_kind, attribute.kind, rng, 0.25)
    slots = _slots_of(rng.choice(attribute.names), subject)

    def decoy() -> str:
        for _ in range(20):
            other = rng.choice(attribute.values) if attribute.kind == "text" else names.value(attribute.kind)
            if other != value:
                break
        return other

    line = _fill_frame(frame, {**slots, "v": value, "n": decoy, "p": names.person, "c": lambda: names.company()[1]})
    line = line[0].upper() + line[1:]
    if value.endswith("."):
        line = line.replace("..", ".")
    return line, _Stated(0, attribute.names[0], _as_shown(line, value), 0, attribute, frame)


def _as_shown(line: str, value: str) -> str:
    """The value as it stands in the line (its first letter may have become a capital)."""
    return value if value in line else value[0].upper() + value[1:]


def _lexical_ask(
    rng: random.Random, lexicon: Lexicon, fact: _Stated, subject: str, wording: str, alone: bool
) -> tuple[str, str]:
    if fact.attribute is None:
        frame = rng.choice(_VERB_ASKS[fact.frame])
        v = rng.choice(fact.verbs)
        return _fill_frame(
            frame, {"s": subject, "v0": v[0], "v1": v[1], "v2": v[2], "v3": v[3], "o": rng.choice(fact.objects)}
        ), frame
    held = wording in ("question", "both")
    frame = _frames(lexicon.asks[held], {} if held else lexicon.asks_by_kind, fact.attribute.kind, rng, 0.35)
    question = _fill_frame(frame, _slots_of(rng.choice(fact.attribute.names), subject))
    if "{s}" not in frame and not alone:
        question = f"{subject}: {question}"
    return question[:1].upper() + question[1:] if frame[:1] != frame[:1].lower() or frame[
        :1
    ] == "{" else question, frame


def _lexical_refusal(
    rng: random.Random,
    world: World,
    lexicon: Lexicon,
    subjects: Sequence[tuple[str, str]],
    stated: Sequence[_Stated],
    taken: set[tuple[int, str]],
    wording: str,
) -> Turn | None:
    """Ask for an attribute that the subject does not have here, or about a subject that is not here."""
    if stated and rng.random() < 0.6:
        fact = rng.choice(stated)
        lacking = [i for i in range(len(subjects)) if (i, fact.key) not in taken]
        subject = subjects[rng.choice(lacking)][0] if lacking and rng.random() < 0.6 else _subject(rng, world)[0]
        question, frame = _lexical_ask(rng, lexicon, fact, subject, wording, False)
        if subject not in question:
            return None
    else:
        attribute = _attribute(rng, lexicon)
        if any(attribute.names[0] == f.key for f in stated):
            return None
        fact = _Stated(0, attribute.names[0], "", 0, attribute)
        question, frame = _lexical_ask(rng, lexicon, fact, rng.choice(subjects)[0], wording, True)
    return dress(rng, question, lexicon, False), prompts.REFUSAL, ("", frame)
