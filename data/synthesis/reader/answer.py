"""Examples of the instruction `answer`: passages of contracts and plain documents, questions on them, refusals.

A question picks a document and a topic, and names the document so that it fits no other of the context.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from labkit import prompts
from synthesis.reader import worlds
from synthesis.reader.groups import WORDINGS, Group, Level, Turn
from synthesis.reader.references import ask, lower_first, reference
from synthesis.reader.worlds import Bank, Document, Fact, Topic, World


def _group(rng: random.Random, bank: Bank, level: Level, turns: int, wording: str, held_names: bool) -> Group:
    """Contracts (or plain documents) that share a topic or two; a question picks document and topic."""
    world = World(rng, held_names)
    plain = [t for t in bank.topics if t.domain == "plain"]
    topics = [t for t in bank.topics if t.domain == "contract"] or plain
    domain = "contract"
    if plain and rng.random() < 0.25:
        topics, domain = plain, "plain"
    count = rng.choice(level.passages)
    documents = [world.document(domain)]
    alike = domain == "contract" and rng.random() < level.alike
    for _ in range(count - 1):
        if alike or rng.random() < 0.62:
            like = rng.choice(documents) if rng.random() < (0.75 if alike else 0.6) else None
            documents.append(world.document(domain, like))
    order = list(range(len(documents))) + [rng.randrange(len(documents)) for _ in range(count - len(documents))]
    rng.shuffle(order)
    topics = _akin(rng, topics) if rng.random() < 0.35 else topics
    focus = rng.sample(topics, min(len(topics), rng.choice((1, 1, 2))))
    focus = focus[:1] if alike else focus
    budget = min(level.words // count, rng.randint(15, 60)) if alike else level.words // count
    seen: list[set[str]] = [set() for _ in documents]
    facts: list[tuple[Fact, Topic, str]] = []
    passages: list[prompts.Passage] = []
    for number, at in enumerate(order):
        passage, found = _passage(rng, world, documents[at], at, topics, focus, seen[at], budget, wording, alike)
        for fact, topic, clause in found:
            fact.passage = number
            facts.append((fact, topic, clause))
        passages.append(passage)
    if domain == "contract" and facts and rng.random() < 0.15:
        _amend(rng, world, documents, facts, passages, wording)
    system = worlds.load_wordings().system(rng, "answer") if wording == "known" else prompts.INSTRUCTIONS["answer"]
    group = Group(passages, [], system=system)
    asked = list(facts)
    rng.shuffle(asked)
    for _ in range(turns * 3):
        if len(group.turns) >= turns:
            break
        roll = rng.random()
        if roll < 0.2:
            turn = _refusal(rng, world, documents, seen, topics, focus, wording)
        elif roll < 0.24 and len(facts) > 1:
            turn = _pair(rng, documents, facts, seen, wording)
        else:
            if not asked:
                asked = list(facts)
                rng.shuffle(asked)
            turn = _single(rng, documents, asked.pop(), seen, wording)
        group.add(turn)
    return group


def _akin(rng: random.Random, topics: Sequence[Topic]) -> list[Topic]:
    """Topics whose values are of one kind, and a few others: only the meaning tells which value is asked for."""
    kind = rng.choice(topics).kind
    akin = [t for t in topics if t.kind == kind]
    return [*akin, *rng.sample([t for t in topics if t.kind != kind], 3)]


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
    doc: Document,
    index: int,
    topics: Sequence[Topic],
    focus: Sequence[Topic],
    seen: set[str],
    budget: int,
    wording: str,
    alike: bool,
) -> tuple[prompts.Passage, list[tuple[Fact, Topic, str]]]:
    """One passage of a document: clauses up to `budget` words, and their facts; `alike` starts with `focus`."""
    target = min(budget, rng.randint(30, 130))
    # The particulars of a contract: a line for each topic, its label and the value.
    table = doc.domain == "contract" and wording in ("known", "question") and rng.random() < 0.12
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
        text, answer = world.clause(doc, topic, clause)
        if rows and length + len(text.split()) > budget + 25:
            break
        seen.add(topic.name)
        heading = rng.choice(topic.label) if rng.random() < 0.6 and not table else ""
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


def _cited(fact: Fact) -> str:
    return f"{fact.answer} [{fact.passage + 1}]"


def _rivals(documents: Sequence[Document], seen: Sequence[set[str]], index: int, topic: str) -> list[Document]:
    return [d for i, d in enumerate(documents) if i != index and topic in seen[i]]


def _single(
    rng: random.Random,
    documents: Sequence[Document],
    row: tuple[Fact, Topic, str],
    seen: Sequence[set[str]],
    wording: str,
) -> Turn | None:
    fact, topic, clause = row
    chosen = rng.choice(_questions_of(topic, wording))
    others = _rivals(documents, seen, fact.document, topic.name)
    question = ask(rng, chosen, documents[fact.document], others, generic=True)
    if question is None:
        return None
    return _dressed(rng, question, wording, True), _cited(fact), (clause, chosen)


def _pair(
    rng: random.Random,
    documents: Sequence[Document],
    facts: Sequence[tuple[Fact, Topic, str]],
    seen: Sequence[set[str]],
    wording: str,
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
        return _dressed(rng, question, wording, True), f"{_cited(first[0])}; {_cited(second[0])}", (first[2], "")
    a = _single(rng, documents, first, seen, wording)
    b = _single(rng, documents, second, seen, wording)
    if a is None or b is None:
        return None
    joint = rng.choice([" And ", " Also: ", " ", " Then, "])
    return f"{a[0]}{joint}{lower_first(b[0]) if 'nd' in joint or 'Then' in joint else b[0]}", f"{a[1]}; {b[1]}", a[2]


def _refusal(
    rng: random.Random,
    world: World,
    documents: Sequence[Document],
    seen: Sequence[set[str]],
    topics: Sequence[Topic],
    focus: Sequence[Topic],
    wording: str,
) -> Turn | None:
    """A question that the context does not answer: strange document, or the topic is not there."""
    question: str | None = None
    topic = rng.choice(list(focus) if rng.random() < 0.5 else list(topics))
    everywhere = set().union(*seen)
    chosen = rng.choice(_questions_of(topic, wording))
    if topic.name in everywhere:
        lacking = [i for i in range(len(documents)) if topic.name not in seen[i]]
        if lacking and rng.random() < 0.5:
            at = rng.choice(lacking)
            others = [d for i, d in enumerate(documents) if i != at]
            question = ask(rng, chosen, documents[at], others, generic=False)
        else:
            stranger = world.document(documents[0].domain, rng.choice(documents) if rng.random() < 0.6 else None)
            question = ask(rng, chosen, stranger, documents, generic=False)
    else:
        at = rng.randrange(len(documents))
        question = ask(rng, chosen, documents[at], [], generic=True)
    if question is None:
        return None
    return _dressed(rng, question, wording, False), prompts.REFUSAL, ("", chosen)


def _dressed(rng: random.Random, question: str, wording: str, answerable: bool) -> str:
    """Everyday noise on a question: a greeting or thanks, lower case, a typo; a lost word only where it is answerable.

    Losing words on answerable questions alone keeps strange wording from predicting a refusal.
    """
    if answerable and rng.random() < 0.03:
        words = question.split(" ")
        free = [i for i, w in enumerate(words) if w.islower() and w not in ("first", "second") and len(w) > 2]
        if len(free) > 4:
            del words[rng.choice(free)]
            question = " ".join(words)
    if rng.random() < 0.12:
        wrapper = worlds.load_wordings().pick(rng, "wrappers", wording in ("question", "both"))
        question = wrapper.replace("{q}", question)
    roll = rng.random()
    if roll < 0.06:
        question = question.lower()
    if roll < 0.10:
        return question.rstrip("?.")
    return _mistyped(rng, question) if roll < 0.115 else question


def _mistyped(rng: random.Random, question: str) -> str:
    """Two neighbouring letters exchanged."""
    letters = [i for i, c in enumerate(question[:-2]) if c.islower() and question[i + 1].islower()]
    if not letters:
        return question
    at = rng.choice(letters)
    return question[:at] + question[at + 1] + question[at] + question[at + 2 :]


def make_answer(
    rng: random.Random, bank: Bank, level: Level, turns: int, wording: str = "known", held_names: bool = False
) -> Group:
    """A group for the instruction `answer`.

    Args:
        rng: decides everything.
        bank: topics to draw from.
        level: how hard the contexts are.
        turns: number of questions wanted (fewer where the context does not carry them).
        wording: "known", or which wordings come from the held-out part: "question", "clause", "both".
        held_names: draw names from the half never trained on.

    Raises:
        ValueError: the choice of wordings is unknown.
    """
    if wording not in WORDINGS:
        raise ValueError(f"Unknown wording {wording!r}: use one of {', '.join(WORDINGS)}.")
    while True:
        group = _group(rng, bank, level, turns, wording, held_names)
        if group.turns:
            return group
