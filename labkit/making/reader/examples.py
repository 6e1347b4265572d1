"""Training examples for the reader: contexts of passages with questions, answers and refusals.

Every instruction has one maker in `MAKERS`; a maker draws a `Group`: one context and several
questions on it. In training the questions of a group share the context without seeing one another,
so each is read exactly as at inference.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from labkit import prompts
from labkit.making.reader import worlds
from labkit.making.reader.worlds import Bank, Document, Fact, Topic, World

WORDINGS = ("known", "question", "clause", "both")
_SLOT = re.compile(r"\{([a-z]+)\}")
_FRAME = re.compile(r"\{([A-Za-z_0-9]+)\}")


@dataclass(frozen=True)
class Example:
    """One question in the format of inference.

    Attributes:
        messages: the prompt. answer: the reply wanted. instruction: name of the maker.
    """

    messages: list[prompts.Message]
    answer: str
    instruction: str


@dataclass
class Group:
    """One context and the questions asked about it.

    Attributes:
        passages: the context. turns: (question, reply wanted) pairs. instruction: name of the maker.
        source: "topics" or "lexicon". wordings: (clause wording, question wording) of each turn.
    """

    passages: list[prompts.Passage]
    turns: list[tuple[str, str]]
    instruction: str = "answer"
    source: str = "topics"
    wordings: list[tuple[str, str]] = field(default_factory=list)

    def examples(self) -> list[Example]:
        """The group as separate examples."""
        return [
            Example(prompts.answer_messages(question, self.passages), reply, self.instruction)
            for question, reply in self.turns
        ]


@dataclass(frozen=True)
class Level:
    """How hard the contexts are: number of passages, and a ceiling on their words altogether."""

    passages: tuple[int, ...]
    words: int


LEVELS = (
    Level((1,), 150),
    Level((1, 2, 2, 3, 3), 330),
    Level((1, 2, 3, 3, 4, 5, 5, 6, 7, 8), 640),
)

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


# ---------------------------------------------------------------------------------------------
# How a question names a document

_CONTRACT_REFS = [
    ("ab", "the {f} between {a} and {b}"),
    ("ab", "{a}'s {f} with {b}"),
    ("ab", "the {f} of {a} and {b}"),
    ("ab", "the {a} / {b} {f}"),
    ("ab", "the {f} that {a} made with {b}"),
    ("abk", "the {k} {f} between {a} and {b}"),
    ("abk", "the {k} {f} {a} has with {b}"),
    ("abd", "the {f} of {d} between {a} and {b}"),
    ("a", "the {a} {f}"),
    ("b", "the {b} {f}"),
    ("a", "our {f} with {a}"),
    ("b", "our {f} with {b}"),
    ("b", "the {f} with {b}"),
    ("ak", "the {a} {k} {f}"),
    ("bk", "the {b} {k} {f}"),
    ("bk", "the {k} {f} with {b}"),
    ("ak", "our {k} {f} with {a}"),
    ("ak", "the {k} {f} signed by {a}"),
    ("a", "{a}'s {f}"),
    ("kd", "the {k} {f} of {d}"),
    ("d", "the {f} of {d}"),
    ("d", "the {f} dated {d}"),
    ("ky", "the {y} {k} {f}"),
    ("n", "the {n} {f}"),
    ("n", "Project {n}"),
    ("n", "the {f} for {n}"),
    ("nk", "the {n} {k} {f}"),
    ("n", "{n}"),
    ("k", "the {k} {f}"),
    ("k", "our {k} {f}"),
    ("ay", "the {y} {f} with {a}"),
    ("c", "{f} {c}"),
    ("c", "the {f} numbered {c}"),
]
_PLAIN_REFS = [
    ("a", "{a}"),
    ("a", "{a}"),
    ("a", "{a}"),
    ("ak", "the {a} {k}"),
    ("ak", "the {k} on {a}"),
    ("ak", "{a}'s {k}"),
    ("k", "the {k}"),
    ("d", "the {k} of {d}"),
    ("kd", "the {k} dated {d}"),
    ("s", "the {k} on {s}"),
    ("n", "{n}"),
    ("n", "project {n}"),
    ("ab", "{a} and {b}"),
    ("as", "{a}'s {k} on {s}"),
]
_NOUNS = ["contract", "contract", "agreement", "agreement", "deal", "arrangement", "contract", "agreement"]
_GENERIC = [
    "the contract",
    "the agreement",
    "this contract",
    "the deal",
    "this agreement",
    "the document",
    "our contract",
]


def _value_of(doc: Document, key: str) -> str:
    return {
        "a": doc.a_full,
        "b": doc.b_full,
        "k": doc.kind,
        "d": doc.date,
        "y": doc.year,
        "n": doc.nickname,
        "s": doc.subject,
        "c": doc.number,
    }[key]


def _matches(doc: Document, keys: set[str], other: Document) -> bool:
    """Whether `other` cannot be told from `doc` by `keys`."""
    for key in keys:
        if key in "ab":
            if _value_of(doc, key) not in (other.a_full, other.b_full):
                return False
        elif _value_of(doc, key) != _value_of(other, key):
            return False
    return True


def _party(rng: random.Random, full: str, short: str) -> str:
    return short if rng.random() < 0.75 else full


def reference(rng: random.Random, doc: Document, others: Sequence[Document], used: set[str]) -> str | None:
    """A noun phrase that tells `doc` from `others` by what its title shows; adds its keys to `used`."""
    table = _CONTRACT_REFS if doc.domain == "contract" else _PLAIN_REFS
    for _ in range(12):
        keys, form = rng.choice(table)
        if not set(keys) <= doc.shown or any(_matches(doc, used | set(keys), o) for o in others):
            continue
        used |= set(keys)
        return form.format(
            a=_party(rng, doc.a_full, doc.a_short),
            b=_party(rng, doc.b_full, doc.b_short),
            k=doc.kind,
            d=doc.date,
            y=doc.year,
            n=doc.nickname,
            s=doc.subject,
            c=doc.number,
            f=rng.choice(_NOUNS),
        )
    return None


_ATTACH = [
    "{q} ({ref})",
    "In {ref}: {q}",
    "{ref}: {q}",
    "For {ref}: {q}",
    "{q} I mean {ref}.",
    "This is about {ref}. {q}",
    "Looking at {ref}, {l}",
    "Under {ref}, {l}",
    "As regards {ref}: {q}",
    "{q} - {ref}",
    "Take {ref}: {q}",
]


def _lower_first(text: str) -> str:
    return text if text[:2] in ("I ", "I'") or text[1:2].isupper() else text[:1].lower() + text[1:]


def ask(rng: random.Random, wording: str, doc: Document, others: Sequence[Document], generic: bool) -> str | None:
    """Fill a question's slots so that it means `doc` and none of `others`; None where it cannot.

    Args:
        others: documents that the question must not fit. generic: whether `{ref}` may stay unspecific.
    """
    used: set[str] = set()
    parties: dict[str, str] = {}
    for key in "ab":
        if f"{{{key}}}" in wording:
            if key in doc.shown and rng.random() < 0.7:
                parties[key] = _party(rng, *((doc.a_full, doc.a_short) if key == "a" else (doc.b_full, doc.b_short)))
                used.add(key)
            elif doc.call[0].lower().startswith("the "):
                parties[key] = doc.call[key == "b"].lower()
            elif key in doc.shown or doc.call[0] in (doc.a_full, doc.a_short):
                # A name outside the title still stands in the clauses, but tells nothing apart.
                parties[key] = doc.call[key == "b"]
            else:
                return None
    ref = ""
    if "{ref}" in wording:
        loose = [o for o in others if _matches(doc, used, o)]
        if not loose and generic and rng.random() < 0.35:
            ref = rng.choice(_GENERIC) if doc.domain == "contract" else f"the {doc.kind}"
        else:
            found = reference(rng, doc, loose, used)
            if found is None:
                return None
            ref = found
    question = _SLOT.sub(lambda m: ref if m[1] == "ref" else parties[m[1]], wording)
    question = question[:1].upper() + question[1:] if wording[:1] in "{ABCDEFGHIJKLMNOPQRSTUVWXYZ" else question
    if any(_matches(doc, used, o) for o in others):
        found = reference(rng, doc, others, used)
        if found is None:
            return None
        question = rng.choice(_ATTACH).format(q=question, l=_lower_first(question), ref=found)
        question = question[:1].upper() + question[1:]
    return question


def dress(rng: random.Random, question: str, lexicon: Lexicon | None, answerable: bool) -> str:
    """Everyday noise on a question: wrappers, lower case, typos; a lost word only where it is answerable.

    Losing words on answerable questions alone keeps strange wording from predicting a refusal.
    """
    if answerable and rng.random() < 0.12:
        words = question.split(" ")
        free = [i for i, w in enumerate(words) if w.islower() and w not in ("first", "second") and len(w) > 2]
        if len(free) > 4:
            at = rng.choice(free)
            words[at] = rng.choice(["", "", _babble(rng)])
            question = " ".join(w for w in words if w)
    if lexicon is not None and lexicon.wrappers and rng.random() < 0.12:
        question = rng.choice(lexicon.wrappers).replace("{q}", question)
    elif lexicon is not None and lexicon.suffixes and rng.random() < 0.05:
        question = f"{question} {rng.choice(lexicon.suffixes)}"
    roll = rng.random()
    if roll < 0.06:
        question = question.lower()
    if roll < 0.10:
        question = question.rstrip("?.")
    elif roll < 0.125:
        letters = [i for i, c in enumerate(question[:-2]) if c.islower() and question[i + 1].islower()]
        if letters:
            at = rng.choice(letters)
            question = question[:at] + question[at + 1] + question[at] + question[at + 2 :]
    return question


def _babble(rng: random.Random) -> str:
    return "".join(rng.choice("bdfglmnprstvz") + rng.choice("aeiou") for _ in range(rng.choice((2, 3))))


# ---------------------------------------------------------------------------------------------
# Contexts out of topics


def _topic_group(
    rng: random.Random, bank: Bank, lexicon: Lexicon | None, level: Level, turns: int, wording: str, held_names: bool
) -> Group:
    """Contracts (or plain documents) that share a topic or two; a question picks document and topic."""
    world = World(rng, held_names)
    plain = [t for t in bank.topics if t.domain == "plain"]
    topics = [t for t in bank.topics if t.domain == "contract"] or plain
    domain = "contract"
    if plain and rng.random() < 0.25:
        topics, domain = plain, "plain"
    count = rng.choice(level.passages)
    documents = [world.document(domain)]
    for _ in range(count - 1):
        if rng.random() < 0.62:
            documents.append(world.document(domain, documents[0] if rng.random() < 0.6 else None))
    order = list(range(len(documents))) + [rng.randrange(len(documents)) for _ in range(count - len(documents))]
    rng.shuffle(order)
    focus = rng.sample(topics, min(len(topics), rng.choice((1, 1, 2))))
    budget = level.words // count
    seen: list[set[str]] = [set() for _ in documents]
    facts: list[tuple[Fact, Topic, str]] = []
    passages: list[prompts.Passage] = []
    for number, at in enumerate(order):
        passage, found = _passage(rng, world, lexicon, documents[at], at, topics, focus, seen[at], budget, wording)
        for fact, topic, clause in found:
            fact.passage = number
            facts.append((fact, topic, clause))
        passages.append(passage)
    group = Group(passages, [], source="topics")
    used: set[str] = set()
    asked = list(facts)
    rng.shuffle(asked)
    for _ in range(turns * 3):
        if len(group.turns) >= turns:
            break
        roll = rng.random()
        if roll < 0.15:
            turn = _refusal(rng, world, bank, documents, seen, topics, focus, wording, lexicon)
        elif roll < 0.21 and len(facts) > 1:
            turn = _pair(rng, documents, facts, seen, wording, lexicon)
        else:
            if not asked:
                asked = list(facts)
                rng.shuffle(asked)
            turn = _single(rng, documents, asked.pop(), seen, wording, lexicon)
        if turn is not None and turn[0] not in used:
            used.add(turn[0])
            group.turns.append(turn[:2])
            group.wordings.append(turn[2])
    return group


def _clauses_of(topic: Topic, wording: str) -> Sequence[str]:
    return topic.held_clauses if wording in ("clause", "both") else topic.clauses


def _questions_of(topic: Topic, wording: str) -> Sequence[str]:
    return topic.held_questions if wording in ("question", "both") else topic.questions


def _passage(
    rng: random.Random,
    world: World,
    lexicon: Lexicon | None,
    doc: Document,
    index: int,
    topics: Sequence[Topic],
    focus: Sequence[Topic],
    seen: set[str],
    budget: int,
    wording: str,
) -> tuple[prompts.Passage, list[tuple[Fact, Topic, str]]]:
    """One passage of a document: clauses up to `budget` words, and the facts they state."""
    target = min(budget, rng.randint(30, 130))
    rows: list[tuple[str, str, str]] = []
    found: list[tuple[Fact, Topic, str]] = []
    length = 0
    while length < target and len(rows) < 5:
        wanted = [t for t in focus if t.name not in seen]
        topic = rng.choice(wanted) if wanted and rng.random() < 0.7 else rng.choice(topics)
        if topic.name in seen:
            if len(seen) >= len(topics):
                break
            continue
        clause = rng.choice(_clauses_of(topic, wording))
        worded = clause if lexicon is None or rng.random() > 0.3 else swap_words(rng, clause, lexicon, 0.25)
        text, answer = world.clause(doc, topic, worded)
        if rows and length + len(text.split()) > budget + 25:
            break
        seen.add(topic.name)
        heading = rng.choice(topic.label) if rng.random() < 0.6 else ""
        rows.append((text, heading, answer))
        found.append((Fact(index, topic.name, answer), topic, clause))
        length += len(text.split())
    edge = ["", ""]
    for k in range(2):
        if rng.random() < 0.15:
            topic = rng.choice(topics)
            if topic.name not in seen:
                # Half a clause says half a fact: neither asked nor refused.
                seen.add(topic.name)
                edge[k] = world.clause(doc, topic, rng.choice(topic.clauses))[0]
    text = worlds.layout(rng, doc.title, rows, *edge)
    if doc.preamble:
        text = f"{doc.preamble} {text}"
    return prompts.Passage(doc.title, text), found


Turn = tuple[str, str, tuple[str, str]]


def _cited(fact: Fact) -> str:
    return f"{fact.answer} [{fact.passage + 1}]"


def _reworded(rng: random.Random, wording: str, lexicon: Lexicon | None) -> str:
    return wording if lexicon is None or rng.random() > 0.35 else swap_words(rng, wording, lexicon, 0.4)


def _rivals(documents: Sequence[Document], seen: Sequence[set[str]], index: int, topic: str) -> list[Document]:
    return [d for i, d in enumerate(documents) if i != index and topic in seen[i]]


def _single(
    rng: random.Random,
    documents: Sequence[Document],
    row: tuple[Fact, Topic, str],
    seen: Sequence[set[str]],
    wording: str,
    lexicon: Lexicon | None,
) -> Turn | None:
    fact, topic, clause = row
    chosen = rng.choice(_questions_of(topic, wording))
    others = _rivals(documents, seen, fact.document, topic.name)
    question = ask(rng, _reworded(rng, chosen, lexicon), documents[fact.document], others, generic=True)
    if question is None:
        return None
    return dress(rng, question, lexicon, True), _cited(fact), (clause, chosen)


def _pair(
    rng: random.Random,
    documents: Sequence[Document],
    facts: Sequence[tuple[Fact, Topic, str]],
    seen: Sequence[set[str]],
    wording: str,
    lexicon: Lexicon | None,
) -> Turn | None:
    """Two facts in one question, cited one after the other."""
    first, second = rng.sample(list(facts), 2)
    same = [f for f in facts if f[0].topic == first[0].topic and f[0].document != first[0].document]
    if same and rng.random() < 0.6:
        second = rng.choice(same)
        label, used1, used2 = rng.choice(first[1].label), set[str](), set[str]()
        rivals = [_rivals(documents, seen, f[0].document, first[1].name) for f in (first, second)]
        one = reference(rng, documents[first[0].document], rivals[0], used1)
        two = reference(rng, documents[second[0].document], rivals[1], used2)
        if one is None or two is None or one == two:
            return None
        form = rng.choice(
            [
                "What is the {l} in {x} and in {y}?",
                "{l} in {x} and {y}?",
                "Compare the {l} of {x} and {y}.",
                "The {l}: first {x}, then {y}.",
                "Give me the {l} for {x} as well as for {y}.",
                "How do {x} and {y} differ in {l}?",
            ]
        )
        question = form.format(l=label, x=one, y=two)
        return dress(rng, question, lexicon, True), f"{_cited(first[0])}; {_cited(second[0])}", (first[2], "")
    a = _single(rng, documents, first, seen, wording, None)
    b = _single(rng, documents, second, seen, wording, None)
    if a is None or b is None:
        return None
    joint = rng.choice([" And ", " Also: ", " ", " Then, "])
    return f"{a[0]}{joint}{_lower_first(b[0]) if 'nd' in joint or 'Then' in joint else b[0]}", f"{a[1]}; {b[1]}", a[2]


def _refusal(
    rng: random.Random,
    world: World,
    bank: Bank,
    documents: Sequence[Document],
    seen: Sequence[set[str]],
    topics: Sequence[Topic],
    focus: Sequence[Topic],
    wording: str,
    lexicon: Lexicon | None,
) -> Turn | None:
    """A question that the context does not answer: strange document, or the topic is not there."""
    question: str | None = None
    topic = rng.choice(list(focus) if rng.random() < 0.5 else list(topics))
    everywhere = set().union(*seen)
    chosen = rng.choice(_questions_of(topic, wording))
    worded = _reworded(rng, chosen, lexicon)
    if topic.name in everywhere:
        lacking = [i for i in range(len(documents)) if topic.name not in seen[i]]
        if lacking and rng.random() < 0.5:
            at = rng.choice(lacking)
            others = [d for i, d in enumerate(documents) if i != at]
            question = ask(rng, worded, documents[at], others, generic=False)
        else:
            stranger = world.document(documents[0].domain, rng.choice(documents) if rng.random() < 0.3 else None)
            question = ask(rng, worded, stranger, documents, generic=False)
    else:
        at = rng.randrange(len(documents))
        question = ask(rng, worded, documents[at], [], generic=True)
    if question is None:
        return None
    return dress(rng, question, lexicon, False), prompts.REFUSAL, ("", chosen)


# ---------------------------------------------------------------------------------------------
# Contexts out of words: attributes composed of thousands of words, stated and asked for by synonyms


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


def _lexical_group(
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
    used: set[str] = set()
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
        if turn is not None and turn[0] not in used:
            used.add(turn[0])
            group.turns.append(turn[:2])
            group.wordings.append(turn[2])
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


# ---------------------------------------------------------------------------------------------
# The stream


def make_answer(
    rng: random.Random,
    bank: Bank,
    lexicon: Lexicon | None,
    level: Level,
    turns: int,
    wording: str = "known",
    held_names: bool = False,
    source: str | None = None,
) -> Group:
    """A group for the instruction `answer`.

    Args:
        turns: number of questions wanted (fewer where the context does not carry them).
        wording: "known", or which wordings come from the held-out part: "question", "clause", "both".
        held_names: draw names from the half never trained on. source: "topics" or "lexicon", else mixed.
    """
    if wording not in WORDINGS:
        raise ValueError(f"Unknown wording {wording!r}: use one of {', '.join(WORDINGS)}.")
    while True:
        lexical = lexicon is not None and (source == "lexicon" or (source is None and rng.random() < 0.4))
        if lexical and lexicon is not None:
            group = _lexical_group(rng, lexicon, level, turns, wording, held_names)
        else:
            group = _topic_group(rng, bank, lexicon, level, turns, wording, held_names)
        if group.turns:
            return group


MAKERS: dict[str, Callable[..., Group]] = {"answer": make_answer}


def group(seed: int, index: int, level: Level, instruction: str = "answer") -> Group:
    """The training group number `index`: a function of seed, index and level alone."""
    rng = random.Random(f"{seed}/{index}")
    turns = 1 if rng.random() < 0.08 else rng.randint(5, 11)
    return MAKERS[instruction](rng, worlds.load_bank(), load_lexicon(), level, turns)


def evaluation(
    count: int, passages: int, wording: str = "known", source: str | None = "topics", seed: int = 990_001
) -> Iterator[Example]:
    """`count` examples on held-out worlds, one question a context, `passages` passages each."""
    level = Level((passages,), min(640, 150 * passages))
    for index in range(count):
        rng = random.Random(f"evaluation/{seed}/{passages}/{wording}/{index}")
        made = make_answer(rng, worlds.load_bank(), load_lexicon(), level, 1, wording, True, source)
        yield made.examples()[0]
