"""Training examples for every instruction but `answer`: one maker each, on worlds of the bank.

The wordings are in `bank/dialogue.toml` (questions about several documents, follow-ups, the
instructions themselves), `bank/rules.toml` (house rules, term sheets) and `bank/relations.toml`
(facts about companies and contracts). Of every list the last 15 % is held out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from labkit import prompts
from labkit.replies import parse_answer
from synthesis.reader import answer, drawn_quantities, references, worlds
from synthesis.reader.drawn_quantities import Quantity
from synthesis.reader.groups import Group, Level
from synthesis.reader.worlds import Bank, Document, Topic, World, fill, load_wordings


class Maker:
    """What the makers share: a world, the bank, the wordings, and which wordings are held out."""

    def __init__(self, rng: random.Random, bank: Bank, level: Level, wording: str, held_names: bool) -> None:
        self.rng, self.bank, self.level, self.wording = rng, bank, level, wording
        self.world = World(rng, held_names)
        self.words = load_wordings()
        self.held_clause, self.held_question = wording in ("clause", "both"), wording in ("question", "both")
        self.contract_topics = [t for t in bank.topics if t.domain == "contract"]
        self.measured = [t for t in self.contract_topics if t.kind in drawn_quantities.KINDS]

    def group(self, instruction: str, passages: list[prompts.Passage], mark: str = "") -> Group:
        """An empty group with the instruction's words."""
        return Group(
            passages,
            [],
            instruction,
            system=self.words.system(self.rng, instruction, self.held_clause and self.held_question),
            mark=mark,
        )

    def ask(self, key: str) -> Any:
        """A question wording, held out where the questions are."""
        return self.words.pick(self.rng, key, self.held_question)

    def state(self, key: str) -> Any:
        """A statement wording, held out where the clauses are."""
        return self.words.pick(self.rng, key, self.held_clause)

    def clause_of(self, topic: Topic) -> str:
        """A clause wording of a topic."""
        return self.rng.choice(topic.held_clauses if self.held_clause else topic.clauses)

    def question_of(self, topic: Topic) -> str:
        """A question wording of a topic."""
        return self.rng.choice(topic.held_questions if self.held_question else topic.questions)

    def documents(self, count: int) -> list[Document]:
        """Contracts, some of them neighbours (a party or the kind in common)."""
        made = [self.world.document("contract")]
        while len(made) < count:
            made.append(self.world.document("contract", made[0] if self.rng.random() < 0.4 else None))
        return made

    def references(self, count: int) -> list[str]:
        """`count` noun phrases for different documents."""
        while True:
            documents = self.documents(count)
            found = [references.reference(self.rng, d, [o for o in documents if o is not d], set()) for d in documents]
            names = [name for name in found if name is not None]
            if len(set(names)) == count:
                return names

    def label(self, topic: Topic) -> str:
        """A name of the topic."""
        return self.rng.choice(topic.label)

    def passage(self, doc: Document, topics: Sequence[Topic], text: str = "") -> tuple[prompts.Passage, list[str]]:
        """A passage of a document that states `topics` after `text`, and the values as they stand there."""
        rows, values = [], []
        for topic in topics:
            worded, value = self.world.clause(doc, topic, self.clause_of(topic))
            rows.append((worded, self.label(topic) if self.rng.random() < 0.5 else "", value))
            values.append(value)
        laid = worlds.layout(self.rng, doc.title, rows) if rows else ""
        return prompts.Passage(doc.title, f"{text}\n{laid}" if text and laid else text or laid), values


def make_closed_book(make: Maker, turns: int) -> Group:
    """Questions without passages: every fact is unknown until it has been learned by fine-tuning."""
    group = make.group("closed_book", [], "Question: ")
    for _ in range(turns):
        topic = make.rng.choice(make.bank.topics)
        doc = make.world.document(topic.domain)
        question = references.ask(make.rng, make.question_of(topic), doc, [], generic=True)
        if question:
            group.turns.append((question, prompts.REFUSAL))
    return group


def make_hyde(make: Maker, turns: int) -> Group:
    """A made-up clause that would answer the question (HyDE, Gao et al. 2023)."""
    group = make.group("hyde", [], "Question: ")
    for _ in range(turns):
        topic = make.rng.choice(make.contract_topics)
        doc = make.world.document("contract")
        question = references.ask(make.rng, make.question_of(topic), doc, [], generic=True)
        if question:
            group.turns.append((question, make.world.clause(doc, topic, make.clause_of(topic))[0]))
    return group


def make_questions(make: Maker, turns: int) -> Group:
    """The questions that a passage answers, in the order of its clauses."""
    rng = make.rng
    doc = make.world.document("contract")
    topics = rng.sample(make.contract_topics, rng.randint(1, 3))
    passage, _ = make.passage(doc, topics)
    group = make.group("questions", [passage])
    reference = references.reference(rng, doc, [], set()) or "the contract"
    lines = [f"What is the {topic.label[0]} in {reference}?" for topic in topics]
    group.turns.append(("", "\n".join(lines)))
    return group


def make_rewrite(make: Maker, turns: int) -> Group:
    """A follow-up as a question of its own: another thing of the same document, or another document."""
    rng = make.rng
    group = make.group("rewrite", [])
    for _ in range(turns):
        first, other = rng.sample(make.contract_topics, 2)
        one, two = make.references(2)
        frame = make.ask("plain_questions")
        asked, name = fill(frame, l=make.label(first), x=one), make.label(other)
        value = make.world.clause(make.world.document("contract"), first, first.clauses[0])[1]
        roll = rng.random()
        if roll < 0.4:
            followup, wanted = fill(make.ask("followups"), l=name), fill(frame, l=name, x=one)
        elif roll < 0.6:
            followup, wanted = fill(make.ask("followups_pronoun"), l=name), fill(frame, l=name, x=one)
        elif roll < 0.9:
            followup = fill(make.ask("followups_document"), y=two)
            wanted = asked.replace(one, two) if one in asked else fill(frame, l=make.label(first), x=two)
        else:
            followup = wanted = fill(make.ask("plain_questions"), l=name, x=two)
        opening = f"{rng.choice(_OPENINGS)} " if rng.random() < 0.25 else ""
        group.turns.append((f"Question: {opening}{asked}\nAnswer: {value}\nFollow-up: {followup}", wanted))
    return group


_OPENINGS = ("I need this for a meeting.", "Good morning.", "Hello,", "One question.", "I am reading the file.",
             "Please help me.", "First this:", "We are checking some papers.")  # fmt: skip


def simple_question(label: str, reference: str) -> str:
    """The form in which `decompose` asks for one fact of one document."""
    return f"What is the {label} in {reference}?"


def make_decompose(make: Maker, turns: int) -> Group:
    """Simple questions for a compound, comparing or chained one; a simple one stays as it is."""
    rng = make.rng
    group = make.group("decompose", [], "Question: ")
    for _ in range(turns):
        one, two = make.references(2)
        topics = rng.sample(make.measured, 2)
        label, other = make.label(topics[0]), make.label(topics[1])
        company, rival = make.world.names.company()[rng.random() < 0.7], make.world.names.company()[1]
        roll = rng.random()
        if roll < 0.42:
            asked = fill(make.ask(_comparing(rng, topics[0].kind)), l=label, x=one, y=two)
            lines = [simple_question(label, x) for x in _in_order(asked, one, two)]
        elif roll < 0.52:
            asked = fill(make.ask("joint"), l=label, m=other, x=one)
            lines = [simple_question(x, one) for x in _in_order(asked, label, other)]
        elif roll < 0.6:
            asked = fill(make.ask("both_documents"), l=label, x=one, y=two)
            lines = [simple_question(label, x) for x in _in_order(asked, one, two)]
        elif roll < 0.88:
            slots = {"x": one, "c": company, "l": label, "o": rival, "t": make.world.names.place(),
                     "p": make.world.names.person(), "v": make.world.names.value(topics[0].kind)}  # fmt: skip
            key = "chain" if roll < 0.7 else "chain_value" if roll < 0.79 else "listing"
            asked, *lines = (fill(part, **slots) for part in make.ask(key))
        else:
            question = None
            while question is None:
                doc = make.world.document("contract")
                question = references.ask(rng, make.question_of(topics[0]), doc, [], generic=False)
            asked, lines = question, [question]
        group.turns.append((asked, "\n".join(lines)))
    return group


def _in_order(text: str, one: str, two: str) -> list[str]:
    """The two phrases in the order in which they stand in the text."""
    lowered = text.lower()
    return sorted((one, two), key=lambda part: lowered.find(part.lower()))


def _comparing(rng: random.Random, kind: str) -> str:
    """A list of comparing questions that suits values of `kind`."""
    if kind == "date":
        return rng.choice(("compare_earlier", "compare_later", "compare_same"))
    keys = ["compare_larger", "compare_smaller", "compare_same", "compare_difference"]
    if kind not in ("percent", "money", "count"):
        keys += ["compare_longer", "compare_shorter"]
    return rng.choice(keys)


_MOST = ("Which of them has the {w} {l}?", "Whose {l} is the {w}?", "Where is the {l} {w}?", "{w} {l}: which one?",
         "Name the one with the {w} {l}.", "Of all these, which sets the {w} {l}?")  # fmt: skip
_BEYOND = ("Which of them have a {l} {w} {v}?", "Where is the {l} {w} {v}?", "{l} {w} {v}: which ones?",
           "Name those whose {l} is {w} {v}.", "In which is the {l} {w} {v}?")  # fmt: skip
_LARGER = ("above", "over", "higher than", "more than", "greater than")
_SMALLER = ("below", "under", "lower than", "less than", "smaller than")


def make_compare(make: Maker, turns: int) -> Group:
    """Questions about values already found: which is larger, are they the same, how far apart, which exceed."""
    rng, names = make.rng, make.world.names
    group = make.group("compare", [])
    while len(group.turns) < turns:
        topic = rng.choice(make.measured)
        label = make.label(topic)
        many = rng.random() < 0.25
        refs = [names.company()[rng.random() < 0.5] for _ in range(rng.randint(3, 5))] if many else make.references(2)
        first = drawn_quantities.draw(rng, names, topic.kind)
        if many:
            values = [first] + [drawn_quantities.second(rng, names, first) for _ in refs[1:]]
            asked, wanted = _compare_many(rng, label, refs, values)
        else:
            key = _comparing(rng, topic.kind)
            values = [first, drawn_quantities.second(rng, names, first, same_unit=key == "compare_difference")]
            if key == "compare_difference" and values[0].size < values[1].size:
                values.reverse()
            asked = fill(make.ask(key), l=label, x=refs[0], y=refs[1])
            wanted = _compared(key, refs, values)
        if asked is None or wanted is None:
            continue
        found = [f"{ref}: {value.text}" for ref, value in zip(refs, values, strict=True)]
        if not many and rng.random() < 0.5:
            found.reverse()
        group.turns.append(("\n".join(found) + f"\n\nQuestion: {asked}", wanted))
    return group


def _compared(key: str, refs: Sequence[str], values: Sequence[Quantity]) -> str | None:
    """The answer to a question of the list `key` about two values."""
    a, b = values
    if key == "compare_same":
        return "yes" if a.size == b.size else "no"
    if a.size == b.size:
        return "the same"
    if key == "compare_difference":
        return drawn_quantities.difference(a, b)
    larger = key in ("compare_larger", "compare_longer", "compare_later")
    return refs[0] if (a.size > b.size) == larger else refs[1]


def _compare_many(
    rng: random.Random, label: str, refs: Sequence[str], values: Sequence[Quantity]
) -> tuple[str | None, str | None]:
    """Question and answer about three or more values: the largest, or those beyond one of them."""
    sizes = [v.size for v in values]
    larger = rng.random() < 0.5
    if rng.random() < 0.5:
        best = max(sizes) if larger else min(sizes)
        if sizes.count(best) > 1:
            return None, None
        word = rng.choice(("largest", "highest", "greatest") if larger else ("smallest", "lowest"))
        return fill(rng.choice(_MOST), w=word, l=label), refs[sizes.index(best)]
    limit = rng.choice(values)
    beyond = [r for r, s in zip(refs, sizes, strict=True) if (s > limit.size if larger else s < limit.size)]
    asked = fill(rng.choice(_BEYOND), w=rng.choice(_LARGER if larger else _SMALLER), l=label, v=limit.text)
    return asked, "; ".join(beyond) if beyond else "none"


def _answered(make: Maker, turns: int) -> Group:
    """A group of `answer` as the ground for judging: the replies without their citations."""
    return answer.make_answer(make.rng, make.bank, make.level, turns, make.wording, make.world.names.heldout)


def _wrong(rng: random.Random, right: str, others: Sequence[str]) -> str:
    """A wrong answer to a question: a refusal, another value of the context, or a changed figure."""
    if right == prompts.REFUSAL:
        return rng.choice(others)
    roll = rng.random()
    if roll < 0.2:
        return prompts.REFUSAL
    alike = [o for o in others if o.split()[-1] == right.split()[-1] or o[:3] == right[:3]]
    if alike and roll < 0.6:
        return rng.choice(alike)
    digits = [i for i, c in enumerate(right) if c.isdigit()]
    if digits and roll < 0.75:
        at = rng.choice(digits)
        return right[:at] + rng.choice([d for d in "123456789" if d != right[at]]) + right[at + 1 :]
    return rng.choice(others)


def _sentence(rng: random.Random, text: str) -> str:
    """The same answer, sometimes as a sentence."""
    if text == prompts.REFUSAL or rng.random() < 0.75:
        return text
    return rng.choice(("It is {v}.", "The answer is {v}.", "{v}, as far as I can see.", "That would be {v}.")).replace(
        "{v}", text
    )


def _candidates(make: Maker, turns: int, instruction: str) -> tuple[Group, list[tuple[str, str, str]]]:
    """A group with a context but no turns yet, and (question, right answer, wrong answer)."""
    ground = _answered(make, turns)
    group = make.group(instruction, ground.passages, "\nQuestion: ")
    kept = [(q, r, w) for (q, r), w in zip(ground.turns, ground.wordings, strict=True) if ";" not in r]
    group.wordings = [w for _, _, w in kept]
    pairs = [(q, parse_answer(r).text) for q, r, _ in kept]
    found = []
    for question, right in pairs:
        others = sorted({a for _, a in pairs if a not in (right, prompts.REFUSAL)})
        others = others or [make.world.names.value(make.rng.choice(("days", "money", "percent", "company")))]
        found.append((question, right, _wrong(make.rng, right, others)))
    return group, found


def make_judge(make: Maker, turns: int) -> Group:
    """Whether an answer is right by the passages; half of them are."""
    group, rows = _candidates(make, turns, "judge")
    for question, right, wrong in rows:
        good = make.rng.random() < 0.5
        group.turns.append(
            (f"{question}\nAnswer: {_sentence(make.rng, right if good else wrong)}", "yes" if good else "no")
        )
    return group


def make_prefer(make: Maker, turns: int) -> Group:
    """Which of two answers is better: the right one; of two right ones the short one."""
    rng = make.rng
    group, rows = _candidates(make, turns, "prefer")
    for question, right, wrong in rows:
        if right != prompts.REFUSAL and rng.random() < 0.15:
            better, worse = right, f"{rng.choice(_LONG)} {right}."
        else:
            better, worse = _sentence(rng, right), _sentence(rng, wrong)
        first = rng.random() < 0.5
        a, b = (better, worse) if first else (worse, better)
        group.turns.append((f"{question}\nA: {a}\nB: {b}", "A" if first else "B"))
    return group


_LONG = ("After a close look at all of the text, I would say that it is", "Thank you for asking; what stands there is",
         "There is much to say on this, but in the end the answer is",
         "If I have read it rightly, the thing asked for is")  # fmt: skip


def _rated(rng: random.Random, make: Maker, topic: Topic) -> tuple[str, str, str | None]:
    """A rule for a topic, a rating by it, and the value that earns it (None where the rule is fixed)."""
    label = make.label(topic)
    if topic.kind not in drawn_quantities.KINDS or topic.kind == "date":
        rating = rng.choice(("low", "medium", "medium", "high"))
        return fill(make.state("fixed"), t=label, r=rating), rating, None
    names = make.world.names
    while True:
        low = drawn_quantities.draw(rng, names, topic.kind)
        high = drawn_quantities.draw(
            rng, names, topic.kind, low, low.unit if low.unit in drawn_quantities.PERIODS else None
        )
        if low.size < high.size:
            break
    rising = rng.random() < 0.5
    rule = make.state("rising" if rising else "falling")
    roll = rng.random()
    value = (
        drawn_quantities.again(rng, names, low if roll < 0.08 else high)
        if roll < 0.16
        else drawn_quantities.second(rng, names, rng.choice((low, high)))
    )
    ratings = ("low", "medium", "high") if rising else ("high", "medium", "low")
    at_low = rule["low_at"] if rising else rule["high_at"]
    below = value.size < low.size or (value.size == low.size and at_low)
    between = value.size < high.size or (value.size == high.size and rule["medium_at"])
    rating = ratings[0] if below else ratings[1] if between else ratings[2]
    return fill(rule["text"], t=label, x=low.text, y=high.text), rating, value.text


def make_classify(make: Maker, turns: int) -> Group:
    """The rule that a clause falls under, and its rating by the value that the clause states."""
    rng = make.rng
    topics = rng.sample(make.contract_topics, rng.choice((1, 2, 3, 3, 4)))
    one_page = rng.random() < 0.3
    title = rng.choice(("House rules", "The playbook", "Rules for reviewers", "Review guide", "Risk rules"))
    rules, asked = [], []
    for topic in topics:
        text, rating, value = _rated(rng, make, topic)
        name = make.label(topic)
        name = name[:1].upper() + name[1:]
        if rng.random() < 0.6:
            text = f"{text} {make.state('reasons')}"
        rules.append((name, text))
        asked.append((topic, name, rating, value))
    if one_page:
        passages = [prompts.Passage(title, "\n\n".join(f"{rng.choice(('', '### '))}{n}\n{t}" for n, t in rules))]
    else:
        passages = [
            prompts.Passage(n, t) if rng.random() < 0.4 else prompts.Passage(title, f"{n}\n{t}") for n, t in rules
        ]
    group = make.group("classify", passages, "\nClause: ")
    for topic, name, rating, value in asked:
        doc = make.world.document("contract")
        text, _ = make.world.clause(doc, topic, make.clause_of(topic), value)
        if rng.random() < 0.3:
            text = f"{make.ask('asks')} {text}"
        group.turns.append((text, f"{name}, {rating}"))
    return group


def make_term_sheet(make: Maker, turns: int) -> Group:
    """The fields of a guide, filled from the passages of one document; what is missing is not stated."""
    rng = make.rng
    doc = make.world.document("contract")
    topics = rng.sample(make.contract_topics, 10)
    stated = topics[: rng.randint(2, 6)]
    count = rng.randint(1, 3)
    passages: list[prompts.Passage] = []
    values: dict[str, str] = {}
    for at in range(count):
        part = stated[at::count]
        passage, found = make.passage(doc, part)
        passages.append(passage)
        values |= dict(zip((t.name for t in part), found, strict=True))
    fields = []
    if "k" in doc.shown and rng.random() < 0.7:
        fields.append(("Contract", rng.choice(("kind of contract", "kind of document, in small letters")), doc.form))
    if {"a", "b"} <= doc.shown and rng.random() < 0.7:
        fields.append(
            ("Parties", rng.choice(("two parties", "both companies, joined by and")), " and ".join(doc.named))
        )
    if "d" in doc.shown and rng.random() < 0.7:
        fields.append(
            (rng.choice(("Date", "Signed")), rng.choice(("day of signing", "date of the contract")), doc.date)
        )
    asked = [*stated, *topics[len(stated) : len(stated) + rng.randint(1, 2)]]
    rng.shuffle(asked)
    for topic in asked:
        name = make.label(topic)
        fields.append((name[:1].upper() + name[1:], make.label(topic), values.get(topic.name, prompts.NOT_STATED)))
    form = make.ask("guide_lines")
    lines = [fill(form, n=str(i), f=f, t=t) for i, (f, t, _) in enumerate(fields, start=1)]
    intro = [make.ask("guide_intro")] if rng.random() < 0.5 else []
    group = make.group("term_sheet", passages)
    group.turns.append(("\nGuide:\n" + "\n".join([*intro, *lines]), "\n".join(f"{f}: {v}" for f, _, v in fields)))
    return group


_RELATIONS = {
    "parent": ("parent company", "parent", "owner", "owned by"),
    "former_name": ("former name", "earlier name", "formerly"),
    "seat": ("seat", "registered seat", "head office"),
    "chief_executive": ("chief executive", "head", "led by"),
    "finance_director": ("finance director", "head of finance"),
    "founded": ("founded", "year of registration", "founding year"),
    "staff": ("employees", "staff", "headcount"),
    "number": ("register number", "registration number"),
}


def make_triples(make: Maker, turns: int) -> Group:
    """The facts of a passage as triples: of a company, of a contract, or of an amendment."""
    rng = make.rng
    roll = rng.random()
    maker = _company_facts if roll < 0.5 else _contract_facts if roll < 0.85 else _amendment_facts
    passage, facts, absent = maker(make)
    group = make.group("triples", [passage], "\nRelations: ")
    for _ in range(min(turns, 3)):
        wanted = {relation for _, relation, _ in facts if rng.random() < 0.85}
        # Sorted: the order of a set changes from process to process, the stream must not.
        asked = [*sorted(wanted), *rng.sample(absent, min(len(absent), rng.randint(0, 3)))]
        if not asked:
            continue
        rng.shuffle(asked)
        lines = [" | ".join(fact) for fact in facts if fact[1] in wanted]
        group.turns.append(("; ".join(asked), "\n".join(lines) if lines else "none"))
    return group


Facts = tuple[prompts.Passage, list[tuple[str, str, str]], list[str]]


def _company_facts(make: Maker) -> Facts:
    """A register extract, a profile or a news item about one company."""
    rng, names = make.rng, make.world.names
    full, short = names.company()
    while short == full:
        full, short = names.company()
    kinds = rng.sample(sorted(_RELATIONS), rng.randint(1, 5))
    values: dict[str, Callable[[], str]] = {
        "parent": lambda: names.company()[0], "former_name": lambda: names.company()[0], "seat": names.place,
        "chief_executive": names.person, "finance_director": names.person,
        "founded": lambda: str(rng.randint(1921, 2024)), "staff": lambda: f"{rng.randint(4, 4000):,}",
        "number": names.code,
    }  # fmt: skip
    chosen = {kind: rng.choice(_RELATIONS[kind]) for kind in _RELATIONS}
    rows: list[tuple[str, str, str]] = []
    for kind in kinds:
        rows.append((kind, make.state(kind), values[kind]()))
        if kind == "former_name" and rng.random() < 0.2:
            rows.append((kind, make.state(kind), values[kind]()))
    idle = [("", make.state("idle"), "") for _ in range(rng.randint(0, 3))]
    rows += idle
    rng.shuffle(rows)
    sentences, facts = [], []
    for at, (kind, wording, value) in enumerate(rows):
        subject = full if at == 0 else rng.choice((full, short, short, "the company", "it"))
        if subject in ("it", "the company") and "{s}'s" in wording:
            subject = short
        text = fill(wording, s=subject, o=value)
        sentences.append(text[:1].upper() + text[1:])
        if kind:
            facts.append((full, chosen[kind], value))
    title = rng.choice(
        (full, f"Register: {full}", f"Extract from the register, {full}", f"Company file {short}", f"{short}: profile")
    )
    absent = [chosen[kind] for kind in _RELATIONS if kind not in kinds]
    return prompts.Passage(title, rng.choice((" ", " ", "\n")).join(sentences)), facts, absent


def _contract_facts(make: Maker) -> Facts:
    """The opening of a contract, clauses of it, or both; the subject is the document."""
    rng = make.rng
    doc = make.world.document("contract")
    facts: list[tuple[str, str, str]] = []
    opening, party = "", rng.choice(("party", "parties", "signed by"))
    day, absent = rng.choice(("date", "signed on")), []
    if rng.random() < 0.6:
        wording = make.state(rng.choice(("party", "party_roles")))
        opening = fill(wording, a=doc.a_full, b=doc.b_full, k=doc.form, d=doc.date, ra=doc.roles[0], rb=doc.roles[1])
        facts += [("document", party, name) for name in sorted((doc.a_full, doc.b_full), key=opening.find)]
        if "{d}" in wording:
            facts.append(("document", day, doc.date))
        else:
            absent.append(day)
    else:
        absent += [party, day]
    topics = rng.sample(make.contract_topics, 5)
    stated = topics[: rng.randint(0 if opening else 1, 3)]
    labels = [make.label(t) for t in topics]
    passage, values = make.passage(doc, stated, opening)
    facts += [("document", name, value) for name, value in zip(labels, values, strict=False)]
    return passage, facts, absent + labels[len(stated) :]


def _amendment_facts(make: Maker) -> Facts:
    """An amendment: what it amends, and the values it sets."""
    rng = make.rng
    doc = make.world.document("contract")
    topics = rng.sample(make.contract_topics, rng.randint(1, 3))
    title, text, changes = make.world.amendment(doc, topics, make.held_clause)
    amends = rng.choice(("amends", "changes"))
    facts = [("document", amends, doc.title)] + [("document", label, value) for label, value in changes]
    absent = [make.label(t) for t in rng.sample(make.contract_topics, 3)]
    return prompts.Passage(title, text), facts, [a for a in absent if a not in dict(changes)]


MAKERS: dict[str, Callable[[Maker, int], Group]] = {
    "closed_book": make_closed_book,
    "hyde": make_hyde,
    "questions": make_questions,
    "rewrite": make_rewrite,
    "decompose": make_decompose,
    "triples": make_triples,
    "judge": make_judge,
    "prefer": make_prefer,
    "compare": make_compare,
    "classify": make_classify,
    "term_sheet": make_term_sheet,
}
