"""Mentions link to the company or document that is meant."""

from __future__ import annotations

import pytest
from small import GRAPH_DOCUMENTS, TRIPLES

from labkit import rag


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
