"""Small documents, questions and generators that tests of several modules share."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from labkit import rag
from labkit.corpus import Document, Question, Span

# Three papers, their clauses and questions about them.
RENT = "The rent is EUR 900 a month. "
PAPERS = [
    Document("lease", "Lease of the north hall", RENT * 3 + "\n\nThe key is kept by Ms Okoro."),
    Document("supply", "Supply of paper", "Paper arrives in ten days. Invoices fall due after 30 days."),
    Document("hosting", "Hosting of the archive", "The servers stand in Oslo. Backups are kept for five years."),
]


CLAUSES = [
    {"id": "lease", "amends": None, "clauses": [{"category": "place", "start": 0, "end": 10}]},
    {"id": "supply", "amends": None, "clauses": [{"category": "place", "start": 0, "end": 12}]},
    {"id": "hosting", "amends": None, "clauses": [{"category": "time", "start": 0, "end": 25}]},
]


FEW = [
    {"id": "hosting", "amends": None, "clauses": [{"start": 0, "end": 25, "category": "place"}]},
    {"id": "supply", "amends": None, "clauses": [{"start": 0, "end": 26, "category": "time"}]},
]


def hosting_question(**changes):
    values = dict(
        id="q", task="lookup", question="Where do the servers stand?", answer="Oslo", aliases=(), items=(), fields={},
        evidence=(Span("hosting", 0, 25),), documents=("hosting",), category="place", wording="w", reference=None,
        half=None, stratum="known", ambiguous=False, split="dev",
    )  # fmt: skip
    return Question(**(values | changes))


def two_questions():
    place = hosting_question(answer="Oslo", evidence=(Span("hosting", 0, 25),), documents=("hosting",))
    time = hosting_question(answer="ten days", evidence=(Span("supply", 0, 26),), documents=("supply",))

    return [replace(place, id="a", question="Where?"), replace(time, id="b", question="When?")]


class Scripted:
    """A generator that replies what the test wrote."""

    max_length, max_new_tokens = 1280, 40

    def __init__(self, *replies):
        self.replies, self.asked = list(replies), []

    def count_tokens(self, messages):
        return 10

    def room(self):
        return 1000

    def generate(self, chats, max_new_tokens=None, batch_size=None, progress=False):
        self.asked += chats
        return [self.replies[i % len(self.replies)] for i in range(len(chats))]

    def log_likelihood(self, chats, replies, batch_size=None):

        return np.array([0.0 if "Oslo" in c[-1]["content"] else 5.0 for c in chats])


# Four contracts that differ in name and term.
TERMS = {name: f"The term of {name} is {years} years. Nothing else is said here." for name, years in
         (("alder", 2), ("birch", 3), ("cedar", 4), ("damson", 5))}  # fmt: skip
TERM_DOCUMENTS = [Document(name, name, text) for name, text in TERMS.items()]


class Copying:
    """Answers with the number of years in the first passage."""

    max_length, max_new_tokens = 1280, 40

    def count_tokens(self, messages):
        return len(messages[-1]["content"].split())

    def room(self):
        return 1000

    def generate(self, chats, max_new_tokens=None, batch_size=None, progress=False):

        return [re.sub(r".*? is (\d+ years).*", r"\1 [1]", c[-1]["content"], flags=re.S) for c in chats]


def term_question(name: str, asked: str | None = None) -> Question:
    years = TERMS[name].split(" is ")[1].split(".")[0]
    return Question(
        name, "lookup", asked or f"How long is the term of {name}?", years, (), (), {}, (Span(name, 0, 20),), (name,),
        "term", "w", None, None, "known", False, "dev",
    )  # fmt: skip


# For each question every document, its own first.
TERM_HITS = [
    [(Span(name, 0, len(text)), text) for name, text in sorted(TERMS.items(), key=lambda row, a=asked: row[0] != a)]
    for asked in TERMS
]
TERM_QUESTIONS = [term_question(name) for name in TERMS]


# A lease, two amendments of one day, and two register extracts.
LEASE = Document(
    "L1", "Lease between Alder Mills Ltd and Birch & Sons GmbH, 1 May 2020",
    'Alder Mills Ltd ("the Lessor") lets to Birch & Sons GmbH ("the Lessee").\n\nThe deposit is EUR 900.',
)  # fmt: skip
CHANGE = Document("L1-A1", f"Amendment 1 of 2 June 2021 to the {LEASE.title}", "The deposit is EUR 1,200 from now on.",
                  {"date": "2021-06-02"})  # fmt: skip
AGAIN = Document("L1-A2", f"Amendment 2 of 2 June 2021 to the {LEASE.title}", "The deposit is EUR 1,500 from now on.",
                 {"date": "2021-06-02"})  # fmt: skip
ALDER = Document(
    "R1",
    "Register extract: Alder Mills Ltd",
    "Alder Mills Ltd, once Oak Mills Ltd, belongs to Cedar AB and sits in Oslo. It is led by Ada Lind.",
)
BIRCH = Document("R2", "Register extract: Birch & Sons GmbH", "Birch & Sons GmbH belongs to Alder Mills Ltd.")
GRAPH_DOCUMENTS = [LEASE, CHANGE, AGAIN, ALDER, BIRCH]


def extracted(document: Document, relation: str, thing: str) -> rag.ExtractedTriple:
    at = document.text.index(thing)
    return rag.ExtractedTriple("document", relation, thing, Span(document.id, at, at + len(thing)))


TRIPLES = [
    extracted(LEASE, "party", "Alder Mills Ltd"), extracted(LEASE, "role", "Lessor"),
    extracted(LEASE, "party", "Birch & Sons GmbH"), extracted(LEASE, "role", "Lessee"),
    extracted(LEASE, "deposit", "EUR 900"), extracted(CHANGE, "deposit", "EUR 1,200"),
    extracted(AGAIN, "deposit", "EUR 1,500"), extracted(ALDER, "former name", "Oak Mills Ltd"),
    extracted(ALDER, "parent company", "Cedar AB"), extracted(ALDER, "seat", "Oslo"),
    extracted(ALDER, "chief executive", "Ada Lind"), extracted(BIRCH, "parent company", "Alder Mills Ltd"),
]  # fmt: skip
