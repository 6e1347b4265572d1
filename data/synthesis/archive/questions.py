"""Questions over the world, with answers, accepted spellings and the places of the evidence."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from synthesis.archive import clauses, contracts, playbook, values, world
from synthesis.archive.contracts import Clause, Contract
from synthesis.archive.values import Value
from synthesis.archive.world import Company

TASKS = ("lookup", "compare", "multihop", "amended", "list", "classify", "summarise", "unanswerable")
COUNTS = {
    "train": {"lookup": 600, "compare": 200, "multihop": 160, "amended": 160, "list": 160, "classify": 160,
              "summarise": 110, "unanswerable": 160},
    "dev": {"lookup": 100, "compare": 64, "multihop": 64, "amended": 64, "list": 64, "classify": 64,
            "summarise": 60, "unanswerable": 64},
    "test": {"lookup": 180, "compare": 120, "multihop": 120, "amended": 120, "list": 120, "classify": 120,
             "summarise": 115, "unanswerable": 120},
}  # fmt: skip
FOLLOWUPS = {"train": 30, "dev": 8, "test": 16}
TIME = {"days", "days_months", "duration_long", "hours", "business_days", "weeks_days"}
REFERENCES = {"parties": 0.24, "kind_party": 0.32, "date": 0.16, "nickname": 0.1, "subject": 0.18}


def share(rows: list[Any], split: str, task: str) -> list[tuple[int, Any]]:
    """The wordings of a list that a split may use, with their positions."""
    marks = (5, 7) if task == "lookup" else (2, 3) if task == "topic" else (
        round(0.4 * len(rows)), round(0.4 * len(rows)) + round(0.2 * len(rows)))  # fmt: skip
    ranges = {"train": (0, marks[0]), "dev": marks, "test": (marks[1], len(rows))}
    start, end = ranges[split]
    return [(number, rows[number]) for number in range(start, end)]


def phrase(template: str, slots: dict[str, str]) -> str:
    """Fill a question: possessives, `a` or `an`, no doubled article, a capital at each sentence start."""

    def put(match: re.Match[str]) -> str:
        text = slots[match.group(1)]
        return text + ("" if not match.group(2) else "'" if text.endswith("s") else "'s")

    text = re.sub(r"\{(\w+)\}('s\b)?", put, template)
    text = re.sub(r"\b(the|The) the\b", r"\1", text)
    text = re.sub(r"\b([Aa]) (?=[aeio]|8|11\b|18\b)(?!one\b)", r"\1n ", text)
    text = re.sub(r"(^|[.?!] )([a-z])", lambda m: m.group(1) + m.group(2).upper(), text)
    return text


@dataclass
class Reference:
    """A contract as an asker names it."""

    contract: Contract
    kind: str
    text: str
    ambiguous: bool
    named: frozenset[str]


@dataclass
class Corpus:
    """All documents and what is asked of them."""

    companies: list[Company]
    written: list[Contract]
    changes: list[Contract]
    forces: dict[str, dict[str, tuple[Contract, Clause]]] = field(default_factory=dict)
    by_id: dict[str, Company] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.forces = {c.id: contracts.in_force(c, self.changes) for c in self.written}
        self.by_id = {company.id: company for company in self.companies}

    def of(self, split: str) -> list[Contract]:
        """The contracts of one split."""
        return [c for c in self.written if c.deal.split == split]

    def amended(self, contract: Contract) -> set[str]:
        """Categories of a contract that an amendment changed."""
        return {category for category, (doc, _) in self.forces[contract.id].items() if doc.id != contract.id}

    def matching(self, contract: Contract, fields: Iterable[str]) -> list[int]:
        """For each metadata field, the number of contracts sharing its value; last, of those sharing all."""
        tests: list[Callable[[Contract], bool]] = []
        deal = contract.deal
        for name in fields:
            if name in ("A", "B"):
                company = deal.a.id if name == "A" else deal.b.id
                tests.append(lambda c, company=company: company in (c.deal.a.id, c.deal.b.id))  # type: ignore[misc]
            elif name == "kind":
                tests.append(lambda c: c.deal.kind == deal.kind)
            elif name == "year":
                tests.append(lambda c: c.date.year == deal.date.year)
            elif name == "date":
                tests.append(lambda c: c.date == deal.date)
            elif name == "nickname":
                tests.append(lambda c: c.deal.nickname == deal.nickname)
            elif name == "subject":
                tests.append(lambda c: c.deal.subject == deal.subject)
        counts = [sum(test(c) for c in self.written) for test in tests]
        return [*counts, sum(all(test(c) for test in tests) for c in self.written)]

    def refer(self, contract: Contract, rng: random.Random, hide: str | None = None,
              only: str | None = None) -> Reference | None:  # fmt: skip
        """Name a contract so that exactly one fits; `hide` is a party ("A" or "B") that may not be named."""
        deal, table = contract.deal, world.load("questions.toml")["reference"]
        nouns = world.load("names.toml")["kinds"][deal.kind]["nouns"]
        slots = {"A": deal.a.short, "B": deal.b.short, "kind": rng.choice(nouns), "year": str(deal.date.year),
                 "date": clauses.write_date(deal.date, "classic"), "nickname": deal.nickname or "",
                 "subject": deal.subject}  # fmt: skip
        names, weights = list(REFERENCES), list(REFERENCES.values())
        for _ in range(30):
            kind = only or rng.choices(names, weights)[0]
            template = rng.choice(table[kind])
            fields = sorted(set(re.findall(r"\{(\w+)\}", template)))
            if (hide and hide in fields) or ("nickname" in fields and not deal.nickname):
                continue
            *counts, together = self.matching(contract, fields)
            if together != 1:
                continue
            text = phrase(template, slots)
            text = text if template.startswith("{") else text[:1].lower() + text[1:]
            return Reference(contract, kind, text, min(counts) >= 2, frozenset(fields))
        return None


def _span(document: str, start: int, end: int) -> dict[str, Any]:
    return {"document": document, "start": start, "end": end}


def _evidence(document: Contract, clause: Clause) -> dict[str, Any]:
    return _span(document.id, clause.evidence_start, clause.evidence_end)


def _unique(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))


def _aliases(clause: Clause) -> list[str]:
    return _unique([clause.value.canonical, clause.surface, *clause.value.aliases])


def _stratum(found: list[tuple[Contract, Clause | None]]) -> str:
    if any(document.deal.style == "letter" for document, _ in found):
        return "held-out style"
    if any(clause is not None and clause.held_out for _, clause in found):
        return "held-out wording"
    return "known"


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    return clauses.Written(text, start, end).evidence()


def _paragraph(text: str, at: int) -> tuple[int, int]:
    start = text.rfind("\n\n", 0, at)
    end = text.find("\n\n", at)
    return (0 if start < 0 else start + 2), (len(text) if end < 0 else end)


class Asker:
    """Writes the questions of one split and half."""

    def __init__(self, corpus: Corpus, split: str, half: str | None, trained: list[dict[str, Any]]) -> None:
        self.corpus, self.split, self.half = corpus, split, half
        self.pool = corpus.of("train" if half == "seen" else split)
        self.rng = world.stream("questions", split, half)
        self.trained = {task: _unique(q["fact"] for q in trained if q["task"] == task) for task in TASKS}
        self.used: set[tuple[str, str]] = set()
        self.texts: set[str] = set()
        self.load: Counter[str] = Counter()
        self.questions: list[dict[str, Any]] = []

    # ---- shared parts

    def wording(self, path: str, rows: list[Any], task: str) -> tuple[str, Any]:
        """Draw a wording of this split; return its id and text."""
        number, text = self.rng.choice(share(rows, self.split, task))
        return f"{path}.{number + 1:02d}", text

    def topic(self, category: str) -> str:
        """A noun phrase for a category, of this split."""
        rows = world.load("questions.toml")["topic"][category]["phrases"]
        return str(self.rng.choice(share(rows, self.split, "topic"))[1])

    def contract(self) -> Contract:
        """A contract asked about least so far, by chance among equals."""
        return min(self.pool, key=lambda c: (self.load[c.id], self.rng.random()))

    def keep(self, task: str, question: str, answer: str | None, fact: str, wording: str, documents: list[str],
             **more: Any) -> bool:  # fmt: skip
        """Add a question unless the fact was asked in this wording, or the text exists already."""
        if (fact, wording) in self.used or question in self.texts:
            return False
        if self.half == "seen" and fact not in self.trained[task]:
            return False
        self.used.add((fact, wording))
        self.texts.add(question)
        self.load.update(d for d in documents if d.count("-") == 0)
        row: dict[str, Any] = {"id": "", "task": task, "question": question, "answer": answer, "aliases": [],
               "items": [], "fields": {}, "evidence": [], "documents": documents, "category": None, "wording": wording,
               "reference": None, "half": self.half, "stratum": "known", "ambiguous": False, "split": self.split,
               "fact": fact, "followup": None, "standalone": None}  # fmt: skip
        self.questions.append(row | more)
        return True

    def run(self) -> list[dict[str, Any]]:
        """Write the questions of all tasks."""
        for task in TASKS:
            wanted, tries = COUNTS[self.split][task], 0
            made = len(self.questions)
            self.load.clear()
            while len(self.questions) - made < wanted and tries < 400 * wanted:
                tries += 1
                getattr(self, f"ask_{task}")(len(self.questions) - made)
            if len(self.questions) - made < wanted:
                raise ValueError(f"Only {len(self.questions) - made} of {wanted} {task} questions could be written "
                                 f"for {self.split} {self.half or ''}: add wordings or contracts.")  # fmt: skip
        for number, row in enumerate(self.questions, 1):
            row["id"] = "-".join(part for part in (self.split, self.half, f"{number:04d}") if part)
        return self.questions

    # ---- tasks

    def ask_lookup(self, number: int) -> None:
        """A value of one contract that no amendment changed."""
        contract, rng = self.contract(), self.rng
        free = [c for c in contract.clauses if c.category not in self.corpus.amended(contract)]
        if self.half == "seen":
            free = [c for c in free if f"{contract.id}:{c.category}" in self.trained["lookup"]]
        if not free:
            self.load[contract.id] += 1
            return
        clause = rng.choice(free)
        common = dict(aliases=_aliases(clause), evidence=[_evidence(contract, clause)], category=clause.category,
                      stratum=_stratum([(contract, clause)]))  # fmt: skip
        fact = f"{contract.id}:{clause.category}"
        if number < FOLLOWUPS[self.split]:
            self._follow(contract, clause, fact, common)
            return
        asked = self._ask(contract, clause.category)
        if asked:
            wording, question, reference = asked
            self.keep("lookup", question, clause.value.canonical, fact, wording, [contract.id],
                      reference=reference.kind, ambiguous=reference.ambiguous, **common)  # fmt: skip

    def _ask(self, contract: Contract, category: str) -> tuple[str, str, Reference] | None:
        """Ask for a category of a contract in a lookup wording."""
        table = world.load("questions.toml")["lookup"][category]["wordings"]
        wording, template = self.wording(f"lookup.{category}", table, "lookup")
        names_pair = "{contract}" not in template
        reference = self.corpus.refer(contract, self.rng, only="parties" if names_pair else None)
        if reference is None:
            return None
        deal = contract.deal
        if not names_pair and ("{A}" in template or "{B}" in template):
            reference = self._add_parties(reference, template)
        slots = {"contract": reference.text, "A": deal.a.short, "B": deal.b.short}
        return wording, phrase(template, slots), reference

    def _add_parties(self, reference: Reference, template: str) -> Reference:
        """A question that also names a party: ambiguous only if that party has several contracts."""
        fields = reference.named | {name for name in ("A", "B") if f"{{{name}}}" in template}
        counts = self.corpus.matching(reference.contract, sorted(fields))[:-1]
        return Reference(reference.contract, reference.kind, reference.text, min(counts) >= 2, fields)

    def _follow(self, contract: Contract, clause: Clause, fact: str, common: dict[str, Any]) -> None:
        rng = self.rng
        pairs = [row for row in share(world.load("questions.toml")["followup"]["pairs"], self.split, "followup")
                 if "playbook" not in row[1]["first"]]  # fmt: skip
        number, pair = rng.choice(pairs)
        reference = self.corpus.refer(contract, rng)
        others = [c for c in contract.clauses
                  if c.category not in self.corpus.amended(contract) | {clause.category}]  # fmt: skip
        if reference is None or not others:
            return
        first = rng.choice(others)
        slots = {"contract": reference.text, "topic": self.topic(first.category), "topic2": self.topic(clause.category)}
        history = [{"role": "user", "content": phrase(pair["first"], slots)},
                   {"role": "assistant", "content": first.value.canonical}]  # fmt: skip
        question = phrase(pair["follow_up"], slots)
        if question in self.texts:
            return
        self.keep("lookup", question, clause.value.canonical, fact, f"followup.pairs.{number + 1:02d}", [contract.id],
                  followup={"history": history}, standalone=phrase(pair["standalone"], slots),
                  reference=reference.kind, ambiguous=reference.ambiguous, **common)  # fmt: skip

    def _value(self, contract: Contract, category: str) -> tuple[Contract, Clause] | None:
        return self.corpus.forces[contract.id].get(category)

    def _pair(self, form: str) -> tuple[Contract, Contract, str] | None:
        """Two contracts of the pool and a category that the form can compare."""
        rng = self.rng
        if self.half == "seen":
            facts = [fact for fact in self.trained["compare"] if fact.endswith(f":{form}")]
            ids, category, _ = rng.choice(facts).split(":")
            found = {c.id: c for c in self.pool}
            left, right = ids.split("|")
            return found[left], found[right], category
        one = self.contract()
        two = rng.choice([c for c in self.pool if c.id != one.id])
        shared = [
            c.category for c in one.clauses if two.clause(c.category) and self._comparable(one, two, c.category, form)
        ]
        if not shared:
            return None
        return one, two, rng.choice(shared)

    def _comparable(self, one: Contract, two: Contract, category: str, form: str) -> bool:
        left, right = (self._value(c, category)[1].value for c in (one, two))  # type: ignore[index]
        kind = left.kind
        if kind == "party":
            return False
        if form == "same":
            return kind != "person" and kind != "company" and _comparable_units(left, right, exact=True)
        if kind not in values.NUMERIC or (left.amount == right.amount and left.unit == right.unit):
            return False
        if form == "difference":
            return values.difference(left, right) is not None
        if (form == "longer") != (kind in TIME):
            return False
        return _comparable_units(left, right, exact=False)

    def ask_compare(self, number: int) -> None:
        """The same category in two contracts."""
        form = ("longer", "higher", "same", "difference")[number % 4]
        pair = self._pair(form)
        if pair is None:
            return
        one, two, category = pair
        found = [self._value(one, category), self._value(two, category)]
        left, right = (item[1].value for item in found)  # type: ignore[index]
        if form == "same" and self.half != "seen" and _equal(left, right) != (number % 8 < 4):
            return
        rows = world.load("questions.toml")["compare"][form]["wordings"]
        wording, template = self.wording(f"compare.{form}", rows, "compare")
        first, second = self.corpus.refer(one, self.rng), self.corpus.refer(two, self.rng)
        if first is None or second is None or first.text == second.text:
            return
        slots = {"first": first.text, "second": second.text, "topic": self.topic(category)}
        if form == "same":
            answer = "yes" if _equal(left, right) else "no"
            aliases = [answer, answer.capitalize()]
        elif form == "difference":
            gap = values.difference(left, right)
            assert gap is not None
            answer, aliases = gap.canonical, gap.aliases
        else:
            winner = first if left.size > right.size else second
            answer = winner.text
            aliases = _unique([answer, answer.removeprefix("the "), winner.contract.title])
        documents = _unique([one.id, two.id, *(item[0].id for item in found if item)])
        self.keep("compare", phrase(template, slots), answer, f"{one.id}|{two.id}:{category}:{form}", wording,
                  documents, aliases=aliases, evidence=[_evidence(*item) for item in found if item],
                  category=category, reference=first.kind, ambiguous=first.ambiguous and second.ambiguous,
                  stratum=_stratum([item for item in found if item]))  # fmt: skip

    def ask_multihop(self, number: int) -> None:
        """A question that needs the register and a contract."""
        table = world.load("questions.toml")["multihop"]
        form = list(table)[number % len(table)]
        wording, template = self.wording(f"multihop.{form}", table[form]["wordings"], "multihop")
        contract = self.contract()
        self.load[contract.id] += 0.01  # type: ignore[assignment]
        side = self.rng.choice(("A", "B"))
        deal = contract.deal
        named, other = (deal.a, deal.b) if side == "A" else (deal.b, deal.a)
        if form.endswith("_of_party"):
            self._of_party(form, wording, template, contract, side, named, other)
        else:
            self._via(form, wording, template, contract, named, other)

    def _of_party(self, form: str, wording: str, template: str, contract: Contract, side: str, named: Company,
                  other: Company) -> None:  # fmt: skip
        corpus = self.corpus
        reference = corpus.refer(contract, self.rng, hide="B" if side == "A" else "A")
        if reference is None or (form == "parent_of_party" and not other.parent):
            return
        if form == "parent_of_party":
            owner = corpus.by_id[other.parent or ""]
            answer, aliases, key = owner.name, [owner.name, owner.short], "parent"
        elif form == "officer_of_party":
            answer, key = other.officers[0]["name"], "chief"
            aliases = [answer]
        else:
            answer, key = other.seat, "seat"
            aliases = [answer]
        question = phrase(template, {"contract": reference.text, "B": named.short})
        at = contract.text.index(other.name)
        evidence = [_span(contract.id, *_paragraph(contract.text, at)), self._register(other, key)]
        counts = corpus.matching(contract, [side])
        self.keep("multihop", question, answer, f"{contract.id}:{form}:{named.id}", wording,
                  [contract.id, f"R-{other.id}"], aliases=aliases, evidence=evidence, reference=reference.kind,
                  ambiguous=reference.ambiguous and counts[0] >= 2,
                  stratum=_stratum([(contract, None)]))  # fmt: skip

    def _register(self, company: Company, key: str) -> dict[str, Any]:
        start, end = company.spans[key]
        return _span(f"R-{company.id}", *_sentence(company.text, start, end))

    def _via(self, form: str, wording: str, template: str, contract: Contract, named: Company,
             other: Company) -> None:  # fmt: skip
        corpus = self.corpus
        group = {other.id}
        slots = {"B": named.short}
        if form == "value_via_parent":
            if not other.parent:
                return
            group = {c.id for c in corpus.companies if c.parent == other.parent}
            slots["parent"], key = corpus.by_id[other.parent].short, "parent"
        elif form == "value_via_former_name":
            if not other.former_names:
                return
            slots["former"], key = other.former_names[0].rsplit(" ", 1)[0], "former"
        else:
            slots["officer"], key = other.officers[0]["name"], "chief"
        between = [c for c in corpus.written if named.id in (c.deal.a.id, c.deal.b.id)
                   and {c.deal.a.id, c.deal.b.id} & (group - {named.id})]  # fmt: skip
        free = [c for c in contract.clauses
                if c.category not in corpus.amended(contract) and c.value.kind != "party"]  # fmt: skip
        if self.half == "seen":
            free = [c for c in free if f"{contract.id}:{form}:{named.id}:{c.category}" in self.trained["multihop"]]
        if len(between) != 1 or not free:
            return
        clause = self.rng.choice(free)
        question = phrase(template, slots | {"topic": self.topic(clause.category)})
        counts = [sum(c.id in (k.deal.a.id, k.deal.b.id) for k in corpus.written) for c in (named, other)]
        self.keep("multihop", question, clause.value.canonical, f"{contract.id}:{form}:{named.id}:{clause.category}",
                  wording, [contract.id, f"R-{other.id}"], aliases=_aliases(clause),
                  evidence=[self._register(other, key), _evidence(contract, clause)], category=clause.category,
                  ambiguous=min(counts) >= 2, stratum=_stratum([(contract, clause)]))  # fmt: skip

    def ask_amended(self, number: int) -> None:
        """The value in force of a category that an amendment changed."""
        changed = [c for c in self.pool if self.corpus.amended(c)]
        contract = min(changed, key=lambda c: (self.load[c.id], self.rng.random()))
        category = self.rng.choice(sorted(self.corpus.amended(contract)))
        document, clause = self.corpus.forces[contract.id][category]
        rows = world.load("questions.toml")["amended"]["general"]["wordings"]
        wording, template = self.wording("amended.general", rows, "amended")
        reference = self.corpus.refer(contract, self.rng)
        if reference is None:
            return
        question = phrase(template, {"contract": reference.text, "topic": self.topic(category)})
        kept = self.keep("amended", question, clause.value.canonical, f"{contract.id}:{category}:now", wording,
                         [contract.id, document.id], aliases=_aliases(clause),
                         evidence=[_evidence(document, clause)], category=category, reference=reference.kind,
                         ambiguous=reference.ambiguous, stratum=_stratum([(contract, clause)]))  # fmt: skip
        self.load[contract.id] += not kept

    def ask_list(self, number: int) -> None:
        """Counterparties of a company by a value in force."""
        form, corpus, rng = ("above", "below", "value")[number % 3], self.corpus, self.rng
        fact = ""
        if self.half == "seen":
            fact = rng.choice([f for f in self.trained["list"] if f.split(":")[2] == form])
            company_id, category, _, mark = fact.split(":")
            company = corpus.by_id[company_id]
        else:
            deal = self.contract().deal
            company = rng.choice((deal.a, deal.b))
            category, mark = rng.choice(list(values.CATEGORIES)), ""
        found = [(c, *corpus.forces[c.id][category]) for c in self.pool
                 if company.id in (c.deal.a.id, c.deal.b.id) and category in corpus.forces[c.id]]  # fmt: skip
        kind = values.CATEGORIES[category].kind
        if len(found) < 3 or kind in ("party", "person", "company") or (form != "value" and kind not in values.NUMERIC):
            return
        drawn = [clause.value for _, _, clause in found]
        if kind == "money" and form != "value" and len({value.unit for value in drawn}) > 1:
            return
        target = next((v for v in drawn + self._levels(category, drawn) if v.canonical == mark), None) if mark else (
            rng.choice(drawn) if form == "value" else rng.choice(self._levels(category, drawn)))  # fmt: skip
        if target is None or not all(_comparable_units(target, v, exact=form == "value") for v in drawn):
            return
        kept = [row for row in found if _selected(row[2].value, target, form)]
        if not kept or (form != "value" and len(kept) == len(found)) or len(kept) > 6:  # a set worth asking for
            return
        rows = world.load("questions.toml")["list"][form]["wordings"]
        wording, template = self.wording(f"list.{form}", rows, "list")
        level = target.canonical
        slots = {"company": company.short, "topic": self.topic(category), "threshold": level, "value": level}
        if len(kept) == 1 and self.half != "seen" and rng.random() < 0.75:
            return
        others = {c.id: c for row in kept for c in (row[0].deal.a, row[0].deal.b) if c.id != company.id}
        names = sorted(others.values(), key=lambda c: c.name)
        documents = _unique([row[0].id for row in kept] + [row[1].id for row in kept])
        self.keep("list", phrase(template, slots), "; ".join(c.name for c in names),
                  f"{company.id}:{category}:{form}:{level}", wording, documents,
                  aliases=["; ".join(c.short for c in names)], items=[[c.name, c.short] for c in names],
                  evidence=[_evidence(document, clause) for _, document, clause in kept], category=category,
                  ambiguous=True, stratum=_stratum([(row[0], row[2]) for row in kept]))  # fmt: skip

    def _levels(self, category: str, drawn: list[Value]) -> list[Value]:
        """Thresholds a person would pick: values of the category, in a unit of the contracts."""
        kind = values.CATEGORIES[category]
        units = {value.unit for value in drawn}
        found = [values.make(kind.kind, amount, unit, drawn[0].unit if kind.kind == "money" else "USD")
                 for amount, unit in kind.choices]  # fmt: skip
        return [value for value in found if value.unit in units]

    def ask_classify(self, number: int) -> None:
        """Category and house rating of a clause, quoted or named."""
        contract, rng = self.contract(), self.rng
        quoted = number % 2 == 0
        free = [c for c in contract.clauses if c.category not in self.corpus.amended(contract)
                and (not quoted or (len(c.body.split()) <= 80 and c.start <= c.value_start < c.end))]  # fmt: skip
        if self.half == "seen":
            free = [c for c in free if f"{contract.id}:{c.category}:rating" in self.trained["classify"]]
        if not free:
            self.load[contract.id] += 1
            return
        clause = rng.choice(free)
        if quoted and not _tells_side(clause.value):  # a quoted clause must be enough to rate it
            clear = [c for c in free if _tells_side(c.value)]
            if not clear:
                self.load[contract.id] += 1
                return
            clause = world.stream("clear", contract.id, number).choice(clear)
        rating = playbook.rate(clause.category, clause.value, contract)
        form = "clause" if quoted else "rating"
        rows = world.load("questions.toml")["classify"][form]["wordings"]
        wording, template = self.wording(f"classify.{form}", rows, "classify")
        fact = f"{contract.id}:{clause.category}:rating"
        names = playbook.category_names(clause.category)
        common: dict[str, Any] = dict(
            evidence=[_evidence(contract, clause), playbook.evidence(clause.category)], category=clause.category,
            stratum=_stratum([(contract, clause)]))  # fmt: skip
        if quoted:
            question = phrase(template, {"clause": "@"}).replace("@", clause.body)
            answer = f"{names[0]}, {rating}"
            fields = {"category": names, "rating": [rating, f"{rating} risk"]}
            self.keep("classify", question, answer, fact, wording, [contract.id, "playbook"], aliases=[answer],
                      fields=fields, **common)  # fmt: skip
            return
        reference = self.corpus.refer(contract, rng)
        if reference is None:
            return
        question = phrase(template, {"contract": reference.text, "topic": self.topic(clause.category)})
        self.keep("classify", question, rating, fact, wording, [contract.id, "playbook"],
                  aliases=[rating, f"{rating} risk"], fields={"rating": [rating, f"{rating} risk"]},
                  reference=reference.kind, ambiguous=reference.ambiguous, **common)  # fmt: skip

    def ask_summarise(self, number: int) -> None:
        """The term sheet of a contract, with the values in force."""
        contract = self.contract()
        rows = world.load("questions.toml")["summarise"]["general"]["wordings"]
        wording, template = self.wording("summarise.general", rows, "summarise")
        reference = self.corpus.refer(contract, self.rng)
        if reference is None:
            return
        sheet = playbook.term_sheet(contract, self.corpus.forces[contract.id])
        answer = "\n".join(f"{name}: {spellings[0]}" for name, spellings in sheet.fields.items())
        held = [(contract, clause) for _, clause in sheet.found]
        documents = _unique([contract.id, *(document.id for document, _ in sheet.found), "playbook"])
        evidence = [*sheet.evidence, *(_evidence(*item) for item in sheet.found)]
        kept = self.keep("summarise", phrase(template, {"contract": reference.text}), answer,
                         f"{contract.id}:summary", wording, documents, aliases=[answer], fields=sheet.fields,
                         evidence=evidence, reference=reference.kind, ambiguous=reference.ambiguous,
                         stratum=_stratum([*held, (contract, None)]))  # fmt: skip
        self.load[contract.id] += not kept

    def ask_unanswerable(self, number: int) -> None:
        """Something the contract does not say."""
        contract, rng = self.contract(), self.rng
        if number % 5 < 3:
            absent = [c for c in clauses.entries() if not contract.clause(c)]
            if self.half == "seen":
                absent = [c for c in absent if f"{contract.id}:no:{c}" in self.trained["unanswerable"]]
            if not absent:
                self.load[contract.id] += 1
                return
            category = rng.choice(absent)
            asked = self._ask(contract, category)
            if asked is None:
                return
            wording, question, reference = asked
            fact = f"{contract.id}:no:{category}"
        else:
            rows = world.load("questions.toml")["unanswerable"]["general"]["wordings"]
            wording, template = self.wording("unanswerable.general", rows, "unanswerable")
            found = self.corpus.refer(contract, rng)
            if found is None:
                return
            reference, category = found, None
            question, fact = phrase(template, {"contract": reference.text}), f"{contract.id}:no:other"
        kept = self.keep("unanswerable", question, None, fact, wording, [contract.id], category=category,
                         reference=reference.kind, ambiguous=reference.ambiguous,
                         stratum=_stratum([(contract, None)]))  # fmt: skip
        self.load[contract.id] += not kept


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


def _equal(left: Value, right: Value) -> bool:
    if left.kind in values.NUMERIC:
        return abs(left.size - right.size) < 1e-6 and (left.kind != "money" or left.unit == right.unit)
    return left.canonical == right.canonical


def _comparable_units(left: Value, right: Value, exact: bool) -> bool:
    """Whether two values compare without doubt: one currency; days against months only where far apart."""
    if left.kind not in values.NUMERIC:
        return True
    if left.kind == "money":
        return exact or left.unit == right.unit
    exact_units = ({"month", "year"}, {"day", "week"}, {"hour", "day"})
    if left.unit == right.unit or any({left.unit, right.unit} <= units for units in exact_units):
        return True
    return abs(left.size - right.size) > 0.1 * max(left.size, right.size)


def _selected(value: Value, target: Value, form: str) -> bool:
    if form == "value":
        return _equal(value, target)
    return value.size > target.size + 1e-6 if form == "above" else value.size < target.size - 1e-6


def questions(corpus: Corpus) -> dict[str, list[dict[str, Any]]]:
    """All questions by split; the test split has a half on new and a half on seen contracts."""
    train = Asker(corpus, "train", None, []).run()
    dev = Asker(corpus, "dev", None, []).run()
    new = Asker(corpus, "test", "new", []).run()
    seen = Asker(corpus, "test", "seen", train).run()
    return {"train": train, "dev": dev, "test": new + seen}
