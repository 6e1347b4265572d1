"""Names keep their places in a question, amendments of one day their order."""

from __future__ import annotations

import random

import pytest

from labkit import rag
from labkit.corpus import Document, Span

# Its small form has two characters.
DOTTED = "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}"
ISTANBUL = f"{DOTTED}stanbul Gemi Ltd"
NAMES = [ISTANBUL, "Alder Mills Ltd", f"D{DOTTED}K{DOTTED} Ltd"]


def _triple(document: Document, relation: str, thing: str) -> rag.ExtractedTriple:
    at = document.text.index(thing)
    return rag.ExtractedTriple("document", relation, thing, Span(document.id, at, at + len(thing)))


@pytest.fixture(scope="module")
def retriever(embedder):
    lease = Document("L1", "Lease", f"{NAMES[0]}, {NAMES[1]} and {NAMES[2]} agree.")
    graph = rag.build_graph([lease], [_triple(lease, "party", name) for name in NAMES])
    return rag.GraphRetriever(graph, rag.VectorIndex(rag.chunk([lease]), embedder))


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (f"{DOTTED}{DOTTED}: does Alder Mills Ltd pay?", ["Alder Mills"]),
        (f"Does {ISTANBUL} or Alder Mills Ltd pay?", [f"{DOTTED}stanbul Gemi", "Alder Mills"]),
        (f"{DOTTED}STANBUL GEMI and ALDER MILLS", [f"{DOTTED}STANBUL GEMI", "ALDER MILLS"]),
        (f"{NAMES[2]}, Alder Mills", [f"D{DOTTED}K{DOTTED}", "Alder Mills"]),
        ("Does Alder Mills pay?", ["Alder Mills"]),
    ],
)
def test_names_keep_their_places_beside_a_capital_dotted_i(retriever, question, words):
    found = [seed.words for seed in retriever.seeds(question)]
    assert found == words
    assert not any(w in retriever.masked(question) for w in found)


def _contract(values: dict[str, tuple[str, str]], stated: bool) -> rag.KnowledgeGraph:
    """A contract with a deposit or without, and amendments: their days and deposits by id."""
    lease = Document("L1", "Lease between Alder Mills Ltd and Birch Ltd",
                     "Alder Mills Ltd lets to Birch Ltd." + " The deposit is EUR 900." * stated)  # fmt: skip
    changes = [
        Document(name, f"Amendment to the {lease.title}", f"The deposit is {value}.", {"date": day})
        for name, (day, value) in values.items()
    ]
    random.Random(0).shuffle(changes)
    found = [_triple(lease, "party", "Alder Mills Ltd"), _triple(lease, "party", "Birch Ltd")]
    found += [_triple(lease, "deposit", "EUR 900")] if stated else []
    found += [_triple(d, "deposit", values[d.id][1]) for d in changes]
    return rag.build_graph([lease, *changes], found)


DAY, LATER = "2021-06-02", "2022-01-01"
AMENDED = [
    ({"A1": (DAY, "EUR 1"), "A10": (DAY, "EUR 10"), "A2": (DAY, "EUR 2")}, ["A1", "A2", "A10"], "EUR 10", True),
    ({"A9": (DAY, "EUR 9"), "A10": (DAY, "EUR 9")}, ["A9", "A10"], "EUR 9", False),
    ({"A2": (LATER, "EUR 2"), "A10": (DAY, "EUR 10")}, ["A10", "A2"], "EUR 2", False),
    ({"x-2-b": (DAY, "EUR 1"), "x-11-a": (DAY, "EUR 2"), "x-2-a": (DAY, "EUR 3")}, ["x-2-a", "x-2-b", "x-11-a"],
     "EUR 2", True),
    ({"A1": (DAY, "EUR 1"), "A2": (DAY, "EUR 2"), "A3": (LATER, "EUR 3")}, ["A1", "A2", "A3"], "EUR 3", False),
    ({"A1": (DAY, "EUR 1"), "A2": (DAY, "EUR 2"), "A3": (DAY, "EUR 2")}, ["A1", "A2", "A3"], "EUR 2", True),
    ({"A1": (DAY, "EUR 1")}, ["A1"], "EUR 1", False),
]  # fmt: skip


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize(("values", "order", "value", "contested"), AMENDED)
def test_amendments_of_one_day_in_natural_order_and_contested_where_they_differ(
    values, order, value, contested, stated
):
    graph = _contract(values, stated)
    assert graph.amendments("L1") == order
    held = graph.in_force("L1", "deposit")
    assert held is not None and (held.value.text, held.contested) == (value, contested)
    assert len(held.replaced) == len(values) - 1 + stated
