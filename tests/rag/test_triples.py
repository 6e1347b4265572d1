"""Triples: what is asked of a chunk, what is kept of a reply, and which company or document is meant."""

from __future__ import annotations

import pytest
from small import GRAPH_DOCUMENTS, LEASE, TRIPLES

from labkit import rag
from labkit.corpus import Document


def test_only_objects_that_stand_in_the_passage_are_kept():
    node = rag.fact_chunks([LEASE])[-1]
    reply = "document | deposit | EUR 900\ndocument | deposit | EUR 5,000\ndocument | owner | EUR 900\nnonsense"
    kept = list(rag.triples_in_reply(node, reply, ["deposit"]))
    assert [(m.relation, m.object) for m in kept] == [("deposit", "EUR 900")]
    assert LEASE.quote(kept[0].source) == "EUR 900"


def test_a_schedule_is_asked_about_line_by_line():
    schedule = Document(
        "S", "Schedule", "Terms\n\nDeposit: EUR 5\nSeat of courts: Oslo\nPayment term: ten days\n\nThe end."
    )
    chunks = rag.fact_chunks([schedule])
    assert [c.text for c in chunks] == ["Deposit: EUR 5", "Seat of courts: Oslo", "Payment term: ten days", "The end."]
    assert all(schedule.quote(rag.span_of(c)) == c.text for c in chunks)
    assert [len(group) for group in rag.relations_of(chunks[0])] == [1, 1, 42]


@pytest.mark.parametrize(
    ("text", "document", "wanted"),
    [
        ("ALDER MILLS LIMITED", None, "Alder Mills Ltd"),
        ("Oak Mills", None, "Alder Mills Ltd"),
        ("the Lessee", "L1", "Birch & Sons GmbH"),
        ("the Lessee", "L1-A1", None),
        ("this Agreement", "L1", "L1"),
        ("the document", "R1", "Alder Mills Ltd"),
        ("AM", None, "Alder Mills Ltd"),
        ("Aldr Mills", None, "Alder Mills Ltd"),
        ("Elm Brothers", None, None),
    ],
)
def test_mentions_link_to_what_is_meant(text, document, wanted):
    assert rag.build_linker(TRIPLES, GRAPH_DOCUMENTS).link(text, document) == wanted
