"""Questions over the world, with answers, accepted spellings and the places of the evidence."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from synthesis.archive import clauses, world
from synthesis.archive.contracts import Clause, Contract
from synthesis.archive.references import Corpus

COUNTS = {
    "train": {"lookup": 600, "compare": 200, "multihop": 160, "amended": 160, "list": 160, "classify": 160,
              "summarise": 110, "unanswerable": 160, "draft": 120},
    "dev": {"lookup": 120, "compare": 72, "multihop": 72, "amended": 72, "list": 64, "classify": 72,
            "summarise": 60, "unanswerable": 72, "draft": 64},
    "dev seen": {"lookup": 96, "compare": 12, "multihop": 12, "amended": 12, "list": 12, "classify": 12,
                 "summarise": 12, "unanswerable": 16, "draft": 12},
    "test": {"lookup": 180, "compare": 120, "multihop": 120, "amended": 120, "list": 120, "classify": 120,
             "summarise": 115, "unanswerable": 120, "draft": 106},
}  # fmt: skip
FOLLOWUPS = {"train": 30, "dev": 8, "dev seen": 0, "test": 16}
PILOT = 0.175  # share of the facts of the test split, of each task and half, that may be opened early
Row = dict[str, Any]
Fact = tuple[Contract, Clause]
Ask = Callable[["Asker", int], None]


def share(rows: list[Any], split: str, task: str) -> list[tuple[int, Any]]:
    """The wordings of a list that a split may use, with their positions."""
    marks = (5, 7) if task == "lookup" else (2, 3) if task == "topic" else (
        round(0.4 * len(rows)), round(0.4 * len(rows)) + round(0.2 * len(rows)))  # fmt: skip
    ranges = {"train": (0, marks[0]), "dev": marks, "test": (marks[1], len(rows))}
    start, end = ranges[split]
    return [(number, rows[number]) for number in range(start, end)]


def span(document: str, start: int, end: int) -> dict[str, Any]:
    """A piece of evidence."""
    return {"document": document, "start": start, "end": end}


def evidence(document: Contract, clause: Clause) -> dict[str, Any]:
    """The sentence that holds the value of a clause."""
    return span(document.id, clause.evidence_start, clause.evidence_end)


def unique(items: Iterable[str]) -> list[str]:
    """The items without repetition, in their order."""
    return list(dict.fromkeys(items))


def aliases(clause: Clause) -> list[str]:
    """Every accepted spelling of a clause's value."""
    return unique([clause.value.canonical, clause.surface, *clause.value.aliases])


def stratum(found: list[tuple[Contract, Clause | None]]) -> str:
    """What a question is about: wordings that training knows, held-out wordings, or the held-out style."""
    if any(document.deal.style == "letter" for document, _ in found):
        return "held-out style"
    if any(clause is not None and clause.held_out for _, clause in found):
        return "held-out wording"
    return "known"


def paragraph(text: str, at: int) -> tuple[int, int]:
    """Start and end of the paragraph around a place."""
    start = text.rfind("\n\n", 0, at)
    end = text.find("\n\n", at)
    return (0 if start < 0 else start + 2), (len(text) if end < 0 else end)


class Asker:
    """Writes the questions of one split and half.

    `trained` are the questions of training: the seen half asks for their facts alone, in wordings of its own split.
    """

    def __init__(self, corpus: Corpus, split: str, half: str | None, trained: list[Row]) -> None:
        self.corpus, self.split, self.half = corpus, split, half
        self.seen = half == "seen"
        self.name = f"{split} seen" if split == "dev" and self.seen else split
        self.pool = corpus.of("train" if self.seen else split)
        self.rng = world.stream("questions", split, half)
        self.trained: dict[str, list[str]] = defaultdict(list)
        for row in trained:
            self.trained[row["task"]].append(row["fact"])
        self.trained = defaultdict(list, {task: unique(facts) for task, facts in self.trained.items()})
        self.used: set[tuple[str, str]] = set()
        self.texts: set[str] = set()
        self.load: Counter[str] = Counter()
        self.questions: list[Row] = []

    def wording(self, path: str, rows: list[Any], task: str) -> tuple[str, Any]:
        """Draw a wording of this split; return its id and text."""
        number, text = self.rng.choice(share(rows, self.split, task))
        return f"{path}.{number + 1:02d}", text

    def form(self, task: str, form: str) -> tuple[str, str]:
        """Draw a wording of one form of a task."""
        return self.wording(f"{task}.{form}", world.load("questions.toml")[task][form]["wordings"], task)

    def topic(self, category: str) -> str:
        """A noun phrase for a category, of this split."""
        rows = world.load("questions.toml")["topic"][category]["phrases"]
        return str(self.rng.choice(share(rows, self.split, "topic"))[1])

    def contract(self) -> Contract:
        """A contract asked about least so far, by chance among equals."""
        return min(self.pool, key=lambda c: (self.load[c.id], self.rng.random()))

    def unchanged(self, contract: Contract, task: str, fact: str) -> list[Clause]:
        """Clauses that no amendment changed; in the seen half those whose fact, such as `{}:rating`, training asks."""
        changed = self.corpus.amended(contract)
        return [c for c in contract.clauses if c.category not in changed
                and (not self.seen or fact.format(c.category) in self.trained[task])]  # fmt: skip

    def keep(self, task: str, question: str, answer: str | None, fact: str, wording: str, documents: list[str],
             **more: Any) -> bool:  # fmt: skip
        """Add a question unless the fact was asked in this wording, or the text exists already."""
        if (fact, wording) in self.used or question in self.texts:
            return False
        if self.seen and fact not in self.trained[task]:
            return False
        self.used.add((fact, wording))
        self.texts.add(question)
        self.load.update(d for d in documents if d.count("-") == 0)
        row: Row = {"id": "", "task": task, "question": question, "answer": answer, "aliases": [], "items": [],
                    "fields": {}, "evidence": [], "documents": documents, "category": None, "wording": wording,
                    "reference": None, "half": self.half, "part": None, "stratum": "known", "ambiguous": False,
                    "split": self.split, "fact": fact, "followup": None, "standalone": None}  # fmt: skip
        self.questions.append(row | more)
        return True

    def run(self, tasks: dict[str, Ask]) -> list[Row]:
        """Write the questions of all tasks. Raises ValueError where a task cannot reach its size."""
        for task, ask in tasks.items():
            wanted, tries = COUNTS[self.name][task], 0
            made = len(self.questions)
            self.load.clear()
            while len(self.questions) - made < wanted and tries < 400 * wanted:
                tries += 1
                ask(self, len(self.questions) - made)
            if len(self.questions) - made < wanted:
                raise ValueError(f"Only {len(self.questions) - made} of {wanted} {task} questions could be written "
                                 f"for {self.split} {self.half or ''}: add wordings or contracts.")  # fmt: skip
        for number, row in enumerate(self.questions, 1):
            half = "seen" if self.seen else "new" if self.split == "test" else None
            row["id"] = "-".join(part for part in (self.split, half, f"{number:04d}") if part)
        return self.questions


def divide(rows: list[Row]) -> None:
    """Mark the test questions as `pilot` or `final`, by task and half; no fact is asked in both."""
    groups: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        groups[row["task"], row["half"]][row["fact"]].append(row)
    for (task, half), facts in groups.items():
        rng, total = world.stream("pilot", task, half), sum(map(len, facts.values()))
        chosen = 0
        for fact in rng.sample(sorted(facts), len(facts)):
            part = "pilot" if chosen < round(PILOT * total) else "final"
            chosen += len(facts[fact]) * (part == "pilot")
            for row in facts[fact]:
                row["part"] = part


def questions(corpus: Corpus, tasks: dict[str, Ask]) -> dict[str, list[Row]]:
    """All questions by split; dev and test have a half on contracts of their own and one on facts of training."""
    train = Asker(corpus, "train", None, []).run(tasks)
    found = {"train": train}
    for split in ("dev", "test"):
        new = Asker(corpus, split, "new", []).run(tasks)
        found[split] = new + Asker(corpus, split, "seen", train).run(tasks)
    divide(found["test"])
    return found


def sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """Start and end of the sentence around a span."""
    return clauses.Written(text, start, end).evidence()
