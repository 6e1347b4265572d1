"""Examples of the instruction `answer`: passages of contracts and plain documents, questions on them, refusals.

A question picks a document and a topic, and names the document so that it fits no other of the context.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import lru_cache

from labkit import prompts
from synthesis.reader import worlds
from synthesis.reader.groups import WORDINGS, Group, Level, Turn
from synthesis.reader.lexicon import Lexicon, dress, lexical_group, load_lexicon, swap_words
from synthesis.reader.worlds import Bank, Document, Fact, Topic, World

_SLOT = re.compile(r"\{([a-z]+)\}")

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
    ("m", "the {f} about {m}"),
    ("m", "the {f} on {m}"),
    ("m", "our {f} for {m}"),
    ("m", "the {m} {f}"),
    ("m", "the {f} that deals with {m}"),
    ("am", "{a}'s {f} on {m}"),
    ("km", "the {k} {f} for {m}"),
    ("n", "the {f} code-named {n}"),
    ("n", "what we call {n}"),
    ("ab", "{a} and {b}"),
    ("ab", "{b} / {a}"),
    ("ab", "the {f} of {b} and {a}"),
    ("ab", "the {f} where {b} deals with {a}"),
    ("ab", "the {f} in which {a} and {b} are partners"),
    ("abk", "the {k} {f} of {b} and {a}"),
    ("abk", "{a} and {b}'s {k} {f}"),
    ("ad", "{a}'s {f} of {d}"),
    ("bd", "the {f} that {b} signed on {d}"),
    ("by", "{b}'s {y} {f}"),
    ("aky", "{a}'s {y} {k} {f}"),
    ("bky", "the {k} {f} from {y} with {b}"),
    ("ak", "the {k} {f} to which {a} is a party"),
    ("bk", "{b}'s {k} {f}"),
]
# Frames of made-up words: what counts is the names, whatever stands between them.
_BABBLED = [
    ("ab", "the {f} {w} {a} {x} {b}"),
    ("ab", "the {f} {w} {x} {b} and {a}"),
    ("ab", "{a} {w} {b} {f}"),
    ("ak", "the {k} {f} {w} {a} {x}"),
    ("bk", "the {k} {f} {w} {x} {b}"),
    ("abk", "the {k} {f} {w} {a} and {b} {x}"),
    ("d", "the {f} {w} on {d}"),
    ("ad", "the {f} {a} {w} on {d}"),
    ("n", "the {f} {w} as {n}"),
    ("m", "the {f} {w} {m}"),
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
        "m": doc.matter,
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


def _babbled(rng: random.Random) -> str:
    """One to three words at random, out of the lexicon."""
    return " ".join(rng.choice(_swappable()) for _ in range(rng.choice((1, 1, 2, 3))))


@lru_cache(maxsize=1)
def _swappable() -> tuple[str, ...]:
    lexicon = load_lexicon()
    return tuple(sorted(w for w in lexicon.swaps if w.isalpha())) if lexicon else ()


def _shortened(rng: random.Random, matter: str) -> str:
    """What a contract is about, as somebody remembers it: now and then not all of it."""
    words = matter.split(" ")
    if len(words) < 4 or rng.random() < 0.6:
        return matter
    cut = rng.randint(2, len(words) - 1)
    return " ".join(words[:cut] if rng.random() < 0.5 and words[cut - 1] not in _SMALL else words[-cut:])


_SMALL = frozenset("of for the at in on and a".split())


def reference(rng: random.Random, doc: Document, others: Sequence[Document], used: set[str]) -> str | None:
    """A noun phrase that tells `doc` from `others` by what its title shows; adds its keys to `used`."""
    table = _CONTRACT_REFS if doc.domain == "contract" else _PLAIN_REFS
    for _ in range(16):
        keys, form = rng.choice(table)
        if doc.domain == "contract" and _swappable() and rng.random() < 0.2:
            keys, form = rng.choice(_BABBLED)
            form = form.replace("{w}", _babbled(rng)).replace("{x}", _babbled(rng))
        elif "m" in doc.shown and rng.random() < 0.25:
            keys, form = rng.choice([row for row in table if "m" in row[0]])
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
            m=_shortened(rng, doc.matter),
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
    if plain and rng.random() < 0.25 * (1 - level.drill):
        topics, domain = plain, "plain"
    count = rng.choice(level.passages)
    documents = [world.document(domain)]
    drill = domain == "contract" and rng.random() < level.drill and wording == "known"
    alike = drill or (domain == "contract" and rng.random() < level.alike)
    for _ in range(count - 1):
        if alike or rng.random() < 0.62:
            like = rng.choice(documents) if rng.random() < (0.4 if drill else 0.75 if alike else 0.6) else None
            documents.append(world.document(domain, like))
    order = list(range(len(documents))) + [rng.randrange(len(documents)) for _ in range(count - len(documents))]
    rng.shuffle(order)
    focus = rng.sample(topics, min(len(topics), rng.choice((1, 1, 2))))
    focus = focus[:1] if alike else focus
    budget = min(level.words // count, rng.randint(15, 60)) if alike else level.words // count
    budget = 1 if drill else budget
    seen: list[set[str]] = [set() for _ in documents]
    facts: list[tuple[Fact, Topic, str]] = []
    passages: list[prompts.Passage] = []
    for number, at in enumerate(order):
        passage, found = _passage(
            rng, world, lexicon, documents[at], at, topics, focus, seen[at], budget, wording, alike, drill
        )
        for fact, topic, clause in found:
            fact.passage = number
            facts.append((fact, topic, clause))
        passages.append(passage)
    if domain == "contract" and facts and rng.random() < 0.15:
        _amend(rng, world, documents, facts, passages, wording)
    group = Group(passages, [], source="topics")
    group.system = worlds.load_wordings().system(rng, "answer") if wording == "known" else prompts.ANSWER
    asked = list(facts)
    rng.shuffle(asked)
    for _ in range(turns * 3):
        if len(group.turns) >= turns:
            break
        roll = rng.random()
        if roll < 0.2:
            turn = _refusal(rng, world, bank, documents, seen, topics, focus, wording, lexicon)
        elif roll < 0.24 and len(facts) > 1:
            turn = _pair(rng, documents, facts, seen, wording, lexicon)
        else:
            if not asked:
                asked = list(facts)
                rng.shuffle(asked)
            turn = _single(rng, documents, asked.pop(), seen, wording, lexicon, drill)
        group.add(turn)
    return group


def _amend(
    rng: random.Random,
    world: World,
    documents: Sequence[Document],
    facts: Sequence[tuple[Fact, Topic, str]],
    passages: list[prompts.Passage],
    wording: str,
) -> None:
    """Put an amendment among the passages: the new value is the answer from now on."""
    fact, topic, _ = rng.choice(facts)
    held = wording in ("clause", "both")
    title, text, [(_, value)] = world.amendment(documents[fact.document], [topic], held)
    at = rng.randrange(len(passages) + 1)
    passages.insert(at, prompts.Passage(title, text))
    for other, _, _ in facts:
        other.passage += other.passage >= at
    fact.passage, fact.answer = at, value


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
    alike: bool = False,
    drill: bool = False,
) -> tuple[prompts.Passage, list[tuple[Fact, Topic, str]]]:
    """One passage of a document: clauses up to `budget` words, and their facts; `alike` starts with `focus`;
    `drill` holds one line alone."""
    target = min(budget, rng.randint(30, 130))
    # The particulars of a contract: a line for each topic, its label and the value.
    table = drill or (doc.domain == "contract" and wording in ("known", "question") and rng.random() < 0.12)
    sign = rng.choice((": ", ": ", " - ", " | ", "\n", "; "))
    rows: list[tuple[str, str, str]] = []
    found: list[tuple[Fact, Topic, str]] = []
    length = 0
    while length < target and len(rows) < (10 if table else 5):
        wanted = [t for t in focus if t.name not in seen]
        topic = rng.choice(wanted) if wanted and (rng.random() < 0.7 or (alike and not rows)) else rng.choice(topics)
        if topic.name in seen:
            if len(seen) >= len(topics):
                break
            continue
        clause = rng.choice(_clauses_of(topic, wording))
        if table:
            label = rng.choice(topic.label)
            clause = f"{label[:1].upper()}{label[1:]}{sign}{{v}}"
        worded = clause if table or lexicon is None or rng.random() > 0.12 else swap_words(rng, clause, lexicon, 0.15)
        text, answer = world.clause(doc, topic, worded)
        if rows and length + len(text.split()) > budget + 25:
            break
        seen.add(topic.name)
        heading = rng.choice(topic.label) if rng.random() < 0.6 and not table else ""
        rows.append((text, heading, answer))
        found.append((Fact(index, topic.name, answer), topic, clause))
        length += len(text.split())
    edge = ["", ""]
    for k in range(0 if drill else 2):
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


def _cited(fact: Fact) -> str:
    return f"{fact.answer} [{fact.passage + 1}]"


def _reworded(rng: random.Random, wording: str, lexicon: Lexicon | None) -> str:
    return wording if lexicon is None or rng.random() > 0.15 else swap_words(rng, wording, lexicon, 0.25)


_PLAINEST = ("{l} in {ref}", "What is the {l} in {ref}?", "{ref}: {l}?", "The {l} of {ref}", "{l}, {ref}?",
             "For {ref}, what is the {l}?", "I need the {l} of {ref}.")  # fmt: skip


def _rivals(documents: Sequence[Document], seen: Sequence[set[str]], index: int, topic: str) -> list[Document]:
    return [d for i, d in enumerate(documents) if i != index and topic in seen[i]]


def _single(
    rng: random.Random,
    documents: Sequence[Document],
    row: tuple[Fact, Topic, str],
    seen: Sequence[set[str]],
    wording: str,
    lexicon: Lexicon | None,
    drill: bool = False,
) -> Turn | None:
    fact, topic, clause = row
    chosen = rng.choice(_questions_of(topic, wording))
    if drill and rng.random() < 0.6:
        chosen = rng.choice(_PLAINEST).format(l=rng.choice(topic.label), ref="{ref}")
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
            stranger = world.document(documents[0].domain, rng.choice(documents) if rng.random() < 0.6 else None)
            question = ask(rng, worded, stranger, documents, generic=False)
    else:
        at = rng.randrange(len(documents))
        question = ask(rng, worded, documents[at], [], generic=True)
    if question is None:
        return None
    return dress(rng, question, lexicon, False), prompts.REFUSAL, ("", chosen)


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
        lexical = lexicon is not None and (
            source == "lexicon" or (source is None and rng.random() < 0.2 * (1 - level.drill))
        )
        if lexical and lexicon is not None:
            group = lexical_group(rng, lexicon, level, turns, wording, held_names)
        else:
            group = _topic_group(rng, bank, lexicon, level, turns, wording, held_names)
        if group.turns:
            return group
